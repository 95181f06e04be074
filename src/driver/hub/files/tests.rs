use super::*;
use crate::uplink::blob::Kind;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("branchline-hub-files-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        Folder(folder)
    }

    fn open(&self, quota: u64, floor: u64) -> Store {
        Store::open(&self.0, Limits { quota, floor }).expect("a folder")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn offer(bytes: &[u8], name: &str, contact: Option<&str>) -> Offer {
    let digest = ring::digest::digest(&SHA256, bytes);
    let hash = Hash(digest.as_ref().try_into().expect("32 octets"));
    let (name, contact) = (name.to_owned(), contact.map(str::to_owned));
    let named = Named { kind: Kind::Recording, name, contact };
    Offer { hash, size: bytes.len() as u64, named, n: 1 }
}

fn put(store: &Store, site: &str, bytes: &[u8], name: &str, contact: Option<&str>) -> Hash {
    let offer = offer(bytes, name, contact);
    if store.look(site, &offer) == Found::Part(0) {
        assert_eq!(store.write(site, offer.hash, 0, bytes).expect("room"), offer.size);
        store.finish(site, &offer).expect("what it says");
    }
    offer.hash
}

#[test]
fn one_content_of_two_branches_is_one_file_and_goes_with_the_last_who_speaks_of_it() {
    let folder = Folder::new("two");
    let store = folder.open(1_000, 0);
    let hash = put(&store, "berne", b"hello", "R1", Some("C1"));
    assert_eq!(put(&store, "basel", b"hello", "R9", Some("C1")), hash);
    assert_eq!((store.used(), store.read(hash).expect("there")), (5, b"hello".to_vec()));
    assert_eq!(store.erase("berne", &["C1".to_owned()]).expect("erased"), 0);
    assert!(store.read(hash).is_ok(), "another branch has it");
    assert_eq!(store.erase("basel", &["C1".to_owned()]).expect("erased"), 1);
    assert!(store.read(hash).is_err());
    assert_eq!(store.used(), 0);
}

#[test]
fn nothing_of_somebody_who_was_erased_is_taken_again_even_after_a_new_start() {
    let folder = Folder::new("erased");
    let store = folder.open(1_000, 0);
    let unknown = put(&store, "berne", b"hello", "R1", None);
    put(&store, "berne", b"hello", "R1", Some("C1"));
    assert_eq!(store.erase("berne", &["C1".to_owned(), "../x".to_owned()]).expect("erased"), 1);
    assert!(store.read(unknown).is_err(), "it was noted before it was known whose it is");
    let store = folder.open(1_000, 0);
    let again = offer(b"hello", "R1", Some("C1"));
    assert_eq!(store.look("berne", &again), Found::Refused(Refusal::Erased));
}

#[test]
fn a_part_is_gone_on_with_after_a_new_start_and_thrown_away_where_it_is_wrong() {
    let folder = Folder::new("part");
    let store = folder.open(1_000, 0);
    let good = offer(b"hello", "R1", None);
    assert_eq!(store.look("berne", &good), Found::Part(0));
    store.write("berne", good.hash, 0, b"he").expect("room");
    let store = folder.open(1_000, 0);
    assert_eq!((store.used(), store.look("berne", &good)), (2, Found::Part(2)));
    assert!(store.write("berne", good.hash, 3, b"lo").is_err(), "a hole");
    store.write("berne", good.hash, 2, b"LLO").expect("room");
    assert_eq!(store.finish("berne", &good), Err(Refusal::Hash));
    assert_eq!((store.used(), store.look("berne", &good)), (0, Found::Part(0)));
    assert!(store.read(good.hash).is_err());
}

#[test]
fn a_site_has_one_part_and_all_together_no_more_than_they_may() {
    let folder = Folder::new("quota");
    let store = folder.open(10, 0);
    let (first, second) = (offer(b"12345678", "R1", None), offer(b"1234567890", "R2", None));
    store.look("berne", &first);
    store.write("berne", first.hash, 0, b"12345678").expect("room");
    assert_eq!(store.look("basel", &second), Found::Refused(Refusal::Full));
    assert_eq!(store.look("berne", &second), Found::Part(0), "its own part makes room");
    assert_eq!(store.used(), 0);
    // A disk with less left than is to be left free.
    let store = folder.open(u64::MAX, u64::MAX);
    assert_eq!(store.look("berne", &first), Found::Refused(Refusal::Full));
}

#[test]
fn what_waits_is_shown_as_each_site_said_last() {
    let folder = Folder::new("waiting");
    let store = folder.open(10, 0);
    store.waits("berne", Waiting { files: 3, octets: 900 });
    store.waits("berne", Waiting { files: 2, octets: 600 });
    let all = waiting(&folder.0);
    assert_eq!(
        all.into_iter().collect::<Vec<_>>(),
        [("berne".to_owned(), Waiting { files: 2, octets: 600 })]
    );
}

//! Recordings and files of messages on their way home, over real sockets.

use std::env;
use std::process::{Child, Command, Stdio};

use branchline::driver::channels::Shelf;
use branchline::driver::hub::files::{self, Limits, Store};
use branchline::driver::line::Line;
use branchline::driver::tape::{self, Recording, Writing};
use branchline::driver::uplink::blobs::{Sends, Source};
use branchline::id::RecordingId;
use branchline::journal::personal::Keyring;
use branchline::uplink::blob::{
    Hash, Kind, LARGEST, Named, Offer, PIECE, Refusal, Refused, Said, Waiting,
};
use branchline::uplink::frame::Frame;

use super::hostile::{connection, hello};
use super::*;

const BOTH: Sends = Sends { recordings: true, files: true };
const ROOM: Limits = Limits { quota: 1 << 30, floor: 0 };
/// Octets that a break of the line may cost: what a box sends ahead.
const AHEAD: u64 = 8 * PIECE as u64;

/// A hub that takes files.
async fn hub_for(folder: &Path, limits: Limits) -> (Hub, Store) {
    let authority = Authority::open(folder).expect("an authority");
    let print = authority.fingerprint();
    let sites = Sites::open(folder).expect("sites");
    let embedded = Embedded::open(folder).expect("an engine");
    let engine = Engine::Embedded(embedded.clone());
    let office = Office::open(authority, sites.clone(), engine, YEAR);
    let store = Store::open(&folder.join("blobs"), limits).expect("a store");
    office.keep_files(store.clone());
    let at = office.listen("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    (Hub { sites, embedded, print, at }, store)
}

/// What a branch has on its disk: recordings sealed with its keys, and its shelf.
struct Disk {
    recordings: PathBuf,
    keys: Keyring,
    shelf: Arc<Shelf>,
}

impl Disk {
    fn open(data: &Path) -> Disk {
        let recordings = data.join("recordings");
        fs::create_dir_all(&recordings).expect("a folder");
        let keys = fs::read(data.join("subjects")).unwrap_or_default();
        let keys = Keyring::open(&[7; 32], &keys, Random::from_number(11));
        let shelf = Shelf::open(data.join("files"), &[8; 32], 1 << 30).expect("a shelf");
        Disk { recordings, keys, shelf: Arc::new(shelf) }
    }

    /// Records sound of so many octets, in chunks; answers what head office is to have.
    fn record(&mut self, id: RecordingId, octets: usize) -> Vec<u8> {
        let key = self.keys.tape(&format!("call/{id}"), id, 2);
        let mut writing = Writing::begin(&self.recordings, id, key).expect("begun");
        let mut random = Random::from_number(id.0);
        let sound: Vec<u8> =
            (0..octets / 8).flat_map(|_| random.below(u64::MAX).to_be_bytes()).collect();
        let count = sound.chunks(32_000).len();
        for (at, chunk) in sound.chunks(32_000).enumerate() {
            writing.add(chunk, at + 1 == count).expect("room");
        }
        writing.finish(&self.recordings, id).expect("whole");
        let whole = Recording::open(&self.recordings, id, self.keys.reading()).expect("there");
        whole.read(u64::MAX).expect("readable")
    }

    fn source(&self, sends: Sends) -> Source {
        Source {
            sends,
            recordings: self.recordings.clone(),
            keys: Arc::new(self.keys.reading().clone()),
            shelf: Some(self.shelf.clone()),
        }
    }
}

fn start_sending(settings: uplink::Settings, written: &Written, source: Source) -> Handle {
    let with = (uplink::Branch::nobody(), Some(source));
    let random = Random::from_number(2);
    uplink::start_with(with, settings, written.outbox.clone(), random).expect("threads")
}

fn hash_of(bytes: &[u8]) -> Hash {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    Hash(digest.as_ref().try_into().expect("32 octets"))
}

fn say(written: &mut Written, body: String) {
    let event = Event { class: Class::CALL, body: body.into_bytes() };
    let mut list = written.list.lock().expect("not poisoned");
    let token = list.len() as u64 + 1;
    let mut records = Vec::new();
    write_all(&mut records, token, std::slice::from_ref(&event));
    list.push(event);
    drop(list);
    written.second.feed.stored(token, records);
}

/// An event as the branch's policy writes it: it names files that leave.
fn speak(written: &mut Written, kind: &str, name: &str, contact: &str) {
    say(
        written,
        format!(
            r#"{{"event":"call","at":1795356676050086,"contact":"{contact}","blobs":[{{"kind":"{kind}","name":"{name}"}}]}}"#
        ),
    );
}

fn arrived(handle: &Handle) -> u64 {
    handle.condition().files.sent.files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_and_a_file_are_at_the_hub_bit_for_bit_by_either_route() {
    let folder = Folder::new("blobs-both");
    let (hub, store) = hub_for(&folder.0.join("hub"), ROOM).await;
    for (site, route, id) in [("berne", Route::Quic, 5), ("basel", Route::Tls, 6)] {
        let own = enrolled(&hub, &folder, site).await;
        let mut disk = Disk::open(&own);
        let recording = RecordingId(id);
        let sound = disk.record(recording, 3_000_000);
        let picture = b"a picture that two branches have".repeat(10_000);
        let content = disk.shelf.keep(&picture).expect("kept");
        let mut written = Written::open(&own);
        speak(&mut written, "recording", &recording.to_string(), "C1");
        speak(&mut written, "file", &content.to_string(), "C1");
        let at = match route {
            Route::Quic => hub.at,
            Route::Tls => OnlyTcp::before(hub.at).await.0,
        };
        let handle = start_sending(settings(at, &own), &written, disk.source(BOTH));
        until_line(&handle, "the line", is_up(route)).await;
        until("both files", || arrived(&handle) == 2).await;
        assert!(store.read(hash_of(&sound)).expect("there") == sound, "{site}");
        assert!(store.read(hash_of(&picture)).expect("there") == picture, "{site}");
        until("the log", || handle.condition().files.waiting == Waiting::default()).await;
        let stands = handle.condition().files;
        assert_eq!(stands.struck, 0);
        let log = fs::read_to_string(outbox::left(&own)).expect("a log");
        let sealer = Sealer::from_seed(&[7; 32]).expect("a seed");
        let left = outbox::verify(&log, sealer.public_key());
        assert_eq!(left.faults, []);
        let told: Vec<_> = left.lines.iter().flat_map(|line| &line.said.files).collect();
        let told: Vec<_> = told.iter().map(|file| (file.content, file.n)).collect();
        assert_eq!(told, [(hash_of(&sound), 1), (hash_of(&picture), 2)]);
        let told = || files::waiting(&folder.0.join("hub/blobs")).get(site).copied();
        until("what waits", || told() == Some(Waiting::default())).await;
        println!(
            "{site} by {route:?}: {} octets of sound, {} of a picture",
            sound.len(),
            picture.len()
        );
        if route == Route::Tls {
            assert_eq!(stands.went, sound.len() as u64, "the picture was there already");
        }
    }
    let two_recordings = 2 * 3_000_044;
    assert_eq!(
        store.used(),
        two_recordings + 320_000,
        "the picture of both branches is there once"
    );
}

/// Passes TCP on, and hangs up on everybody when told to.
struct Cuts {
    at: SocketAddr,
    cut: tokio::sync::watch::Sender<u32>,
}

impl Cuts {
    async fn before(hub: SocketAddr) -> Cuts {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let (cut, cuts) = tokio::sync::watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut came, _)) = listener.accept().await {
                let mut cuts = cuts.clone();
                cuts.borrow_and_update();
                tokio::spawn(async move {
                    let Ok(mut goes) = tokio::net::TcpStream::connect(hub).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut came, &mut goes) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Cuts { at, cut }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_ten_times_goes_on_where_it_was() {
    let folder = Folder::new("blobs-cut");
    let (hub, store) = hub_for(&folder.0.join("hub"), ROOM).await;
    for (site, route) in [("berne", Route::Quic), ("basel", Route::Tls)] {
        let own = enrolled(&hub, &folder, site).await;
        let mut disk = Disk::open(&own);
        let recording = RecordingId(if route == Route::Quic { 7 } else { 8 });
        let sound = disk.record(recording, 6_000_000);
        let mut written = Written::open(&own);
        speak(&mut written, "recording", &recording.to_string(), "C1");
        let cuts = Cuts::before(hub.at).await;
        let at = if route == Route::Quic { hub.at } else { cuts.at };
        let mut settings = settings(at, &own);
        settings.ceiling = Some(2_000_000);
        let handle = start_sending(settings, &written, disk.source(BOTH));
        for cut in 1..=10 {
            let upto = cut * 450_000;
            until("a piece of it", || handle.condition().files.went >= upto).await;
            assert_eq!(arrived(&handle), 0, "cut {cut} is too late");
            match route {
                Route::Tls => cuts.cut.send_modify(|cut| *cut += 1),
                // Another connection of the same site takes its place.
                Route::Quic => {
                    let Line { mut coming, mut going, .. } = connection(&hub, &own).await;
                    going.push(&hello(site, 1, 1));
                    while tokio::select! {
                        came = coming.next() => !matches!(came, Ok(Frame::Welcome(_)) | Err(_)),
                        gone = going.go_on() => gone.is_ok(),
                    } {}
                }
            }
            until_line(&handle, "the cut", |now| !is_up(route)(now)).await;
            until_line(&handle, "the line", |now| {
                is_up(Route::Quic)(now) || is_up(Route::Tls)(now)
            })
            .await;
        }
        until("the rest", || arrived(&handle) == 1).await;
        assert!(store.read(hash_of(&sound)).expect("there") == sound, "{site}");
        let size = sound.len() as u64;
        let twice = handle.condition().files.went - size;
        println!("{site} by {route:?}: {size} octets, ten cuts, {twice} went twice");
        assert!(twice <= 10 * AHEAD, "{twice} octets went twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_does_not_wait_behind_a_recording() {
    let folder = Folder::new("blobs-behind");
    let (hub, _store) = hub_for(&folder.0.join("hub"), ROOM).await;
    for (site, route) in [("berne", Route::Quic), ("basel", Route::Tls)] {
        let own = enrolled(&hub, &folder, site).await;
        let mut disk = Disk::open(&own);
        let recording = RecordingId(9);
        disk.record(recording, 20_000_000);
        let mut written = Written::open(&own);
        speak(&mut written, "recording", &recording.to_string(), "C1");
        let at = match route {
            Route::Quic => hub.at,
            Route::Tls => OnlyTcp::before(hub.at).await.0,
        };
        let mut settings = settings(at, &own);
        settings.ceiling = Some(125_000);
        let handle = start_sending(settings, &written, disk.source(BOTH));
        until("a piece of it", || handle.condition().files.went > 100_000).await;
        let (begun, before) = (Instant::now(), handle.condition().files.went);
        let mut longest = Duration::ZERO;
        for _ in 0..10 {
            let said = Instant::now();
            written.write(10);
            let newest = written.all().len() as u64;
            until("ten events", || written.outbox.arrived() == newest).await;
            longest = longest.max(said.elapsed());
        }
        let went = handle.condition().files.went - before;
        let may = 125_000.0 * begun.elapsed().as_secs_f64() + AHEAD as f64;
        println!(
            "{site} by {route:?}: events took {longest:?} at most, beside {went} octets of a recording"
        );
        assert!(longest < Duration::from_secs(3), "{longest:?}");
        assert!((went as f64) <= may, "{went} octets in {:?}", begun.elapsed());
        assert_eq!(arrived(&handle), 0);
    }
}

/// What a hub says of files to whoever says these one after another, each after the answer to the one before.
async fn dialogue(hub: &Hub, own: &Path, says: Vec<Said>) -> Vec<Said> {
    let Line { mut coming, mut going, .. } = connection(hub, own).await;
    going.push(&hello("berne", 1, 1));
    let (mut answers, mut says) = (Vec::new(), says.into_iter());
    loop {
        let frame = tokio::select! {
            came = coming.next() => came,
            gone = going.go_on() => match gone {
                Ok(()) => continue,
                Err(_) => return answers,
            },
        };
        match frame {
            Ok(Frame::Welcome(welcome)) => assert!(welcome.blobs),
            Ok(Frame::Blob(said)) => answers.push(said),
            Ok(_) => continue,
            Err(_) => return answers,
        }
        match says.next() {
            Some(said) => going.push(&Frame::Blob(said)),
            None => return answers,
        }
    }
}

fn offer(bytes: &[u8], name: &str) -> Offer {
    let named = Named { kind: Kind::File, name: name.to_owned(), contact: None };
    Offer { hash: hash_of(bytes), size: bytes.len() as u64, named, n: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_box_writes_nothing_but_what_its_name_says() {
    let folder = Folder::new("blobs-hostile");
    let (hub, store) = hub_for(&folder.0.join("hub"), ROOM).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let hash = hash_of(b"hello");
    let refused = |why| Said::Refused(Refused { hash, why });
    let piece = |offset, bytes: &[u8]| Said::Bytes { hash, offset, bytes: bytes.to_vec() };
    let good = Said::Offer(offer(b"hello", "abc"));
    let nothing = Said::Waiting(Waiting::default());
    // Other bytes than were offered.
    let says = vec![good.clone(), piece(0, b"HELLO"), nothing];
    let answers = dialogue(&hub, &own, says).await;
    assert_eq!(answers.last(), Some(&refused(Refusal::Hash)), "{answers:?}");
    // More than were offered, from elsewhere, and without an offer.
    for bad in [piece(0, b"hello and more"), piece(3, b"lo"), piece(u64::MAX, b"lo")] {
        let answers = dialogue(&hub, &own, vec![good.clone(), bad]).await;
        assert_eq!(answers.last(), Some(&refused(Refusal::Unknown)), "{answers:?}");
    }
    for size in [0, LARGEST + 1, u64::MAX] {
        let large = Said::Offer(Offer { size, ..offer(b"hello", "abc") });
        let answers = dialogue(&hub, &own, vec![large]).await;
        assert_eq!(answers, [refused(Refusal::Size)]);
    }
    for name in ["../../../outside", "/etc/passwd", "a/b", "..", "", &"x".repeat(300)] {
        let named = Named { kind: Kind::File, name: name.to_owned(), contact: None };
        let theirs = Named { contact: Some(name.to_owned()), ..offer(b"hello", "abc").named };
        for named in [named, theirs] {
            let bad = Said::Offer(Offer { named, ..offer(b"hello", "abc") });
            let answers = dialogue(&hub, &own, vec![bad]).await;
            assert_eq!(answers, [refused(Refusal::Unknown)], "{name}");
        }
    }
    assert_eq!(store.used(), 0);
    assert!(store.read(hash).is_err());
    let names: Vec<_> =
        fs::read_dir(&folder.0).expect("a folder").flatten().map(|f| f.file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    // Whoever says nonsense of files is heard on everything else.
    let mut written = Written::open(&own);
    let handle = start(settings(hub.at, &own), &written);
    written.write(10);
    until("ten events", || written.outbox.arrived() == 10).await;
    drop(handle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_kept_is_in_no_file_of_the_hub_and_a_file_that_is_sent_is() {
    let folder = Folder::new("blobs-kept");
    let (hub, store) = hub_for(&folder.0.join("hub"), ROOM).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let mut disk = Disk::open(&own);
    let recording = RecordingId(10);
    let sound = disk.record(recording, 400_000);
    let picture = b"a picture that may leave".repeat(1_000);
    let content = disk.shelf.keep(&picture).expect("kept");
    let mut written = Written::open(&own);
    // Even where an event speaks of it, written under another policy or by somebody else's hand.
    speak(&mut written, "recording", &recording.to_string(), "C1");
    speak(&mut written, "file", &content.to_string(), "C1");
    let sends = Sends { recordings: false, files: true };
    let handle = start_sending(settings(hub.at, &own), &written, disk.source(sends));
    until("the picture", || arrived(&handle) == 1).await;
    until("both events", || written.outbox.arrived() == 2).await;
    assert!(store.read(hash_of(&picture)).is_ok());
    assert_eq!(handle.condition().files.went, picture.len() as u64, "nothing else went");
    assert!(store.read(hash_of(&sound)).is_err());
    let mark = &sound[sound.len() / 2..][..32];
    assert!(!holds_bytes(&folder.0.join("hub"), mark), "the sound is at the hub");
    assert!(holds_bytes(&folder.0.join("hub"), &picture[..24]), "this looks where files are");
}

fn holds_bytes(folder: &Path, part: &[u8]) -> bool {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    files.map(|file| file.path()).any(|path| match path.is_dir() {
        true => holds_bytes(&path, part),
        false => {
            let bytes = fs::read(&path).expect("readable");
            bytes.windows(part.len()).any(|some| some == part)
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_before_it_left_does_not_leave_and_what_has_left_goes_at_the_hub() {
    let folder = Folder::new("blobs-erased");
    let (hub, store) = hub_for(&folder.0.join("hub"), ROOM).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let mut disk = Disk::open(&own);
    let (gone, late) = (RecordingId(20), RecordingId(21));
    let sound = disk.record(gone, 100_000);
    disk.record(late, 100_000);
    let mut written = Written::open(&own);
    speak(&mut written, "recording", &gone.to_string(), "C1");
    let handle = start_sending(settings(hub.at, &own), &written, disk.source(BOTH));
    until("the first", || arrived(&handle) == 1).await;
    // One is past its time before its turn comes.
    tape::delete(&disk.recordings, late).expect("deleted");
    speak(&mut written, "recording", &late.to_string(), "C2");
    until("the strike", || handle.condition().files.struck == 1).await;
    until("an empty list", || handle.condition().files.waiting == Waiting::default()).await;
    assert!(store.read(hash_of(&sound)).is_ok());
    let erased = r#"{"event":"erased","erasure":"E1","contacts":["C1"],"spreads":true}"#;
    let event = Event { class: Class::PERSON, body: erased.as_bytes().to_vec() };
    let mut records = Vec::new();
    write_all(&mut records, 3, std::slice::from_ref(&event));
    written.list.lock().expect("not poisoned").push(event);
    written.second.feed.stored(3, records);
    until("the erasure", || store.read(hash_of(&sound)).is_err()).await;
    assert_eq!(store.used(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_without_room_says_so_and_events_go_on() {
    let folder = Folder::new("blobs-full");
    let (hub, store) = hub_for(&folder.0.join("hub"), Limits { quota: 50_000, floor: 0 }).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let mut disk = Disk::open(&own);
    disk.record(RecordingId(30), 100_000);
    let mut written = Written::open(&own);
    speak(&mut written, "recording", &RecordingId(30).to_string(), "C1");
    let handle = start_sending(settings(hub.at, &own), &written, disk.source(BOTH));
    until("the refusal", || handle.condition().files.full).await;
    written.write(100);
    until("the events", || written.outbox.arrived() == 101).await;
    let stands = handle.condition().files;
    assert_eq!((stands.waiting.files, stands.sent.files, store.used()), (1, 0, 0));
    let words = handle.line().words;
    assert!(words.contains("no room"), "{words}");
}

/// Tell the child where to work, and for whom.
const DATA: &str = "BRANCHLINE_TEST_BLOBS_BOX";
const HUB: &str = "BRANCHLINE_TEST_BLOBS_HUB";
const KILLED: RecordingId = RecordingId(40);

/// The box that is killed. Does nothing when it runs as a test among others.
#[test]
fn child() {
    let (Ok(data), Ok(hub)) = (env::var(DATA), env::var(HUB)) else { return };
    let own = PathBuf::from(data);
    let disk = Disk::open(&own);
    let mut written = Written::open(&own);
    // Its journal has this one event, however often it starts.
    if written.outbox.span().borrow().newest == 0 {
        speak(&mut written, "recording", &KILLED.to_string(), "C1");
    }
    let begun = Instant::now();
    while written.outbox.span().borrow().newest == 0 {
        assert!(begun.elapsed() < PATIENCE, "it is not written");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut settings = settings(hub.parse().expect("an address"), &own);
    settings.ceiling = Some(1_500_000);
    let handle = start_sending(settings, &written, disk.source(BOTH));
    std::thread::sleep(3 * PATIENCE);
    drop(handle);
}

fn start_box(data: &Path, hub: SocketAddr) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "line::blobs::child", "--nocapture"]);
    command.env(DATA, data).env(HUB, hub.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a box")
}

fn start_hub(dir: &Path, at: SocketAddr) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_branchline"));
    command.args(["hub", "--page", "127.0.0.1:0", "--listen", &at.to_string(), "--dir"]).arg(dir);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a hub")
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kills_of_either_end_in_the_middle_the_recording_is_there() {
    let folder = Folder::new("blobs-kills");
    let (dir, own) = (folder.0.join("hub"), folder.0.join("box"));
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = port.local_addr().expect("an address");
    drop(port);
    let mut hub = start_hub(&dir, at);
    let (authority, sites) = branchline::driver::hub::running::open(&dir).expect("a hub's files");
    let token = Token::new("berne", authority.fingerprint(), &mut Random::from_number(3));
    let ends = UnixTime(clock::now().unix.0 + 60_000_000);
    sites.hand_out("berne", token.secret, ends).expect("written");
    let begun = Instant::now();
    while let Err(why) = enrolling::enrol(&own, &at.to_string(), &token).await {
        assert!(begun.elapsed() < PATIENCE, "{why}");
    }
    let mut disk = Disk::open(&own);
    let sound = disk.record(KILLED, 9_000_000);
    fs::write(own.join("subjects"), disk.keys.file()).expect("written");
    let mut branch = start_box(&own, at);
    let part = dir.join("blobs/part");
    let there = || {
        let files = fs::read_dir(&part).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum::<u64>()
    };
    let mut random = Random::from_number(9);
    for kill in 1..=6 {
        let upto = kill * 1_000_000 + random.below(300_000);
        until("a piece of it", || there() >= upto).await;
        let before = there();
        if kill % 2 == 0 {
            hub.kill().expect("killed");
            hub.wait().expect("gone");
            hub = start_hub(&dir, at);
        } else {
            branch.kill().expect("killed");
            branch.wait().expect("gone");
            branch = start_box(&own, at);
        }
        assert!(there() >= before, "what was there is there still");
    }
    let name = hash_of(&sound).to_string();
    let whole = dir.join("blobs/whole").join(&name[..2]).join(&name);
    until("the rest", || whole.exists()).await;
    assert!(fs::read(&whole).expect("there") == sound);
    until("the name by whose it is", || {
        let named = format!("blobs/by/berne/C1/recording.{KILLED}.{name}");
        dir.join(named).exists()
    })
    .await;
    println!("{} octets, three kills of each end: bit for bit", sound.len());
    for mut child in [branch, hub] {
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
}

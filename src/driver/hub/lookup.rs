//! What a hub on one machine looks up: rows in sled, which can all be had again from elsewhere.
//!
//! A row has a revision, and is put only where it is as it was read. A store that does not open is set aside and begun anew.

use std::fs;
use std::io;
use std::path::Path;

use crate::hub::people::{Away, Book, NotPut};

/// Memory for rows that were read or written.
const CACHE: u64 = 32 << 20;
/// Octets of a revision, in front of each row.
const REVISION: usize = 8;

/// The rows.
#[derive(Debug, Clone)]
pub struct Lookup(sled::Db);

impl Lookup {
    /// Opens those below a hub's folder.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(dir: &Path) -> io::Result<Lookup> {
        let folder = dir.join("lookup");
        let open = || sled::Config::new().path(&folder).cache_capacity(CACHE).open();
        let error = match open() {
            Ok(db) => return Ok(Lookup(db)),
            Err(sled::Error::Io(error)) => return Err(error),
            Err(error) => error,
        };
        let aside = dir.join("lookup.damaged");
        tracing::error!(%error, aside = %aside.display(), "the hub's rows are damaged and begun anew");
        if let Err(error) = fs::remove_dir_all(&aside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        fs::rename(&folder, &aside)?;
        open().map(Lookup).map_err(io::Error::other)
    }

    /// Has the disk take what was put.
    ///
    /// # Errors
    /// When it does not.
    pub fn flush(&self) -> Result<(), NotPut> {
        self.0.flush().map(drop).map_err(|_| NotPut::Away)
    }

    /// As [`Book::put`], and the disk takes it with the next [`Lookup::flush`] or some time.
    ///
    /// # Errors
    /// As there.
    pub fn put_soon(&self, name: &str, row: &[u8], seen: u64) -> Result<(), NotPut> {
        let old = self.0.get(name).map_err(|_| NotPut::Away)?;
        let known = old.as_deref().and_then(split).map_or(0, |(revision, _)| revision);
        if known != seen {
            return Err(NotPut::Raced);
        }
        let new = [&(seen + 1).to_be_bytes()[..], row].concat();
        match self.0.compare_and_swap(name, old, Some(new)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(NotPut::Raced),
            Err(_) => Err(NotPut::Away),
        }
    }

    /// As [`Book::delete`], in the same way.
    ///
    /// # Errors
    /// As there.
    pub fn delete_soon(&self, name: &str) -> Result<(), Away> {
        self.0.remove(name).map(drop).map_err(|_| Away)
    }
}

fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (revision, row) = bytes.split_first_chunk::<REVISION>()?;
    Some((u64::from_be_bytes(*revision), row))
}

impl Book for Lookup {
    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, u64)>, Away> {
        let found = self.0.get(name).map_err(|_| Away)?;
        Ok(found.and_then(|bytes| split(&bytes).map(|(revision, row)| (row.to_vec(), revision))))
    }

    fn put(&self, name: &str, row: &[u8], seen: u64) -> Result<(), NotPut> {
        self.put_soon(name, row, seen)?;
        self.flush()
    }

    fn delete(&self, name: &str) -> Result<(), Away> {
        self.delete_soon(name)?;
        self.flush().map_err(|_| Away)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_put_where_it_is_as_it_was_read() {
        let dir = std::env::temp_dir().join(format!("hub-lookup-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a folder");
        let lookup = Lookup::open(&dir).expect("opened");
        assert_eq!(lookup.get("a"), Ok(None));
        assert_eq!(lookup.put("a", b"1", 1), Err(NotPut::Raced));
        assert_eq!(lookup.put("a", b"1", 0), Ok(()));
        assert_eq!(lookup.put("a", b"2", 0), Err(NotPut::Raced));
        assert_eq!(lookup.put("a", b"2", 1), Ok(()));
        assert_eq!(lookup.get("a"), Ok(Some((b"2".to_vec(), 2))));
        drop(lookup);
        let lookup = Lookup::open(&dir).expect("opened again");
        assert_eq!(lookup.get("a"), Ok(Some((b"2".to_vec(), 2))));
        assert_eq!(lookup.delete("a"), Ok(()));
        assert_eq!(lookup.get("a"), Ok(None));
        drop(lookup);
        fs::remove_dir_all(&dir).expect("cleaned up");
    }
}

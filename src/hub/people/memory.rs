//! A book that keeps nothing over the program's end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::{Away, Book, NotPut};

/// Rows in memory, for tests, and for a hub that is to keep nothing. One thread's: whoever shares it locks it.
#[derive(Debug, Clone, Default)]
pub struct MemoryBook {
    rows: RefCell<BTreeMap<String, (Vec<u8>, u64)>>,
    /// Counts what was put: a row that comes back is not at a revision that it was at before.
    put: Cell<u64>,
}

impl MemoryBook {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.borrow().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Book for MemoryBook {
    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, u64)>, Away> {
        Ok(self.rows.borrow().get(name).cloned())
    }

    fn put(&self, name: &str, row: &[u8], seen: u64) -> Result<(), NotPut> {
        let mut rows = self.rows.borrow_mut();
        let at = rows.get(name).map_or(0, |(_, at)| *at);
        if at != seen {
            return Err(NotPut::Raced);
        }
        self.put.set(self.put.get() + 1);
        rows.insert(name.to_owned(), (row.to_vec(), self.put.get()));
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), Away> {
        self.rows.borrow_mut().remove(name);
        Ok(())
    }
}

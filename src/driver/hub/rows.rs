//! Rows that are looked up, wherever the engine is: on this machine, or in the cluster's bucket.

use async_nats::jetstream::kv;
use tokio::runtime::Handle;

use super::lookup::Lookup;
use crate::hub::people::{Away, Book, NotPut};

/// The rows of an engine. Reading and writing wait: not to be called where nobody may.
#[derive(Debug, Clone)]
pub enum Rows {
    /// On this machine.
    Here(Lookup),
    /// In a cluster, which is spoken with on this runtime.
    Cluster(Box<kv::Store>, Handle),
}

impl Book for Rows {
    fn get(&self, name: &str) -> Result<Option<(Vec<u8>, u64)>, Away> {
        match self {
            Rows::Here(lookup) => lookup.get(name),
            Rows::Cluster(bucket, runtime) => {
                let entry = runtime.block_on(bucket.entry(name)).map_err(|_| Away)?;
                let there = entry.filter(|entry| entry.operation == kv::Operation::Put);
                Ok(there.map(|entry| (entry.value.to_vec(), entry.revision)))
            }
        }
    }

    fn put(&self, name: &str, row: &[u8], seen: u64) -> Result<(), NotPut> {
        let (bucket, runtime) = match self {
            Rows::Here(lookup) => return lookup.put(name, row, seen),
            Rows::Cluster(bucket, runtime) => (bucket, runtime),
        };
        let row = row.to_vec().into();
        if seen == 0 {
            let made = runtime.block_on(bucket.create(name, row));
            return made.map(drop).map_err(|error| match error.kind() {
                kv::CreateErrorKind::AlreadyExists => NotPut::Raced,
                _ => NotPut::Away,
            });
        }
        let put = runtime.block_on(bucket.update(name, row, seen));
        put.map(drop).map_err(|error| match error.kind() {
            kv::UpdateErrorKind::WrongLastRevision => NotPut::Raced,
            _ => NotPut::Away,
        })
    }

    fn delete(&self, name: &str) -> Result<(), Away> {
        match self {
            Rows::Here(lookup) => lookup.delete(name),
            Rows::Cluster(bucket, runtime) => {
                runtime.block_on(bucket.purge(name)).map_err(|_| Away)
            }
        }
    }
}

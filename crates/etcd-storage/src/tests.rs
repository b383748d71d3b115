//! Tests of the whole crate, through its public face.

mod buffer;
mod crash;
mod defragment;
mod faults;
mod model;
mod open;
mod snapshot;

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::time::Duration;

use crate::{Bucket, Options, Storage};

/// The rows of every bucket.
type Content = BTreeMap<(Bucket, Vec<u8>), Vec<u8>>;

/// Options that never commit by themselves.
fn manual(path: &Path) -> Options {
    let mut options = Options::new(path);
    options.batch_interval = Duration::from_secs(3600);
    options.batch_limit = usize::MAX;
    options.cache_bytes = 1 << 20;
    options.no_sync = true;
    options
}

fn open_manual(path: &Path) -> Storage {
    Storage::open(manual(path)).unwrap()
}

/// Everything that `storage` shows.
fn content(storage: &Storage) -> Content {
    let mut content = Content::new();
    for bucket in Bucket::ALL {
        storage
            .range(bucket, Bound::Unbounded, Bound::Unbounded, |key, value| {
                assert!(content.insert((bucket, key.to_vec()), value.to_vec()).is_none(), "a key came twice");
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    content
}

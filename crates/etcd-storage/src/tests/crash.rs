//! Power cuts: what was written since the last sync may be there in part.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{content, manual, open_manual};
use crate::{Batch, Bucket, Faults, Storage};

/// Keeps an image of the file at every sync, taken just before the sync.
///
/// Such an image holds everything that was written; mixed page by page with the one before it, it is what a disk that
/// reorders writes may hold after a power cut.
struct Camera {
    path: PathBuf,
    images: Mutex<Vec<Vec<u8>>>,
}

impl Faults for Camera {
    fn write(&self, _: u64, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        // While the file is created it has another name.
        let image = fs::read(&self.path).unwrap_or_default();
        self.images.lock().unwrap().push(image);
        Ok(())
    }
}

/// Each batch `n` sets three buckets to `n` and appends a row: their state names the mark.
fn write(storage: &Storage, mark: u64) {
    let mut batch = Batch::new(mark);
    for bucket in [Bucket::META, Bucket::LEASE, Bucket::AUTH] {
        batch.put(bucket, "mark", mark.to_string());
    }
    batch.put(Bucket::KEY, mark.to_be_bytes().to_vec(), vec![7; 3000]);
    if mark > 10 {
        batch.delete(Bucket::KEY, (mark - 10).to_be_bytes().to_vec());
    }
    storage.write(batch).unwrap();
}

fn expected(mark: u64) -> BTreeMap<(Bucket, Vec<u8>), Vec<u8>> {
    let mut content = BTreeMap::new();
    if mark > 0 {
        for bucket in [Bucket::META, Bucket::LEASE, Bucket::AUTH] {
            content.insert((bucket, b"mark".to_vec()), mark.to_string().into_bytes());
        }
    }
    for row in mark.saturating_sub(9).max(1)..=mark {
        content.insert((Bucket::KEY, row.to_be_bytes().to_vec()), vec![7; 3000]);
    }
    content
}

fn check_image(dir: &Path, image: &[u8], marks: &[u64]) {
    let path = dir.join("image");
    fs::write(&path, image).unwrap();
    let storage = open_manual(&path);
    let mark = storage.durable_mark();
    assert!(marks.contains(&mark), "mark {mark} is none of {marks:?}");
    assert!(content(&storage) == expected(mark), "mark {mark}: other content");
    drop(storage);
    fs::remove_file(&path).unwrap();
}

/// `new`, with a pseudo-random half of the pages that changed as they were in `old`.
fn torn(old: &[u8], new: &[u8], seed: u64) -> Vec<u8> {
    const PAGE: usize = 512;
    let mut image = new.to_vec();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for (number, page) in image.chunks_mut(PAGE).enumerate() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if let Some(before) = old.get(number * PAGE..number * PAGE + page.len())
            && state & 1 == 0
        {
            page.copy_from_slice(before);
        }
    }
    image
}

#[test]
fn a_power_cut_leaves_the_state_of_a_mark() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let camera = Arc::new(Camera { path: path.clone(), images: Mutex::new(Vec::new()) });
    let mut options = manual(&path);
    options.faults = Some(Arc::clone(&camera) as Arc<dyn Faults>);
    let storage = Storage::open(options).unwrap();
    camera.images.lock().unwrap().clear();
    let mut durable = 0;
    let mut before = fs::read(&path).unwrap();
    for round in 0..25u64 {
        let newest = durable + 1 + round % 4;
        for mark in durable + 1..=newest {
            write(&storage, mark);
        }
        assert_eq!(storage.commit().unwrap(), newest);
        for (number, image) in camera.images.lock().unwrap().drain(..).enumerate() {
            for seed in 0..3 {
                check_image(dir.path(), &torn(&before, &image, round * 10 + seed), &[durable, newest]);
            }
            check_image(dir.path(), &image, &[durable, newest]);
            assert!(number < 4, "more syncs in a commit than expected");
            before = image;
        }
        durable = newest;
    }
    storage.close().unwrap();
    let damaged = fs::File::options().read(true).open(&path).unwrap();
    assert!(damaged.read_at(&mut [0; 16], 0).unwrap() > 0);
    drop(damaged);
    assert!(content(&open_manual(&path)) == expected(durable));
}

//! Fills a database, streams a snapshot of it into a second file while writes go on, and reads that.

use std::error::Error;
use std::io::Write as _;

use etcd_storage::{Batch, Bucket, Options, Storage, receive};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let storage = Storage::open(Options::new(dir.path().join("first")))?;
    for mark in 1..=1000u64 {
        let mut batch = Batch::new(mark);
        batch.put(Bucket::KEY, mark.to_be_bytes().to_vec(), format!("value {mark}"));
        storage.write(batch)?;
    }

    let snapshot = storage.snapshot()?;
    let mut later = Batch::new(1001);
    later.delete(Bucket::KEY, 1u64.to_be_bytes().to_vec());
    storage.write(later)?;

    let mut stream = Vec::new();
    let sent = snapshot.write_to(&mut stream)?;
    let path = dir.path().join("second");
    let mark = receive(&path, &mut stream.as_slice())?;

    let copy = Storage::open(Options::new(path))?;
    let first = copy.get(Bucket::KEY, &1u64.to_be_bytes())?.unwrap_or_default();
    let text = String::from_utf8_lossy(&first);
    writeln!(std::io::stdout(), "sent {sent} bytes as of mark {mark}; the first row is {text:?}")?;
    copy.close()?;
    storage.close()?;
    Ok(())
}

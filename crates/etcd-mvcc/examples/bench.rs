//! Prints what puts, reads, a restart and a compaction cost. Build it with `--release`; the first argument is the
//! number of keys.

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use etcd_mvcc::{Options, Store};
use etcd_proto::etcdserverpb::{PutRequest, RangeRequest};
use etcd_storage::Storage;

fn main() -> Result<(), Box<dyn Error>> {
    let keys: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let open = || Storage::open(etcd_storage::Options::new(dir.path().join("db")));
    let storage = open()?;
    let (store, mut writer) = Store::open(storage.clone(), Options::default())?;
    let key = |number: u64| format!("/registry/pods/ns-{:03}/pod-{number:08}", number % 997);
    let value = "x".repeat(256);

    let mut mark = 0;
    for round in ["put (new keys)", "put (known keys)"] {
        let started = Instant::now();
        for number in 0..keys {
            mark += 1;
            // A step through all numbers that looks random.
            let number = number.wrapping_mul(7_919) % keys;
            let request =
                PutRequest { key: key(number).into(), value: value.clone().into(), ..PutRequest::default() };
            let mut txn = writer.begin(mark);
            txn.put(&request)?;
            txn.commit()?;
        }
        report(round, keys, started.elapsed())?;
    }

    let started = Instant::now();
    for number in 0..keys {
        let number = number.wrapping_mul(104_729) % keys;
        let request = RangeRequest { key: key(number).into(), ..RangeRequest::default() };
        store.range(&request)?;
    }
    report("get (buffered or not)", keys, started.elapsed())?;
    storage.commit()?;
    let started = Instant::now();
    for number in 0..keys {
        let number = number.wrapping_mul(104_729) % keys;
        let request = RangeRequest { key: key(number).into(), ..RangeRequest::default() };
        store.range(&request)?;
    }
    report("get (from the database)", keys, started.elapsed())?;

    let all = RangeRequest { key: "/".into(), range_end: "0".into(), ..RangeRequest::default() };
    let started = Instant::now();
    let count = store.range(&RangeRequest { count_only: true, ..all.clone() })?.0.count;
    report("count, per key", count.unsigned_abs(), started.elapsed())?;
    let started = Instant::now();
    let listed = store.range(&all)?.0.kvs.len() as u64;
    report("list, per key", listed, started.elapsed())?;
    let started = Instant::now();
    store.hash_kv(0)?;
    report("hash, per key", listed, started.elapsed())?;

    drop((store, writer));
    storage.close()?;
    let started = Instant::now();
    let (store, mut writer) = Store::open(open()?, Options::default())?;
    report("restart, per row", keys * 2, started.elapsed())?;
    let started = Instant::now();
    let mut txn = writer.begin(mark + 1);
    let compaction = txn.compact(store.revision())?;
    txn.commit()?;
    compaction.wait(Duration::from_secs(600));
    report("compaction, per removed row", keys, started.elapsed())?;
    Ok(())
}

fn report(what: &str, operations: u64, took: Duration) -> std::io::Result<()> {
    let each = took.as_nanos() / u128::from(operations.max(1));
    writeln!(std::io::stdout(), "{what:<30} {each:>8} ns  ({operations} in {} ms)", took.as_millis())
}

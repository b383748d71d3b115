//! Prints what puts, reads, a restart and a compaction cost: the time on the clock, and on Linux the CPU time of this
//! thread, which says more on a busy machine. Build it with `--release`; the first argument is the number of keys.

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
        let started = Clock::start();
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
        report(round, keys, started)?;
    }

    let started = Clock::start();
    for number in 0..keys {
        let number = number.wrapping_mul(104_729) % keys;
        let request = RangeRequest { key: key(number).into(), ..RangeRequest::default() };
        store.range(&request)?;
    }
    report("get (buffered or not)", keys, started)?;
    storage.commit()?;
    let started = Clock::start();
    for number in 0..keys {
        let number = number.wrapping_mul(104_729) % keys;
        let request = RangeRequest { key: key(number).into(), ..RangeRequest::default() };
        store.range(&request)?;
    }
    report("get (from the database)", keys, started)?;

    let all = RangeRequest { key: "/".into(), range_end: "0".into(), ..RangeRequest::default() };
    let started = Clock::start();
    let count = store.range(&RangeRequest { count_only: true, ..all.clone() })?.0.count;
    report("count, per key", count.unsigned_abs(), started)?;
    let started = Clock::start();
    let listed = store.range(&all)?.0.kvs.len() as u64;
    report("list, per key", listed, started)?;
    let started = Clock::start();
    store.hash_kv(0)?;
    report("hash, per key", listed, started)?;

    drop((store, writer));
    storage.close()?;
    let started = Clock::start();
    let (store, mut writer) = Store::open(open()?, Options::default())?;
    report("restart, per row", keys * 2, started)?;
    let started = Clock::start();
    let mut txn = writer.begin(mark + 1);
    let compaction = txn.compact(store.revision())?;
    txn.commit()?;
    compaction.wait(Duration::from_secs(600));
    report("compaction, per removed row", keys, started)?;
    Ok(())
}

/// Time on the clock, and on the CPU.
struct Clock {
    started: Instant,
    cpu_ns: Option<u64>,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), cpu_ns: cpu_ns() }
    }
}

/// How long this thread has run, if the system says so.
fn cpu_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

fn report(what: &str, operations: u64, clock: Clock) -> std::io::Result<()> {
    let took = clock.started.elapsed();
    let operations = operations.max(1);
    let cpu = cpu_ns().zip(clock.cpu_ns).map_or(0, |(now, then)| (now - then) / operations);
    let each = took.as_nanos() / u128::from(operations);
    let total = took.as_millis();
    writeln!(std::io::stdout(), "{what:<30} {each:>7} ns {cpu:>7} ns CPU  ({operations} in {total} ms)")
}

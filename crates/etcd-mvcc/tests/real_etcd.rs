//! The same history in a real etcd and in ours: every hash has to be equal.
//!
//! Needs the programs `etcd` and `etcdctl`. Without them the test says so loudly and passes, but fails where `CI` is
//! `true`.

#![expect(clippy::unwrap_used, reason = "tests and their helpers")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etcd_mvcc::{Options, Store, Writer};
use etcd_proto::etcdserverpb::{DeleteRangeRequest, PutRequest};
use etcd_storage::Storage;

/// A running etcd, killed when dropped.
struct Etcd {
    child: Child,
    endpoint: String,
}

impl Etcd {
    /// Starts one with two ports that were free a moment ago; none if the programs are not installed.
    fn start(dir: &Path) -> Option<Self> {
        let probe = |program: &str| Command::new(program).arg("version").output().is_ok();
        if !probe("etcdctl") || Command::new("etcd").arg("--version").output().is_err() {
            return None;
        }
        let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [client, peer] =
            sockets.map(|socket| format!("http://127.0.0.1:{}", socket.local_addr().unwrap().port()));
        let log = std::fs::File::create(dir.join("etcd.log")).unwrap();
        let child = Command::new("etcd")
            .args(["--name", "real", "--data-dir"])
            .arg(dir.join("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("real={peer}")])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let etcd = Self { child, endpoint: client };
        let deadline = Instant::now() + Duration::from_secs(30);
        while etcd.try_ctl(&["endpoint", "health"]).is_none() {
            let log = || std::fs::read_to_string(dir.join("etcd.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "etcd did not start: {}", log());
        }
        Some(etcd)
    }

    fn try_ctl(&self, args: &[&str]) -> Option<String> {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.endpoint]).args(args);
        let output = command.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn ctl(&self, args: &[&str]) -> String {
        self.try_ctl(args).unwrap_or_else(|| panic!("etcdctl {args:?} failed"))
    }

    /// The hash of everything up to `revision`, 0 for the newest.
    fn hash(&self, revision: i64) -> u32 {
        let text = self.ctl(&["endpoint", "hashkv", "--rev", &revision.to_string(), "-w", "json"]);
        let (_, rest) = text.split_once("\"hash\":").expect("the answer has a hash");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both at once.
struct Pair {
    etcd: Etcd,
    store: Store,
    writer: Writer,
    mark: u64,
}

impl Pair {
    fn put(&mut self, key: &str, value: &str, lease: Option<&str>) {
        let mut args = vec!["put", key, value];
        let option = lease.map(|lease| format!("--lease={lease}"));
        args.extend(option.as_deref());
        self.etcd.ctl(&args);
        let lease = lease.map_or(0, |lease| i64::from_str_radix(lease, 16).unwrap());
        let (key, value) = (key.to_owned().into(), value.to_owned().into());
        let request = PutRequest { key, value, lease, ..PutRequest::default() };
        self.mark += 1;
        let mut txn = self.writer.begin(self.mark);
        txn.put(&request).unwrap();
        txn.commit().unwrap();
    }

    fn delete(&mut self, key: &str, end: &str) {
        let mut args = vec!["del", key];
        args.extend((!end.is_empty()).then_some(end));
        let deleted = self.etcd.ctl(&args);
        let request = DeleteRangeRequest {
            key: key.to_owned().into(),
            range_end: end.to_owned().into(),
            prev_kv: false,
        };
        self.mark += 1;
        let mut txn = self.writer.begin(self.mark);
        let response = txn.delete_range(&request).unwrap();
        assert_eq!(deleted.trim(), response.deleted.to_string());
        txn.commit().unwrap();
    }

    fn compact(&mut self, revision: i64) {
        self.etcd.ctl(&["compaction", "--physical", &revision.to_string()]);
        self.mark += 1;
        let mut txn = self.writer.begin(self.mark);
        let compaction = txn.compact(revision).unwrap();
        txn.commit().unwrap();
        assert!(compaction.wait(Duration::from_secs(30)));
    }

    /// Compares the newest hash and those of all revisions above the compaction.
    fn check(&self, what: &str) {
        assert_eq!(self.store.hash_kv(0).unwrap().hash, self.etcd.hash(0), "{what}, newest");
        for revision in (self.store.compact_revision() + 1).max(1)..=self.store.revision() {
            let ours = self.store.hash_kv(revision).unwrap().hash;
            assert_eq!(ours, self.etcd.hash(revision), "{what}, revision {revision}");
        }
    }
}

/// Both, empty; none, loudly, if there is no etcd.
#[expect(clippy::print_stderr, reason = "says what is not tested")]
fn start(dir: &Path) -> Option<Pair> {
    let Some(etcd) = Etcd::start(dir) else {
        assert!(
            std::env::var_os("CI").is_none_or(|value| value != "true"),
            "etcd and etcdctl are not installed"
        );
        eprintln!("\n*** SKIPPED: etcd and etcdctl are not installed, no hash was compared ***\n");
        return None;
    };
    let storage = Storage::open(etcd_storage::Options::new(dir.join("db"))).unwrap();
    let (store, writer) = Store::open(storage, Options::default()).unwrap();
    Some(Pair { etcd, store, writer, mark: 0 })
}

#[test]
fn hashes_equal_after_random_histories() {
    let seed = std::env::var("HASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(now.as_millis()).unwrap()
    });
    eprintln!("HASH_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let Some(mut pair) = start(dir.path()) else { return };
    let mut state = seed | 1;
    let mut below = |bound: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state % u64::try_from(bound).unwrap()).unwrap()
    };
    for step in 0..150 {
        // Few keys, so that they are overwritten, deleted and made anew.
        let (key, other) = (format!("k{}", below(6)), format!("k{}", below(7)));
        match below(20) {
            0..=11 => pair.put(&key, &"v".repeat(usize::try_from(below(50)).unwrap()), None),
            12..=15 => pair.delete(&key, ""),
            16 => pair.delete(&key, &other),
            _ => {
                let (from, to) = (pair.store.compact_revision().max(0) + 1, pair.store.revision());
                if from <= to {
                    pair.compact(from + below(to - from + 1));
                    let hash = pair.store.hash_kv(0).unwrap().hash;
                    assert_eq!(hash, pair.etcd.hash(0), "HASH_SEED={seed}, step {step}");
                }
            }
        }
    }
    pair.check(&format!("HASH_SEED={seed}"));
}

#[test]
fn hashes_equal_those_of_a_real_etcd() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut pair) = start(dir.path()) else { return };
    pair.check("empty");

    pair.put("a", "1", None);
    pair.put("b", "2", None);
    pair.put("a", "3", None);
    pair.put("empty", "", None);
    pair.put("multi", &"long ".repeat(100), None);
    pair.delete("b", "");
    pair.delete("nothing", "");
    let granted = pair.etcd.ctl(&["lease", "grant", "10000"]);
    let lease = granted.split_whitespace().nth(1).unwrap().to_owned();
    pair.put("leased", "4", Some(&lease));
    pair.check("no compaction");

    pair.compact(4);
    pair.check("compacted in the middle");
    pair.put("b", "5", None);
    pair.put("a", "6", None);
    pair.delete("a", "c");
    pair.check("changed after a compaction");

    // Right at a tombstone: the versions of etcd differ in whether they keep it, but not in the hash.
    let tombstone = pair.store.revision();
    pair.compact(tombstone);
    pair.check("compacted at a tombstone");
    pair.put("a", "7", None);
    pair.check("created anew");
    pair.delete("a", "z");
    pair.compact(pair.store.revision());
    pair.check("everything deleted and compacted");
    pair.put("z", "8", None);
    pair.check("after that");
}

//! Which programs the tests run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The server under test; see [`etcd_testkit::server_binary`].
///
/// # Panics
/// When `ETCD_BIN` names no file: without a server there is nothing to test.
#[must_use]
pub fn server() -> PathBuf {
    etcd_testkit::server_binary().unwrap_or_else(|error| panic!("{error}"))
}

/// The `etcd-discovery-service` beside it: what `ETCD_DISCOVERY_SERVICE_BIN` names, or its neighbour.
///
/// # Panics
/// When there is none: `cargo xtask test` builds it.
#[must_use]
pub fn discovery_service() -> PathBuf {
    let named = std::env::var_os("ETCD_DISCOVERY_SERVICE_BIN").map(PathBuf::from);
    let path = named.unwrap_or_else(|| server().with_file_name("etcd-discovery-service"));
    assert!(path.is_file(), "there is no {}; `cargo xtask test` builds it", path.display());
    path
}

/// Whether the server under test is Go's etcd 3.4, as Debian ships it.
///
/// The tests are proved against it: what is common to both must pass there too. What it lacks (flags and texts of
/// later versions, and our own) is then left out, with a line that says so.
#[must_use]
pub fn is_go_3_4() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let output = Command::new(server()).arg("--version").output().expect("the server runs");
        output.stdout.starts_with(b"etcd Version: 3.4.")
    })
}

/// A program of somebody else that a test needs, such as `etcdctl`, found on `PATH`.
///
/// `None` when it is not installed: the caller then returns, and a line on stderr says what was not tested.
///
/// # Panics
/// When it is not installed and `CI=true`: there it must not go unnoticed.
#[must_use]
#[expect(clippy::print_stderr, reason = "says what is not tested")]
pub fn foreign(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| is_file(file));
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI needs {program}, which is not on PATH");
        eprintln!("SKIPPED: {program} is not on PATH (Debian's package etcd-client has etcdctl)");
    }
    found
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}

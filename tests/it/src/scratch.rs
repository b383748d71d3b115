//! A directory for one test.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory that goes when it is dropped, unless the test fails: then it stays, and its path is printed.
#[derive(Debug)]
pub struct Scratch(Option<TempDir>);

impl Scratch {
    /// Makes the directory.
    ///
    /// # Panics
    /// When the system's temporary directory cannot be used.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("etcd-it-").tempdir().expect("a temporary directory");
        Self(Some(directory))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("only drop takes it").path()
    }

    /// The path of `name` in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The path of `name` in it, as text for a flag.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.join(name).display().to_string()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    #[expect(clippy::print_stderr, reason = "says where the data of a failed test is")]
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(directory) = self.0.take()
        {
            eprintln!("data and logs are kept in {}", directory.keep().display());
        }
    }
}

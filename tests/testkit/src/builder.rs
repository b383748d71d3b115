//! How a cluster for tests is described.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cluster::{Cluster, ClusterError};
use crate::spec::Security;

/// Describes a [`Cluster`]; made by [`Cluster::builder`].
#[derive(Debug, Clone)]
pub struct ClusterBuilder {
    pub(crate) binary: PathBuf,
    pub(crate) members: usize,
    pub(crate) name_prefix: String,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) security: Vec<Security>,
    pub(crate) deadline: Duration,
    pub(crate) parent: PathBuf,
}

impl ClusterBuilder {
    pub(crate) fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            members: 1,
            name_prefix: "infra".to_owned(),
            arguments: Vec::new(),
            security: Vec::new(),
            deadline: Duration::from_secs(60),
            parent: std::env::temp_dir(),
        }
    }

    /// How many members; 1 unless said otherwise.
    #[must_use]
    pub const fn members(mut self, count: usize) -> Self {
        self.members = count;
        self
    }

    /// Members are called `<prefix>0`, `<prefix>1`, …; `infra` unless said otherwise.
    #[must_use]
    pub fn name_prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.name_prefix);
        self
    }

    /// A further argument for every member, such as `--snapshot-count=100`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// What the members speak, one by one; the last is for all further members too. Plain text unless said otherwise.
    #[must_use]
    pub fn security(mut self, security: Vec<Security>) -> Self {
        self.security = security;
        self
    }

    /// How long any single wait may take; 60 s unless said otherwise.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Where the cluster's directory is made; the system's temporary directory unless said otherwise.
    #[must_use]
    pub fn parent_directory(mut self, parent: &Path) -> Self {
        self.parent = parent.to_owned();
        self
    }

    /// Starts every member, and waits until all of them follow one leader.
    ///
    /// # Errors
    /// When a member cannot be started, ends, or no leader comes about before the deadline.
    pub fn start(self) -> Result<Cluster, ClusterError> {
        let mut cluster = self.prepare()?;
        for index in 0..cluster.members().len() {
            cluster.start(index)?;
        }
        cluster.wait_for_leader()?;
        Ok(cluster)
    }

    /// Reserves ports and makes directories, but starts no member.
    ///
    /// # Errors
    /// When there are no ports or no directory.
    pub fn prepare(self) -> Result<Cluster, ClusterError> {
        Cluster::prepare(self)
    }
}

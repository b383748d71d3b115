//! Whom to trust.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::error::{LoadError, malformed};
use crate::facts::Facts;
use crate::pem;

/// Trusted certificates that are valid at the time of loading.
#[derive(Debug)]
pub(crate) struct Roots {
    pub(crate) store: Arc<RootCertStore>,
    /// DER of each, for those that are shown themselves.
    pub(crate) exact: HashSet<Vec<u8>>,
    /// DER of their subjects, valid or not.
    pub(crate) subjects: Vec<Vec<u8>>,
    /// When each of the file's certificates ends.
    pub(crate) ends: Vec<SystemTime>,
    /// When the answer to "which of them are valid" changes next.
    pub(crate) changes: Option<SystemTime>,
}

impl Roots {
    /// The certificates of a file. Those out of their time are left out, with a warning: rustls itself does not look
    /// at the time of a trusted certificate.
    pub(crate) fn of_file(path: &Path, now: SystemTime) -> Result<Self, LoadError> {
        let mut roots = Self {
            store: Arc::new(RootCertStore::empty()),
            exact: HashSet::new(),
            subjects: Vec::new(),
            ends: Vec::new(),
            changes: None,
        };
        let mut store = RootCertStore::empty();
        for certificate in pem::certificates(path)? {
            roots.add(path, &mut store, certificate, now)?;
        }
        roots.store = Arc::new(store);
        Ok(roots)
    }

    fn add(
        &mut self,
        path: &Path,
        store: &mut RootCertStore,
        certificate: CertificateDer<'static>,
        now: SystemTime,
    ) -> Result<(), LoadError> {
        let facts = Facts::of(&certificate).ok_or_else(|| malformed(path, "x509: malformed certificate"))?;
        let changes = [facts.not_before, facts.not_after].into_iter().filter(|time| *time > now).min();
        self.changes = self.changes.into_iter().chain(changes).min();
        self.ends.push(facts.not_after);
        self.subjects.push(facts.subject);
        if now < facts.not_before || now > facts.not_after {
            tracing::warn!(
                path = %path.display(),
                subject = facts.common_name.unwrap_or_default(),
                "a trusted certificate is not valid at this time and is left out"
            );
            return Ok(());
        }
        self.exact.insert(certificate.to_vec());
        store.add(certificate).map_err(|error| malformed(path, error))
    }

    /// What the system trusts.
    pub(crate) fn of_system() -> Result<Self, LoadError> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            let reason = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
            return Err(LoadError::NoSystemRoots { reason });
        }
        Ok(Self {
            store: Arc::new(store),
            exact: HashSet::new(),
            subjects: Vec::new(),
            ends: Vec::new(),
            changes: None,
        })
    }
}

//! Revoked certificates.

use std::collections::HashSet;
use std::path::Path;
use std::time::SystemTime;

use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::error::{LoadError, malformed};
use crate::facts::{Facts, time, unpadded};
use crate::pem;

/// The lists of one file.
///
/// A certificate is revoked when its serial number is on a list of its own issuer, or on a list of an issuer that is
/// none of the trusted ones: etcd compares serial numbers alone, and an indirect list must not be missed. A list whose
/// time is over still counts.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    lists: Vec<List>,
}

#[derive(Debug)]
struct List {
    issuer: Vec<u8>,
    /// The issuer is in the trusted file, so that the list speaks for that one alone.
    is_known: bool,
    serials: HashSet<Vec<u8>>,
}

impl Revoked {
    /// Reads the lists; `trusted` are the subjects of the trusted certificates.
    pub(crate) fn load(path: &Path, trusted: &[Vec<u8>], now: SystemTime) -> Result<Self, LoadError> {
        let mut lists = Vec::new();
        for der in pem::revocation_lists(path)? {
            let (_, list) = CertificateRevocationList::from_der(&der)
                .map_err(|_| malformed(path, "it is no certificate revocation list"))?;
            if list.next_update().is_some_and(|next| time(next.timestamp()) < now) {
                tracing::warn!(path = %path.display(), "the revocation list is out of date; it still counts");
            }
            let issuer = list.issuer().as_raw().to_vec();
            lists.push(List {
                is_known: trusted.contains(&issuer),
                issuer,
                serials: list
                    .iter_revoked_certificates()
                    .map(|entry| unpadded(entry.raw_serial()).to_vec())
                    .collect(),
            });
        }
        Ok(Self { lists })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lists.iter().all(|list| list.serials.is_empty())
    }

    pub(crate) fn contains(&self, certificate: &Facts) -> bool {
        self.lists.iter().any(|list| {
            (!list.is_known || list.issuer == certificate.issuer)
                && list.serials.contains(&certificate.serial)
        })
    }
}

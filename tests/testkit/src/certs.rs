//! Authorities and certificates in files, for tests and for people who set up TLS.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use time::OffsetDateTime;

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate authority: `<name>.crt`, and `<name>.key` with mode 0600.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    cert: PathBuf,
}

/// What a certificate is to say. The default is valid for a year, as a server's and as a client's.
#[derive(Debug, Clone)]
pub struct Leaf<'a> {
    /// Common name; empty for none.
    pub common_name: &'a str,
    /// Host names and addresses.
    pub hosts: &'a [String],
    /// Beginning, in days from now.
    pub from_days: i64,
    /// End, in days from now.
    pub to_days: i64,
    /// Serial number; random when there is none.
    pub serial: Option<u64>,
}

impl Default for Leaf<'_> {
    fn default() -> Self {
        Self { common_name: "", hosts: &[], from_days: 0, to_days: 365, serial: None }
    }
}

/// A certificate and its key, in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFiles {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// The key, PEM, mode 0600.
    pub key: PathBuf,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertError {
    /// A file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was asked for cannot be in a certificate, or a file holds none.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

impl Authority {
    /// The authority whose files are in `directory`, or a new one that is valid for `days`.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn open_or_create(directory: &Path, name: &str, days: i64) -> Result<Self, CertError> {
        let cert = directory.join(format!("{name}.crt"));
        let key = directory.join(format!("{name}.key"));
        if cert.exists() && key.exists() {
            let read = |path: &Path| {
                fs::read_to_string(path).map_err(|source| CertError::File { path: path.to_owned(), source })
            };
            let issuer = Issuer::from_ca_cert_pem(&read(&cert)?, KeyPair::from_pem(&read(&key)?)?)?;
            return Ok(Self { issuer, cert });
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("etcd {name}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = from_now(-1);
        params.not_after = from_now(days);
        let pair = KeyPair::generate()?;
        write(&key, &pair.serialize_pem(), 0o600)?;
        write(&cert, &params.self_signed(&pair)?.pem(), 0o644)?;
        Ok(Self { issuer: Issuer::new(params, pair), cert })
    }

    /// Its own certificate.
    #[must_use]
    pub fn cert(&self) -> &Path {
        &self.cert
    }

    /// Issues a certificate as `<name>.crt` and `<name>.key` in `directory`, replacing what is there.
    ///
    /// # Errors
    /// When a host is none, or the files cannot be written.
    pub fn issue(&self, directory: &Path, name: &str, leaf: &Leaf<'_>) -> Result<CertFiles, CertError> {
        let files = CertFiles {
            cert: directory.join(format!("{name}.crt")),
            key: directory.join(format!("{name}.key")),
        };
        let mut params = CertificateParams::default();
        for host in leaf.hosts {
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(host.as_str().try_into()?),
            });
        }
        params.distinguished_name = DistinguishedName::new();
        if !leaf.common_name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, leaf.common_name);
        }
        params.serial_number = leaf.serial.map(SerialNumber::from);
        params.not_before = from_now(leaf.from_days);
        params.not_after = from_now(leaf.to_days);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let pair = KeyPair::generate()?;
        write(&files.key, &pair.serialize_pem(), 0o600)?;
        write(&files.cert, &params.signed_by(&pair, &self.issuer)?.pem(), 0o644)?;
        Ok(files)
    }

    /// Writes a revocation list, PEM, with these serial numbers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn revoke(&self, path: &Path, serials: &[u64]) -> Result<(), CertError> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: from_now(0),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: from_now(0),
            next_update: from_now(30),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        write(path, &params.signed_by(&self.issuer)?.pem()?, 0o644)
    }
}

fn from_now(days: i64) -> OffsetDateTime {
    let distance = DAY * u32::try_from(days.unsigned_abs()).unwrap_or(u32::MAX / 1000);
    let now = SystemTime::now();
    OffsetDateTime::from(if days < 0 { now - distance } else { now + distance })
}

/// Beside its place first, so that a server that reads it meanwhile sees the old or the new.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), CertError> {
    let beside = path.with_extension("new");
    let write = || {
        if beside.exists() {
            fs::remove_file(&beside)?;
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&beside)?
            .write_all(text.as_bytes())?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| CertError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_authority_is_made_once_and_issues() {
        let directory = tempfile::tempdir().unwrap();
        let first = Authority::open_or_create(directory.path(), "ca", 30).unwrap();
        let before = fs::read(first.cert()).unwrap();
        let again = Authority::open_or_create(directory.path(), "ca", 30).unwrap();
        assert_eq!(fs::read(again.cert()).unwrap(), before);
        let hosts = ["10.0.1.10".to_owned(), "infra0.example.com".to_owned()];
        let leaf = Leaf { common_name: "infra0", hosts: &hosts, ..Leaf::default() };
        let files = again.issue(directory.path(), "infra0-peer", &leaf).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files.cert), mode(&files.key)), (0o644, 0o600));
        assert_eq!(mode(&directory.path().join("ca.key")), 0o600);
        again.revoke(&directory.path().join("crl.pem"), &[1, 2]).unwrap();
    }
}

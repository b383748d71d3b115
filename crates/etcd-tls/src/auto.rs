//! Certificates for `--auto-tls` and `--peer-auto-tls`: self-signed, made and renewed by the member itself.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::crypto::ring;
use time::OffsetDateTime;

use crate::facts::Facts;
use crate::options::Pair;
use crate::pem;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The first year that a certificate cannot express.
const LAST_YEARS: u64 = 7000;

/// A certificate could not be made or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AutoError {
    /// It would be valid for no time.
    #[error("selfSignedCertValidity is invalid,it should be greater than 0")]
    Validity,
    /// The directory or a file cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why; part of the text, and so no source of its own.
        cause: io::Error,
    },
    /// It cannot be made.
    #[error("cannot make a certificate: {0}")]
    Make(rcgen::Error),
}

/// Why there is a new certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Missing,
    Unusable,
    Expiring,
    OtherHosts,
}

/// Makes sure that `directory` has `cert.pem` and `key.pem` for `hosts` (host names and addresses, without ports).
///
/// Those that are there are kept, unless they are about to expire (in the last third of their validity, or the last
/// thirty days if that is less), cannot be read, or lack a host. Then they are replaced, the key first; a reader that
/// sees one of each takes neither.
///
/// Shape: directory 0700, key 0600, certificate 0644. ECDSA on P-256; usable as a server's and as a client's.
///
/// # Errors
/// [`AutoError`].
/// # Source
/// etcd `client/pkg/transport/listener.go` `SelfCert`, which makes keys on P-521 and never renews.
pub fn ensure(directory: &Path, hosts: &[String], years: u64, now: SystemTime) -> Result<Pair, AutoError> {
    if years == 0 {
        return Err(AutoError::Validity);
    }
    let pair = Pair { cert: directory.join("cert.pem"), key: directory.join("key.pem") };
    let Some(why) = why(&pair, hosts, now) else { return Ok(pair) };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|cause| AutoError::Write { path: directory.to_owned(), cause })?;
    let not_after = now + YEAR * u32::try_from(years.min(LAST_YEARS)).unwrap_or(1);
    let (cert, key) = make(hosts, now, not_after).map_err(AutoError::Make)?;
    put(&pair.key, &key, 0o600)?;
    put(&pair.cert, &cert, 0o644)?;
    tracing::info!(
        path = %pair.cert.display(),
        reason = match why {
            Why::Missing => "there was none",
            Why::Unusable => "the old one cannot be used",
            Why::Expiring => "the old one expires",
            Why::OtherHosts => "the old one is for other hosts",
        },
        years,
        "made a self-signed certificate"
    );
    Ok(pair)
}

/// Why the pair must be made; `None` when it is good.
fn why(pair: &Pair, hosts: &[String], now: SystemTime) -> Option<Why> {
    let there = |path: &Path| path.try_exists().unwrap_or(true);
    if !there(&pair.cert) || !there(&pair.key) {
        return Some(Why::Missing);
    }
    let Ok(key) = pem::certified_key(pair, &ring::default_provider()) else { return Some(Why::Unusable) };
    let Some(facts) = key.cert.first().and_then(|leaf| Facts::of(leaf)) else { return Some(Why::Unusable) };
    let validity = facts.not_after.duration_since(facts.not_before).unwrap_or_default();
    let reserve = (validity / 3).min(Duration::from_secs(30 * 24 * 60 * 60));
    if now + reserve >= facts.not_after {
        return Some(Why::Expiring);
    }
    let has = |host: &String| match host.parse::<IpAddr>() {
        Ok(address) => facts.addresses.contains(&address.to_canonical()),
        Err(_) => facts.dns_names.contains(host),
    };
    (!hosts.iter().all(has)).then_some(Why::OtherHosts)
}

fn make(
    hosts: &[String],
    not_before: SystemTime,
    not_after: SystemTime,
) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::from(not_before);
    params.not_after = OffsetDateTime::from(not_after);
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "etcd");
    params.distinguished_name = name;
    for host in hosts {
        let san = match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.as_str().try_into()?),
        };
        if !params.subject_alt_names.contains(&san) {
            params.subject_alt_names.push(san);
        }
    }
    // No authority: whoever pins it trusts this one certificate.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Writes a file beside its place, makes it durable and moves it there.
fn put(path: &Path, text: &str, mode: u32) -> Result<(), AutoError> {
    let beside = path.with_extension("pem.tmp");
    let write = || {
        if beside.try_exists()? {
            fs::remove_file(&beside)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|cause| AutoError::Write { path: path.to_owned(), cause })
}

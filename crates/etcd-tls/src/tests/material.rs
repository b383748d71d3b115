//! Authorities, certificates and lists for tests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber,
};
use time::OffsetDateTime;
use tokio_rustls::TlsConnector;

use crate::{Acceptor, Options, Pair, Tls};

pub(super) const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// An authority whose files are in a directory.
pub(super) struct Authority {
    pub(super) directory: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a certificate is to say.
pub(super) struct Leaf<'a> {
    pub(super) common_name: &'a str,
    pub(super) hosts: &'a [&'a str],
    pub(super) serial: u64,
    pub(super) from: SystemTime,
    pub(super) to: SystemTime,
    pub(super) usages: &'a [ExtendedKeyUsagePurpose],
}

impl Default for Leaf<'_> {
    fn default() -> Self {
        let now = SystemTime::now();
        Self {
            common_name: "",
            hosts: &["127.0.0.1", "member.test"],
            serial: 1,
            from: now - DAY,
            to: now + 90 * DAY,
            usages: &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        }
    }
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        Self::valid_until(name, SystemTime::now() + 365 * DAY)
    }

    pub(super) fn valid_until(name: &str, end: SystemTime) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = OffsetDateTime::from(SystemTime::now() - 10 * DAY);
        params.not_after = OffsetDateTime::from(end);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), &pem).unwrap();
        Self { directory, issuer: Issuer::new(params, key), pem }
    }

    /// An authority that this one vouches for.
    pub(super) fn intermediate(&self, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self { directory: tempfile::tempdir().unwrap(), issuer: Issuer::new(params, key), pem }
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn sign(&self, leaf: &Leaf<'_>) -> (String, String) {
        let hosts: Vec<String> = leaf.hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = DistinguishedName::new();
        if !leaf.common_name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, leaf.common_name);
        }
        params.serial_number = Some(SerialNumber::from(leaf.serial));
        params.not_before = OffsetDateTime::from(leaf.from);
        params.not_after = OffsetDateTime::from(leaf.to);
        params.extended_key_usages = leaf.usages.to_vec();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    pub(super) fn pair(&self, name: &str, leaf: &Leaf<'_>) -> Pair {
        let (cert, key) = self.sign(leaf);
        write_pair(self.directory.path(), name, &cert, &key)
    }

    pub(super) fn crl(&self, name: &str, serials: &[u64]) -> PathBuf {
        let now = OffsetDateTime::from(SystemTime::now());
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: now + DAY,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.directory.path().join(name);
        std::fs::write(&path, params.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        path
    }
}

pub(super) fn write_pair(directory: &Path, name: &str, cert: &str, key: &str) -> Pair {
    let pair =
        Pair { cert: directory.join(format!("{name}.pem")), key: directory.join(format!("{name}-key.pem")) };
    std::fs::write(&pair.cert, cert).unwrap();
    std::fs::write(&pair.key, key).unwrap();
    pair
}

/// Shakes hands in memory; what each side says to it. The server is asked first: with TLS 1.3 a client is done before
/// it knows whether it is let in.
pub(super) async fn shake(
    server: &Arc<Tls>,
    client: &Arc<Tls>,
    host: &str,
) -> (Result<(), String>, Result<(), String>) {
    let (near, far) = tokio::io::duplex(1 << 14);
    let acceptor = Acceptor::new("client", Arc::clone(server), 16);
    let name = client.server_name(host).unwrap();
    let connector = TlsConnector::from(client.client_config().unwrap());
    let (accepted, connected) = tokio::join!(acceptor.accept(near, REMOTE), connector.connect(name, far));
    (
        accepted.map(drop).map_err(|error| error.to_string()),
        connected.map(drop).map_err(|error| error.to_string()),
    )
}

pub(super) fn tls(options: Options) -> Arc<Tls> {
    Tls::load(options).unwrap()
}

//! Files with certificates, keys and revocation lists. Their seeds are files in `corpus/`.

use etcd_tls::{Options, Pair, Tls};
use tempfile::NamedTempFile;

/// The seeds are files.
pub(crate) fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

fn file(data: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), data).expect("it can be written");
    file
}

/// One file as certificate and key, and as trusted certificates.
pub(crate) fn pem(data: &[u8]) {
    let file = file(data);
    let pair = Pair { cert: file.path().to_owned(), key: file.path().to_owned() };
    if let Ok(tls) = Tls::load(Options { server: Some(pair), ..Options::default() }) {
        assert!(tls.server_config().is_some(), "a pair that was taken can be shown");
    }
    let trusted = Options { trusted_ca: Some(file.path().to_owned()), ..Options::default() };
    if let Ok(tls) = Tls::load(trusted) {
        assert_eq!(tls.certificates().len(), 1, "the end of what is trusted is known");
        tls.client_config().expect("nothing else is needed to connect");
    }
}

pub(crate) fn crl(data: &[u8]) {
    let file = file(data);
    let _loaded = Tls::load(Options { crl: Some(file.path().to_owned()), ..Options::default() });
}

/// A certificate as a client shows it.
pub(crate) fn certificate(data: &[u8]) {
    let _name = etcd_tls::common_name(data);
}

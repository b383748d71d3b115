//! PEM files: the one place that reads them.

use std::fs;
use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::error::{LoadError, malformed};
use crate::options::Pair;

/// Files larger than this are no certificates.
const LIMIT: u64 = 64 << 20;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let open = |cause| LoadError::Open { path: path.to_owned(), cause };
    let size = fs::metadata(path).map_err(open)?.len();
    if size > LIMIT {
        return Err(malformed(path, format_args!("{size} bytes are too many")));
    }
    fs::read(path).map_err(open)
}

/// Every certificate in the file, in its order; at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let bytes = read(path)?;
    let found = rustls_pemfile::certs(&mut bytes.as_slice())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| malformed(path, error))?;
    if found.is_empty() {
        return Err(LoadError::NoCertificate { path: path.to_owned() });
    }
    Ok(found)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, LoadError> {
    let bytes = read(path)?;
    let encrypted = bytes.windows(9).any(|word| word == b"ENCRYPTED");
    match rustls_pemfile::private_key(&mut bytes.as_slice()) {
        Ok(Some(key)) => Ok(key),
        _ if encrypted => Err(LoadError::EncryptedKey { path: path.to_owned() }),
        Ok(None) => Err(LoadError::NoKey { path: path.to_owned() }),
        Err(error) => Err(malformed(path, error)),
    }
}

/// A certificate and its key, which belong together.
pub(crate) fn certified_key(pair: &Pair, provider: &CryptoProvider) -> Result<CertifiedKey, LoadError> {
    let chain = certificates(&pair.cert)?;
    let key = key(&pair.key)?;
    let signing = provider.key_provider.load_private_key(key).map_err(|error| LoadError::UnsupportedKey {
        path: pair.key.clone(),
        reason: match error {
            Error::General(reason) => reason,
            error => error.to_string(),
        },
    })?;
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => {
            Err(LoadError::KeyMismatch { cert: pair.cert.clone(), key: pair.key.clone() })
        }
        Err(error) => Err(malformed(&pair.cert, error)),
    }
}

/// Every list in the file: PEM, or one in DER, which is what Go's etcd reads.
pub(crate) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, LoadError> {
    let bytes = read(path)?;
    let found = rustls_pemfile::crls(&mut bytes.as_slice())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| malformed(path, error))?;
    Ok(if found.is_empty() { vec![bytes.into()] } else { found })
}

//! Keys in PEM files, in the forms that openssl and Go write.

use ring::rand::SecureRandom;
use ring::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair};
use x509_parser::der_parser::ber::{BerObject, BerObjectContent};
use x509_parser::der_parser::der::parse_der;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo, X509Certificate};

/// What a public key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    Ecdsa,
    Ed25519,
}

impl Kind {
    /// The identifier in a public key's header.
    const fn oid(self) -> &'static str {
        match self {
            Self::Rsa => "1.2.840.113549.1.1.1",
            Self::Ecdsa => "1.2.840.10045.2.1",
            Self::Ed25519 => "1.3.101.112",
        }
    }
}

/// The public key in the first block of the file, as ring wants it: alone, in a certificate, or in PKCS #1.
pub(super) fn public(file: &[u8], kind: Kind) -> Option<Vec<u8>> {
    let block = first(file)?;
    let bits = |info: &SubjectPublicKeyInfo<'_>| {
        let fits = info.algorithm.algorithm.to_id_string() == kind.oid();
        fits.then(|| info.subject_public_key.data.to_vec())
    };
    if let Ok((_, info)) = SubjectPublicKeyInfo::from_der(&block.contents) {
        return bits(&info);
    }
    if let Ok((_, certificate)) = X509Certificate::from_der(&block.contents) {
        return bits(certificate.public_key());
    }
    (kind == Kind::Rsa && block.label == "RSA PUBLIC KEY").then_some(block.contents)
}

/// An RSA key in PKCS #1 or PKCS #8.
pub(super) fn rsa(file: &[u8]) -> Result<RsaKeyPair, String> {
    let block = first(file).ok_or_else(no_block)?;
    RsaKeyPair::from_der(&block.contents)
        .or_else(|_| RsaKeyPair::from_pkcs8(&block.contents))
        .map_err(|error| error.to_string())
}

/// An ECDSA key in SEC 1 or PKCS #8; its public half must be in it.
pub(super) fn ecdsa(
    file: &[u8],
    algorithm: &'static EcdsaSigningAlgorithm,
    random: &dyn SecureRandom,
) -> Result<EcdsaKeyPair, String> {
    // openssl writes the name of the curve into a block of its own first.
    let blocks = Pem::iter_from_buffer(file).flatten();
    let block = blocks.into_iter().find(|block| block.label != "EC PARAMETERS").ok_or_else(no_block)?;
    let pair = match sec1(&block.contents) {
        Some((private, public)) => {
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &public, random)
        }
        None => EcdsaKeyPair::from_pkcs8(algorithm, &block.contents, random),
    };
    pair.map_err(|error| error.to_string())
}

/// An Ed25519 key in PKCS #8.
pub(super) fn ed25519(file: &[u8]) -> Result<Ed25519KeyPair, String> {
    let block = first(file).ok_or_else(no_block)?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&block.contents).map_err(|error| error.to_string())
}

/// `ECPrivateKey` of RFC 5915: version 1, the private number, and after the curve the public point.
fn sec1(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, key) = parse_der(der).ok()?;
    let parts = key.as_sequence().ok()?;
    if parts.first()?.as_u32().ok()? != 1 {
        return None;
    }
    let private = parts.get(1)?.as_slice().ok()?.to_vec();
    let public = parts.iter().find(|part| {
        part.header.tag().0 == 1 && part.header.class() != x509_parser::asn1_rs::Class::Universal
    })?;
    Some((private, bit_string(public)?))
}

/// The bits inside an explicitly tagged bit string.
fn bit_string(part: &BerObject<'_>) -> Option<Vec<u8>> {
    let (_, inner) = parse_der(part.as_slice().ok()?).ok()?;
    match inner.content {
        BerObjectContent::BitString(0, bits) => Some(bits.data.to_vec()),
        _ => None,
    }
}

fn first(file: &[u8]) -> Option<Pem> {
    Pem::iter_from_buffer(file).flatten().next()
}

fn no_block() -> String {
    "no PEM block".to_owned()
}

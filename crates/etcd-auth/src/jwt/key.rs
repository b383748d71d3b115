//! The key of one algorithm: for signing, or only for checking.

mod files;

use ring::rand::SecureRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair, UnparsedPublicKey};
use ring::{hmac, signature::EcdsaSigningAlgorithm};

use super::{Algorithm, SignError};

/// The keys that are given cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither key is given, or not the secret of an HS algorithm.
    #[error("missing key data: give priv-key, or pub-key for a member that only checks tokens")]
    Missing,
    /// The two keys are not a pair.
    #[error("public and private keys don't match")]
    Mismatch,
    /// The private key is not one of this algorithm.
    #[error("priv-key holds no private key for {algorithm} ({reason})")]
    Private {
        /// The algorithm.
        algorithm: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The public key is not one of this algorithm.
    #[error("pub-key holds no public key for {algorithm}")]
    Public {
        /// The algorithm.
        algorithm: &'static str,
    },
}

pub(super) enum Key {
    Rsa {
        pair: Option<Box<RsaKeyPair>>,
        public: Vec<u8>,
        algorithm: Rsa,
    },
    Ecdsa {
        pair: Option<Box<EcdsaKeyPair>>,
        public: Vec<u8>,
        algorithm: &'static signature::EcdsaVerificationAlgorithm,
    },
    Ed25519 {
        pair: Option<Box<Ed25519KeyPair>>,
        public: Vec<u8>,
    },
    Hmac(hmac::Key),
}

/// Padding and digest.
pub(super) struct Rsa {
    sign: &'static dyn signature::RsaEncoding,
    verify: &'static signature::RsaParameters,
}

impl Key {
    pub(super) fn new(
        algorithm: Algorithm,
        public: Option<&[u8]>,
        private: Option<&[u8]>,
        random: &dyn SecureRandom,
    ) -> Result<Self, KeyError> {
        let name = algorithm.name();
        let public = |kind| match public.filter(|file| !file.is_empty()) {
            Some(file) => files::public(file, kind).map(Some).ok_or(KeyError::Public { algorithm: name }),
            None => Ok(None),
        };
        let private = private.filter(|file| !file.is_empty());
        if let Some(digest) = hmac_of(algorithm) {
            return Ok(Self::Hmac(hmac::Key::new(digest, private.ok_or(KeyError::Missing)?)));
        }
        let rejected = |reason: String| KeyError::Private { algorithm: name, reason };
        if let Some(rsa) = rsa_of(algorithm) {
            let pair = private.map(files::rsa).transpose().map_err(rejected)?.map(Box::new);
            let own = pair.as_ref().map(|pair| pair.public_key().as_ref().to_vec());
            let public = one_of(own, public(files::Kind::Rsa)?)?;
            return Ok(Self::Rsa { pair, public, algorithm: rsa });
        }
        if let Some((sign, verify)) = ecdsa_of(algorithm) {
            let pair = private.map(|file| files::ecdsa(file, sign, random)).transpose();
            let pair = pair.map_err(rejected)?.map(Box::new);
            let own = pair.as_ref().map(|pair| pair.public_key().as_ref().to_vec());
            let public = one_of(own, public(files::Kind::Ecdsa)?)?;
            return Ok(Self::Ecdsa { pair, public, algorithm: verify });
        }
        let pair = private.map(files::ed25519).transpose().map_err(rejected)?.map(Box::new);
        let own = pair.as_ref().map(|pair| pair.public_key().as_ref().to_vec());
        let public = one_of(own, public(files::Kind::Ed25519)?)?;
        Ok(Self::Ed25519 { pair, public })
    }

    pub(super) fn sign(&self, message: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Rsa { pair, algorithm, .. } => {
                let pair = pair.as_ref().ok_or(SignError::VerifyOnly)?;
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(algorithm.sign, random, message, &mut signature);
                signed.map_err(|_| SignError::Failed)?;
                Ok(signature)
            }
            Self::Ecdsa { pair, .. } => {
                let pair = pair.as_ref().ok_or(SignError::VerifyOnly)?;
                let signature = pair.sign(random, message).map_err(|_| SignError::Failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519 { pair, .. } => {
                let pair = pair.as_ref().ok_or(SignError::VerifyOnly)?;
                Ok(pair.sign(message).as_ref().to_vec())
            }
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { public, algorithm, .. } => {
                UnparsedPublicKey::new(algorithm.verify, public).verify(message, signature).is_ok()
            }
            Self::Ecdsa { public, algorithm, .. } => {
                UnparsedPublicKey::new(*algorithm, public).verify(message, signature).is_ok()
            }
            Self::Ed25519 { public, .. } => {
                UnparsedPublicKey::new(&signature::ED25519, public).verify(message, signature).is_ok()
            }
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

/// The public key, from the pair or given alone; when both are there they must be the same.
fn one_of(own: Option<Vec<u8>>, given: Option<Vec<u8>>) -> Result<Vec<u8>, KeyError> {
    match (own, given) {
        (Some(own), Some(given)) if own != given => Err(KeyError::Mismatch),
        (Some(public), _) | (None, Some(public)) => Ok(public),
        (None, None) => Err(KeyError::Missing),
    }
}

fn hmac_of(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

fn rsa_of(algorithm: Algorithm) -> Option<Rsa> {
    let (sign, verify): (&'static dyn signature::RsaEncoding, _) = match algorithm {
        Algorithm::Rs256 => (&signature::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => (&signature::RSA_PKCS1_SHA384, &signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => (&signature::RSA_PKCS1_SHA512, &signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => (&signature::RSA_PSS_SHA256, &signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => (&signature::RSA_PSS_SHA384, &signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => (&signature::RSA_PSS_SHA512, &signature::RSA_PSS_2048_8192_SHA512),
        _ => return None,
    };
    Some(Rsa { sign, verify })
}

/// JSON Web Tokens carry the two numbers of a signature side by side, which ring calls "fixed".
fn ecdsa_of(
    algorithm: Algorithm,
) -> Option<(&'static EcdsaSigningAlgorithm, &'static signature::EcdsaVerificationAlgorithm)> {
    match algorithm {
        Algorithm::Es256 => {
            Some((&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &signature::ECDSA_P256_SHA256_FIXED))
        }
        Algorithm::Es384 => {
            Some((&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &signature::ECDSA_P384_SHA384_FIXED))
        }
        _ => None,
    }
}

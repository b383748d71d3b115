//! JSON Web Tokens: a user and a revision, signed.

mod algorithm;
mod key;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SecureRandom;
use serde_json::{Value, json};

pub use algorithm::Algorithm;
pub use key::KeyError;

use crate::Identity;
use key::Key;

/// Longer texts are not looked at.
const MAX_BYTES: usize = 16 << 10;

/// Signs and checks tokens of one algorithm with one key.
///
/// # Source
/// etcd `server/auth/jwt.go`: the claims `username`, `revision` and `exp`.
pub struct Jwt {
    algorithm: Algorithm,
    key: Key,
    ttl: Duration,
}

/// What a token has proven.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    who: Identity,
    /// In seconds since 1970.
    expires: Option<f64>,
}

impl Proven {
    /// Whom the token speaks for, while it is good.
    pub fn at(&self, now: Duration) -> Option<&Identity> {
        let is_good = self.expires.is_none_or(|expires| now.as_secs_f64() < expires);
        is_good.then_some(&self.who)
    }
}

/// A token could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// Only a public key is there; etcd's words.
    #[error("auth: token signing attempted with verify-only key")]
    VerifyOnly,
    /// The signature could not be computed.
    #[error("auth: cannot sign a token")]
    Failed,
}

impl Jwt {
    /// Tokens that are good for `ttl`, with keys given as the contents of their files.
    ///
    /// # Errors
    /// [`KeyError`] when no key is given, or one that does not fit the algorithm or the other key.
    pub fn new(
        algorithm: Algorithm,
        public_key: Option<&[u8]>,
        private_key: Option<&[u8]>,
        ttl: Duration,
        random: &dyn SecureRandom,
    ) -> Result<Self, KeyError> {
        Ok(Self { algorithm, key: Key::new(algorithm, public_key, private_key, random)?, ttl })
    }

    /// Makes a token; `now` counts from 1970.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(
        &self,
        who: &Identity,
        now: Duration,
        random: &dyn SecureRandom,
    ) -> Result<String, SignError> {
        let header = json!({ "alg": self.algorithm.name(), "typ": "JWT" });
        let expires = (now + self.ttl).as_secs();
        let claims = json!({ "exp": expires, "revision": who.revision(), "username": who.user() });
        let mut text = URL_SAFE_NO_PAD.encode(header.to_string());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut text);
        let signature = self.key.sign(text.as_bytes(), random)?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(text)
    }

    /// Whom the token speaks for; none when it is malformed, of another algorithm or key, or not good at `now`.
    ///
    /// Takes some ten microseconds with the asymmetric algorithms: what is proven may be kept.
    pub fn verify(&self, token: &str, now: Duration) -> Option<Proven> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        // Before the signature: a key must never be used for another algorithm than its own.
        if object(header)?.get("alg")?.as_str()? != self.algorithm.name() {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !self.key.verifies(signed.as_bytes(), &signature) {
            return None;
        }
        let claims = object(claims)?;
        let expires = match claims.get("exp") {
            Some(exp) => Some(exp.as_f64()?),
            None => None,
        };
        if claims.get("nbf").is_some_and(|nbf| nbf.as_f64().is_none_or(|nbf| now.as_secs_f64() < nbf)) {
            return None;
        }
        let user = claims.get("username")?.as_str()?;
        let revision = whole(claims.get("revision")?)?;
        let proven = Proven { who: Identity::new(user, revision), expires };
        proven.at(now).is_some().then_some(proven)
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("algorithm", &self.algorithm)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

fn object(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok().filter(Value::is_object)
}

/// A number, as Go's JSON reads it: a fraction is cut off.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64))
}

#[cfg(test)]
mod tests;

//! The text of `--auth-token`.

use std::time::Duration;

use crate::Algorithm;

/// Which tokens a member hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenOptions {
    /// Random ones, kept in a table.
    Simple,
    /// Signed ones.
    Jwt(JwtOptions),
}

/// How JSON Web Tokens are signed. Paths are not read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtOptions {
    /// `sign-method`.
    pub algorithm: Algorithm,
    /// `pub-key`: path of a PEM file; enough to check tokens, not to make them.
    pub public_key: Option<String>,
    /// `priv-key`: path of a PEM file; for the HS algorithms of the secret itself.
    pub private_key: Option<String>,
    /// `ttl`.
    pub ttl: Duration,
    /// Options that nobody knows; etcd warns of them and goes on.
    pub unknown: Vec<String>,
}

/// The text is not a description of tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// Neither `simple` nor `jwt`.
    #[error("unknown token type {0:?}; use 'simple', or 'jwt' with its options")]
    Type(String),
    /// Not `name=value`.
    #[error("{0:?} is not an option; write name=value")]
    Option(String),
    /// An option is given twice.
    #[error("option {0} is given twice")]
    Twice(String),
    /// The signing method is missing or not known.
    #[error(
        "sign-method {0:?} is not known; use RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, HS256, HS384, HS512 or EdDSA"
    )]
    SignMethod(String),
    /// ES512.
    #[error("sign-method ES512 is not available: there is no P-521 here; use ES384, ES256 or EdDSA")]
    Es512,
    /// The life time does not parse.
    #[error("ttl {0:?} is not a duration such as 5m")]
    Ttl(String),
}

impl TokenOptions {
    /// How long a JSON Web Token is good when `ttl` does not say.
    pub const JWT_TTL: Duration = Duration::from_secs(300);

    /// Reads `simple`, or `jwt,sign-method=…,pub-key=…,priv-key=…,ttl=…`; `duration` reads Go's durations.
    ///
    /// # Errors
    /// [`OptionsError`].
    ///
    /// # Source
    /// etcd `server/auth/store.go` `decomposeOpts`, `server/auth/options.go`.
    pub fn parse(text: &str, duration: impl Fn(&str) -> Option<Duration>) -> Result<Self, OptionsError> {
        let mut parts = text.split(',');
        let kind = parts.next().unwrap_or_default();
        let mut options: Vec<(&str, &str)> = Vec::new();
        for part in parts {
            let mut halves = part.split('=');
            let (Some(name), Some(value), None) = (halves.next(), halves.next(), halves.next()) else {
                return Err(OptionsError::Option(part.to_owned()));
            };
            if options.iter().any(|(known, _)| *known == name) {
                return Err(OptionsError::Twice(name.to_owned()));
            }
            options.push((name, value));
        }
        match kind {
            "simple" => Ok(Self::Simple),
            "jwt" => jwt(&options, duration).map(Self::Jwt),
            other => Err(OptionsError::Type(other.to_owned())),
        }
    }
}

fn jwt(
    options: &[(&str, &str)],
    duration: impl Fn(&str) -> Option<Duration>,
) -> Result<JwtOptions, OptionsError> {
    let get = |name: &str| {
        let found = options.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned()).filter(|value| !value.is_empty())
    };
    let method = get("sign-method").unwrap_or_default();
    if method == "ES512" {
        return Err(OptionsError::Es512);
    }
    let algorithm = Algorithm::named(&method).ok_or(OptionsError::SignMethod(method))?;
    let ttl = match get("ttl") {
        Some(text) => duration(&text).ok_or(OptionsError::Ttl(text))?,
        None => TokenOptions::JWT_TTL,
    };
    let known = ["sign-method", "pub-key", "priv-key", "ttl"];
    let unknown = options.iter().filter(|(name, _)| !known.contains(name));
    Ok(JwtOptions {
        algorithm,
        public_key: get("pub-key"),
        private_key: get("priv-key"),
        ttl,
        unknown: unknown.map(|(name, _)| (*name).to_owned()).collect(),
    })
}

#[cfg(test)]
mod tests;

//! The tokens that this member hands out and takes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use etcd_apply::AuthEvent;
use etcd_auth::{
    Identity, Jwt, JwtOptions, KeyError, OptionsError, Proven, SignError, SimpleTokens, TokenOptions,
};
use etcd_config::Config;
use parking_lot::RwLock;
use rand::distr::{Alphabetic, SampleString as _};
use ring::rand::SystemRandom;
use tracing::{error, warn};

/// Letters in a simple token.
const LETTERS: usize = 16;

/// etcd's default for `--auth-token-ttl`.
const SIMPLE_TTL: Duration = Duration::from_secs(300);

/// Signed tokens whose signature need not be checked again. Only good ones get in, so that strangers cannot fill it.
const PROVEN: usize = 4096;

/// `--auth-token` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The text makes no sense.
    #[error("--auth-token: {0}")]
    Options(#[from] OptionsError),
    /// A key file cannot be read.
    #[error("--auth-token: cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The keys do not fit.
    #[error("--auth-token: {0}")]
    Key(#[from] KeyError),
}

/// One kind of tokens.
pub(crate) enum Tokens {
    Simple { table: RwLock<SimpleTokens>, started: Instant },
    Jwt { jwt: Jwt, proven: RwLock<HashMap<Box<str>, Proven>>, random: SystemRandom },
}

impl Tokens {
    /// The kind that the flags ask for.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(crate) fn of(config: &Config) -> Result<Self, TokenError> {
        match TokenOptions::parse(&config.auth_token, etcd_config::parse_duration)? {
            TokenOptions::Simple => {
                warn!("simple token is not cryptographically signed");
                let ttl = if config.auth_token_ttl.is_zero() { SIMPLE_TTL } else { config.auth_token_ttl };
                let table = RwLock::new(SimpleTokens::new(ttl));
                Ok(Self::Simple { table, started: Instant::now() })
            }
            TokenOptions::Jwt(options) => signed(&options),
        }
    }

    pub(super) fn follow(&self, event: &AuthEvent<'_>) {
        let Self::Simple { table, started } = self else { return };
        match event {
            AuthEvent::LoggedIn { user, secret, index } => {
                table.write().assign(user, secret, *index, started.elapsed());
            }
            AuthEvent::Revoked { user } => table.write().revoke(user),
            AuthEvent::AllRevoked => table.write().clear(),
            _ => {}
        }
    }

    /// Whose the token is. A simple one proves it for `revision`, which is that of now.
    pub(super) fn identify(&self, token: &str, revision: u64) -> Option<Identity> {
        match self {
            Self::Simple { table, started } => {
                let user = table.read().user(token, started.elapsed())?;
                Some(Identity::new(user, revision))
            }
            Self::Jwt { jwt, proven, .. } => verify(jwt, proven, token),
        }
    }

    /// Whether a token that is not known may become known as the log is applied.
    pub(super) fn may_come(&self, token: &str) -> bool {
        matches!(self, Self::Simple { .. }) && SimpleTokens::is_token(token)
    }

    /// The random part of a new token.
    pub(super) fn secret(&self) -> String {
        match self {
            Self::Simple { .. } => Alphabetic.sample_string(&mut rand::rng(), LETTERS),
            Self::Jwt { .. } => String::new(),
        }
    }

    /// The token of a login that was applied at `index`.
    pub(super) fn issue(&self, who: &Identity, secret: &str, index: u64) -> Result<String, SignError> {
        match self {
            Self::Simple { .. } => Ok(SimpleTokens::text(secret, index)),
            Self::Jwt { jwt, random, .. } => jwt.sign(who, since_1970(), random),
        }
    }
}

fn signed(options: &JwtOptions) -> Result<Tokens, TokenError> {
    if !options.unknown.is_empty() {
        warn!(options = options.unknown.join(","), "unknown JWT options are ignored");
    }
    let read = |path: &Option<String>| match path {
        Some(path) => {
            std::fs::read(path).map(Some).map_err(|source| TokenError::Read { path: path.into(), source })
        }
        None => Ok(None),
    };
    let (public, private) = (read(&options.public_key)?, read(&options.private_key)?);
    let random = SystemRandom::new();
    let jwt = Jwt::new(options.algorithm, public.as_deref(), private.as_deref(), options.ttl, &random)?;
    Ok(Tokens::Jwt { jwt, proven: RwLock::default(), random })
}

fn verify(jwt: &Jwt, known: &RwLock<HashMap<Box<str>, Proven>>, token: &str) -> Option<Identity> {
    let now = since_1970();
    if let Some(proven) = known.read().get(token) {
        return proven.at(now).cloned();
    }
    let proven = jwt.verify(token, now)?;
    let who = proven.at(now).cloned();
    let mut known = known.write();
    if known.len() >= PROVEN {
        known.clear();
    }
    known.insert(token.into(), proven);
    who
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_else(|_| {
        error!("the system's clock stands before 1970");
        Duration::ZERO
    })
}

//! Simple tokens: random letters, a dot, and the index of the log entry that made them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Most tokens that are remembered; beyond it the oldest are forgotten, and their users log in again.
const MAX_TOKENS: usize = 1 << 17;

/// How often tokens that have expired are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Which simple tokens this member knows, and whose they are.
///
/// Every member fills its own table from the log, so that a token is good on all of them; how long it lives is each
/// member's own business, and every use there renews it. Times are counted from any fixed moment.
///
/// # Source
/// etcd `server/auth/simple_token.go`.
pub struct SimpleTokens {
    ttl: Duration,
    /// By index, of which every token has its own: the secret part needs not be searched for, only compared.
    tokens: BTreeMap<u64, Token>,
    next_sweep: Duration,
}

struct Token {
    secret: Box<str>,
    user: Arc<str>,
    /// In milliseconds.
    expires: AtomicU64,
}

impl SimpleTokens {
    /// An empty table whose tokens live for `ttl` after their last use.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, tokens: BTreeMap::new(), next_sweep: Duration::ZERO }
    }

    /// Remembers the token that the entry at `index` makes for `user` of the random text `secret`.
    pub fn assign(&mut self, user: &str, secret: &str, index: u64, now: Duration) {
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            let now = millis(now);
            self.tokens.retain(|_, token| token.expires.load(Ordering::Relaxed) > now);
        }
        let expires = AtomicU64::new(millis(now + self.ttl));
        self.tokens.insert(index, Token { secret: secret.into(), user: user.into(), expires });
        if self.tokens.len() > MAX_TOKENS {
            self.tokens.pop_first();
        }
    }

    /// The token's text.
    pub fn text(secret: &str, index: u64) -> String {
        format!("{secret}.{index}")
    }

    /// Whose the token is, and renews it.
    pub fn user(&self, text: &str, now: Duration) -> Option<Arc<str>> {
        let (secret, index) = text.split_once('.')?;
        let token = self.tokens.get(&index.parse().ok()?)?;
        if !equal(token.secret.as_bytes(), secret.as_bytes())
            || token.expires.load(Ordering::Relaxed) <= millis(now)
        {
            return None;
        }
        token.expires.fetch_max(millis(now + self.ttl), Ordering::Relaxed);
        Some(Arc::clone(&token.user))
    }

    /// Whether the text has the form of a token, known or not.
    pub fn is_token(text: &str) -> bool {
        text.split_once('.').is_some_and(|(_, index)| index.parse::<u64>().is_ok())
    }

    /// Forgets every token of a user.
    pub fn revoke(&mut self, user: &str) {
        self.tokens.retain(|_, token| &*token.user != user);
    }

    /// Forgets every token.
    pub fn clear(&mut self) {
        self.tokens.clear();
    }
}

impl fmt::Debug for SimpleTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimpleTokens").field("ttl", &self.ttl).field("len", &self.tokens.len()).finish()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Compares in a time that depends on the lengths alone.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests;

//! Passwords: bcrypt, as Go etcd hashes and compares them. Both take tens of milliseconds by design: never on the
//! thread of a connection, nor while entries are applied.

use bcrypt::Version;

/// The lowest cost that can be asked for.
pub const MIN_COST: u32 = 4;
/// The highest cost that can be asked for.
pub const MAX_COST: u32 = 31;
/// The cost that is used when nobody asks for another.
pub const DEFAULT_COST: u32 = 10;

/// Longer passwords are refused, since bcrypt would not look at the rest.
pub const MAX_BYTES: usize = 72;

/// A password that cannot be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// It is longer than [`MAX_BYTES`]; Go's words.
    #[error("bcrypt: password length exceeds 72 bytes")]
    TooLong,
    /// The cost is not between [`MIN_COST`] and [`MAX_COST`].
    #[error("bcrypt: cost {0} is outside allowed inclusive range 4..31")]
    Cost(u32),
}

/// Hashes a password; `salt` must be random, and new each time.
///
/// # Errors
/// [`HashError`].
pub fn hash(password: &str, cost: u32, salt: [u8; 16]) -> Result<String, HashError> {
    if password.len() > MAX_BYTES {
        return Err(HashError::TooLong);
    }
    if !(MIN_COST..=MAX_COST).contains(&cost) {
        return Err(HashError::Cost(cost));
    }
    let parts = bcrypt::hash_with_salt(password, cost, salt).map_err(|_| HashError::Cost(cost))?;
    Ok(parts.format_for_version(Version::TwoA))
}

/// A salt that follows from a user's name and the index of a log entry, for entries that carry a plain password:
/// all members must come to the same hash. A salt is no secret; it has to be another one each time.
pub fn salt_of(name: &str, index: u64) -> [u8; 16] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(b"etcd-auth salt");
    context.update(&index.to_be_bytes());
    context.update(name.as_bytes());
    let mut salt = [0; 16];
    salt.copy_from_slice(&context.finish().as_ref()[..16]);
    salt
}

/// Whether `password` is the one that was hashed; compares in constant time. What is no hash matches nothing.
pub fn matches(password: &str, hash: &[u8]) -> bool {
    std::str::from_utf8(hash).is_ok_and(|hash| bcrypt::verify(password, hash).unwrap_or(false))
}

/// What looks like a hash of this cost. Comparing with it takes as long as with a real one, so that the time of an
/// answer does not tell which users exist; what comes of it must not count.
pub fn decoy(cost: u32) -> String {
    let cost = cost.clamp(MIN_COST, MAX_COST);
    format!("$2a${cost:02}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
}

#[cfg(test)]
mod tests;

//! Tokens.

use std::fmt;

use rand::RngCore as _;

/// The name of one cluster to be: 32 or 40 lower-case hexadecimal digits. Whoever knows it may register.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token(String);

impl Token {
    /// A new one, of 16 bytes that nobody can guess.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads a token; none for anything else. Today's have 32 digits, those of etcd 2's time 40.
    ///
    /// ```
    /// use etcd_discovery_service::Token;
    ///
    /// assert!(Token::parse("3e86b59982e49066c5d813af1c2e2579cbf573de").is_some());
    /// assert!(Token::parse("../keys").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = matches!(text.len(), 32 | 40) && text.bytes().all(is_hex);
        is_token.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` may be the id of a member: up to 16 lower-case hexadecimal digits.
pub(crate) fn is_member_id(text: &str) -> bool {
    matches!(text.len(), 1..=16) && text.bytes().all(is_hex)
}

const fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_are_tokens_and_differ() {
        let (a, b) = (Token::random(), Token::random());
        assert_ne!(a, b);
        assert_eq!(Token::parse(&a.to_string()), Some(a));
    }

    #[test]
    fn only_hexadecimal_digits_of_the_right_number_pass() {
        for text in
            ["", "A", &"0".repeat(31), &"g".repeat(32), &"A".repeat(32), &"0".repeat(41), &"/".repeat(40)]
        {
            assert_eq!(Token::parse(text), None, "{text}");
        }
        assert!(is_member_id("8e9e05c52164694d") && is_member_id("1"));
        assert!(!is_member_id("") && !is_member_id("_config") && !is_member_id(&"1".repeat(17)));
    }
}

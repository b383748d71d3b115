use super::*;

const SALT: [u8; 16] = [7; 16];

#[test]
fn a_hash_matches_its_password_only() {
    let hashed = hash("p4ss", MIN_COST, SALT).unwrap();
    assert!(hashed.starts_with("$2a$04$") && hashed.len() == 60, "{hashed}");
    assert!(matches("p4ss", hashed.as_bytes()));
    assert!(!matches("p4ss ", hashed.as_bytes()));
    assert!(!matches("", hashed.as_bytes()));
    assert!(!matches("p4ss", b""));
    assert!(!matches("p4ss", b"p4ss"));
    assert!(!matches("p4ss", &[0xff; 60]));
}

#[test]
fn hashes_of_other_implementations_are_known() {
    // The openwall test vectors.
    for (password, known) in [
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    ] {
        assert!(matches(password, known.as_bytes()), "{password:?}");
    }
}

#[test]
fn limits_are_kept() {
    assert_eq!(hash(&"a".repeat(73), MIN_COST, SALT), Err(HashError::TooLong));
    assert!(hash(&"a".repeat(72), MIN_COST, SALT).is_ok());
    assert_eq!(hash("a", 3, SALT), Err(HashError::Cost(3)));
    assert_eq!(hash("a", 32, SALT), Err(HashError::Cost(32)));
    assert!(hash("nul\0inside", MIN_COST, SALT).is_ok());
}

#[test]
fn the_decoy_is_compared_like_a_real_hash() {
    assert_eq!(decoy(5).get(..7), Some("$2a$05$"));
    assert_eq!((decoy(0).get(..7), decoy(99).get(..7)), (Some("$2a$04$"), Some("$2a$31$")));
    // A known vector: only what is parsed and computed to its end can match.
    assert!(matches("U*U", decoy(5).as_bytes()));
}

use super::*;

const TTL: Duration = Duration::from_secs(300);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn user(tokens: &SimpleTokens, text: &str, seconds: u64) -> Option<String> {
    tokens.user(text, at(seconds)).map(|user| user.to_string())
}

#[test]
fn a_token_is_good_as_long_as_it_is_used() {
    let mut tokens = SimpleTokens::new(TTL);
    tokens.assign("ann", "abc", 7, at(0));
    assert_eq!(user(&tokens, "abc.7", 299), Some("ann".into()));
    assert_eq!(user(&tokens, "abc.7", 598), Some("ann".into()));
    assert_eq!(user(&tokens, "abc.7", 898), None);
    // A look does not wake up what has expired.
    assert_eq!(user(&tokens, "abc.7", 899), None);
}

#[test]
fn nothing_else_is_a_token() {
    let mut tokens = SimpleTokens::new(TTL);
    tokens.assign("ann", "abc", 7, at(0));
    for text in ["", ".", "abc", "abc.", "abc.8", "abd.7", "ab.7", "abc.07x", "abc.7.7", "abc.-7"] {
        assert_eq!(user(&tokens, text, 1), None, "{text:?}");
    }
    assert!(
        SimpleTokens::is_token("abc.8") && !SimpleTokens::is_token("abc") && !SimpleTokens::is_token("a.b.c")
    );
    assert_eq!(SimpleTokens::text("abc", 7), "abc.7");
}

#[test]
fn tokens_are_revoked_by_user_and_all_at_once() {
    let mut tokens = SimpleTokens::new(TTL);
    tokens.assign("ann", "abc", 7, at(0));
    tokens.assign("bob", "def", 8, at(0));
    tokens.revoke("ann");
    assert_eq!((user(&tokens, "abc.7", 1), user(&tokens, "def.8", 1)), (None, Some("bob".into())));
    tokens.clear();
    assert_eq!(user(&tokens, "def.8", 1), None);
}

#[test]
fn the_table_is_bounded_and_swept() {
    let mut tokens = SimpleTokens::new(TTL);
    for index in 0..=MAX_TOKENS as u64 {
        tokens.assign("ann", "abc", index, at(0));
    }
    assert_eq!((tokens.tokens.len(), user(&tokens, "abc.0", 1)), (MAX_TOKENS, None));
    tokens.assign("ann", "abc", u64::MAX, at(400));
    assert_eq!(tokens.tokens.len(), 1);
}

#[test]
fn secrets_do_not_show() {
    let mut tokens = SimpleTokens::new(TTL);
    tokens.assign("ann", "s3cret", 7, at(0));
    assert_eq!(format!("{tokens:?}"), "SimpleTokens { ttl: 300s, len: 1 }");
}

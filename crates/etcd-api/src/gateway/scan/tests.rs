use proptest::prelude::*;

use super::{Mistake, Scanner, check};

fn mistake(text: &str) -> String {
    check(text.as_bytes()).expect_err(text).0
}

#[test]
fn what_is_json_passes() {
    for text in [
        "{}",
        " [ ] ",
        "\"\\u00e4\\n\"",
        "-0.5e+10",
        "0",
        "1E2",
        "true",
        "false",
        "null",
        "{\"a\":[1,{\"b\":null}],\"c\":\"\"}",
    ] {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
    }
}

/// Observed on etcd 3.4.
#[test]
fn mistakes_are_told_as_go_tells_them() {
    for (text, expected) in [
        ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
        ("{\"a\" \"b\"}", "invalid character '\"' after object key"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("{\"a\":01}", "invalid character '1' after object key:value pair"),
        ("{\"a\":1.}", "invalid character '}' after decimal point in numeric literal"),
        ("{\"a\":1e}", "invalid character '}' in exponent of numeric literal"),
        ("-a", "invalid character 'a' in numeric literal"),
        ("[1 2]", "invalid character '2' after array element"),
        ("\"\\x\"", "invalid character 'x' in string escape code"),
        ("\"\\u12\"", "invalid character '\"' in \\u hexadecimal character escape"),
        ("\"\t\"", "invalid character '\\t' in string literal"),
        ("{\"a\":nul}", "invalid character '}' in literal null (expecting 'l')"),
        ("0x10", "invalid character 'x' after top-level value"),
        ("'", "invalid character '\\'' looking for beginning of value"),
        ("\u{fc}", "invalid character '\u{c3}' looking for beginning of value"),
        ("", "unexpected end of JSON input"),
        ("{\"a\"", "unexpected end of JSON input"),
        ("1.", "unexpected end of JSON input"),
    ] {
        assert_eq!(mistake(text), expected, "{text}");
    }
    assert_eq!(mistake(&"[".repeat(10_001)), "exceeded max depth");
}

#[test]
fn the_end_of_a_value_is_found_among_others() {
    let mut scanner = Scanner::default();
    assert_eq!(scanner.feed(b" {\"a\":[1,2]} {}"), Ok(Some(12)));
    assert_eq!(Scanner::default().feed(b"12 3"), Ok(Some(2)));
    assert_eq!(Scanner::default().feed(b"tru"), Ok(None));
}

proptest! {
    #[test]
    fn pieces_change_nothing(text in "[\\[\\]{}:,\"\\\\ a0-9truefalsn.e+-]{0,60}", cut in 0_usize..60) {
        let text = text.as_bytes();
        let cut = cut.min(text.len());
        let whole = Scanner::default().feed(text);
        let mut scanner = Scanner::default();
        let pieces = match scanner.feed(&text[..cut]) {
            Ok(None) => scanner.feed(&text[cut..]).map(|end| end.map(|end| cut + end)),
            ended => ended,
        };
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn agrees_with_another_parser(text in "[\\[\\]{}:,\"\\\\ a0-9truefalsn.e+-]{0,40}") {
        let other = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        prop_assert_eq!(check(text.as_bytes()).is_ok(), other.is_ok(), "{:?} {:?}", check(text.as_bytes()), other);
    }

    #[test]
    fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _answer: Result<(), Mistake> = check(&bytes);
    }
}

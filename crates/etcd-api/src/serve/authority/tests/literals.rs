//! Blocks without their frames.

use super::super::hpack::{Malformed, rewrite};

fn string(text: &str) -> Vec<u8> {
    super::string(text.as_bytes(), false)
}

#[test]
fn urls_become_authorities() {
    let check = |value: &str, expected: Option<&str>| {
        // With incremental indexing, without, never.
        for kind in [0x41, 0x01, 0x11] {
            let block = [&[0x83, kind], &*string(value), b"\x86"].concat();
            let expected = expected.map(|value| [&[0x83, kind], &*string(value), b"\x86"].concat());
            assert_eq!(rewrite(&block), Ok(expected), "{value}");
        }
    };
    check("http://127.0.0.1:2379", Some("127.0.0.1:2379"));
    check("https://etcd.example:2379", Some("etcd.example:2379"));
    check("HTTP://h:1", Some("h:1"));
    check("http://[::1]:2379", Some("[::1]:2379"));
    check("http://h:1/", Some("h:1"));
    check("http://h:1/path?query#fragment", Some("h:1"));
    check("http://h?query", Some("h"));
    check("unix:///run/etcd.sock", Some("localhost"));
    check("unixs://localhost:2379", Some("localhost"));
    check("/run/etcd.sock", Some("localhost"));
    check("/a", None);
    // As long as its replacement, and shorter: a value must not grow.
    check("unix://ab", Some("localhost"));
    check("unix://a", None);
    for other in [
        "",
        "h",
        "127.0.0.1:2379",
        "[::1]:2379",
        "http",
        "http:",
        "http:/",
        "http://",
        "http:///path",
        "ftp://h",
    ] {
        check(other, None);
    }
}

#[test]
fn all_spellings_of_the_name_are_known() {
    let value = string("http://h:1");
    let coded_name = b"\x88\xb8\x3b\x53\x39\xec\x32\x7d\x7f";
    for name in [b"\x41".as_slice(), b"\x40\x0a:authority", &[b"\x40", coded_name.as_slice()].concat()] {
        let block = [name, &value].concat();
        assert_eq!(rewrite(&block), Ok(Some([name, b"\x03h:1"].concat())), "{name:x?}");
    }
    // :method and a name that only looks like it.
    for name in [b"\x42".as_slice(), b"\x40\x0b:authority2", b"\x40\x88\xb8\x3b\x53\x39\xec\x32\x7d\x3f"] {
        assert_eq!(rewrite(&[name, &value].concat()), Ok(None), "{name:x?}");
    }
}

#[test]
fn everything_else_stays() {
    let url = string("http://h:1");
    // Size updates, short and long; indexes, short and long; other literals with the same value; two of ours.
    let before = [b"\x20\x3f\xe1\x1f\x82\xff\x80\x01\x44".as_slice(), &url, b"\x40\x01x", &url].concat();
    let after = [b"\x7f\x80\x01".as_slice(), &url, b"\x0f\x00\x00"].concat();
    let block = [&*before, b"\x41", &url, b"\x01", &url, &after].concat();
    let expected = [&*before, b"\x41\x03h:1\x01\x03h:1", &after].concat();
    assert_eq!(rewrite(&block), Ok(Some(expected)));
}

#[test]
fn a_long_value_is_rewritten() {
    for length in [126, 127, 128, 254, 255, 256, 5000, 70_000] {
        let host = "h".repeat(length);
        let block = [b"\x41", &*string(&format!("http://{host}"))].concat();
        let written = rewrite(&block).expect("a block").expect("a rewritten one");
        assert!(written == [b"\x41", &*string(&host)].concat(), "{length}");
    }
}

#[test]
fn damaged_blocks_are_told() {
    for block in [
        b"\x41".as_slice(),
        b"\x41\x05http",
        b"\x41\x7f",
        b"\x41\x7f\x80",
        b"\x41\x7f\xff\xff\xff\xff\x7f",
        b"\xff",
        b"\xff\xff\xff\xff\xff\xff\x00",
        b"\x40\x0a:author",
        b"\x40\x0a:authority",
        b"\x3f",
        b"\x41\x0ahttp://h:1\x41",
    ] {
        assert_eq!(rewrite(block), Err(Malformed), "{block:x?}");
    }
}

use super::{PeerUrl, UrlError, UrlPicker};

#[test]
fn urls_are_parsed() {
    for (text, host, port, tls) in [
        ("http://10.0.0.1:2380", "10.0.0.1", 2380, false),
        ("http://infra-0.example.com:2380/", "infra-0.example.com", 2380, false),
        ("https://[::1]:12380", "::1", 12380, true),
    ] {
        let url = PeerUrl::parse(text).unwrap();
        assert_eq!((url.host.as_str(), url.port, url.tls), (host, port, tls), "{text}");
        assert_eq!(url.as_str(), text.trim_end_matches('/'));
    }
}

#[test]
fn what_is_no_peer_url_is_refused() {
    for text in [
        "",
        "10.0.0.1:2380",
        "http://10.0.0.1",
        "http://:2380",
        "http://a:b:1",
        "ftp://10.0.0.1:21",
        "unix://tmp/socket",
        "http://user@host:2380",
        "http://host:99999",
        "http://ho st:1",
    ] {
        assert_eq!(PeerUrl::parse(text), Err(UrlError::Form { text: text.to_owned() }), "{text}");
    }
    assert_eq!(PeerUrl::parse_all(&[]), Err(UrlError::None));
}

#[test]
fn the_next_url_is_picked_after_a_failure_of_the_current_one() {
    let url = |n: u16| PeerUrl::parse(&format!("http://h:{n}")).unwrap();
    let picker = UrlPicker::new(vec![url(1), url(2)]);
    assert_eq!(picker.pick(), url(1));
    picker.unreachable(&url(2));
    assert_eq!(picker.pick(), url(1), "another one failed");
    picker.unreachable(&url(1));
    assert_eq!(picker.pick(), url(2));
    picker.unreachable(&url(2));
    assert_eq!(picker.pick(), url(1), "round and round");
    picker.unreachable(&url(1));
    picker.update(vec![url(3)]);
    assert_eq!(picker.pick(), url(3));
    picker.unreachable(&url(3));
    assert_eq!(picker.pick(), url(3), "there is no other");
    assert_eq!(picker.all(), ["http://h:3"]);
}

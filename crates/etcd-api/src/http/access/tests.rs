use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, StatusCode};

use super::{Access, host, without_port};

fn access(origins: &[&str], hosts: &[&str]) -> Access {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    Access::new(&owned(origins), &owned(hosts))
}

fn request(method: &str, host: &str) -> Request<()> {
    Request::builder().method(method).uri("/health").header(header::HOST, host).body(()).expect("a request")
}

#[test]
fn ports_are_no_part_of_a_host() {
    for (host, expected) in
        [("a:1", "a"), ("a", "a"), ("[::1]:1", "::1"), ("[::1]", "::1"), ("::1", "::1"), ("", ""), ("[", "[")]
    {
        assert_eq!(without_port(host), expected);
    }
    let second =
        Request::builder().uri("http://b:2/health").header(header::HOST, "a").body(()).expect("a request");
    assert_eq!(host(&second), "b", "HTTP/2 names it in the target");
}

#[test]
fn foreign_hosts_are_refused_in_plain_text_only() {
    let access = access(&["*"], &["a", "127.0.0.1"]);
    for (host, encrypted, refused) in [
        ("a:2379", false, false),
        ("127.0.0.1:1", false, false),
        ("b", false, true),
        ("b", true, false),
        ("", false, true),
    ] {
        let status = access.answer(&request("GET", host), encrypted).map(|response| response.status());
        assert_eq!(status, refused.then_some(StatusCode::MISDIRECTED_REQUEST), "{host}");
    }
}

#[test]
fn browsers_are_told_what_they_may_read() {
    let permitted = |access: &Access, origin: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        access.permit(origin.map(HeaderValue::from_static).as_ref(), &mut headers);
        headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
    };
    for open in [access(&["*"], &[]), access(&[], &[]), access(&["http://a", "*"], &[])] {
        assert_eq!(permitted(&open, None), Some(HeaderValue::from_static("*")));
    }
    let closed = access(&["http://a"], &[]);
    assert_eq!(permitted(&closed, Some("http://a")), Some(HeaderValue::from_static("http://a")));
    assert_eq!(permitted(&closed, Some("http://b")), None);
    assert_eq!(permitted(&closed, None), None);
    let asked = closed.answer(&request("OPTIONS", "x"), false).map(|response| response.status());
    assert_eq!(asked, Some(StatusCode::OK), "a question is answered, allowed or not");
    assert!(closed.answer(&request("GET", "x"), false).is_none());
}

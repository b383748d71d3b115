use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tonic::Code;

use super::{parse, timeout};

#[test]
fn timeouts_and_what_is_none() {
    let check = |text: &str, expected| assert_eq!(parse(text.as_bytes()), expected, "{text:?}");
    check("1H", Some(Duration::from_secs(3600)));
    check("2M", Some(Duration::from_secs(120)));
    check("3S", Some(Duration::from_secs(3)));
    check("4m", Some(Duration::from_millis(4)));
    check("5u", Some(Duration::from_micros(5)));
    check("6n", Some(Duration::from_nanos(6)));
    check("0m", Some(Duration::ZERO));
    check("99999999H", Some(Duration::from_secs(99_999_999 * 3600)));
    for bad in ["", "1", "S", "999999999S", "-1S", "1.5S", "1 S", "+1S", "1s", "1h"] {
        check(bad, None);
    }
}

#[test]
fn no_header_is_no_deadline_and_a_bad_one_an_error() {
    let mut headers = HeaderMap::new();
    assert_eq!(timeout(&headers).unwrap(), None);
    headers.insert("grpc-timeout", HeaderValue::from_static("10S"));
    assert_eq!(timeout(&headers).unwrap(), Some(Duration::from_secs(10)));
    headers.insert("grpc-timeout", HeaderValue::from_static("soon"));
    assert_eq!(timeout(&headers).unwrap_err().code(), Code::Internal);
}

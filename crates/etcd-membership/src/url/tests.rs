//! Syntax tables: the answers are etcd's.

use super::{Scheme, Url, Urls, UrlsMap};

#[test]
fn urls_are_kept_or_refused_with_the_text_of_etcd() {
    let check = |input: &str, want: Result<&str, &str>| {
        let got = input.parse::<Urls>().map(|urls| urls.to_string()).map_err(|error| error.to_string());
        assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned), "{input:?}");
    };
    check("http://10.0.1.10:2380", Ok("http://10.0.1.10:2380"));
    check("HTTP://host:80,https://[::1]:2380", Ok("http://host:80,https://[::1]:2380"));
    check(" http://a:1 , http://A:1", Ok("http://A:1,http://a:1"));
    check("http://b:1,http://a:1,http://b:1", Ok("http://a:1,http://b:1,http://b:1"));
    check("http://a:", Ok("http://a:"));
    check("unix:///var/run/etcd.sock", Ok("unix:///var/run/etcd.sock"));
    check("unixs://localhost:20379", Ok("unixs://localhost:20379"));
    check("http://a:1?x=1", Ok("http://a:1?x=1"));
    check("http://a:1#", Ok("http://a:1"));
    check("http://user:pw@a:1", Ok("http://user:pw@a:1"));
    check("", Err("URL scheme must be http, https, unix, or unixs: "));
    check("http://a:1,", Err("URL scheme must be http, https, unix, or unixs: "));
    check("ftp://a:1", Err("URL scheme must be http, https, unix, or unixs: ftp://a:1"));
    check("localhost:2380", Err("URL scheme must be http, https, unix, or unixs: localhost:2380"));
    check("//a:1", Err("URL scheme must be http, https, unix, or unixs: //a:1"));
    check("http://127.0.1.10", Err(r#"URL address does not have the form "host:port": http://127.0.1.10"#));
    check("http:", Err(r#"URL address does not have the form "host:port": http:"#));
    check("http://::1:80", Err(r#"URL address does not have the form "host:port": http://::1:80"#));
    check("http://[::1]", Err(r#"URL address does not have the form "host:port": http://[::1]"#));
    check("http://127.0.1.10:2380/", Err("URL must not contain a path: http://127.0.1.10:2380/"));
    check("http://a:1/b", Err("URL must not contain a path: http://a:1/b"));
    check("10.0.0.1:1", Err(r#"parse "10.0.0.1:1": first path segment in URL cannot contain colon"#));
    check(":1", Err(r#"parse ":1": missing protocol scheme"#));
    check("http://a:b", Err(r#"parse "http://a:b": invalid port ":b" after host"#));
    check("http://a:70000", Err(r#"parse "http://a:70000": invalid port ":70000" after host"#));
    check("http://[::1:80", Err(r#"parse "http://[::1:80": missing ']' in host"#));
    check("http://a b:1", Err(r#"parse "http://a b:1": invalid character " " in host name"#));
    check("http://a%20b:1", Err(r#"parse "http://a%20b:1": invalid URL escape "%20""#));
    check("http://a:1/%zz", Err(r#"parse "http://a:1/%zz": invalid URL escape "%zz""#));
    check("http://a\u{1}:1", Err(r#"parse "http://a\x01:1": net/url: invalid control character in URL"#));
    assert_eq!(
        Urls::new(Vec::<String>::new()).map_err(|e| e.to_string()),
        Err("no valid URLs given".to_owned())
    );
}

#[test]
fn a_url_gives_its_parts() {
    let check = |input: &str, authority: &str, host: &str, port: Option<u16>, path: &str| {
        let url: Url = input.parse().unwrap();
        assert_eq!(
            (url.authority(), url.host(), url.port(), url.path()),
            (authority, host, port, path),
            "{input}"
        );
    };
    check("http://10.0.1.10:2380", "10.0.1.10:2380", "10.0.1.10", Some(2380), "");
    check("https://[::1]:80", "[::1]:80", "::1", Some(80), "");
    check("http://:2379", ":2379", "", Some(2379), "");
    check("http://u:p@a:1?q", "a:1", "a", Some(1), "");
    check("http://a:1@a:1", "a:1", "a", Some(1), "");
    check("http://a:", "a:", "a", Some(0), "");
    check("unix:///run/x.sock", "", "", None, "/run/x.sock");
    check("unix:/run/x.sock", "", "", None, "/run/x.sock");
    let socket = |input: &str| input.parse::<Url>().unwrap().socket_path();
    assert_eq!(socket("unix:///run/x.sock").as_deref(), Some("/run/x.sock"));
    assert_eq!(socket("unix:/run/x.sock").as_deref(), Some("/run/x.sock"));
    assert_eq!(socket("unix://localhost:7").as_deref(), Some("localhost:7"));
    assert_eq!(socket("http://localhost:7"), None);
    assert_eq!("unixs://a".parse::<Url>().unwrap().scheme(), Scheme::Unixs);
}

#[test]
fn a_host_is_replaced_without_touching_the_rest() {
    let check = |input: &str, host: &str, want: &str| {
        assert_eq!(input.parse::<Url>().unwrap().with_host(host).as_str(), want);
    };
    check("http://0.0.0.0:2380", "10.0.0.5", "http://10.0.0.5:2380");
    check("http://localhost:1?q", "::1", "http://[::1]:1?q");
    check("http://a:1@a:1", "b", "http://a:1@b:1");
    check("unix:///a", "b", "unix:///a");
}

#[test]
fn maps_are_read_and_printed_like_etcd() {
    let check = |input: &str, want: Result<&str, &str>| {
        let got = input.parse::<UrlsMap>().map(|map| map.to_string()).map_err(|error| error.to_string());
        assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned), "{input:?}");
    };
    check("", Ok(""));
    check(",,", Ok(""));
    check("b=http://b:1,a=http://a:2,b=http://a:1", Ok("a=http://a:2,b=http://a:1,b=http://b:1"));
    check("a=http://a:1?x=y", Ok("a=http://a:1?x=y"));
    check("=http://a:1", Ok("=http://a:1"));
    check("infra0", Err("URL scheme must be http, https, unix, or unixs: "));
    check("a=http://a:1/", Err("URL must not contain a path: http://a:1/"));
    check("a=http://a", Err(r#"URL address does not have the form "host:port": http://a"#));
}

#[test]
fn a_url_given_twice_is_found() {
    let check = |input: &str, want: bool| {
        assert_eq!(input.parse::<UrlsMap>().unwrap().has_duplicate_url(), want, "{input}");
    };
    check("a=http://a:1,b=http://b:1", false);
    check("a=http://a:1,b=http://a:1", true);
    check("a=http://a:1,a=http://a:1", true);
    check("", false);
}

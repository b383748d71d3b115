//! Services that do what none should.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use etcd_discovery::DiscoveryError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::keys::{Keys, NoPauses, impatient, join, unhurried, url};

async fn error_of(keys: &Arc<Keys>) -> DiscoveryError {
    join(&unhurried(&keys.serve().await), 0).await.unwrap_err()
}

fn assert_bad_endpoint(error: &DiscoveryError, says: &str) {
    let text = error.to_string();
    assert!(text.starts_with("discovery: bad discovery endpoint (") && text.contains(says), "{text}");
}

#[tokio::test]
async fn a_web_page() {
    let keys = Keys::with("1", |_, _| Some(Html("<h1>Welcome to nginx</h1>\n").into_response()));
    assert_bad_endpoint(&error_of(&keys).await, "<h1>Welcome to nginx</h1>");
    let keys = Keys::with("1", |_, _| Some((StatusCode::BAD_REQUEST, "unable to GET token").into_response()));
    assert_bad_endpoint(&error_of(&keys).await, "unable to GET token");
    let keys = Keys::with("1", |_, _| Some("".into_response()));
    assert_bad_endpoint(&error_of(&keys).await, "not JSON");
    let keys = Keys::with("1", |_, _| Some(r#"{"action":"get"}"#.into_response()));
    assert_bad_endpoint(&error_of(&keys).await, "not JSON");
}

#[tokio::test]
async fn errors_for_a_while() {
    let count = AtomicUsize::new(0);
    let keys = Keys::with("1", move |_, _| {
        let status = match count.fetch_add(1, Ordering::Relaxed) {
            0..3 => StatusCode::INTERNAL_SERVER_ERROR,
            3 => StatusCode::BAD_GATEWAY,
            4 => StatusCode::TOO_MANY_REQUESTS,
            _ => return None,
        };
        Some((status, "<html>").into_response())
    });
    let pauses = Arc::new(NoPauses::default());
    let mut options = unhurried(&keys.serve().await);
    options.pauses = pauses.clone();
    assert_eq!(join(&options, 0).await.unwrap().members.len(), 1);
    assert_eq!(*pauses.0.lock().unwrap(), [2, 4, 8, 16, 32]);
}

#[tokio::test]
async fn nobody_there_yet() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    /// Opens the port at the third pause.
    #[derive(Debug)]
    struct Late(std::net::SocketAddr, Mutex<Vec<u64>>);
    impl etcd_discovery::Pauses for Late {
        fn pause(&self, length: std::time::Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
            let mut pauses = self.1.lock().unwrap();
            pauses.push(length.as_secs());
            let (address, is_time) = (self.0, pauses.len() == 3);
            Box::pin(async move {
                if is_time {
                    Keys::new("1").serve_on(TcpListener::bind(address).await.unwrap());
                }
            })
        }
    }
    let late = Arc::new(Late(address, Mutex::default()));
    let mut options = unhurried(&url(address));
    options.pauses = late.clone();
    join(&options, 0).await.unwrap();
    assert_eq!(*late.1.lock().unwrap(), [2, 4, 8]);
}

/// A server that reads a request, and then does this.
async fn raw(answer: &'static [u8], repeat: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _request = stream.read(&mut buffer).await;
                while stream.write_all(answer).await.is_ok() && repeat {}
                // It holds the connection.
                while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
            });
        }
    });
    url(address)
}

#[tokio::test]
async fn silence() {
    for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"] {
        let url = raw(answer.as_bytes(), false).await;
        assert_eq!(join(&impatient(&url), 0).await.unwrap_err(), DiscoveryError::Timeout, "{answer:?}");
    }
}

#[tokio::test]
async fn gigabytes() {
    // The first piece is a head, and all others are the body of it.
    const PIECE: &[u8] = &{
        let mut piece = [b' '; 64 * 1024];
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
        let mut at = 0;
        while at < head.len() {
            piece[at] = head[at];
            at += 1;
        }
        piece
    };
    let options = unhurried(&raw(PIECE, true).await);
    assert_bad_endpoint(&join(&options, 0).await.unwrap_err(), "longer than 4194304 bytes");
}

#[tokio::test]
async fn an_endless_head() {
    let options = impatient(&raw(b"HTTP/1.1 200 OK\r\nx: ", false).await);
    assert_eq!(join(&options, 0).await.unwrap_err(), DiscoveryError::Timeout);
    // What the HTTP client makes of it is up to the client; it must not wait for the end.
    let mut options =
        impatient(&raw(b"HTTP/1.1 200 OK\r\nx: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", true).await);
    let pauses = Arc::new(NoPauses::default());
    options.pauses = pauses.clone();
    let joined = tokio::spawn(async move { join(&options, 0).await });
    while pauses.0.lock().unwrap().is_empty() && !joined.is_finished() {
        tokio::task::yield_now().await;
    }
    joined.abort();
}

#[tokio::test]
async fn redirects() {
    let keys = Keys::with("1", |_, path| {
        Some(Redirect::temporary(&format!("/v2/keys/token{path}")).into_response())
    });
    assert_bad_endpoint(&error_of(&keys).await, "redirects more than 10 times");

    // To the service itself: with method and body, however the redirect is meant.
    for status in [StatusCode::MOVED_PERMANENTLY, StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT] {
        let service = Keys::new("1");
        let there = service.serve().await;
        let front = Keys::with("1", move |_, path| {
            Some((status, [("location", format!("{there}{path}"))]).into_response())
        });
        join(&unhurried(&front.serve().await), 0).await.unwrap();
        let requests = service.requests.lock().unwrap().clone();
        assert!(requests.iter().any(|request| request.starts_with("PUT /")), "{status}: {requests:?}");
    }

    let keys = Keys::with("1", |_, _| Some(StatusCode::FOUND.into_response()));
    assert_bad_endpoint(&error_of(&keys).await, "without saying where to go");
    let keys = Keys::with("1", |_, _| Some(Redirect::temporary("ftp://example.com/").into_response()));
    assert_bad_endpoint(&error_of(&keys).await, "redirects from http to ftp");
}

#[tokio::test]
async fn sizes_that_are_none() {
    for size in ["abc", "-1", "0", "", "3.0"] {
        let error = error_of(&Keys::new(size)).await;
        assert!(error.to_string().starts_with("discovery: size key is bad"), "{size}: {error}");
    }
    let keys = Keys::with("1", |_, path| {
        (path == "/_config/size").then(|| {
            let body = r#"{"errorCode":100,"message":"Key not found","cause":"/discovery/nosuch","index":8}"#;
            (StatusCode::NOT_FOUND, body).into_response()
        })
    });
    let error = error_of(&keys).await;
    assert_eq!(error.to_string(), "100: Key not found (/discovery/nosuch) [8]");
    let DiscoveryError::SizeMissing { config, .. } = error else { panic!("{error:?}") };
    assert!(config.ends_with("/v2/keys/token/_config"), "{config}");
}

fn listing(nodes: &'static str) -> impl Fn(&Method, &str) -> Option<Response> + Send + Sync + 'static {
    move |method, path| {
        (method == Method::GET && path.is_empty())
            .then(|| format!(r#"{{"action":"get","node":{{"nodes":[{nodes}]}}}}"#).into_response())
    }
}

#[tokio::test]
async fn members_that_are_none() {
    let twice = r#"{"key":"/a","value":"a=http://h:1"},{"key":"/a","value":"b=http://h:2"}"#;
    assert_bad_endpoint(&error_of(&Keys::with("3", listing(twice))).await, "twice");
    let no_keys = r#"{"value":"a=http://h:1"},{"value":"b=http://h:2"}"#;
    assert_bad_endpoint(&error_of(&Keys::with("3", listing(no_keys))).await, "twice");

    let keys = Keys::new("2");
    keys.put("1", "infra0=http://10.0.9.9:2380");
    assert_eq!(error_of(&keys).await, DiscoveryError::DuplicateName { name: "infra0".into() });
    let keys = Keys::new("2");
    keys.put("1", "<script>");
    assert!(matches!(error_of(&keys).await, DiscoveryError::InvalidEntry { .. }));
    let keys = Keys::new("2");
    keys.put("1", "infra1=http://10.0.1.11:2380");
    keys.put("2", "infra2=http://10.0.1.12:2380");
    assert_eq!(error_of(&keys).await, DiscoveryError::Full { size: 2 });
}

#[tokio::test]
async fn an_id_that_is_taken_and_an_answer_that_was_lost() {
    let keys = Keys::new("2");
    let url = keys.serve().await;
    let id = etcd_membership::MemberId::derive(&["http://10.0.0.10:2380".into()], &url, None).to_string();
    keys.put(&id, "infra0=http://10.0.0.10:2380");
    assert_eq!(join(&unhurried(&url), 0).await, Err(DiscoveryError::DuplicateId { id: id.clone() }));

    // The first attempt is heard, and its answer is lost: then the second one finds its own registration.
    for (registered, joins) in
        [("infra0=http://10.0.0.10:2380", true), ("infra9=http://10.0.9.9:2380", false)]
    {
        let count = AtomicUsize::new(0);
        let keys: Arc<std::sync::OnceLock<Arc<Keys>>> = Arc::default();
        let late = Arc::clone(&keys);
        let service = Keys::with("1", move |method, path| {
            if method != Method::PUT || count.fetch_add(1, Ordering::Relaxed) > 0 {
                return None;
            }
            late.get().unwrap().put(path.trim_start_matches('/'), registered);
            Some(StatusCode::INTERNAL_SERVER_ERROR.into_response())
        });
        assert!(keys.set(service.clone()).is_ok());
        let joined = join(&unhurried(&service.serve().await), 0).await;
        assert_eq!(joined.is_ok(), joins, "{joined:?}");
        assert!(joins || matches!(joined, Err(DiscoveryError::DuplicateId { .. })));
    }
}

/// News that are none, at once: each makes the client look again, and none more than a moment later.
#[tokio::test]
async fn waits_that_end_at_once() {
    let keys = Keys::with("2", |_, _| None);
    let url = keys.serve().await;
    let pauses = Arc::new(NoPauses::default());
    let front = Keys::with("2", {
        let waits = AtomicUsize::new(0);
        let (there, keys) = (url.clone(), keys.clone());
        move |method, path| {
            if method == Method::GET && path.is_empty() && waits.fetch_add(1, Ordering::Relaxed) == 20 {
                keys.put("1", "infra1=http://10.0.1.11:2380");
            }
            Some((StatusCode::TEMPORARY_REDIRECT, [("location", format!("{there}{path}"))]).into_response())
        }
    });
    // The redirect forgets the query, so that a wait is an ordinary look and ends at once.
    let mut options = unhurried(&front.serve().await);
    options.pauses = pauses.clone();
    assert_eq!(join(&options, 0).await.unwrap().members.len(), 2);
    let pauses = pauses.0.lock().unwrap().clone();
    assert!(pauses.len() > 5 && pauses.iter().all(|pause| *pause == 1), "{pauses:?}");
}

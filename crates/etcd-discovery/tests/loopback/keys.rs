//! The part of the v2 keys API that discovery needs, in memory; a test can make it misbehave.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use etcd_discovery::{DiscoveryError, Found, Pauses, V2Options, join_v2};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What a test does with a request before the service sees it: `Some` is the answer.
pub(crate) type Interference = dyn Fn(&Method, &str) -> Option<Response> + Send + Sync;

/// One token.
pub(crate) struct Keys {
    entries: Mutex<BTreeMap<String, (String, u64)>>,
    index: watch::Sender<u64>,
    pub(crate) requests: Mutex<Vec<String>>,
    interference: Box<Interference>,
}

impl Keys {
    pub(crate) fn new(size: &str) -> Arc<Self> {
        Self::with(size, |_, _| None)
    }

    pub(crate) fn with(
        size: &str,
        interference: impl Fn(&Method, &str) -> Option<Response> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let keys = Self {
            entries: Mutex::default(),
            index: watch::channel(1).0,
            requests: Mutex::default(),
            interference: Box::new(interference),
        };
        keys.put("_config/size", size);
        Arc::new(keys)
    }

    pub(crate) fn put(&self, name: &str, value: &str) -> u64 {
        let index = *self.index.borrow() + 1;
        self.entries.lock().unwrap().insert(name.to_owned(), (value.to_owned(), index));
        self.index.send_replace(index);
        index
    }

    /// Serves on a port of loopback; the token's URL.
    pub(crate) async fn serve(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.serve_on(listener);
        url(address)
    }

    pub(crate) fn serve_on(self: &Arc<Self>, listener: TcpListener) {
        let keys = Arc::clone(self);
        let router = axum::Router::new().fallback(async move |request: Request| keys.answer(request).await);
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    pub(crate) async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix("/v2/keys/token").unwrap_or_default().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        self.requests.lock().unwrap().push(format!("{} {path}?{query}", head.method));
        if let Some(answer) = (self.interference)(&head.method, &path) {
            return answer;
        }
        let name = path.trim_start_matches('/');
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        match (head.method, name) {
            (Method::PUT, name) => self.register(name, &body),
            (Method::GET, "") => self.list(&query).await,
            (Method::GET, name) => self.get(name),
            _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        }
    }

    fn register(&self, name: &str, body: &Bytes) -> Response {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
        if self.entries.lock().unwrap().contains_key(name) {
            return self
                .reply(412, r#"{"errorCode":105,"message":"Key already exists","cause":"/x","index":5}"#);
        }
        let index = self.put(name, &form["value"]);
        let node = format!(r#"{{"action":"create","node":{{"key":"/{name}","createdIndex":{index}}}}}"#);
        self.reply(201, &node)
    }

    async fn list(&self, query: &str) -> Response {
        if let Some(at) = query.find("waitIndex=") {
            let wanted: u64 = query[at + 10..].parse().unwrap();
            self.index.subscribe().wait_for(|index| *index >= wanted).await.unwrap();
            return self.reply(200, r#"{"action":"create","node":{}}"#);
        }
        let entries = self.entries.lock().unwrap().clone();
        let nodes: Vec<_> = entries
            .iter()
            .filter(|(name, _)| !name.starts_with('_'))
            .map(|(name, (value, index))| {
                serde_json::json!({"key": format!("/{name}"), "value": value, "createdIndex": index})
            })
            .collect();
        self.reply(
            200,
            &serde_json::json!({"action": "get", "node": {"dir": true, "nodes": nodes}}).to_string(),
        )
    }

    fn get(&self, name: &str) -> Response {
        match self.entries.lock().unwrap().get(name) {
            Some((value, index)) => {
                let node = serde_json::json!({"key": name, "value": value, "createdIndex": index});
                self.reply(200, &serde_json::json!({"action": "get", "node": node}).to_string())
            }
            None => self.reply(
                404,
                r#"{"errorCode":100,"message":"Key not found","cause":"/discovery/t","index":8}"#,
            ),
        }
    }

    fn reply(&self, status: u16, body: &str) -> Response {
        let index = self.index.borrow().to_string();
        let headers = [("content-type", "application/json".to_owned()), ("x-etcd-index", index)];
        (StatusCode::from_u16(status).unwrap(), headers, body.to_owned()).into_response()
    }
}

pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}/v2/keys/token")
}

pub(crate) fn member(n: usize) -> (String, etcd_membership::Urls) {
    (format!("infra{n}"), format!("http://10.0.{}.{}:2380", n / 100, n % 100 + 10).parse().unwrap())
}

/// No pauses, and time for every answer.
pub(crate) fn unhurried(url: &str) -> V2Options {
    let mut options = V2Options::new(url);
    options.request_timeout = Duration::from_secs(60);
    options.pauses = Arc::new(NoPauses::default());
    options
}

/// For services that do not answer at all.
pub(crate) fn impatient(url: &str) -> V2Options {
    let mut options = unhurried(url);
    options.request_timeout = Duration::from_millis(500);
    options
}

pub(crate) async fn join(options: &V2Options, n: usize) -> Result<Found, DiscoveryError> {
    let (name, urls) = member(n);
    join_v2(options, &name, &urls).await
}

/// Takes no time, and counts.
#[derive(Debug, Default)]
pub(crate) struct NoPauses(pub(crate) Mutex<Vec<u64>>);

impl Pauses for NoPauses {
    fn pause(&self, length: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.lock().unwrap().push(length.as_secs());
        Box::pin(tokio::task::yield_now())
    }
}

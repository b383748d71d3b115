//! A small HTTP client for v2.

use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use serde_json::Value;

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn index(&self) -> u64 {
        self.header("x-etcd-index").unwrap().parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// Sends a request; `form` goes as the body of a form.
pub(crate) fn send(method: &str, url: &str, form: Option<&str>) -> Reply {
    try_send(method, url, form).unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

pub(crate) fn try_send(method: &str, url: &str, form: Option<&str>) -> Result<Reply, ureq::Error> {
    exchange(method, url, form.map(|form| ("application/x-www-form-urlencoded", form)))
}

/// Sends a body of any type; none with a method that has none.
pub(crate) fn send_as(method: &str, url: &str, kind: &str, body: &str) -> Reply {
    let body = (!["GET", "DELETE"].contains(&method)).then_some((kind, body));
    exchange(method, url, body).unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

fn exchange(method: &str, url: &str, body: Option<(&str, &str)>) -> Result<Reply, ureq::Error> {
    let agent =
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent();
    let builder = ureq::http::Request::builder().method(method).uri(url);
    let mut response = match body {
        Some((kind, body)) => {
            let typed = builder.header("content-type", kind);
            agent.run(typed.body(body.to_owned())?)?
        }
        None => agent.run(builder.body(())?)?,
    };
    let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
    Ok(Reply { status, headers, body })
}

/// Sends a request that is not answered at once.
pub(crate) fn begin(url: String) -> (JoinHandle<()>, Receiver<Reply>) {
    let (sender, receiver) = channel();
    let thread = std::thread::spawn(move || {
        if let Ok(reply) = try_send("GET", &url, None) {
            let _gone = sender.send(reply);
        }
    });
    (thread, receiver)
}

//! Waits: an answer whose body comes when something happens.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use etcd_v2store::{Error, Event, WatchId, WatchOptions};
use futures_util::stream;
use http::header;
use tokio::sync::mpsc;

use super::keys::{insert, now};
use super::{Shared, V2};

/// Events that a client may be behind; one that is further behind is let go.
const BEHIND: usize = 100;

/// Begins a wait; its answer goes out at once, without a body yet.
pub(super) fn begin<R, V: V2>(
    shared: &Arc<Shared<R, V>>,
    key: &str,
    options: WatchOptions,
) -> Result<Response, Error> {
    let (sender, events) = mpsc::channel::<Arc<Event>>(BEHIND);
    let sink = Box::new(move |event: &Arc<Event>| sender.try_send(Arc::clone(event)).is_ok());
    let watch = shared.keys.watch(key, options, sink)?;
    let guard = Guard { keys: shared.keys.clone(), id: watch.id };
    let waiting = Waiting {
        events,
        stream: options.stream,
        seen: false,
        interval: shared.options.wait_interval,
        _guard: guard,
    };
    let body = Body::from_stream(stream::try_unfold(waiting, next));
    let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    insert(&mut response, "x-etcd-index", &watch.start_index.to_string());
    Ok(response)
}

struct Waiting<V: V2> {
    events: mpsc::Receiver<Arc<Event>>,
    stream: bool,
    /// Whether an event was sent.
    seen: bool,
    interval: std::time::Duration,
    /// Ends the wait when the body is dropped, for example because the client went away.
    _guard: Guard<V>,
}

/// The next piece of the body. A wait that ends without its event breaks the connection off: the client must not
/// take a body of white space for an answer.
async fn next<V: V2>(mut waiting: Waiting<V>) -> io::Result<Option<(Bytes, Waiting<V>)>> {
    if waiting.seen && !waiting.stream {
        return Ok(None);
    }
    match tokio::time::timeout(waiting.interval, waiting.events.recv()).await {
        Ok(Some(event)) => {
            waiting.seen = true;
            Ok(Some(((event.to_json(now()) + "\n").into(), waiting)))
        }
        Ok(None) if waiting.seen => Ok(None),
        Ok(None) => Err(io::Error::other("the wait was ended")),
        Err(_elapsed) => Ok(Some((Bytes::from_static(b"\n"), waiting))),
    }
}

struct Guard<V: V2> {
    keys: V,
    id: Option<WatchId>,
}

impl<V: V2> Drop for Guard<V> {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.keys.unwatch(id);
        }
    }
}

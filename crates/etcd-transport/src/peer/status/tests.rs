use etcd_membership::MemberId;
use prometheus_client::registry::Registry;

use super::Status;
use crate::metrics::Metrics;

#[test]
fn it_tells_since_when_or_why_not() {
    let (local, remote) = (MemberId::new(1), MemberId::new(2));
    let metrics = Metrics::register(&mut Registry::default()).peer(local, remote);
    let status = Status::new(remote, metrics.clone());
    assert!(!status.is_active());

    status.deactivate("dial", "http://h:1", "connection refused");
    let failure = status.snapshot(Vec::new()).last_error.unwrap();
    assert_eq!((failure.url.as_str(), failure.reason.as_str()), ("http://h:1", "connection refused"));
    assert_eq!(metrics.disconnected.get(), 0, "it was not connected");

    status.activate();
    let since = status.snapshot(Vec::new()).active_since.unwrap();
    assert_eq!(status.snapshot(Vec::new()).last_error, None);
    assert_eq!(metrics.active.get(), 1);
    status.activate();
    assert_eq!(status.snapshot(Vec::new()).active_since, Some(since), "it was active all the time");

    status.deactivate("read", "http://h:1", "i/o timeout");
    assert!(!status.is_active());
    assert_eq!((metrics.active.get(), metrics.disconnected.get()), (0, 1));
}

#[test]
fn only_news_are_logged() {
    let mut state = super::State::default();
    assert!(state.news(false, "connection refused"), "the first one");
    assert!(!state.news(false, "connection refused"));
    assert!(state.news(false, "i/o timeout"), "another reason");
    assert!(state.news(true, "i/o timeout"), "it was there before");
}

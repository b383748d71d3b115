use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Finished, LINES_PER_SECOND, SlowLog};
use crate::grpc::Shape;
use crate::serve::Remote;

/// Keeps the fields of every line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().expect("no line panics").push(fields.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn logged(threshold_ms: u64, took_ms: &[u64], key: &[u8]) -> Vec<String> {
    let lines = Lines::default();
    let log = SlowLog::new(Duration::from_millis(threshold_ms));
    let request = Shape { key: key.to_vec().into(), count: 1 };
    tracing::subscriber::with_default(lines.clone(), || {
        for took in took_ms {
            let call = Finished {
                path: "/etcdserverpb.KV/Put",
                remote: Remote::Tcp(([127, 0, 0, 1], 1234).into()),
                request: &request,
                request_size: 10,
                response_count: 0,
                response_size: 20,
            };
            log.note(Duration::from_millis(*took), &call);
        }
    });
    let lines = lines.0.lock().expect("no line panics");
    lines.clone()
}

#[test]
fn only_what_is_slower_than_the_threshold_is_logged() {
    assert!(logged(300, &[0, 299, 300], b"k").is_empty());
    assert!(logged(0, &[10_000], b"k").is_empty(), "zero turns it off");
    let lines = logged(300, &[301], b"k\xff");
    assert_eq!(lines.len(), 1);
    for part in ["took_ms=301", "remote=127.0.0.1:1234", "KV/Put", r"key=k\xff", "request_size=10"] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
}

#[test]
fn long_keys_are_cut_and_many_lines_counted() {
    let lines = logged(1, &[5; 100], &[b'k'; 4096]);
    // The test may run across the end of a second.
    assert!((LINES_PER_SECOND as usize..100).contains(&lines.len()), "{} lines", lines.len());
    assert!(lines.iter().all(|line| line.len() < 512));
}

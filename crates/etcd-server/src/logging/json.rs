//! Log lines as JSON objects with etcd's keys, so that existing log pipelines keep working.

use std::fmt;

use serde_json::Value;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::event::{Parts, now};

pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        let metadata = event.metadata();
        let level = metadata.level().as_str().to_ascii_lowercase();
        write!(
            writer,
            r#"{{"level":"{level}","ts":"{}","caller":"{}:{}","msg":{}"#,
            now(),
            metadata.target(),
            metadata.line().unwrap_or_default(),
            Value::String(parts.message),
        )?;
        for (name, value) in parts.fields {
            write!(writer, ",{}:{value}", Value::String(name))?;
        }
        writeln!(writer, "}}")
    }
}

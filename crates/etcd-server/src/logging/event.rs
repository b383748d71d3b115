//! Takes an event apart into its message and its fields.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};

/// The parts of one event.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) message: String,
    pub(super) fields: Map<String, Value>,
}

impl Parts {
    fn record(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.fields.insert(field.name().replace('_', "-"), value);
        }
    }
}

impl Visit for Parts {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}").into());
    }
}

/// The time of day in UTC, as etcd writes it: `2026-11-23T10:56:00.123456Z`.
pub(super) fn now() -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
    );
    time::OffsetDateTime::now_utc().format(&format).unwrap_or_default()
}

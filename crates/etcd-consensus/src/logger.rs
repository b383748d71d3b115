//! Raft's own log lines, as `tracing` events one level lower: what matters to an operator is logged by the driver.

use slog::{Drain, Level, OwnedKVList, Record};

/// The logger that is handed to raft.
pub(crate) fn logger() -> slog::Logger {
    slog::Logger::root(Tracing, slog::o!())
}

struct Tracing;

impl Drain for Tracing {
    type Ok = ();
    type Err = slog::Never;

    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), slog::Never> {
        let said = record.msg();
        match record.level() {
            Level::Critical | Level::Error => tracing::error!(%said, "raft reports an error"),
            Level::Warning => tracing::warn!(%said, "raft warns"),
            Level::Info => tracing::debug!(%said, "raft says"),
            Level::Debug | Level::Trace => tracing::trace!(%said, "raft says"),
        }
        Ok(())
    }
}

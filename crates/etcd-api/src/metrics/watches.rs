//! How long watch streams take to put responses together: `etcd_debugging_server_watch_send_loop_*`.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::times::{FROM_1_MS, Times};

/// Durations of the parts of a watch stream's work.
///
/// # Source
/// etcd `server/etcdserver/api/v3rpc/metrics.go`.
#[derive(Debug)]
pub(crate) struct WatchTimes {
    events: Times,
    per_event: Times,
    control: Times,
    progress: Times,
}

impl Default for WatchTimes {
    fn default() -> Self {
        let times = || Times::new(&FROM_1_MS);
        Self { events: times(), per_event: times(), control: times(), progress: times() }
    }
}

impl WatchTimes {
    /// Some responses were put together, with so many events in them.
    pub(crate) fn encoded(&self, events: usize, took: Duration) {
        match u32::try_from(events) {
            Ok(0) => self.control.observe(took),
            Ok(events) => {
                self.events.observe(took);
                self.per_event.observe(took / events);
            }
            Err(_) => self.events.observe(took),
        }
    }

    /// Watchers were told how far they are.
    pub(crate) fn told_progress(&self, took: Duration) {
        self.progress.observe(took);
    }
}

impl Collector for WatchTimes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, times) in [
            ("watch_stream", "How long responses with events take to be put together", &self.events),
            ("watch_stream", "The same, by event", &self.per_event),
            ("control_stream", "How long other responses take to be put together", &self.control),
            ("progress", "How long it takes to ask for progress notifications", &self.progress),
        ] {
            let per_event = if std::ptr::eq(times, &self.per_event) { "_per_event" } else { "" };
            let name = format!("etcd_debugging_server_watch_send_loop_{name}_duration{per_event}_seconds");
            times.encode(&mut encoder, &name, help)?;
        }
        Ok(())
    }
}

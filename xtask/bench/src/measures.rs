//! What is measured in one round.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

const LONGEST_MICROSECONDS: u64 = 120_000_000;

/// Latencies and failures as they happen.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Microseconds, with three significant digits.
    latencies: Histogram<u64>,
    failures: u64,
    first_failure: Option<String>,
}

/// The numbers of one round on one cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Measures {
    /// Requests that succeeded.
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    pub(crate) first_failure: Option<String>,
    pub(crate) seconds: f64,
    /// p50, p90, p99, p99.9 and the longest, in milliseconds.
    pub(crate) latency_ms: [f64; 5],
    /// CPU seconds of all members together; unknown when they run elsewhere.
    pub(crate) server_cpu_seconds: Option<f64>,
    pub(crate) client_cpu_seconds: f64,
    /// Resident memory of each member at the end of the round, in bytes.
    pub(crate) resident_bytes: Vec<u64>,
}

/// Something to compare: its name, its value, and whether more of it is better.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) value: fn(&Measures) -> Option<f64>,
    pub(crate) digits: usize,
}

/// Every measure that is shown, in order.
pub(crate) const MEASURES: [Measure; 9] = [
    Measure { name: "throughput, requests/s", value: |m| Some(m.throughput()), digits: 0 },
    Measure { name: "latency p50, ms", value: |m| Some(m.latency_ms[0]), digits: 2 },
    Measure { name: "latency p90, ms", value: |m| Some(m.latency_ms[1]), digits: 2 },
    Measure { name: "latency p99, ms", value: |m| Some(m.latency_ms[2]), digits: 2 },
    Measure { name: "latency p99.9, ms", value: |m| Some(m.latency_ms[3]), digits: 2 },
    Measure { name: "latency max, ms", value: |m| Some(m.latency_ms[4]), digits: 2 },
    Measure { name: "server CPU, s per 100k", value: Measures::server_cpu_per_100k, digits: 2 },
    Measure { name: "RSS per member, MiB", value: Measures::resident_mebibytes, digits: 1 },
    Measure { name: "(load client CPU, s per 100k)", value: |m| m.per_100k(m.client_cpu_seconds), digits: 2 },
];

impl Recorder {
    pub(crate) fn new() -> Self {
        let latencies = Histogram::new_with_bounds(1, LONGEST_MICROSECONDS, 3).expect("the bounds are valid");
        Self { latencies, failures: 0, first_failure: None }
    }

    pub(crate) fn success(&mut self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        self.latencies.saturating_record(microseconds);
    }

    pub(crate) fn failure(&mut self, reason: &str) {
        self.failures += 1;
        self.first_failure.get_or_insert_with(|| reason.to_owned());
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("all recorders have the same bounds");
        self.failures += other.failures;
        self.first_failure = self.first_failure.take().or_else(|| other.first_failure.clone());
    }

    /// The numbers of a round that took `seconds`; CPU and memory are left to the caller.
    pub(crate) fn measures(&self, seconds: f64) -> Measures {
        let quantile = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1000.0;
        Measures {
            requests: self.latencies.len(),
            failures: self.failures,
            first_failure: self.first_failure.clone(),
            seconds,
            latency_ms: [
                quantile(0.5),
                quantile(0.9),
                quantile(0.99),
                quantile(0.999),
                self.latencies.max() as f64 / 1000.0,
            ],
            ..Measures::default()
        }
    }
}

impl Measures {
    pub(crate) fn throughput(&self) -> f64 {
        if self.seconds > 0.0 { self.requests as f64 / self.seconds } else { 0.0 }
    }

    fn server_cpu_per_100k(&self) -> Option<f64> {
        self.per_100k(self.server_cpu_seconds?)
    }

    /// The mean of the members.
    fn resident_mebibytes(&self) -> Option<f64> {
        let members = self.resident_bytes.len();
        let sum: u64 = self.resident_bytes.iter().sum();
        (members > 0).then(|| sum as f64 / members as f64 / f64::from(1 << 20))
    }

    fn per_100k(&self, amount: f64) -> Option<f64> {
        (self.requests > 0).then(|| amount * 100_000.0 / self.requests as f64)
    }

    pub(crate) fn to_json(&self) -> Value {
        let [p50, p90, p99, p999, max] = self.latency_ms;
        json!({
            "requests": self.requests,
            "failures": self.failures,
            "first_failure": self.first_failure,
            "seconds": self.seconds,
            "throughput_per_second": self.throughput(),
            "latency_ms": { "p50": p50, "p90": p90, "p99": p99, "p99.9": p999, "max": max },
            "server_cpu_seconds": self.server_cpu_seconds,
            "server_cpu_seconds_per_100k": self.server_cpu_per_100k(),
            "client_cpu_seconds": self.client_cpu_seconds,
            "resident_bytes": self.resident_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut recorder = Recorder::new();
        for milliseconds in 1..=1000 {
            recorder.success(Duration::from_millis(milliseconds));
        }
        let measures = recorder.measures(2.0);
        for (got, expected) in measures.latency_ms.iter().zip([500.0, 900.0, 990.0, 999.0, 1000.0]) {
            assert!((got - expected).abs() <= expected / 500.0, "{got} is not {expected}");
        }
        assert_eq!((measures.requests, measures.throughput()), (1000, 500.0));
    }

    #[test]
    fn recorders_add_up() {
        let mut one = Recorder::new();
        one.success(Duration::ZERO);
        let mut two = Recorder::new();
        two.success(Duration::from_secs(3600));
        two.failure("first");
        two.failure("second");
        one.merge(&two);
        let measures = one.measures(1.0);
        assert_eq!((measures.requests, measures.failures), (2, 2));
        assert_eq!(measures.first_failure.as_deref(), Some("first"));
        assert!(measures.latency_ms[4] > 100_000.0, "too long to record is not lost: {measures:?}");
    }

    #[test]
    fn costs_are_per_100k_requests() {
        let measures = Measures {
            requests: 50_000,
            server_cpu_seconds: Some(4.0),
            resident_bytes: vec![1 << 20, 3 << 20],
            ..Measures::default()
        };
        assert_eq!(measures.server_cpu_per_100k(), Some(8.0));
        assert_eq!(measures.resident_mebibytes(), Some(2.0));
        assert_eq!(Measures::default().server_cpu_per_100k(), None);
        assert_eq!(Measures::default().throughput(), 0.0);
    }
}

//! A page of Prometheus text, as far as tests need it.

/// The samples of one `/metrics` page.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    text: String,
}

impl Metrics {
    /// Takes the page as it came.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self { text }
    }

    /// The whole page.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value of the first sample called `name`, whatever its labels.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.samples(name).next()?.1.parse().ok()
    }

    /// The sum of all samples called `name`, whatever their labels; 0 when there are none.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        self.samples(name).filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
    }

    /// The value of the label `label` of the first sample called `name`.
    #[must_use]
    pub fn label(&self, name: &str, label: &str) -> Option<&str> {
        let (labels, _) = self.samples(name).next()?;
        let (_, after) = labels.split_once(&format!("{label}=\""))?;
        Some(after.split_once('"')?.0)
    }

    /// Whether the member says that it leads.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.value("etcd_server_is_leader") == Some(1.0)
    }

    /// Whether the member knows a leader.
    #[must_use]
    pub fn has_leader(&self) -> bool {
        self.value("etcd_server_has_leader") == Some(1.0)
    }

    /// The member's id in hexadecimal, from `etcd_server_id`.
    #[must_use]
    pub fn server_id(&self) -> Option<&str> {
        self.label("etcd_server_id", "server_id")
    }

    /// Labels (without braces) and value of every sample called `name`.
    fn samples<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.text.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            if let Some(labelled) = rest.strip_prefix('{') {
                let (labels, value) = labelled.rsplit_once('}')?;
                Some((labels, value.trim()))
            } else {
                Some(("", rest.strip_prefix(' ')?.trim()))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP etcd_server_is_leader Whether or not this member is a leader. 1 if is, 0 otherwise.
# TYPE etcd_server_is_leader gauge
etcd_server_is_leader 1
etcd_server_has_leader 0
etcd_server_id{server_id=\"8e9e05c52164694d\"} 1
etcd_network_peer_sent_bytes_total{To=\"a\"} 1.5e+06
etcd_network_peer_sent_bytes_total{To=\"b{}\"} 500000
etcd_server_is_leader_changes 7
";

    #[test]
    fn samples_are_found_by_their_whole_name() {
        let metrics = Metrics::new(PAGE.to_owned());
        assert!(metrics.is_leader());
        assert!(!metrics.has_leader());
        assert_eq!(metrics.server_id(), Some("8e9e05c52164694d"));
        assert_eq!(metrics.value("etcd_server"), None);
        assert_eq!(metrics.sum("etcd_network_peer_sent_bytes_total"), 2_000_000.0);
        assert_eq!(metrics.value("etcd_server_is_leader_changes"), Some(7.0));
    }

    #[test]
    fn rubbish_has_no_samples() {
        let metrics = Metrics::new("etcd_server_is_leader\netcd_server_id{ 1\n<html>".to_owned());
        assert!(!metrics.is_leader());
        assert_eq!(metrics.server_id(), None);
    }
}

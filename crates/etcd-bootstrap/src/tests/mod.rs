//! The whole way with made-up members and names; time is paused, so no test waits.

mod fakes;
mod join;
mod start;

use etcd_membership::Urls;

use crate::{Mode, Options};

const THREE: &str =
    "infra0=http://127.0.1.10:2380,infra1=http://127.0.1.11:2380,infra2=http://127.0.1.12:2380";

fn urls(text: &str) -> Urls {
    text.parse().unwrap()
}

fn options(name: &str, cluster: &str, advertised: &str) -> Options {
    Options::new(name, cluster, urls(advertised))
}

fn joining(name: &str, cluster: &str) -> Options {
    Options { mode: Mode::Join, ..options(name, cluster, "http://127.0.0.1:2380") }
}

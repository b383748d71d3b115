//! What a member does beside answering: publish itself, agree on a version, say what it waits for.

mod certificates;
mod cluster_version;
mod fast_forward;
mod mismatch;
mod publish;
mod waiting;

pub(crate) use certificates::keep_certificates;
pub(crate) use cluster_version::keep_cluster_version;
pub(crate) use fast_forward::fast_forward;
pub(crate) use mismatch::judge_mismatch;
pub(crate) use publish::publish;
pub(crate) use waiting::report_waiting;

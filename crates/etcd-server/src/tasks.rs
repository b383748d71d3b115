//! What a member does beside answering: publish itself, agree on a version, end leases, say what it waits for,
//! watch its space.

mod auto_compaction;
mod certificates;
mod cluster_version;
mod corruption;
mod downgrade;
mod expire_v2;
mod fast_forward;
mod leases;
mod mismatch;
mod publish;
mod space;
mod waiting;

pub(crate) use auto_compaction::compact_automatically;
pub(crate) use certificates::keep_certificates;
pub(crate) use cluster_version::keep_cluster_version;
pub(crate) use corruption::Checker;
pub(crate) use downgrade::end_downgrade;
pub(crate) use expire_v2::expire_v2_keys;
pub(crate) use fast_forward::fast_forward;
pub(crate) use leases::keep_leases;
pub(crate) use mismatch::judge_mismatch;
pub(crate) use publish::publish;
pub(crate) use space::watch_space;
pub(crate) use waiting::report_waiting;

//! Members, learners, their ids and URLs, and the rules of cluster membership.
//!
//! - [`MemberId`], [`ClusterId`]: identifiers, bit for bit the ones that etcd derives.
//! - [`Url`], [`Urls`], [`UrlsMap`]: etcd's URL syntax and `name=url,name=url`, with its error texts.
//! - [`Member`], [`Cluster`], [`Change`]: who is in the cluster, and which changes are allowed.
//! - [`Version`], [`ClusterVersion`]: which releases may work together.
//!
//! It is pure: no I/O, no clock, no randomness. Everything is ordered, so that every member of a cluster computes
//! the same from the same input. It neither stores nor sends anything.
//!
//! ```
//! use etcd_membership::{Cluster, UrlsMap};
//!
//! let map: UrlsMap = "infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380".parse()?;
//! let cluster = Cluster::from_urls_map(&map, "etcd-cluster")?;
//! assert_eq!(cluster.member_by_name("infra0").unwrap().id.to_string(), "794aea3ba77a1d64");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cluster;
mod id;
mod member;
mod quote;
#[cfg(test)]
mod tests;
mod url;
mod version;

pub use cluster::{
    Change, ChangeError, ChangeKind, Cluster, DEFAULT_MAX_LEARNERS, DecodeChangeError, NewClusterError,
};
pub use id::{ClusterId, MemberId, ParseIdError};
pub use member::Member;
pub use quote::{Quoted, QuotedList};
pub use url::{Scheme, Url, UrlError, Urls, UrlsMap};
pub use version::{ClusterVersion, ParseVersionError, Version, can_join};

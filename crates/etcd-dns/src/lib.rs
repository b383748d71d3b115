//! Finds the members of an etcd cluster, or the endpoints of its clients, in DNS SRV records.
//!
//! | who | records, for the domain `example.com` |
//! |---|---|
//! | peers | `_etcd-server-ssl._tcp.example.com` (https), `_etcd-server._tcp.example.com` (http) |
//! | clients | `_etcd-client-ssl._tcp.example.com` (https), `_etcd-client._tcp.example.com` (http) |
//!
//! With a suffix `foo` the services are `_etcd-server-ssl-foo` and so on.
//!
//! - [`find_members`]: whom a member starts a cluster with, itself among them.
//! - [`find_endpoints`]: where clients connect to.
//! - [`Resolver`]: asks the system's name servers, or one of its own.
//!
//! # Invariants
//! - All members get the same set of URLs, or an error: a target that cannot be resolved is not passed over.
//! - Answers are bounded in number, and every call in time.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use etcd_dns::{Options, Resolver, find_members};
//!
//! let resolver = Resolver::system()?;
//! let options = Options::new("infra0", "example.com", "http://10.0.1.10:2380".parse()?);
//! let found = find_members(&options, &resolver).await?;
//! println!("{}", found.members); // 0=http://infra1.example.com:2380,infra0=http://infra0.example.com:2380,…
//! # Ok(())
//! # }
//! ```

mod endpoints;
mod error;
mod members;
mod resolver;
mod service;

#[doc(hidden)]
pub mod fuzz;

pub use endpoints::find_endpoints;
pub use error::DnsError;
pub use members::{Found, Options, find_members};
pub use resolver::{LookupError, Resolver, ResolverError, Target};

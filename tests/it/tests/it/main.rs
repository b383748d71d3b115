//! Integration tests of the `etcd` binary; see the library `etcd_it` for how they work.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod availability;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod catch_up;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod document;
#[cfg(test)]
mod etcdctl;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod kill9;
#[cfg(test)]
mod kv;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod linearizable;
#[cfg(test)]
mod load;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod lone;
#[cfg(test)]
mod maintenance;
#[cfg(test)]
mod ops;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod v2;
#[cfg(test)]
mod watch;

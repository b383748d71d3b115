//! Integration tests of the `etcd` binary; see the library `etcd_it` for how they work.

#[cfg(test)]
mod guide;
#[cfg(test)]
mod kv;

//! Fuzz targets for the decoders that bytes from outside reach.
//!
//! A [`Target`] takes any bytes. It panics when the decoder does, or contradicts itself; an error of the decoder is an
//! answer like any other. `cargo test -p etcd-fuzz` runs all of them for a while, with seeds and mutations that are
//! always the same.
//!
//! ```
//! etcd_fuzz::target("urls")(b"a=http://127.0.0.1:2380,b=http://[::1]:1");
//! ```

mod members;
mod mutate;
mod pem;
mod rows;
mod seeds;
mod targets;
#[cfg(test)]
mod tests;

pub use mutate::Mutator;
pub use targets::TARGETS;

/// A decoder, and bytes that make it go deep.
#[derive(Debug)]
pub struct Target {
    /// Of the directory below `corpus/`, too.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Bytes to begin with, made by our own encoders; none where files in `corpus/` are more natural.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// The target of this name.
///
/// # Panics
/// There is none.
#[must_use]
pub fn target(name: &str) -> fn(&[u8]) {
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("no target is called {name}"))
        .run
}

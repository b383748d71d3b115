//! The binary, as its clients see it: tokens, registration, Debian's etcd, and the page in a real browser.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod race;
#[cfg(test)]
mod secure;
#[cfg(test)]
mod service;

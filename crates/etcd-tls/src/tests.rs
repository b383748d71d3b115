//! Handshakes in memory, with certificates made for each test.

mod accept;
mod auto;
mod material;
mod reload;
mod rules;
mod suites;

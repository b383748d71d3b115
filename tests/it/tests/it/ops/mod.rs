//! What operators see and set: signals, logs, HTTP side doors, configuration.

mod configuration;
mod http;
mod logs;
mod metrics;
mod pings;
mod signals;
mod traces;
mod unix;

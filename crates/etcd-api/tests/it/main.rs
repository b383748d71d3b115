//! The whole API on a real port, over a replica in memory.

mod authority;
mod drain;
mod etcdctl;
mod gateway;
mod grpc;
mod hostile;
mod http;
mod lock;
mod memory;
mod raw;
mod rules;
mod server;

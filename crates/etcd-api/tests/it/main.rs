//! The whole API on a real port, over a replica in memory.

mod grpc;
mod memory;
mod server;

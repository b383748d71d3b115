//! What keeps a cluster in shape, with foreign clients.

mod alarms;
mod compaction;
mod database;
mod leadership;
mod ranges;

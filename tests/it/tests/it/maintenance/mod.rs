//! What keeps a cluster in shape, with foreign clients.

mod alarms;
mod compaction;
mod corruption;
mod database;
mod leadership;
mod ranges;

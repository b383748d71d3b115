//! Input that no server should have to take: each gets a clear answer, and the server goes on.

mod bytes;
mod data;
mod flag_cases;
mod flags;
mod join;
mod requests;

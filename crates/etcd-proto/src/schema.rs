//! What the client API's messages consist of, as a table: for whoever turns them into another form, such as JSON.
//!
//! Generated from the same `.proto` files as the messages themselves. It holds what the services can reach and
//! nothing else.
//!
//! ```
//! use etcd_proto::schema::{Kind, METHODS};
//!
//! let range = METHODS.iter().find(|method| method.path == "/etcdserverpb.KV/Range").expect("a method of etcd");
//! let limit = range.request.fields.iter().find(|field| field.name == "limit").expect("a field of it");
//! assert!(matches!(limit.kind, Kind::Int64));
//! ```

/// A gRPC method.
#[derive(Debug)]
pub struct Method {
    /// As it is called: `/etcdserverpb.KV/Range`.
    pub path: &'static str,
    /// What it takes.
    pub request: &'static Message,
    /// What it answers.
    pub response: &'static Message,
    /// Whether it takes any number of requests.
    pub streams_requests: bool,
    /// Whether it gives any number of answers.
    pub streams_responses: bool,
}

/// A message.
#[derive(Debug)]
pub struct Message {
    /// With its package: `etcdserverpb.RangeRequest`.
    pub name: &'static str,
    /// By number, ascending.
    pub fields: &'static [Field],
}

/// A field of a message. Members of a `oneof` are fields as others are.
#[derive(Debug)]
pub struct Field {
    /// On the wire.
    pub number: u32,
    /// As the `.proto` file has it: `range_end`.
    pub name: &'static str,
    /// As JSON likes it: `rangeEnd`.
    pub json_name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it holds any number of them.
    pub is_repeated: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "protobuf's own names")]
pub enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    String,
    Bytes,
    Enum(&'static Enum),
    Message(&'static Message),
}

/// An enumeration.
#[derive(Debug)]
pub struct Enum {
    /// As Go calls it: `etcdserverpb.RangeRequest_SortOrder`.
    pub name: &'static str,
    /// Numbers and names, in the order of the `.proto` file.
    pub values: &'static [(i32, &'static str)],
}

include!("generated/schema.rs");

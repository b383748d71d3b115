//! What a call costs before it does anything.

use super::*;

/// Bytes of the future that a call returns, which is never made here.
fn size<A, F: Future>(_call: impl FnOnce(&'static ServerReplica, A) -> F) -> usize {
    size_of::<F>()
}

/// The client port moves the future of every call about at the size of the largest of them: rare and large parts must be
/// boxed.
#[test]
fn no_call_makes_all_others_large() {
    let sizes = [
        ("range", size(ServerReplica::range)),
        ("open_range", size(ServerReplica::open_range)),
        ("put", size(ServerReplica::put)),
        ("delete_range", size(ServerReplica::delete_range)),
        ("txn", size(ServerReplica::txn)),
        ("compact", size(ServerReplica::compact)),
        ("lease_grant", size(ServerReplica::lease_grant)),
        ("lease_revoke", size(ServerReplica::lease_revoke)),
        ("lease_renew", size(ServerReplica::lease_renew)),
        ("lease_time_to_live", size(ServerReplica::lease_time_to_live)),
        ("hash_kv", size(ServerReplica::hash_kv)),
    ];
    let large: Vec<_> = sizes.into_iter().filter(|(_, bytes)| *bytes > 1536).collect();
    assert!(large.is_empty(), "bytes: {large:?} of {sizes:?}");
}

use etcd_proto::etcdserverpb::{InternalRaftRequest, LeaseCheckpoint, RangeRequest};
use proptest::prelude::*;

use super::*;

fn put() -> PutRequest {
    PutRequest { key: "foo".into(), value: "bar".into(), lease: 7, ..PutRequest::default() }
}

fn checkpoint() -> LeaseCheckpointRequest {
    LeaseCheckpointRequest { checkpoints: vec![LeaseCheckpoint { id: 7, remaining_ttl: 40 }] }
}

#[test]
fn bytes_are_those_of_the_whole_message() {
    let header = Some(RequestHeader { id: 42, ..RequestHeader::default() });
    let cases = [
        (Request::Put(put()), InternalRaftRequest { put: Some(put()), ..InternalRaftRequest::default() }),
        (
            Request::DeleteRange(DeleteRangeRequest { key: "a".into(), ..DeleteRangeRequest::default() }),
            InternalRaftRequest {
                delete_range: Some(DeleteRangeRequest { key: "a".into(), ..DeleteRangeRequest::default() }),
                ..InternalRaftRequest::default()
            },
        ),
        (
            Request::Txn(TxnRequest::default()),
            InternalRaftRequest { txn: Some(TxnRequest::default()), ..InternalRaftRequest::default() },
        ),
        (
            Request::Compaction(CompactionRequest { revision: 9, physical: true }),
            InternalRaftRequest {
                compaction: Some(CompactionRequest { revision: 9, physical: true }),
                ..InternalRaftRequest::default()
            },
        ),
        (
            Request::Alarm(AlarmRequest { action: 1, member_id: 9, alarm: 1 }),
            InternalRaftRequest {
                alarm: Some(AlarmRequest { action: 1, member_id: 9, alarm: 1 }),
                ..InternalRaftRequest::default()
            },
        ),
        (
            Request::LeaseGrant(LeaseGrantRequest { ttl: 5, id: -7 }),
            InternalRaftRequest {
                lease_grant: Some(LeaseGrantRequest { ttl: 5, id: -7 }),
                ..InternalRaftRequest::default()
            },
        ),
        (
            Request::DowngradeInfoSet(DowngradeInfoSetRequest { enabled: true, ver: "3.6.0".into() }),
            InternalRaftRequest {
                downgrade_info_set: Some(DowngradeInfoSetRequest { enabled: true, ver: "3.6.0".into() }),
                ..InternalRaftRequest::default()
            },
        ),
        (
            Request::LeaseRevoke(LeaseRevokeRequest { id: 7 }),
            InternalRaftRequest {
                lease_revoke: Some(LeaseRevokeRequest { id: 7 }),
                ..InternalRaftRequest::default()
            },
        ),
        (
            Request::LeaseCheckpoint(checkpoint()),
            InternalRaftRequest { lease_checkpoint: Some(checkpoint()), ..InternalRaftRequest::default() },
        ),
        (
            Request::ClusterVersionSet(ClusterVersionSetRequest { ver: "3.7.0".into() }),
            InternalRaftRequest {
                cluster_version_set: Some(ClusterVersionSetRequest { ver: "3.7.0".into() }),
                ..InternalRaftRequest::default()
            },
        ),
        (
            Request::ClusterMemberAttrSet(ClusterMemberAttrSetRequest {
                member_id: 3,
                member_attributes: None,
            }),
            InternalRaftRequest {
                cluster_member_attr_set: Some(ClusterMemberAttrSetRequest {
                    member_id: 3,
                    member_attributes: None,
                }),
                ..InternalRaftRequest::default()
            },
        ),
    ];
    for (request, mut whole) in cases {
        whole.header.clone_from(&header);
        let envelope = Envelope { id: 42, who: None, request };
        let bytes = envelope.encode();
        assert_eq!(InternalRaftRequest::decode(bytes.clone()), Ok(whole), "{envelope:?}");
        assert_eq!(Envelope::decode(bytes).ok(), Some(envelope));
    }
}

#[test]
fn an_id_outside_the_header_counts() {
    let old = InternalRaftRequest { id: 5, put: Some(put()), ..InternalRaftRequest::default() };
    let decoded = Envelope::decode(old.encode_to_vec().into());
    assert_eq!(decoded.ok(), Some(Envelope { id: 5, who: None, request: Request::Put(put()) }));
}

#[test]
fn an_unknown_request_is_named() {
    // Reads do not go through the log.
    let read = InternalRaftRequest { range: Some(RangeRequest::default()), ..InternalRaftRequest::default() };
    let error = Envelope::decode(read.encode_to_vec().into());
    assert!(matches!(error, Err(DecodeError::Unknown { field: Some(3) })), "{error:?}");
    assert!(matches!(Envelope::decode(Bytes::new()), Err(DecodeError::Unknown { field: None })));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _outcome = Envelope::decode(data.into());
    }
}

#[test]
fn a_v2_request_carries_its_id_and_is_read_in_all_forms() {
    for method in ["GET", "QGET", "PUT", "POST", "DELETE", "SYNC"] {
        let bare = etcdserverpb::Request {
            id: 7,
            method: method.into(),
            path: "/1/foo".into(),
            val: "bar".into(),
            prev_exist: Some(false),
            time: 99,
            ..etcdserverpb::Request::default()
        };
        let envelope = Envelope { id: 7, who: None, request: Request::V2(Box::new(bare.clone())) };
        let unnamed = etcdserverpb::Request { id: 0, ..bare.clone() };
        let data = Envelope { id: 7, who: None, request: Request::V2(Box::new(unnamed)) }.encode();
        assert_eq!(Envelope::decode(data.clone()).unwrap(), envelope);
        // What Go's etcd sees: a request that does nothing.
        let seen = InternalRaftRequest::decode(data).unwrap();
        assert_eq!((seen.lease_checkpoint, seen.v2), (Some(LeaseCheckpointRequest::default()), None));
        // Its own form.
        let header = Some(RequestHeader { id: 7, ..RequestHeader::default() });
        let own = InternalRaftRequest { header, v2: Some(bare.clone()), ..InternalRaftRequest::default() };
        assert_eq!(Envelope::decode(own.encode_to_vec().into()).unwrap(), envelope);
        let data = Bytes::from(bare.encode_to_vec());
        assert!(matches!(Envelope::decode(data.clone()), Err(DecodeError::Malformed(_))), "{method}");
        assert_eq!(Envelope::decode_bare_v2(data), Some(envelope));
    }
    assert_eq!(Envelope::decode_bare_v2(Bytes::from_static(&[0xff])), None);
    assert_eq!(Envelope::decode_bare_v2(Bytes::new()), None);
}

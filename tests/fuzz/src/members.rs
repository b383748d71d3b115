//! Seeds of what tells a member who else there is.

use etcd_proto::etcdserverpb::{RangeResponse, ResponseHeader};
use etcd_proto::mvccpb::KeyValue;
use etcd_proto::prost::Message as _;

/// A discovery service's answers about members; those about the size are files.
pub(crate) fn v2_seeds() -> Vec<Vec<u8>> {
    vec![
        br#"{"action":"get","node":{"value":"3"}}"#.to_vec(),
        br#"{"errorCode":100,"message":"Key not found","cause":"/t","index":7}"#.to_vec(),
    ]
}

/// What a v3 service has under the token `t`: members, and something that is none.
pub(crate) fn v3_seeds() -> Vec<Vec<u8>> {
    let pair = |key: &str, value: &str, create_revision: i64| KeyValue {
        key: format!("/_etcd/registry/t/{key}").into(),
        value: value.to_owned().into(),
        create_revision,
        ..KeyValue::default()
    };
    let answer = |kvs: Vec<KeyValue>| {
        let header = Some(ResponseHeader { revision: 7, ..ResponseHeader::default() });
        RangeResponse { header, count: kvs.len() as i64, kvs, ..RangeResponse::default() }.encode_to_vec()
    };
    vec![
        answer(vec![pair("_config/size", "3", 2)]),
        answer(vec![
            pair("members/8e9e05c52164694d", "a=http://10.0.1.10:2380", 4),
            pair("members/91bc3c398fb3c146", "b=http://10.0.1.11:2380,b=http://10.0.1.11:7001", 3),
            pair("members/fd422379fda50e48", "c=http://10.0.1.12:2380,d=http://10.0.1.12:1", 5),
            pair("members/x", "c=http://10.0.1.12:2380", 6),
        ]),
    ]
}

/// An answer with SRV records of these targets, as on the wire.
fn services(targets: &[(&[&[u8]], u16)]) -> Vec<u8> {
    let count = u16::try_from(targets.len()).expect("a few").to_be_bytes();
    let mut message = [&[0, 1, 0x81, 0x80, 0, 0], &count[..], &[0; 4]].concat();
    for (labels, port) in targets {
        let name: Vec<u8> = labels.iter().flat_map(|label| [&[label.len() as u8], *label].concat()).collect();
        let length = u16::try_from(name.len() + 7).expect("a short name").to_be_bytes();
        // The root's record: SRV, class IN, valid for 60 s, priority 0, weight 1.
        message.extend([0, 0, 33, 0, 1, 0, 0, 0, 60]);
        message.extend(length);
        message.extend([0, 0, 0, 1]);
        message.extend(port.to_be_bytes());
        message.extend(name);
        message.push(0);
    }
    message
}

pub(crate) fn dns_seeds() -> Vec<Vec<u8>> {
    vec![
        services(&[(&[b"infra0", b"example", b"com"], 2380), (&[b"infra1", b"example", b"com"], 2380)]),
        services(&[(&[b"xn--bcher-kva", b"example"], 7001)]),
        services(&[(&[b"a:1,b=http://c"], 1)]),
        services(&[(&[], 2380)]),
    ]
}

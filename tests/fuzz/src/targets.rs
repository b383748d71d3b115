//! The targets.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use bytes::Bytes;
use etcd_apply::Envelope;
use etcd_auth::{Algorithm, TokenOptions};
use etcd_membership::{Change, ClusterVersion, MemberId, Urls, UrlsMap, Version};
use etcd_proto::prost::Message;
use etcd_proto::{authpb, etcdserverpb as pb, leasepb, mvccpb, raftpb};
use etcd_transport::{Decoder, StreamKind};

use crate::{Target, members, pem, rows, seeds};

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "wal", run: wal, seeds: seeds::wal },
    Target { name: "peer_messages", run: peer_messages, seeds: seeds::peer_messages },
    Target { name: "peer_appends", run: peer_appends, seeds: seeds::peer_appends },
    Target { name: "log_entry", run: log_entry, seeds: seeds::log_entry },
    Target { name: "membership_change", run: membership_change, seeds: seeds::membership_change },
    Target { name: "messages", run: messages, seeds: seeds::messages },
    Target { name: "grpc_body", run: etcd_api::fuzz::grpc_body, seeds: seeds::grpc_body },
    Target { name: "gateway_request", run: etcd_api::fuzz::gateway_request, seeds: seeds::gateway_request },
    Target { name: "gateway_answer", run: etcd_api::fuzz::gateway_answer, seeds: seeds::gateway_answer },
    Target { name: "v2_form", run: etcd_api::fuzz::v2_form, seeds: seeds::v2_form },
    Target { name: "v2_path", run: v2_path, seeds: seeds::v2_path },
    Target { name: "arguments", run: arguments, seeds: seeds::arguments },
    Target { name: "config_file", run: config_file, seeds: seeds::config_file },
    Target { name: "urls", run: urls, seeds: seeds::urls },
    Target { name: "versions", run: versions, seeds: seeds::versions },
    Target { name: "token_options", run: token_options, seeds: seeds::token_options },
    Target { name: "jwt", run: jwt, seeds: seeds::jwt },
    Target { name: "snapshot", run: snapshot, seeds: seeds::snapshot },
    Target { name: "rows", run: rows::rows, seeds: rows::seeds },
    Target { name: "v2_rows", run: rows::v2_rows, seeds: rows::v2_seeds },
    Target { name: "discovery_v2", run: etcd_discovery::fuzz::v2_answer, seeds: members::v2_seeds },
    Target { name: "discovery_v3", run: etcd_discovery::fuzz::v3_answer, seeds: members::v3_seeds },
    Target { name: "dns", run: etcd_dns::fuzz::answer, seeds: members::dns_seeds },
    Target { name: "pem", run: pem::pem, seeds: pem::none },
    Target { name: "crl", run: pem::crl, seeds: pem::none },
    Target { name: "certificate", run: pem::certificate, seeds: pem::none },
];

fn wal(data: &[u8]) {
    let decoded = etcd_wal::decode_all(data);
    assert!(decoded.end <= data.len() as u64, "it read past the end");
    assert!(
        decoded.records.iter().all(|record| record.offset < decoded.end.max(1)),
        "a record beyond the end"
    );
}

fn peer_messages(data: &[u8]) {
    peer(StreamKind::Message, data);
}

fn peer_appends(data: &[u8]) {
    peer(StreamKind::MsgApp, data);
}

/// In one piece, and in pieces as long as the first byte says, a stream gives the same messages.
fn peer(kind: StreamKind, data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else { return };
    let read = |piece: usize| {
        let mut decoder = Decoder::new(kind, MemberId::new(1), MemberId::new(2), 1 << 16);
        let mut messages = Vec::new();
        let outcome = stream.chunks(piece).try_for_each(|chunk| decoder.feed(chunk, &mut messages));
        (outcome.is_ok(), messages)
    };
    let (whole, cut) = (read(stream.len().max(1)), read(usize::from(*piece).max(1)));
    assert_eq!(whole.0, cut.0, "the pieces matter");
    if whole.0 {
        assert_eq!(whole.1, cut.1, "the pieces matter");
    }
}

/// What was read can be written, and what was written by us is read again as the same. (A v2 request has the entry's id
/// a second time, and gets it when it is written.)
fn log_entry(data: &[u8]) {
    if let Ok(envelope) = Envelope::decode(Bytes::copy_from_slice(data)) {
        let written = Envelope::decode(envelope.encode()).expect("what was written can be read");
        let again = Envelope::decode(written.encode()).expect("what was written can be read");
        assert_eq!(format!("{again:?}"), format!("{written:?}"));
    }
}

fn membership_change(data: &[u8]) {
    let Some((kind, context)) = data.split_first() else { return };
    let _change = Change::decode(i32::from(*kind % 5), 7, context);
}

/// A stored or received message of each kind: what was read is read again as the same.
fn messages(data: &[u8]) {
    fn check<M: Message + Default + PartialEq + std::fmt::Debug>(data: &[u8]) {
        if let Ok(message) = M::decode(data) {
            let again = M::decode(message.encode_to_vec().as_slice()).expect("what was written can be read");
            assert_eq!(again, message);
        }
    }
    let Some((number, data)) = data.split_first() else { return };
    let checks: &[fn(&[u8])] = &[
        check::<pb::RangeRequest>,
        check::<pb::PutRequest>,
        check::<pb::TxnRequest>,
        check::<pb::WatchRequest>,
        check::<pb::LeaseGrantRequest>,
        check::<pb::AuthRoleGrantPermissionRequest>,
        check::<pb::InternalRaftRequest>,
        check::<mvccpb::KeyValue>,
        check::<leasepb::Lease>,
        check::<leasepb::LeaseInternalRequest>,
        check::<authpb::User>,
        check::<authpb::Role>,
        check::<raftpb::Message>,
        check::<raftpb::Snapshot>,
        check::<raftpb::ConfChange>,
    ];
    checks[usize::from(*number) % checks.len()](data);
}

/// A clean path is its own clean path.
fn v2_path(data: &[u8]) {
    let clean = etcd_v2store::clean(&String::from_utf8_lossy(data));
    assert!(clean.starts_with('/') && (clean == "/" || !clean.ends_with('/')), "{clean}");
    assert_eq!(etcd_v2store::clean(&clean), clean);
}

/// Lines as arguments; those that begin with `ETCD_` as variables.
fn arguments(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (variables, arguments): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("ETCD_"));
    let variables: BTreeMap<_, _> = variables.iter().filter_map(|line| line.split_once('=')).collect();
    let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
    let none = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let outcome = etcd_config::parse_with(arguments.iter().map(OsString::from), variables, none);
    if let Err(failure) = outcome {
        assert!(!failure.mistakes.is_empty(), "a failure says why");
    }
}

fn config_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let arguments = ["--config-file=x"].map(OsString::from);
    if let Err(failure) = etcd_config::parse_with(arguments, [], |_| Ok(text)) {
        assert!(!failure.mistakes.is_empty(), "a failure says why");
    }
}

/// What was read prints as what is read as the same.
fn urls(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(urls) = text.parse::<Urls>() {
        let again = Urls::new(urls.to_strings()).expect("what was printed can be read");
        assert_eq!(again.to_strings(), urls.to_strings());
    }
    if let Ok(map) = text.parse::<UrlsMap>() {
        assert_eq!(map.names().count(), map.len());
    }
}

fn versions(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (_version, _cluster) = (text.parse::<Version>(), text.parse::<ClusterVersion>());
    let _duration = etcd_config::parse_duration(&text);
    let _id = text.parse::<MemberId>();
}

fn token_options(data: &[u8]) {
    let _options = TokenOptions::parse(&String::from_utf8_lossy(data), etcd_config::parse_duration);
}

/// Whatever was not signed with the key speaks for nobody.
fn jwt(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let proven = seeds::signer(Algorithm::Hs256).verify(&text, Duration::from_secs(1000));
    let is_ours = seeds::jwt().iter().any(|token| token == data);
    assert!(proven.is_none() || is_ours, "a forged token: {text}");
}

fn snapshot(data: &[u8]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("received");
    let outcome = etcd_storage::receive(&path, &mut &data[..]);
    let is_there = path.metadata().is_ok();
    assert_eq!(is_there, outcome.is_ok(), "a file is left exactly when all is well: {outcome:?}");
}

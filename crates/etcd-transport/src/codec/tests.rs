use bytes::Bytes;
use etcd_membership::MemberId;
use etcd_proto::raftpb::{Entry, Message, MessageType, Snapshot, SnapshotMetadata};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{DecodeError, Decoder, Encoder, StreamKind};

const LIMIT: usize = 1 << 20;

fn decoder(kind: StreamKind) -> Decoder {
    Decoder::new(kind, MemberId::new(1), MemberId::new(2), LIMIT)
}

fn encode(kind: StreamKind, messages: &[Message]) -> Vec<u8> {
    let mut encoder = Encoder::new(kind);
    for message in messages {
        encoder.encode(message);
    }
    take(&mut encoder)
}

fn take(encoder: &mut Encoder) -> Vec<u8> {
    let (pending, mut bytes) = (encoder.pending(), Vec::new());
    while let Some(chunk) = encoder.next_chunk() {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes.len(), pending);
    assert_eq!(encoder.pending(), 0);
    bytes
}

fn decode(kind: StreamKind, bytes: &[u8], piece: usize) -> Result<Vec<Message>, DecodeError> {
    let (mut decoder, mut messages) = (decoder(kind), Vec::new());
    for piece in bytes.chunks(piece) {
        decoder.feed(piece, &mut messages)?;
    }
    Ok(messages)
}

fn app(term: u64, index: u64, count: u64, size: usize) -> Message {
    let entries = (1..=count)
        .map(|n| Entry { term, index: index + n, data: vec![n as u8; size].into(), ..Entry::default() })
        .collect();
    Message {
        r#type: MessageType::MsgApp as i32,
        to: 1,
        from: 2,
        term,
        log_term: term,
        index,
        commit: index,
        entries,
        ..Message::default()
    }
}

#[test]
fn message_stream_has_the_bytes_of_etcd() {
    let heartbeat = Message {
        r#type: MessageType::MsgHeartbeat as i32,
        to: 2,
        from: 1,
        term: 3,
        commit: 300,
        ..Message::default()
    };
    let want = b"\0\0\0\0\0\0\0\x0b\x08\x08\x10\x02\x18\x01\x20\x03\x40\xac\x02";
    assert_eq!(encode(StreamKind::Message, std::slice::from_ref(&heartbeat)), want);
    assert_eq!(decode(StreamKind::Message, want, 64).unwrap(), [heartbeat]);
}

#[test]
fn link_heartbeats_have_the_bytes_of_etcd_and_are_swallowed() {
    for (kind, want) in [
        (StreamKind::Message, &b"\0\0\0\0\0\0\0\x02\x08\x08"[..]),
        // etcd 3.5 and older write fields that are not set, too.
        (
            StreamKind::Message,
            b"\0\0\0\0\0\0\0\x1c\x08\x08\x10\0\x18\0\x20\0\x28\0\x30\0\x40\0\x4a\x08\x12\x06\x0a\0\x10\0\x18\0\x50\0\x58\0",
        ),
        (StreamKind::MsgApp, b"\0"),
    ] {
        let bytes = want;
        if bytes.len() != 36 {
            let mut encoder = Encoder::new(kind);
            encoder.heartbeat();
            assert_eq!(take(&mut encoder), bytes);
        }
        assert_eq!(decode(kind, bytes, 64).unwrap(), []);
    }
}

#[test]
fn msgapp_stream_has_the_bytes_of_etcd() {
    // The first message is whole, the second follows from it.
    let first = app(5, 0, 1, 1);
    let second = app(5, 1, 2, 1);
    let bytes = encode(StreamKind::MsgApp, &[first.clone(), second.clone()]);
    let want = [
        &b"\x02\0\0\0\0\0\0\0\x13"[..],
        b"\x08\x03\x10\x01\x18\x02\x20\x05\x28\x05\x3a\x07",
        b"\x10\x05\x18\x01\x22\x01\x01",
        b"\x01\0\0\0\0\0\0\0\x02",
        b"\0\0\0\0\0\0\0\x07\x10\x05\x18\x02\x22\x01\x01",
        b"\0\0\0\0\0\0\0\x07\x10\x05\x18\x03\x22\x01\x02",
        b"\0\0\0\0\0\0\0\x01",
    ]
    .concat();
    assert_eq!(bytes, want);
    assert_eq!(decode(StreamKind::MsgApp, &want, 3).unwrap(), [first, second]);
}

#[test]
fn another_term_or_a_gap_is_written_whole() {
    for (next, form) in [
        (app(5, 1, 1, 1), 1),
        (app(6, 1, 1, 1), 2),
        (app(5, 2, 1, 1), 2),
        (app(5, 0, 1, 1), 2),
        (
            // An old term in front, as right after an election.
            Message { term: 6, ..app(5, 1, 1, 1) },
            2,
        ),
    ] {
        let mut encoder = Encoder::new(StreamKind::MsgApp);
        encoder.encode(&app(5, 0, 1, 1));
        take(&mut encoder);
        encoder.encode(&next);
        assert_eq!(take(&mut encoder)[0], form, "{next:?}");
    }
}

#[test]
fn large_payloads_are_not_copied() {
    let message = app(5, 1, 2, 100_000);
    let mut encoder = Encoder::new(StreamKind::MsgApp);
    encoder.encode(&app(5, 0, 1, 1));
    encoder.encode(&message);
    let chunks: Vec<Bytes> = std::iter::from_fn(|| encoder.next_chunk()).collect();
    for entry in &message.entries {
        assert!(chunks.iter().any(|chunk| chunk.as_ptr() == entry.data.as_ptr()));
    }
    let decoded = decode(StreamKind::MsgApp, &chunks.concat(), 70_001).unwrap();
    assert_eq!(decoded[1], message);
}

#[test]
fn what_is_too_large_is_refused_before_it_is_stored() {
    let huge = (LIMIT as u64 + 1).to_be_bytes();
    let cases = [
        (StreamKind::Message, huge.to_vec()),
        (StreamKind::Message, u64::MAX.to_be_bytes().to_vec()),
        (StreamKind::MsgApp, [&[2][..], &huge].concat()),
        // A count of entries that could never fit, and an entry that does not.
        (StreamKind::MsgApp, [&[1][..], &u64::MAX.to_be_bytes()].concat()),
        (StreamKind::MsgApp, [&[1][..], &1_u64.to_be_bytes(), &huge].concat()),
        // Entries without any bytes: small on the wire, large in memory.
        (StreamKind::MsgApp, [&[1][..], &100_000_u64.to_be_bytes(), &[0; 8 * 20_000]].concat()),
    ];
    for (kind, bytes) in cases {
        let outcome = decode(kind, &bytes, 4096);
        assert!(matches!(outcome, Err(DecodeError::TooLarge { limit: LIMIT })), "{:?}", &bytes[..9]);
    }
}

#[test]
fn nonsense_is_an_error() {
    let malformed = [&3_u64.to_be_bytes()[..], &[0xff, 0xff, 0xff]].concat();
    assert!(matches!(decode(StreamKind::Message, &malformed, 64), Err(DecodeError::Malformed { .. })));
    assert!(matches!(decode(StreamKind::MsgApp, b"GET /", 64), Err(DecodeError::Form { form: b'G' })));
}

#[test]
fn messages_before_a_mistake_are_kept() {
    let mut bytes = encode(StreamKind::MsgApp, &[app(1, 0, 1, 1)]);
    let (mut decoder, mut messages) = (decoder(StreamKind::MsgApp), Vec::new());
    decoder.feed(&bytes, &mut messages).unwrap();
    bytes.clear();
    decoder.feed(&[9], &mut messages).unwrap_err();
    assert_eq!(messages.len(), 1);
}

fn any_bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

fn any_entry() -> impl Strategy<Value = Entry> {
    (0..3_i32, any::<u64>(), any::<u64>(), prop_oneof![4 => any_bytes(40), 1 => any_bytes(20_000)])
        .prop_map(|(r#type, term, index, data)| Entry { r#type, term, index, data })
}

prop_compose! {
    fn any_message()(
        r#type in 0..24_i32,
        to in 1..u64::MAX,
        numbers in any::<[u64; 5]>(),
        entries in vec(any_entry(), 0..4),
        snapshot in proptest::option::of(any_bytes(30)),
        reject in any::<bool>(),
        context in any_bytes(30),
    ) -> Message {
        let [from, term, log_term, index, commit] = numbers;
        let snapshot = snapshot.map(|data| Snapshot { data, metadata: Some(SnapshotMetadata::default()) });
        Message {
            r#type, to, from, term, log_term, index, commit, entries, snapshot, reject, context,
            reject_hint: index ^ term,
        }
    }
}

/// What a leader sends: mostly the next entries, now and then something else.
fn any_replication() -> impl Strategy<Value = Vec<Message>> {
    vec((0..10_u8, 0..4_u64, prop_oneof![4 => 0..50_usize, 1 => 0..20_000_usize]), 1..30).prop_map(|steps| {
        let (mut term, mut index, mut messages) = (1, 0, Vec::new());
        for (choice, count, size) in steps {
            match choice {
                0 => term += 1,
                1 => index /= 2,
                _ => {}
            }
            messages.push(app(term, index, count, size));
            index += count;
        }
        messages
    })
}

proptest! {
    #[test]
    fn any_message_survives(messages in vec(any_message(), 0..8), piece in 1..5000_usize) {
        let bytes = encode(StreamKind::Message, &messages);
        prop_assert_eq!(decode(StreamKind::Message, &bytes, piece).unwrap(), messages);
    }

    #[test]
    fn replication_survives(messages in any_replication(), piece in 1..5000_usize) {
        let bytes = encode(StreamKind::MsgApp, &messages);
        prop_assert_eq!(decode(StreamKind::MsgApp, &bytes, piece).unwrap(), messages);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in any_bytes(3000), piece in 1..500_usize, msgapp in any::<bool>()) {
        let kind = if msgapp { StreamKind::MsgApp } else { StreamKind::Message };
        let (mut decoder, mut messages) = (decoder(kind), Vec::new());
        for piece in bytes.chunks(piece) {
            if decoder.feed(piece, &mut messages).is_err() {
                break;
            }
        }
    }

    #[test]
    fn damaged_streams_do_no_harm(messages in any_replication(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = encode(StreamKind::MsgApp, &messages);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let (mut decoder, mut decoded) = (decoder(StreamKind::MsgApp), Vec::new());
        for piece in bytes.chunks(777) {
            if decoder.feed(piece, &mut decoded).is_err() {
                break;
            }
            let held = decoder.held();
            prop_assert!(held <= LIMIT + 777 + 9);
        }
    }
}

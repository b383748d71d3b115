use etcd_proto::raftpb::HardState;

use super::{Encoder, length_word};
use crate::{Metadata, Record, decode_all};

const WRITTEN_BY_ETCD: &[u8] =
    include_bytes!("../../tests/fixtures/etcd-3.4.23/0000000000000000-0000000000000000.wal");

#[test]
fn what_go_etcd_wrote_is_written_again_byte_by_byte() {
    let decoded = decode_all(WRITTEN_BY_ETCD);
    assert_eq!((decoded.damage, decoded.torn), (None, false));
    let mut encoder = Encoder::new(0);
    for located in decoded.records {
        match located.record {
            Record::Crc(_) => {}
            Record::Metadata(metadata) => encoder.header(metadata, &HardState::default()),
            Record::Entry(entry) => encoder.entry(&entry),
            Record::HardState(state) => encoder.state(&state),
            Record::Mark(mark) => encoder.snapshot(&mark),
        }
    }
    let end = encoder.bytes().len();
    assert_eq!(encoder.bytes(), &WRITTEN_BY_ETCD[..end]);
    assert!(WRITTEN_BY_ETCD.len() - end < 8);
}

#[test]
fn length_words() {
    for (length, word, padding) in [
        (4, 0x8400_0000_0000_0004, 4),
        (0x1f, 0x8100_0000_0000_001f, 1),
        (16, 16, 0),
        (0, 0, 0),
        (0x1_0000_0001, 0x8700_0001_0000_0001, 7),
    ] {
        assert_eq!(length_word(length), (word, padding), "{length}");
    }
}

#[test]
fn the_first_records_of_a_segment() {
    let mut encoder = Encoder::new(0);
    encoder.header(Metadata { node_id: 1, cluster_id: 2 }, &HardState { term: 3, vote: 0, commit: 4 });
    let decoded = decode_all(encoder.bytes());
    let records: Vec<_> = decoded.records.into_iter().map(|located| located.record).collect();
    assert_eq!(
        records,
        [
            Record::Crc(0),
            Record::Metadata(Metadata { node_id: 1, cluster_id: 2 }),
            Record::HardState(HardState { term: 3, vote: 0, commit: 4 }),
        ],
    );
}

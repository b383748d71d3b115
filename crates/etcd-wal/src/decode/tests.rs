use etcd_proto::raftpb::{Entry, HardState};

use super::{Decoder, LostWord, SECTOR, Step, numbers};
use crate::encode::Encoder;
use crate::{Damage, Metadata, Record};

const STATE: HardState = HardState { term: 1, vote: 2, commit: 1 };

fn entry(index: u64, data: &[u8]) -> Entry {
    Entry { r#type: 0, term: 1, index, data: data.to_vec().into() }
}

/// A segment whose second entry's length word is at `at`, followed by a third entry; and the encoded bytes.
fn with_frame_at(at: usize, data: &[u8]) -> Vec<u8> {
    for size in 0..SECTOR * 4 {
        let mut encoder = Encoder::new(0);
        encoder.header(Metadata { node_id: 1, cluster_id: 2 }, &STATE);
        encoder.entry(&entry(1, &vec![1; size]));
        if encoder.bytes().len() == at {
            encoder.entry(&entry(2, data));
            encoder.entry(&entry(3, b"third"));
            return encoder.bytes().to_vec();
        }
    }
    panic!("no first entry puts the second one at {at}");
}

type Outcome = (Vec<Record>, Result<Step, Damage>, Vec<LostWord>);

fn decode(bytes: &[u8]) -> Outcome {
    let mut decoder = Decoder::new(bytes, None);
    let mut records = Vec::new();
    loop {
        match decoder.step() {
            Ok(Step::Record(located)) => records.push(located.record),
            end => return (records, end, decoder.lost_words().to_vec()),
        }
    }
}

#[test]
fn a_length_word_alone_at_the_end_of_a_lost_sector_is_put_back() {
    let at = 2 * SECTOR - 8;
    let whole = with_frame_at(at, b"second");
    let mut bytes = whole.clone();
    bytes[at..at + 8].fill(0);
    let (records, end, lost) = decode(&bytes);
    assert_eq!((records, end), (decode(&whole).0, Ok(Step::End)));
    assert_eq!(lost, [LostWord { offset: at as u64, bytes: whole[at..at + 8].try_into().unwrap() }]);
}

/// A segment whose second entry has its last word alone in a sector; the offset of that word, and the data.
fn with_last_word_alone(last: &[u8]) -> (usize, Vec<u8>) {
    // The length of the checksum varies, so that one byte to fill with may not do.
    for (fill, size) in (1..9_u8).flat_map(|fill| (SECTOR - 48..SECTOR - 16).map(move |size| (fill, size))) {
        let whole = with_frame_at(SECTOR, &[vec![fill; size], last.to_vec()].concat());
        let ends = frame_ends(&whole);
        let end = ends[ends.len() - 2];
        let padding = &whole[end - 8 + last.len()..end];
        if end % SECTOR == 8 && whole[end - 8..].starts_with(last) && padding.iter().all(|&byte| byte == 0) {
            return (end - 8, whole);
        }
    }
    panic!("no size puts these bytes in a sector of their own");
}

/// Where each frame ends.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let mut decoder = Decoder::new(bytes, None);
    let mut ends = Vec::new();
    while let Ok(Step::Record(_)) = decoder.step() {
        ends.push(decoder.offset() as usize);
    }
    ends
}

#[test]
fn one_bit_alone_in_a_lost_sector_is_put_back() {
    for last in [&[1][..], &[0x80], &[0, 2], &[0, 0, 0, 0, 0, 0, 0, 0x40]] {
        let (at, whole) = with_last_word_alone(last);
        let kept = &decode(&whole).0;
        let lost = [LostWord { offset: at as u64, bytes: whole[at..at + 8].try_into().unwrap() }];
        // The sector was lost; so the third entry, which begins in it, is too.
        for survivors in [&[][..], &[9; 40]] {
            let mut bytes = whole[..at].to_vec();
            bytes.resize(at + SECTOR, 0);
            bytes.extend(survivors);
            let (records, end, words) = decode(&bytes);
            assert_eq!(records, kept[..kept.len() - 1], "{last:?}");
            assert_eq!(end, Ok(if survivors.is_empty() { Step::End } else { Step::Torn }), "{last:?}");
            assert_eq!(words, lost, "{last:?}");
        }
    }
}

#[test]
fn more_bits_in_a_lost_sector_are_torn() {
    for last in [&[3][..], &[1, 1], &[0x90], &[7; 8]] {
        let (at, whole) = with_last_word_alone(last);
        let mut bytes = whole[..at].to_vec();
        bytes.resize(at + SECTOR, 0);
        let (records, end, words) = decode(&bytes);
        assert_eq!((records.len(), end), (decode(&whole).0.len() - 2, Ok(Step::Torn)), "{last:?}");
        assert_eq!(words, [], "{last:?}");
    }
}

#[test]
fn a_bit_elsewhere_in_a_record_that_ends_in_zeros_is_damage() {
    let (at, mut whole) = with_last_word_alone(&[0; 4]);
    whole.truncate(at);
    whole.resize(at + SECTOR, 0);
    assert_eq!(decode(&whole).1, Ok(Step::End));
    for byte in SECTOR + 40..at {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        assert_eq!(decode(&bytes).1, Err(Damage::Checksum), "byte {byte}");
    }
}

#[test]
fn a_zero_length_word_before_other_bytes_of_its_sector_is_damage() {
    for at in (SECTOR..2 * SECTOR - 8).step_by(8) {
        let mut bytes = with_frame_at(at, b"second");
        bytes[at..at + 8].fill(0);
        assert_eq!(decode(&bytes).1, Err(Damage::Length), "at {at}");
    }
}

#[test]
fn a_lost_sector_is_a_torn_write_wherever_the_frame_begins() {
    for at in (SECTOR..2 * SECTOR).step_by(8) {
        let mut bytes = with_frame_at(at, &[7; 3 * SECTOR]);
        bytes[3 * SECTOR..4 * SECTOR].fill(0);
        assert_eq!(decode(&bytes).1, Ok(Step::Torn), "at {at}");
    }
}

#[test]
fn a_flipped_bit_beside_a_sector_of_zeros_is_damage() {
    let mut data = vec![7; 4 * SECTOR];
    data[SECTOR..3 * SECTOR].fill(0);
    let whole = with_frame_at(2 * SECTOR, &data);
    let end = whole.len() - 40;
    for byte in (2 * SECTOR..end).step_by(5) {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1 << bit;
            assert!(decode(&bytes).1.is_err(), "byte {byte}, bit {bit}");
        }
    }
}

#[test]
fn a_length_that_leads_into_zeros_is_damage() {
    let at = SECTOR;
    let mut bytes = with_frame_at(at, b"second");
    bytes.resize(64 * SECTOR, 0);
    for bit in 3..15 {
        let mut bytes = bytes.clone();
        bytes[at + bit / 8] ^= 1 << (bit % 8);
        // One of these lengths ends the record before its data, which the checksum finds.
        assert!(matches!(decode(&bytes).1, Err(Damage::Length | Damage::Checksum)), "bit {bit}");
    }
    bytes[at..at + 8].fill(0xff);
    assert_eq!(decode(&bytes).1, Err(Damage::Length));
}

#[test]
fn messages_of_numbers_hold_nothing_else() {
    assert_eq!(numbers::<3>(&[0x08, 1, 0x10, 0x80, 1, 0x18, 3]), Ok([1, 128, 3]));
    assert_eq!(numbers::<3>(&[0x10, 5]), Ok([0, 5, 0]));
    for bad in [&[0x20, 1][..], &[0x10, 1, 0x08, 1], &[0x0a, 1, 1], &[0x08], &[0x08, 0x80]] {
        assert_eq!(numbers::<3>(bad), Err(Damage::Content), "{bad:?}");
    }
}

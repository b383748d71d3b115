//! What the server is to judge, and noise.

use proptest::prelude::{Just, Strategy, any};
use proptest::{collection, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::super::filter::Filter;
use super::{
    CONTINUATION, CORRECTED, DATA, END_HEADERS, HEADERS, LIMIT, OLD, PADDED, PREFACE, PRIORITY, connection,
    filtered, frame,
};

#[test]
fn what_is_no_header_block_passes_untouched() {
    let whole = || frame(HEADERS, END_HEADERS, OLD);
    let begun = || frame(HEADERS, 0, &OLD[..10]);
    let mut elsewhere = frame(CONTINUATION, END_HEADERS, &OLD[10..]);
    elsewhere[8] = 3;
    let cases: &[&[Vec<u8>]] = &[
        // Another frame, another stream, another block within a block.
        &[begun(), frame(DATA, 0, b"x"), whole()],
        &[begun(), elsewhere, whole()],
        &[begun(), whole()],
        // Padding and priority that are longer than the frame.
        &[frame(HEADERS, END_HEADERS | PADDED, b""), whole()],
        &[frame(HEADERS, END_HEADERS | PADDED, b"\xff\x41\x0ahttp://h:1"), whole()],
        &[frame(HEADERS, END_HEADERS | PRIORITY, b"\0\0\0\0"), whole()],
        // A block that ends within a literal.
        &[frame(HEADERS, END_HEADERS, &OLD[..OLD.len() - 1]), whole()],
        &[frame(HEADERS, END_HEADERS, b""), whole()],
        // More than a frame may have.
        &[frame(HEADERS, END_HEADERS, &[OLD, &[0x82; 16 << 10]].concat()), whole()],
        // A continuation of nothing, and frames that stop.
        &[frame(CONTINUATION, END_HEADERS, OLD), frame(HEADERS, END_HEADERS, CORRECTED), whole()],
        &[whole()[..20].to_vec()],
        &[begun(), frame(CONTINUATION, END_HEADERS, &OLD[10..])[..9].to_vec()],
    ];
    for frames in cases {
        let input = connection(frames);
        for chunk in [1, 5, input.len()] {
            assert!(filtered(&input, chunk) == input, "{:x?}", frames[0]);
        }
    }
}

#[test]
fn damage_after_a_correction_passes_untouched() {
    let damaged = frame(HEADERS, END_HEADERS, b"\x41\x0ahttp");
    let whole = |block| frame(HEADERS, END_HEADERS, block);
    let input = connection(&[whole(OLD), damaged.clone(), whole(OLD)]);
    assert_eq!(filtered(&input, 3), connection(&[whole(CORRECTED), damaged, whole(OLD)]));
}

#[test]
fn what_is_held_back_is_bounded() {
    // A block that never ends: in full frames, in empty ones, and one that is announced only.
    for payload in [16 << 10, 1, 0] {
        let mut filter = Filter::new(LIMIT);
        let mut input = [PREFACE, &frame(HEADERS, 0, &vec![0x82; payload])].concat();
        let mut output = Vec::new();
        filter.feed(&input, &mut output);
        for _ in 0..=LIMIT / (payload + 9) {
            assert!(input.len() - output.len() <= LIMIT);
            let more = frame(CONTINUATION, 0, &vec![0x82; payload]);
            filter.feed(&more, &mut output);
            input.extend(more);
        }
        assert!(filter.is_out() && output == input, "{payload}");
    }
    let mut filter = Filter::new(LIMIT);
    let mut output = Vec::new();
    filter.feed(&[PREFACE, b"\xff\xff\xff\x01\x04\0\0\0\x01"].concat(), &mut output);
    assert!(filter.is_out());
}

/// A frame in which little is right.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![3 => Just(HEADERS), 3 => Just(CONTINUATION), 1 => any::<u8>()];
    let block = collection::vec(
        prop_oneof![
            Just(b"\x82".to_vec()),
            Just(b"\x41".to_vec()),
            Just(b"\x41\x0ahttp://h:1".to_vec()),
            Just(OLD.to_vec()),
            collection::vec(any::<u8>(), 0..12),
        ],
        0..4,
    );
    (kind, any::<u8>(), block).prop_map(|(kind, flags, block)| frame(kind, flags, &block.concat()))
}

/// Feeds in chunks of the given lengths, over and over.
fn in_chunks(input: &[u8], lengths: &[usize]) -> Vec<u8> {
    let mut filter = Filter::new(LIMIT);
    let (mut output, mut rest) = (Vec::new(), input);
    for length in lengths.iter().cycle() {
        let (chunk, after) = rest.split_at((*length).min(rest.len()));
        filter.feed(chunk, &mut output);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    filter.leave(&mut output);
    output
}

proptest! {
    #[test]
    fn noise_passes_untouched(
        noise in collection::vec(any::<u8>(), 0..2000),
        lengths in collection::vec(1..50_usize, 1..20),
    ) {
        let input = [PREFACE, &noise].concat();
        prop_assert_eq!(in_chunks(&input, &lengths), input);
    }

    #[test]
    fn chunks_do_not_matter(
        frames in collection::vec(any_frame(), 0..8),
        tail in collection::vec(any::<u8>(), 0..20),
        lengths in collection::vec(1..50_usize, 1..20),
    ) {
        let input = [connection(&frames), tail].concat();
        let output = in_chunks(&input, &lengths);
        prop_assert_eq!(&output, &filtered(&input, input.len()));
        let has_url = |bytes: &[u8]| bytes.windows(7).any(|seven| seven == b"http://")
            || bytes.windows(4).any(|four| four == b"\x9d\x29\xae\xe3");
        prop_assert!(has_url(&input) || output == input);
    }
}

//! Header blocks in frames of all shapes, cut everywhere.

use super::super::filter::Filter;
use super::super::frame::MAX_PAYLOAD;
use super::{
    CONTINUATION, CORRECTED, DATA, END_HEADERS, END_STREAM, HEADERS, LIMIT, OLD, PADDED, PREFACE, PRIORITY,
    SETTINGS, connection, filtered, frame, string,
};

/// Checks with every way to cut the connection into equal chunks, and with every cut in two.
fn check(frames: &[Vec<u8>], expected: &[Vec<u8>]) {
    let (input, expected) = (connection(frames), connection(expected));
    let at_once = filtered(&input, input.len());
    assert!(at_once == expected, "{at_once:x?}\n{expected:x?}");
    for chunk in 1..input.len().min(300) {
        assert!(filtered(&input, chunk) == expected, "in chunks of {chunk}");
    }
    for cut in 0..input.len().min(300) {
        let mut filter = Filter::new(LIMIT);
        let mut output = Vec::new();
        filter.feed(&input[..cut], &mut output);
        filter.feed(&input[cut..], &mut output);
        assert!(output == expected, "cut at {cut}");
    }
}

fn headers(block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, block)
}

#[test]
fn the_url_of_etcdctl_is_corrected() {
    check(&[headers(OLD)], &[headers(CORRECTED)]);
}

#[test]
fn later_blocks_are_corrected_too() {
    let body = frame(DATA, END_STREAM, &[7; 40]);
    let indexed = headers(b"\x83\x86\xbe\xbf");
    let frames =
        |block| [headers(block), body.clone(), indexed.clone(), body.clone(), headers(block), body.clone()];
    check(&frames(OLD), &frames(CORRECTED));
}

#[test]
fn after_a_good_first_block_nothing_is_touched() {
    let frames = [headers(CORRECTED), headers(OLD)];
    check(&frames, &frames);
    let mut filter = Filter::new(LIMIT);
    let mut output = Vec::new();
    filter.feed(&connection(&[]), &mut output);
    assert!(!filter.is_out());
    filter.feed(&headers(CORRECTED), &mut output);
    assert!(filter.is_out());
}

#[test]
fn padding_goes_and_priority_stays() {
    let priority = b"\x80\0\0\0\x0f";
    let padded = |content: &[u8]| [b"\x04", content, &[0; 4]].concat();
    let flags = END_HEADERS | END_STREAM;
    check(
        &[
            frame(HEADERS, flags | PADDED, &padded(OLD)),
            frame(HEADERS, flags | PRIORITY, &[priority, OLD].concat()),
            frame(HEADERS, flags | PRIORITY | PADDED, &padded(&[priority, OLD].concat())),
        ],
        &[
            frame(HEADERS, flags, CORRECTED),
            frame(HEADERS, flags | PRIORITY, &[priority, CORRECTED].concat()),
            frame(HEADERS, flags | PRIORITY, &[priority, CORRECTED].concat()),
        ],
    );
}

#[test]
fn a_block_in_pieces_is_corrected_wherever_it_is_cut() {
    for cut in 0..=OLD.len() {
        let pieces = [
            frame(HEADERS, END_STREAM, &OLD[..cut]),
            frame(CONTINUATION, 0, &[]),
            frame(CONTINUATION, END_HEADERS, &OLD[cut..]),
        ];
        let input = connection(&pieces);
        let expected = connection(&[frame(HEADERS, END_STREAM | END_HEADERS, CORRECTED)]);
        for chunk in [1, 7, input.len()] {
            assert_eq!(filtered(&input, chunk), expected, "cut at {cut}, in chunks of {chunk}");
        }
    }
}

#[test]
fn a_block_that_outgrows_its_frame_is_cut() {
    // `http://` and so many zeros, which take eight bits each where they took five.
    let zeros = 24_003;
    let coded = [b"\x9d\x29\xae\xe3\x0c".as_slice(), &vec![0; (1 + 5 * zeros) / 8]].concat();
    let block = [b"\x41", &*string(&coded, true)].concat();
    let plain = [b"\x41", &*string("0".repeat(zeros).as_bytes(), false)].concat();
    assert!(block.len() < MAX_PAYLOAD && plain.len() > MAX_PAYLOAD);
    let priority = b"\0\0\0\0\x0f";
    let (first, rest) = plain.split_at(MAX_PAYLOAD - priority.len());
    let input =
        connection(&[frame(HEADERS, PRIORITY | END_STREAM | END_HEADERS, &[priority, &*block].concat())]);
    let expected = connection(&[
        frame(HEADERS, PRIORITY | END_STREAM, &[priority, first].concat()),
        frame(CONTINUATION, END_HEADERS, rest),
    ]);
    for chunk in [1, 1000, input.len()] {
        assert!(filtered(&input, chunk) == expected, "in chunks of {chunk}");
    }
}

#[test]
fn what_comes_before_the_first_block_is_not_held_back() {
    let mut filter = Filter::new(LIMIT);
    let mut output = Vec::new();
    let opening = [PREFACE, &frame(SETTINGS, 0, &[1; 12])].concat();
    filter.feed(&opening, &mut output);
    assert_eq!(output, opening);
    // A part of a payload is passed on as it comes; only heads are held back until they are whole.
    output.clear();
    let ping = frame(6, 0, &[2; 8]);
    filter.feed(&ping[..8], &mut output);
    assert!(output.is_empty());
    filter.feed(&ping[8..12], &mut output);
    assert_eq!(output, &ping[..12]);
}

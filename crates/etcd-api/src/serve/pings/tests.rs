use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

use super::rule::Rule;
use super::walk::{Head, Walk};
use super::{Open, PREFACE, Policed};

const MIN: Duration = Duration::from_secs(5);

/// When a ping comes, whether there are calls, whether there was an answer, and whether it is too much.
fn check(pings: &[(u64, bool, bool, bool)]) {
    let mut rule = Rule::new(MIN);
    let start = Instant::now();
    for (seconds, has_calls, has_answered, expected) in pings {
        let now = start + Duration::from_secs(*seconds);
        assert_eq!(rule.is_too_much(now, *has_calls, *has_answered), *expected, "at {seconds} s: {pings:?}");
    }
}

#[test]
fn the_third_ping_that_is_too_early_is_too_much() {
    check(&[
        (0, true, false, false),
        (1, true, false, false),
        (2, true, false, false),
        (3, true, false, true),
    ]);
    // Strikes are not forgiven by patience.
    check(&[
        (0, true, false, false),
        (1, true, false, false),
        (9, true, false, false),
        (10, true, false, false),
    ]);
    check(&[
        (0, true, false, false),
        (1, true, false, false),
        (9, true, false, false),
        (10, true, false, false),
        (11, true, false, true),
    ]);
}

#[test]
fn polite_clients_stay() {
    let polite: Vec<_> = (0..100).map(|at| (5 * at, true, false, false)).collect();
    check(&polite);
    let answered: Vec<_> = (0..100).map(|at| (at, false, true, false)).collect();
    check(&answered);
}

#[test]
fn without_calls_two_hours_must_pass() {
    check(&[
        (0, false, false, false),
        (10, false, false, false),
        (20, false, false, false),
        (30, false, false, true),
    ]);
    check(&[
        (0, false, false, false),
        (7200, false, false, false),
        (14_400, false, false, false),
        (21_600, false, false, false),
    ]);
}

#[test]
fn an_answer_forgives() {
    let early = |at| (at, true, false, false);
    check(&[
        early(0),
        early(1),
        early(2),
        (3, true, true, false),
        early(4),
        early(5),
        (6, true, false, true),
    ]);
}

fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
    let mut frame = (payload as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    // Looks like heads of pings, which it is not.
    frame.extend(b"\0\0\x08\x06\0\0\0\0\0".iter().cycle().take(payload));
    frame
}

proptest! {
    /// However the bytes are cut, each head is seen once.
    #[test]
    fn heads_are_found(frames in prop::collection::vec((0_u8..10, any::<u8>(), 0_u32..100, 0_usize..40), 0..20), cuts in prop::collection::vec(1_usize..30, 1..40)) {
        let mut bytes = vec![b'x'; PREFACE];
        for (kind, flags, stream, payload) in &frames {
            bytes.extend(frame(*kind, *flags, *stream, *payload));
        }
        let mut walk = Walk::after(PREFACE);
        let mut seen = Vec::new();
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            walk.walk(piece, |head| seen.push((head.is_ping(), head.is_headers(), head.stream())));
            rest = after;
        }
        let expected: Vec<_> = frames.iter().map(|(kind, flags, stream, _)| (*kind == 6 && flags & 1 == 0, *kind == 1, *stream)).collect();
        prop_assert_eq!(seen, expected);
        let is_open = frames.last().is_some_and(|(kind, flags, ..)| matches!(*kind, 1 | 9) && flags & 4 == 0);
        prop_assert_eq!(walk.is_between_frames(), !is_open);
    }
}

/// One look at what there is to read.
async fn look<S: AsyncRead + Unpin>(stream: &mut S) -> Poll<io::Result<usize>> {
    let mut buffer = [0; 1024];
    let mut buffer = ReadBuf::new(&mut buffer);
    poll_fn(|context| {
        let outcome = Pin::new(&mut *stream).poll_read(context, &mut buffer);
        Poll::Ready(outcome.map_ok(|()| buffer.filled().len()))
    })
    .await
}

/// What a client sees that pings four times while the server has sent `begun`, and later `rest`.
async fn seen_by_the_client(begun: &[u8], rest: &[u8]) -> io::Result<Vec<u8>> {
    let (mut client, server) = tokio::io::duplex(64 << 10);
    let calls = Open::default();
    let mut policed = Policed::new(server, Some(MIN), Open::clone(&calls));
    client.write_all(&[b'x'; PREFACE]).await?;
    client.write_all(&frame(1, 4, 7, 3)).await?;
    for _ in 0..4 {
        client.write_all(&frame(6, 0, 0, 8)).await?;
    }
    policed.write_all(begun).await?;
    assert!(look(&mut policed).await.is_pending());
    policed.write_all(rest).await?;
    policed.write_all(&frame(0, 0, 1, 5)).await?;
    assert!(look(&mut policed).await.is_pending(), "it waits for the client to go");
    let mut seen = Vec::new();
    client.read_to_end(&mut seen).await?;
    drop(client);
    assert!(matches!(look(&mut policed).await, Poll::Ready(Ok(0))));
    Ok(seen)
}

#[tokio::test]
async fn the_client_is_told_between_two_frames() -> io::Result<()> {
    let goaway = Head::too_many_pings(7);
    assert!(goaway.ends_with(b"too_many_pings"));
    assert_eq!(seen_by_the_client(b"", b"").await?, goaway);
    let begun = frame(0, 0, 1, 30);
    for at in [1, 8, 9, 20, 38] {
        let seen = seen_by_the_client(&begun[..at], &begun[at..]).await?;
        assert_eq!(seen, [&begun[..], &goaway].concat(), "cut at {at}");
    }
    Ok(())
}

#[tokio::test]
async fn what_passes_is_not_touched() -> io::Result<()> {
    for min_time in [None, Some(MIN)] {
        let (mut client, server) = tokio::io::duplex(64 << 10);
        let calls = Open::default();
        let mut policed = Policed::new(server, min_time, Open::clone(&calls));
        let bytes =
            [&[b'x'; PREFACE][..], &frame(1, 4, 1, 3), &frame(6, 0, 0, 8), &frame(0, 1, 1, 300)].concat();
        client.write_all(&bytes).await?;
        let mut read = vec![0; bytes.len()];
        policed.read_exact(&mut read).await?;
        assert_eq!(read, bytes);
        policed.write_all(&bytes[PREFACE..]).await?;
        let mut seen = vec![0; bytes.len() - PREFACE];
        client.read_exact(&mut seen).await?;
        assert_eq!(seen, bytes[PREFACE..]);
    }
    Ok(())
}

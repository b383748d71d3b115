use std::io::{Read as _, Write as _};

use bytes::Bytes;
use http_body_util::BodyExt as _;

use super::{body, reader};

#[tokio::test]
async fn what_a_thread_writes_is_the_body() {
    let (mut writer, body, progress) = body(Bytes::from_static(b"head"));
    let writing = tokio::task::spawn_blocking(move || {
        for n in 0..100_u8 {
            writer.write_all(&vec![n; 9999])?;
        }
        writer.finish()
    });
    let bytes = body.collect().await.unwrap().to_bytes();
    writing.await.unwrap().unwrap();
    assert_eq!(bytes.len(), 4 + 100 * 9999);
    assert_eq!((progress.bytes(), progress.ended()), (bytes.len() as u64, true));
    assert_eq!(&bytes[..5], b"head\0");
    assert_eq!(bytes[4 + 50 * 9999], 50);
}

#[tokio::test]
async fn a_writer_that_gives_up_breaks_the_body() {
    let (mut writer, body, progress) = body(Bytes::new());
    tokio::task::spawn_blocking(move || writer.write_all(b"half").and_then(|()| writer.flush()))
        .await
        .unwrap()
        .unwrap();
    body.collect().await.unwrap_err();
    assert!(!progress.ended());
}

#[tokio::test]
async fn a_body_that_nobody_wants_stops_the_writer() {
    let (mut writer, body, _) = body(Bytes::new());
    drop(body);
    let written = tokio::task::spawn_blocking(move || writer.write_all(&vec![0; 1 << 20])).await.unwrap();
    written.unwrap_err();
}

#[tokio::test]
async fn a_thread_reads_what_is_fed() {
    let (feed, mut reader) = reader();
    let reading = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    for n in 0..20_u8 {
        feed.send(Some(Ok(vec![n; 1000].into()))).await.unwrap();
    }
    feed.send(None).await.unwrap();
    let all = reading.await.unwrap().unwrap();
    assert_eq!((all.len(), all[19_999]), (20_000, 19));
}

#[tokio::test]
async fn a_feed_that_breaks_off_is_an_error() {
    let (feed, mut reader) = reader();
    let reading = tokio::task::spawn_blocking(move || reader.read_to_end(&mut Vec::new()));
    feed.send(Some(Ok(Bytes::from_static(b"half")))).await.unwrap();
    drop(feed);
    reading.await.unwrap().unwrap_err();
}

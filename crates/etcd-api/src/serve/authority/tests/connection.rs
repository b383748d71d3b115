//! The stream around the filter: rooms, ends, and the other direction.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::super::Corrected;
use super::{CORRECTED, DATA, END_HEADERS, HEADERS, LIMIT, OLD, connection, frame};

fn call(block: &[u8]) -> Vec<u8> {
    connection(&[frame(HEADERS, END_HEADERS, block), frame(DATA, 0, &[7; 3000])])
}

#[tokio::test]
async fn reads_give_the_corrected_connection() {
    for (room, pipe) in [(1, 4096), (7, 5), (4096, 1), (16 << 10, 4096)] {
        for block in [OLD, CORRECTED] {
            let (mut client, server) = duplex(pipe);
            let sender = tokio::spawn(async move { client.write_all(&call(block)).await });
            let mut server = Corrected::new(server, LIMIT);
            let (mut read, mut buffer) = (Vec::<u8>::new(), vec![0; room]);
            loop {
                let count = server.read(&mut buffer).await.expect("a pipe");
                read.extend(&buffer[..count]);
                if count == 0 {
                    break;
                }
            }
            assert!(read == call(CORRECTED), "room for {room} bytes, {pipe} in the pipe");
            assert!(server.corrector.is_none());
            sender.await.expect("no panic").expect("a pipe");
        }
    }
}

#[tokio::test]
async fn a_read_without_room_is_not_an_end() {
    let (mut client, server) = duplex(4096);
    client.write_all(&call(OLD)).await.expect("a pipe");
    drop(client);
    let mut server = Corrected::new(server, LIMIT);
    assert_eq!(server.read(&mut []).await.expect("a pipe"), 0);
    let mut read = Vec::new();
    server.read_to_end(&mut read).await.expect("a pipe");
    assert!(read == call(CORRECTED));
}

#[tokio::test]
async fn an_end_within_a_block_gives_what_was_held_back() {
    let (mut client, server) = duplex(4096);
    let begun = &call(OLD)[..60];
    client.write_all(begun).await.expect("a pipe");
    drop(client);
    let mut read = Vec::new();
    Corrected::new(server, LIMIT).read_to_end(&mut read).await.expect("a pipe");
    assert_eq!(read, begun);
}

#[tokio::test]
async fn writes_go_through() {
    let (mut client, server) = duplex(64);
    let mut server = Corrected::new(server, LIMIT);
    server.write_all(b"settings").await.expect("a pipe");
    server.shutdown().await.expect("a pipe");
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.expect("a pipe");
    assert_eq!(read, b"settings");
}

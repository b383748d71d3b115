use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use etcd_proto::raftpb::{Entry, Message};

use super::{Outbox, Refused};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn message(size: usize) -> Message {
    let entry = Entry { data: vec![0; size].into(), ..Entry::default() };
    Message { entries: vec![entry], ..Message::default() }
}

fn take(outbox: &Outbox, generation: u64, waker: &Waker) -> Poll<Option<usize>> {
    let mut batch = VecDeque::new();
    outbox
        .poll_take(generation, &mut batch, &Context::from_waker(waker))
        .map(|open| open.map(|()| batch.len()))
}

#[test]
fn many_pushes_are_one_wake_up_and_one_batch() {
    let outbox = Outbox::new(10, 1000);
    let (generation, lost) = outbox.attach().unwrap();
    assert_eq!(lost, 0);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert_eq!(take(&outbox, generation, &waker), Poll::Pending);
    outbox.wake();
    assert_eq!(count.0.load(Ordering::SeqCst), 0, "nothing to take");
    for _ in 0..3 {
        outbox.push(message(1)).unwrap();
    }
    outbox.wake();
    outbox.wake();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(take(&outbox, generation, &waker), Poll::Ready(Some(3)));
    assert_eq!(take(&outbox, generation, &waker), Poll::Pending);
}

#[test]
fn it_is_bounded_in_messages_and_bytes() {
    let outbox = Outbox::new(3, 100);
    outbox.attach().unwrap();
    outbox.push(message(500)).expect("a single message may be larger");
    assert!(matches!(outbox.push(message(1)), Err(Refused::Full)));

    let outbox = Outbox::new(3, 100);
    outbox.attach().unwrap();
    for _ in 0..3 {
        outbox.push(message(10)).unwrap();
    }
    assert!(matches!(outbox.push(message(0)), Err(Refused::Full)));
}

#[test]
fn without_a_connection_the_message_comes_back() {
    let outbox = Outbox::new(3, 100);
    assert!(matches!(outbox.push(message(7)), Err(Refused::Inactive(back)) if back == message(7)));
}

#[test]
fn a_new_connection_supersedes_the_old_one() {
    let outbox = Outbox::new(3, 100);
    let (old, _) = outbox.attach().unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert_eq!(take(&outbox, old, &waker), Poll::Pending);
    outbox.push(message(1)).unwrap();
    let (new, lost) = outbox.attach().unwrap();
    assert_eq!((lost, count.0.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(take(&outbox, old, &waker), Poll::Ready(None));
    assert_eq!(outbox.detach(old), None, "the old one has no say any more");
    outbox.push(message(1)).unwrap();
    assert_eq!(take(&outbox, new, &waker), Poll::Ready(Some(1)));
    outbox.push(message(1)).unwrap();
    assert_eq!(outbox.detach(new), Some(1));
    assert!(matches!(outbox.push(message(1)), Err(Refused::Inactive(_))));
}

#[test]
fn once_closed_it_stays_closed() {
    let outbox = Outbox::new(3, 100);
    let (generation, _) = outbox.attach().unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert_eq!(take(&outbox, generation, &waker), Poll::Pending);
    outbox.close();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(take(&outbox, generation, &waker), Poll::Ready(None));
    assert_eq!(outbox.attach(), None);
}

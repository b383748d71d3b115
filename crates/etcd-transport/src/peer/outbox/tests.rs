use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use etcd_proto::raftpb::{Entry, Message};

use super::{Outbox, Pushed};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn push(outbox: &Outbox, size: usize) -> Pushed {
    let mut place = Some(message(size));
    let pushed = outbox.push(&mut place);
    assert_eq!(place.is_none(), pushed == Pushed::Queued, "the message comes back if it is not queued");
    pushed
}

fn message(size: usize) -> Message {
    let entry = Entry { data: vec![0; size].into(), ..Entry::default() };
    Message { entries: vec![entry], ..Message::default() }
}

fn take(outbox: &Outbox, generation: u64, waker: &Waker) -> Poll<Option<usize>> {
    let mut batch = VecDeque::new();
    outbox
        .poll_take(generation, &mut batch, &Context::from_waker(waker))
        .map(|open| open.map(|_since| batch.len()))
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
        assert_eq!(push(&outbox, 1), Pushed::Queued);
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
    assert_eq!(push(&outbox, 500), Pushed::Queued);
    assert_eq!(push(&outbox, 1), Pushed::Full);

    let outbox = Outbox::new(3, 100);
    outbox.attach().unwrap();
    for _ in 0..3 {
        assert_eq!(push(&outbox, 10), Pushed::Queued);
    }
    assert_eq!(push(&outbox, 0), Pushed::Full);
}

#[test]
fn without_a_connection_the_message_comes_back() {
    let outbox = Outbox::new(3, 100);
    assert_eq!(push(&outbox, 7), Pushed::Inactive);
}

#[test]
fn a_new_connection_supersedes_the_old_one() {
    let outbox = Outbox::new(3, 100);
    let (old, _) = outbox.attach().unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert_eq!(take(&outbox, old, &waker), Poll::Pending);
    assert_eq!(push(&outbox, 1), Pushed::Queued);
    let (new, lost) = outbox.attach().unwrap();
    assert_eq!((lost, count.0.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(take(&outbox, old, &waker), Poll::Ready(None));
    assert_eq!(outbox.detach(old), None, "the old one has no say any more");
    assert_eq!(push(&outbox, 1), Pushed::Queued);
    assert_eq!(take(&outbox, new, &waker), Poll::Ready(Some(1)));
    assert_eq!(push(&outbox, 1), Pushed::Queued);
    assert_eq!(outbox.detach(new), Some(1));
    assert_eq!(push(&outbox, 1), Pushed::Inactive);
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

//! Watch streams of both servers, and the events that each watcher must see: those of one log, filtered.

use std::time::Duration;

use etcd_proto::etcdserverpb::watch_client::WatchClient;
use etcd_proto::etcdserverpb::watch_create_request::FilterType;
use etcd_proto::etcdserverpb::watch_request::RequestUnion;
use etcd_proto::etcdserverpb::{
    ResponseHeader, WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use etcd_proto::mvccpb::Event;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::call::{Actor, NOBODY, Side};
use super::rules;

/// The stream of this slot sees every event, from before the first one on.
const LOG: usize = 0;
/// Slots for streams from 1 on; the first is the log's.
pub(super) const STREAMS: usize = 4;
/// One that is open while [`Watching::settle`] waits.
const SETTLING: usize = STREAMS;

/// What both servers' watchers are given.
pub(super) struct Watching {
    /// The two servers' ends of each stream.
    streams: [Vec<Option<Stream>>; 2],
    watchers: Vec<Watcher>,
    /// How the first watcher of each stream came to be, see [`companion`].
    companions: Vec<WatchResponse>,
    /// Who has opened each stream.
    actors: Vec<Actor>,
    /// Every event so far, with previous pairs.
    log: Vec<Event>,
    /// All before it is gone.
    pub(super) compacted: i64,
}

struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    responses: Streaming<WatchResponse>,
}

struct Watcher {
    slot: usize,
    id: i64,
    create: WatchCreateRequest,
    expected: Vec<Event>,
    /// How many of them each server has sent.
    seen: [usize; 2],
    /// Deletes of this revision, which was the compaction's when the watcher began there, may not come from etcd 3.4.
    lossy: Option<i64>,
}

/// What went wrong, in words.
type Wrong = String;

impl Watching {
    pub(super) async fn start(sides: &[Side; 2]) -> Result<Self, Wrong> {
        let none = || (0..=SETTLING).map(|_| None).collect();
        let mut watching = Self {
            streams: [none(), none()],
            watchers: Vec::new(),
            companions: vec![WatchResponse::default(); SETTLING + 1],
            actors: vec![NOBODY; SETTLING + 1],
            log: Vec::new(),
            compacted: 0,
        };
        watching.open(sides, LOG, NOBODY).await?;
        watching.ask(LOG, RequestUnion::CreateRequest(everything())).await;
        for side in 0..2 {
            let created = watching.next(side, LOG).await?;
            if !created.created || created.canceled {
                return Err(format!("no log: {created:?}"));
            }
        }
        Ok(watching)
    }

    /// The watchers there are: stream and id.
    pub(super) fn live(&self) -> Vec<(usize, i64)> {
        self.watchers.iter().map(|watcher| (watcher.slot, watcher.id)).collect()
    }

    pub(super) fn is_open(&self, slot: usize) -> bool {
        self.streams[0][slot].is_some()
    }

    /// Opens a stream, in the place of the one in this slot.
    pub(super) async fn open(&mut self, sides: &[Side; 2], slot: usize, actor: Actor) -> Result<(), Wrong> {
        self.close(slot);
        self.actors[slot] = actor;
        for (side, streams) in sides.iter().zip(&mut self.streams) {
            let (requests, receiver) = mpsc::channel(16);
            // The first request goes along, for Go's server begins to answer with the first response.
            let first = WatchRequest { request_union: Some(RequestUnion::CreateRequest(companion())) };
            requests.send(first).await.map_err(|error| error.to_string())?;
            let mut request = side.request(actor, ReceiverStream::new(receiver));
            request.set_timeout(Duration::from_secs(3600));
            let mut client = WatchClient::new(side.channel.clone()).max_decoding_message_size(64 << 20);
            let responses = client.watch(request).await.map_err(|status| format!("no stream: {status}"))?;
            streams[slot] = Some(Stream { requests, responses: responses.into_inner() });
        }
        let first = [self.next(0, slot).await?, self.next(1, slot).await?];
        self.companions[slot] = first[0].clone();
        rules::same_creation(
            &[first[0].clone(), rules::as_of_3_7(first[1].clone(), &companion())],
            &companion(),
        )
    }

    /// Closes all streams with a token, which etcd 3.4 goes on looking at while authentication is off.
    pub(super) fn close_with_tokens(&mut self) {
        for slot in 1..STREAMS {
            if self.actors[slot] != NOBODY {
                self.close(slot);
            }
        }
    }

    pub(super) fn close(&mut self, slot: usize) {
        self.watchers.retain(|watcher| watcher.slot != slot);
        for streams in &mut self.streams {
            streams[slot] = None;
        }
    }

    /// Creates a watcher at both, and reads what it has to see of the past; whether it came to be.
    pub(super) async fn create(&mut self, slot: usize, create: &WatchCreateRequest) -> Result<bool, Wrong> {
        let request = || RequestUnion::CreateRequest(create.clone());
        self.ask_one(0, slot, request()).await;
        let ours = self.next(0, slot).await?;
        if rules::is_watch_refused_since(&ours, create) {
            return Ok(false);
        }
        self.ask_one(1, slot, request()).await;
        let answers = [ours, rules::as_of_3_7(self.next(1, slot).await?, create)];
        rules::same_creation(&answers, create)?;
        if answers[0].canceled {
            return Ok(false);
        }
        if create.start_revision > 0 && create.start_revision < self.compacted {
            let canceled = [self.next(0, slot).await?, self.next(1, slot).await?];
            same("the end of a watcher of what is compacted", &canceled)?;
            if !canceled[0].canceled || canceled[0].compact_revision != self.compacted {
                return Err(format!("compacted to {}, and: {canceled:?}", self.compacted));
            }
            // Go's etcd takes the id for used until somebody cancels what is gone.
            let cancel = WatchCancelRequest { watch_id: canceled[0].watch_id };
            self.ask_one(rules::THEIRS, slot, RequestUnion::CancelRequest(cancel)).await;
            self.next(rules::THEIRS, slot).await?;
            return Ok(false);
        }
        let mut watcher = Watcher {
            slot,
            id: answers[0].watch_id,
            create: create.clone(),
            expected: Vec::new(),
            seen: [0; 2],
            lossy: (create.start_revision == self.compacted).then_some(self.compacted),
        };
        if create.start_revision > 0 {
            for event in &self.log {
                let mut event = event.clone();
                // What was before is read when the event is sent.
                if revision(&event) - 1 < self.compacted {
                    event.prev_kv = None;
                }
                watcher.expect(&event);
            }
        }
        self.watchers.push(watcher);
        self.catch_up().await?;
        Ok(true)
    }

    /// Asks both to cancel a watcher, which may not be there, and compares all that they say.
    pub(super) async fn cancel(&mut self, slot: usize, id: i64) -> Result<(), Wrong> {
        self.watchers.retain(|watcher| (watcher.slot, watcher.id) != (slot, id));
        self.ask(slot, RequestUnion::CancelRequest(WatchCancelRequest { watch_id: id })).await;
        // A watcher that is there already, and so refused, shows that the request before it is done with.
        self.ask(slot, RequestUnion::CreateRequest(companion())).await;
        let mut said = [Vec::new(), Vec::new()];
        for (side, said) in said.iter_mut().enumerate() {
            while said.last().is_none_or(|last: &WatchResponse| !last.created) {
                said.push(self.next(side, slot).await?);
            }
            // Here the two differ in words, not in whether there is one now.
            let last = said.last_mut().expect("the loop ends with one");
            let canceled = last.canceled;
            *last = WatchResponse { created: true, canceled, ..WatchResponse::default() };
            self.companions[slot] = last.clone();
        }
        same("what is said of a cancelled watcher", &said)
    }

    /// Asks both for progress; it is told while no watcher of the stream waits for a revision to come.
    pub(super) async fn progress(&mut self, slot: usize) -> Result<(), Wrong> {
        let now = self.log.last().map_or(1, revision);
        let is_told = |watcher: &Watcher| watcher.slot != slot || watcher.create.start_revision <= now;
        if self.companions[slot].canceled || !self.watchers.iter().all(is_told) {
            return Ok(());
        }
        self.ask(slot, RequestUnion::ProgressRequest(WatchProgressRequest {})).await;
        same("progress", &[self.next(0, slot).await?, self.next(1, slot).await?])
    }

    /// Waits until no watcher waits to be looked at for what it missed, so that a compaction cannot take that from it;
    /// whether it could. Both look for all such watchers at once: one more, which sees something, shows it.
    pub(super) async fn settle(&mut self, sides: &[Side; 2], actor: Actor) -> Result<bool, Wrong> {
        let Some(now) = self.log.last().map(revision) else { return Ok(true) };
        if !self.watchers.iter().any(|watcher| watcher.create.start_revision > 0) {
            return Ok(true);
        }
        // What happened at the compaction itself may be lost.
        if now == self.compacted {
            return Ok(false);
        }
        self.open(sides, SETTLING, actor).await?;
        if self.companions[SETTLING].canceled {
            return Ok(false);
        }
        let create = WatchCreateRequest { start_revision: now, ..everything() };
        self.ask(SETTLING, RequestUnion::CreateRequest(create)).await;
        let mut is_settled = true;
        for side in 0..2 {
            is_settled &= !self.next(side, SETTLING).await?.canceled;
            while is_settled && self.next(side, SETTLING).await?.events.is_empty() {}
        }
        self.close(SETTLING);
        Ok(is_settled)
    }

    /// Reads the log up to `revision` at both servers, then what every watcher has to see of it.
    pub(super) async fn follow(&mut self, to: i64) -> Result<(), Wrong> {
        let mut news = [Vec::new(), Vec::new()];
        for (side, news) in news.iter_mut().enumerate() {
            let known = self.log.last().map_or(1, revision);
            while news.last().map_or(known, revision) < to {
                let response = self.next(side, LOG).await?;
                if response.events.is_empty() {
                    return Err(format!("not events in the log of {}: {response:?}", rules::NAMES[side]));
                }
                news.extend(response.events);
            }
        }
        same("events", &news)?;
        let [news, _] = news;
        for event in news {
            for watcher in &mut self.watchers {
                watcher.expect(&event);
            }
            self.log.push(event);
        }
        self.catch_up().await
    }

    /// Reads until every watcher has seen what it has to see, at both.
    async fn catch_up(&mut self) -> Result<(), Wrong> {
        for side in 0..2 {
            for slot in 1..STREAMS {
                while self.watchers.iter().any(|one| one.slot == slot && one.waits(side)) {
                    let response = self.next(side, slot).await?;
                    self.take(side, slot, response)?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, side: usize, slot: usize, response: WatchResponse) -> Result<(), Wrong> {
        let name = rules::NAMES[side];
        let mut watchers = self.watchers.iter_mut();
        let watcher = watchers.find(|one| (one.slot, one.id) == (slot, response.watch_id));
        let Some(watcher) = watcher else { return Err(format!("{name}: for no watcher: {response:?}")) };
        if response.canceled || response.created || response.events.is_empty() {
            return Err(format!("{name}: not events: {response:?}"));
        }
        if response.fragment && !watcher.create.fragment {
            return Err(format!("{name}: a fragment, unasked: watcher {}", response.watch_id));
        }
        for event in response.events {
            let rest = watcher.expected[watcher.seen[side]..].iter();
            watcher.seen[side] +=
                rest.take_while(|one| **one != event && watcher.may_lack(side, one)).count();
            let expected = watcher.expected.get(watcher.seen[side]);
            if expected != Some(&event) {
                return Err(format!(
                    "{name}: {:?}\n  has seen {} events, and must see {expected:?}\n  but sees {event:?}",
                    watcher.create, watcher.seen[side]
                ));
            }
            watcher.seen[side] += 1;
        }
        Ok(())
    }

    async fn ask(&self, slot: usize, union: RequestUnion) {
        for side in 0..2 {
            self.ask_one(side, slot, union.clone()).await;
        }
    }

    async fn ask_one(&self, side: usize, slot: usize, union: RequestUnion) {
        let stream = self.streams[side][slot].as_ref().expect("steps are for open streams");
        // A stream that has ended tells so when it is read.
        let _ended = stream.requests.send(WatchRequest { request_union: Some(union) }).await;
    }

    /// The next response of one server on one stream, without ids.
    async fn next(&mut self, side: usize, slot: usize) -> Result<WatchResponse, Wrong> {
        let name = rules::NAMES[side];
        let stream = self.streams[side][slot].as_mut().expect("steps are for open streams");
        let message = tokio::time::timeout(etcd_it::DEADLINE, stream.responses.message()).await;
        let message = message.map_err(|_| format!("{name}: nothing comes on watch stream {slot}"))?;
        let message = message.map_err(|status| format!("{name}: watch stream {slot} ended: {status}"))?;
        let mut response = message.ok_or_else(|| format!("{name}: watch stream {slot} ended"))?;
        let revision = response.header.map_or(0, |header| header.revision);
        response.header = Some(ResponseHeader { revision, ..ResponseHeader::default() });
        Ok(response)
    }
}

impl Watcher {
    fn expect(&mut self, event: &Event) {
        let create = &self.create;
        let key = &event.kv.as_ref().expect("an event has a pair").key;
        let is_in = match &create.range_end[..] {
            b"" => key == &create.key,
            b"\0" => key >= &create.key,
            end => *key >= create.key && key[..] < *end,
        };
        let unwanted = if is_delete(event) { FilterType::Nodelete } else { FilterType::Noput };
        let is_unwanted = create.filters.contains(&(unwanted as i32));
        if is_in && !is_unwanted && revision(event) >= create.start_revision {
            let mut event = event.clone();
            if !create.prev_kv {
                event.prev_kv = None;
            }
            self.expected.push(event);
        }
    }

    /// Whether this server still has something to send for sure.
    fn waits(&self, side: usize) -> bool {
        self.expected[self.seen[side]..].iter().any(|event| !self.may_lack(side, event))
    }

    fn may_lack(&self, side: usize, event: &Event) -> bool {
        side == rules::THEIRS && is_delete(event) && self.lossy == Some(revision(event))
    }
}

fn everything() -> WatchCreateRequest {
    WatchCreateRequest { key: "\0".into(), range_end: "\0".into(), prev_kv: true, ..Default::default() }
}

/// A watcher of a key that nobody writes: the first of each stream. Without any, nobody tells progress.
fn companion() -> WatchCreateRequest {
    WatchCreateRequest { key: "never".into(), watch_id: 99, ..WatchCreateRequest::default() }
}

fn revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |pair| pair.mod_revision)
}

const fn is_delete(event: &Event) -> bool {
    event.r#type == 1
}

/// That both have said the same.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, said: &[T; 2]) -> Result<(), Wrong> {
    if said[0] == said[1] {
        return Ok(());
    }
    Err(format!("{what}\n  ours   {:?}\n  theirs {:?}", said[0], said[1]))
}

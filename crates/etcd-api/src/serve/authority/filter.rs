//! The filter itself: bytes in, bytes out, no I/O.

use super::frame::{Block, HEAD, Head, MAX_PAYLOAD};
use super::hpack;

/// What a connection opens with; its author has checked it.
const PREFACE: usize = 24;

/// Follows the frames of a connection and rewrites header blocks.
///
/// It holds back what is needed to judge a header block, at most `limit` bytes of it, and passes on all else at
/// once. What does not look like HTTP/2 it passes on untouched, and does not look at the connection again.
pub(super) struct Filter {
    mode: Mode,
    limit: usize,
    /// Bytes to pass on unseen.
    pass: usize,
    /// What is held back; begins with a frame.
    held: Vec<u8>,
    /// Where in `held` its last frame begins.
    frame: usize,
    /// How long `held` must be for the next step; longer than it is, except within a step.
    wanted: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// No header block was seen so far.
    First,
    /// The first one had to be rewritten: later ones may have to be, after the client's table has evicted the entry.
    Rewriting,
    /// Everything passes.
    Out,
}

impl Filter {
    /// A filter for a connection from its first byte, which is that of the preface.
    pub(super) fn new(limit: usize) -> Self {
        Self { mode: Mode::First, limit, pass: PREFACE, held: Vec::new(), frame: 0, wanted: HEAD }
    }

    /// Whether the filter has stepped out: it holds nothing and passes everything on.
    pub(super) fn is_out(&self) -> bool {
        self.mode == Mode::Out
    }

    /// Takes what was read, and appends to `ready` what may be passed on.
    pub(super) fn feed(&mut self, mut input: &[u8], ready: &mut Vec<u8>) {
        while !input.is_empty() {
            let count = match self.mode {
                Mode::Out => input.len(),
                _ if self.pass > 0 => self.pass.min(input.len()),
                _ => (self.wanted - self.held.len()).min(input.len()),
            };
            let (taken, rest) = input.split_at(count);
            input = rest;
            if self.mode == Mode::Out {
                ready.extend_from_slice(taken);
            } else if self.pass > 0 {
                self.pass -= count;
                ready.extend_from_slice(taken);
            } else {
                self.held.extend_from_slice(taken);
                if self.held.len() == self.wanted {
                    self.step(ready);
                }
            }
        }
    }

    /// Passes on what is held back, and steps out: nothing more will come, or nothing that makes sense.
    pub(super) fn leave(&mut self, ready: &mut Vec<u8>) {
        ready.append(&mut self.held);
        self.mode = Mode::Out;
    }

    /// Goes on after a head, or a whole frame.
    fn step(&mut self, ready: &mut Vec<u8>) {
        let Some(head) = Head::read(&self.held[self.frame..]) else { return self.leave(ready) };
        if self.held.len() == self.frame + HEAD {
            if self.frame == 0 && !head.begins_block() {
                self.pass = head.length;
                return self.release(ready);
            }
            if !self.may_hold(&head) {
                return self.leave(ready);
            }
            self.wanted += head.length;
            if head.length > 0 {
                return;
            }
        }
        if head.ends_block() {
            self.judge(ready);
        } else {
            self.frame = self.wanted;
            self.wanted += HEAD;
        }
    }

    /// Whether the frame is one that a header block may have, and fits.
    fn may_hold(&self, head: &Head) -> bool {
        let in_place = self.frame == 0 || Head::read(&self.held).is_some_and(|first| head.continues(&first));
        in_place && head.length <= MAX_PAYLOAD && self.held.len() + head.length <= self.limit
    }

    /// Decides on the header block that is held.
    fn judge(&mut self, ready: &mut Vec<u8>) {
        let Some(mut block) = Block::join(&self.held) else { return self.leave(ready) };
        match hpack::rewrite(&block.fragment) {
            Ok(Some(fragment)) => {
                block.fragment = fragment;
                block.write(ready);
                self.held.clear();
                self.mode = Mode::Rewriting;
                self.release(ready);
            }
            Ok(None) if self.mode == Mode::Rewriting => self.release(ready),
            Ok(None) | Err(hpack::Malformed) => self.leave(ready),
        }
    }

    /// Passes on what is held back; a new frame follows.
    fn release(&mut self, ready: &mut Vec<u8>) {
        ready.append(&mut self.held);
        self.frame = 0;
        self.wanted = HEAD;
    }
}

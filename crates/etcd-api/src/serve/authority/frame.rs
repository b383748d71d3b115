//! Frames of HTTP/2, as far as header blocks need them (RFC 9113, section 4.1).
//!
//! ```text
//! length (3) | type (1) | flags (1) | stream (4) | payload (length)
//! HEADERS:      [pad length (1)] [priority (5)] fragment [padding]
//! CONTINUATION: fragment
//! ```

/// Bytes before the payload.
pub(super) const HEAD: usize = 9;
/// The longest payload that the server takes, unless it says otherwise; it does not.
pub(super) const MAX_PAYLOAD: usize = 16 << 10;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// What stands before the payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) length: usize,
    kind: u8,
    flags: u8,
    stream: [u8; 4],
}

impl Head {
    /// The head of the frame that `bytes` begins with; none when there are too few of them.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[high, middle, low, kind, flags, a, b, c, d] = bytes.first_chunk()?;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        Some(Self { length, kind, flags, stream: [a, b, c, d] })
    }

    /// Whether a header block begins here.
    pub(super) fn begins_block(&self) -> bool {
        self.kind == HEADERS
    }

    /// Whether the header block that `first` began goes on here.
    pub(super) fn continues(&self, first: &Self) -> bool {
        self.kind == CONTINUATION && self.stream == first.stream
    }

    /// Whether the header block ends with this frame.
    pub(super) fn ends_block(&self) -> bool {
        self.flags & END_HEADERS != 0
    }

    fn write(&self, written: &mut Vec<u8>) {
        written.extend_from_slice(&(self.length as u32).to_be_bytes()[1..]);
        written.extend_from_slice(&[self.kind, self.flags]);
        written.extend_from_slice(&self.stream);
    }
}

/// A header block with what came along in its first frame.
pub(super) struct Block<'a> {
    first: Head,
    priority: &'a [u8],
    pub(super) fragment: Vec<u8>,
}

impl<'a> Block<'a> {
    /// Joins a HEADERS frame and its CONTINUATION frames; none when one of them is damaged.
    pub(super) fn join(frames: &'a [u8]) -> Option<Self> {
        let first = Head::read(frames)?;
        let (mut payload, mut rest) = frames[HEAD..].split_at_checked(first.length)?;
        if first.flags & PADDED != 0 {
            let (padding, padded) = payload.split_first()?;
            payload = &padded[..padded.len().checked_sub(usize::from(*padding))?];
        }
        let priority = if first.flags & PRIORITY == 0 { 0 } else { 5 };
        let (priority, payload) = payload.split_at_checked(priority)?;
        let mut fragment = payload.to_vec();
        while let Some(head) = Head::read(rest) {
            let (payload, after) = rest[HEAD..].split_at_checked(head.length)?;
            fragment.extend_from_slice(payload);
            rest = after;
        }
        Some(Self { first, priority, fragment })
    }

    /// Writes frames with this block, without the padding it came with.
    pub(super) fn write(&self, written: &mut Vec<u8>) {
        let end = self.fragment.len().min(MAX_PAYLOAD - self.priority.len());
        let (payload, mut rest) = self.fragment.split_at(end);
        let flags = self.first.flags & !(PADDED | END_HEADERS) | end_headers(rest);
        let length = self.priority.len() + payload.len();
        Head { length, flags, ..self.first }.write(written);
        written.extend_from_slice(self.priority);
        written.extend_from_slice(payload);
        while !rest.is_empty() {
            let (payload, after) = rest.split_at(rest.len().min(MAX_PAYLOAD));
            let flags = end_headers(after);
            Head { length: payload.len(), kind: CONTINUATION, flags, ..self.first }.write(written);
            written.extend_from_slice(payload);
            rest = after;
        }
    }
}

fn end_headers(rest: &[u8]) -> u8 {
    if rest.is_empty() { END_HEADERS } else { 0 }
}

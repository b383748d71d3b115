//! From the head of one HTTP/2 frame to that of the next (RFC 9113, section 4.1).

/// Bytes of a head: length (3), type (1), flags (1), stream (4).
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const ACK: u8 = 0x01;
const END_HEADERS: u8 = 0x04;

const ENHANCE_YOUR_CALM: u32 = 0xb;
/// What gRPC's clients look for: they ping half as often on the next connection.
const TOO_MANY_PINGS: &[u8] = b"too_many_pings";

/// The head of a frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head([u8; HEAD]);

impl Head {
    fn length(&self) -> usize {
        let [high, middle, low, ..] = self.0;
        u32::from_be_bytes([0, high, middle, low]) as usize
    }

    const fn kind(&self) -> u8 {
        self.0[3]
    }

    const fn flags(&self) -> u8 {
        self.0[4]
    }

    pub(super) fn stream(&self) -> u32 {
        let [.., a, b, c, d] = self.0;
        u32::from_be_bytes([a, b, c, d]) & (u32::MAX >> 1)
    }

    /// A ping that is to be answered.
    pub(super) const fn is_ping(&self) -> bool {
        self.kind() == PING && self.flags() & ACK == 0
    }

    pub(super) const fn is_headers(&self) -> bool {
        self.kind() == HEADERS
    }

    /// A part of an answer.
    pub(super) const fn is_answer(&self) -> bool {
        matches!(self.kind(), DATA | HEADERS)
    }

    /// A header block goes on after it, and nothing may come between.
    const fn continues(&self) -> bool {
        matches!(self.kind(), HEADERS | CONTINUATION) && self.flags() & END_HEADERS == 0
    }

    /// The GOAWAY frame for a client that pings too often; `last_stream` is the last call that was looked at.
    pub(super) fn too_many_pings(last_stream: u32) -> Vec<u8> {
        let length = 8 + TOO_MANY_PINGS.len() as u32;
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[GOAWAY, 0, 0, 0, 0, 0]);
        frame.extend_from_slice(&last_stream.to_be_bytes());
        frame.extend_from_slice(&ENHANCE_YOUR_CALM.to_be_bytes());
        frame.extend_from_slice(TOO_MANY_PINGS);
        frame
    }
}

/// Where in the frames of one direction a connection is.
#[derive(Debug)]
pub(super) struct Walk {
    /// Bytes before the next head.
    skip: usize,
    /// The last head, of which so many bytes have come.
    head: Head,
    have: usize,
}

impl Walk {
    /// The first head comes after so many bytes.
    pub(super) fn after(skip: usize) -> Self {
        // A whole head of a frame that goes on with nothing.
        let mut head = Head::default();
        head.0[4] = END_HEADERS;
        Self { skip, head, have: HEAD }
    }

    /// Goes over `bytes`, and shows each head that is complete with them.
    pub(super) fn walk(&mut self, mut bytes: &[u8], mut show: impl FnMut(&Head)) {
        while bytes.len() > self.skip {
            bytes = &bytes[self.skip..];
            self.skip = 0;
            if self.have == HEAD {
                self.have = 0;
            }
            let count = bytes.len().min(HEAD - self.have);
            self.head.0[self.have..self.have + count].copy_from_slice(&bytes[..count]);
            self.have += count;
            bytes = &bytes[count..];
            if self.have < HEAD {
                return;
            }
            self.skip = self.head.length();
            show(&self.head);
        }
        self.skip -= bytes.len();
    }

    /// Whether another frame may be put here.
    pub(super) const fn is_between_frames(&self) -> bool {
        self.rest_of_frame() == 0
    }

    /// How many bytes the frame that was begun still has, as far as that is known: all of them, or those of its head.
    pub(super) const fn rest_of_frame(&self) -> usize {
        if self.have < HEAD {
            return HEAD - self.have;
        }
        if self.skip == 0 && self.head.continues() {
            return HEAD;
        }
        self.skip
    }
}

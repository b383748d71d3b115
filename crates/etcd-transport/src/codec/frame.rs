//! Cutting a stream into elements, without decoding them.

use super::{DecodeError, StreamKind};

/// Where in the format the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Between messages.
    Head,
    /// So many entries of a form 1 message are to come.
    Entries(u64),
    /// The commit index that ends a form 1 message is to come.
    Commit,
}

/// The smallest piece that can be decoded by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    LinkHeartbeat,
    EntriesHead(u64),
    /// The body starts at this offset.
    Message(usize),
    /// The body starts at this offset.
    Entry(usize),
    Commit(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// An element of `len` bytes stands first.
    Element { element: Element, len: usize, next: Place },
    /// At least `need` bytes must be there before another look is worth while.
    Incomplete { need: usize },
}

const LENGTH: usize = 8;

/// Looks at the element that starts with the first of `bytes`.
pub(super) fn step(kind: StreamKind, place: Place, bytes: &[u8], limit: usize) -> Result<Step, DecodeError> {
    match (place, kind) {
        (Place::Head, StreamKind::Message) => sized(bytes, 0, limit, Element::Message, Place::Head),
        (Place::Head, StreamKind::MsgApp) => match bytes.first() {
            None => Ok(Step::Incomplete { need: 1 }),
            Some(0) => Ok(Step::Element { element: Element::LinkHeartbeat, len: 1, next: Place::Head }),
            Some(1) => number(bytes, 1, |count| (Element::EntriesHead(count), after_entry(count))),
            Some(2) => sized(bytes, 1, limit, Element::Message, Place::Head),
            Some(&form) => Err(DecodeError::Form { form }),
        },
        (Place::Entries(left), _) => {
            sized(bytes, 0, limit, Element::Entry, after_entry(left.saturating_sub(1)))
        }
        (Place::Commit, _) => number(bytes, 0, |commit| (Element::Commit(commit), Place::Head)),
    }
}

/// Walks over complete elements: how many bytes they take, and how many must be there to get further.
pub(super) fn scan(
    kind: StreamKind,
    mut place: Place,
    bytes: &[u8],
    limit: usize,
) -> Result<(usize, usize), DecodeError> {
    let mut end = 0;
    loop {
        match step(kind, place, bytes.get(end..).unwrap_or_default(), limit)? {
            Step::Element { len, next, .. } => {
                end += len;
                place = next;
            }
            Step::Incomplete { need } => return Ok((end, need)),
        }
    }
}

fn after_entry(left: u64) -> Place {
    if left == 0 { Place::Commit } else { Place::Entries(left) }
}

fn number(
    bytes: &[u8],
    at: usize,
    element: impl FnOnce(u64) -> (Element, Place),
) -> Result<Step, DecodeError> {
    let Some(value) = read_u64(bytes, at) else {
        return Ok(Step::Incomplete { need: at + LENGTH });
    };
    let (element, next) = element(value);
    Ok(Step::Element { element, len: at + LENGTH, next })
}

fn sized(
    bytes: &[u8],
    at: usize,
    limit: usize,
    element: impl FnOnce(usize) -> Element,
    next: Place,
) -> Result<Step, DecodeError> {
    let Some(length) = read_u64(bytes, at) else {
        return Ok(Step::Incomplete { need: at + LENGTH });
    };
    let body = usize::try_from(length).ok().filter(|length| *length <= limit);
    let Some(body) = body else {
        return Err(DecodeError::TooLarge { limit });
    };
    let len = at + LENGTH + body;
    if bytes.len() < len {
        return Ok(Step::Incomplete { need: len });
    }
    Ok(Step::Element { element: element(at + LENGTH), len, next })
}

fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<LENGTH>().map(|number| u64::from_be_bytes(*number))
}

//! The five-byte frame around a message: flag, then the length in big-endian order.

use bytes::{BufMut as _, Bytes, BytesMut};
use etcd_proto::prost::Message;
use http_body_util::BodyExt as _;
use tonic::Status;

/// Bytes of the frame before the message.
pub(crate) const PREFIX: usize = 5;
/// What grpc-go sends at most.
pub(crate) const SEND_LIMIT: usize = i32::MAX as usize;

/// Reads the only message of a request, without its prefix.
///
/// Shares the buffer it arrived in when it came in one piece. `announced` is told the size of the message before
/// the most of it has arrived, and may refuse it.
///
/// # Errors
/// `ResourceExhausted` above `limit` bytes; `Unimplemented` for a compressed message; `Internal` for anything that
/// is not exactly one message.
pub(crate) async fn read<B>(
    body: B,
    limit: usize,
    mut announced: impl FnMut(usize) -> Result<(), Status>,
) -> Result<Bytes, Status>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut body = body;
    let mut gather = Gather::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Status::cancelled("the request was not sent to its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        if let Some(size) = gather.push(data, limit)? {
            announced(size)?;
        }
        if gather.is_complete() && body.is_end_stream() {
            break;
        }
    }
    gather.finish()
}

/// Encodes an answer as a complete frame.
///
/// # Errors
/// `ResourceExhausted` above 2 GiB - 1.
pub(crate) fn encode<M: Message>(message: &M) -> Result<Bytes, Status> {
    let mut frame = BytesMut::new();
    encode_into(message, &mut frame)?;
    Ok(frame.freeze())
}

/// Appends an answer as a complete frame.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_into<M: Message>(message: &M, out: &mut BytesMut) -> Result<(), Status> {
    let size = message.encoded_len();
    let Some(length) = u32::try_from(size).ok().filter(|_| size <= SEND_LIMIT) else {
        return Err(Status::resource_exhausted(format!(
            "grpc: trying to send message larger than max ({size} vs. {SEND_LIMIT})"
        )));
    };
    out.reserve(PREFIX + size);
    let before = out.len();
    out.put_u8(0);
    out.put_u32(length);
    // Not `encode`: it would compute the length of every nested message once more.
    message.encode_raw(out);
    debug_assert_eq!(out.len() - before, PREFIX + size, "prost tells the exact size");
    Ok(())
}

/// A message while it arrives.
#[derive(Default)]
struct Gather {
    /// The first piece; all of it, as a rule.
    first: Bytes,
    /// Everything, once there was a second piece.
    whole: BytesMut,
    /// Prefix and message together, once the prefix is here.
    need: Option<usize>,
}

impl Gather {
    /// Takes the next piece; answers the size of the message when this piece completes its prefix.
    fn push(&mut self, data: Bytes, limit: usize) -> Result<Option<usize>, Status> {
        if self.have() == 0 {
            self.first = data;
        } else {
            if self.whole.is_empty() {
                self.whole.reserve(self.need.unwrap_or(PREFIX));
                self.whole.extend_from_slice(&std::mem::take(&mut self.first));
            }
            self.whole.extend_from_slice(&data);
        }
        let mut announced = None;
        if self.need.is_none()
            && let Some(prefix) = self.bytes().first_chunk::<PREFIX>()
        {
            let size = size_in(*prefix, limit)?;
            self.need = Some(PREFIX + size);
            announced = Some(size);
        }
        if self.need.is_some_and(|need| self.have() > need) {
            return Err(Status::internal("grpc: a unary request carries more than one message"));
        }
        Ok(announced)
    }

    fn have(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        if self.whole.is_empty() { &self.first } else { &self.whole }
    }

    fn is_complete(&self) -> bool {
        self.need == Some(self.have())
    }

    fn finish(self) -> Result<Bytes, Status> {
        if self.have() == 0 {
            return Err(Status::internal("grpc: a unary request carries no message"));
        }
        if !self.is_complete() {
            return Err(Status::internal("grpc: the request ends inside its message"));
        }
        let bytes = if self.whole.is_empty() { self.first } else { self.whole.freeze() };
        Ok(bytes.slice(PREFIX..))
    }
}

pub(super) fn size_in(prefix: [u8; PREFIX], limit: usize) -> Result<usize, Status> {
    let [flag, length @ ..] = prefix;
    match flag {
        0 => {}
        1 => return Err(Status::unimplemented("grpc: no decompressor is installed")),
        _ => return Err(Status::internal(format!("grpc: received unexpected payload format {flag}"))),
    }
    let size = u32::from_be_bytes(length) as usize;
    if size > limit {
        // grpc-go's words, which clients look for.
        return Err(Status::resource_exhausted(format!(
            "grpc: received message larger than max ({size} vs. {limit})"
        )));
    }
    Ok(size)
}

#[cfg(test)]
mod tests;

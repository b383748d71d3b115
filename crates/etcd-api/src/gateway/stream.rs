//! Calls with many requests or many answers: JSON values after each other in, one `{"result":…}` a line out.

use bytes::{Buf as _, Bytes, BytesMut};
use etcd_proto::schema::Method;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use tonic::{Code, Status};

use super::body::Values;
use super::failure::{chunk, stream_failure};
use super::{Gateway, PREFIX, encode, frame, malformed, success};
use crate::Replica;
use crate::grpc::Body;

impl<R: Replica> Gateway<R> {
    /// Serves a stream. Its headers go out with its first answer, so that a call that fails at once has a status.
    pub(super) async fn stream<B>(self, mut values: Values<B>) -> Result<Response<Body>, Status>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let method = self.method;
        let body = if method.streams_requests {
            // Mistakes in a stream are of no known kind, says etcd.
            let first = self.first(&mut values, Code::Unknown).await?;
            let first = first.map(|json| frame(method, &json, Code::Unknown)).transpose()?;
            requests(method, first, values)
        } else {
            let first = self.first(&mut values, Code::InvalidArgument).await?;
            frame(method, first.as_deref().unwrap_or(b"{}"), Code::InvalidArgument)?.into()
        };
        let (parts, body) = self.call(body).await.into_parts();
        let mut answers = Answers { method, body, gathered: BytesMut::new(), headers: Some(parts.headers) };
        let first = match answers.next().await {
            Some(Err(status)) => return Ok(stream_failure(&status)),
            None => return Ok(success(axum::body::Body::empty())),
            Some(Ok(line)) => Ok::<_, std::convert::Infallible>(Bytes::from(line)),
        };
        let rest = stream::unfold(Some(answers), |answers| async {
            let mut answers = answers?;
            match answers.next().await? {
                Ok(line) => Some((Ok(Bytes::from(line)), Some(answers))),
                Err(status) => Some((Ok(chunk(&status).into()), None)),
            }
        });
        Ok(success(axum::body::Body::from_stream(stream::iter([first]).chain(rest))))
    }
}

/// The body of the gRPC call: a frame for each JSON value. What is no JSON ends it, as in etcd.
fn requests<B>(method: &'static Method, first: Option<Bytes>, values: Values<B>) -> axum::body::Body
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let is_over = first.is_none();
    let rest = stream::unfold(values, move |mut values| async move {
        if is_over {
            return None;
        }
        let json = values.next(Code::Unknown).await.ok()??;
        let frame = frame(method, &json, Code::Unknown).ok()?;
        Some((frame, values))
    });
    let frames = stream::iter(first).chain(rest).map(Ok::<_, std::convert::Infallible>);
    axum::body::Body::from_stream(frames)
}

/// The answers of a gRPC call.
struct Answers {
    method: &'static Method,
    body: Body,
    /// Of the next message, and perhaps more.
    gathered: BytesMut,
    /// Of the response: where the status is when there is no message.
    headers: Option<HeaderMap>,
}

impl Answers {
    /// The next line; `None` when the call has ended well.
    async fn next(&mut self) -> Option<Result<Vec<u8>, Status>> {
        loop {
            if let Some(message) = self.message() {
                return Some(self.line(message));
            }
            match self.body.frame().await {
                None => return self.headers.take().and_then(|headers| failed(&headers)),
                Some(Err(_)) => return Some(Err(malformed())),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.gathered.extend_from_slice(&data),
                    Err(frame) => {
                        self.headers = None;
                        return frame.into_trailers().ok().and_then(|trailers| failed(&trailers));
                    }
                },
            }
        }
    }

    fn message(&mut self) -> Option<Bytes> {
        let prefix = self.gathered.first_chunk::<PREFIX>()?;
        let [_, length @ ..] = *prefix;
        let end = PREFIX.checked_add(u32::from_be_bytes(length) as usize)?;
        if self.gathered.len() < end {
            return None;
        }
        let mut message = self.gathered.split_to(end).freeze();
        message.advance(PREFIX);
        Some(message)
    }

    fn line(&mut self, message: Bytes) -> Result<Vec<u8>, Status> {
        self.headers = None;
        let mut line = b"{\"result\":".to_vec();
        encode::message(self.method.response, message, &mut line).map_err(|_| malformed())?;
        line.extend_from_slice(b"}\n");
        Ok(line)
    }
}

fn failed(headers: &HeaderMap) -> Option<Result<Vec<u8>, Status>> {
    Status::from_header_map(headers).filter(|status| status.code() != Code::Ok).map(Err)
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use etcd_proto::schema::METHODS;
    use futures_util::stream;
    use http::{HeaderMap, HeaderValue};
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::Answers;
    use crate::grpc::Body;

    fn answers(pieces: Vec<Frame<Bytes>>, headers: HeaderMap) -> Answers {
        let method = METHODS.iter().find(|method| method.path == "/etcdserverpb.Lease/LeaseKeepAlive");
        let frames = stream::iter(pieces.into_iter().map(Ok::<_, axum::Error>));
        Answers {
            method: method.expect("a method of etcd"),
            body: Body::http(axum::body::Body::new(StreamBody::new(frames))),
            gathered: BytesMut::new(),
            headers: Some(headers),
        }
    }

    fn status(code: &'static str) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(code));
        trailers.insert("grpc-message", HeaderValue::from_static("no%20luck"));
        trailers
    }

    #[tokio::test]
    async fn messages_are_lines_however_they_are_cut() {
        let pieces = [&b"\0\0\0"[..], b"\0\x02\x18\x05\0\0\0\0\x02\x18", b"\x06"];
        let mut frames: Vec<_> = pieces.iter().map(|piece| Frame::data(Bytes::from_static(piece))).collect();
        frames.push(Frame::trailers(status("5")));
        let mut answers = answers(frames, HeaderMap::new());
        for expected in ["{\"result\":{\"TTL\":\"5\"}}\n", "{\"result\":{\"TTL\":\"6\"}}\n"] {
            let line = answers.next().await.expect("a line").expect("a message");
            assert_eq!(String::from_utf8_lossy(&line), expected);
        }
        let failed = answers.next().await.expect("an end").expect_err("a failure");
        assert_eq!((failed.code() as i32, failed.message()), (5, "no luck"));
    }

    #[tokio::test]
    async fn a_call_without_messages_has_its_status_in_the_head() {
        let failed = answers(Vec::new(), status("13")).next().await.expect("an end").expect_err("a failure");
        assert_eq!(failed.code() as i32, 13);
        assert!(answers(Vec::new(), status("0")).next().await.is_none());
        assert!(answers(vec![Frame::trailers(status("0"))], HeaderMap::new()).next().await.is_none());
    }
}

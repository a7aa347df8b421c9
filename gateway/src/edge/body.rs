//! Reading a body whole: at most so many bytes, in at most so much time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;
use tokio::time::timeout;

use crate::problem::{Code, Problem};
use crate::server::wakes;

/// What is read and dropped of a body that is too large: closing a socket with unread bytes would reset it, and the
/// client would see a broken connection instead of the reason.
const DROPPED_BYTES: usize = 8 << 20;

/// Reads a body whole.
///
/// # Errors
/// `too-large`, 408, or `malformed` when it breaks off.
pub async fn read<B>(body: B, most: usize, at_most: Duration) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > (most + DROPPED_BYTES) as u64 {
        return Err(too_large(most));
    }
    let mut reading = pin!(collect(body, most));
    // Nearly every body is there already: no timer is made for those.
    if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        return read;
    }
    match timeout(at_most, reading).await {
        Ok(read) => read,
        Err(_) => Err(Problem::bare(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.")),
    }
}

async fn collect<B>(body: B, most: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut seen = 0;
    while !body.is_end_stream() {
        let piece =
            poll_fn(|cx| wakes::taking(cx, |cx| (body.as_mut().poll_frame(cx), body.is_end_stream())));
        let Some(frame) = piece.await else { break };
        let frame = frame.map_err(|error| Problem::malformed(format!("The body broke off: {error}.")))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen > most {
            (first, rest) = (Bytes::new(), BytesMut::new());
            if seen > most + DROPPED_BYTES {
                break;
            }
            continue;
        }
        // Nearly every body comes in one piece, which is then never copied.
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if seen > most {
        return Err(too_large(most));
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

fn too_large(most: usize) -> Problem {
    Problem::new(
        Code::TooLarge,
        format!("A body has at most {most} bytes; slots may be streamed as application/x-ndjson."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use std::time::Duration;

    const MOST: usize = 8;
    const SOON: Duration = Duration::from_millis(50);

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn a_body_is_bounded_in_bytes() {
        let read_it =
            |text: &'static str| block_on(read(Full::new(Bytes::from_static(text.as_bytes())), MOST, SOON));
        assert_eq!(read_it("").unwrap(), "");
        assert_eq!(read_it("12345678").unwrap(), "12345678");
        assert_eq!(read_it("123456789").unwrap_err().code(), Some(Code::TooLarge));
    }

    #[test]
    fn pieces_are_put_together_and_bounded_as_well() {
        let pieces = |texts: &'static [&'static str]| {
            let frames = texts.iter().map(|text| {
                Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(text.as_bytes())))
            });
            block_on(read(StreamBody::new(futures_stream(frames)), MOST, SOON))
        };
        assert_eq!(pieces(&["123", "456", "78"]).unwrap(), "12345678");
        assert_eq!(pieces(&["123", "456", "789"]).unwrap_err().code(), Some(Code::TooLarge));
    }

    #[test]
    fn a_body_that_does_not_come_is_not_waited_for() {
        struct Never;
        impl Body for Never {
            type Data = Bytes;
            type Error = std::io::Error;
            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
                Poll::Pending
            }
        }
        assert_eq!(block_on(read(Never, MOST, SOON)).unwrap_err().status(), 408);
    }

    fn futures_stream<I: Iterator + Unpin>(frames: I) -> impl futures_core::Stream<Item = I::Item> {
        struct Iter<I>(I);
        impl<I: Iterator + Unpin> futures_core::Stream for Iter<I> {
            type Item = I::Item;
            fn poll_next(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> Poll<Option<I::Item>> {
                Poll::Ready(self.0.next())
            }
        }
        Iter(frames)
    }
}

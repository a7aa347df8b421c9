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
use crate::wakes;

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
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    use http_body_util::{Full, StreamBody};
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::wakes::Quiet;

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
                _: &mut Context<'_>,
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
            fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
                Poll::Ready(self.0.next())
            }
        }
        Iter(frames)
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls a connection of hyper once that has got all of `request`; says whether its body was read, and how often the task
    /// was woken meanwhile.
    fn polled(request: &'static [u8], quiet: bool) -> (bool, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(4_096);
            client.write_all(request).await.unwrap();
            let done = Arc::new(Count::default());
            let note = Arc::clone(&done);
            let service = service_fn(move |request: Request<Incoming>| {
                let note = Arc::clone(&note);
                async move {
                    read(request.into_body(), 100, Duration::from_secs(9)).await.unwrap();
                    note.wake();
                    std::future::pending::<Result<Response<String>, Infallible>>().await
                }
            });
            let mut builder = http1::Builder::new();
            let mut http = pin!(builder.half_close(true).serve_connection(TokioIo::new(server), service));
            let count = Arc::new(Count::default());
            let plain = Waker::from(Arc::clone(&count));
            let waker = if quiet { Quiet::before(&plain) } else { plain };
            assert!(http.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            (done.0.load(Ordering::Relaxed) > 0, count.0.load(Ordering::Relaxed))
        })
    }

    #[test]
    fn a_request_that_came_whole_wakes_nobody() {
        let whole = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(polled(whole, true), (true, 0));
        // What all this is for. When hyper does not do so any more, this file can go.
        assert_eq!(polled(whole, false), (true, 1));
        // Of a body in pieces more is to be read, and whoever reads it is told.
        let pieces =
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
        let (_, woken) = polled(pieces, true);
        assert!(woken > 0, "nobody reads the rest");
    }
}

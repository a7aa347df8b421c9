//! Wakes that a connection gives itself and that lead to nothing.
//!
//! Who takes a piece of a body wakes whoever reads it from the socket, so that he reads the next. With HTTP/1 both are one
//! task, and of a body that came whole nothing more is read: the task would be polled once more for nothing, after everybody
//! else and with everything it needs gone from the caches. That cost a hold about as much as its answer's way through hyper.
//!
//! So hyper is given a waker of ours ([`Quiet`]), which notes a wake instead of passing it on while a piece is taken
//! ([`taking`]); whoever took it knows whether that was the last.

use std::cell::Cell;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taking {
    /// Wakes are passed on.
    No,
    /// A piece is being taken.
    Yes,
    /// And a wake has come of it.
    Woken,
}

thread_local! {
    static TAKING: Cell<Taking> = const { Cell::new(Taking::No) };
}

/// Passes wakes on to a task, unless they come while the calling thread takes a piece of a body.
#[derive(Debug)]
pub struct Quiet(Waker);

impl Quiet {
    /// A waker in front of another.
    #[must_use]
    pub fn before(waker: &Waker) -> Waker {
        Arc::new(Self(waker.clone())).into()
    }
}

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if TAKING.get() == Taking::No {
            self.0.wake_by_ref();
        } else {
            TAKING.set(Taking::Woken);
        }
    }
}

/// Takes a piece: `take` gives it, and whether there is nothing to read after it. Otherwise a wake that comes of it is given.
pub fn taking<T>(cx: &mut Context<'_>, take: impl FnOnce(&mut Context<'_>) -> (T, bool)) -> T {
    TAKING.set(Taking::Yes);
    let (taken, last) = take(cx);
    let woken = TAKING.replace(Taking::No) == Taking::Woken;
    if woken && !last {
        cx.waker().wake_by_ref();
    }
    taken
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::edge::body;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_the_wake_of_a_last_piece_is_lost() {
        let count = Arc::new(Count::default());
        let quiet = Quiet::before(&Arc::clone(&count).into());
        let mut cx = Context::from_waker(&quiet);
        let woken = || count.0.load(Ordering::Relaxed);
        let mut take = |last: bool| {
            taking(&mut cx, |cx| {
                cx.waker().wake_by_ref();
                ((), last)
            });
        };
        take(true);
        assert_eq!(woken(), 0);
        take(false);
        assert_eq!(woken(), 1);
        // Nothing is held back afterwards, nor what another thread says meanwhile.
        quiet.wake_by_ref();
        assert_eq!(woken(), 2);
        let other = quiet.clone();
        taking(&mut Context::from_waker(&quiet), |_| {
            std::thread::spawn(move || other.wake_by_ref()).join().unwrap();
            ((), true)
        });
        assert_eq!(woken(), 3);
    }

    /// Polls a connection of hyper once that has got all of `request`; says whether its body was read, and how often the task
    /// was woken meanwhile.
    fn polled(request: &'static [u8], quiet: bool) -> (bool, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(4_096);
            client.write_all(request).await.unwrap();
            let read = Arc::new(Count::default());
            let note = Arc::clone(&read);
            let service = service_fn(move |request: Request<Incoming>| {
                let note = Arc::clone(&note);
                async move {
                    body::read(request.into_body(), 100, Duration::from_secs(9)).await.unwrap();
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
            (read.0.load(Ordering::Relaxed) > 0, count.0.load(Ordering::Relaxed))
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

//! What a connection is doing, told by the bytes that pass.
//!
//! hyper's own header timeout begins to run when it starts to wait for a request, so it cannot tell an idle keep-alive
//! socket from a slow head, and it makes a timer per request. This one watches the socket instead: nothing is armed
//! until a head arrives in pieces, and an idle socket has one timer in all.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for a request.
    Idle,
    /// A request has begun to arrive.
    Head,
    /// A request is being worked on.
    Busy,
}

/// Shared by the socket, the service and the watcher, all on one thread.
#[derive(Debug)]
pub struct Clock {
    phase: Cell<Phase>,
    moved: Cell<u64>,
}

impl Clock {
    pub fn new() -> Rc<Self> {
        Rc::new(Self { phase: Cell::new(Phase::Idle), moved: Cell::new(0) })
    }

    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Goes up whenever bytes have passed.
    pub fn moved(&self) -> u64 {
        self.moved.get()
    }

    pub fn begin(&self) {
        self.phase.set(Phase::Busy);
    }

    pub fn end(&self) {
        self.phase.set(Phase::Idle);
    }

    fn bytes_came(&self) {
        self.moved.set(self.moved.get().wrapping_add(1));
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
        }
    }

    fn bytes_went(&self) {
        self.moved.set(self.moved.get().wrapping_add(1));
    }
}

/// A socket that tells its clock.
#[derive(Debug)]
pub struct Watched {
    pub stream: TcpStream,
    pub clock: Rc<Clock>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.clock.bytes_came();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.clock.bytes_went();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.clock.bytes_went();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

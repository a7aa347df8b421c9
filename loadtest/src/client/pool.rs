//! Kept-alive connections, newest first: the few that a fast server needs stay warm, and more are opened only when it slows
//! down. Or spread, oldest first: so many are opened at once and used in turn, as by a crowd of browsers. A connection that was lost in the middle of an answer is closed, never used again.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Lost;

/// The connections to one server.
#[derive(Debug)]
pub struct Pool {
    address: SocketAddr,
    limit: usize,
    /// So many are opened before one is used a second time, and the oldest is used first; 0 for newest first.
    spread: usize,
    idle: Rc<RefCell<VecDeque<Connection>>>,
    open: Rc<Cell<usize>>,
    most_open: Cell<usize>,
}

impl Pool {
    /// At most `limit` connections to this address.
    pub fn new(address: SocketAddr, limit: usize) -> Self {
        let open = Rc::new(Cell::new(0));
        Self { address, limit, spread: 0, idle: Rc::default(), open, most_open: Cell::new(0) }
    }

    /// The same, but `spread` of them are used in turn; more are opened only when all of these are busy.
    pub fn spread(address: SocketAddr, limit: usize, spread: usize) -> Self {
        Self { spread, ..Self::new(address, limit) }
    }

    /// The most connections that were open at once.
    pub fn most_open(&self) -> usize {
        self.most_open.get()
    }

    /// A free connection, or a new one.
    pub(super) async fn take(&self) -> Result<Connection, Lost> {
        while self.open.get() >= self.spread {
            // The borrow ends before any waiting.
            let next = match self.spread {
                0 => self.idle.borrow_mut().pop_back(),
                _ => self.idle.borrow_mut().pop_front(),
            };
            let Some(mut connection) = next else { break };
            if connection.sender.is_ready() {
                connection.reused = true;
                return Ok(connection);
            }
        }
        if self.open.get() >= self.limit {
            return Err(Lost::NoConnection);
        }
        let counted = Counted::new(&self.open);
        self.most_open.set(self.most_open.get().max(self.open.get()));
        let stream = TcpStream::connect(self.address).await.map_err(|error| whose_fault(&error))?;
        stream.set_nodelay(true).map_err(|_| Lost::Refused)?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(|_| Lost::Refused)?;
        tokio::task::spawn_local(driver);
        Ok(Connection { sender, reused: false, _counted: counted })
    }

    /// Takes a connection back after a complete answer.
    pub(super) fn give_back(&self, mut connection: Connection) {
        if connection.sender.is_ready() {
            self.idle.borrow_mut().push_back(connection);
            return;
        }
        // hyper's side of the connection has to run once more before it can take the next request.
        let idle = Rc::clone(&self.idle);
        tokio::task::spawn_local(async move {
            if connection.sender.ready().await.is_ok() {
                idle.borrow_mut().push_back(connection);
            }
        });
    }
}

/// A server that does not accept is the server's; no descriptor or no port left is ours, and makes the run void.
fn whose_fault(error: &io::Error) -> Lost {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::TimedOut => Lost::Refused,
        _ => Lost::NoConnection,
    }
}

/// One open connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    reused: bool,
    _counted: Counted,
}

impl Connection {
    pub(super) fn reused(&self) -> bool {
        self.reused
    }

    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.sender.send_request(request).await
    }
}

/// One in the count of open connections, also while it is being opened; leaves the count when dropped.
#[derive(Debug)]
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(open: &Rc<Cell<usize>>) -> Self {
        open.set(open.get() + 1);
        Self(Rc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

//! Accepting sockets and deciding who serves them.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::caps::{Caps, Place};
use super::connection;

/// Sockets the kernel keeps for us while we are busy.
const BACKLOG: i32 = 4_096;
/// Refused clients that are told why at a time; beyond that they are only closed.
pub const MAX_LAST_WORDS: usize = 256;
/// After the system had no more file handles.
const PAUSE: Duration = Duration::from_millis(50);
/// That is said so often at most.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// A socket that may be served.
#[derive(Debug)]
pub struct Accepted {
    pub stream: TcpStream,
    pub peer: IpAddr,
    pub place: Place,
}

/// Binds the address, so that a port in use is told before anything else starts.
///
/// # Errors
/// What the system says.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Accepts until the server drains. Runs inside a `LocalSet`.
pub async fn accept(
    listener: tokio::net::TcpListener,
    caps: Arc<Caps>,
    mut drain: watch::Receiver<bool>,
    mut hand_over: impl FnMut(Accepted),
) {
    let refusing = Arc::new(AtomicUsize::new(0));
    let mut said = None::<Instant>;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = drain.wait_for(|draining| *draining) => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            // The client was gone before we came.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) =>
            {
                continue;
            }
            Err(error) => {
                if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
                    said = Some(Instant::now());
                    tracing::warn!(%error, "no socket can be accepted right now");
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Answers are small and whole: waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = address.ip().to_canonical();
        match caps.enter(peer) {
            Some(place) => hand_over(Accepted { stream, peer, place }),
            None if refusing.load(Ordering::Relaxed) < MAX_LAST_WORDS => {
                refusing.fetch_add(1, Ordering::Relaxed);
                let refusing = Arc::clone(&refusing);
                tokio::task::spawn_local(async move {
                    connection::refuse(stream).await;
                    refusing.fetch_sub(1, Ordering::Relaxed);
                });
            }
            None => {}
        }
    }
}

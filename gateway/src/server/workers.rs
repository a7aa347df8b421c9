//! The worker threads: each a single-threaded runtime with its own connections, its own line of waiters and its own edge.
//!
//! The first worker accepts. With one worker a socket never changes threads; with more they are handed on in turn, and
//! then a connection stays where it is.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use onsale_engine::Health;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use super::accept::{Accepted, accept};
use super::caps::{Caps, Place};
use super::connection;
use super::gathering::Gathering;
use super::hurry::Hurry;
use crate::app::App;
use crate::durable;
use crate::edge::Edge;

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    app: Arc<App>,
    drain: watch::Sender<bool>,
    hurry: Hurry,
    threads: Vec<JoinHandle<()>>,
}

/// A socket on its way to another worker, taken off the runtime that accepted it.
struct Passed {
    stream: std::net::TcpStream,
    peer: std::net::IpAddr,
    place: Place,
}

/// Starts `workers` threads on a bound socket.
///
/// # Errors
/// When a thread or a runtime cannot be made.
pub fn start(app: Arc<App>, listener: TcpListener, workers: usize) -> io::Result<Running> {
    let address = listener.local_addr()?;
    let (drain, draining) = watch::channel(false);
    let hurry = Hurry::new();
    let mut threads = Vec::new();
    let mut others = Vec::new();
    for number in 1..workers.max(1) {
        let (hand, mut taken) = mpsc::unbounded_channel::<Passed>();
        others.push(hand);
        threads.push(thread(number, &app, &draining, &hurry, async move |worker| {
            while let Some(Passed { stream, peer, place }) = taken.recv().await {
                match TcpStream::from_std(stream) {
                    Ok(stream) => worker.serve(Accepted { stream, peer, place }),
                    Err(error) => tracing::warn!(%error, "a socket was lost on its way to its worker"),
                }
            }
        })?);
    }
    let caps = Caps::new(Arc::clone(&app));
    let until = draining.clone();
    threads.push(thread(0, &app, &draining, &hurry, async move |worker| {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "the listening socket cannot be used"),
        };
        let mut turn = 0;
        accept(listener, caps, until, |accepted| {
            // This worker is the last in the round.
            turn = (turn + 1) % (others.len() + 1);
            match others.get(turn) {
                None => worker.serve(accepted),
                Some(other) => pass(other, accepted),
            }
        })
        .await;
        // Dropping `others` here tells the other workers that nothing comes any more.
    })?);
    Ok(Running { address, app, drain, hurry, threads })
}

fn pass(other: &mpsc::UnboundedSender<Passed>, accepted: Accepted) {
    let Accepted { stream, peer, place } = accepted;
    // A worker that is gone takes nothing: the socket is closed, as everything is at that time.
    if let Ok(stream) = stream.into_std() {
        let _ = other.send(Passed { stream, peer, place });
    }
}

/// What a worker's own task can do.
struct Worker {
    edge: Rc<Edge>,
    draining: watch::Receiver<bool>,
    /// Every connection has a copy; when the last is gone, the worker may go.
    alive: mpsc::Sender<()>,
}

impl Worker {
    fn serve(&self, accepted: Accepted) {
        let Accepted { stream, peer, place } = accepted;
        let (edge, draining, alive) = (Rc::clone(&self.edge), self.draining.clone(), self.alive.clone());
        spawn_local(async move {
            connection::serve(stream, peer, edge, draining).await;
            drop((place, alive));
        });
    }
}

fn thread(
    number: usize,
    app: &Arc<App>,
    draining: &watch::Receiver<bool>,
    hurry: &Hurry,
    feed: impl AsyncFnOnce(&Worker) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (engine, last) = (Arc::clone(&app.engine), Arc::clone(&app.engine));
    let gathering = Arc::new(Gathering::default());
    let looking = Arc::clone(&gathering);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // All requests of a turn are decided before their facts are written: once for all of them, and here, as there is
        // nothing to do but to wait for the disk.
        .on_thread_park(move || gathering.before_sleep(&*engine))
        .build()?;
    let (app, draining, hurry) = (Arc::clone(app), draining.clone(), hurry.clone());
    std::thread::Builder::new().name(format!("onsale-worker-{number}")).spawn(move || {
        LocalSet::new().block_on(&runtime, async move {
            let engine = Arc::clone(&app.engine);
            engine.promise_to_write();
            spawn_local(async move { durable::watch(&*engine).await });
            spawn_local(async move { looking.keep_awake().await });
            // Registers with the journal before the first request can wait.
            tokio::task::yield_now().await;
            let drain_timeout = app.limits.drain_timeout;
            let (alive, mut all_gone) = mpsc::channel(1);
            let worker = Worker { edge: Rc::new(Edge::new(app)), draining, alive };
            feed(&worker).await;
            drop(worker);
            tokio::select! {
                biased;
                _ = all_gone.recv() => {}
                () = hurry.come() => tracing::warn!("some requests were cut off: the server was told again to stop"),
                () = sleep(drain_timeout) => {
                    tracing::warn!("some requests were cut off: they took longer than the drain time-out");
                }
            }
        });
        // A worker that ends with its last request has not run out of work before.
        last.write_owed();
    })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it shares.
    #[must_use]
    pub const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Cuts [`Running::drain`] short, from another thread.
    #[must_use]
    pub fn hurry(&self) -> Hurry {
        self.hurry.clone()
    }

    /// Stops accepting and lets what runs finish, up to the drain time-out. Returns when the last worker has gone.
    pub fn drain(self) {
        self.app.start_draining();
        // A server whose journal has failed has been saying so, and its successor is waited for.
        if !matches!(self.app.engine.health(), Health::JournalFailed(_)) {
            self.hurry.sleep(self.app.limits.notice);
        }
        self.app.end_streams();
        // Fails only if all workers are gone already.
        let _ = self.drain.send(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker has panicked");
            }
        }
    }
}

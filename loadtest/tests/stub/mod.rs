//! A small HTTP server for the tester's own tests: a handler on a thread of its own, on a free port. What the tester says
//! about a server can only be checked against one whose faults are known exactly.
#![allow(dead_code, reason = "each test file uses the part of the stubs it needs")]

pub mod shop;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use onsale_loadtest::arrivals::Opening;
use onsale_loadtest::client::{Call, Client, Target};
use onsale_loadtest::driver::{self, Floor};
use onsale_loadtest::measured::Measured;
use onsale_loadtest::plan::{Offer, Plan};
use onsale_loadtest::progress::Pulse;
use onsale_loadtest::report::{self, Figures};
use onsale_loadtest::terminal::in_runtime;

/// A request with its body read.
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub once: Option<String>,
    pub key: Option<String>,
    pub body: Bytes,
}

pub type Answered = Response<Full<Bytes>>;

/// Serves a handler until the test process ends; gives back its URL.
pub fn serve<H, F>(handler: H) -> String
where
    H: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Answered> + Send + 'static,
{
    let handler = Arc::new(handler);
    let (tell, told) = std::sync::mpsc::channel::<SocketAddr>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            // A backlog as deep as a real server's: a freeze must be seen as waiting, not as refused connections.
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener: TcpListener = socket.listen(4_096).unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let handler = Arc::clone(&handler);
                let service = service_fn(move |request: Request<Incoming>| {
                    let handler = Arc::clone(&handler);
                    async move { Ok::<_, Infallible>(handler(read(request).await).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    format!("http://{}", told.recv().unwrap())
}

async fn read(request: Request<Incoming>) -> Asked {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (once, key) = (header("idempotency-key"), header("authorization"));
    Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        once,
        key,
        body: body.collect().await.map(|body| body.to_bytes()).unwrap_or_default(),
    }
}

/// A plain 200.
pub fn fine() -> Answered {
    Response::new(Full::new(Bytes::from_static(b"{}")))
}

/// What a steady load came to.
pub struct Steady {
    pub all: Figures,
    pub slow: u64,
    pub limited: bool,
    /// When the last answer came or was given up, from the start of the load.
    pub last_after: Duration,
}

/// Page views at a steady rate, nothing else: the load of the self-tests. `slow` counts latencies of that length or more.
pub fn steady(
    url: &str,
    rate: f64,
    seconds: f64,
    timeout: Duration,
    connections: usize,
    slow: Duration,
) -> Steady {
    let soon = || Instant::now() + Duration::from_millis(50);
    steady_from(soon, url, rate, seconds, timeout, connections, slow)
}

/// The same, begun at an instant that is asked for when the plan is ready.
pub fn steady_from(
    begin: impl FnOnce() -> Instant,
    url: &str,
    rate: f64,
    seconds: f64,
    timeout: Duration,
    connections: usize,
    slow: Duration,
) -> Steady {
    let opening = Opening::s1(1.0);
    let offer = Offer { rate, rush_s: seconds, warm_up_s: 0.0, visitors: 0, opening, seed: 1 };
    let plan = Plan::draw(&offer);
    let run = async {
        let t0 = begin();
        let client = Client::new(&Target::parse(url)?, connections);
        let floor = Floor::new(client, Measured::new(t0, plan.rush()), Pulse::default());
        let mut view = Call::get("/");
        view.timeout = timeout;
        driver::run(&floor, &plan, &std::rc::Rc::new(view), |_, _| async {}).await;
        let last_after = t0.elapsed();
        let measured = floor.measured.borrow();
        let all = report::figures(&measured, plan.rush())["all"];
        let lane =
            measured.lane(onsale_loadtest::measured::Phase::Rush, &[onsale_loadtest::measured::Kind::Look]);
        Ok(Steady {
            all,
            slow: lane.latency().at_least(slow),
            limited: report::limited_by_tester(Some(&all)),
            last_after,
        })
    };
    in_runtime(run).unwrap()
}

//! The edge: what happens to every request before and after its handler, in one place and one order.
//!
//! One function instead of a stack of layers: each layer of its own would cost a boxed future per request, and the order
//! (who are you, are you too fast, is there room, what do you send) would be spread over several files.

mod body;
pub(crate) mod cors;
pub mod guesses;
mod hot;
pub mod proxies;
pub mod ratelimit;
pub(crate) mod request_id;

use std::mem::take;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};
use onsale_engine::pulse::Step;
use onsale_engine::time::Millis;
use tower::Service;

use hot::Hot;

use crate::answer::PUBLIC;
use crate::api::routes::Route;
use crate::api::{self, Visit};
use crate::app::App;
use crate::auth::{Principal, Remembered};
use crate::call::{Call, Payload, media_type};
use crate::problem::{Code, Problem};
use crate::waiting_page::visit;

/// In which mode answers leave, where they do before they are on disk.
pub(crate) const DURABILITY: HeaderName = HeaderName::from_static("onsale-durability");

/// What is known of a connection.
#[derive(Debug)]
pub struct Connection {
    peer: IpAddr,
    remembered: Remembered,
}

impl Connection {
    /// A connection from this address.
    #[must_use]
    pub fn from(peer: IpAddr) -> Self {
        Self { peer: peer.to_canonical(), remembered: Remembered::default() }
    }
}

/// The edge of a worker.
#[derive(Clone, Debug)]
pub struct Edge {
    app: Arc<App>,
    router: Router,
}

impl Edge {
    /// An edge over all routes.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { router: api::router(Arc::clone(&app)), app }
    }

    /// What the server shares.
    #[must_use]
    pub const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Answers a request. What its head has is taken out of it, not the head itself: what waits for the journal is looked at
    /// again when it has left the caches, so a request is kept once.
    pub async fn answer<B>(&self, connection: &Connection, head: &mut Parts, body: B) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let started = Instant::now();
        self.app.engine.pass_request();
        let request_id = request_id::of(&head.headers);
        let cross_origin = cors::applies(head);
        let buys = head.method == Method::POST && about_carts(head.uri.path());
        let mut tempo = None;
        let outcome = match (expect_host(head), cors::preflight(head)) {
            (Err(problem), _) => Err(problem),
            (Ok(()), Some(response)) => Ok((None, response)),
            (Ok(()), None) => self.admit(connection, head, body, &request_id, &mut tempo).await,
        };
        let (route, mut response) = outcome.unwrap_or_else(|problem| {
            let as_page = visit::refused_at_the_edge(head, &problem);
            (None, as_page.unwrap_or_else(|| problem.respond(request_id.to_str().unwrap_or_default())))
        });
        let headers = response.headers_mut();
        headers.insert(request_id::HEADER, request_id);
        // What may be cached is kept for everybody, so it must be readable by everybody.
        if cross_origin || headers.get(CACHE_CONTROL) == Some(&PUBLIC) {
            cors::allow(headers);
        }
        if let Some(tempo) = tempo {
            tempo.tell(headers);
        }
        if let Some(durability) = &self.app.durability {
            headers.insert(DURABILITY, durability.clone());
        }
        let took = started.elapsed();
        self.app.metrics.count(route, response.status(), took);
        if let Some(step) = step_of(route, buys, response.status()) {
            let took = Millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            self.app.engine.pulse().note(step, took, response.status().is_server_error());
        }
        response
    }

    async fn admit<B>(
        &self,
        connection: &Connection,
        head: &mut Parts,
        body: B,
        request_id: &HeaderValue,
        tempo: &mut Option<ratelimit::Tempo>,
    ) -> Result<(Option<Route>, Response), Problem>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let _room = match self.app.enter() {
            Some(room) => Some(room),
            None if about_the_server(head.uri.path()) => None,
            None => {
                return Err(Problem::new(
                    Code::Overloaded,
                    "Too many requests are being worked on; nothing was done.",
                ));
            }
        };
        let principal =
            self.app.doorkeeper.recognise(&head.headers, &connection.remembered, &*self.app.engine);
        // A wrong key is a guess: guesses are counted like any other anonymous request.
        let client = self.app.limits.trusted_proxies.client(connection.peer, &head.headers);
        // Loopback is exempt, but not a proxy there that speaks for somebody else; nor who only says that he is loopback.
        let exempt = client == connection.peer && client.is_loopback();
        // A probe may come from the address of a crowd.
        let probe = matches!(principal, Ok(Principal::Nobody)) && is_probe(head);
        let exempt = exempt || probe;
        if !matches!(principal, Ok(Principal::Key(_))) && !exempt {
            let measured = self.app.rate.take(client);
            *tempo = Some(measured);
            if let Some(wait_ms) = measured.wait_ms {
                let detail = "This address sends more requests than are answered without a key.";
                return Err(Problem::new(Code::TooFast, detail).retry_after(wait_ms));
            }
        }
        let principal = principal?;
        let (address, client) = (client, (!exempt).then_some(client));
        if is_encoded(&head.headers) && !body.is_end_stream() {
            return Ok((None, not_as_it_is(request_id)));
        }
        let streamed = head.method == Method::POST
            && head.uri.path().ends_with("/slots")
            && media_type(&head.headers)
                .is_some_and(|media| media.eq_ignore_ascii_case("application/x-ndjson"));
        let body = if streamed {
            Body::new(body)
        } else {
            let limits = &self.app.limits;
            // What is read before anything is checked is memory that anybody can take.
            let most = match principal {
                Principal::Key(_) => limits.body_bytes,
                Principal::Nobody | Principal::Pass(_) => limits.body_bytes.min(limits.public_body_bytes),
            };
            let bytes = body::read(body, most, limits.body_timeout).await?;
            if let Some(hot) = Hot::recognise(&head.method, head.uri.path()) {
                let mut call = Call {
                    app: Arc::clone(&self.app),
                    principal,
                    address: Some(address),
                    client,
                    method: take(&mut head.method),
                    uri: take(&mut head.uri),
                    headers: take(&mut head.headers),
                    params: hot.params(),
                    body: Payload::Whole(bytes),
                };
                let response = api::answered(hot.answer(&mut call).await, request_id);
                return Ok((Some(hot.route()), response));
            }
            api::wrapped(bytes)
        };
        let mut request = Request::new(body);
        (*request.method_mut(), *request.uri_mut()) = (take(&mut head.method), take(&mut head.uri));
        (*request.headers_mut(), *request.version_mut()) = (take(&mut head.headers), head.version);
        *request.extensions_mut() = take(&mut head.extensions);
        request.extensions_mut().insert(Visit {
            principal,
            address,
            client,
            request_id: request_id.clone(),
            streamed,
        });
        match self.router.clone().call(request).await {
            Ok(mut response) => Ok((response.extensions_mut().remove::<Route>(), response)),
            Err(never) => match never {},
        }
    }
}

/// Who sends two hosts, or none in HTTP/1.1, is understood in one way by us and in another by a proxy before us (RFC 9112, 3.2).
fn expect_host(head: &Parts) -> Result<(), Problem> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let named = hosts.next().is_some() || head.version < Version::HTTP_11;
    if named && hosts.next().is_none() {
        return Ok(());
    }
    Err(Problem::bare(
        StatusCode::BAD_REQUEST,
        "A request has one `Host` header, which names the server it is for.",
    ))
}

/// Whether the body is not what it says it is but something packed, which would be read as text.
fn is_encoded(headers: &HeaderMap) -> bool {
    let Some(first) = headers.get(CONTENT_ENCODING) else { return false };
    let plain =
        |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity") || coding.is_empty();
    !plain(first) || !headers.get_all(CONTENT_ENCODING).iter().all(plain)
}

/// Says so, and what would be understood (RFC 9110, 15.5.16).
fn not_as_it_is(request_id: &HeaderValue) -> Response {
    let detail = "A body with a `Content-Encoding` is not understood here; send it uncompressed.";
    let mut response = Problem::new(Code::MediaType, detail).respond(request_id.to_str().unwrap_or_default());
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}

/// What the brakes of waiting rooms look at: requests for carts and orders, those there was no room for included.
/// What was refused to whoever asked says nothing of how selling goes: nobody stops a line by asking for nonsense.
fn step_of(route: Option<Route>, buys: bool, status: StatusCode) -> Option<Step> {
    let served = status.is_success() || status.is_server_error() || status == StatusCode::CONFLICT;
    match route.filter(|_| served) {
        Some(Route::CheckoutPost) => Some(Step::Checkout),
        Some(Route::CartOpen | Route::HoldAdd | Route::HoldExchange) => Some(Step::Hold),
        None if buys && status == StatusCode::SERVICE_UNAVAILABLE => Some(Step::Hold),
        _ => None,
    }
}

/// To look at both ends costs a tenth of looking everywhere, and every request is looked at.
fn about_carts(path: &str) -> bool {
    path.ends_with("/carts") || path.starts_with("/v1/carts/")
}

fn is_probe(head: &Parts) -> bool {
    let path = head.uri.path();
    [Method::GET, Method::HEAD].contains(&head.method)
        && [Route::Livez, Route::Readyz].iter().any(|route| route.entry().path == path)
}

fn about_the_server(path: &str) -> bool {
    [Route::Livez, Route::Readyz, Route::Metrics].iter().any(|route| route.entry().path == path)
}

//! The resources, one file each: parse, call, wait for the mark, answer. No business rule lives here.
//!
//! [`routes`] lists what there is; this file ties each route to its handler, in one exhaustive match.

pub mod access_codes;
pub mod audit;
pub mod carts;
pub mod checkout;
pub mod draw;
pub mod holds;
pub mod look;
pub mod orders;
pub mod pages;
pub mod queue;
pub mod routes;
pub mod sales;
pub mod slots;
pub mod slots_import;
pub mod ticket_stream;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{HeaderValue, StatusCode, Uri};
use parking_lot::Mutex;

use crate::answer::Outcome;
use crate::app::App;
use crate::auth::Principal;
use crate::call::{Call, Params, Payload};
use crate::connector;
use crate::problem::{Code, Problem};
use crate::waiting_page::visit;
use routes::{Entry, Route, TABLE};

/// What the edge has found out about a request before it is routed.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Who calls.
    pub principal: Principal,
    /// From where, as far as trusted proxies say.
    pub address: IpAddr,
    /// The same, unless it is exempt from what is counted by address.
    pub client: Option<IpAddr>,
    /// Echoed in every answer.
    pub request_id: HeaderValue,
    /// Whether the body is handed on as it comes.
    pub streamed: bool,
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let routes = TABLE.iter().fold(Router::new(), |router, entry| router.route(entry.path, handler(entry)));
    routes.fallback(unknown_path).method_not_allowed_fallback(unknown_method).with_state(app)
}

/// A handler of a hot route, which borrows its call, as one that has it.
macro_rules! lent {
    ($handler:path) => {
        |mut call| async move { $handler(&mut call).await }
    };
}

fn handler(entry: &'static Entry) -> MethodRouter<Arc<App>> {
    match entry.route {
        Route::SalePut => serve(entry, sales::put),
        Route::SalePatch => serve(entry, sales::patch),
        Route::SaleGet => serve(entry, sales::get),
        Route::SaleList => serve(entry, sales::list),
        Route::SlotsPost => serve(entry, slots_import::post),
        Route::SlotList => serve(entry, slots::list),
        Route::SlotGet => serve(entry, slots::get),
        Route::SlotPatch => serve(entry, slots::patch),
        Route::Availability => serve(entry, look::availability),
        Route::Bundles => serve(entry, look::bundles),
        Route::CartOpen => serve(entry, lent!(carts::open)),
        Route::CartGet => serve(entry, lent!(carts::get)),
        Route::CartExtend => serve(entry, carts::extend),
        Route::CartAbandon => serve(entry, carts::abandon),
        Route::HoldAdd => serve(entry, holds::add),
        Route::HoldRelease => serve(entry, holds::release),
        Route::HoldExchange => serve(entry, holds::exchange),
        Route::CheckoutPost => serve(entry, lent!(checkout::post)),
        Route::CheckoutGet => serve(entry, checkout::get),
        Route::CheckoutPay => serve(entry, checkout::pay),
        Route::OrderGet => serve(entry, orders::get),
        Route::OrderList => serve(entry, orders::list),
        Route::OrderCancel => serve(entry, orders::cancel),
        Route::LineJoin => serve(entry, lent!(queue::join)),
        Route::LineGet => serve(entry, lent!(queue::line)),
        Route::LinePatch => serve(entry, queue::change),
        Route::LineAdmit => serve(entry, queue::admit),
        Route::TicketGet => serve(entry, lent!(queue::ticket)),
        Route::TicketLeave => serve(entry, queue::leave),
        Route::DrawGet => serve(entry, draw::get),
        Route::EstimatesGet => serve(entry, queue::estimates),
        Route::AuditList => serve(entry, audit::list),
        Route::TicketStream => serve(entry, ticket_stream::open),
        Route::CodesPost => serve(entry, access_codes::post),
        Route::CodesList => serve(entry, access_codes::list),
        Route::CodeGet => serve(entry, access_codes::get),
        Route::CodesRevoke => serve(entry, access_codes::revoke),
        Route::PageArrive => serve(entry, visit::arrive),
        Route::PageJoin => serve(entry, visit::join),
        Route::PagePlace => serve(entry, visit::place),
        Route::PageChange => serve(entry, visit::change),
        Route::ConnectorArrive => serve(entry, connector::pages::arrive),
        Route::ConnectorError | Route::ConnectorSession => serve(entry, connector::pages::rejected),
        Route::ConnectorCancel => serve(entry, connector::pages::cancel),
        Route::ConnectorRules => serve(entry, connector::rules::get),
        Route::Livez => serve(entry, pages::livez),
        Route::Readyz => serve(entry, pages::readyz),
        Route::Metrics => serve(entry, pages::metrics),
        Route::OpenApi => serve(entry, pages::openapi),
        Route::Docs => serve(entry, pages::docs),
        Route::Problems => serve(entry, pages::problems),
        Route::ProblemPage => serve(entry, pages::problem_page),
    }
}

fn serve<F, Fut>(entry: &'static Entry, handler: F) -> MethodRouter<Arc<App>>
where
    F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    // The table's methods are those of HTTP; a test walks them.
    let filter = MethodFilter::try_from(entry.method()).unwrap_or(MethodFilter::TRACE);
    let run = move |State(app): State<Arc<App>>,
                    params: Result<RawPathParams, RawPathParamsRejection>,
                    request: Request| {
        let handler = handler.clone();
        async move {
            let request_id =
                visit_of(&request).map_or(HeaderValue::from_static("-"), |visit| visit.request_id.clone());
            let outcome = match call_of(app, params, request).await {
                Ok(call) => match expect_no_query(entry, &call.uri) {
                    Ok(()) => handler(call).await,
                    Err(problem) => Err(problem),
                },
                Err(problem) => Err(problem),
            };
            let mut response = answered(outcome, &request_id);
            // For whoever counts it.
            response.extensions_mut().insert(entry.route);
            response
        }
    };
    on(filter, run)
}

/// The answer, whether it is a yes or a no.
pub fn answered(outcome: Outcome, request_id: &HeaderValue) -> Response {
    outcome.unwrap_or_else(|problem| problem.respond(request_id.to_str().unwrap_or_default()))
}

fn visit_of(request: &Request) -> Option<&Visit> {
    request.extensions().get()
}

/// Where a call has no parameters, one is a mistake: `dry_run`, say, of somebody who does not mean it yet. Pages and connectors
/// carry what others have put there.
///
/// # Errors
/// `unknown-field`
pub fn expect_no_query(entry: &Entry, uri: &Uri) -> Result<(), Problem> {
    match uri.query() {
        Some(query) if !query.is_empty() && entry.query.is_empty() && entry.path.starts_with("/v1/") => {
            let name = query.split(['=', '&']).next().unwrap_or_default();
            let detail =
                format!("query string: unknown field `{name}`, there are no fields here. Nothing was done.");
            Err(Problem::new(Code::UnknownField, detail))
        }
        _ => Ok(()),
    }
}

async fn call_of(
    app: Arc<App>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Result<Call, Problem> {
    let params = params.map_err(|_| Problem::malformed("The path is not UTF-8 once it is decoded."))?;
    let (principal, client, streamed) = visit_of(&request)
        .map_or((Principal::Nobody, None, false), |visit| (visit.principal, visit.client, visit.streamed));
    let address = visit_of(&request).map(|visit| visit.address);
    let (parts, body) = request.into_parts();
    let body = if streamed {
        Payload::Stream(Mutex::new(body))
    } else {
        // The edge has read it already, within the limit; this only takes it out of its wrapping.
        let whole = axum::body::to_bytes(body, usize::MAX).await;
        Payload::Whole(whole.map_err(|_| Problem::malformed("The body broke off."))?)
    };
    let params = Params::Decoded(params.iter().map(|(_, value)| value.to_owned()).collect());
    Ok(Call {
        app,
        principal,
        address,
        client,
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        params,
        body,
    })
}

async fn unknown_path(request: Request) -> Response {
    refuse(&request, &Problem::new(Code::NotFound, "There is nothing at this path; see /docs."))
}

async fn unknown_method(request: Request) -> Response {
    let detail = format!("{} is not possible here; see the Allow header.", request.method());
    refuse(&request, &Problem::bare(StatusCode::METHOD_NOT_ALLOWED, detail))
}

fn refuse(request: &Request, problem: &Problem) -> Response {
    let request_id = visit_of(request).and_then(|visit| visit.request_id.to_str().ok());
    problem.respond(request_id.unwrap_or_default())
}

/// Wraps a body that was read already.
pub fn wrapped(bytes: bytes::Bytes) -> Body {
    if bytes.is_empty() { Body::empty() } else { Body::from(bytes) }
}

//! What connectors send people for: to wait, to hear why their token was not taken, to give up their places.
//!
//! All come as a GET by a redirect of the shop, so joining and giving up are GETs here, as nowhere else. Who comes again
//! keeps the place by a cookie of this host, the only thing that is kept in a browser: the shop's page knows no ticket.

use axum::body::Body;
use axum::response::Response;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Method, StatusCode};
use onsale_engine::decide::{JoinLine, Proof};
use onsale_engine::waiting_room::{Phase, TicketState, TicketView};

use super::{Connector, admit, nothing_here, proof, ticket_of};
use crate::answer::{Outcome, PRIVATE, Said};
use crate::call::Call;
use crate::durable::settle;
use crate::problem::{Code, Problem};
use crate::queue_it::paths::{ErrorCode, Place};
use crate::queue_it::query::{Arrival, Cancel, QueryError, Rejection};
use crate::queue_it::target::Target;
use crate::waiting_page::visit::{Visit, bad_link};

/// How long a browser keeps its place, in seconds: as long as anybody waits for an opening that was announced.
const COOKIE_S: u32 = 7 * 86_400;

/// `GET /`
pub async fn arrive(call: Call) -> Outcome {
    let connector = call.app.connector.as_ref().ok_or_else(nothing_here)?;
    let arrival =
        Arrival::read(query(&call)).map_err(|error| odd(&error)).and_then(|arrival| ours(connector, arrival));
    let visit = Visit::sent(&call, arrival.as_ref().ok());
    Ok(match &arrival {
        Ok(arrival) => match take(&call, connector, &visit, arrival).await {
            Ok(response) => response,
            Err(problem) => visit.refused(&problem),
        },
        Err(problem) => visit.refused(problem),
    })
}

/// Who came the way an arrival says, and where they go.
async fn take(
    call: &Call,
    connector: &Connector,
    visit: &Visit<'_>,
    arrival: &Arrival,
) -> Result<Response, Problem> {
    visit.checked()?;
    let sale = arrival.event.as_str();
    let engine = call.engine();
    let line = settle(engine, engine.line(sale)).await?;
    if let (Phase::PassThrough, Some(target)) = (line.value.phase, visit.target()) {
        return Ok(sent_on(admit::passed_through(call, connector, sale, target, line.now).await?));
    }
    let proof = match &arrival.enqueue_token {
        Some(token) => proof::person(engine, Some(connector), sale, token, call.address)?,
        None => Proof::Nobody,
    };
    // Many connectors make up a new person for every token; and a link with somebody else's token must not cost a place: a
    // browser that has one keeps it.
    if let Some(ticket) = kept(call, sale).await?
        && (arrival.enqueue_token.is_none() || is_alive(ticket.state))
    {
        return Ok(visit.see(Some(&ticket.text)));
    }
    // Who only looks, as a preview of a link does, joins nothing.
    let joins = matches!(line.value.phase, Phase::Prequeue | Phase::Open | Phase::Paused);
    if joins && call.method == Method::GET {
        let request = JoinLine { sale, proof, lane: None };
        match settle(engine, engine.join_line(&request)).await {
            Ok(joined) => {
                let ticket = joined.value.ticket.text;
                return Ok(with_cookie(visit.see(Some(&ticket)), sale, &ticket, COOKIE_S));
            }
            // The mode or the hour has changed meanwhile: the page says how.
            Err(problem) if matches!(problem.code(), Some(Code::NotReleased | Code::SaleClosed)) => {}
            Err(problem) => return Err(problem),
        }
    }
    visit.arrival().await
}

/// What this browser says its ticket in a sale is.
fn cookie_of<'a>(call: &'a Call, sale: &str) -> Option<&'a str> {
    let name = cookie(sale);
    let cookies = call.headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(other, _)| *other == name).map(|(_, ticket)| ticket)
}

/// The ticket this browser has in a sale, if it is still one.
async fn kept(call: &Call, sale: &str) -> Result<Option<TicketView>, Problem> {
    let Some(ticket) = cookie_of(call, sale) else { return Ok(None) };
    match settle(call.engine(), call.engine().ticket(ticket)).await {
        Ok(view) => Ok(Some(view.value).filter(|view| view.sale == sale)),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Whether a ticket has its turn still before it, or has it now.
fn is_alive(state: TicketState) -> bool {
    !matches!(state, TicketState::Lapsed | TicketState::Left)
}

/// `GET /error/{code}/` and `GET /error/connector/sessionstate/`: why, and one button that goes on waiting. Nothing
/// happens by itself: a shop with another secret would send the visitor round in circles.
pub async fn rejected(call: Call) -> Outcome {
    let connector = call.app.connector.as_ref().ok_or_else(nothing_here)?;
    let Some(Place::Error(code)) = Place::read(call.uri.path()) else { return Err(nothing_here()) };
    let rejection = Rejection::read(query(&call)).map_err(|error| odd(&error));
    let arrival = rejection.and_then(|rejection| ours(connector, rejection.arrival));
    let visit = Visit::sent(&call, arrival.as_ref().ok());
    Ok(match &arrival {
        Ok(arrival) => match explain(&visit, code, arrival).await {
            Ok(response) => response,
            Err(problem) => visit.refused(&problem),
        },
        Err(problem) => visit.refused(problem),
    })
}

async fn explain(visit: &Visit<'_>, code: ErrorCode, arrival: &Arrival) -> Result<Response, Problem> {
    visit.checked()?;
    let mut fields = vec![("c", arrival.account.to_string()), ("e", arrival.event.to_string())];
    fields.extend(visit.target().map(|target| ("t", target.as_str().to_owned())));
    visit.rejected(code, fields).await
}

/// `GET /cancel/multiple/{account}`: the places named are given up. To know a place's queue id is what allows it.
pub async fn cancel(call: Call) -> Outcome {
    let connector = call.app.connector.as_ref().ok_or_else(nothing_here)?;
    let visit = Visit::sent(&call, None);
    Ok(give_up(&call, connector, &visit).await.unwrap_or_else(|problem| visit.refused(&problem)))
}

async fn give_up(call: &Call, connector: &Connector, visit: &Visit<'_>) -> Result<Response, Problem> {
    if call.param(0) != connector.account.as_str() {
        return Err(nothing_here());
    }
    let Cancel { rooms, target } = Cancel::read(query(call)).map_err(|error| odd(&error))?;
    let target =
        target.map(|text| Target::read(&text, &connector.hosts)).transpose().map_err(|_| bad_link())?;
    if call.method != Method::GET {
        return Err(nothing_here());
    }
    let engine = call.engine();
    let mut given_up = Vec::new();
    for (event, place) in &rooms {
        let Some(place) = place else { continue };
        match ticket_of(engine, *place).await {
            Ok((sale, ticket)) if *sale == *event.as_str() => {
                settle(engine, engine.leave_line(&ticket)).await?;
                // A link about somebody else's place does not make this browser forget its own.
                if cookie_of(call, &sale) == Some(ticket.as_str()) {
                    given_up.push(sale);
                }
            }
            // A place that is not there is given up already.
            Ok(_) => {}
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => {}
            Err(problem) => return Err(problem),
        }
    }
    let response = match &target {
        Some(target) => sent_on(target.as_str().to_owned()),
        None => visit.given_up(),
    };
    Ok(given_up.iter().fold(response, |response, sale| with_cookie(response, sale, "", 0)))
}

/// The query of a connector as it was sent.
fn query(call: &Call) -> &str {
    call.uri.query().unwrap_or_default()
}

fn ours(connector: &Connector, arrival: Arrival) -> Result<Arrival, Problem> {
    if arrival.account == connector.account { Ok(arrival) } else { Err(nothing_here()) }
}

fn odd(error: &QueryError) -> Problem {
    Problem::malformed(match error {
        QueryError::TooLong(name) => format!("`{name}` is too long."),
        QueryError::Missing(name) => format!("`{name}` is missing."),
        QueryError::Twice(name) => format!("`{name}` is there twice."),
        QueryError::Malformed(name) => format!("`{name}` is not what it should be."),
    })
}

/// On to an address that was checked.
pub(crate) fn sent_on(to: String) -> Response {
    let mut response = Response::new(Body::empty()).at(to).cached(PRIVATE);
    *response.status_mut() = StatusCode::SEE_OTHER;
    // The token's page learns where it is wanted, and nobody learns from where.
    response.headers_mut().insert(http::header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The name of the cookie of a sale. Its prefix has browsers keep it for this host alone, and send it under TLS only.
fn cookie(sale: &str) -> String {
    format!("__Host-onsale-{sale}")
}

fn with_cookie(mut response: Response, sale: &str, ticket: &str, seconds: u32) -> Response {
    let name = cookie(sale);
    let text = format!("{name}={ticket}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax");
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}

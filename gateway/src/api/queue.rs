//! The waiting room: joining, asking, leaving; the public document; and what operators turn.

use std::borrow::Cow;
use std::mem::take;

use http::StatusCode;
use onsale_engine::Engine;
use onsale_engine::decide::{AdmitNow, JoinLine, JoinedLine, LineChange, Proof, has_pass};
use onsale_engine::outcome::Answer;
use onsale_engine::sale::IfMatch;
use onsale_engine::time::Now;
use onsale_engine::waiting_room::TicketView;
use serde::Deserialize;

use super::access_codes::Tried;
use crate::answer::{Outcome, PRIVATE, PUBLIC, Said, json, json_bytes_reusing, seen_with};
use crate::app::App;
use crate::auth::Principal;
use crate::call::Call;
use crate::connector::{proof, ticket_of};
use crate::durable::{Settled, settle};
use crate::idempotency;
use crate::problem::{Code, Problem};
use crate::queue_it::ids::QueueId;
use crate::waiting_room::pass::Pass;
use crate::wire::estimates::WrittenEstimates;
use crate::wire::item::is_customer;
use crate::wire::line::{AdmitInput, Admitted, JoinInput, LineInput, WrittenLine, WrittenLineTurned};
use crate::wire::ticket;
use crate::wire::time::Written;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeQuery {
    #[serde(default)]
    dry_run: bool,
}

/// A ticket as its holder sees it, with its pass if it has one.
pub(super) fn written(app: &App, seen: &Settled<TicketView>) -> Vec<u8> {
    ticket::ticket(&seen.value, pass_of(app, &seen.value, seen.now).as_deref(), seen.now)
}

/// The pass of a ticket that has one, signed now.
pub(crate) fn pass_of(app: &App, view: &TicketView, now: Now) -> Option<String> {
    let seconds = |ms: i64| u64::try_from(ms).unwrap_or(0) / 1_000;
    view.pass_until.filter(|_| has_pass(view.state)).map(|until| {
        let pass = Pass {
            ticket: view.text.clone(),
            sale: view.sale.clone(),
            customer: None,
            id: u64::from(view.ticket.lane) << 32 | u64::from(view.ticket.number),
            issued_at_s: seconds(now.wall.0),
            // Whole seconds, rounded up: the session's own end is what decides.
            expires_at_s: seconds(now.wall_of(until).0) + 1,
        };
        pass.text(app.doorkeeper.pass_keys())
    })
}

/// `POST /v1/sales/{sale}/queue`
pub async fn join(call: &mut Call) -> Outcome {
    let (answer, code) = joined(call)?;
    let joined = call.tried(code, settle(call.engine(), answer).await)?;
    let created = joined.value.created;
    let seen = Settled { value: joined.value.ticket, now: joined.now, replayed: false };
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let document = written(&call.app, &seen);
    let response = json_bytes_reusing(take(&mut call.headers), status, document).cached(PRIVATE);
    Ok(if created { response.at(["/v1/queue/", &seen.value.text].concat()) } else { response })
}

/// What the engine says, and the code that was shown. All that was read for it is gone when the answer is waited for.
fn joined(call: &Call) -> Result<(Answer<JoinedLine>, Option<Tried>), Problem> {
    let JoinInput { ticket, customer, lane, enqueue_token, access_code } = call.json_or_empty()?;
    let has_key = matches!(call.principal, Principal::Key(_));
    if (customer.is_some() || lane.is_some()) && !has_key {
        return Err(Problem::new(
            Code::NotAllowed,
            "Only a server key joins for a customer or into a lane: saying who one is proves nothing.",
        ));
    }
    if let Some(name) = customer.as_deref()
        && !is_customer(name)
    {
        return Err(Problem::malformed("`customer` is 1 to 128 printable ASCII characters."));
    }
    let proofs = [ticket.is_some(), customer.is_some(), enqueue_token.is_some(), access_code.is_some()];
    if proofs.into_iter().filter(|proof| *proof).count() > 1 {
        let why = "One of `ticket`, `customer`, `enqueue_token` and `access_code`, not more.";
        return Err(Problem::malformed(why));
    }
    let sale = call.param(0);
    let code = access_code.map(|code| call.try_code(sale, &code)).transpose()?;
    let proof = match (&ticket, customer, &enqueue_token, code) {
        (Some(ticket), ..) => Proof::Ticket(ticket),
        (_, Some(name), ..) => Proof::Person(call.engine().customer(&name).0),
        (_, _, Some(token), _) => {
            // A server shows it from an address of its own.
            let address = call.address.filter(|_| !has_key);
            let connector = call.app.connector.as_ref();
            proof::person(call.engine(), connector, sale, token, address)?
        }
        (.., Some(code)) => Proof::Code(code.hash),
        (None, None, None, None) => Proof::Nobody,
    };
    let request = JoinLine { sale, proof, lane: lane.as_deref() };
    Ok((call.engine().join_line(&request), code))
}

/// The ticket in the path; a server key may name it by its queue id, which is all that a shop with a connector knows.
async fn named(call: &Call) -> Result<Cow<'_, str>, Problem> {
    match QueueId::new(call.param(0)).filter(|_| call.principal.has_key()) {
        Some(place) => Ok(ticket_of(call.engine(), place).await?.1.into()),
        None => Ok(call.param(0).into()),
    }
}

/// `GET /v1/queue/{ticket}`
pub async fn ticket(call: &mut Call) -> Outcome {
    let name = named(call).await?;
    let answer = call.engine().ticket(&name);
    drop(name);
    let seen = settle(call.engine(), answer).await?;
    let document = written(&call.app, &seen);
    Ok(json_bytes_reusing(take(&mut call.headers), StatusCode::OK, document).cached(PRIVATE))
}

/// `DELETE /v1/queue/{ticket}`
pub async fn leave(call: Call) -> Outcome {
    let name = named(&call).await?;
    let seen = settle(call.engine(), call.engine().leave_line(&name)).await?;
    drop(name);
    let document = written(&call.app, &seen);
    Ok(json_bytes_reusing(call.headers, StatusCode::OK, document).cached(PRIVATE))
}

/// `GET /v1/sales/{sale}/queue`
pub async fn line(call: &mut Call) -> Outcome {
    let document = public_line(call).await?;
    Ok(json_bytes_reusing(take(&mut call.headers), StatusCode::OK, document)
        .cached(seen_with(call.principal.has_key()))
        .depends_on_caller())
}

async fn public_line(call: &Call) -> Result<Vec<u8>, Problem> {
    let (sale, has_key) = (call.param(0), call.principal.has_key());
    if !has_key && let Some(document) = call.app.board.read(sale, call.engine().now()) {
        return Ok(document);
    }
    let line = settle(call.engine(), call.engine().line(sale)).await?;
    if has_key {
        // Our own types always serialise.
        return Ok(serde_json::to_vec(&WrittenLine::new(line.value, line.now, true)).unwrap_or_default());
    }
    Ok(call.app.board.hang(sale, line.value, line.now))
}

/// `GET /v1/sales/{sale}/estimates`
pub async fn estimates(call: Call) -> Outcome {
    let grade = settle(call.engine(), call.engine().estimates(call.param(0))).await?;
    Ok(json(StatusCode::OK, &WrittenEstimates::new(grade.value, grade.now)).cached(PUBLIC))
}

/// `PATCH /v1/sales/{sale}/queue`
pub async fn change(call: Call) -> Outcome {
    let caller = call.principal.operator()?;
    let ChangeQuery { dry_run } = call.query()?;
    let current = |engine: &Engine| engine.line(call.param(0)).result.ok().map(|line| line.version);
    let version = match call.if_match(current)? {
        IfMatch::Revision(version) => Some(version),
        IfMatch::Absent | IfMatch::Any => None,
    };
    let turned = call.json::<LineInput>()?.change(caller.credential);
    let change = LineChange { version, dry_run, ..turned };
    let turned = settle(call.engine(), call.engine().set_line(call.param(0), &change)).await?;
    let version = turned.value.line.version;
    Ok(json(StatusCode::OK, &WrittenLineTurned::new(turned.value, turned.now))
        .tagged(version)
        .cached(PRIVATE))
}

/// `POST /v1/sales/{sale}/queue/admit`
pub async fn admit(call: Call) -> Outcome {
    let caller = call.principal.operator()?;
    let ChangeQuery { dry_run } = call.query()?;
    let AdmitInput { count, reason } = call.json()?;
    let key = if idempotency::optional(&call.headers)?.is_some() {
        Some(call.key(caller, call.param(0))?)
    } else {
        None
    };
    let wish = AdmitNow { count, reason: reason.as_deref(), credential: caller.credential, key, dry_run };
    let called = settle(call.engine(), call.engine().admit(call.param(0), wish)).await?;
    let said = Admitted { called: called.value, server_time: Written(called.now.wall) };
    Ok(json(StatusCode::OK, &said).cached(PRIVATE).replayed(called.replayed))
}

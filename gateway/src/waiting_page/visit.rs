//! The requests of the waiting page: arriving, joining, looking at a place, joining again, leaving.
//!
//! A ticket stands in the path, never in a query, and whoever has it may do with it what its holder may; so a form of
//! another site can join somebody new and nothing else. Refusals are pages as well: people read them.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use onsale_engine::decide::{JoinLine, Proof};
use onsale_engine::sale::SaleView;
use onsale_engine::waiting_room::{LineView, TicketView};

use super::language::Language;
use super::page::Page;
use super::scene::{Room, Scene};
use crate::answer::{Outcome, PRIVATE, Said};
use crate::api::queue::pass_of;
use crate::call::Call;
use crate::durable::{Settled, settle};
use crate::problem::{Code, Problem};
use crate::wire::line::{chances_word, phase_word, state_word};

/// A page that could not be made is asked for again after this, in seconds.
const AGAIN_S: u64 = 5;

/// `GET /queue/{sale}`
pub async fn arrive(call: Call) -> Outcome {
    let visit = Visit::of(&call);
    Ok(visit.arrival().await.unwrap_or_else(|problem| visit.refused(&problem)))
}

/// `POST /queue/{sale}`
pub async fn join(call: Call) -> Outcome {
    let visit = Visit::of(&call);
    let request = JoinLine { sale: visit.sale, proof: Proof::Nobody, lane: None };
    let joined = settle(call.engine(), call.engine().join_line(&request)).await;
    Ok(match joined {
        Ok(joined) => visit.see(Some(&joined.value.ticket.text)),
        // The page says why, and looks again by itself.
        Err(problem) if matches!(problem.code(), Some(Code::NotReleased | Code::SaleClosed)) => {
            visit.see(None)
        }
        Err(problem) => visit.refused(&problem),
    })
}

/// `GET /queue/{sale}/{ticket}`
pub async fn place(call: Call) -> Outcome {
    let visit = Visit::of(&call);
    Ok(visit.place(call.param(1)).await.unwrap_or_else(|problem| visit.refused(&problem)))
}

/// `POST /queue/{sale}/{ticket}`
pub async fn change(call: Call) -> Outcome {
    let visit = Visit::of(&call);
    let ticket = call.param(1);
    let wish = form_urlencoded::parse(call.bytes()).find(|(name, _)| name == "do").map(|(_, value)| value);
    let done = match wish.as_deref() {
        Some("again") => visit.again(ticket).await,
        Some("leave") => visit.leave(ticket).await,
        _ => {
            return Err(Problem::malformed(
                "The form has no `do`, or one that is neither `again` nor `leave`.",
            ));
        }
    };
    Ok(done.map_or_else(|problem| visit.refused(&problem), |()| visit.see(Some(ticket))))
}

/// Who asks for which sale, and in which language the answer is.
struct Visit<'a> {
    call: &'a Call,
    sale: &'a str,
    language: Language,
    asked: bool,
}

impl<'a> Visit<'a> {
    fn of(call: &'a Call) -> Self {
        let asked = Language::asked(&call.uri);
        let language = asked.unwrap_or_else(|| Language::preferred(&call.headers));
        Self { call, sale: call.param(0), language, asked: asked.is_some() }
    }

    async fn room(&self) -> Result<(SaleView, Settled<LineView>), Problem> {
        let engine = self.call.engine();
        let line = settle(engine, engine.line(self.sale)).await?;
        Ok((settle(engine, engine.sale(self.sale)).await?.value, line))
    }

    async fn arrival(&self) -> Result<Response, Problem> {
        let (sale, line) = self.room().await?;
        let scene = self.in_room(&sale, &line).arrival();
        Ok(self.page(&sale, &line.value, scene).answer(StatusCode::OK))
    }

    async fn place(&self, ticket: &str) -> Result<Response, Problem> {
        let ticket = self.own(ticket).await?;
        let (sale, line) = self.room().await?;
        let view = &ticket.value;
        let scene = self.in_room(&sale, &line).ticket(view);
        let pass = pass_of(&self.call.app, view, ticket.now);
        let page = Page {
            words: (phase_word(view.phase), state_word(view.state)),
            chances: view.chances.map(|_| chances_word()),
            ticket: Some(&view.text),
            pass: pass.as_deref(),
            ..self.page(&sale, &line.value, scene)
        };
        Ok(page.answer(StatusCode::OK))
    }

    async fn again(&self, ticket: &str) -> Result<(), Problem> {
        let engine = self.call.engine();
        let request = JoinLine { sale: self.sale, proof: Proof::Ticket(ticket), lane: None };
        settle(engine, engine.join_line(&request)).await.map(drop)
    }

    async fn leave(&self, ticket: &str) -> Result<(), Problem> {
        self.own(ticket).await?;
        let engine = self.call.engine();
        settle(engine, engine.leave_line(ticket)).await.map(drop)
    }

    /// The ticket, if it is one of this sale.
    async fn own(&self, ticket: &str) -> Result<Settled<TicketView>, Problem> {
        let engine = self.call.engine();
        let ticket = settle(engine, engine.ticket(ticket)).await?;
        if ticket.value.sale != self.sale {
            return Err(Problem::new(Code::NotFound, "The ticket belongs to another sale."));
        }
        Ok(ticket)
    }

    fn in_room<'b>(&self, sale: &'b SaleView, line: &'b Settled<LineView>) -> Room<'b> {
        let texts = self.language.texts();
        Room { line: &line.value, zone: &sale.rules.time_zone, texts, now: line.now }
    }

    fn page<'b>(&'b self, sale: &'b SaleView, line: &'b LineView, scene: Scene) -> Page<'b> {
        Page {
            language: self.language,
            asked: self.asked,
            sale: self.sale,
            name: &sale.rules.name,
            words: (phase_word(line.phase), ""),
            chances: None,
            message: line.message.as_deref(),
            ticket: None,
            pass: None,
            shop: self.call.app.shop.as_ref(),
            scene,
        }
    }

    /// On to the page of a ticket, or back to the door: nothing is sent again when that page is loaded again.
    fn see(&self, ticket: Option<&str>) -> Response {
        let mut to = format!("/queue/{}", self.sale);
        if let Some(ticket) = ticket {
            to = format!("{to}/{ticket}");
        }
        if self.asked {
            to = format!("{to}?lang={}", self.language.code());
        }
        let mut response = Response::new(Body::empty()).at(to).cached(PRIVATE);
        *response.status_mut() = StatusCode::SEE_OTHER;
        response
    }

    fn refused(&self, problem: &Problem) -> Response {
        let t = self.language.texts();
        let unknown = problem.status() == StatusCode::NOT_FOUND;
        let scene = match unknown {
            true => Scene::plain(t.unknown_heading, t.unknown_lead, None),
            false => Scene::plain(t.busy_heading, t.busy_lead, Some(AGAIN_S)),
        };
        let page = Page {
            language: self.language,
            asked: self.asked,
            sale: "",
            name: "",
            words: ("", ""),
            chances: None,
            message: None,
            ticket: None,
            pass: None,
            shop: None,
            scene,
        };
        let response = page.answer(problem.status());
        if unknown { response } else { response.ask_again(AGAIN_S) }
    }
}

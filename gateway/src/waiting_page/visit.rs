//! The requests of the waiting page: arriving, joining, looking at a place, joining again, leaving.
//!
//! A ticket stands in the path, never in a query, and whoever has it may do with it what its holder may; so a form of
//! another site can join somebody new and nothing else. Refusals are pages as well: people read them.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::ACCEPT;
use http::request::Parts;
use onsale_engine::decide::{JoinLine, Proof, has_pass};
use onsale_engine::sale::SaleView;
use onsale_engine::waiting_room::{LineView, Phase, TicketView};

use super::language::Language;
use super::page::{Page, query};
use super::scene::{Act, Room, Scene};
use crate::answer::{Outcome, PRIVATE, Said};
use crate::api::queue::pass_of;
use crate::call::Call;
use crate::connector::admit;
use crate::connector::pages::sent_on;
use crate::durable::{Settled, settle};
use crate::problem::{Code, Problem};
use crate::queue_it::paths::ErrorCode;
use crate::queue_it::query::Arrival;
use crate::queue_it::target::{Target, TargetError};
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
    let done =
        if wish(&call).as_deref() == Some("go") { visit.pass_through().await } else { visit.join().await };
    Ok(done.unwrap_or_else(|problem| visit.refused(&problem)))
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
    let done = match wish(&call).as_deref() {
        Some("again") => visit.again(ticket).await,
        Some("leave") => visit.leave(ticket).await,
        Some("go") => visit.go(ticket).await,
        // People read it: it is a page like every other refusal here.
        _ => {
            Err(Problem::malformed("The form has no `do`, or one that is none of `again`, `leave` and `go`."))
        }
    };
    Ok(done.unwrap_or_else(|problem| visit.refused(&problem)))
}

/// What a form asks for.
fn wish(call: &Call) -> Option<Cow<'_, str>> {
    form_urlencoded::parse(call.bytes()).find(|(name, _)| name == "do").map(|(_, value)| value)
}

/// What is said of a link that leads to a page of nobody we know, or is none.
pub(crate) fn bad_link() -> Problem {
    Problem::malformed("The page to go to is not one of the shop's, or its address is not a plain one.")
}

/// Who asks for which sale, in which language the answer is, and for which page of the shop they came.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    call: &'a Call,
    sale: &'a str,
    language: Language,
    asked: bool,
    target: Option<Result<Target, TargetError>>,
}

impl<'a> Visit<'a> {
    fn of(call: &'a Call) -> Self {
        let mut visit = Self::sent(call, None);
        visit.sale = call.param(0);
        let pairs = form_urlencoded::parse(call.uri.query().unwrap_or_default().as_bytes());
        visit.aim(pairs.filter(|(name, _)| name == "t").map(|(_, target)| target.into_owned()).next());
        visit
    }

    /// Of somebody whom a connector sends, as far as it could be read.
    pub(crate) fn sent(call: &'a Call, arrival: Option<&'a Arrival>) -> Self {
        let culture = arrival.and_then(|arrival| Language::named(arrival.culture.as_deref()?));
        let asked = Language::asked(&call.uri).or(culture);
        let language = asked.unwrap_or_else(|| Language::preferred(&call.headers));
        let sale = arrival.map_or("", |arrival| arrival.event.as_str());
        let mut visit = Self { call, sale, language, asked: asked.is_some(), target: None };
        visit.aim(arrival.and_then(|arrival| arrival.target.clone()));
        visit
    }

    /// The page that is wanted; where no connector is set there is none.
    fn aim(&mut self, text: Option<String>) {
        let connector = self.call.app.connector.as_ref();
        self.target = connector.zip(text).map(|(connector, text)| Target::read(&text, &connector.hosts));
    }

    /// Refuses a link that would lead elsewhere.
    ///
    /// # Errors
    /// `malformed`
    pub(crate) fn checked(&self) -> Result<(), Problem> {
        if let Some(Err(_)) = self.target { Err(bad_link()) } else { Ok(()) }
    }

    /// The page of the shop that is wanted, if there is one.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.target.as_ref().and_then(|target| target.as_ref().ok())
    }

    async fn room(&self) -> Result<(SaleView, Settled<LineView>), Problem> {
        let engine = self.call.engine();
        let line = settle(engine, engine.line(self.sale)).await?;
        Ok((settle(engine, engine.sale(self.sale)).await?.value, line))
    }

    pub(crate) async fn arrival(&self) -> Result<Response, Problem> {
        self.checked()?;
        let (sale, line) = self.room().await?;
        let scene = self.in_room(&sale, &line).arrival();
        Ok(self.page(&sale, &line.value, scene).answer(StatusCode::OK))
    }

    async fn join(&self) -> Result<Response, Problem> {
        self.checked()?;
        let request = JoinLine { sale: self.sale, proof: Proof::Nobody, lane: None };
        let joined = settle(self.call.engine(), self.call.engine().join_line(&request)).await;
        match joined {
            Ok(joined) => Ok(self.see(Some(&joined.value.ticket.text))),
            // The page says why, and looks again by itself.
            Err(problem) if matches!(problem.code(), Some(Code::NotReleased | Code::SaleClosed)) => {
                Ok(self.see(None))
            }
            Err(problem) => Err(problem),
        }
    }

    async fn place(&self, ticket: &str) -> Result<Response, Problem> {
        self.checked()?;
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

    async fn again(&self, ticket: &str) -> Result<Response, Problem> {
        let engine = self.call.engine();
        let request = JoinLine { sale: self.sale, proof: Proof::Ticket(ticket), lane: None };
        settle(engine, engine.join_line(&request)).await?;
        Ok(self.see(Some(ticket)))
    }

    async fn leave(&self, ticket: &str) -> Result<Response, Problem> {
        self.own(ticket).await?;
        let engine = self.call.engine();
        settle(engine, engine.leave_line(ticket)).await?;
        Ok(self.see(Some(ticket)))
    }

    /// To the wanted page, when it is the ticket's turn or nobody needs to wait; back to the place when it is not.
    async fn go(&self, ticket: &str) -> Result<Response, Problem> {
        self.checked()?;
        let view = self.own(ticket).await?.value;
        let Some((connector, target)) = self.call.app.connector.as_ref().zip(self.target()) else {
            return Ok(self.see(Some(ticket)));
        };
        if view.phase == Phase::PassThrough && !has_pass(view.state) {
            return self.pass_through().await;
        }
        match admit::called(self.call, connector, &view, target).await {
            Ok(to) => Ok(sent_on(to)),
            Err(problem) if matches!(problem.code(), Some(Code::NotAdmitted | Code::PassExpired)) => {
                Ok(self.see(Some(ticket)))
            }
            Err(problem) => Err(problem),
        }
    }

    /// To the wanted page while nobody needs to wait; back to the door otherwise.
    async fn pass_through(&self) -> Result<Response, Problem> {
        self.checked()?;
        let line = settle(self.call.engine(), self.call.engine().line(self.sale)).await?;
        match self.call.app.connector.as_ref().zip(self.target()) {
            Some((connector, target)) if line.value.phase == Phase::PassThrough => {
                Ok(sent_on(admit::passed_through(self.call, connector, self.sale, target, line.now).await?))
            }
            _ => Ok(self.see(None)),
        }
    }

    /// For who was not let in by the shop: why, and the way back to the line.
    pub(crate) async fn rejected(
        &self,
        code: ErrorCode,
        fields: Vec<(&'static str, String)>,
    ) -> Result<Response, Problem> {
        let t = self.language.texts();
        let lead = match code {
            ErrorCode::Hash => t.rejected_hash,
            ErrorCode::EventId => t.rejected_event,
            ErrorCode::Timestamp => t.rejected_time,
            ErrorCode::Address | ErrorCode::SessionState => t.rejected_address,
            ErrorCode::UsageLimit => t.rejected_often,
        };
        let (sale, line) = self.room().await?;
        let act = Act::Return { button: t.rejected_button, fields };
        let scene = Scene { act, ..Scene::plain(t.rejected_heading, lead, None) };
        let page = Page { words: ("", ""), ..self.page(&sale, &line.value, scene) };
        Ok(page.answer(StatusCode::OK))
    }

    /// For who has given up their places and has no page to go on to.
    pub(crate) fn given_up(&self) -> Response {
        let t = self.language.texts();
        bare(self.language, self.asked, Scene::plain(t.left_heading, t.left_lead, None))
            .answer(StatusCode::OK)
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
            target: self.target(),
            scene,
        }
    }

    /// On to the page of a ticket, or back to the door: nothing is sent again when that page is loaded again.
    pub(crate) fn see(&self, ticket: Option<&str>) -> Response {
        let mut to = format!("/queue/{}", self.sale);
        if let Some(ticket) = ticket {
            to = format!("{to}/{ticket}");
        }
        to += &query(self.asked.then_some(self.language.code()), self.target());
        let mut response = Response::new(Body::empty()).at(to).cached(PRIVATE);
        *response.status_mut() = StatusCode::SEE_OTHER;
        response
    }

    /// A refusal as a page.
    pub(crate) fn refused(&self, problem: &Problem) -> Response {
        refusal(self.language, self.asked, problem)
    }
}

/// What the edge refuses before a visit begins, as too many requests, for somebody who reads: a browser that opens a page. A
/// script, which asks for anything, is answered as everywhere.
pub(crate) fn refused_at_the_edge(head: &Parts, problem: &Problem) -> Option<Response> {
    let mut wishes = head.headers.get_all(ACCEPT).into_iter().filter_map(|wish| wish.to_str().ok());
    if !is_for_people(head.uri.path()) || !wishes.any(|wish| wish.contains("text/html")) {
        return None;
    }
    let asked = Language::asked(&head.uri);
    let language = asked.unwrap_or_else(|| Language::preferred(&head.headers));
    Some(refusal(language, asked.is_some(), problem))
}

/// Whether people read what is at this path.
#[must_use]
pub(crate) fn is_for_people(path: &str) -> bool {
    path == "/" || ["/queue/", "/error/", "/cancel/"].iter().any(|room| path.starts_with(room))
}

fn refusal(language: Language, asked: bool, problem: &Problem) -> Response {
    let t = language.texts();
    let (heading, lead, again) = match (problem.code(), problem.status()) {
        (_, StatusCode::NOT_FOUND) => (t.unknown_heading, t.unknown_lead, None),
        // The page has no other proof than the one a shop sends along.
        (Some(Code::Credentials | Code::CodeScope | Code::CodeUsed), _) => {
            (t.proof_heading, t.proof_lead, None)
        }
        (Some(Code::NotAdmitted), _) => (t.invited_heading, t.invited_lead, None),
        (_, StatusCode::BAD_REQUEST) => (t.bad_heading, t.bad_lead, None),
        // What will not be otherwise in a moment is not asked for again in a moment.
        (
            _,
            StatusCode::FORBIDDEN
            | StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ) => (t.refused_heading, t.refused_lead, None),
        _ => (t.busy_heading, t.busy_lead, Some(AGAIN_S.max(problem.retry_after_s().unwrap_or(0)))),
    };
    let response = bare(language, asked, Scene::plain(heading, lead, again)).answer(problem.status());
    match again {
        Some(seconds) => response.ask_again(seconds),
        None => response,
    }
}

/// A page that belongs to no sale.
const fn bare(language: Language, asked: bool, scene: Scene) -> Page<'static> {
    Page {
        language,
        asked,
        sale: "",
        name: "",
        words: ("", ""),
        chances: None,
        message: None,
        ticket: None,
        pass: None,
        shop: None,
        target: None,
        scene,
    }
}

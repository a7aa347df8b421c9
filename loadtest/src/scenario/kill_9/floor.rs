//! What everybody in the crowd shares: the way to the server and the book. An answer is written down in the step that
//! receives it, before anybody can ask for the next thing.

use std::cell::{Cell, RefCell};

use http::{HeaderValue, Method};
use serde_json::Value;

use super::asked::Asked;
use super::book::{Book, Deed, Sale};
use super::view::View;
use crate::client::{Answer, Call, Client};
use crate::refusals::Problem;

/// What may be said to somebody who asked properly.
const EXPECTED: [&str; 7] = [
    "slot-taken",
    "all-held",
    "sold-out",
    "bundle-incomplete",
    "cart-expired",
    "limit-reached",
    "below-committed",
];

/// What everybody shares in one round.
pub struct Floor {
    /// The way to the server.
    pub client: Client,
    /// The shop's credential.
    pub shop: HeaderValue,
    /// The operator's credential.
    pub operator: HeaderValue,
    /// The book.
    pub book: RefCell<Book>,
    /// Makes keys and names unique over the run.
    pub numbers: Cell<u64>,
    /// From now on no answer is owed.
    pub dead: Cell<bool>,
}

/// What came of a request.
pub enum Told {
    /// The cart it was about, as it stands now.
    Done(String, View),
    /// A refusal of the contract.
    Refused,
    /// No answer came: whoever asked goes home.
    Silent,
}

impl Floor {
    /// The next number of the run.
    pub fn number(&self) -> u64 {
        self.numbers.replace(self.numbers.get() + 1)
    }

    /// Sends a call; `None` once the server is dead. A missing answer before that is an oddity.
    pub async fn send(&self, call: &Call) -> Option<Answer> {
        let outcome = self.client.send(call).await.outcome;
        let mut book = self.book.borrow_mut();
        match outcome {
            Ok(answer) => {
                book.tell(&said(&answer));
                Some(answer)
            }
            Err(_) if self.dead.get() => None,
            Err(lost) => {
                book.oddities.push(format!("{} {}: {lost:?} while the server lived", call.method, call.path));
                None
            }
        }
    }

    /// Asks for a change and writes down what is told; nothing is asked of a dead server.
    pub async fn change(
        &self,
        deed: Deed,
        method: Method,
        path: String,
        body: Option<&Value>,
        waits: bool,
    ) -> Told {
        if self.dead.get() {
            return Told::Silent;
        }
        let asked = Asked::new(method, path, body, format!("k-{}", self.number())).waiting(waits);
        let answer = self.send(&asked.call(&self.shop)).await;
        let mut book = self.book.borrow_mut();
        let Some(answer) = answer.filter(|answer| answer.status != 503) else {
            book.touched.extend(deed.cart().map(ToOwned::to_owned));
            book.unanswered.push((asked, deed));
            return Told::Silent;
        };
        if answer.status < 300 && !answer.replayed {
            match book.acknowledge(asked, &deed, &answer) {
                Ok((cart, view)) => return Told::Done(cart, view),
                Err(oddity) => book.oddities.push(oddity),
            }
            return Told::Refused;
        }
        match (problem(&answer).as_str(), deed.cart()) {
            ("cart-expired", Some(cart))
                if book.carts.get(cart).is_some_and(|cart| cart.sale == Sale::Lapse) =>
            {
                book.expired(cart);
            }
            (code, _) if EXPECTED.contains(&code) && code != "cart-expired" => {}
            _ => book.oddities.push(format!("{}: answered {}", asked.name(), said(&answer))),
        }
        Told::Refused
    }
}

fn problem(answer: &Answer) -> String {
    answer.read::<Problem>().map(|problem| problem.code).unwrap_or_default()
}

/// An answer in a few words.
pub fn said(answer: &Answer) -> String {
    let replayed = if answer.replayed { " replayed" } else { "" };
    match answer.status {
        ..300 => format!("{}{replayed}", answer.status),
        status => format!("{status} {}", problem(answer)),
    }
}

impl Told {
    /// Whether whoever asked goes on.
    pub fn lives(&self) -> Option<()> {
        (!matches!(self, Self::Silent)).then_some(())
    }
}

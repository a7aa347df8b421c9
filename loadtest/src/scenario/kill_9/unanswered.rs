//! Requests that were out when the server died: each had happened whole or not at all, and after it was asked again with
//! its key it has happened once. Which of the two it was shows only in the repetition: a kept answer says that it had.

use std::collections::HashMap;

use super::asked::Asked;
use super::book::{Deed, Sale, Totals, count};
use super::findings::WHOLE;
use super::reckoning::{Audit, stands_as};
use super::view::View;
use crate::client::Answer;
use crate::failure::Failure;
use crate::wire::Slot;

impl Audit {
    /// Asks what got no answer once more, and compares the stock of before with the sum of what had happened.
    pub async fn unanswered(
        &self,
        read: &HashMap<String, View>,
        slots: &[(Sale, Slot)],
    ) -> Result<(), Failure> {
        let unanswered = std::mem::take(&mut self.floor.book.borrow_mut().unanswered);
        let mut happened = self.floor.book.borrow().totals.clone();
        for (asked, deed) in unanswered {
            let before = deed.cart().and_then(|cart| {
                Some((self.floor.book.borrow().carts.get(cart)?.clone(), read.get(cart)?.clone()))
            });
            if let Some((known, now)) = &before {
                count(&mut happened, &known.view, |sum, units| sum.saturating_sub(units));
                count(&mut happened, now, |sum, units| sum + units);
            }
            let answer = self.operator.ask(asked.call(&self.floor.shop)).await?;
            self.floor.book.borrow_mut().tell(if answer.replayed {
                "asked again: had happened"
            } else {
                "asked again: had not"
            });
            let wrong = match before {
                None => self.opened(asked, &deed, &answer, &mut happened),
                Some((known, now)) => {
                    self.changed(asked, &deed, &answer, &known.view, &now, known.sale).await?
                }
            };
            self.look(WHOLE, wrong);
        }
        self.compare(slots, &happened);
        Ok(())
    }

    fn opened(&self, asked: Asked, deed: &Deed, answer: &Answer, happened: &mut Totals) -> Option<String> {
        let mut book = self.floor.book.borrow_mut();
        match answer.status {
            201 => match book.acknowledge(asked, deed, answer) {
                Ok((_, view)) if answer.replayed => count(happened, &view, |sum, units| sum + units),
                Ok(_) => {}
                Err(why) => return Some(why),
            },
            409 | 422 => {}
            status => return Some(format!("{}: answered {status}", asked.name())),
        }
        None
    }

    /// The cart stood as before the request or as after it; whichever it was, now it stands as after it, once.
    async fn changed(
        &self,
        asked: Asked,
        deed: &Deed,
        answer: &Answer,
        told: &View,
        read: &View,
        sale: Sale,
    ) -> Result<Option<String>, Failure> {
        let cart = deed.cart().unwrap_or_default();
        let name = asked.name();
        let done = answer.status < 300;
        let after = if done {
            match self.floor.book.borrow_mut().acknowledge(asked, deed, answer) {
                Ok((_, view)) => view,
                Err(why) => return Ok(Some(why)),
            }
        } else {
            told.clone()
        };
        let stood = if answer.replayed { &after } else { told };
        let now = self.cart(cart).await?;
        let refused_well = matches!(answer.status, 409 | 410 | 422);
        let whole = (done || refused_well) && stands_as(sale, stood, read) && stands_as(sale, &after, &now);
        self.floor.book.borrow_mut().stands(cart, sale, now.clone());
        let words = || {
            let (told, read, now) = (told.words(), read.words(), now.words());
            let (status, kept) = (answer.status, answer.replayed);
            format!("{name}: told {told}, then {read}; asked again {status} (replayed: {kept}), now {now}")
        };
        Ok((!whole).then(words))
    }
}

//! Trying for a better place by asking twice: some customers of a shop join again with the same proof, before the draw and
//! after it, and some browsers with the ticket they have. All must be told the ticket and the place they had.

use std::rc::Rc;

use http::Method;
use serde_json::{Value, json};

use super::crowd::Stage;
use super::room::Room;
use super::told;
use crate::audit::Check;
use crate::client::Call;
use crate::failure::Failure;
use crate::operator::{Operator, unreadable};

/// Customers who try, and browsers.
const OF_EACH: usize = 20;

/// Who tries, with what.
#[derive(Debug, Default)]
pub struct Proofs {
    customers: Vec<(Value, String)>,
    cases: Vec<String>,
    asked: usize,
}

/// What a joining was answered.
#[derive(Debug)]
struct Told {
    ticket: String,
    place: Option<u32>,
    state: told::State,
    status: u16,
}

impl Told {
    /// Whoever still waits has a place, and it is this one if they had one before. Only whose turn has come may have none any more;
    /// nobody here has left.
    fn keeps(&self, ticket: &str, place: Option<u32>) -> bool {
        use told::State::{Admitted, Called, Closed, Lapsed, SoldOut};
        let same = match (place, self.place) {
            (Some(before), Some(now)) => before == now,
            (_, None) => matches!(self.state, Called | Admitted | Lapsed | SoldOut | Closed),
            (None, Some(_)) => true,
        };
        same && self.ticket == ticket && self.status == 200
    }

    /// The same of who asked a moment before: whose turn had come does not wait again.
    fn follows(&self, before: &Self, ticket: &str) -> bool {
        let waits = |told: &Self| matches!(told.state, told::State::Prequeue | told::State::Waiting);
        self.keeps(ticket, before.place) && (waits(before) || !waits(self))
    }
}

async fn join(shop: &Operator, sale: &str, proof: &Value) -> Result<Told, Failure> {
    let path = format!("/v1/sales/{sale}/queue");
    let answer = shop.expect(Call::new(Method::POST, &path).json(proof), &[200, 201]).await?;
    let told: told::Ticket<'_> = answer.read().map_err(|error| unreadable(&path, error))?;
    let told::Ticket { ticket, place, state, .. } = told;
    Ok(Told { ticket: ticket.to_owned(), place, state, status: answer.status })
}

impl Proofs {
    /// Before the draw: each customer joins twice, through the shop's key.
    pub async fn register(shop: &Operator, sale: &str, run: &str) -> Result<Self, Failure> {
        let mut proofs = Self::default();
        for number in 0..OF_EACH {
            let proof = json!({"customer": format!("{run}-twice-{number}")});
            let (first, second) = (join(shop, sale, &proof).await?, join(shop, sale, &proof).await?);
            proofs.asked += 1;
            if first.ticket != second.ticket || (first.status, second.status) != (201, 200) {
                proofs.cases.push(format!("{proof} joined twice and was told {first:?} and {second:?}"));
            }
            proofs.customers.push((proof, first.ticket));
        }
        Ok(proofs)
    }

    /// After the draw: again, customers and browsers. The customers go away then; they only came to try.
    pub async fn ask_again(mut self, shop: &Operator, room: &Rc<Room>) -> Result<Check, Failure> {
        let sale = room.shop.desk.sale.clone();
        for (proof, ticket) in &self.customers {
            let (first, second) = (join(shop, &sale, proof).await?, join(shop, &sale, proof).await?);
            self.asked += 2;
            if !first.keeps(ticket, None) || !second.follows(&first, ticket) {
                self.cases.push(format!("{proof} had {ticket} and was told {first:?} and {second:?}"));
            }
            shop.expect(Call::new(Method::DELETE, format!("/v1/queue/{ticket}")), &[200]).await?;
        }
        let every = (room.devices.borrow().len() / OF_EACH).max(1);
        let browsers: Vec<(usize, String, Option<u32>)> = {
            let devices = room.devices.borrow();
            let waiting = devices.iter().enumerate().step_by(every);
            let waiting = waiting.filter(|(_, device)| device.stage == Stage::Waiting);
            waiting.map(|(number, device)| (number, device.ticket.to_string(), device.place)).collect()
        };
        for (number, ticket, place) in browsers {
            let told = join(shop, &sale, &json!({"ticket": ticket})).await?;
            self.asked += 1;
            if !told.keeps(&ticket, place) {
                self.cases.push(format!("device {number} had place {place:?} and was told {told:?}"));
            }
        }
        let counted = format!("{} times asked again", self.asked);
        Ok(Check::no_cases("the same proof has the same place", &self.cases, counted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whose_turn_has_come_may_have_no_place() {
        let told = |state, place| Told { ticket: "t".into(), place, state, status: 200 };
        let (waiting, called) = (told(told::State::Waiting, Some(7)), told(told::State::Called, None));
        assert!(waiting.keeps("t", Some(7)) && waiting.keeps("t", None) && called.keeps("t", Some(7)));
        assert!(!waiting.keeps("t", Some(8)) && !waiting.keeps("other", Some(7)));
        assert!(!told(told::State::Waiting, None).keeps("t", None));
        assert!(!told(told::State::Left, None).keeps("t", Some(7)));
        assert!(called.follows(&waiting, "t") && !waiting.follows(&called, "t"));
    }
}

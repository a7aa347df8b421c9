//! Trying for a better place by asking twice: some customers of a shop join again with the same proof, before the draw and
//! after it, and some browsers with the ticket they have. All must be told the ticket and the place they had. Whose turn came
//! before they asked again has been passed over, and has no place any more: of a fast day those are a few.

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

/// So many of the customers may have been passed over: places are drawn, and few are at the front.
const MOST_PASSED: usize = OF_EACH / 4;

/// Who tries, with what.
#[derive(Debug, Default)]
pub struct Proofs {
    customers: Vec<(Value, String)>,
    cases: Vec<String>,
    asked: usize,
}

/// Ticket and place as told.
type Told = (String, Option<u32>, u16);

async fn join(shop: &Operator, sale: &str, proof: &Value) -> Result<Told, Failure> {
    let path = format!("/v1/sales/{sale}/queue");
    let answer = shop.expect(Call::new(Method::POST, &path).json(proof), &[200, 201]).await?;
    let told: told::Ticket<'_> = answer.read().map_err(|error| unreadable(&path, error))?;
    Ok((told.ticket.to_owned(), told.place, answer.status))
}

impl Proofs {
    /// Before the draw: each customer joins twice, through the shop's key.
    pub async fn register(shop: &Operator, sale: &str, run: &str) -> Result<Self, Failure> {
        let mut proofs = Self::default();
        for number in 0..OF_EACH {
            let proof = json!({"customer": format!("{run}-twice-{number}")});
            let (first, _, created) = join(shop, sale, &proof).await?;
            let (second, _, found) = join(shop, sale, &proof).await?;
            proofs.asked += 1;
            if first != second || (created, found) != (201, 200) {
                proofs.cases.push(format!("{proof} joined twice and was answered {created} and {found}"));
            }
            proofs.customers.push((proof, first));
        }
        Ok(proofs)
    }

    /// After the draw: again, customers and browsers. The customers go away then; they only came to try.
    pub async fn ask_again(mut self, shop: &Operator, room: &Rc<Room>) -> Result<Check, Failure> {
        let sale = room.shop.desk.sale.clone();
        let mut passed = 0;
        for (proof, ticket) in &self.customers {
            let (first, second) = (join(shop, &sale, proof).await?, join(shop, &sale, proof).await?);
            self.asked += 2;
            if first.0 != *ticket || second.0 != *ticket || first.1 != second.1 {
                self.cases.push(format!("{proof} had {ticket} and was told {first:?} and {second:?}"));
            }
            passed += usize::from(first.1.is_none());
            shop.expect(Call::new(Method::DELETE, format!("/v1/queue/{ticket}")), &[200]).await?;
        }
        if passed > MOST_PASSED {
            self.cases.push(format!("{passed} of {OF_EACH} customers had no place when they asked again"));
        }
        let every = (room.devices.borrow().len() / OF_EACH).max(1);
        let browsers: Vec<(usize, String, Option<u32>)> = {
            let devices = room.devices.borrow();
            let waiting = devices.iter().enumerate().step_by(every);
            let waiting = waiting.filter(|(_, device)| device.stage == Stage::Waiting);
            waiting.map(|(number, device)| (number, device.ticket.to_string(), device.place)).collect()
        };
        for (number, ticket, place) in browsers {
            let (again, told, status) = join(shop, &sale, &json!({"ticket": ticket})).await?;
            self.asked += 1;
            let moved = place.is_some() && told != place;
            if again != ticket || told.is_none() || moved || status != 200 {
                self.cases.push(format!("device {number} had place {place:?} and was told {told:?}"));
            }
        }
        let counted = format!("{} times asked again", self.asked);
        Ok(Check::no_cases("the same proof has the same place", &self.cases, counted))
    }
}

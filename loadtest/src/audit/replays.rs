//! A client that lost the answer asks again with the same key, and must be told the same order, not be sold a second one:
//! also after the server was killed and started again. Some of the run's payments are asked for once more, from both ends
//! of the run, because the oldest are the first to be forgotten and the newest the first to be lost.

use http::Method;
use serde_json::json;

use super::Check;
use crate::client::Call;
use crate::failure::Failure;
use crate::ledger::{Fate, HeldCart};
use crate::operator::Operator;
use crate::refusals::Problem;
use crate::wire::Checkout;

/// Payments asked for again from each end.
const FROM_EACH_END: usize = 20;

/// One payment to ask for again.
#[derive(Clone, Debug)]
pub struct Payment {
    order: String,
    call: Call,
}

/// The payments at both ends of a run.
pub fn payments(carts: &[HeldCart]) -> Vec<Payment> {
    let all: Vec<Payment> = carts.iter().filter_map(payment).collect();
    let newest = all.len().saturating_sub(FROM_EACH_END).max(FROM_EACH_END);
    all.iter().take(FROM_EACH_END).chain(all.iter().skip(newest)).cloned().collect()
}

fn payment(cart: &HeldCart) -> Option<Payment> {
    let (Fate::Ordered(order), Some((credential, key))) = (&cart.fate, &cart.paid_with) else { return None };
    let call = Call::new(Method::POST, format!("/v1/carts/{}/checkout", cart.cart));
    let mut call = call.key(credential).json(&json!({})).once(key.clone());
    call.wait_s = Some(10);
    Some(Payment { order: order.clone(), call })
}

/// Asks for them again.
pub async fn same_key_same_order(operator: &Operator, payments: &[Payment]) -> Result<Check, Failure> {
    let mut cases = Vec::new();
    let mut too_late = 0;
    for payment in payments {
        let answer = operator.ask(payment.call.clone()).await?;
        // The credential of somebody who came through a waiting room ends soon after the visit.
        if answer.read::<Problem>().is_ok_and(|problem| problem.code == "pass-expired") {
            too_late += 1;
            continue;
        }
        match answer.read::<Checkout>().ok().filter(|_| answer.status < 300) {
            // An answer that was kept while the checkout was still queued names no order yet.
            Some(checkout) if checkout.order.as_ref().is_none_or(|order| *order == payment.order) => {}
            Some(checkout) => cases.push(format!("{} became {:?}", payment.order, checkout.order)),
            None => cases.push(format!("{} was answered {}", payment.order, answer.status)),
        }
    }
    let asked = payments.len() - too_late;
    Ok(Check::no_cases("same key, same order", &cases, format!("{asked} payments asked again")))
}

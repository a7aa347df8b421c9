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

impl Payment {
    /// In what this checkout is not the one that was told, if it is not.
    fn differs(&self, told: &Checkout) -> Option<String> {
        let same = told.state == "confirmed" && told.order.as_deref() == Some(&self.order);
        (!same).then(|| format!("{} became {} {:?}", self.order, told.state, told.order))
    }
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
        let mut told = answer.read::<Checkout>().ok().filter(|_| answer.status < 300);
        // An answer that was kept while the checkout was still queued names no order yet: the checkout itself does.
        if let Some(queued) = told.as_ref().filter(|told| matches!(told.state.as_str(), "queued" | "running"))
        {
            let mut read = Call::get(format!("/v1/checkouts/{}", queued.checkout));
            read.key.clone_from(&payment.call.key);
            let now = operator.ask(read).await?;
            told = now.read::<Checkout>().ok().filter(|_| now.status < 300);
        }
        match told {
            Some(told) => cases.extend(payment.differs(&told)),
            None => cases.push(format!("{} was answered {}", payment.order, answer.status)),
        }
    }
    let asked = payments.len() - too_late;
    Ok(Check::no_cases("same key, same order", &cases, format!("{asked} payments asked again")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_asked_again_is_the_same_order_and_confirmed() {
        let payment = Payment { order: "order_1".into(), call: Call::get("/") };
        let told = |state: &str, order: Option<&str>| {
            let (state, order) = (state.to_owned(), order.map(str::to_owned));
            payment.differs(&Checkout { checkout: "co_1".into(), state, order })
        };
        assert_eq!(told("confirmed", Some("order_1")), None);
        for (state, order) in [
            ("confirmed", None),
            ("confirmed", Some("order_2")),
            ("rejected", Some("order_1")),
            ("queued", None),
        ] {
            assert!(told(state, order).is_some(), "{state} {order:?}");
        }
    }
}

//! The audit of a day with a waiting room: that of every sale, and that the stock is sold to its last unit; and the try to buy
//! without a pass.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::s1_inventory;
use crate::audit::{self, Check, Evidence, PairRule, books::Books, loaded::Loaded, replays, rules};
use crate::client::Call;
use crate::failure::Failure;
use crate::operator::Operator;
use crate::refusals::Problem;
use crate::visitor::Ending;
use crate::waiting::room::Room;

/// Public counts may be 2 s old: what is read right after the last change is asked for later than that.
const COUNTS_SETTLE: Duration = Duration::from_millis(2_200);

/// The opening is no opening for who has not waited.
pub(super) async fn nobody_without_a_pass(
    shop: &Operator,
    sale: &str,
    run: &str,
    venue: &str,
) -> Result<Check, Failure> {
    let item = json!({"bundle": {"rule": "two-doses", "venue": venue}});
    let body = json!({"customer": format!("{run}-no-pass"), "items": [item]});
    let call = Call::new(Method::POST, format!("/v1/sales/{sale}/carts")).json(&body);
    let answer = shop.ask(call.once(format!("{run}-no-pass"))).await?;
    let code = answer.read::<Problem>().map(|problem| problem.code).unwrap_or_default();
    let refused = answer.status == 403 && code == "not-admitted";
    let cases = if refused { vec![] } else { vec![format!("answered {} {code}", answer.status)] };
    Ok(Check::no_cases("nobody holds without a pass", &cases, "1 attempt refused"))
}

/// All checks of the books and of the answers, after the last of them.
pub(super) async fn audited(
    operator: &Operator,
    room: &Room,
    loaded: &Loaded,
) -> Result<Vec<Check>, Failure> {
    // Asked before the books are read: an order made twice by asking again must show in them. And at once: passes end.
    let payments = replays::payments(&room.shop.desk.ledger.borrow().carts);
    let replayed = replays::same_key_same_order(operator, &payments).await?;
    tokio::time::sleep(COUNTS_SETTLE).await;
    let undecided = room.shop.desk.ledger.borrow().undecided();
    let books = Books::read(operator, &room.shop.desk.sale, &undecided, true).await?;
    let ledger = room.shop.desk.ledger.borrow();
    let endings = room.shop.endings.borrow();
    let unended = u64::try_from(room.unended()).unwrap_or(u64::MAX);
    let visits = u64::try_from(room.devices.borrow().len()).unwrap_or(u64::MAX);
    let gap_days = s1_inventory::GAP_DAYS..=28;
    let not_asked = audit::not_asked(&endings);
    let mut checks = audit::run(&Evidence {
        ledger: &ledger,
        measured: &room.shop.desk.floor.measured.borrow(),
        books: &books,
        loaded: Some(loaded),
        pairs: Some(&PairRule { first: "dose1", second: "dose2", gap_days }),
        alone: true,
        without_final_answer: endings.get(&Ending::Silent).copied().unwrap_or_default() + unended,
        not_asked,
        visits,
    });
    checks.push(replayed);
    checks.push(rules::nobody_is_refused_by_one(&room.shop.refused.borrow(), visits));
    let stock = loaded.units();
    let sold: u64 = books.sold_by_slot().values().sum();
    let cases = if sold == stock { vec![] } else { vec![format!("{sold} of {stock} units sold")] };
    let all_sold = Check::no_cases("every unit is sold", &cases, format!("{sold} units"));
    // Who could not ask has not bought a pair.
    checks.push(all_sold.explained(2 * not_asked >= stock.saturating_sub(sold)));
    Ok(checks)
}

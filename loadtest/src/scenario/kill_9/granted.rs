//! Whether an answer is what was asked for: nothing else of the cart has moved, and what came to it is all of the wish, each bundle
//! whole and at one venue. The first answer to a request becomes what all later ones are held to, so it must be right by itself:
//! above all the answer to one that was out when the server died.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use super::asked::Asked;
use super::book::{Deed, Sale};
use super::shelf;
use super::view::{Line, View};

/// In what a cart that stands so `now` is not as it was `before` and as was asked for; nothing if it is.
pub fn differs(asked: &Asked, deed: &Deed, sale: Sale, before: &View, now: &View) -> Option<String> {
    let step = Step::of(asked, deed);
    let wrong = match step {
        Step::Adds { goes, wishes } => added(sale, before, goes.as_deref(), &wishes, now),
        Step::GivesAllBack => given_back(now),
        Step::Pays => (now.lines != before.lines).then(|| "other lines were paid for".to_owned()),
        Step::Cancels(holds) => cancelled(before, &holds, now),
    };
    wrong.map(|why| format!("{}: {why}: was {}, now {}", asked.name(), before.words(), now.words()))
}

/// What a request does to a cart.
enum Step {
    /// Something may go, with its bundle, and something may come.
    Adds {
        goes: Option<String>,
        wishes: Vec<Value>,
    },
    GivesAllBack,
    Pays,
    /// These holds of an order; all of them if none is named.
    Cancels(Vec<String>),
}

impl Step {
    fn of(asked: &Asked, deed: &Deed) -> Self {
        let body = asked.body();
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        match deed {
            Deed::Pay(_) => return Self::Pays,
            Deed::Cancel(_) => {
                let holds = list("holds");
                return Self::Cancels(holds.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            }
            Deed::Open(_) | Deed::Change(_) => {}
        }
        let parts: Vec<&str> = asked.path().trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["v1", "carts", _] if asked.method() == Method::DELETE => Self::GivesAllBack,
            ["v1", "carts", _, "holds", hold] => {
                Self::Adds { goes: Some((*hold).to_owned()), wishes: vec![] }
            }
            ["v1", "carts", _, "holds", hold, "exchange"] => {
                Self::Adds { goes: Some((*hold).to_owned()), wishes: vec![body["item"].clone()] }
            }
            ["v1", "carts", _, "extend"] => Self::Adds { goes: None, wishes: vec![] },
            _ => Self::Adds { goes: None, wishes: list("items") },
        }
    }
}

fn added(sale: Sale, before: &View, goes: Option<&str>, wishes: &[Value], now: &View) -> Option<String> {
    let gone = goes.and_then(|hold| before.lines.get(hold).map(|line| (hold, line.bundle.as_deref())));
    let stays = |hold: &str, line: &Line| match gone {
        Some((named, None)) => hold != named,
        Some((_, bundle)) => line.bundle.as_deref() != bundle,
        None => true,
    };
    let mut came = now.lines.clone();
    for (hold, line) in before.lines.iter().filter(|(hold, line)| stays(hold, line)) {
        if came.remove(hold).as_ref() != Some(line) {
            return Some(format!("{hold} was to stay"));
        }
    }
    let state = if now.lines.is_empty() { "abandoned" } else { "open" };
    if now.state != state {
        return Some(format!("it is {}", now.state));
    }
    not_the_wish(sale, wishes, &came.into_values().collect::<Vec<_>>())
}

/// In what the lines that came are not the wish.
fn not_the_wish(sale: Sale, wishes: &[Value], came: &[Line]) -> Option<String> {
    let (mut wanted, mut plain) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
    let mut bundles = BTreeMap::<&str, Vec<&Line>>::new();
    for line in came {
        match &line.bundle {
            Some(bundle) => bundles.entry(bundle).or_default().push(line),
            None => *plain.entry(&line.slot).or_default() += line.quantity,
        }
    }
    let mut whole: Vec<&Vec<&Line>> = bundles.values().collect();
    for wish in wishes {
        if let Some(slot) = wish["slot"].as_str() {
            *wanted.entry(slot).or_default() += wish["quantity"].as_u64().unwrap_or(1);
        } else {
            match whole.iter().position(|parts| is_bundle(sale, &wish["bundle"], parts)) {
                Some(number) => drop(whole.swap_remove(number)),
                None => return Some(format!("there is no {wish}")),
            }
        }
    }
    if !whole.is_empty() {
        return Some("there is a bundle that nobody asked for".to_owned());
    }
    (plain != wanted).then(|| format!("{wanted:?} was asked for, {plain:?} came"))
}

/// A whole pair, one unit of each: of the slots that were named, or of one venue.
fn is_bundle(sale: Sale, wish: &Value, parts: &[&Line]) -> bool {
    if parts.iter().any(|part| part.quantity != 1 || part.cancelled) {
        return false;
    }
    let mut slots: Vec<&str> = parts.iter().map(|part| part.slot.as_str()).collect();
    slots.sort_unstable();
    if let Some(named) = wish["slots"].as_array() {
        let mut named: Vec<&str> = named.iter().filter_map(Value::as_str).collect();
        named.sort_unstable();
        return slots == named;
    }
    let venue = wish["venue"].as_str().unwrap_or_default();
    let [first, second] = slots.as_slice() else { return false };
    shelf::is_dose(first, sale, venue, "dose1") && shelf::is_dose(second, sale, venue, "dose2")
}

fn given_back(now: &View) -> Option<String> {
    (now.state != "abandoned").then(|| format!("it is {}", now.state))
}

fn cancelled(before: &View, holds: &[String], now: &View) -> Option<String> {
    let mut wanted = before.lines.clone();
    for (hold, line) in &mut wanted {
        line.cancelled |= holds.is_empty() || holds.contains(hold);
    }
    let all = wanted.values().all(|line| line.cancelled);
    let state = if all { "cancelled" } else { "partly_cancelled" };
    let same = now.lines == wanted && now.order == before.order && now.state == state;
    (!same).then(|| format!("it should be {state}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(state: &str, lines: &[(&str, &str, u64, Option<&str>)]) -> View {
        let items: Vec<Value> = lines
            .iter()
            .map(|(hold, slot, quantity, bundle)| {
                json!({"hold": hold, "slot": slot, "quantity": quantity, "bundle": bundle})
            })
            .collect();
        View::of(&json!({"state": state, "items": items})).unwrap()
    }

    fn opened(item: &Value, now: &View) -> Option<String> {
        let body = json!({"customer": "c", "items": [item]});
        let asked = Asked::new(Method::POST, "/v1/sales/keep/carts".into(), Some(&body), "k".into());
        differs(&asked, &Deed::Open(Sale::Keep), Sale::Keep, &View::default(), now)
    }

    fn changed(method: Method, path: &str, body: &Value, before: &View, now: &View) -> Option<String> {
        let asked = Asked::new(method, format!("/v1/carts/c{path}"), Some(body), "k".into());
        differs(&asked, &Deed::Change("c".into()), Sale::Keep, before, now)
    }

    const FIRST: (&str, &str, u64, Option<&str>) = ("h.0", "keep-kiel-dose1-0", 1, Some("b"));
    const SECOND: (&str, &str, u64, Option<&str>) = ("h.1", "keep-kiel-dose2-2", 1, Some("b"));

    #[test]
    fn a_cart_that_came_back_half_is_found_out() {
        let anywhere = json!({"bundle": {"rule": "two-doses", "venue": "kiel"}});
        let named =
            json!({"bundle": {"rule": "two-doses", "slots": ["keep-kiel-dose1-0", "keep-kiel-dose2-2"]}});
        for wish in [&anywhere, &named] {
            assert_eq!(opened(wish, &view("open", &[FIRST, SECOND])), None);
            for wrong in [
                view("open", &[FIRST]),
                view("open", &[]),
                view("abandoned", &[]),
                view("expired", &[FIRST, SECOND]),
                view("open", &[FIRST, ("h.1", "keep-luebeck-dose2-2", 1, Some("b"))]),
                view("open", &[FIRST, ("h.1", "keep-kiel-dose2-2", 1, Some("c"))]),
                view("open", &[FIRST, ("h.1", "keep-kiel-dose2-2", 1, None)]),
                view("open", &[FIRST, ("h.1", "keep-kiel-dose2-2", 2, Some("b"))]),
                view("open", &[FIRST, SECOND, ("h.2", "keep-5", 1, None)]),
            ] {
                assert!(opened(wish, &wrong).is_some(), "{wrong:?}");
            }
        }
        let two = json!({"slot": "keep-5", "quantity": 2});
        assert_eq!(opened(&two, &view("open", &[("h.0", "keep-5", 2, None)])), None);
        assert!(opened(&two, &view("open", &[("h.0", "keep-5", 1, None)])).is_some());
        assert!(opened(&two, &view("open", &[("h.0", "keep-6", 2, None)])).is_some());
    }

    #[test]
    fn a_change_moves_what_it_names_and_nothing_else() {
        let plain = ("h.2", "keep-5", 2, None);
        let before = view("open", &[FIRST, SECOND, plain]);
        let none = json!({});
        let gone = |now: &View| changed(Method::DELETE, "/holds/h.0", &none, &before, now);
        assert_eq!(gone(&view("open", &[plain])), None);
        assert!(gone(&view("open", &[SECOND, plain])).is_some(), "a bundle goes whole");
        assert!(gone(&before).is_some() && gone(&view("open", &[])).is_some());
        let more = json!({"items": [{"slot": "keep-7", "quantity": 1}, {"slot": "keep-7", "quantity": 2}]});
        let adds = |now: &View| changed(Method::POST, "/holds", &more, &before, now);
        assert_eq!(adds(&view("open", &[FIRST, SECOND, plain, ("h.3", "keep-7", 3, None)])), None);
        assert!(adds(&before).is_some());
        assert!(adds(&view("open", &[FIRST, SECOND, ("h.3", "keep-7", 3, None)])).is_some());
        let swap = json!({"item": {"slot": "keep-8", "quantity": 1}});
        let swaps = |now: &View| changed(Method::POST, "/holds/h.2/exchange", &swap, &before, now);
        assert_eq!(swaps(&view("open", &[FIRST, SECOND, ("h.3", "keep-8", 1, None)])), None);
        assert!(swaps(&view("open", &[FIRST, SECOND, plain, ("h.3", "keep-8", 1, None)])).is_some());
        assert!(swaps(&view("open", &[FIRST, SECOND])).is_some(), "the old is gone, the new is not there");
        let extends = |now: &View| changed(Method::POST, "/extend", &none, &before, now);
        assert_eq!(extends(&before), None);
        assert!(extends(&view("open", &[FIRST, SECOND])).is_some());
        let leaves = |now: &View| changed(Method::DELETE, "", &none, &before, now);
        assert_eq!(leaves(&view("abandoned", &[])), None);
        assert!(leaves(&before).is_some());
    }

    #[test]
    fn a_cancellation_cancels_what_it_names() {
        let before = view("open", &[FIRST, SECOND, ("h.2", "keep-5", 2, None)]).paid("o".into());
        let cancel = |holds: &Value, state: &str, gone: &[&str]| {
            let mut now = before.clone();
            state.clone_into(&mut now.state);
            now.lines.iter_mut().for_each(|(hold, line)| line.cancelled = gone.contains(&hold.as_str()));
            let path = "/v1/orders/o/cancel".to_owned();
            let asked = Asked::new(Method::POST, path, Some(holds), "k".into());
            differs(&asked, &Deed::Cancel("c".into()), Sale::Keep, &before, &now)
        };
        let (whole, pair) = (json!({}), json!({"holds": ["h.0", "h.1"]}));
        assert_eq!(cancel(&whole, "cancelled", &["h.0", "h.1", "h.2"]), None);
        assert_eq!(cancel(&pair, "partly_cancelled", &["h.0", "h.1"]), None);
        assert!(cancel(&pair, "partly_cancelled", &["h.0"]).is_some());
        assert!(cancel(&pair, "cancelled", &["h.0", "h.1", "h.2"]).is_some());
        assert!(cancel(&whole, "partly_cancelled", &["h.0", "h.1"]).is_some());
    }
}

//! The engine's refusals as problems: one exhaustive match, so that a new refusal does not compile until it has a code
//! and a sentence.

use std::borrow::Cow;

use onsale_engine::ids::PublicId;
use onsale_engine::refusal::{InTheWay, Missing, Refusal, Scope, Shortage};

use super::{Code, Holder, More, Problem, ShortItem};
use crate::wire::time::Written;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unfinished => {
                Self::new(Code::OutcomeUnknown, "A part of it is done, the rest is not. Ask again: what is done is found done.")
            }
            Refusal::Overloaded => {
                Self::new(Code::Overloaded, "The journal's buffer has no room; nothing was decided.")
            }
            Refusal::JournalFailed => Self::new(
                Code::JournalFailed,
                "A write to the journal failed; nothing more is accepted by this server.",
            )
            .retry_after(10_000),
            Refusal::DiskFull => {
                Self::new(Code::DiskFull, "There is no room on disk for new holds, new stock or new places in a line.").retry_after(5_000)
            }
            Refusal::KeyReused => {
                Self::new(Code::KeyReused, "This Idempotency-Key was used with another method, path or body.")
            }
            Refusal::NotFound(missing) => Self::new(Code::NotFound, missing_sentence(&missing)),
            Refusal::TooLarge { field, most } => {
                Self::new(Code::TooLargeNumber, format!("`{field}` is at most {most}."))
                    .with(More { limit: Some(most), ..More::default() })
            }
            Refusal::Stale => {
                Self::new(Code::Stale, "What you have read was changed since: read it again, and send its version in If-Match.")
            }
            Refusal::IfMatchRequired => Self::new(
                Code::IfMatchRequired,
                "The sale exists: send the ETag that is to be replaced in If-Match.",
            ),
            Refusal::NotAdmitted => Self::new(
                Code::NotAdmitted,
                "The sale has a waiting room, and this caller has not been called: join the queue and come back with the pass.",
            ),
            Refusal::CodeRequired => Self::new(
                Code::NotAdmitted,
                "This is by invitation: send the `access_code` that came with it.",
            ),
            Refusal::CodeUsed { back_in: None } => {
                Self::new(Code::CodeUsed, "This access code was used: its order is made. It is good again if that is cancelled.")
            }
            Refusal::CodeUsed { back_in: Some(back_in) } => Self::new(
                Code::CodeUsed,
                "This access code is in a cart: go on with that one, or wait until it is given back or runs out.",
            )
            .retry_after(back_in.0),
            Refusal::CodeScope { why } => Self::new(Code::CodeScope, why),
            Refusal::AllotmentExhausted { wanted, possible, each } => Self::new(
                Code::AllotmentExhausted,
                format!(
                    "{wanted} codes would each hold {each}; there is enough free for {possible} of them, and none was made. \
                     Ask for fewer, add slots, or wait for what comes back."
                ),
            )
            .with(More { limit: Some(possible), ..More::default() }),
            Refusal::PassExpired => Self::new(
                Code::PassExpired,
                "The pass was not used in time, or its session is over; carts it made can still be read and paid.",
            ),
            Refusal::SessionBusy => Self::new(
                Code::SessionBusy,
                "This pass has a live cart: use it, or give it back before making another.",
            ),
            Refusal::PaperUsed => Self::new(
                Code::CodeUsed,
                "The enqueue token's identifier has made a place for somebody else; each token needs its own.",
            ),
            Refusal::CartExpired => {
                Self::new(Code::CartExpired, "The cart ran past its deadline; its units are for sale again.")
            }
            Refusal::CartNotOpen => {
                Self::new(Code::CartNotOpen, "The cart is being paid, has become an order or was given back.")
            }
            Refusal::NotReleased { next_release_at } => {
                let more = More { next_release_at: next_release_at.map(Written), ..More::default() };
                Self::new(Code::NotReleased, "It is too early: what was asked for is not open yet.").with(more)
            }
            Refusal::SaleClosed => Self::new(Code::SaleClosed, "It is closed: nobody joins any more, and nothing new is held."),
            Refusal::BundleOnly { rule } => {
                Self::new(Code::BundleOnly, format!("This product is sold only in the bundle `{rule}`."))
            }
            Refusal::BundleIncomplete { why, scope } => {
                let alternatives = scope.map_or_else(Vec::new, |scope| scope.elsewhere);
                Self::new(Code::BundleIncomplete, why).with(More { alternatives, ..More::default() })
            }
            Refusal::Rule { why } => Self::new(Code::Rule, why),
            Refusal::LimitReached { what, limit } => {
                Self::new(Code::LimitReached, format!("At most {limit} {what}."))
                    .with(More { limit: Some(limit), ..More::default() })
            }
            Refusal::SoldOut(shortage) => short(&SOLD_OUT, shortage),
            Refusal::AllHeld(shortage) => short(&ALL_HELD, shortage),
            Refusal::SlotTaken(shortage) => short(&SLOT_TAKEN, shortage),
            Refusal::BelowCommitted { in_the_way } => {
                let in_the_way = in_the_way.into_iter().map(holder).collect();
                Self::new(
                    Code::BelowCommitted,
                    "The capacity would fall below what is held, sold and blocked.",
                )
                .with(More { in_the_way, ..More::default() })
            }
        }
    }
}

/// What is said of a shortage, each of what it is true of: one slot fell short, several did (and the code is that of the worst
/// of them), or the server looked through all it could choose from.
struct Sentences {
    code: Code,
    /// Around the name of the slot.
    one: (&'static str, &'static str),
    several: &'static str,
    /// Before what was looked through.
    scope: &'static str,
}

const SOLD_OUT: Sentences = Sentences {
    code: Code::SoldOut,
    one: ("All units of slot", "are sold or withdrawn."),
    several: "At least one of the slots named is sold out or withdrawn; `conflicts` names each that fell short.",
    scope: "All units are sold or withdrawn",
};
const ALL_HELD: Sentences = Sentences {
    code: Code::AllHeld,
    one: ("Nothing of slot", "is free this instant; some of it is only held."),
    several: "Of at least one of the slots named nothing is free this instant, and some is only held; `conflicts` names \
              each that fell short.",
    scope: "Nothing is free this instant, some units are only held,",
};
const SLOT_TAKEN: Sentences = Sentences {
    code: Code::SlotTaken,
    one: ("Fewer units of slot", "are free than were asked for."),
    several: "Fewer units are free than were asked for of each slot that `conflicts` names.",
    scope: "Fewer units are free than were asked for",
};

fn short(say: &Sentences, shortage: Shortage) -> Problem {
    let Shortage { conflicts, scope, back_in } = shortage;
    let detail: Cow<'static, str> = match (scope.as_deref(), conflicts.as_slice()) {
        (Some(scope), _) => format!("{} {}.", say.scope, scope_sentence(scope)).into(),
        (None, [only]) => format!("{} `{}` {}", say.one.0, only.slot, say.one.1).into(),
        (None, _) => say.several.into(),
    };
    let alternatives = scope.map_or_else(Vec::new, |scope| scope.elsewhere);
    let conflicts = conflicts
        .into_iter()
        .map(|conflict| ShortItem { slot: conflict.slot, wanted: conflict.wanted, free: conflict.free })
        .collect();
    let problem = Problem::new(say.code, detail);
    let problem = problem.with(More { conflicts, alternatives, ..More::default() });
    match back_in {
        Some(back_in) => problem.retry_after(back_in.0),
        None => problem,
    }
}

/// What was looked through, in words.
fn scope_sentence(scope: &Scope) -> String {
    let mut words = format!("at venue `{}`", scope.venue);
    let mut add = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push_str(&format!(", {label} {value}"));
        }
    };
    let written = |at: onsale_engine::time::WallTime| {
        serde_json::to_value(Written(at)).ok().and_then(|value| value.as_str().map(str::to_owned))
    };
    add("section", scope.section.as_ref().map(|section| format!("`{section}`")));
    add("for the bundle", scope.rule.as_ref().map(|rule| format!("`{rule}`")));
    add("starting from", scope.from.and_then(written));
    add("starting before", scope.to.and_then(written));
    if scope.rule.is_none() && scope.quantity > 1 {
        let together = if scope.adjacent { " together" } else { "" };
        words.push_str(&format!(", {} seats{together}", scope.quantity));
    }
    if scope.accessible {
        words.push_str(", accessible");
    }
    words
}

fn holder(in_the_way: InTheWay) -> Holder {
    let InTheWay { cart, ordered, units } = in_the_way;
    Holder {
        cart: (!ordered).then(|| PublicId::cart(cart).to_string()),
        order: ordered.then(|| PublicId::order(cart).to_string()),
        units,
    }
}

fn missing_sentence(missing: &Missing) -> String {
    match missing {
        Missing::Sale => "There is no such sale.".to_owned(),
        Missing::Slot(slot) => format!("There is no slot `{slot}` in this sale."),
        Missing::Cart => "There is no such cart.".to_owned(),
        Missing::Hold => "There is no such hold in this cart.".to_owned(),
        Missing::HoldOfOrder => "There is no such hold in this order.".to_owned(),
        Missing::Checkout => "There is no such checkout.".to_owned(),
        Missing::Order => "There is no such order.".to_owned(),
        Missing::Rule(rule) => format!("The sale has no bundle rule `{rule}`."),
        Missing::AccessCode => {
            "The sale has no such access code. Check it letter by letter; ask whoever sent it.".to_owned()
        }
        Missing::Wave(wave) => {
            format!("The sale has no wave `{wave}` of access codes; `GET …/access-codes?by=wave` lists them.")
        }
        Missing::Venue(venue) => format!("The sale has no venue `{venue}`."),
        Missing::Section(section) => format!("The venue has no section `{section}`."),
        Missing::WaitingRoom => "The sale has no waiting room.".to_owned(),
        Missing::Ticket => "There is no such ticket.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use onsale_engine::ids::CartId;
    use onsale_engine::time::{Millis, WallTime};

    fn conflict() -> Shortage {
        vec![onsale_engine::refusal::Conflict { slot: "s-1".to_owned(), wanted: 2, free: 1 }].into()
    }

    /// Walks the refusals in the order of their precedence.
    #[test]
    fn each_refusal_has_its_code() {
        let walk = [
            (Refusal::Overloaded, "overloaded"),
            (Refusal::Unfinished, "outcome-unknown"),
            (Refusal::JournalFailed, "journal-failed"),
            (Refusal::DiskFull, "disk-full"),
            (Refusal::KeyReused, "key-reused"),
            (Refusal::NotFound(Missing::Slot("x".to_owned())), "not-found"),
            (Refusal::TooLarge { field: "quantity", most: 9 }, "too-large-number"),
            (Refusal::Stale, "stale"),
            (Refusal::IfMatchRequired, "if-match-required"),
            (Refusal::PassExpired, "pass-expired"),
            (Refusal::CodeUsed { back_in: None }, "code-used"),
            (Refusal::CodeScope { why: "no".to_owned() }, "code-scope"),
            (
                Refusal::AllotmentExhausted { wanted: 2, possible: 1, each: "one".to_owned() },
                "allotment-exhausted",
            ),
            (Refusal::SessionBusy, "session-busy"),
            (Refusal::PaperUsed, "code-used"),
            (Refusal::CartExpired, "cart-expired"),
            (Refusal::CartNotOpen, "cart-not-open"),
            (Refusal::NotReleased { next_release_at: Some(WallTime(0)) }, "not-released"),
            (Refusal::SaleClosed, "sale-closed"),
            (Refusal::BundleOnly { rule: "two".to_owned() }, "bundle-only"),
            (Refusal::BundleIncomplete { why: "gap".to_owned(), scope: None }, "bundle-incomplete"),
            (Refusal::Rule { why: "no".to_owned() }, "rule"),
            (Refusal::LimitReached { what: "units", limit: 2 }, "limit-reached"),
            (Refusal::SoldOut(conflict()), "sold-out"),
            (Refusal::AllHeld(conflict()), "all-held"),
            (Refusal::SlotTaken(conflict()), "slot-taken"),
            (Refusal::BelowCommitted { in_the_way: Vec::new() }, "below-committed"),
        ];
        for (refusal, name) in walk {
            let problem = Problem::from(refusal);
            assert_eq!(problem.code().map(Code::name), Some(name));
            assert!(!problem.detail().is_empty());
            assert_ne!(problem.status().as_u16(), 403, "a lost slot is never forbidden");
        }
    }

    /// "Nothing left" is only ever said of what it is true of: with two slots named, one may be sold out and the other not.
    #[test]
    fn what_is_gone_is_said_of_what_it_is_true_of() {
        let other = onsale_engine::refusal::Conflict { slot: "s-2".to_owned(), wanted: 9, free: 0 };
        let one = |free| Shortage {
            conflicts: vec![onsale_engine::refusal::Conflict { free, ..conflict().conflicts[0].clone() }],
            ..Shortage::default()
        };
        let mut two = conflict();
        two.conflicts.push(other);
        for (refusal, detail) in [
            (Refusal::SoldOut(one(0)), "All units of slot `s-1` are sold or withdrawn."),
            (
                Refusal::SoldOut(two.clone()),
                "At least one of the slots named is sold out or withdrawn; `conflicts` names each that fell short.",
            ),
            (
                Refusal::AllHeld(one(0)),
                "Nothing of slot `s-1` is free this instant; some of it is only held.",
            ),
            (
                Refusal::AllHeld(two.clone()),
                "Of at least one of the slots named nothing is free this instant, and some is only held; `conflicts` names \
                 each that fell short.",
            ),
            (Refusal::SlotTaken(one(1)), "Fewer units of slot `s-1` are free than were asked for."),
            (
                Refusal::SlotTaken(two),
                "Fewer units are free than were asked for of each slot that `conflicts` names.",
            ),
        ] {
            assert_eq!(Problem::from(refusal).detail(), detail);
        }
    }

    #[test]
    fn the_facts_a_client_needs_are_in_the_body() {
        let refusal = Refusal::NotReleased { next_release_at: Some(WallTime(1_616_515_200_000)) };
        let body: serde_json::Value = serde_json::from_slice(&Problem::from(refusal).document("r")).unwrap();
        assert_eq!(body["next_release_at"], "2021-03-23T16:00:00Z");
        let in_the_way = vec![InTheWay { cart: CartId(7), ordered: true, units: 3 }];
        let body = Problem::from(Refusal::BelowCommitted { in_the_way }).document("r");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["in_the_way"][0]["order"], PublicId::order(CartId(7)).to_string());
        let body = Problem::from(Refusal::SlotTaken(conflict())).document("r");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["conflicts"], serde_json::json!([{"slot": "s-1", "wanted": 2, "free": 1}]));
        let held = Shortage { back_in: Some(Millis(90_000)), ..conflict() };
        let problem = Problem::from(Refusal::AllHeld(held));
        let body: serde_json::Value = serde_json::from_slice(&problem.document("r")).unwrap();
        assert_eq!(body["retry_after_ms"], 90_000);
        assert!(!problem.respond("r").headers().contains_key("retry-after"), "only for 429 and 503");
        let scope = Scope {
            venue: "kiel".to_owned(),
            rule: Some("two-doses".to_owned()),
            elsewhere: vec!["husum".to_owned()],
            ..Scope::default()
        };
        let body = Problem::from(Refusal::SoldOut(scope.into())).document("r");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let detail = "All units are sold or withdrawn at venue `kiel`, for the bundle `two-doses`.";
        assert_eq!((&body["detail"], &body["alternatives"]), (&detail.into(), &serde_json::json!(["husum"])));
    }
}

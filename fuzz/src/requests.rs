//! Bodies of requests, and the small texts in paths, headers and query strings.

use jiff::tz::TimeZone;
use onsale_engine::ids::{IdKind, PublicId};
use onsale_engine::inventory::SlotSpec;
use onsale_gateway::problem::Problem;
use onsale_gateway::wire::cart::{CartInput, EmptyInput, ExchangeInput, MoreInput};
use onsale_gateway::wire::item::{ItemInput, is_customer, notes, wants};
use onsale_gateway::wire::merge::merge;
use onsale_gateway::wire::order::CancelInput;
use onsale_gateway::wire::read;
use onsale_gateway::wire::sale::Settings;
use onsale_gateway::wire::slot::SlotInput;
use onsale_gateway::wire::slot_input::{SlotChangeInput, SlotsInput};
use onsale_gateway::wire::time::{Written, parse, parse_time_or_date};

/// The first byte says what the others are the body of.
pub fn request(bytes: &[u8]) {
    let Some((&kind, body)) = bytes.split_first() else { return };
    let answer = match kind % 10 {
        0 => read::json::<CartInput<'_>>(body).and_then(|cart| {
            let _ = cart.customer.as_deref().is_some_and(is_customer);
            notes(cart.reference, cart.metadata)?;
            chosen(cart.items.unwrap_or_default())
        }),
        1 => read::json::<MoreInput>(body).and_then(|more| chosen(more.items)),
        2 => read::json::<ExchangeInput>(body).and_then(|exchange| chosen(vec![exchange.item])),
        3 => read::json_or_empty::<CancelInput>(body).map(|cancel| {
            cancel.holds.iter().flatten().for_each(|hold| id(hold));
        }),
        4 => read::json_or_empty::<EmptyInput>(body).map(drop),
        5 => read::json::<Settings>(body).and_then(settings),
        6 => read::json::<SlotsInput>(body).map(|input| input.slots.into_iter().for_each(slot)),
        7 => read::json::<SlotInput>(body).map(slot),
        8 => read::json::<SlotChangeInput>(body).map(drop),
        _ => {
            if let Ok(text) = std::str::from_utf8(body) {
                id(text);
                time(text);
            }
            Ok(())
        }
    };
    if let Err(problem) = answer {
        let document = problem.document("r");
        let document: serde_json::Value = serde_json::from_slice(&document).expect("a problem is JSON");
        assert_eq!(document["status"], problem.status().as_u16());
    }
}

fn chosen(items: Vec<ItemInput>) -> Result<(), Problem> {
    wants(items, |_| TimeZone::get("Europe/Berlin").ok()).map(|wants| assert!(!wants.is_empty()))
}

/// Settings that are good are the same when they were shown and sent again; so is a patch that says nothing.
fn settings(settings: Settings) -> Result<(), Problem> {
    let rules = settings.rules("sale")?;
    let mut shown = serde_json::to_value(Settings::from(&rules)).expect("settings are plain data");
    merge(&mut shown, serde_json::json!({}));
    let again = read::value::<Settings>(shown).and_then(|settings| settings.rules("sale"));
    match again {
        Ok(again) => assert_eq!(again, rules),
        Err(problem) => panic!("what was shown is refused: {}", problem.detail()),
    }
    Ok(())
}

fn slot(slot: SlotInput) {
    let _ = SlotSpec::from(slot).check();
}

/// What is an id is written as it was read.
fn id(text: &str) {
    for kind in [IdKind::Cart, IdKind::Order, IdKind::Checkout, IdKind::Hold, IdKind::Bundle] {
        if let Some(id) = PublicId::parse(kind, text) {
            assert_eq!(id.to_string(), text);
        }
    }
}

/// A time that is read is written, and read again as the same.
fn time(text: &str) {
    let _ = parse_time_or_date(text, || TimeZone::get("America/New_York").ok());
    if let Some(time) = parse(text) {
        let written = serde_json::to_value(Written(time)).expect("a time is plain data");
        assert_eq!(written.as_str().and_then(parse), Some(time), "{text}");
    }
}

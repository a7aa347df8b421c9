//! One sale from founding to recovery, on the real disk: held, paid, plug pulled, still there.

use onsale_engine::ids::{ChannelIx, CustomerHash};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::{CartState, OrderState};
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{Caller, KeyUse, Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::time::Millis;
use onsale_engine::{Engine, EngineOptions};

fn open(folder: &std::path::Path) -> Engine {
    Engine::open(EngineOptions::new(folder), |_| {}).expect("the folder opens").0
}

fn key(n: u64) -> KeyUse {
    KeyUse::new(1, "", &n.to_string(), n)
}

#[test]
fn what_was_held_and_paid_is_there_after_a_restart_and_so_are_the_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = open(folder.path());
    let channel = engine.channel("web").result.expect("a channel");
    assert_eq!(channel, ChannelIx(0));
    let shop = Caller { credential: 1, channel, operator: false, holder: None };
    engine.put_sale(SaleRules::new("day", "Europe/Berlin"), IfMatch::Absent).result.expect("a sale");
    let slots = [SlotSpec::new("a", "kiel", 2), SlotSpec::new("b", "husum", 1)];
    assert_eq!(engine.add_slots("day", &slots, true).result.expect("slots").added, 2);

    let wants = [Want::Slot { slot: "a".into(), quantity: 1 }, Want::Slot { slot: "b".into(), quantity: 1 }];
    let request = |n, customer| OpenCart {
        caller: shop,
        key: key(n),
        sale: "day",
        customer: CustomerHash(customer),
        wants: &wants,
        notes: Notes { reference: Some("R-1".into()), ..Notes::default() },
        code: None,
    };
    let first = engine.open_cart(&request(1, 7));
    let cart = first.result.expect("both slots are free");
    assert_eq!(cart.items.len(), 2);
    match engine.open_cart(&request(2, 8)).result {
        Err(Refusal::AllHeld(short)) => assert_eq!(short.conflicts[0].slot, "b"),
        other => panic!("{other:?}"),
    }
    let on = OnCart { caller: shop, key: Some(key(3)), cart: cart.cart };
    let paid = engine.checkout(on);
    engine.wait(paid.rests_on).expect("the journal works");
    let order = paid.result.expect("the cart is open").order;
    assert_eq!(order.state, OrderState::Confirmed);
    engine.shutdown();
    drop(engine);

    let engine = open(folder.path());
    let again = engine.open_cart(&request(1, 7));
    assert!(again.replayed);
    let again = again.result.expect("the key is remembered");
    assert_eq!((again.cart, again.state, again.items.len()), (cart.cart, CartState::Open, 2));
    let again = engine.checkout(on);
    assert!(again.replayed);
    assert_eq!(again.result.expect("the key is remembered").order.items, order.items);
    match engine.open_cart(&request(2, 8)).result {
        Err(Refusal::SoldOut(short)) => assert_eq!(short.conflicts[0].slot, "b"),
        other => panic!("{other:?}"),
    }
    let cancelled = engine.cancel_order(OnCart { key: Some(key(4)), ..on }, None).result.expect("an order");
    assert_eq!(cancelled.state, OrderState::Cancelled);
    assert!(engine.open_cart(&request(5, 8)).result.is_ok());
    engine.shutdown();
}

#[test]
fn a_hold_ends_exactly_at_its_deadline() {
    use onsale_engine::testing::desk::{Desk, slot};
    let mut desk = Desk::new(4);
    desk.sale(SaleRules { hold_ttl: Millis(10_000), ..SaleRules::new("day", "UTC") });
    desk.slots("day", &[SlotSpec::new("a", "kiel", 1)]);
    let cart = desk.open("day", 1, &[slot("a", 1)]).result.expect("free").cart;
    desk.clock = 9_999;
    assert!(matches!(desk.open("day", 2, &[slot("a", 1)]).result, Err(Refusal::AllHeld(_))));
    assert!(
        desk.core
            .cart(desk.now(), onsale_engine::testing::desk::SHOP, cart)
            .result
            .is_ok_and(|cart| cart.state == CartState::Open)
    );
    desk.clock = 10_000;
    assert!(desk.open("day", 2, &[slot("a", 1)]).result.is_ok());
    assert_eq!(desk.checkout(cart).result.err(), Some(Refusal::CartExpired));
}

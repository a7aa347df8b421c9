//! Very many holds lapse at one instant, and a millisecond later somebody asks for each of a thousand of the slots. Nobody
//! is refused, and nobody does the work of the others: what is counted are facts and holds settled, not milliseconds.
//!
//! 20,000 holds by default; a million with
//! `STORM_HOLDS=1000000 cargo test --release -p onsale-engine --test storm`.

use onsale_engine::commit::Buffer;
use onsale_engine::digest::mix;
use onsale_engine::fact::{Fact, Kind};
use onsale_engine::invariants;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::limits::SETTLE_BUDGET;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::Want;
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::{Desk, slot};
use onsale_engine::testing::follower::Follower;
use onsale_engine::testing::from_env;
use onsale_engine::time::Millis;

const TTL: u64 = 10_000;
const REQUESTS: u64 = 1_000;
/// Holds of one cart.
const OF_A_CART: u64 = 50;
/// Holds of one slot, where they are spread.
const OF_A_SLOT: u64 = 10;

fn holds() -> u64 {
    from_env("STORM_HOLDS", 20_000)
}

/// `holds` live holds of one unit, evenly on `slots` slots that they fill; and who has replayed so far.
fn full_house(slots: u64, holds: u64) -> (Desk, Follower) {
    let mut desk = Desk::new(16);
    let mut follower = Follower::default();
    desk.sale(SaleRules { hold_ttl: Millis(TTL), ..SaleRules::new("day", "UTC") });
    let capacity = u32::try_from(holds / slots).expect("a capacity");
    let specs: Vec<_> = (0..slots)
        .map(|slot| SlotSpec::new(&format!("s{slot}"), &format!("v{}", slot % 40), capacity))
        .collect();
    desk.slots("day", &specs);
    let mut next = 0_u64;
    while next < holds {
        let wants: Vec<Want> = (next..(next + OF_A_CART).min(holds))
            .map(|hold| slot(&format!("s{}", hold % slots), 1))
            .collect();
        let cart = desk.open("day", u128::from(next), &wants).result;
        assert!(cart.is_ok(), "{cart:?}");
        next += OF_A_CART;
        follower.drain(&desk.core.buffer).expect("what happened fits");
    }
    // One millisecond after all of them have lapsed.
    desk.clock = TTL + 1;
    (desk, follower)
}

/// Facts of settling, and the holds they settled.
fn settled(facts: &[Fact]) -> Vec<u32> {
    let holds = |fact: &Fact| if let Kind::Settled { holds, .. } = fact.kind { Some(holds) } else { None };
    facts.iter().filter_map(holds).collect()
}

/// The state is whole, its replay is the same, and the ticker takes away what is left in bounded steps.
fn clear(desk: &Desk, mut follower: Follower, left: u64) {
    let mut total = 0;
    for shard in 0..desk.core.state.shards() {
        loop {
            let ticked = desk.core.settle_shard(desk.now(), shard).expect("there is room");
            assert!(ticked.settled <= SETTLE_BUDGET, "{} holds in one step", ticked.settled);
            assert!(!ticked.more || ticked.settled > 0, "a step that did nothing wants another");
            total += u64::from(ticked.settled);
            follower.drain(&desk.core.buffer).expect("what happened fits");
            if !ticked.more {
                break;
            }
        }
    }
    assert_eq!(total, left);
    assert_eq!(invariants::check(&desk.core.state, desk.now().engine), Ok(()));
    let at = follower.at();
    assert_eq!(invariants::check(follower.state(), at), Ok(()), "replayed");
    assert_eq!(invariants::digests_of(&desk.core.state), invariants::digests_of(follower.state()));
}

fn ask(desk: &mut Desk, number: u64, slots: u64) -> Result<(), Refusal> {
    let name = format!("s{}", mix(7, number) % slots);
    desk.open("day", u128::from(u64::MAX - number), &[slot(&name, 1)]).result.map(|_| ())
}

fn storm(slots: u64) {
    let holds = holds();
    let (mut desk, mut follower) = full_house(slots, holds);
    let before = follower.facts().len();
    for number in 0..REQUESTS {
        let from = follower.facts().len();
        assert_eq!(ask(&mut desk, number, slots), Ok(()), "request {number}");
        follower.drain(&desk.core.buffer).expect("what happened fits");
        let facts = &follower.facts()[from..];
        // One unit is wanted, so one hold goes, however many have lapsed.
        assert_eq!((facts.len(), settled(facts)), (2, vec![1]), "request {number}: {facts:?}");
    }
    assert_eq!(follower.facts().len() - before, 2 * usize::try_from(REQUESTS).expect("few"));
    clear(&desk, follower, holds - REQUESTS);
}

#[test]
fn a_storm_over_many_slots_refuses_nobody() {
    storm(holds() / OF_A_SLOT);
}

#[test]
fn a_storm_on_one_slot_refuses_nobody() {
    storm(1);
}

/// With room for one request at a time, the ticker finds none: the requests settle what they need themselves.
#[test]
fn a_storm_with_the_buffer_nearly_full_refuses_nobody_who_asks_again() {
    let holds = holds();
    let slots = holds / OF_A_SLOT;
    let (mut desk, mut follower) = full_house(slots, holds);
    let room = 8 << 20;
    desk.core.buffer = std::sync::Arc::new(Buffer::new(room, follower.last()));
    let buffer = std::sync::Arc::clone(&desk.core.buffer);
    // What one request for one unit sets aside is below this, two are above.
    let elsewhere = buffer.reserve(room - 200).expect("nothing is in it");
    let mut overloaded = 0;
    for number in 0..REQUESTS {
        assert_eq!(desk.core.settle_shard(desk.now(), 0), Err(Refusal::Overloaded));
        if let Err(refusal) = ask(&mut desk, number, slots) {
            assert_eq!(refusal, Refusal::Overloaded);
            overloaded += 1;
            // Nothing was decided: what is in the buffer is of the request before.
            let from = follower.facts().len();
            follower.drain(&desk.core.buffer).expect("what happened fits");
            assert_eq!(settled(&follower.facts()[from..]), [1]);
            assert_eq!(ask(&mut desk, number, slots), Ok(()), "request {number}, again");
        }
    }
    assert_eq!(overloaded, REQUESTS - 1, "all but the first find the buffer full once");
    follower.drain(&desk.core.buffer).expect("what happened fits");
    drop(elsewhere);
    clear(&desk, follower, holds - REQUESTS);
}

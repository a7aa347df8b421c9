//! How well a house is filled: parties of a real mix sit together, and threads that race for the last seats get them all.

#![expect(clippy::print_stdout, reason = "the share of parties that sit together is a figure of the README")]

use std::sync::atomic::{AtomicU32, Ordering};

use onsale_engine::digest::mix;
use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{KeyUse, Notes, OpenCart, Want};
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::{Desk, SHOP};

fn house(sections: u32, rows: u32, seats: impl Fn(u32, u32) -> u32) -> Vec<SlotSpec> {
    let mut slots = Vec::new();
    for section in 0..sections {
        for row in 0..rows {
            for seat in 1..=seats(section, row) {
                slots.push(SlotSpec {
                    section: Some(format!("s{section}")),
                    row: Some(row.to_string()),
                    seat: Some(seat.to_string()),
                    ..SlotSpec::new(&format!("{section}-{row}-{seat}"), "hall", 1)
                });
            }
        }
    }
    slots
}

fn party(quantity: u32, adjacent: bool) -> Want {
    let venue = "hall".into();
    Want::Best { venue, section: None, quantity, adjacent, avoid_orphans: true, accessible: false }
}

/// Parties of 1, 2, 3 and 4 as they come to a stadium: 29.6, 44.2, 10.9 and 15.3 %.
fn size(random: u64) -> u32 {
    match random % 1_000 {
        0..296 => 1,
        296..738 => 2,
        738..847 => 3,
        _ => 4,
    }
}

#[test]
fn parties_of_a_real_mix_sit_together_until_the_house_is_full() {
    for (rows, seed) in [(10, 1_u64), (10, 2), (10, 3), (50, 4)] {
        // 26 sections with rows of 14 to 26 seats; with 50 rows each it is a stadium of 26,000.
        let slots = house(26, rows, |section, row| 14 + (section * 7 + row * 5) % 13);
        let mut desk = Desk::new(32);
        desk.sale(SaleRules::new("day", "UTC"));
        for part in slots.chunks(1_000) {
            desk.slots("day", part);
        }
        let (mut parties, mut together, mut left) = (0_u32, 0_u32, slots.len());
        for step in 0.. {
            let n = size(mix(seed, step) >> 7);
            match desk.open("day", u128::from(step), &[party(n, true)]).result {
                Ok(cart) => {
                    (parties, together) = (parties + 1, together + 1);
                    left -= cart.items.len();
                }
                // They take what there is, apart; or the house is full for them.
                Err(_) => match desk.open("day", u128::from(step), &[party(n, false)]).result {
                    Ok(cart) => {
                        parties += 1;
                        left -= cart.items.len();
                    }
                    Err(Refusal::SlotTaken(_) | Refusal::AllHeld(_)) => {
                        if left == 0 {
                            break;
                        }
                        parties += 1;
                    }
                    Err(other) => panic!("{other:?}"),
                },
            }
        }
        let share = f64::from(together) / f64::from(parties) * 100.0;
        let seats = slots.len();
        println!("{seats} seats sold to {parties} parties (seed {seed}): {share:.2} % sat together");
        assert!(share >= 99.0, "{share} %");
    }
}

#[test]
fn all_who_race_for_the_last_seats_get_them() {
    for round in 0..20_u128 {
        let threads = 8;
        let desk = Desk::new(8);
        desk.sale(SaleRules::new("day", "UTC"));
        // Rows of 4: a party in the middle of a longer one would leave two pairs.
        let slots = house(8, 4, |_, _| 4);
        desk.slots("day", &slots);
        let parties = u32::try_from(slots.len() / 4).unwrap();
        let (seated, refused) = (AtomicU32::new(0), AtomicU32::new(0));
        let seat = |thread: u32| {
            for step in 0..parties {
                let number = u64::from(thread * 1_000 + step);
                let request = OpenCart {
                    caller: SHOP,
                    key: KeyUse::new(9, "", &format!("{round}-{number}"), number),
                    sale: "day",
                    customer: CustomerHash(u128::from(number) << 3),
                    wants: &[party(4, true)],
                    notes: Notes::default(),
                    code: None,
                };
                match desk.core.open_cart(desk.now(), &request).result {
                    Ok(cart) => {
                        assert_eq!(cart.items.len(), 4);
                        seated.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(Refusal::AllHeld(_)) => {
                        // Whoever is told so is told the truth: every seat is somebody's by then.
                        assert_eq!(seated_of(&desk), slots.len() as u64);
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
        };
        race(threads, &seat);
        assert_eq!(seated.load(Ordering::Relaxed), parties);
        assert_eq!(refused.load(Ordering::Relaxed), threads * parties - parties);
    }
}

fn seated_of(desk: &Desk) -> u64 {
    (0..desk.core.state.shards())
        .map(|shard| desk.core.state.lock_shard(shard).groups().map(|group| group.counts.held).sum::<u64>())
        .sum()
}

#[expect(clippy::disallowed_methods, reason = "a race needs threads; the engine itself starts none")]
fn race(threads: u32, seat: &(impl Fn(u32) + Sync)) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || seat(thread));
        }
    });
}

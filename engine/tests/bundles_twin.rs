//! Several bundles of one request beside a naive twin that tries every way: held exactly if there is a way to hold all of
//! them, also when one of them alone would take what another needs.

#![expect(clippy::print_stdout, reason = "the test says how much it has tried")]

use onsale_engine::digest::mix;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::Want;
use onsale_engine::sale::{BundleRule, SaleRules};
use onsale_engine::testing::desk::{Desk, START_MS, slot};
use onsale_engine::time::WallTime;

const DAY: i64 = 86_400_000;

fn day(day: i64) -> WallTime {
    WallTime(START_MS.cast_signed() + day * DAY)
}

fn rule(name: &str, parts: &[&str], gap_days: Option<(u16, u16)>) -> BundleRule {
    let parts = parts.iter().map(|part| (*part).to_owned()).collect();
    BundleRule { name: name.into(), parts, same_venue: true, gap_days, cancel_parts: false }
}

fn rules() -> Vec<BundleRule> {
    vec![
        rule("ab", &["a", "b"], Some((1, 2))),
        rule("aab", &["a", "a", "b"], Some((0, 2))),
        rule("ba", &["b", "a"], None),
        rule("aaa", &["a", "a", "a"], Some((0, 1))),
    ]
}

fn dose(id: &str, product: &str, on: i64, capacity: u32) -> SlotSpec {
    SlotSpec {
        product: Some(product.into()),
        starts_at: Some(day(on)),
        ..SlotSpec::new(id, "kiel", capacity)
    }
}

fn any(rule: &str, from: Option<i64>, to: Option<i64>) -> Want {
    Want::AnyBundle { rule: rule.into(), venue: "kiel".into(), from: from.map(day), to: to.map(day) }
}

fn desk(shards: u8, rules: Vec<BundleRule>, slots: &[SlotSpec]) -> Desk {
    let desk = Desk::new(shards);
    desk.sale(SaleRules { bundles: rules, ..SaleRules::new("day", "UTC") });
    desk.slots("day", slots);
    desk
}

/// Whether all wants can be had of what is left: every slot for every part is tried.
fn possible(slots: &[SlotSpec], left: &mut [u32], wants: &[Want], parts: &mut Vec<usize>) -> bool {
    let Some((Want::AnyBundle { rule: name, from, to, .. }, rest)) = wants.split_first() else { return true };
    let rules = rules();
    let rule = rules.iter().find(|rule| rule.name == *name).expect("a rule");
    let Some(product) = rule.parts.get(parts.len()) else {
        return possible(slots, left, rest, &mut Vec::new());
    };
    for at in 0..slots.len() {
        let starts = slots[at].starts_at.expect("a start");
        let inside = from.is_none_or(|from| starts >= from) && to.is_none_or(|to| starts < to);
        let fits = match (parts.last(), rule.gap_days) {
            (None, _) => inside,
            (Some(before), Some((least, most))) => {
                let gap = (starts.0 - slots[*before].starts_at.expect("a start").0) / DAY;
                (i64::from(least)..=i64::from(most)).contains(&gap)
            }
            (Some(_), None) => true,
        };
        if left[at] == 0 || !fits || slots[at].product.as_ref() != Some(product) {
            continue;
        }
        left[at] -= 1;
        parts.push(at);
        // Units stay taken on the way down, so the clone is what the next bundle begins with.
        let done = possible(slots, left, wants, &mut parts.clone());
        parts.pop();
        left[at] += 1;
        if done {
            return true;
        }
    }
    false
}

#[test]
fn bundles_are_refused_together_only_if_no_way_exists() {
    let (mut held, mut refused) = (0, 0);
    for seed in 0..3_000_u64 {
        let random = |what: u64, of: u64| mix(seed, what) % of;
        let slots: Vec<SlotSpec> = (0..3 + random(0, 6))
            .map(|at| {
                let product = if random(100 + at, 5) < 3 { "a" } else { "b" };
                let on = i64::try_from(random(200 + at, 5)).unwrap();
                let capacity = 1 + u32::try_from(random(300 + at, 3) / 2).unwrap();
                let section = (random(400 + at, 2) == 0).then(|| "hall".into());
                SlotSpec { section, ..dose(&format!("s{at}"), product, on, capacity) }
            })
            .collect();
        let wants: Vec<Want> = (0..2 + random(1, 3))
            .map(|at| {
                let name = ["ab", "ab", "aab", "ba", "aaa"][usize::try_from(random(500 + at, 5)).unwrap()];
                let from = (random(600 + at, 3) == 0).then(|| i64::try_from(random(700 + at, 3)).unwrap());
                let to = (random(800 + at, 3) == 0).then(|| 2 + i64::try_from(random(900 + at, 3)).unwrap());
                any(name, from, to)
            })
            .collect();
        let mut left: Vec<u32> = slots.iter().map(|slot| slot.capacity).collect();
        let can = possible(&slots, &mut left, &wants, &mut Vec::new());
        let mut desk = desk(if seed % 2 == 0 { 1 } else { 8 }, rules(), &slots);
        match desk.open("day", 1, &wants).result {
            Ok(cart) => {
                assert!(can, "seed {seed}: the twin finds no way for {:?}", cart.items);
                for (bundle, want) in (1_u8..).zip(&wants) {
                    let Want::AnyBundle { rule, .. } = want else { unreachable!() };
                    let of = |item: &&onsale_engine::outcome::ItemView| item.bundle == bundle;
                    let named: Vec<String> =
                        cart.items.iter().filter(of).map(|item| item.slot.to_string()).collect();
                    // The rules' own check, by naming the same parts in a cart of their own, says that they fit.
                    let mut other = desk_of(&slots);
                    let same = Want::Bundle { rule: rule.clone(), slots: named };
                    other.open("day", 2, &[same]).result.expect("parts that fit");
                }
                held += 1;
            }
            Err(refusal) => {
                assert!(!can, "seed {seed}: {refusal:?}, the twin finds a way for {wants:?} of {slots:?}");
                refused += 1;
            }
        }
    }
    println!("bundles beside their twin: {held} held, {refused} refused");
    assert!(held > 300 && refused > 300);
}

fn desk_of(slots: &[SlotSpec]) -> Desk {
    desk(1, rules(), slots)
}

#[test]
fn a_bundle_does_not_take_what_another_of_the_request_needs() {
    // The first bundle finds day 1 first, which is the only one the second may begin on.
    let slots = [dose("a1", "a", 1, 1), dose("a2", "a", 2, 1), dose("b", "b", 3, 2)];
    for wants in
        [[any("ab", None, None), any("ab", None, Some(2))], [any("ab", None, Some(2)), any("ab", None, None)]]
    {
        let mut desk = desk_of(&slots);
        let cart = desk.open("day", 1, &wants).result.expect("there is a way");
        assert_eq!(cart.items.len(), 4);
    }
    let mut desk = desk_of(&slots);
    let no = desk.open("day", 1, &[any("ab", None, Some(2)), any("ab", None, Some(2))]).result.unwrap_err();
    let Refusal::BundleIncomplete { why, scope } = no else { panic!("{no:?}") };
    assert_eq!(scope.expect("a scope").quantity, 2);
    assert!(why.contains("not all"), "{why}");
}

#[test]
fn a_rule_that_names_a_product_many_times_is_looked_for_in_bounded_time() {
    // Sixteen parts, fifteen units within reach of each other, on days that all fit: every order of them would be tried.
    let parts = ["a"; 16];
    let rules = vec![rule("long", &parts, Some((0, 60))), rule("free", &parts, None)];
    let slots: Vec<SlotSpec> = (0..15).map(|on| dose(&format!("s{on}"), "a", on, 1)).collect();
    let mut desk = desk(4, rules, &slots);
    for name in ["long", "free"] {
        let no = desk.open("day", 1, &[any(name, None, None)]).result.unwrap_err();
        assert!(matches!(no, Refusal::BundleIncomplete { .. }), "{no:?}");
    }
    desk.slots("day", &[dose("last", "a", 15, 1)]);
    assert_eq!(desk.open("day", 1, &[any("long", None, None)]).result.expect("just enough").items.len(), 16);
}

#[test]
fn a_search_that_was_ended_does_not_say_that_there_is_nothing() {
    // Many days, many rules that share their products, and a little too few of the last part within reach.
    let rules: Vec<BundleRule> =
        (0..4_u16).map(|at| rule(&format!("r{at}"), &["a", "b", "a"], Some((at % 2, 3 + at)))).collect();
    let mut slots = Vec::new();
    for on in 0..40 {
        slots.push(dose(&format!("a{on}"), "a", on, 1));
        if on % 4 == 0 {
            slots.push(dose(&format!("b{on}"), "b", on, 2));
        }
    }
    let mut desk = desk(1, rules, &slots);
    let wants: Vec<Want> = (0..20).map(|at| any(&format!("r{}", at % 4), None, Some(30))).collect();
    match desk.open("day", 1, &wants).result {
        Ok(cart) => assert_eq!(cart.items.len(), 60),
        Err(Refusal::BundleIncomplete { why, scope }) => {
            assert_eq!(scope, None, "nothing is said of the whole venue");
            assert!(why.contains("ask for fewer"), "{why}");
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn an_exchange_counts_the_units_it_gives_back() {
    let mut desk = desk_of(&[dose("a1", "a", 1, 1), dose("b2", "b", 2, 1), dose("b3", "b", 3, 1)]);
    let pair = Want::Bundle { rule: "ab".into(), slots: vec!["a1".into(), "b3".into()] };
    let cart = desk.open("day", 1, &[pair]).result.expect("a pair").cart;
    let on = desk.on(cart);
    let swapped =
        desk.core.exchange_hold(desk.now(), on, 0, &any("ab", None, None)).result.expect("its own units");
    let names: Vec<&str> = swapped.items.iter().map(|item| item.slot.as_str()).collect();
    assert_eq!(names, ["a1", "b2"]);
    // Only what leaves counts: another cart's units, or another hold of this cart, do not.
    desk.open("day", 2, &[slot("b3", 1)]).result.expect("free again");
    let on = desk.on(cart);
    let no = desk.core.exchange_hold(desk.now(), on, 2, &any("aab", None, None)).result.unwrap_err();
    assert!(matches!(no, Refusal::BundleIncomplete { .. }), "{no:?}");
}

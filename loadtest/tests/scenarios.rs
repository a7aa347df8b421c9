//! The scenarios against a stub shop: a good one passes its audit, and each fault that is switched on is found by the check
//! that is there for it. Small scale, compressed, and people who hardly think: a few seconds each.

mod stub;

use std::time::Duration;

use onsale_loadtest::behaviour::Behaviour;
use onsale_loadtest::keys::Keys;
use onsale_loadtest::report::{Report, limited_by_tester};
use onsale_loadtest::scenario::{Where, s1, sell_out};
use onsale_loadtest::terminal::in_runtime;
use onsale_loadtest::verdict::Verdict;
use onsale_loadtest::visitor::Ending;
use onsale_loadtest::{compare, summary};

use stub::shop::{self, Fault};

fn at(url: String) -> Where {
    let keys =
        Keys { operator: Some("op_test".into()), server: "sk_test".into(), phone: Some("sk_phone".into()) };
    Where { target: Some(url), data: None, keys: Some(keys), server: None }
}

/// At scale 100: 21 pairs for 330 people in 3 s.
fn s1_against(fault: Fault, scale: f64) -> Report {
    in_runtime(s1::run(&wish(fault, scale, 512))).unwrap()
}

fn wish(fault: Fault, scale: f64, connections: usize) -> s1::S1 {
    let hasty =
        Behaviour { think_median_s: 0.1, form_median_s: 0.5, refresh_median_s: 0.3, ..Behaviour::default() };
    s1::S1 {
        place: at(shop::open(fault)),
        sale: "s1".into(),
        scale,
        speed: 20.0,
        seed: 1,
        season: false,
        crash: false,
        connections,
        behaviour: hasty,
    }
}

/// The tester has one connection to a shop that takes 20 ms for an answer: next to nobody gets through.
#[test]
fn a_tester_without_connections_says_that_it_was_the_limit() {
    let run = |fault| {
        let place = at(shop::open_slow(fault, Duration::from_millis(20)));
        in_runtime(s1::run(&s1::S1 { place, ..wish(fault, 100.0, 1) })).unwrap()
    };
    let report = run(Fault::None);
    let text = summary::of(&report);
    assert!(report.endings.contains_key(&Ending::NotSent), "{text}");
    assert!(report.audit.iter().all(|check| check.holds || check.of_the_tester), "{text}");
    assert_eq!(report.verdict.exit_code(), 3, "{text}");
    assert!(text.contains("no connection to be had") && text.contains("The tester's own"), "{text}");
    // What the server does wrong is a miss nevertheless.
    let report = run(Fault::HidesItsAge);
    let text = summary::of(&report);
    assert_eq!(report.verdict.exit_code(), 99, "{text}");
    assert!(text.contains("The tester was the limit as well"), "{text}");
}

fn failed(report: &Report) -> Vec<&str> {
    report.audit.iter().filter(|check| !check.holds).map(|check| check.name.as_str()).collect()
}

#[test]
fn a_good_shop_passes_the_audit() {
    let report = s1_against(Fault::None, 100.0);
    let text = summary::of(&report);
    assert_eq!(failed(&report), [""; 0], "{text}");
    assert_eq!(report.places.planned_in_rush, 1_935);
    assert_eq!(report.figures["all"].latency.count, 1_935, "every place is one request:\n{text}");
    assert_eq!(report.endings.values().sum::<u64>(), 330, "{text}");
    assert!(report.endings[&Ending::Ordered] > 10, "{text}");
    assert!(report.endings[&Ending::ToldNothingLeft] > 50, "{text}");
    assert!(text.contains("all 21 pairs held") && text.contains("nothing sold twice"), "{text}");

    // Written, read back and compared with itself, it is the same report.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    report.write(&file).unwrap();
    let again = Report::read(&file).unwrap();
    assert_eq!(summary::of(&again), text);
    let compared = compare::of(&report, &again);
    assert!(compared.contains("hold p99") && !compared.contains("note:"), "{compared}");
}

/// Each fault beside the check that must find it; all shops at once, because each run mostly waits.
#[test]
fn each_fault_is_found_by_its_check() {
    let table = [
        (Fault::SellsTwice, "nothing acknowledged twice"),
        (Fault::LosesOrders, "nothing acknowledged lost"),
        (Fault::HalvesBundles, "no half bundle"),
        (Fault::OpensEarly, "nothing can be booked before the opening"),
        (Fault::ForgetsKeys, "same key, same order"),
        (Fault::Fails, "every answer within the contract"),
        (Fault::HidesItsAge, "every answer within the contract"),
        (Fault::LosesASlot, "all that was loaded is there"),
        (Fault::GivesElsewhere, "what was given is what was asked for"),
        (Fault::GivesTwoOfEach, "what was given is what was asked for"),
        (Fault::InventsOrders, "every order in the books was told"),
        (Fault::TakesPaymentsBack, "same key, same order"),
        (Fault::KeepsItsPage, "reads are of when they were asked for"),
        (Fault::ShowsNothing, "every answer within the contract"),
        (Fault::SaysSoldOut, "nothing left was only said of what is sold"),
        (Fault::RefusesByRule, "nobody refused by a rule"),
        (Fault::RejectsPayments, "nobody refused by a rule"),
        (Fault::ForgetsThePhone, "every answer within the contract"),
    ];
    std::thread::scope(|scope| {
        let runs = table.map(|(fault, check)| scope.spawn(move || (fault, check, s1_against(fault, 150.0))));
        let mut unseen = Vec::new();
        for run in runs {
            let (fault, check, report) = run.join().unwrap();
            if !failed(&report).contains(&check) || report.verdict != Verdict::Missed {
                unseen.push(format!("{fault:?}: {}", summary::of(&report)));
            }
        }
        assert!(unseen.is_empty(), "{}", unseen.join("\n"));
    });
}

#[test]
fn a_sale_is_sold_to_its_last_unit() {
    let slots = [("a", 30), ("b", 1), ("c", 0), ("d", 12)];
    for rate in [None, Some(200.0)] {
        let wish = sell_out::SellOut {
            place: at(shop::open_with(Fault::None, &slots)),
            sale: "imported".into(),
            at_once: 8,
            rate,
            seed: 1,
            connections: 64,
        };
        let report = in_runtime(sell_out::run(&wish)).unwrap();
        assert_eq!(failed(&report), [""; 0], "{}", summary::of(&report));
        assert_eq!(report.endings[&Ending::Ordered], 43);
        assert_eq!(report.endings[&Ending::LostEveryClick], 3 + 1 + 2);
        // At a rate, a machine that stood still for a moment makes the figures void; that is no miss of the tester's.
        let late = rate.is_some() && limited_by_tester(report.figures.get("all"));
        let verdict = if late { Verdict::Void } else { Verdict::Passed };
        assert_eq!(report.verdict, verdict, "{}", summary::of(&report));
    }
}

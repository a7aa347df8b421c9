//! The simulator, seed after seed.
//!
//! `ONSALE_SEEDS=20000` runs so many, `ONSALE_SEED=17` runs one and shows what happened; without either it is 1,000. A
//! seed that fails prints the command that repeats it. The seeds are split over several tests so that all cores work.

use onsale_engine::testing::simulator::{Report, run};
use onsale_engine::testing::{from_env, number};

/// How many seeds are run if nobody says.
const SEEDS: u64 = 1_000;

/// How many tests share them.
const SHARES: u64 = 4;

fn share(share: u64) {
    if let Some(seed) = number("ONSALE_SEED") {
        if share == 0 {
            let report = run(seed);
            eprintln!("seed {seed}: {report}");
            assert_eq!(report, run(seed), "a seed means the same every time");
        }
        return;
    }
    let seeds = from_env("ONSALE_SEEDS", SEEDS);
    let mut total = Report::default();
    for seed in (share..seeds).step_by(usize::try_from(SHARES).unwrap_or(1)) {
        total += run(seed);
    }
    eprintln!("share {share} of {seeds} seeds: {total}");
    if seeds >= SEEDS {
        let Report { replays, starts, kills, power_cuts, snapshots, lost, .. } = total;
        let Report { places, called, passed, sessions, invitations, revoked, uses_again, restored, .. } =
            total;
        let all = [
            [replays, starts, kills, power_cuts, snapshots, lost, places],
            [called, passed, sessions, invitations, revoked, uses_again, restored],
        ];
        assert!(all.iter().flatten().all(|count| *count > 0), "of something nothing was shown: {total}");
    }
}

#[test]
fn first_share() {
    share(0);
}

#[test]
fn second_share() {
    share(1);
}

#[test]
fn third_share() {
    share(2);
}

#[test]
fn fourth_share() {
    share(3);
}

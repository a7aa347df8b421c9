//! A small room that was drawn: what a server would have made of some people joining over five minutes.

use std::borrow::Cow;

use onsale_engine::time::WallTime;
use onsale_engine::waiting_room::draw::{ALGORITHM, Leaf, Registrations, RunningDigest, Seed};
use onsale_gateway::wire::draw::{DrawDocument, Entry, Hex, Lane, Minute, Phase, Total, statement};
use onsale_gateway::wire::time::Written;

pub const LANES: [&str; 3] = ["general", "Telefon für Ältere", "codes"];
pub const BEACON: &str = "Lotto 6 aus 49, 20.03.2021: 3 7 12 31 40 44";
/// 2021-03-23T16:00:00Z
const OPENS_MS: u64 = 1_616_515_200_000;
const SALE: &str = "impfzentren-sh";

/// The ticket of a registration.
pub fn ticket(lane: &str, number: u32) -> String {
    format!("qt_{lane}_{number}")
}

fn written(at_ms: u64) -> Written {
    Written(WallTime(i64::try_from(at_ms).unwrap()))
}

/// 84 people: each seventh by phone, nobody with a code; minutes from the first to the last.
pub fn drawn(beacon: Option<&'static str>) -> DrawDocument<'static> {
    let seed = Seed(std::array::from_fn(|place| u8::try_from(place * 3 + 1).unwrap()));
    let mut running = LANES.map(|lane| RunningDigest::new(SALE, lane));
    let (mut entries, mut minutes) = (Vec::new(), Vec::new());
    let start_ms = OPENS_MS - 5 * 60_000;
    for (place, joined_ms) in (0..84_u64).map(|place| (place, start_ms + place * 3_571)) {
        minutes_until(joined_ms, start_ms, &running, &mut minutes);
        let lane = usize::from(place % 7 == 3);
        let leaf = Leaf::of_ticket(&ticket(LANES[lane], running[lane].count()));
        let number = running[lane].add(joined_ms, leaf);
        entries.push(Entry::new(LANES[lane], number, joined_ms, leaf));
    }
    minutes_until(OPENS_MS, start_ms, &running, &mut minutes);
    let all = Registrations::of_lanes(LANES.into_iter().zip(running));
    DrawDocument {
        sale: Cow::Borrowed(SALE),
        algorithm: Cow::Borrowed(ALGORITHM),
        phase: Phase::Drawn,
        commitment: Hex(seed.commitment()),
        seed: Some(Hex(seed.0)),
        beacon: beacon.map(Cow::Borrowed),
        registrations: Total { count: all.count, digest: Hex(all.digest) },
        minutes,
        lanes: LANES.into_iter().zip(running).map(|(lane, running)| Lane::new(lane, running)).collect(),
        drawn_at: Some(written(OPENS_MS)),
        statement: Cow::Borrowed(statement(Phase::Drawn, beacon)),
        entries: Some(entries),
    }
}

/// Publishes what is due.
fn minutes_until(now_ms: u64, start_ms: u64, running: &[RunningDigest; 3], minutes: &mut Vec<Minute>) {
    while start_ms + (minutes.len() as u64 + 1) * 60_000 <= now_ms {
        let all = Registrations::of_lanes(LANES.into_iter().zip(*running));
        minutes.push(Minute {
            at: written(start_ms + (minutes.len() as u64 + 1) * 60_000),
            count: all.count,
            by_lane: Some(running.iter().map(RunningDigest::count).collect()),
            digest: Hex(all.digest),
        });
    }
}

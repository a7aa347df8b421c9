//! The comparisons, one function each: who runs against whom, and which bar it says something about.

use std::path::Path;

use super::echo::Echo;
use super::machine;
use super::open_loop;
use super::postgres::{self, Postgres};
use super::process::find;
use super::record::Record;
use super::redis::{self, Redis};
use super::series::{Sample, Side, Spread, alternate, spread};
use super::shop::Shop;
use super::traffic::{NARROW, SOLD, WIDE, same_request};
use super::wrk::Wrk;

/// What all comparisons share.
#[derive(Debug)]
pub struct Bench<'a> {
    /// Where data goes: the disk that is measured.
    pub within: &'a Path,
    /// Counted rounds.
    pub rounds: usize,
    /// Seconds of one run.
    pub seconds: u64,
    /// Threads of wrk.
    pub wrk_threads: u32,
}

/// A number for the one hold whose answer the echo imitates; no run of wrk gets to it.
const SPECIMEN: u64 = 99_999_999_999_999;

impl Bench<'_> {
    /// An echo that answers as a hold at this shop is answered.
    fn echo_of_a_hold(&self, shop: &Shop) -> Result<Echo, String> {
        let answer = shop.hold(&WIDE, SPECIMEN, 0, 0)?.expect(201)?;
        Echo::start(self.within, &answer)
    }

    /// Bars 1 and 2: the hold, waiting for the disk and not, over the echo, with 64 and with 256 connections.
    pub fn echo(&self, record: &mut Record) -> Result<(), String> {
        let fsync = Shop::open(self.within, "fsync", &[WIDE])?;
        let none = Shop::open(self.within, "none", &[WIDE])?;
        let echo = self.echo_of_a_hold(&fsync)?;
        let wrk = Wrk::new(self.within, &WIDE, self.wrk_threads)?;
        let side = |name: &str, connections: u32, server| {
            let wrk = &wrk;
            Side::new(format!("{name}, {connections} connections"), move |seconds, seed| {
                wrk.run(server, connections, seconds, seed, false)
            })
        };
        let mut sides = [
            side("echo", 64, (&echo.program, echo.port)),
            side("hold, fsync", 64, (&fsync.program, fsync.port)),
            side("hold, no wait", 64, (&none.program, none.port)),
            side("echo", 256, (&echo.program, echo.port)),
            side("hold, fsync", 256, (&fsync.program, fsync.port)),
        ];
        let series = alternate(&mut sides, self.rounds, self.seconds)?;
        record.keep(&series);
        record.compare("1", &series[1], &series[0]);
        record.compare("1b", &series[4], &series[3]);
        record.compare("2", &series[2], &series[0]);
        Ok(())
    }

    /// Bar 13: refusing what is sold out, over an echo that answers the same refusal.
    pub fn refusals(&self, record: &mut Record) -> Result<(), String> {
        let shop = Shop::open(self.within, "fsync", &[SOLD])?;
        shop.sell_out(&SOLD)?;
        let answer = shop.hold(&SOLD, SPECIMEN, 0, 0)?.expect(409)?;
        if !answer.body.contains("sold-out") {
            return Err(format!("a refusal `sold-out` was expected: {}", answer.body));
        }
        let echo = Echo::start(self.within, &answer)?;
        let wrk = Wrk::new(self.within, &SOLD, self.wrk_threads)?;
        let mut sides =
            [("echo of a refusal", &echo.program, echo.port), ("refusal", &shop.program, shop.port)].map(
                |(name, program, port)| {
                    let wrk = &wrk;
                    Side::new(name, move |seconds, seed| wrk.run((program, port), 64, seconds, seed, true))
                },
            );
        let series = alternate(&mut sides, self.rounds, self.seconds)?;
        record.keep(&series);
        record.compare("13", &series[1], &series[0]);
        Ok(())
    }

    /// Bar 6: everybody wants the same 100 slots.
    pub fn contended(&self, record: &mut Record) -> Result<(), String> {
        let shop = Shop::open(self.within, "fsync", &[WIDE, NARROW])?;
        let wrks = [
            Wrk::new(self.within, &WIDE, self.wrk_threads)?,
            Wrk::new(self.within, &NARROW, self.wrk_threads)?,
        ];
        let mut sides =
            [("hold, 100 k slots", &wrks[0]), ("hold, 100 slots", &wrks[1])].map(|(name, wrk)| {
                let shop = &shop;
                Side::new(name, move |seconds, seed| {
                    wrk.run((&shop.program, shop.port), 64, seconds, seed, false)
                })
            });
        let series = alternate(&mut sides, self.rounds, self.seconds)?;
        record.keep(&series);
        record.compare("6", &series[1], &series[0]);
        Ok(())
    }

    /// Bar 4: Redis, which answers after its disk as well. The echo takes its turn too: what bare hyper makes of the bar.
    pub fn redis(&self, record: &mut Record) -> Result<(), String> {
        if find("redis-server").is_none() {
            record.skip(redis::MISSING.to_owned());
            return Ok(());
        }
        let shop = Shop::open(self.within, "fsync", &[WIDE])?;
        let echo = self.echo_of_a_hold(&shop)?;
        let wrk = Wrk::new(self.within, &WIDE, self.wrk_threads)?;
        let redis = Redis::start(self.within)?;
        let mut sides = [
            Side::new("hold, fsync", |seconds, seed| {
                wrk.run((&shop.program, shop.port), 64, seconds, seed, false)
            }),
            Side::new("Redis, depth 1", |seconds, _| redis.run(1, seconds)),
            Side::new("Redis, depth 16", |seconds, _| redis.run(16, seconds)),
            Side::new("echo", |seconds, seed| wrk.run((&echo.program, echo.port), 64, seconds, seed, false)),
        ];
        let series = alternate(&mut sides, self.rounds, self.seconds)?;
        record.keep(&series);
        record.compare("4", &series[0], &series[1]);
        record.compare("4b", &series[0], &series[2]);
        record.compare("4, echo", &series[3], &series[1]);
        record.compare("4b, echo", &series[3], &series[2]);
        Ok(())
    }

    /// Bar 5: PostgreSQL with its best number of clients; the echo as in [`Bench::redis`].
    pub fn postgres(&self, record: &mut Record) -> Result<(), String> {
        if find("initdb").and(find("pgbench")).is_none() {
            record.skip(postgres::MISSING.to_owned());
            return Ok(());
        }
        let shop = Shop::open(self.within, "fsync", &[WIDE])?;
        let echo = self.echo_of_a_hold(&shop)?;
        let wrk = Wrk::new(self.within, &WIDE, self.wrk_threads)?;
        let postgres = Postgres::start(self.within)?;
        let mut sides = [
            Side::new("hold, fsync", |seconds, seed| {
                wrk.run((&shop.program, shop.port), 64, seconds, seed, false)
            }),
            Side::new(format!("PostgreSQL, {} clients", postgres.clients()), |seconds, _| {
                postgres.run(seconds)
            }),
            Side::new("echo", |seconds, seed| wrk.run((&echo.program, echo.port), 64, seconds, seed, false)),
        ];
        let series = alternate(&mut sides, self.rounds, self.seconds)?;
        record.keep(&series);
        record.compare("5", &series[0], &series[1]);
        record.compare("5, echo", &series[2], &series[1]);
        Ok(())
    }

    /// Bar 3: the time to the answer at a fixed rate. If the rate is beyond this machine, with the tester beside, at a
    /// third of it, and the note says so.
    pub fn latency(&self, record: &mut Record) -> Result<(), String> {
        let shop = Shop::open(self.within, "fsync", &[WIDE])?;
        let echo = self.echo_of_a_hold(&shop)?;
        for (turn, rate) in [30_000, 10_000].into_iter().enumerate() {
            let paced = |name: &str, program, port| {
                // wrk is not used here; the numbers of the two rates must not meet.
                let base = turn as u64 * 100_000;
                Side::new(format!("{name}, open loop at {rate}/s"), move |seconds, seed| {
                    open_loop::run((program, port), &WIDE, rate, seconds, base + seed)
                })
            };
            let mut sides = [
                paced("echo", &echo.program, echo.port),
                paced("hold", &shop.program, shop.port),
                // In its turn with the others, because a sync waits for whatever else the machine does.
                Side::new("one sync", |_, _| {
                    let took = machine::syncs(self.within).map_err(|error| error.to_string())?.median;
                    Ok(Sample { per_second: 1e6 / took, p50_us: Some(took), ..Sample::default() })
                }),
            ];
            let series = alternate(&mut sides, self.rounds, self.seconds)?;
            record.keep(&series);
            let micros = |side: usize| series[side].p50_us().unwrap_or_default();
            let kept_up = series[..2].iter().all(|side| side.rate().median > 0.95 * rate as f64);
            let note = format!(
                "at {rate}/s{}: hold {:.0} us, echo {:.0} us, one sync {:.0} us",
                if kept_up { "" } else { ", WHICH WAS NOT REACHED" },
                micros(1),
                micros(0),
                micros(2)
            );
            let rounds = (0..self.rounds).map(|round| {
                let of = |side: usize| series[side].samples[round].p50_us.unwrap_or_default();
                of(1) / (of(0) + of(2))
            });
            let figure = micros(1) / (micros(0) + micros(2));
            record.figure("3", figure, Some(Spread { median: figure, ..spread(rounds) }), &note);
            if kept_up {
                break;
            }
        }
        Ok(())
    }

    /// Bar 14: joining a waiting room as a browser does, and its public document, each over an echo of the same.
    pub fn waiting_room(&self, record: &mut Record) -> Result<(), String> {
        let shop = Shop::open(self.within, "fsync", &[])?;
        shop.waiting_room("line")?;
        let path = "/v1/sales/line/queue";
        let joined = shop.ask("POST", path, "{}")?.expect(201)?;
        let document = shop.ask("GET", path, "")?.expect(200)?;
        let echoes = [Echo::start(self.within, &joined)?, Echo::start(self.within, &document)?];
        let join = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let look = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        let script = |name, request: &str| {
            Wrk::with_script(self.within, name, &same_request(request), self.wrk_threads)
        };
        let wrks = [script("join", &join)?, script("document", &look)?];
        let ours = (&shop.program, shop.port);
        let mut sides = [
            ("echo of a join", &wrks[0], (&echoes[0].program, echoes[0].port)),
            ("join, fsync", &wrks[0], ours),
            ("echo of the document", &wrks[1], (&echoes[1].program, echoes[1].port)),
            ("the public document", &wrks[1], ours),
        ]
        .map(|(name, wrk, server)| {
            Side::new(name, move |seconds, seed| wrk.run(server, 64, seconds, seed, false))
        });
        let series = alternate(&mut sides, self.rounds, self.seconds)?;
        record.keep(&series);
        record.compare("14", &series[1], &series[0]);
        record.compare("14b", &series[3], &series[2]);
        Ok(())
    }

    /// How many facts one sync carries: with one client it must be waited for alone, with many it must be shared.
    pub fn syncs(&self, record: &mut Record) -> Result<(), String> {
        let shop = Shop::open(self.within, "fsync", &[WIDE])?;
        let wrk = Wrk::new(self.within, &WIDE, self.wrk_threads)?;
        for (bar, connections) in [("facts/sync, 1", 1), ("facts/sync, 64", 64)] {
            wrk.run((&shop.program, shop.port), connections, 1, u64::from(connections), false)?;
            let before = shop.journal()?;
            let seed = 1_000 + u64::from(connections);
            let sample = wrk.run((&shop.program, shop.port), connections, self.seconds, seed, false)?;
            let after = shop.journal()?;
            let carried = (after.facts - before.facts) / (after.syncs - before.syncs);
            let note = format!(
                "{:.0}/s, p50 {:.0} us, errors {}",
                sample.per_second,
                sample.p50_us.unwrap_or_default(),
                sample.errors
            );
            record.figure(bar, carried, None, &note);
        }
        Ok(())
    }
}

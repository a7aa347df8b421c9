//! Redis as somebody would build the same with it: a Lua script that takes both slots or none, writes the cart and
//! queues its expiry, with an append-only file that is synced before the answer.
//!
//! It has less to do than our server: no HTTP, no idempotency key, no limit per customer, no check of who calls.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::process::{Program, find, folder, free_port, output};
use super::series::Sample;
use super::traffic::WIDE;

/// What to type when it is missing.
pub const MISSING: &str = "redis-server is missing; apt-get install -y redis-server";

/// Takes two slots, or tells that they are gone.
const HOLD: &str = "\
    local a, b = 'slot:' .. ARGV[1], 'slot:' .. ARGV[2] \
    local fa, fb = tonumber(redis.call('GET', a)), tonumber(redis.call('GET', b)) \
    if not fa or not fb or fa < 1 or fb < 1 or (a == b and fa < 2) then return redis.error_reply('GONE') end \
    redis.call('DECR', a) redis.call('DECR', b) \
    local cart = redis.call('INCR', 'carts') \
    redis.call('HSET', 'cart:' .. cart, 'customer', ARGV[3], 'a', ARGV[1], 'b', ARGV[2], 'state', 'open') \
    redis.call('ZADD', 'expiry', 600000 + cart, cart) \
    return cart";

/// Fills the slots.
const STOCK: &str =
    "for slot = 0, ARGV[1] - 1 do redis.call('SET', 'slot:' .. string.format('%012d', slot), 10000000) end";

/// A running Redis.
#[derive(Debug)]
pub struct Redis {
    program: Program,
    port: u16,
    hold: String,
    _folder: tempfile::TempDir,
}

impl Redis {
    /// Starts one on an empty folder and fills the slots.
    pub fn start(within: &Path) -> Result<Self, String> {
        let (server, cli) = find("redis-server").zip(find("redis-cli")).ok_or(MISSING)?;
        let folder = folder(within, "redis")?;
        let port = free_port()?;
        let log = folder.path().join("log");
        let mut command = Command::new(server);
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"])
            .arg(folder.path())
            // Rewriting the file in the middle of a run would be held against it.
            .args(["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]);
        let mut program = Program::start("redis-server", &mut command, &log, Signal::TERM)?;
        program.wait_for(port, &log)?;
        let ask = |words: &[&str]| {
            output("redis-cli", Command::new(&cli).args(["-e", "-p", &port.to_string()]).args(words))
        };
        let slots = (WIDE.venues * WIDE.slots).to_string();
        ask(&["EVAL", STOCK, "0", &slots])?;
        let hold = ask(&["SCRIPT", "LOAD", HOLD])?.trim().to_owned();
        Ok(Self { program, port, hold, _folder: folder })
    }

    /// Holds for about so many seconds on 64 connections, `depth` requests on the way on each. redis-benchmark ends at
    /// the first error it is answered, so a sample has none.
    pub fn run(&self, depth: u32, seconds: u64) -> Result<Sample, String> {
        let program = find("redis-benchmark").ok_or(MISSING)?;
        // It wants a number of requests; at what Redis reaches here this is about the time.
        let (holds, slots) = (25_000 * seconds, WIDE.venues * WIDE.slots);
        let cpu = self.program.cpu_seconds();
        let said = output(
            "redis-benchmark",
            Command::new(program)
                .args(["--csv", "-c", "64", "-p", &self.port.to_string(), "-P", &depth.to_string()])
                .args(["-n", &holds.to_string(), "-r", &slots.to_string()])
                .args(["EVALSHA", &self.hold, "0", "__rand_int__", "__rand_int__", "c-__rand_int__"]),
        )?;
        let cpu = self.program.cpu_seconds() - cpu;
        parse(&said, cpu * 1e6 / holds as f64)
            .ok_or_else(|| format!("redis-benchmark said what is not understood:\n{said}"))
    }
}

/// The last line of its CSV: name, requests a second, then latencies in milliseconds: average, min, p50, p95, p99, max.
fn parse(said: &str, cpu_us: f64) -> Option<Sample> {
    let fields: Vec<&str> =
        said.lines().last()?.rsplit("\",\"").map(|field| field.trim_matches('"')).collect();
    let number = |from_end: usize| fields.get(from_end)?.parse::<f64>().ok();
    Some(Sample {
        per_second: number(6)?,
        errors: 0.0,
        p50_us: Some(number(3)? * 1e3),
        p99_us: Some(number(1)? * 1e3),
        cpu_us: Some(cpu_us),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_csv_is_read_from_its_end() {
        let said = "\"test\",\"rps\",\"avg\"\n\"EVALSHA x\",\"25000.50\",\"1.2\",\"0.1\",\"1.1\",\"2.0\",\"3.0\",\"9.0\"\n";
        let sample = parse(said, 30.0).unwrap();
        assert_eq!(
            (sample.per_second, sample.p50_us, sample.p99_us),
            (25_000.5, Some(1_100.0), Some(3_000.0))
        );
    }
}

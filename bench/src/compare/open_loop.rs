//! Holds at a fixed rate, open loop: an instant for each request is set beforehand and nothing the server does moves it.
//!
//! Each connection has a thread that sleeps until its next instant, sends and reads. wrk cannot do this (it sends when it
//! has been answered) and tokio's timers are a millisecond coarse. Time counts from the intended instant; a connection
//! that is still waiting when its next instant comes sends late, and that is in the figure. The kernel wakes a sleeper up
//! to 50 us late; both sides of a ratio have that.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::process::Program;
use super::series::{Sample, spread};
use super::traffic::Traffic;

/// Connections; at 30 k/s each has 4 ms for an answer before it is late.
const CONNECTIONS: u64 = 128;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends `rate` requests a second for so many seconds. `per_second` of the sample is what was answered: if it is below the
/// rate, the rate was beyond server or tester.
pub fn run(
    (server, port): (&Program, u16),
    traffic: &Traffic,
    rate: u64,
    seconds: u64,
    seed: u64,
) -> Result<Sample, String> {
    let cpu = server.cpu_seconds();
    let begin = Instant::now() + Duration::from_millis(100);
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|connection| {
            let plan = Plan { begin, rate, connection, count: rate * seconds / CONNECTIONS, seed };
            let traffic = *traffic;
            std::thread::spawn(move || plan.walk(port, &traffic))
        })
        .collect();
    let mut took = Vec::new();
    let mut errors = 0.0;
    for thread in threads {
        let (micros, failed) =
            thread.join().map_err(|_| "a sender panicked")?.map_err(|error| format!("sending: {error}"))?;
        took.extend(micros);
        errors += f64::from(failed);
    }
    let elapsed = begin.elapsed().as_secs_f64();
    let cpu = server.cpu_seconds() - cpu;
    let answers = took.len() as f64;
    took.sort_by(f64::total_cmp);
    let p99 = took.get(took.len() * 99 / 100).copied();
    Ok(Sample {
        per_second: answers / elapsed,
        errors,
        p50_us: Some(spread(took).median),
        p99_us: p99,
        cpu_us: Some(cpu * 1e6 / answers),
    })
}

/// What one connection sends and when.
struct Plan {
    begin: Instant,
    rate: u64,
    connection: u64,
    count: u64,
    seed: u64,
}

impl Plan {
    /// Microseconds of every answer, and how many were not 201.
    fn walk(&self, port: u16, traffic: &Traffic) -> io::Result<(Vec<f64>, u32)> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut took = Vec::with_capacity(usize::try_from(self.count).unwrap_or(0));
        let mut failed = 0;
        let mut buffer = [0_u8; 8_192];
        for turn in 0..self.count {
            let place = turn * CONNECTIONS + self.connection;
            let number = (self.seed << 40) + place;
            // Three draws out of one multiplication are chance enough to spread load.
            let draw = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
            let pick = |shift: u32, of: u32| u32::try_from((draw >> shift) % u64::from(of)).unwrap_or(0);
            let (venue, first) = (pick(0, traffic.venues), pick(16, traffic.slots));
            let second = (first + 1 + pick(32, traffic.slots - 1)) % traffic.slots;
            let request = traffic.request(number, venue, first, second);
            let intended = self.begin + Duration::from_nanos(place * 1_000_000_000 / self.rate);
            if let Some(early) = intended.checked_duration_since(Instant::now()) {
                std::thread::sleep(early);
            }
            stream.write_all(&request)?;
            let created = answer(&mut stream, &mut buffer)?;
            failed += u32::from(!created);
            took.push(intended.elapsed().as_secs_f64() * 1e6);
        }
        Ok((took, failed))
    }
}

/// Reads one answer whole; says whether it is a 201.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if complete(&buffer[..filled]) {
            return Ok(buffer.starts_with(b"HTTP/1.1 201 "));
        }
    }
}

fn complete(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        assert!(!complete(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n"));
        assert!(!complete(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{"));
        assert!(complete(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"));
    }
}

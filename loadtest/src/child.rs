//! Programs that were started here, the server or a peer it is compared with: how they are stopped, and where they may
//! listen.

use std::io;
use std::net::TcpListener;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Between two looks whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Asks a program to end, as its operator would, and waits; who has not listened after `limit` is killed, because a program
/// left running would spoil the next run on this machine.
pub fn stop(child: &mut Child, farewell: Signal, limit: Duration) {
    // Once it has been waited for, its number may belong to somebody else.
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Fails only if it is gone already, which is what is wanted.
        let _ = kill_process(pid, farewell);
    }
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Ports below those that the system gives to outgoing connections, of which a crowd opens thousands while the next server
/// starts: one of those could be taken between the look and the use.
const PORTS: std::ops::Range<u32> = 10_000..32_000;

/// A port of 127.0.0.1 that was free a moment ago, and that nobody else here was told of.
///
/// # Errors
/// What the system says.
pub fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    for _ in 0..count {
        // Processes that run beside each other begin elsewhere.
        let place = std::process::id().wrapping_mul(7_919).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + place % count).unwrap_or(0);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn shell(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).spawn().expect("a shell")
    }

    #[test]
    fn who_listens_is_asked_and_who_does_not_is_killed() {
        let begun = Instant::now();
        let mut polite = shell("exec sleep 600");
        stop(&mut polite, Signal::TERM, Duration::from_secs(60));
        let mut deaf = shell("trap '' TERM; while :; do sleep 0.05; done");
        stop(&mut deaf, Signal::TERM, Duration::from_millis(300));
        for child in [&mut polite, &mut deaf] {
            assert!(matches!(child.try_wait(), Ok(Some(_))), "it has ended and was waited for");
            stop(child, Signal::TERM, Duration::from_secs(60));
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_free_port_can_be_listened_on() {
        let port = free_port().expect("a port");
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok());
    }
}

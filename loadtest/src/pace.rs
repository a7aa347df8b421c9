//! Waiting for an instant to well under a millisecond without spinning.
//!
//! tokio's timer wheel counts in milliseconds and rounds up, which would add up to 2 ms to every honest latency. On Linux the
//! kernel's timerfd wakes the same epoll within some 50 us; elsewhere the wheel has to do. Spinning was never an option: the
//! tester shares two cores with the server it measures.

use std::time::Instant;

/// An alarm clock for one task.
#[derive(Debug)]
pub struct Pace {
    #[cfg(target_os = "linux")]
    alarm: Option<alarm::Alarm>,
}

impl Pace {
    /// A new alarm clock; must be made inside the runtime it is used in.
    pub fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            alarm: alarm::Alarm::new().ok(),
        }
    }

    /// Returns at once if `when` has passed, else when it has come.
    pub async fn until(&self, when: Instant) {
        while let Some(left) = when.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            #[cfg(target_os = "linux")]
            if let Some(alarm) = &self.alarm
                && alarm.ring_in(left).await.is_ok()
            {
                continue;
            }
            tokio::time::sleep(left).await;
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(target_os = "linux")]
mod alarm {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use tokio::io::unix::AsyncFd;

    /// One timerfd registered with the runtime.
    #[derive(Debug)]
    pub(super) struct Alarm(AsyncFd<OwnedFd>);

    impl Alarm {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe, for types whose descriptor could change; an OwnedFd's cannot"
            )]
            let registered = AsyncFd::new(fd)?;
            Ok(Self(registered))
        }

        pub(super) async fn ring_in(&self, left: Duration) -> io::Result<()> {
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let once = Itimerspec { it_interval: never, it_value: value };
            rustix::time::timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            let mut ready = self.0.readable().await?;
            // Reading takes the ring; a stale readiness reads EAGAIN and the caller's loop waits again.
            let _ = rustix::io::read(self.0.get_ref(), &mut [0_u8; 8]);
            ready.clear_ready();
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn never_early_and_at_once_for_the_past() {
        let pace = Pace::new();
        let when = Instant::now() + Duration::from_micros(3_300);
        pace.until(when).await;
        assert!(Instant::now() >= when);
        pace.until(when).await;
    }
}

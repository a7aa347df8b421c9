//! The self-tests of honest latency: a server that freezes once, and one that serves half of what is offered. A tester
//! that waits for answers before it sends the next request would find both of them fast.

mod stub;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stub::{fine, serve, steady, steady_from};

/// A stub that answers at once, but nothing between `from` and `from + long` after its first request.
fn freezing(from: Duration, long: Duration) -> String {
    let first: Mutex<Option<Instant>> = Mutex::new(None);
    serve(move |_| {
        let first = *first.lock().unwrap().get_or_insert_with(Instant::now);
        let (begin, end) = (first + from, first + from + long);
        async move {
            let now = Instant::now();
            if (begin..end).contains(&now) {
                tokio::time::sleep_until(end.into()).await;
            }
            fine()
        }
    })
}

/// How often a test is tried whose figures are too high.
const TRIES: usize = 5;

/// A machine whose sleeping thread wakes later than this in all, beyond a timer's own grain, has not run.
const STALLS: Duration = Duration::from_millis(20);

/// What a timer may be late by.
const GRAIN: Duration = Duration::from_millis(2);

/// Runs a test of times. What a dishonest tester would find too fast is asserted by the test itself, in any weather: who stands
/// still finds requests slower, never faster. What is too high is the `Err`. On a shared machine that may be the machine, so the
/// test is tried again; it has failed when that has come twice while the machine ran.
fn while_the_machine_runs(test: impl Fn() -> Result<(), String>) {
    let mut too_high = Vec::new();
    for _ in 0..TRIES {
        let running = Arc::new(AtomicBool::new(true));
        let watched = Arc::clone(&running);
        let watch = std::thread::spawn(move || {
            let mut stood_still = Duration::ZERO;
            while watched.load(Ordering::Relaxed) {
                let before = Instant::now();
                std::thread::sleep(Duration::from_millis(1));
                stood_still += before.elapsed().saturating_sub(Duration::from_millis(1) + GRAIN);
            }
            stood_still
        });
        let came = test();
        running.store(false, Ordering::Relaxed);
        let stood_still = watch.join().unwrap();
        let Err(what) = came else { return };
        eprintln!("{what}; the machine stood still for {stood_still:?}");
        if stood_still <= STALLS {
            too_high.push(what);
        }
        assert!(too_high.len() < 2, "{too_high:?}, although the machine ran");
    }
    eprintln!(
        "this machine does not run for seconds on end: what is too high by less than a stall was not looked at"
    );
}

/// The `Err` of a figure beyond what the server explains.
fn at_most<T: PartialOrd + std::fmt::Debug>(what: &str, came: T, most: T) -> Result<(), String> {
    if came <= most { Ok(()) } else { Err(format!("{what} {came:?} is more than {most:?}")) }
}

/// 1,000/s for 10 s, frozen for 1 s once: a tenth of all requests wait 0 to 1 s, evenly. So p90 is still fast, p95 half a
/// second, p99 0.9 s, and 1,000 are slow, where ten patient connections would have seen ten.
#[test]
fn a_freeze_of_a_second_shows_in_a_thousand_requests() {
    while_the_machine_runs(|| {
        let url = freezing(Duration::from_secs(4), Duration::from_secs(1));
        let came = steady(&url, 1_000.0, 10.0, Duration::from_secs(10), 4_096, Duration::from_millis(20));
        let all = came.all.latency;
        assert_eq!(all.count, 10_000, "{all:?}");
        assert!(came.slow >= 930, "{} slow, 980 of them slower than 20 ms", came.slow);
        assert!(all.p95_us >= 420_000 && all.p99_us >= 850_000 && all.max_us >= 950_000, "{all:?}");
        at_most("lost requests", came.all.lost, 0)?;
        at_most("slow requests", came.slow, 1_050)?;
        at_most("p50", all.p50_us, 20_000)?;
        at_most("p90", all.p90_us, 60_000)?;
        at_most("p95", all.p95_us, 580_000)?;
        at_most("p99", all.p99_us, 960_000)?;
        at_most("the longest", all.max_us, 1_150_000)
    });
}

/// The same freeze with ten connections: the rest cannot be sent, counts with its time-out, and the run is void.
#[test]
fn too_few_connections_make_the_run_void() {
    while_the_machine_runs(|| {
        let url = freezing(Duration::from_secs(1), Duration::from_millis(500));
        let came = steady(&url, 500.0, 2.0, Duration::from_secs(3), 10, Duration::from_secs(3));
        assert!(came.limited);
        assert!(came.all.not_sent >= 200, "{} of 250 less 10", came.all.not_sent);
        assert!(came.slow >= came.all.not_sent, "what was not sent has at least its time-out");
        at_most("not sent", came.all.not_sent, 250)?;
        at_most("slow requests", came.slow, came.all.not_sent)
    });
}

/// A stub that serves 100/s in order, whether or not anybody still waits.
fn hundred_a_second() -> String {
    let free_at: Mutex<Option<Instant>> = Mutex::new(None);
    serve(move |_| {
        let mut free_at = free_at.lock().unwrap();
        let done = free_at.unwrap_or_else(Instant::now).max(Instant::now()) + Duration::from_millis(10);
        *free_at = Some(done);
        async move {
            tokio::time::sleep_until(done.into()).await;
            fine()
        }
    })
}

/// The scenario offers 200/s for 30 s; here durations are divided by ten. Latency grows evenly from 0 to 3 s, mean 1.5 s,
/// and the last answer comes at 6 s: what was offered in 3 s takes 6 s to serve.
#[test]
fn overload_makes_latency_grow_evenly() {
    while_the_machine_runs(|| {
        let came = steady(
            &hundred_a_second(),
            200.0,
            3.0,
            Duration::from_secs(60),
            4_096,
            Duration::from_millis(1_500),
        );
        let all = came.all.latency;
        assert_eq!((all.count, came.all.lost), (600, 0));
        assert!(all.mean_us >= 1_400_000 && all.p50_us >= 1_400_000 && all.max_us >= 2_900_000, "{all:?}");
        assert!(came.slow >= 285, "half are slower than the mean: {}", came.slow);
        let seconds = came.last_after.as_secs_f64();
        assert!(seconds >= 5.8, "last answer at {seconds} s");
        at_most("the mean", all.mean_us, 1_650_000)?;
        at_most("p50", all.p50_us, 1_650_000)?;
        at_most("the longest", all.max_us, 3_250_000)?;
        at_most("slow requests", came.slow, 330)?;
        at_most("the last answer", seconds, 6.5)?;
        at_most("limited by the tester, where the server was the limit,", came.limited, false)
    });
}

/// With a time-out of a third of the longest wait two thirds are lost, and show as lost, with at least the time-out.
#[test]
fn time_outs_stay_in_the_table() {
    while_the_machine_runs(|| {
        let timeout = Duration::from_secs(1);
        let came = steady(&hundred_a_second(), 200.0, 3.0, timeout, 4_096, timeout);
        let all = came.all.latency;
        assert_eq!(all.count, 600);
        assert!(came.slow >= 380, "{} of 600 waited as long as the time-out", came.slow);
        assert!(came.all.lost >= 200, "{} lost", came.all.lost);
        assert!(came.slow >= came.all.lost, "lost requests have at least their time-out");
        assert!(all.p50_us >= 999_000, "{all:?}");
        assert_eq!(came.all.not_sent, 0);
        at_most("lost requests", came.all.lost, 415)?;
        // An answer that comes while nothing runs is there when the time-out is looked at.
        at_most("answers after the time-out", came.slow - came.all.lost, 5)
    });
}

/// A tester that stands still until all is over finds everything late, nothing missing: what it has not sent when it looks at
/// the clock again is on the way all the same.
#[test]
fn who_wakes_after_the_end_has_everything_in_the_table() {
    let url = serve(|_| async { fine() });
    let past = || Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    let second = Duration::from_secs(1);
    let came = steady_from(past, &url, 200.0, 2.0, Duration::from_secs(60), 4_096, second);
    assert_eq!((came.all.latency.count, came.all.lost, came.slow), (400, 0, 400), "{:?}", came.all);
    assert!(came.limited, "the tester was late, not the server");
}

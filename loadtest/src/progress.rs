//! The line that shows a run is alive. The load's thread only counts; another thread draws, because a slow terminal would
//! otherwise delay requests. Without a terminal there is a plain line every ten seconds.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    answered: AtomicU64,
    held: AtomicU64,
    ordered: AtomicU64,
    waiting: AtomicU64,
    over: AtomicBool,
}

/// Says on standard error what the run is about to do, for the parts that have no counts.
pub fn stage(words: &str) {
    eprintln!("loadtest: {words}");
}

/// The counters, cheap to bump from the load's thread.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Counts>);

impl Pulse {
    /// A request went out.
    pub fn sent(&self) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// It came back or was given up.
    pub fn answered(&self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// A cart was acknowledged.
    pub fn held(&self) {
        self.0.held.fetch_add(1, Ordering::Relaxed);
    }

    /// An order was confirmed.
    pub fn ordered(&self) {
        self.0.ordered.fetch_add(1, Ordering::Relaxed);
    }

    /// So many wait in a line now.
    pub fn waiting(&self, devices: u64) {
        self.0.waiting.store(devices, Ordering::Relaxed);
    }

    /// Requests that went out so far.
    pub fn requests(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Requests that are out now.
    pub fn open(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed).saturating_sub(self.0.answered.load(Ordering::Relaxed))
    }

    fn line(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.0;
        let line = match of(&counts.waiting) {
            0 => String::new(),
            waiting => format!("{waiting} in line, "),
        };
        format!(
            "{line}{} requests, {} open, {} carts held, {} orders",
            of(&counts.sent),
            self.open(),
            of(&counts.held),
            of(&counts.ordered)
        )
    }
}

/// Draws a pulse until dropped.
#[derive(Debug)]
pub struct ProgressLine {
    pulse: Pulse,
    drawer: Option<JoinHandle<()>>,
}

impl ProgressLine {
    /// Begins to draw on standard error.
    pub fn start(pulse: &Pulse) -> Self {
        let shown = pulse.clone();
        let drawer = std::thread::Builder::new().name("progress".into()).spawn(move || draw(&shown)).ok();
        Self { pulse: pulse.clone(), drawer }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.pulse.0.over.store(true, Ordering::Relaxed);
        if let Some(drawer) = self.drawer.take() {
            drawer.thread().unpark();
            // A panic of the drawer loses a line on the terminal, not the run.
            let _ = drawer.join();
        }
    }
}

fn draw(pulse: &Pulse) {
    let tty = std::io::stderr().is_terminal();
    let every = if tty { Duration::from_millis(250) } else { Duration::from_secs(10) };
    let bar = tty.then(|| {
        let style = ProgressStyle::with_template("{spinner} {elapsed:>4}  {msg}");
        ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
    });
    let started = Instant::now();
    loop {
        std::thread::park_timeout(every);
        if pulse.0.over.load(Ordering::Relaxed) {
            break;
        }
        match &bar {
            Some(bar) => {
                bar.set_message(pulse.line());
                bar.tick();
            }
            None => eprintln!("{:>4} s  {}", started.elapsed().as_secs(), pulse.line()),
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

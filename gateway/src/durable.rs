//! No answer leaves before the facts it rests on are durable.
//!
//! The engine decides in memory and says which number the answer rests on; the journal's writer moves the mark. Between
//! the two a request waits here. Each worker thread keeps its own line of waiters, ordered by number, and one task that
//! the journal wakes once per sync; it wakes everybody whose number has passed in one go. No lock is shared between
//! workers, and a request whose number has already passed (a read of a quiet shard, a refusal in a sold-out one) does
//! not touch the line at all.
//!
//! If the journal has failed, the mark will not move again: everything still waiting becomes 503 `outcome-unknown`. So it does
//! while the disk has had no room at all for two seconds: silence would be worse than not knowing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use onsale_engine::Engine;
use onsale_engine::engine::Health;
use onsale_engine::outcome::Answer;
use onsale_engine::sequence::Sequence;
use onsale_engine::time::Now;

use crate::problem::{Code, Problem};

/// What the line must know of the journal.
pub trait Mark {
    /// Up to here everything is durable.
    fn mark(&self) -> Sequence;
    /// Whether nobody should wait any longer: it will never move again, or nobody knows when.
    fn failed(&self) -> bool;
    /// Have the waker called whenever the mark has moved or this is true.
    fn on_change(&self, waker: Waker);
}

impl Mark for Engine {
    fn mark(&self) -> Sequence {
        Self::mark(self)
    }

    fn failed(&self) -> bool {
        self.is_stuck() || matches!(self.health(), Health::JournalFailed(_))
    }

    fn on_change(&self, waker: Waker) {
        self.on_mark(waker);
    }
}

/// An answer that may leave.
#[derive(Clone, Debug)]
pub struct Settled<T> {
    /// What was decided.
    pub value: T,
    /// The times it was decided at.
    pub now: Now,
    /// Whether it is the kept answer of an earlier request with the same key.
    pub replayed: bool,
}

/// Waits until the answer may leave. A refusal waits as well: it rests on facts like any other answer. Gives the engine's
/// refusal as a problem, or `outcome-unknown` when the journal failed before the mark had passed.
pub fn settle<T>(engine: &Engine, answer: Answer<T>) -> Settling<'_, T> {
    let passed = Passed { journal: engine, rests_on: answer.rests_on, ticket: None };
    Settling { passed, answer: Some(answer) }
}

/// An answer that waits for the mark. Written by hand: an `async fn` keeps what it is given twice, and a request that waits is
/// looked at again when nothing of it is in the caches any more.
#[must_use = "an answer that is not waited for may be untrue after a crash"]
pub struct Settling<'a, T> {
    passed: Passed<'a, Engine>,
    /// Until it is given.
    answer: Option<Answer<T>>,
}

/// Nothing in it refers to itself.
impl<T> Unpin for Settling<'_, T> {}

impl<T> Future for Settling<'_, T> {
    type Output = Result<Settled<T>, Problem>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(passed) = Pin::new(&mut self.passed).poll(cx) else { return Poll::Pending };
        let Some(Answer { now, replayed, result, .. }) = self.answer.take() else {
            panic!("an answer is given once")
        };
        Poll::Ready(if passed {
            result.map(|value| Settled { value, now, replayed }).map_err(Problem::from)
        } else {
            Err(unknown(self.passed.journal))
        })
    }
}

#[cold]
fn unknown(engine: &Engine) -> Problem {
    let why = match engine.health() {
        Health::JournalFailed(_) => "The journal failed before this answer was durable",
        Health::Blocked | Health::Ready => {
            "The disk has no room for what this answer rests on, and it may yet have"
        }
    };
    Problem::new(Code::OutcomeUnknown, format!("{why}; ask again with the same Idempotency-Key."))
}

/// Runs as long as the worker does: wakes the line's head whenever the mark has moved. To be spawned once per worker,
/// before the first request.
pub async fn watch<M: Mark>(journal: &M) {
    let mut registered = false;
    std::future::poll_fn(|cx| {
        if !registered {
            registered = true;
            journal.on_change(cx.waker().clone());
        }
        LINE.with_borrow_mut(|line| line.wake_up_to(journal.mark(), journal.failed()));
        Poll::<()>::Pending
    })
    .await;
}

thread_local! {
    static LINE: RefCell<Line> = const { RefCell::new(Line { waiters: VecDeque::new(), next_ticket: 0 }) };
}

struct Waiter {
    rests_on: Sequence,
    ticket: u64,
    waker: Waker,
}

/// Ascending by number, then by ticket. Numbers arrive nearly in order, so a new waiter finds its place at the end.
struct Line {
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
}

impl Line {
    fn join(&mut self, rests_on: Sequence, waker: &Waker) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let after = self.waiters.iter().rposition(|other| other.rests_on <= rests_on);
        let waiter = Waiter { rests_on, ticket, waker: waker.clone() };
        self.waiters.insert(after.map_or(0, |place| place + 1), waiter);
        ticket
    }

    fn find(&self, rests_on: Sequence, ticket: u64) -> Option<usize> {
        self.waiters.binary_search_by(|other| (other.rests_on, other.ticket).cmp(&(rests_on, ticket))).ok()
    }

    fn wake_up_to(&mut self, mark: Sequence, all: bool) {
        while self.waiters.front().is_some_and(|first| all || first.rests_on <= mark) {
            if let Some(first) = self.waiters.pop_front() {
                first.waker.wake();
            }
        }
    }
}

/// Ready with `true` once the mark has passed, with `false` once it never will.
struct Passed<'a, M: Mark> {
    journal: &'a M,
    rests_on: Sequence,
    ticket: Option<u64>,
}

impl<M: Mark> Future for Passed<'_, M> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        if self.journal.mark() >= self.rests_on {
            return Poll::Ready(true);
        }
        if self.journal.failed() {
            // The mark may have moved between the two looks.
            return Poll::Ready(self.journal.mark() >= self.rests_on);
        }
        let (rests_on, ticket) = (self.rests_on, self.ticket);
        let joined = LINE.with_borrow_mut(|line| {
            match ticket.and_then(|ticket| line.find(rests_on, ticket).map(|place| (ticket, place))) {
                Some((ticket, place)) => {
                    line.waiters[place].waker.clone_from(cx.waker());
                    ticket
                }
                None => line.join(rests_on, cx.waker()),
            }
        });
        self.ticket = Some(joined);
        // A sync between the look above and joining has woken the watching task already, which runs on this thread
        // and therefore after this poll: it will find us in the line.
        Poll::Pending
    }
}

impl<M: Mark> Drop for Passed<'_, M> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        LINE.with_borrow_mut(|line| {
            if let Some(place) = line.find(self.rests_on, ticket) {
                line.waiters.remove(place);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[derive(Default)]
    struct FakeJournal {
        mark: Cell<u64>,
        failed: Cell<bool>,
        waker: RefCell<Option<Waker>>,
    }

    impl FakeJournal {
        fn synced(&self, mark: u64) {
            self.mark.set(mark);
            self.waker.borrow().as_ref().unwrap().wake_by_ref();
        }
    }

    impl Mark for FakeJournal {
        fn mark(&self) -> Sequence {
            Sequence(self.mark.get())
        }
        fn failed(&self) -> bool {
            self.failed.get()
        }
        fn on_change(&self, waker: Waker) {
            *self.waker.borrow_mut() = Some(waker);
        }
    }

    fn with_line(test: impl AsyncFnOnce(Rc<FakeJournal>)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let journal = Rc::new(FakeJournal::default());
            let watched = Rc::clone(&journal);
            tokio::task::spawn_local(async move { watch(&*watched).await });
            tokio::task::yield_now().await;
            test(journal).await;
        });
    }

    fn wait(journal: &Rc<FakeJournal>, number: u64) -> tokio::task::JoinHandle<bool> {
        let journal = Rc::clone(journal);
        tokio::task::spawn_local(async move {
            let passed = Passed { journal: &*journal, rests_on: Sequence(number), ticket: None };
            passed.await
        })
    }

    async fn turn() {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn everybody_whose_number_has_passed_is_woken_and_nobody_else() {
        with_line(async |journal| {
            let waits: Vec<_> =
                [3, 1, 2, 5, 4, 3].into_iter().map(|number| (number, wait(&journal, number))).collect();
            turn().await;
            journal.synced(3);
            turn().await;
            for (number, handle) in &waits {
                assert_eq!(handle.is_finished(), *number <= 3, "{number}");
            }
            journal.synced(5);
            for (_, handle) in waits {
                assert!(handle.await.unwrap());
            }
        });
    }

    #[test]
    fn a_failed_journal_ends_every_wait() {
        with_line(async |journal| {
            let (passed, lost) = (wait(&journal, 1), wait(&journal, 2));
            turn().await;
            journal.failed.set(true);
            journal.synced(1);
            assert!(passed.await.unwrap());
            assert!(!lost.await.unwrap());
        });
    }

    #[test]
    fn who_goes_away_leaves_the_line() {
        with_line(async |journal| {
            let handle = wait(&journal, 9);
            turn().await;
            assert_eq!(LINE.with_borrow(|line| line.waiters.len()), 1);
            handle.abort();
            turn().await;
            assert_eq!(LINE.with_borrow(|line| line.waiters.len()), 0);
        });
    }
}

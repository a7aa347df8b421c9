//! Pages of people who only look: they fill what the crowd itself asks for up to the rate the day is known for. So the offered
//! rate is that of the day however many visitors are thinking, and what the server answers does not thin it.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::room::Room;
use crate::client::Call;
use crate::draw;
use crate::turns::Turn;

/// So often the rate is made up.
pub const EVERY: Duration = Duration::from_millis(10);

/// What is owed or overdrawn beyond a second's worth is forgotten: a burst of the crowd is not paid for with silence.
const REMEMBERED_S: f64 = 1.0;

/// Requests a second that are to be offered in all, by seconds after t0 (negative before it).
pub struct Views {
    rate: Box<dyn Fn(f64) -> f64>,
    owed: Cell<f64>,
    counted: Cell<u64>,
    sent: Cell<u64>,
}

impl fmt::Debug for Views {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Views").field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl Views {
    /// Pages that fill up to this rate.
    pub fn up_to(rate: impl Fn(f64) -> f64 + 'static) -> Self {
        Self { rate: Box::new(rate), owed: Cell::new(0.0), counted: Cell::new(0), sent: Cell::new(0) }
    }

    /// Pages that were sent.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// How many pages are due, `after_s` from t0, when so many requests have gone out in all.
    fn due(&self, after_s: f64, requests: u64) -> u64 {
        let rate = (self.rate)(after_s);
        let news = requests.saturating_sub(self.counted.replace(requests));
        let news = f64::from(u32::try_from(news).unwrap_or(u32::MAX));
        let remembered = rate * REMEMBERED_S;
        let owed = (self.owed.get() + rate * EVERY.as_secs_f64() - news).clamp(-remembered, remembered);
        let due = draw::whole(owed.floor());
        let due = u32::try_from(due).unwrap_or(u32::MAX);
        // The pages themselves are counted among the requests at the next look.
        self.owed.set(owed);
        u64::from(due)
    }

    /// Sends those that are due at this instant.
    pub fn send(&self, room: &Rc<Room>, at: Instant) {
        let after = match at.checked_duration_since(room.t0) {
            Some(after) => after.as_secs_f64(),
            None => -room.t0.saturating_duration_since(at).as_secs_f64(),
        };
        let due = self.due(after, room.shop.desk.floor.pulse.requests());
        self.sent.set(self.sent.get() + due);
        if due == 0 {
            return;
        }
        let desk = &room.shop.desk;
        let path = format!("/v1/sales/{}/availability?by=venue,day&product={}", desk.sale, room.shop.product);
        let view = Call::get(path).key(&room.shop.web_key);
        let view = Rc::new(view);
        for _ in 0..due {
            desk.floor.view(Turn::at(at), &view);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crowd that sends so many requests of its own between two looks; gives back the pages of `looks` looks.
    fn pages(views: &Views, own: u64, looks: u32) -> u64 {
        let (mut requests, mut pages) = (views.counted.get(), 0);
        for _ in 0..looks {
            let due = views.due(1.0, requests);
            requests += due + own;
            pages += due;
        }
        pages
    }

    #[test]
    fn pages_fill_up_to_the_rate_and_no_further() {
        let views = Views::up_to(|_| 1_000.0);
        let alone = pages(&views, 0, 100);
        assert!((990..=1_010).contains(&alone), "{alone} in a second of nobody else");
        let half = pages(&views, 5, 100);
        assert!((480..=520).contains(&half), "{half} beside 500 of the crowd's own");
        pages(&views, 50, 100);
        assert_eq!(pages(&views, 50, 100), 0, "none beside 5,000");
        assert!(pages(&views, 0, 300) >= 1_900, "a burst is forgotten after a second");
    }
}

//! What is shown for which state: the table of the waiting page. Nothing here knows HTTP or HTML.
//!
//! The engine's words come first ([`TicketState`], then [`Phase`]); a scene is what they mean to the person in front of
//! the screen, and the one thing they can do next.

use onsale_engine::time::{Now, WallTime};
use onsale_engine::waiting_room::{LineView, Phase, TicketState, TicketView};

use super::texts::Texts;
use super::words;

/// How often a page without a script looks again where nobody said: what is shown is never older than this.
const REFRESH_S: u64 = 10;

/// What can be done on a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing but waiting.
    Nothing,
    /// Join the line, with these words on the button; what who has a place already should do instead.
    Join { button: &'static str, instead: &'static str },
    /// See how the line moves.
    Watch(Watch),
    /// Go to the shop, with a pass if one is needed; until when, in milliseconds from now.
    Go { needs_pass: bool, button: &'static str, left_ms: Option<u64> },
    /// Go on waiting, with these words on the button and these fields for `/`.
    Return { button: &'static str, fields: Vec<(&'static str, String)> },
    /// Join again with the ticket, or without it where that would not work yet.
    Again { fresh: bool },
}

/// A place in the line.
#[derive(Debug, PartialEq, Eq)]
pub struct Watch {
    /// How many are ahead, as a sentence.
    pub ahead: String,
    /// The place, as a sentence.
    pub place: Option<String>,
    /// How long it will take, as a sentence.
    pub wait: String,
    /// Why chances are low, as a sentence, if they are.
    pub why: Option<String>,
    /// How far the line has come, in thousandths.
    pub come: u32,
}

/// What is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Scene {
    /// The one heading.
    pub heading: &'static str,
    /// What is, and what to do.
    pub lead: Vec<String>,
    /// What can be done.
    pub act: Act,
    /// When a page without a script looks again, in seconds.
    pub refresh_s: Option<u64>,
    /// Whether the ticket still is a place that can be kept or given up.
    pub keeps_place: bool,
    /// What is to be said of the draw.
    pub draw: Drawing,
}

/// How far the draw is, where it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// Nothing is said of it.
    Untold,
    /// It is still to come.
    ToCome,
    /// It has been made: whoever waits can redo it.
    Made,
}

impl Scene {
    /// A scene of which nothing but a heading and a sentence is known.
    pub fn plain(heading: &'static str, lead: &str, refresh_s: Option<u64>) -> Self {
        Self {
            heading,
            lead: vec![lead.to_owned()],
            act: Act::Nothing,
            refresh_s,
            keeps_place: false,
            draw: Drawing::Untold,
        }
    }
}

/// The line of a sale and where it is.
#[derive(Debug)]
pub struct Room<'a> {
    pub line: &'a LineView,
    /// The sale's time zone.
    pub zone: &'a str,
    pub texts: &'static Texts,
    pub now: Now,
}

impl Room<'_> {
    /// For who comes without a ticket.
    pub fn arrival(&self) -> Scene {
        let t = self.texts;
        let look = |heading, lead: String| Scene::plain(heading, &lead, Some(REFRESH_S));
        // Whoever is about to press a button is not interrupted.
        let join = |heading, lead: String, button| Scene {
            act: Act::Join { button, instead: t.have_place },
            ..Scene::plain(heading, &lead, None)
        };
        let register = |paused: Option<&str>| {
            let (heading, lead, button, instead) = match self.line.closed_at {
                None => (t.register_heading, t.register_lead, t.register_button, t.have_registered),
                Some(_) => (t.join_heading, t.late_lead, t.join_button, t.have_place),
            };
            let lead = self.opens().into_iter().chain([lead.to_owned()]);
            let lead = lead.chain(paused.map(str::to_owned)).collect();
            Scene {
                lead,
                act: Act::Join { button, instead },
                draw: Drawing::ToCome,
                ..Scene::plain(heading, "", None)
            }
        };
        let drawn = self.line.drawn_at.is_some();
        match self.line.phase {
            Phase::Scheduled => {
                look(t.early_heading, self.at(self.line.joins_from, t.early_lead, t.early_lead_someday))
            }
            Phase::Prequeue => register(None),
            Phase::Paused if !drawn => register(Some(t.paused_here)),
            Phase::Open => join(t.join_heading, t.join_lead.to_owned(), t.join_button),
            Phase::Paused => join(t.join_heading, t.paused_here.to_owned(), t.join_button),
            Phase::Draining => look(t.draining_heading, t.draining_lead.to_owned()),
            Phase::PassThrough => self.through(),
            Phase::SoldOut => look(t.sold_out_heading, t.sold_out_lead.to_owned()),
            Phase::Closed => look(t.closed_heading, t.closed_lead.to_owned()),
        }
    }

    /// For who has a ticket.
    pub fn ticket(&self, view: &TicketView) -> Scene {
        let t = self.texts;
        let refresh_s = Some(view.poll_after.0.div_ceil(1_000).max(1));
        let place = |heading, lead: Vec<String>, act| Scene {
            heading,
            lead,
            act,
            refresh_s,
            keeps_place: true,
            draw: Drawing::Untold,
        };
        let kept = |heading, lead: &str, kept: &str| {
            place(heading, vec![lead.to_owned(), kept.to_owned()], Act::Nothing)
        };
        match view.state {
            TicketState::Prequeue | TicketState::Waiting if view.phase == Phase::PassThrough => {
                self.through()
            }
            TicketState::Prequeue => {
                let lead = self.line.closed_at.map_or(t.prequeue_lead, |_| t.prequeue_closed);
                let lead = self.opens().into_iter().chain([lead.to_owned()]).collect();
                Scene { draw: Drawing::ToCome, ..place(t.prequeue_heading, lead, Act::Nothing) }
            }
            TicketState::Waiting => {
                let paused = view.phase == Phase::Paused;
                let low = view.chances.map(|_| t.low);
                let lead = low.into_iter().chain(paused.then_some(t.paused)).map(str::to_owned).collect();
                let draw = if self.line.drawn_at.is_some() { Drawing::Made } else { Drawing::Untold };
                Scene { draw, ..place(t.waiting_heading, lead, Act::Watch(self.watch(view, paused))) }
            }
            TicketState::Called => self.go(view, t.called_heading, t.called_lead, t.go_button),
            TicketState::Admitted => self.go(view, t.inside_heading, t.inside_lead, t.inside_button),
            TicketState::Lapsed => self.again(t.lapsed_heading, t.lapsed_lead),
            TicketState::Left => self.again(t.left_heading, t.left_lead),
            TicketState::SoldOut => kept(t.sold_out_heading, t.sold_out_lead, t.sold_out_place),
            TicketState::Closed => kept(t.closed_heading, t.closed_lead, t.closed_place),
        }
    }

    /// When the sale opens, if that is known and still to come.
    fn opens(&self) -> Option<String> {
        Some(self.at(self.line.opens_at, self.texts.opens, "")).filter(|said| !said.is_empty())
    }

    fn watch(&self, view: &TicketView, paused: bool) -> Watch {
        let t = self.texts;
        Watch {
            ahead: view.ahead.map_or_else(|| t.ahead_back.to_owned(), |ahead| words::ahead(ahead, t)),
            place: view.place.map(|place| t.place.replace("{n}", &words::number(place, t))),
            wait: words::wait(view.wait.filter(|_| !paused), t),
            why: view.chances.map(|chances| words::why_low(chances, t)),
            come: come(view.place, view.ahead),
        }
    }

    /// Called, or inside: the way to the shop.
    fn go(&self, view: &TicketView, heading: &'static str, lead: &str, button: &'static str) -> Scene {
        let until = view.until.map(|until| self.now.wall_of(until));
        let clock = until.and_then(|until| words::clock(until, self.zone, self.texts));
        let left_ms = until.and_then(|until| u64::try_from(until.0 - self.now.wall.0).ok());
        Scene {
            heading,
            lead: vec![lead.replace("{time}", &clock.unwrap_or_default())],
            act: Act::Go { needs_pass: true, button, left_ms },
            // Often enough to show that the time is over, seldom enough to press the button in peace.
            refresh_s: Some(REFRESH_S),
            keeps_place: false,
            draw: Drawing::Untold,
        }
    }

    fn again(&self, heading: &'static str, lead: &str) -> Scene {
        let t = self.texts;
        let (joins, drawn) = (self.line.mode.joins(), self.line.drawn_at.is_some());
        let (offer, act) = match (joins, drawn) {
            (true, true) => (t.again_lead, Act::Again { fresh: false }),
            (true, false) => (t.again_fresh, Act::Again { fresh: true }),
            (false, _) => (t.again_not, Act::Nothing),
        };
        let refresh_s = if joins { None } else { Some(REFRESH_S) };
        Scene { lead: vec![lead.to_owned(), offer.to_owned()], act, ..Scene::plain(heading, "", refresh_s) }
    }

    fn through(&self) -> Scene {
        let t = self.texts;
        let act = Act::Go { needs_pass: false, button: t.go_button, left_ms: None };
        Scene { act, ..Scene::plain(t.through_heading, t.through_lead, Some(REFRESH_S)) }
    }

    /// A sentence with a moment in it, or another where none is known.
    fn at(&self, moment: Option<WallTime>, sentence: &str, without: &str) -> String {
        let moment = moment.filter(|moment| moment.0 > self.now.wall.0);
        let said = moment.and_then(|moment| words::moment(moment, self.zone, self.texts));
        said.map_or_else(|| without.to_owned(), |time| sentence.replace("{time}", &time))
    }
}

/// How far the line has come, in thousandths of the way from its head to the place. Never falls for one wait: the place
/// is fixed and the number of people ahead only falls.
fn come(place: Option<u32>, ahead: Option<u32>) -> u32 {
    match (place, ahead) {
        (_, Some(0)) => 1_000,
        (Some(place), Some(ahead)) if place > 0 => {
            u32::try_from(u64::from(place.saturating_sub(ahead)) * 1_000 / u64::from(place)).unwrap_or(1_000)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_only_goes_on() {
        let mut last = 0;
        for ahead in (0..4_521).rev() {
            let now = come(Some(4_521), Some(ahead));
            assert!(now >= last && now <= 1_000, "{ahead}");
            last = now;
        }
        assert_eq!((last, come(None, Some(7)), come(Some(3), Some(20))), (1_000, 0, 0));
    }
}

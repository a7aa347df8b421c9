//! What operators do to a line: turn its dials, take a change back, call people at once, and read the books.

use std::collections::VecDeque;

use super::admission::STEP_BYTES;
use super::{Core, Decision};
use crate::fact::LineFact;
use crate::ids::SaleIx;
use crate::keys::{Answered, KeyRecord, KeyShard};
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::request::KeyUse;
use crate::sequence::Sequence;
use crate::time::{Millis, Now};
use crate::waiting_room::{Act, Change, Dials, LineView, MAX_RAMP, Mode, Ramp, Turned};

/// The most bytes of a message, a reason or a beacon.
const MAX_TEXT: usize = 500;

/// Bytes of the facts of one change: a beacon and a turn of the dials, each with a reason, and a message.
const TURN_BYTES: usize = 4 * MAX_TEXT + 1_024;

/// What an operator turns; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct LineChange {
    /// The mode.
    pub mode: Option<Mode>,
    /// The rate.
    pub admit_per_minute: Option<u32>,
    /// How long the rate takes to get there; only with a rate.
    pub ramp: Option<Millis>,
    /// The cap.
    pub max_active: Option<u32>,
    /// What everybody is told; `Some(None)` takes it away.
    pub message: Option<Option<String>>,
    /// The outside value of the draw: between the closing of registration and the draw, once.
    pub beacon: Option<String>,
    /// The change to take back; nothing else may be turned with it.
    pub undo: Option<u64>,
    /// Why.
    pub reason: Option<String>,
    /// Which credential it is.
    pub credential: u64,
    /// The version of the line that the operator has seen; it must still stand.
    pub version: Option<u64>,
    /// Whether only to say what would stand.
    pub dry_run: bool,
}

/// `POST /v1/sales/{sale}/queue/admit`
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmitNow<'a> {
    /// How many people.
    pub count: u32,
    /// Why.
    pub reason: Option<&'a str>,
    /// Which credential it is.
    pub credential: u64,
    /// The key of the request, if it has one. A request that would only say something needs none.
    pub key: Option<KeyUse>,
    /// Whether only to say how many would be called.
    pub dry_run: bool,
}

impl LineChange {
    fn turns_something(&self) -> bool {
        let Self { mode, admit_per_minute, ramp, max_active, message, .. } = self;
        mode.is_some()
            || admit_per_minute.is_some()
            || ramp.is_some()
            || max_active.is_some()
            || message.is_some()
    }
}

/// A line with its dials turned, or as it would be.
#[derive(Clone, Debug)]
pub struct LineTurned {
    /// The line.
    pub line: LineView,
    /// When, counted from now, the last who waits would have had a turn without the change.
    pub finish_before: Option<Millis>,
}

impl Core {
    /// A line as everybody sees it.
    pub fn line(&self, now: Now, sale: &str) -> Answer<LineView> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        self.on_line(now, sale, |decision| Ok(decision.line(sale).view(decision.now_at())))
    }

    /// Turns the dials of a line if it is in the version the operator has seen, or says what would stand then.
    pub fn set_line(&self, now: Now, sale: &str, change: &LineChange) -> Answer<LineTurned> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        self.on_line_with(now, sale, TURN_BYTES, |decision| {
            let line = decision.line(sale);
            if change.version.is_some_and(|version| version != line.version) {
                return Err(Refusal::Stale);
            }
            let before = line.turned();
            let after = decision.would_turn(sale, change)?;
            let finish_before = line.finish(&before, decision.now_at());
            if change.dry_run {
                return Ok(LineTurned { line: line.view_as(&after, decision.now_at()), finish_before });
            }
            let (credential, reason, wall) =
                (change.credential, change.reason.clone(), decision.now_at().wall);
            decision.together(|decision| {
                if let Some(beacon) = change.beacon.clone() {
                    decision
                        .happen(sale, LineFact::Beacon { beacon, wall, credential, reason: reason.clone() });
                }
                if change.turns_something() || change.undo.is_some() {
                    let Turned { mode, dials, ramp, message } = after;
                    let undoes = change.undo;
                    decision.happen(
                        sale,
                        LineFact::Set { mode, dials, ramp, message, undoes, wall, credential, reason },
                    );
                }
            });
            Ok(LineTurned { line: decision.line(sale).view(decision.now_at()), finish_before })
        })
    }

    /// Calls so many at once, whatever the rate has earned; the cap holds. Gives how many were called, or would be. Asked again
    /// under its key it calls nobody and says the same; where nobody was called, nothing is kept.
    pub fn admit(&self, now: Now, sale: &str, wish: AdmitNow<'_>) -> Answer<u32> {
        let AdmitNow { count, reason, credential, key, dry_run } = wish;
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        if reason.is_some_and(|reason| reason.len() > MAX_TEXT) {
            return Self::refuse(now, Refusal::TooLarge { field: "reason", most: MAX_TEXT as u64 });
        }
        let vetted = self.vet(now, sale);
        let vetted = vetted.as_ref();
        let mut decision = match Decision::begin(self, now, STEP_BYTES) {
            Ok(decision) => decision,
            Err(refusal) => return Self::refuse(now, refusal),
        };
        let key = key.filter(|_| !dry_run);
        if let Some(key) = key {
            decision.guards.lock_keys(KeyShard::of(key.key, self.state.shards()));
            let told = |record: &KeyRecord| u32::try_from(record.cart.0).unwrap_or(u32::MAX);
            if let Some(answer) = decision.replay_other(key, Answered::Admitted, told) {
                return answer;
            }
        }
        Self::in_line(decision, sale, |decision| {
            if dry_run {
                return Ok(decision.would_call(sale, count, vetted));
            }
            decision.draw_if_anybody(sale);
            decision.settle_stays(sale);
            let room = decision.room(sale);
            // Who is called, and that it was by this request: it calls nobody else when it is asked again.
            let people = decision.together(|decision| {
                let people = decision.call(sale, count.min(room), u32::MAX, vetted);
                if people > 0 {
                    let (wall, reason) = (decision.now_at().wall, reason.map(str::to_owned));
                    let fact = match key {
                        None => LineFact::Admitted { people, wall, credential, reason },
                        Some(KeyUse { key, fingerprint }) => {
                            LineFact::AdmittedOnce { people, wall, credential, reason, key, fingerprint }
                        }
                    };
                    decision.happen(sale, fact);
                }
                people
            });
            Ok(people)
        })
    }

    /// What operators did to all lines, or to one sale's, oldest first.
    pub fn changes(&self, now: Now, sale: Option<&str>) -> Answer<Vec<(String, Change)>> {
        let mut found = Vec::new();
        let mut rests_on = Sequence::ZERO;
        for shard in 0..self.state.shards() {
            let lines = self.state.lock_lines(usize::from(shard));
            rests_on = rests_on.max(lines.stamp.sequence);
            let wanted = lines.lines.values().filter(|line| sale.is_none_or(|sale| line.sale == sale));
            for line in wanted {
                found.extend(line.changes.iter().map(|change| (line.sale.clone(), change.clone())));
            }
        }
        found.sort_by(|(one_sale, one), (sale, change)| {
            (one.wall, one_sale, one.number).cmp(&(change.wall, sale, change.number))
        });
        Answer { rests_on, now, replayed: false, result: Ok(found) }
    }
}

impl Decision<'_> {
    /// How a line would stand with a change, if it may be made.
    fn would_turn(&self, sale: SaleIx, change: &LineChange) -> Result<Turned, Refusal> {
        let rule = |why: &str| Err(Refusal::Rule { why: why.to_owned() });
        let line = self.line(sale);
        let now = line.turned();
        let texts = [
            ("message", change.message.as_ref().and_then(Option::as_ref)),
            ("reason", change.reason.as_ref()),
            ("beacon", change.beacon.as_ref()),
        ];
        let long = |text: Option<&String>| text.is_some_and(|text| text.len() > MAX_TEXT);
        if let Some((field, _)) = texts.into_iter().find(|(_, text)| long(*text)) {
            return Err(Refusal::TooLarge { field, most: MAX_TEXT as u64 });
        }
        let open = line.closed.is_some() && line.drawn.is_none() && line.beacon.is_none();
        if change.beacon.as_ref().is_some_and(|beacon| beacon.is_empty() || !open) {
            return rule("a beacon is posted once, after registration has closed and before the draw");
        }
        if let Some(number) = change.undo {
            if change.turns_something() || change.beacon.is_some() {
                return rule(
                    "`undo` takes a change back and turns nothing else: send them one after the other",
                );
            }
            return self.undone(sale, number);
        }
        let dials = Dials {
            admit_per_minute: change.admit_per_minute.unwrap_or(now.dials.admit_per_minute),
            max_active: change.max_active.unwrap_or(now.dials.max_active),
        };
        dials.check().map_err(|why| Refusal::Rule { why })?;
        let ramp = match (change.admit_per_minute, change.ramp) {
            (None, Some(_)) => {
                return rule("`ramp_ms` goes with `admit_per_minute`: where is the ramp to end?");
            }
            (None, None) => now.ramp,
            (Some(_), None | Some(Millis(0))) => None,
            (Some(_), Some(over)) if over > MAX_RAMP => {
                return Err(Refusal::Rule { why: format!("ramp_ms is at most {}", MAX_RAMP.0) });
            }
            (Some(_), Some(over)) => Some(Ramp { from: now.pace().at(self.at()), begins: self.at(), over }),
        };
        let message = change.message.clone().unwrap_or(now.message);
        Ok(Turned { mode: change.mode.unwrap_or(now.mode), dials, ramp, message })
    }

    fn undone(&self, sale: SaleIx, number: u64) -> Result<Turned, Refusal> {
        let line = self.line(sale);
        let why = match line.changes.iter().find(|change| change.number == number).map(|change| &change.act) {
            Some(Act::Turned { before, after, .. }) => {
                let undone = line.turned().without(before, after);
                match undone.filter(|_| !turned_again(&line.changes, number, before.differs(after))) {
                    Some(turned) => return Ok(turned),
                    None => format!(
                        "what change {number} turned was turned again since: take the later change back first, or set it"
                    ),
                }
            }
            Some(_) => format!("change {number} called people or posted a beacon: that cannot be taken back"),
            None => format!("there is no change {number}; GET /v1/audit lists the newest"),
        };
        Err(Refusal::Rule { why })
    }
}

/// Whether one of these parts was turned after a change, other than by a turn that was taken back: that it stands as it did
/// then does not say that nobody meant it so.
fn turned_again(changes: &VecDeque<Change>, number: u64, parts: [bool; 4]) -> bool {
    let later = || changes.iter().filter(|change| change.number > number);
    let undone: Vec<u64> = later()
        .filter_map(|change| match &change.act {
            Act::Turned { undoes, .. } => *undoes,
            _ => None,
        })
        .collect();
    later().any(|change| match &change.act {
        Act::Turned { before, after, undoes } => {
            let taken_back = undone.contains(&change.number);
            let takes_back_later = undoes.is_some_and(|undoes| undoes > number);
            let same = before.differs(after).iter().zip(parts).any(|(one, other)| *one && other);
            same && !taken_back && !takes_back_later
        }
        _ => false,
    })
}

//! The public document of a line, written once for the whole crowd.
//!
//! A crowd that looks at the line sees the same thing. So it is taken from the line and written down at most every
//! [`FRESH`], and whoever asks meanwhile gets the same bytes with the time of their own asking: `as_of` tells from when
//! the rest is. Who shows a key looks for himself: he is told more, and an operator wants to see what he has just turned.
//!
//! Nothing here is state, and nothing is kept before it is durable.

use std::sync::Arc;

use dashmap::DashMap;
use onsale_engine::time::{Millis, Now};
use onsale_engine::waiting_room::LineView;

use crate::wire::line::WrittenLine;
use crate::wire::time::Written;

/// How long a document is shown: short beside the second for which whoever gets it may keep it, long beside what a
/// crowd leaves between two questions.
pub const FRESH: Millis = Millis(100);

/// The last field of the document, the only one that is every reader's own.
const LAST: &str = "\"server_time\":";

/// A document up to its last field.
#[derive(Debug)]
struct Kept {
    as_of: Now,
    text: String,
}

/// The documents of all lines that somebody looks at, by sale. There are no more than there are sales.
#[derive(Debug, Default)]
pub struct Board(DashMap<String, Arc<Kept>>);

impl Board {
    /// The document as it hangs here, if it is fresh.
    #[must_use]
    pub fn read(&self, sale: &str, now: Now) -> Option<Vec<u8>> {
        let kept = Arc::clone(&*self.0.get(sale)?);
        // By both times: that of the engine stands still while the machine sleeps, and the wall's can be set.
        let age = now.engine.0.checked_sub(kept.as_of.engine.0)?.max(now.wall.0.abs_diff(kept.as_of.wall.0));
        (age < FRESH.0).then(|| document(&kept.text, now))
    }

    /// Hangs up what was seen at `as_of`, which must be durable, unless somebody has seen more by now, and gives it as a
    /// document.
    pub fn hang(&self, sale: &str, seen: LineView, as_of: Now) -> Vec<u8> {
        // Our own types always serialise, and end with this field.
        let mut text = serde_json::to_string(&WrittenLine::new(seen, as_of, false)).unwrap_or_default();
        text.truncate(text.rfind(LAST).map_or(0, |last| last + LAST.len()));
        let document = document(&text, as_of);
        let kept = Arc::new(Kept { as_of, text });
        let mut hangs = self.0.entry(sale.to_owned()).or_insert_with(|| Arc::clone(&kept));
        if hangs.as_of.engine <= as_of.engine {
            *hangs = kept;
        }
        document
    }
}

fn document(text: &str, now: Now) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + Written::LONGEST + "\"\"}".len());
    bytes.extend_from_slice(text.as_bytes());
    match Written(now.wall).bytes(&mut [0; Written::LONGEST]) {
        Some(time) => {
            bytes.push(b'"');
            bytes.extend_from_slice(time);
            bytes.push(b'"');
        }
        None => bytes.extend_from_slice(b"null"),
    }
    bytes.push(b'}');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use onsale_engine::time::{Timestamp, WallTime};
    use onsale_engine::waiting_room::draw::Registrations;
    use onsale_engine::waiting_room::{Dials, Mode, OPEN, Phase};
    use serde_json::Value;

    fn seen(message: &str) -> LineView {
        LineView {
            sale: "sh".to_owned(),
            phase: Phase::Open,
            mode: Mode::Queue,
            dials: Dials { admit_per_minute: 60, max_active: 5 },
            message: Some(message.to_owned()),
            opens_at: None,
            joins_from: None,
            commitment: [1; 32],
            seed: None,
            closed_at: None,
            beacon: None,
            drawn_at: None,
            registrations: Registrations { count: 3, digest: [2; 32] },
            minutes: Vec::new(),
            lanes: Vec::new(),
            active: 0,
            called: 0,
            admitted: 0,
            free: 7,
            stock: None,
            brake: (OPEN, None),
            in_vain: 0,
            version: 1,
            rate: 60,
            finish: None,
        }
    }

    fn at(ms: u32) -> Now {
        Now { engine: Timestamp(u64::from(ms)), wall: WallTime(i64::from(ms)) }
    }

    fn parsed(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).expect("a document is JSON")
    }

    #[test]
    fn everybody_reads_the_same_at_their_own_time_until_it_is_old() {
        let (board, fresh) = (Board::default(), u32::try_from(FRESH.0).unwrap());
        assert_eq!(board.read("sh", at(1_000)), None);
        // What could be taken for the field that is each reader's own stays what it is.
        let odd = "now, \"server_time\":\"1\"}";
        let hung = board.hang("sh", seen(odd), at(1_000));
        let expected = serde_json::to_value(WrittenLine::new(seen(odd), at(1_000), false)).unwrap();
        assert_eq!(parsed(&hung), expected);
        let mut later = parsed(&board.read("sh", at(1_000 + fresh - 1)).unwrap());
        assert_eq!(later["server_time"], "1970-01-01T00:00:01.099Z");
        later["server_time"] = expected["server_time"].clone();
        assert_eq!(later, expected);
        assert_eq!(board.read("sh", at(1_000 + fresh)), None);
        assert_eq!(board.read("sh", at(999)), None, "not before it was seen");
        assert_eq!(board.read("other", at(1_000)), None);
        board.hang("sh", seen("new"), at(1_000 + fresh));
        board.hang("sh", seen("late"), at(1_000 + fresh - 1));
        let slept = Now { wall: WallTime(600_000), ..at(1_000 + fresh) };
        assert_eq!(board.read("sh", slept), None, "the engine's time stood still while the machine slept");
        assert_eq!(parsed(&board.read("sh", at(1_000 + fresh)).unwrap())["message"], "new");
    }
}

//! What a waiting room tells, as a stranger reads it: written from the contract, borrowed from the answer, because there
//! are 15,000 of them a second.

use serde::Deserialize;

/// How a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the contract")]
pub enum State {
    Prequeue,
    Waiting,
    Called,
    Admitted,
    Lapsed,
    Left,
    SoldOut,
    Closed,
}

/// At least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Range {
    /// At least, in milliseconds.
    pub low: u64,
    /// At most.
    pub high: u64,
}

/// What the server says of its own estimates.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Estimates {
    /// Called, having been shown a range.
    pub called: u64,
    /// Within it.
    pub inside: u64,
    /// Before it.
    pub early: u64,
    /// After it.
    pub late: u64,
    /// Within a fifth of its middle.
    pub near: u64,
    /// Not there at their turn.
    pub absent: u64,
    /// Gone before.
    pub left: u64,
    /// Called without having been shown one.
    pub called_without_estimate: u64,
    /// Upper bounds that rose.
    pub bounds: Bounds,
}

/// Upper bounds that rose, by the server's own count.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Bounds {
    /// How often.
    pub raised: u64,
    /// Of those, after something had changed.
    pub raised_for_a_cause: u64,
}

/// A ticket.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Ticket<'a> {
    /// Its text.
    pub ticket: &'a str,
    /// How it stands.
    pub state: State,
    /// Its place, from the draw on.
    #[serde(default)]
    pub place: Option<u32>,
    /// How many have their turn before.
    #[serde(default)]
    pub ahead: Option<u32>,
    /// How long it will take.
    #[serde(default)]
    pub wait_ms: Option<Range>,
    /// Called: how long the pass can still be used.
    #[serde(default)]
    pub expires_in_ms: Option<u64>,
    /// When to ask again.
    pub poll_after_ms: u64,
    /// Lets its holder in, when called.
    #[serde(default)]
    pub pass: Option<&'a str>,
    /// When it was answered.
    pub server_time: jiff::Timestamp,
}

/// A lane in the public document.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Lane {
    /// Every place up to here has had its turn.
    pub called_up_to: u32,
    /// Tickets that wait.
    #[serde(default)]
    pub waiting: u32,
}

/// The public document.
#[derive(Clone, Debug, Deserialize)]
pub struct Line<'a> {
    /// How things stand, in one word.
    pub phase: &'a str,
    /// The cap.
    pub max_active: u32,
    /// People called or inside.
    pub active: u32,
    /// People let in so far.
    pub admitted: u64,
    /// Units that could be held now.
    #[serde(default)]
    pub free: u64,
    /// People who came in and found nothing at first, by the server's count.
    #[serde(default)]
    pub called_in_vain: u64,
    /// Who takes part in the draw.
    pub registrations: u32,
    /// The seed of the draw, once made.
    #[serde(default)]
    pub seed: Option<&'a str>,
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// When it was answered.
    pub server_time: jiff::Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_examples_of_the_contract() {
        let text = r#"{"ticket":"qt_1","sale":"sh","lane":"general","state":"waiting","place":4521,"ahead":4520,
            "wait_ms":{"low":1,"high":2},"poll_after_ms":10000,"server_time":"2021-03-23T16:00:00.123Z"}"#;
        let ticket: Ticket<'_> = serde_json::from_str(text).unwrap();
        assert_eq!((ticket.state, ticket.place, ticket.pass), (State::Waiting, Some(4_521), None));
        assert_eq!(ticket.wait_ms, Some(Range { low: 1, high: 2 }));
        assert_eq!(ticket.server_time.as_millisecond() % 1_000, 123);
        let text = r#"{"sale":"sh","phase":"open","mode":"queue","admit_per_minute":600,"max_active":2000,"message":null,
            "lanes":[{"lane":"general","called_up_to":7,"waiting":3}],"active":5,"admitted":2,"free":9,
            "commitment":"ab","seed":null,"registrations":10,
            "server_time":"2021-03-23T16:00:00Z"}"#;
        let line: Line<'_> = serde_json::from_str(text).unwrap();
        assert_eq!((line.active, line.max_active, line.lanes[0].called_up_to), (5, 2_000, 7));
        assert_eq!((line.free, line.lanes[0].waiting), (9, 3));
    }
}

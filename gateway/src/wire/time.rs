//! Times on the wire: RFC 3339 in UTC, and every deadline twice.

use std::cell::Cell;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use onsale_engine::time::{Now, Timestamp, WallTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A wall time as it is written: `2021-04-12T07:05:00Z`, with milliseconds only where there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written(pub WallTime);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text(&mut [0; Self::LONGEST]) {
            Some(text) => serializer.serialize_str(text),
            // Further away than the year 9999: no such time comes in, see `Deserialize`.
            None => serializer.serialize_none(),
        }
    }
}

const DAY_MS: i64 = 86_400_000;

thread_local! {
    /// A day that was written, counted from 1970, and its text. Three times of every answer are on it or on the next.
    static DAY: Cell<(i64, [u8; 10])> = const { Cell::new((i64::MIN, [0; 10])) };
}

/// A time that was written, and its text.
type Last = (i64, [u8; Written::LONGEST], u8);

thread_local! {
    /// Times written last. With many requests in a millisecond nearly every time of an answer was in one before: now, and what is
    /// as far from now as the sale's terms say.
    static LAST: [Cell<Last>; LAST_PLACES] =
        const { [const { Cell::new((i64::MIN, [0; Written::LONGEST], 0)) }; LAST_PLACES] };
}

/// A prime: times that are some multiple of five minutes apart, as those of one answer are, have places of their own.
const LAST_PLACES: usize = 31;

impl Written {
    /// The bytes of the time and how many they are, from what was written before if it is there.
    pub fn remembered(self) -> Option<([u8; Self::LONGEST], usize)> {
        let place = usize::try_from(self.0.0.cast_unsigned() % LAST_PLACES as u64).unwrap_or(0);
        LAST.with(|last| {
            let last = &last[place];
            let (known, text, len) = last.get();
            if known == self.0.0 && len > 0 {
                return Some((text, usize::from(len)));
            }
            let mut text = [0; Self::LONGEST];
            let len = self.bytes(&mut text)?.len();
            last.set((self.0.0, text, u8::try_from(len).unwrap_or(0)));
            Some((text, len))
        })
    }

    /// Bytes of the longest: `2021-04-12T07:05:00.123Z`.
    pub const LONGEST: usize = 24;

    /// The time as RFC 3339, or nothing if its year has not four digits.
    pub fn text(self, text: &mut [u8; Self::LONGEST]) -> Option<&str> {
        std::str::from_utf8(self.bytes(text)?).ok()
    }

    /// The same as bytes, all of them ASCII. The calendar is jiff's and asked once a day, the rest is arithmetic.
    pub fn bytes(self, text: &mut [u8; Self::LONGEST]) -> Option<&[u8]> {
        let (day, of_day) = (self.0.0.div_euclid(DAY_MS), self.0.0.rem_euclid(DAY_MS));
        if !(jiff::Timestamp::MIN.as_millisecond()..=jiff::Timestamp::MAX.as_millisecond())
            .contains(&self.0.0)
        {
            return None;
        }
        let (mut known, mut date) = DAY.get();
        if known != day {
            let some_time = jiff::Timestamp::from_millisecond(self.0.0).ok()?;
            let written = some_time.to_zoned(TimeZone::UTC).date().to_string();
            // A year before 0 has more characters.
            (known, date) = (day, written.as_bytes().try_into().ok()?);
            DAY.set((known, date));
        }
        // A day has fewer milliseconds than 32 bits hold: this arithmetic is the cheaper one.
        let of_day = u32::try_from(of_day).ok()?;
        let digit = |number: u32| b"0123456789"[(number % 10) as usize];
        let pair = |number: u32| [digit(number / 10), digit(number)];
        let (seconds, millis) = (of_day / 1_000, of_day % 1_000);
        let ([h1, h2], [m1, m2], [s1, s2]) =
            (pair(seconds / 3_600), pair(seconds / 60 % 60), pair(seconds % 60));
        text[..10].copy_from_slice(&date);
        text[10..20].copy_from_slice(&[b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'Z']);
        if millis == 0 {
            return Some(&text[..20]);
        }
        let [tenth, hundredth, last] = [digit(millis / 100), digit(millis / 10), digit(millis)];
        text[19..].copy_from_slice(&[b'.', tenth, hundredth, last, b'Z']);
        let mut len = 23;
        while text[len - 1] == b'0' {
            len -= 1;
        }
        text[len] = b'Z';
        text.get(..=len)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        parse(&text).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no time; expected RFC 3339, as 2021-04-12T07:05:00Z"
            ))
        })
    }
}

/// 0000-01-01T00:00:00Z. An offset can lead to the year before, which has no four digits to be written with.
const YEAR_0: WallTime = WallTime(-62_167_219_200_000);

/// Reads an RFC 3339 time. What is below a millisecond is cut.
#[must_use]
pub fn parse(text: &str) -> Option<WallTime> {
    // jiff reads more than RFC 3339 (an hour without minutes, a zone in brackets); the shape is checked first.
    let bytes = text.as_bytes();
    let shaped = (20..=40).contains(&bytes.len())
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && matches!(bytes[10], b'T' | b't' | b' ')
        && bytes[13] == b':'
        && bytes[16] == b':'
        && !text.contains('[');
    let time: jiff::Timestamp = shaped.then(|| text.parse().ok())??;
    Some(WallTime(time.as_millisecond())).filter(|time| *time >= YEAR_0)
}

/// Reads what `from` and `to` may be: a time, or a date, which stands for its first instant in the sale's time zone.
#[must_use]
pub fn parse_time_or_date(text: &str, zone: impl FnOnce() -> Option<TimeZone>) -> Option<WallTime> {
    if text.len() != 10 {
        return parse(text);
    }
    let date: Date = text.parse().ok()?;
    let start = date.to_zoned(zone()?).ok()?;
    Some(WallTime(start.timestamp().as_millisecond()))
}

/// A local day that the engine counts from 1970-01-01.
#[must_use]
pub fn day(days: i32) -> Option<String> {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.checked_add(jiff::Span::new().try_days(days).ok()?).ok().map(|date| date.to_string())
}

/// A deadline, both ways: as a wall time for people, as a span for programs whose clock is wrong.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Deadline {
    /// The wall time, if there is no outage before.
    pub expires_at: Written,
    /// From `server_time` on; 0 when it has passed.
    pub expires_in_ms: u64,
}

impl Deadline {
    /// The deadline as seen at `now`.
    #[must_use]
    pub fn new(now: Now, at: Timestamp) -> Self {
        Self { expires_at: Written(now.wall_of(at)), expires_in_ms: at.0.saturating_sub(now.engine.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_by_hand_is_what_the_library_writes() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let edges =
            [i64::MIN, -1, 0, 1, 999, DAY_MS - 1, DAY_MS, 253_402_300_799_999, 253_402_207_200_000, i64::MAX];
        let anywhere = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(state >> 20).unwrap_or(0) - (1 << 42)
        });
        for millis in edges.into_iter().chain(anywhere.take(20_000)) {
            let library = jiff::Timestamp::from_millisecond(millis).ok().map(|time| time.to_string());
            let mut text = [0; Written::LONGEST];
            assert_eq!(
                Written(WallTime(millis)).text(&mut text).map(str::to_owned),
                // Years before 0 are refused: nothing is sold there.
                library.filter(|text| !text.starts_with('-')),
                "{millis}"
            );
            let whole = text_of(millis);
            for _ in 0..2 {
                let kept = Written(WallTime(millis)).remembered();
                let kept = kept.map(|(text, len)| String::from_utf8_lossy(&text[..len]).into_owned());
                assert_eq!(kept, whole, "{millis}");
            }
        }
    }

    fn text_of(millis: i64) -> Option<String> {
        Written(WallTime(millis)).text(&mut [0; Written::LONGEST]).map(str::to_owned)
    }

    #[test]
    fn times_are_read_and_written_as_rfc_3339() {
        for (text, written) in [
            ("2021-04-12T07:05:00Z", "2021-04-12T07:05:00Z"),
            ("2021-04-12T09:05:00+02:00", "2021-04-12T07:05:00Z"),
            ("2021-04-12T07:05:00.123Z", "2021-04-12T07:05:00.123Z"),
            ("2021-04-12T07:05:00.123999Z", "2021-04-12T07:05:00.123Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ] {
            let json = serde_json::to_string(&Written(parse(text).unwrap())).unwrap();
            assert_eq!(json, format!("\"{written}\""));
        }
        for bad in [
            "",
            "2021-04-12",
            "2021-04-12T07:05:00",
            "2021-04-12T07Z",
            "20210412T070500Z",
            "tomorrow at nine o'clock",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_date_begins_in_the_zone_of_the_sale() {
        let zone = || TimeZone::get("Europe/Berlin").ok();
        assert_eq!(parse_time_or_date("2021-04-12", zone), parse("2021-04-11T22:00:00Z"));
        assert_eq!(parse_time_or_date("2021-01-12", zone), parse("2021-01-11T23:00:00Z"));
        assert_eq!(parse_time_or_date("2021-13-12", zone), None);
    }

    #[test]
    fn days_count_from_1970() {
        assert_eq!(day(0).as_deref(), Some("1970-01-01"));
        assert_eq!(day(18_729).as_deref(), Some("2021-04-12"));
        assert_eq!(day(-1).as_deref(), Some("1969-12-31"));
        assert_eq!(day(i32::MAX), None);
    }

    #[test]
    fn a_deadline_comes_twice() {
        let now = Now { engine: Timestamp(1_000), wall: WallTime(61_000) };
        let json = serde_json::to_value(Deadline::new(now, Timestamp(3_000))).unwrap();
        assert_eq!(json, serde_json::json!({"expires_at": "1970-01-01T00:01:03Z", "expires_in_ms": 2000}));
        assert_eq!(Deadline::new(now, Timestamp(0)).expires_in_ms, 0);
    }
}

//! Numbers and times as people read them.

use jiff::tz::TimeZone;
use onsale_engine::time::{Millis, WallTime};
use onsale_engine::waiting_room::LowChances;

use super::texts::Texts;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

/// `4,521`
pub fn number(number: u32, texts: &Texts) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push_str(texts.thousands);
        }
        out.push(digit);
    }
    out
}

/// How many are ahead, as a sentence.
pub fn ahead(people: u32, texts: &Texts) -> String {
    match people {
        0 => texts.ahead_none.to_owned(),
        1 => texts.ahead_one.to_owned(),
        _ => texts.ahead_many.replace("{n}", &number(people, texts)),
    }
}

/// How long it will take, as a sentence: in seconds below a minute, in minutes below two hours, of which the later ones by
/// fives, then in hours. The range is never narrower than it was: the least is rounded down, the most up. `page.js` says the
/// same in the same way.
pub fn wait(wait: Option<(Millis, Millis)>, texts: &Texts) -> String {
    let Some((Millis(low), Millis(high))) = wait else { return texts.wait_unknown.to_owned() };
    let fill = |pattern: &str, unit: u64, step: u64| {
        let (least, most) = (low / unit / step * step, high.div_ceil(unit * step) * step);
        let (least, most) = (least.max(1).to_string(), most.max(2).to_string());
        pattern.replace("{a}", &least).replace("{b}", &most)
    };
    let step = if high > HOUR_MS { 5 } else { 1 };
    match (low, high) {
        (_, 0..=MINUTE_MS) => fill(texts.wait_seconds, 1_000, 1),
        (_, HOUR_MS..) if high > 2 * HOUR_MS => fill(texts.wait_hours, HOUR_MS, 1),
        (MINUTE_MS.., _) => fill(texts.wait_minutes, MINUTE_MS, step),
        _ => fill(texts.wait_short, MINUTE_MS, step),
    }
}

/// Why chances are low, as a sentence. The figures are guesses, so they have two digits.
pub fn why_low(chances: LowChances, texts: &Texts) -> String {
    let about = |count: u64| {
        let mut unit = 1;
        while count / unit >= 100 {
            unit *= 10;
        }
        number(u32::try_from((count + unit / 2) / unit * unit).unwrap_or(u32::MAX), texts)
    };
    let sentence = if chances.enough_for == 0 { texts.low_none } else { texts.low_why };
    sentence.replace("{n}", &about(chances.people_ahead)).replace("{m}", &about(chances.enough_for))
}

/// A day and a time of day where the sale is.
pub fn moment(at: WallTime, zone: &str, texts: &Texts) -> Option<String> {
    let local = local(at, zone)?;
    let month = texts.months.split(' ').nth(usize::try_from(local.month()).ok()?.checked_sub(1)?)?;
    let time = local.strftime("%H:%M").to_string();
    let text = texts.moment.replace("{d}", &local.day().to_string()).replace("{m}", month);
    Some(text.replace("{y}", &local.year().to_string()).replace("{t}", &time))
}

/// A time of day where the sale is, to the second.
pub fn clock(at: WallTime, zone: &str, texts: &Texts) -> Option<String> {
    Some(texts.clock.replace("{t}", &local(at, zone)?.strftime("%H:%M:%S").to_string()))
}

fn local(at: WallTime, zone: &str) -> Option<jiff::Zoned> {
    Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(TimeZone::get(zone).ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::texts::{DE, EN};
    use super::*;

    #[test]
    fn numbers_and_people() {
        assert_eq!((number(7, &EN), number(4_521, &EN)), ("7".to_owned(), "4,521".to_owned()));
        assert_eq!(number(1_234_567, &DE), "1.234.567");
        assert_eq!(ahead(0, &DE), "Sie sind als Nächstes dran");
        assert_eq!(ahead(1, &EN), "One person is ahead of you");
        assert_eq!(ahead(4_520, &DE), "4.520 Personen sind vor Ihnen");
    }

    #[test]
    fn ranges_are_rounded_outwards() {
        let said = |low: u64, high: u64| wait(Some((Millis(low * 1_000), Millis(high * 1_000))), &EN);
        assert_eq!(said(0, 7), "The wait is likely to be between 1 and 7 seconds.");
        assert_eq!(said(41, 60), "The wait is likely to be between 41 and 60 seconds.");
        assert_eq!(said(0, 61), "The wait is likely to be less than 2 minutes.");
        assert_eq!(said(3_000, 4_141), "The wait is likely to be between 50 and 70 minutes.");
        assert_eq!(said(50, 160), "The wait is likely to be less than 3 minutes.");
        assert_eq!(said(61, 182), "The wait is likely to be between 1 and 4 minutes.");
        assert_eq!(said(12 * 60 + 30, 19 * 60 + 1), "The wait is likely to be between 12 and 20 minutes.");
        assert_eq!(said(3_500, 7_201), "The wait is likely to be between 1 and 3 hours.");
        assert_eq!(wait(None, &DE), DE.wait_unknown);
    }

    #[test]
    fn low_chances_are_told_in_round_figures() {
        let why = |people_ahead, enough_for| why_low(LowChances { people_ahead, enough_for }, &EN);
        assert_eq!(
            why(5_249, 96),
            "About 5,200 people ahead of you are here. What is left is enough for about 96."
        );
        assert_eq!(
            why(9_960, 0),
            "About 10,000 people ahead of you are here. Nothing is free at the moment."
        );
    }

    #[test]
    fn times_are_those_of_the_sale() {
        let at = WallTime(1_618_211_100_000);
        assert_eq!(moment(at, "Europe/Berlin", &EN).unwrap(), "on 12 April 2021 at 09:05");
        assert_eq!(moment(at, "Europe/Berlin", &DE).unwrap(), "am 12. April 2021 um 09:05 Uhr");
        assert_eq!(clock(at, "America/New_York", &DE).unwrap(), "03:05:00 Uhr");
        assert_eq!(moment(at, "Nowhere/Else", &DE), None);
    }
}

//! A waiting room in words, for a terminal: what stands, what changed, and when the last who waits will have had a turn.

use std::fmt::Write;

use serde_json::Value;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// 18,240 instead of 18240.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn waiting(line: &Value) -> u64 {
    line["lanes"].as_array().into_iter().flatten().map(|lane| number(&lane["waiting"])).sum()
}

/// When the last who waits has had a turn, in words; none when nobody waits or nobody is called.
fn finish(line: &Value, at: &str) -> Option<String> {
    let time = |name: &str| line[name].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let (now, then) = (time("server_time")?, time(at)?);
    let seconds = u64::try_from(then.duration_since(now).as_secs()).unwrap_or(0);
    let span = match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    };
    Some(format!("in {span}, at {}", then.strftime("%H:%M UTC")))
}

/// A line as it stands.
pub fn line(line: &Value) -> String {
    let word = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let mut text = format!("{}: {} (mode {})\n", word("sale"), word("phase"), word("mode"));
    let mut row = |label: &str, value: String| {
        // Writing into memory cannot fail.
        let _ = writeln!(text, "  {label:<18}{value}");
    };
    let (rate, dial) = (number(&line["rate_per_minute"]), number(&line["admit_per_minute"]));
    let ramp = if rate == dial { String::new() } else { format!(", on the way to {}", grouped(dial)) };
    row("admit per minute", format!("{}{ramp}", grouped(rate)));
    if let Some(open) = line["brake"]["open_percent"].as_u64() {
        let why = match line["brake"]["reason"].as_str() {
            Some("slow_checkout") => "checkouts are slow",
            Some("errors") => "requests fail",
            Some("journal") => "the journal does not keep up",
            _ => "things are getting better",
        };
        row("brake", format!("{open} % of the rate: {why}"));
    }
    row(
        "active",
        format!("{} of {}", grouped(number(&line["active"])), grouped(number(&line["max_active"]))),
    );
    row(
        "admitted so far",
        format!(
            "{}, of whom {} found nothing at first",
            grouped(number(&line["admitted"])),
            grouped(number(&line["called_in_vain"]))
        ),
    );
    let free = line["free"].as_u64().map(|free| format!(" ({} free)", grouped(free))).unwrap_or_default();
    row("stock", format!("{}{free}", word("stock").replace('_', " ")));
    if line["seed"].is_null() {
        row("registered", grouped(number(&line["registrations"])));
        row("opens at", word("opens_at"));
    }
    for lane in line["lanes"].as_array().into_iter().flatten() {
        let name = lane["lane"].as_str().unwrap_or("-");
        let (up_to, waiting) = (number(&lane["called_up_to"]), number(&lane["waiting"]));
        row(
            &format!("lane {name}"),
            format!("called up to {}, {} waiting", grouped(up_to), grouped(waiting)),
        );
    }
    if let Some(message) = line["message"].as_str() {
        row("message", format!("\"{message}\""));
    }
    row("version", number(&line["version"]).to_string());
    row("commitment", word("commitment"));
    if let Some(finish) = finish(line, "finishes_at") {
        let _ = writeln!(text, "At this rate the {} waiting finish {finish}.", grouped(waiting(line)));
    }
    text
}

/// Whether what people were told came true, in two lines; nothing while nobody was.
pub fn estimates(grade: &Value) -> String {
    let of = |name: &str| number(&grade[name]);
    if of("shown") == 0 {
        return String::new();
    }
    let bounds = &grade["bounds"];
    let calm = number(&bounds["raised"]) - number(&bounds["raised_for_a_cause"]);
    let percent = grade["inside_percent"].as_u64().map_or("-".to_owned(), |percent| format!("{percent} %"));
    format!(
        "Estimates: {percent} of {} called were inside the first range they were shown ({} early, {} late); {} were absent, {} \
         had left.\n  upper bounds rose {} times for a cause (a pause, a dial, a limit), {calm} times without.\n",
        grouped(of("called")),
        grouped(of("early")),
        grouped(of("late")),
        grouped(of("absent")),
        grouped(of("left")),
        grouped(number(&bounds["raised_for_a_cause"])),
    )
}

/// What an operator changed, or would.
pub fn change(before: &Value, after: &Value, dry_run: bool) -> String {
    let mut text = String::from(if dry_run { "Would change (nothing was changed):\n" } else { "Changed:\n" });
    let mut some = false;
    for name in ["mode", "admit_per_minute", "max_active", "message"] {
        if before[name] != after[name] {
            some = true;
            let _ = writeln!(text, "  {name}: {} -> {}", before[name], after[name]);
        }
    }
    if !some {
        text.push_str("  no dial: they stand as they stood\n");
    }
    if after["rate_per_minute"] != after["admit_per_minute"] {
        let _ = writeln!(text, "  the rate is on its way, now {}", after["rate_per_minute"]);
    }
    let people = grouped(waiting(after));
    match (finish(after, "finishes_at_before"), finish(after, "finishes_at")) {
        (Some(old), Some(new)) if old != new => {
            let _ = writeln!(text, "The {people} waiting finish {new}, instead of {old}.");
        }
        (_, Some(new)) => {
            let _ = writeln!(text, "The {people} waiting finish {new}.");
        }
        (Some(_), None) => text.push_str("Then nobody is called.\n"),
        (None, None) => {}
    }
    if some && !dry_run {
        let sale = after["sale"].as_str().unwrap_or("SALE");
        let number = &after["version"];
        let _ = writeln!(
            text,
            "This is change {number}; `onsale queue --sale {sale} undo {number}` takes it back."
        );
    }
    text
}

/// How many were called at once, and why not more.
pub fn admitted(called: u64, wanted: u32, line: &Value, dry_run: bool) -> String {
    let verb = if dry_run { "would be called (nobody was)" } else { "called" };
    let mut text = format!("{} {verb}.", grouped(called));
    if called < u64::from(wanted) {
        let room = number(&line["max_active"]).saturating_sub(number(&line["active"]));
        let why = if room == 0 {
            format!("the cap of {} is reached", grouped(number(&line["max_active"])))
        } else if called >= 1_000 {
            "at most 1,000 are called in one step; say it again".to_owned()
        } else {
            "nobody else who is there waits".to_owned()
        };
        let _ = write!(text, " Not {}: {why}.", grouped(u64::from(wanted)));
    }
    text.push('\n');
    text
}

/// Who did what, when and why, a line each, oldest first.
pub fn log(changes: &[Value]) -> String {
    if changes.is_empty() {
        return "Nobody has changed anything yet.\n".to_owned();
    }
    let mut text = String::new();
    for change in changes {
        let word = |name: &str| change[name].as_str().unwrap_or("-");
        let what = match word("what") {
            "admit" => format!("called {} at once", grouped(number(&change["called"]))),
            "beacon" => format!("posted the beacon {}", change["beacon"]),
            _ => turned(change),
        };
        let why = change["reason"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        let _ = writeln!(text, "{:>5}  {}  {}  {what}{why}", change["change"], word("at"), word("who"));
    }
    text
}

fn turned(change: &Value) -> String {
    let (old, new) = (&change["old"], &change["new"]);
    let names = ["mode", "admit_per_minute", "ramp_ms", "max_active", "message"];
    let parts = names.iter().filter(|name| old[**name] != new[**name]);
    let mut said: Vec<_> = parts.map(|name| format!("{name} {} -> {}", old[*name], new[*name])).collect();
    if let Some(undone) = change["undoes"].as_u64() {
        said.insert(0, format!("took back change {undone}"));
    }
    if said.is_empty() { "turned nothing".to_owned() } else { said.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn some() -> Value {
        json!({"sale": "sh", "phase": "open", "mode": "queue", "admit_per_minute": 600, "max_active": 2000, "message": null,
            "lanes": [{"lane": "general", "called_up_to": 100, "waiting": 18_240}], "active": 90, "admitted": 40, "free": 7,
            "commitment": "ab", "seed": "cd", "rate_per_minute": 600, "version": 3, "finishes_at": "2026-11-22T10:30:24Z",
            "finishes_at_before": "2026-11-22T10:30:24Z", "server_time": "2026-11-22T10:00:00Z"})
    }

    #[test]
    fn a_change_says_when_the_line_ends_before_and_after() {
        let (before, mut after) = (some(), some());
        after["admit_per_minute"] = json!(900);
        after["rate_per_minute"] = json!(900);
        after["finishes_at"] = json!("2026-11-22T10:20:16Z");
        let said = change(&before, &after, true);
        assert!(said.contains("admit_per_minute: 600 -> 900"), "{said}");
        let finish = "The 18,240 waiting finish in 20 min, at 10:20 UTC, instead of in 30 min, at 10:30 UTC.";
        assert!(said.contains(finish), "{said}");
        after["mode"] = json!("pause");
        after["finishes_at"] = Value::Null;
        assert!(change(&before, &after, false).contains("Then nobody is called."));
        assert!(
            line(&before).contains("lane general      called up to 100, 18,240 waiting"),
            "{}",
            line(&before)
        );
    }

    #[test]
    fn estimates_are_told_once_there_are_any() {
        assert_eq!(estimates(&json!({"shown": 0})), "");
        let grade = json!({"shown": 2_000, "called": 1_200, "inside": 1_100, "early": 60, "late": 40, "inside_percent": 91,
            "absent": 300, "left": 5, "bounds": {"raised": 9, "raised_for_a_cause": 7}});
        let said = estimates(&grade);
        assert!(said.starts_with("Estimates: 91 % of 1,200 called were inside"), "{said}");
        assert!(said.contains("rose 7 times for a cause") && said.contains("2 times without"), "{said}");
    }

    #[test]
    fn fewer_than_wanted_has_a_reason() {
        assert_eq!(admitted(5, 5, &some(), false), "5 called.\n");
        assert!(admitted(3, 5, &some(), true).contains("nobody else"));
        let full = json!({"max_active": 90, "active": 90});
        assert!(admitted(0, 5, &full, false).contains("the cap of 90"));
    }

    #[test]
    fn the_log_names_who_what_and_why() {
        let dials = |rate: u32| json!({"mode": "queue", "admit_per_minute": rate, "ramp_ms": null, "max_active": 9, "message": null});
        let at = "2026-11-22T10:00:00Z";
        let said = log(&[
            json!({"change": 1, "at": at, "who": "ab", "what": "queue", "old": dials(600), "new": dials(300), "reason": "slow"}),
            json!({"change": 2, "at": at, "who": "ab", "what": "admit", "called": 1200, "reason": null}),
            json!({"change": 3, "at": at, "who": "ab", "what": "queue", "undoes": 1, "old": dials(300), "new": dials(600)}),
        ]);
        assert!(said.contains("admit_per_minute 600 -> 300: slow"), "{said}");
        assert!(said.contains("called 1,200 at once\n"), "{said}");
        assert!(said.contains("took back change 1, admit_per_minute 300 -> 600\n"), "{said}");
    }
}

//! Which variables under `ONSALE_` are meant to be settings and are none.
//!
//! Other programs of the house may have variables of their own there, so a name that is merely unknown is let through. One that
//! stands for a setting in everything but its spelling is not: it would be ignored in silence, and the default would count.

use super::table::{Setting, TABLE};

/// What a name that is no setting looks like.
#[derive(Clone, Copy, Debug)]
pub enum Meant {
    /// This setting.
    Setting(&'static Setting),
    /// One of this group, whichever.
    Group(&'static str),
}

/// A setting's name in the environment, without `ONSALE_`: in one piece, and without its group.
struct Spelt {
    setting: &'static Setting,
    whole: String,
    own: String,
}

/// The groups with settings in them, as they are written in the environment.
const GROUPS: [&str; 4] = ["LIMITS", "WAITING_ROOM", "QUEUE_IT", "TIMEOUTS"];

/// What was meant by a name without `ONSALE_` that is not one of the table.
#[must_use]
pub fn meant(rest: &str) -> Option<Meant> {
    let all: Vec<_> = TABLE.iter().map(Spelt::of).collect();
    let found = nearly(rest, &all)
        .or_else(|| all.iter().find(|spelt| rest == spelt.own))
        .or_else(|| all.iter().find(|spelt| cut_short(rest, &spelt.whole)))
        .or_else(|| longest(&all, |spelt| begins(rest, &spelt.whole)))
        .or_else(|| longest(&all, |spelt| spelt.own.contains('_') && holds(rest, &spelt.own)));
    let group = || GROUPS.into_iter().find(|group| begins(rest, group)).map(Meant::Group);
    found.map(|spelt| Meant::Setting(spelt.setting)).or_else(group)
}

impl Spelt {
    fn of(setting: &'static Setting) -> Self {
        let spelt = |name: &str| name.replace('.', "_").to_ascii_uppercase();
        let own = setting.name.rsplit('.').next().unwrap_or_default();
        Self { setting, whole: spelt(setting.name), own: spelt(own) }
    }
}

/// One or two slips; in a short name that many would make any other.
fn nearly<'a>(rest: &str, all: &'a [Spelt]) -> Option<&'a Spelt> {
    let slips = |spelt: &Spelt| strsim::damerau_levenshtein(rest, &spelt.whole);
    let (nearest, slips) = all.iter().map(|spelt| (spelt, slips(spelt))).min_by_key(|(_, slips)| *slips)?;
    (slips <= (rest.len() / 2).min(2)).then_some(nearest)
}

/// The first or the last words of a name, at least two: `SNAPSHOT_EVERY` has only lost its unit.
fn cut_short(rest: &str, whole: &str) -> bool {
    rest.contains('_')
        && (begins(whole, rest) || whole.strip_suffix(rest).is_some_and(|before| before.ends_with('_')))
}

/// Whether these words come first, and others after them.
fn begins(name: &str, words: &str) -> bool {
    name.strip_prefix(words).is_some_and(|after| after.starts_with('_'))
}

/// Whether these words stand anywhere among the others.
fn holds(name: &str, words: &str) -> bool {
    format!("_{name}_").contains(&format!("_{words}_"))
}

/// Of several that fit, the one that says most: `PUBLIC_BODY_BYTES` holds `BODY_BYTES`.
fn longest(all: &[Spelt], fits: impl Fn(&Spelt) -> bool) -> Option<&Spelt> {
    all.iter().filter(|spelt| fits(spelt)).max_by_key(|spelt| spelt.own.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_are_those_of_the_table() {
        let mut groups: Vec<_> = TABLE.iter().filter_map(|setting| setting.name.split_once('.')).collect();
        groups.dedup_by_key(|(group, _)| *group);
        for (group, _) in &groups {
            assert!(GROUPS.contains(&group.to_ascii_uppercase().as_str()), "{group}");
        }
    }
}

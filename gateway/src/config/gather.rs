//! Where a setting comes from: default, file, environment, flag; the later wins, and each keeps its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::misspelt::{self, Meant};
use super::table::{Kind, Setting, TABLE, named};

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// In the file.
    File(PathBuf),
    /// In this variable.
    Environment(String),
    /// On the command line, as this flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it was found.
    pub origin: Origin,
    /// What is wrong, in words.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.why)
    }
}

/// Every setting's text and origin. Each text has passed its own check.
#[derive(Clone)]
pub struct Gathered(BTreeMap<&'static str, (String, Origin)>);

/// Secrets are not for logs.
impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.all().map(|(setting, text, origin)| (setting.name, (setting.shown(text), origin))))
            .finish()
    }
}

/// Variables that are read elsewhere: keys by [`crate::keys`], the others by the command line.
const ELSEWHERE: [&str; 5] = ["OPERATOR_KEY", "SERVER_KEY", "CONFIG", "SERVER", "SAMPLE"];

impl Gathered {
    /// Puts the sources together.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub fn new(
        file: Option<(&Path, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, Vec<Fault>> {
        let mut all = Self(BTreeMap::new());
        let mut faults = Vec::new();
        for setting in &TABLE {
            all.0.insert(setting.name, (setting.default.to_owned(), Origin::Default));
        }
        if let Some((path, text)) = file {
            match text.parse::<toml::Table>() {
                Ok(table) => all.take_table(path, "", &table, &mut faults),
                Err(error) => {
                    // Its own words would show the line, and that may hold a secret.
                    let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or_default());
                    let line = before.matches('\n').count() + 1;
                    let why = format!("line {line}: {}", error.message());
                    faults.push(Fault { origin: Origin::File(path.to_owned()), why });
                }
            }
        }
        for (name, value) in environment {
            all.take_variable(&name, value, &mut faults);
        }
        for (name, value) in flags {
            if let Some(setting) = named(name) {
                all.take(setting, value, Origin::Flag(setting.flag()), &mut faults);
            }
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    /// The text of a setting.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |(text, _)| text)
    }

    /// All settings with text and origin, in the order of the table.
    pub fn all(&self) -> impl Iterator<Item = (&'static Setting, &str, &Origin)> {
        TABLE.iter().filter_map(|setting| {
            let (text, origin) = self.0.get(setting.name)?;
            Some((setting, text.as_str(), origin))
        })
    }

    fn take(&mut self, setting: &'static Setting, text: String, origin: Origin, faults: &mut Vec<Fault>) {
        match setting.check(&text) {
            Ok(()) => {
                self.0.insert(setting.name, (text, origin));
            }
            Err(why) => {
                let shown = setting.shown(&text);
                faults.push(Fault { origin, why: format!("`{}` is `{shown}`: {why}", setting.name) });
            }
        }
    }

    fn take_table(&mut self, path: &Path, prefix: &str, table: &toml::Table, faults: &mut Vec<Fault>) {
        for (key, value) in table {
            let name = format!("{prefix}{key}");
            let origin = Origin::File(path.to_owned());
            if let toml::Value::Table(inner) = value
                && TABLE.iter().any(|setting| setting.name.starts_with(&format!("{name}.")))
            {
                self.take_table(path, &format!("{name}."), inner, faults);
                continue;
            }
            match named(&name) {
                Some(setting) => match file_text(setting.kind, value) {
                    Ok(text) => self.take(setting, text, origin, faults),
                    Err(why) => faults.push(Fault { origin, why: format!("`{name}`: {why}") }),
                },
                None => {
                    let known: Vec<_> = TABLE.iter().map(|setting| setting.name.to_owned()).collect();
                    faults.push(Fault { origin, why: unknown(&name, &known) });
                }
            }
        }
    }

    fn take_variable(&mut self, name: &str, value: String, faults: &mut Vec<Fault>) {
        let Some(rest) = name.strip_prefix("ONSALE_") else { return };
        if ELSEWHERE.contains(&rest) || rest.starts_with("SERVER_KEY_") {
            return;
        }
        let origin = Origin::Environment(name.to_owned());
        match TABLE.iter().find(|setting| setting.variable() == name) {
            Some(setting) => self.take(setting, value, origin, faults),
            // Other programs of the house have variables of their own; only what looks like a setting is ours to refuse.
            None => {
                let why = match misspelt::meant(rest) {
                    None => return,
                    Some(Meant::Setting(setting)) => {
                        format!("there is no setting `{name}`; did you mean `{}`?", setting.variable())
                    }
                    Some(Meant::Group(group)) => {
                        format!(
                            "there is no setting `{name}`, and ONSALE_{group}_… are ours; `onsale config show` lists all"
                        )
                    }
                };
                faults.push(Fault { origin, why });
            }
        }
    }
}

/// A value of the file as text, which is all that the other sources have. A list is written with commas there.
fn file_text(kind: Kind, value: &toml::Value) -> Result<String, String> {
    use toml::Value::{Array, Boolean, Integer, String as Text};
    let is_list = matches!(kind, Kind::Networks | Kind::Hosts | Kind::Pages);
    match (kind, value) {
        (_, Text(text)) => Ok(text.clone()),
        (Kind::Number { .. }, Integer(number)) => Ok(number.to_string()),
        (Kind::Switch, Boolean(switch)) => Ok(switch.to_string()),
        (_, Array(list)) if is_list && list.iter().all(toml::Value::is_str) => {
            Ok(list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(","))
        }
        // Its value is not repeated: it may be a secret.
        (_, other) => {
            let expected = match kind {
                Kind::Number { .. } => "a whole number",
                Kind::Switch => "true or false",
                _ if is_list => "a list of texts in quotes",
                _ => "a text in quotes",
            };
            Err(format!("expected {expected}, and this is of the type {}", other.type_str()))
        }
    }
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<(&'a str, usize)> {
    let distances = known.iter().map(|other| (other.as_str(), strsim::damerau_levenshtein(name, other)));
    distances.min_by_key(|(_, distance)| *distance)
}

fn unknown(name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some((other, 0..=3)) => format!("there is no setting `{name}`; did you mean `{other}`?"),
        _ => format!("there is no setting `{name}`; `onsale config show` lists all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_later_wins_and_tells_where_it_is_from() {
        let file = Path::new("onsale.toml");
        let text = "workers = 2\nlisten = \"0.0.0.0:80\"\n[limits]\nbody_bytes = 2_097_152\n";
        let environment = variables(&[
            ("ONSALE_WORKERS", "3"),
            ("ONSALE_SERVER_KEY_PHONE", "sk_x"),
            ("PATH", "/"),
            ("ONSALE_DRY_RUN", "1"),
        ]);
        let text = format!("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n{text}");
        let text = text.as_str();
        let flags = [("listen", "127.0.0.1:9".to_owned())];
        let all = Gathered::new(Some((file, text)), environment, flags).unwrap();
        let origin = |name: &str| all.all().find(|(setting, ..)| setting.name == name).unwrap().2.to_string();
        assert_eq!((all.text("workers"), origin("workers")), ("3", "$ONSALE_WORKERS".to_owned()));
        assert_eq!((all.text("listen"), origin("listen")), ("127.0.0.1:9", "--listen".to_owned()));
        assert_eq!(
            (all.text("limits.body_bytes"), origin("limits.body_bytes")),
            ("2097152", "onsale.toml".to_owned())
        );
        assert_eq!(origin("shards"), "default");
        assert_eq!(all.text("trusted_proxies"), "10.0.0.0/8,::1");
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_a_suggestion() {
        let file = Path::new("onsale.toml");
        let text = "lisen = \"x\"\nshards = 65\n[limit]\nbody_bytes = 1\n";
        let faults = Gathered::new(Some((file, text)), variables(&[("ONSALE_WORKER", "1")]), []).unwrap_err();
        let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
        for says in
            ["did you mean `listen`", "from 1 to 64", "no setting `limit`", "did you mean `ONSALE_WORKERS`"]
        {
            assert!(told.iter().any(|line| line.contains(says)), "{says}: {told:?}");
        }
        assert_eq!(told.len(), 4);
    }
    #[test]
    fn what_looks_like_a_setting_stops_the_start_and_the_rest_is_for_others() {
        for (name, meant) in [
            ("ONSALE_BODY_BYTES", "ONSALE_LIMITS_BODY_BYTES"),
            ("ONSALE_DRAIN_MS", "ONSALE_TIMEOUTS_DRAIN_MS"),
            ("ONSALE_TIMEOUTS_DRAIN", "ONSALE_TIMEOUTS_DRAIN_MS"),
            ("ONSALE_SNAPSHOT_EVERY", "ONSALE_SNAPSHOT_EVERY_MS"),
            ("ONSALE_DATA_DIR", "ONSALE_DATA"),
            ("ONSALE_MAX_BODY_BYTES", "ONSALE_LIMITS_BODY_BYTES"),
            ("ONSALE_GATEWAY_TIMEOUTS_DRAIN_MS", "ONSALE_TIMEOUTS_DRAIN_MS"),
            ("ONSALE_WORKER", "ONSALE_WORKERS"),
            ("ONSALE_QUEUE_IT_CUSTOMER", "ONSALE_QUEUE_IT_"),
        ] {
            let faults = Gathered::new(None, variables(&[(name, "7")]), []).err().unwrap_or_default();
            assert!(faults.len() == 1 && faults[0].why.contains(meant), "{name}: {faults:?}");
        }
        // What the repository's own scripts and tests use, and what others may.
        for name in [
            "ONSALE_BIN",
            "ONSALE_SEED",
            "ONSALE_SEEDS",
            "ONSALE_TARGET_DIR",
            "ONSALE_WRITE_EXAMPLE",
            "ONSALE_WRITE_FIXTURE",
            "ONSALE_PROFILE",
            "ONSALE_PROFILE_DIR",
            "ONSALE_SERVER_KEY_PHONE",
            "ONSALE_TAG",
            "ONSALE_URL",
            "ONSALE_SERVER_HOST",
            "ONSALE_VERSION",
        ] {
            assert_eq!(Gathered::new(None, variables(&[(name, "7")]), []).err(), None, "{name}");
        }
    }

    /// The folder was called `{ x = 1 }` without a word.
    #[test]
    fn a_value_of_the_wrong_type_is_a_fault_and_not_a_text() {
        for (text, expected) in [
            ("[data]\nx = 1", "a text in quotes"),
            ("data = [\"a\", \"b\"]", "a text in quotes"),
            ("data = 5", "a text in quotes"),
            ("data = 2021-03-23", "a text in quotes"),
            ("ack = [\"fsync\"]", "a text in quotes"),
            ("workers = 2.0", "a whole number"),
            ("workers = [2]", "a whole number"),
            ("workers_write = 1", "true or false"),
            ("trusted_proxies = { a = 1 }", "a list of texts"),
            ("trusted_proxies = [1, 2]", "a list of texts"),
        ] {
            let faults = Gathered::new(Some((Path::new("f"), text)), [], []).err().unwrap_or_default();
            assert!(faults.len() == 1 && faults[0].why.contains(expected), "{text}: {faults:?}");
        }
        let good = "workers = \"2\"\nworkers_write = false\ntrusted_proxies = \"10.0.0.0/8,::1\"\n";
        let all = Gathered::new(Some((Path::new("f"), good)), [], []).unwrap();
        assert_eq!((all.text("workers"), all.text("workers_write")), ("2", "false"));
    }
}

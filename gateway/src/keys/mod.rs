//! The keys callers show: where they come from and how one is recognised.
//!
//! Only SHA-256 hashes are kept, in memory and in the key file beside the data (mode 0600). A key is 256 random bits,
//! so a plain hash is enough; what is compared are hashes, in constant time, and all of them every time.

mod lines;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use onsale_engine::ids::is_id;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Operator,
    /// Sell over one channel.
    Server {
        /// The channel's name.
        channel: String,
    },
}

/// A key that is known by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it may do.
    pub role: Role,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
}

/// A key that was made just now: the only time its text is seen.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What it may do.
    pub role: Role,
    /// Its text, to be printed once.
    pub text: String,
}

/// All keys of a server.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: Vec<Key>,
}

/// Why the keys could not be had.
#[derive(Debug)]
pub enum KeyError {
    /// The key file cannot be read or written.
    File(PathBuf, io::Error),
    /// A line of the key file makes no sense.
    Line(PathBuf, usize, String),
    /// A variable of the environment makes no sense.
    Environment(String, &'static str),
    /// Two sources have one key for different roles, or for different channels.
    Shared(String, String),
    /// The system gave no random bits.
    Random(io::Error),
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "key file {}: {error}", path.display()),
            Self::Line(path, line, why) => write!(f, "key file {}, line {line}: {why}", path.display()),
            Self::Environment(name, why) => write!(f, "{name}: {why}"),
            Self::Shared(one, other) => {
                write!(
                    f,
                    "{one} and {other} are the same key; a key is for operators or for one channel: choose another text for one of them"
                )
            }
            Self::Random(error) => write!(f, "the system gave no random bits for a key: {error}"),
        }
    }
}

impl std::error::Error for KeyError {}

impl KeyRing {
    /// Keys of the environment and of the file. Nothing is made and nothing written.
    ///
    /// # Errors
    /// When the file or the environment holds something that is no key, or one key for two roles.
    pub fn read(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, KeyError> {
        let lines = match fs::read_to_string(file) {
            Ok(text) => lines::parse(file, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(KeyError::File(file.to_owned(), error)),
        };
        let lines =
            lines.into_iter().map(|(line, key)| (format!("key file {}, line {line}", file.display()), key));
        let mut known: Vec<(String, Key)> = Vec::new();
        for (source, key) in lines.chain(from_environment(environment)?) {
            // What a key may do must not depend on which of two lines is found first.
            match known.iter().find(|(_, other)| other.hash == key.hash) {
                Some((first, other)) if other.role != key.role => {
                    return Err(KeyError::Shared(first.clone(), source));
                }
                Some(_) => {}
                None => known.push((source, key)),
            }
        }
        Ok(Self::of(known.into_iter().map(|(_, key)| key).collect()))
    }

    /// Makes the operator key and the server key that are missing, and takes them in. Nobody has seen them yet, and no file has
    /// them: whoever calls this shows them first, and then [keeps](keep) them.
    ///
    /// # Errors
    /// The system gave no random bits.
    pub fn make_missing(&mut self) -> Result<Vec<NewKey>, KeyError> {
        let has = |operator| self.keys.iter().any(|key| (key.role == Role::Operator) == operator);
        let web = Role::Server { channel: "web".to_owned() };
        let wanted = [(has(true), Role::Operator, "op_"), (has(false), web, "sk_")];
        let mut made = Vec::new();
        for (_, role, prefix) in wanted.into_iter().filter(|(there, ..)| !there) {
            made.push(NewKey { role, text: format!("{prefix}{}", random_hex()?) });
        }
        let known =
            made.iter().map(|NewKey { role, text }| Key { role: role.clone(), hash: hash(text.as_bytes()) });
        self.keys.extend(known);
        Ok(made)
    }

    /// A ring of these keys.
    #[must_use]
    pub fn of(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    /// All keys, for setting up what depends on their roles.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The place of the key with this text. Looks at every key, whichever fits.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        let shown = hash(text);
        let mut found = None;
        for (place, key) in self.keys.iter().enumerate() {
            if bool::from(key.hash.ct_eq(&shown)) {
                found = Some(place);
            }
        }
        found
    }
}

impl Key {
    /// Tells the caller's idempotency keys apart from others'; stable across restarts.
    #[must_use]
    pub fn credential(&self) -> u64 {
        let mut first = [0_u8; 8];
        first.copy_from_slice(&self.hash[..8]);
        u64::from_le_bytes(first)
    }
}

/// Keeps the hashes of keys that were shown: from now on the file has them.
///
/// # Errors
/// The file cannot be written.
pub fn keep(file: &Path, keys: &[NewKey]) -> Result<(), KeyError> {
    lines::append(file, keys).map_err(|error| KeyError::File(file.to_owned(), error))
}

/// SHA-256 of a key's text.
#[must_use]
pub fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The keys of the environment, each with the name of its variable.
fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<(String, Key)>, KeyError> {
    let mut keys = Vec::new();
    for (name, value) in variables {
        let role = match name.strip_prefix("ONSALE_") {
            Some("OPERATOR_KEY") => Role::Operator,
            Some("SERVER_KEY") => Role::Server { channel: "web".to_owned() },
            Some(rest) => match rest.strip_prefix("SERVER_KEY_") {
                Some(channel) => Role::Server { channel: channel.to_ascii_lowercase().replace('_', "-") },
                None => continue,
            },
            None => continue,
        };
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Environment(name, "a key is printable ASCII without spaces"));
        }
        if let Role::Server { channel } = &role
            && !is_id(channel)
        {
            return Err(KeyError::Environment(name, "the rest of the name is no name for a channel"));
        }
        keys.push((name, Key { role, hash: hash(value.as_bytes()) }));
    }
    Ok(keys)
}

fn random_hex() -> Result<String, KeyError> {
    let mut bits = [0_u8; 32];
    let mut filled = 0;
    while filled < bits.len() {
        let got = rustix::rand::getrandom(&mut bits[filled..], rustix::rand::GetRandomFlags::empty());
        filled += got.map_err(|error| KeyError::Random(error.into()))?;
    }
    Ok(crate::hex::encode(&bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_first_start_makes_keys_and_the_second_knows_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let mut ring = KeyRing::read(&file, []).unwrap();
        let made = ring.make_missing().unwrap();
        assert_eq!(made.len(), 2);
        assert!(made[0].text.starts_with("op_") && made[1].text.starts_with("sk_"));
        assert!(!file.exists(), "nobody has seen them yet");
        keep(&file, &made).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        assert!(!made.iter().any(|key| text.contains(&key.text)), "only hashes are kept");
        let mut again = KeyRing::read(&file, []).unwrap();
        assert!(again.make_missing().unwrap().is_empty());
        for key in &made {
            assert_eq!(ring.find(key.text.as_bytes()), again.find(key.text.as_bytes()));
            assert_eq!(again.keys()[again.find(key.text.as_bytes()).unwrap()].role, key.role);
        }
        assert_eq!(again.find(b"op_"), None);
    }

    #[test]
    fn keys_of_the_environment_need_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let variables = env(&[
            ("ONSALE_OPERATOR_KEY", "op_a"),
            ("ONSALE_SERVER_KEY", "sk_b"),
            ("ONSALE_SERVER_KEY_PHONE_DESK", "sk_c"),
            ("HOME", "/"),
        ]);
        let mut ring = KeyRing::read(&file, variables).unwrap();
        assert!(ring.make_missing().unwrap().is_empty());
        let role = |text: &[u8]| ring.find(text).map(|place| ring.keys()[place].role.clone());
        assert_eq!(role(b"op_a"), Some(Role::Operator));
        assert_eq!(role(b"sk_b"), Some(Role::Server { channel: "web".to_owned() }));
        assert_eq!(role(b"sk_c"), Some(Role::Server { channel: "phone-desk".to_owned() }));
        assert!(KeyRing::read(&file, env(&[("ONSALE_OPERATOR_KEY", "")])).is_err());
    }

    /// Its last line and the first of ours were one that nobody could read.
    #[test]
    fn keys_are_added_to_a_file_whose_last_line_is_not_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        fs::write(&file, format!("operator - {}", crate::hex::encode(&hash(b"op_a")))).unwrap();
        let made = KeyRing::read(&file, []).unwrap().make_missing().unwrap();
        keep(&file, &made).unwrap();
        let ring = KeyRing::read(&file, []).unwrap();
        assert!(made.len() == 1 && ring.find(made[0].text.as_bytes()).is_some());
        assert!(ring.find(b"op_a").is_some());
    }

    #[test]
    fn a_broken_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        fs::write(&file, "# ours\n\noperator - abc\n").unwrap();
        let error = KeyRing::read(&file, []).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("64 hex digits"), "{error}");
    }

    #[test]
    fn one_key_for_two_roles_or_channels_is_refused_and_both_places_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let refused = |lines: &str, variables: &[(&str, &str)]| {
            fs::write(&file, lines).unwrap();
            KeyRing::read(&file, env(variables)).unwrap_err().to_string()
        };
        let line =
            |role: &str, text: &str| format!("{role} {}\n", crate::hex::encode(&hash(text.as_bytes())));
        let both = refused("", &[("ONSALE_OPERATOR_KEY", "same"), ("ONSALE_SERVER_KEY", "same")]);
        assert!(both.contains("ONSALE_OPERATOR_KEY and ONSALE_SERVER_KEY"), "{both}");
        let channels = refused("", &[("ONSALE_SERVER_KEY", "same"), ("ONSALE_SERVER_KEY_PHONE", "same")]);
        assert!(channels.contains("ONSALE_SERVER_KEY and ONSALE_SERVER_KEY_PHONE"), "{channels}");
        let lines = line("server web", "other") + &line("server web", "same");
        let apart = refused(&lines, &[("ONSALE_OPERATOR_KEY", "same")]);
        assert!(apart.contains("line 2") && apart.contains("ONSALE_OPERATOR_KEY"), "{apart}");
        let within = refused(&(line("server web", "same") + &line("operator -", "same")), &[]);
        assert!(within.contains("line 1") && within.contains("line 2"), "{within}");
        // The same key for the same role is only said twice.
        fs::write(&file, line("operator -", "op") + &line("operator -", "op")).unwrap();
        let ring = KeyRing::read(&file, env(&[("ONSALE_OPERATOR_KEY", "op")])).unwrap();
        assert_eq!(ring.keys().len(), 1);
    }
}

//! The key file: a line per key with its kind, its channel and its hash.
//!
//! More channels get a key by a line of their own
//! (`printf %s "$KEY" | sha256sum`) or by `ONSALE_SERVER_KEY_<CHANNEL>` in the environment.
//!
//! ```text
//! operator -     3f1c…64 hex digits
//! server   web   9a40…
//! server   phone 77de…
//! ```

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use onsale_engine::ids::is_id;

use super::{Key, KeyError, NewKey, Role, hash};
use crate::hex;

/// Reads the keys of a key file, each with the number of its line.
pub fn parse(file: &Path, text: &str) -> Result<Vec<(usize, Key)>, KeyError> {
    let mut keys = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let wrong = |why: &str| KeyError::Line(file.to_owned(), place + 1, why.to_owned());
        let words: Vec<_> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let (role, hex) = match words.as_slice() {
            [] => continue,
            ["operator", "-", hex] => (Role::Operator, hex),
            ["server", channel, hex] if is_id(channel) => {
                (Role::Server { channel: (*channel).to_owned() }, hex)
            }
            _ => return Err(wrong("expected `operator - HASH` or `server CHANNEL HASH`")),
        };
        let hash = parse_hash(hex).ok_or_else(|| wrong("the hash is 64 hex digits"))?;
        keys.push((place + 1, Key { role, hash }));
    }
    Ok(keys)
}

fn parse_hash(hex: &str) -> Option<[u8; 32]> {
    let mut hash = [0_u8; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(hash)
}

/// Adds lines; the file is made for its owner alone.
pub fn append(file: &Path, keys: &[NewKey]) -> io::Result<()> {
    let mut text = String::new();
    for NewKey { role, text: key } in keys {
        let (kind, channel) = match role {
            Role::Operator => ("operator", "-"),
            Role::Server { channel } => ("server", channel.as_str()),
        };
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{kind} {channel} {}", hex::encode(&hash(key.as_bytes())));
    }
    let mut out = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    let (bytes, before) = (fs::read(file)?, out.metadata()?.len());
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        // Somebody's editor: one line of two keys would be neither.
        text.insert(0, '\n');
    }
    let written = out.write_all(text.as_bytes()).and_then(|()| out.sync_all());
    if written.is_err() {
        // Half a line would stop every start to come.
        let _ = out.set_len(before);
    }
    written
}

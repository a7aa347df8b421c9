//! Files as text: gzip is opened, byte-order marks are dropped, and a file that breaks off gives what it has.
//!
//! Gzip is known by its first two bytes, not by the name: feeds are often served compressed under a plain name.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use crate::import::oddity::OddityKind;
use crate::import::reading::{Place, Reading};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The longest text that is unpacked: a hundred times the largest feed we know. Some kilobytes can unpack to more than any memory.
const LONGEST_UNPACKED: u64 = 1 << 30;

/// The text of one file.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as the operator named it.
    pub file: Arc<str>,
    /// Its text, without byte-order mark.
    pub text: String,
    /// Why the text ends before the file's end, if it does, as a sentence.
    pub broken_off: Option<String>,
    /// The first line with bytes that are not UTF-8.
    pub not_utf8: Option<usize>,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be opened or read. A damaged gzip stream is no error: see `broken_off`.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::from_bytes(&path.display().to_string(), fs::read(path)?))
    }

    /// The same for bytes that are already here.
    #[must_use]
    pub fn from_bytes(file: &str, bytes: Vec<u8>) -> Self {
        let (bytes, broken_off) =
            if bytes.starts_with(&GZIP_MAGIC) { gunzip(&bytes, LONGEST_UNPACKED) } else { (bytes, None) };
        let (text, not_utf8) = match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let line = line_of(error.as_bytes(), error.utf8_error().valid_up_to());
                (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(line))
            }
        };
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        Self { file: file.into(), text, broken_off, not_utf8 }
    }

    /// A line of this file.
    #[must_use]
    pub fn place(&self, line: usize) -> Place {
        Place::new(&self.file, line)
    }

    /// Puts what is wrong with the file as a whole into the reading.
    pub fn complain(&self, reading: &mut Reading) {
        if let Some(why) = &self.broken_off {
            let line = self.text.lines().count();
            reading.refuse(self.place(line), "broken-gzip", why.clone());
        }
        if let Some(line) = self.not_utf8 {
            let detail = "from this line on there are bytes that are not UTF-8; save the file as UTF-8";
            reading.note(OddityKind::NotUtf8, &self.place(line), self.file.to_string(), detail);
        }
    }
}

/// The files of a folder, by name; a file stands for itself.
///
/// # Errors
/// The path does not exist or cannot be listed.
pub fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The line, from 1, in which the byte at `offset` stands.
#[must_use]
pub fn line_of(bytes: &[u8], offset: usize) -> usize {
    1 + bytes[..offset.min(bytes.len())].iter().filter(|&&byte| byte == b'\n').count()
}

/// At most so many bytes; of a file with more, nothing.
fn gunzip(bytes: &[u8], most: u64) -> (Vec<u8>, Option<String>) {
    let mut out =
        Vec::with_capacity(bytes.len().saturating_mul(8).min(usize::try_from(most).unwrap_or(usize::MAX)));
    // One more, by which it is known to be too long.
    let failure = MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut out).err();
    if out.len() as u64 > most {
        let why = format!(
            "it unpacks to more than {most} bytes, of which none was read; unpack it and import it in parts"
        );
        return (Vec::new(), Some(why));
    }
    (out, failure.map(|error| format!("the compressed file breaks off here: {error}")))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn gzip_is_told_by_its_bytes_and_may_come_in_pieces() {
        let mut bytes = gzip("\u{feff}one\n");
        bytes.extend(gzip("two\n"));
        assert_eq!(Source::from_bytes("plain.csv", bytes).text, "one\ntwo\n");
    }

    #[test]
    fn a_torn_download_gives_what_it_has_and_says_so() {
        let text: String = (0..5_000).map(|n| format!("line {n} {}\n", n * 7919)).collect();
        let mut bytes = gzip(&text);
        bytes.truncate(bytes.len() / 2);
        let source = Source::from_bytes("torn.gz", bytes);
        assert!(!source.text.is_empty() && text.starts_with(&source.text));
        let mut reading = Reading::default();
        source.complain(&mut reading);
        assert_eq!(reading.refused[0].code, "broken-gzip");
    }

    #[test]
    fn a_file_that_unpacks_without_end_is_refused() {
        let bytes = gzip(&"0".repeat(100_000));
        assert_eq!(gunzip(&bytes, 100_000).0.len(), 100_000);
        let (nothing, why) = gunzip(&bytes, 99_999);
        assert!(nothing.is_empty() && why.is_some_and(|why| why.contains("more than 99999 bytes")));
    }

    #[test]
    fn latin_1_is_named_with_its_line() {
        let source = Source::from_bytes("old.csv", b"a\nM\xfcnchen\n".to_vec());
        assert_eq!(source.not_utf8, Some(2));
        assert!(source.text.contains("M\u{fffd}nchen"));
    }
}

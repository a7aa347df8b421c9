//! The names of slots, packed: ten million slot ids as `String`s would cost 60 bytes each beside their text.

/// Where a text stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextRef {
    chunk: u32,
    offset: u16,
    len: u8,
}

const CHUNK: usize = 32 * 1024;

/// Texts of at most 255 bytes, added and never removed.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    chunks: Vec<String>,
}

impl Texts {
    /// Bytes of all texts, with the room for more.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(String::capacity).sum()
    }

    /// Keeps a text.
    ///
    /// # Panics
    /// If it is longer than 255 bytes; ids are checked at the door.
    pub fn add(&mut self, text: &str) -> TextRef {
        let len = u8::try_from(text.len()).unwrap_or_else(|_| panic!("a name of {} bytes", text.len()));
        if self.chunks.last().is_none_or(|chunk| chunk.len() + text.len() > CHUNK) {
            self.chunks.push(String::with_capacity(CHUNK));
        }
        let chunk = self.chunks.len() - 1;
        let offset = self.chunks[chunk].len();
        self.chunks[chunk].push_str(text);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a chunk is 32 KiB, and 2^32 of them do not fit memory"
        )]
        let place = TextRef { chunk: chunk as u32, offset: offset as u16, len };
        place
    }

    /// A text that was kept.
    #[inline]
    #[must_use]
    pub fn get(&self, place: TextRef) -> &str {
        let from = usize::from(place.offset);
        self.chunks.get(place.chunk as usize).map_or("", |chunk| &chunk[from..from + usize::from(place.len)])
    }
}

/// Short names that many share (venues, sections, products), by number.
#[derive(Clone, Debug, Default)]
pub struct Interned {
    names: Vec<Box<str>>,
    numbers: hashbrown::HashMap<Box<str>, u32, foldhash::quality::FixedState>,
}

impl Interned {
    /// The number of a name, a new one if need be.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// All names, by number.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The number of a name that is known.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    #[must_use]
    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }
}

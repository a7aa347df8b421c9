//! The file around the items: header, chunks with a checksum each, and one hash over everything.
//!
//! ```text
//! header   64 bytes: magic, version, shards, journal, sequence, time, chain, CRC-32C
//! chunk    length u32 · CRC-32C u32 over (number of the chunk, length, items) · items
//! end      length 0   · CRC-32C u32 · BLAKE3 of every byte before it, 32 bytes
//! ```
//!
//! A chunk ends with an item, so a reader needs one chunk in memory and no item is ever put together from two. Writing
//! and reading both hold one chunk; a state of any size streams through.

use super::bytes::{Odd, Take};
use crate::journal::StorageError;
use crate::journal::frame::{Chain, JournalId};
use crate::ports::DiskFile;
use crate::sequence::Sequence;
use crate::time::Timestamp;

/// The version this program writes and the newest it reads.
pub const VERSION: u8 = 1;
/// `F5` never occurs in UTF-8.
const MAGIC: [u8; 8] = *b"\xF5onsnap\n";
/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
const CHUNK_HEAD: usize = 8;
/// A chunk is written once it has so many bytes.
const CHUNK: usize = 256 << 10;
/// The most bytes of a chunk: [`CHUNK`] and one item. The largest item is the head of a lane in which everybody has missed the turn
/// and is back: 2^24 numbers of four bytes.
const CHUNK_LIMIT: usize = 80 << 20;
const HASH_BYTES: usize = 32;

/// What a snapshot says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The journal it belongs to.
    pub journal: JournalId,
    /// The last fact it holds.
    pub sequence: Sequence,
    /// The latest time any fact had.
    pub at: Timestamp,
    /// The journal's chain after that fact's frame.
    pub chain: Chain,
    /// Shards of each kind.
    pub shards: u8,
}

impl Head {
    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        (bytes[8], bytes[9]) = (VERSION, self.shards);
        bytes[16..24].copy_from_slice(&self.journal.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.sequence.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[40..56].copy_from_slice(&self.chain.0);
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8], name: &str) -> Result<Head, StorageError> {
        let damaged = |why: &str| Err(StorageError::damaged(name, 0, why));
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return damaged("the file ends in its header");
        };
        if bytes[..8] != MAGIC {
            return damaged("no snapshot begins so");
        }
        let mut from = Take::of(&bytes[16..]);
        let mut read = || -> Result<Head, Odd> {
            Ok(Head {
                journal: JournalId(u64::from_le_bytes(from.fixed()?)),
                sequence: Sequence(u64::from_le_bytes(from.fixed()?)),
                at: Timestamp(u64::from_le_bytes(from.fixed()?)),
                chain: Chain(from.fixed()?),
                shards: bytes[9],
            })
        };
        let Ok(head) = read() else { return damaged("the header is too short") };
        if crc32c::crc32c(&bytes[..60]).to_le_bytes() != bytes[60..] {
            return damaged("the header's checksum is wrong");
        }
        if bytes[8] > VERSION {
            let (file, found) = (name.to_owned(), bytes[8]);
            return Err(StorageError::NewerVersion { file, offset: 8, found, known: VERSION });
        }
        if bytes[8] != VERSION || bytes[10..16] != [0; 6] || bytes[56..60] != [0; 4] {
            return damaged("no program writes such a header");
        }
        Ok(head)
    }
}

fn checksum(number: u32, length: &[u8], items: &[u8]) -> u32 {
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), length);
    crc32c::crc32c_append(checksum, items)
}

/// Writes items, chunk by chunk.
#[derive(Debug)]
pub struct ChunkWriter<F> {
    file: F,
    name: String,
    chunk: Vec<u8>,
    offset: u64,
    unsynced: u64,
    number: u32,
    hasher: blake3::Hasher,
}

impl<F: DiskFile> ChunkWriter<F> {
    /// Writes the header.
    pub fn begin(mut file: F, name: &str, head: &Head) -> Result<Self, StorageError> {
        let header = head.encode();
        file.write_at(0, &header).map_err(StorageError::io("write", name))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header);
        let offset = HEADER_BYTES as u64;
        let chunk = vec![0; CHUNK_HEAD];
        Ok(Self { file, name: name.to_owned(), chunk, offset, unsynced: 0, number: 0, hasher })
    }

    /// How many chunks are written.
    #[inline]
    pub fn chunks(&self) -> u32 {
        self.number
    }

    /// Adds an item.
    #[inline]
    pub fn item(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), StorageError> {
        write(&mut self.chunk);
        if self.chunk.len() < CHUNK + CHUNK_HEAD { Ok(()) } else { self.cut() }
    }

    fn cut(&mut self) -> Result<(), StorageError> {
        let length = self.chunk.len() - CHUNK_HEAD;
        assert!(length <= CHUNK_LIMIT, "a chunk of {length} bytes");
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let checksum = checksum(self.number, &length, &self.chunk[CHUNK_HEAD..]);
        self.chunk[..4].copy_from_slice(&length);
        self.chunk[4..CHUNK_HEAD].copy_from_slice(&checksum.to_le_bytes());
        self.hasher.update(&self.chunk);
        self.file.write_at(self.offset, &self.chunk).map_err(StorageError::io("write", &self.name))?;
        self.offset += self.chunk.len() as u64;
        self.unsynced += self.chunk.len() as u64;
        self.number += 1;
        self.chunk.truncate(CHUNK_HEAD);
        Ok(())
    }

    /// Syncs if `bytes` or more wait for it: many small syncs do not stand in the journal's way as one large one does.
    pub fn sync_every(&mut self, bytes: u64) -> Result<(), StorageError> {
        if self.unsynced < bytes { Ok(()) } else { self.sync() }
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.unsynced = 0;
        self.file.sync_data().map_err(StorageError::io("sync", &self.name))
    }

    /// Writes the end and syncs. Gives the bytes of the file and the hash of all but itself.
    pub fn finish(mut self) -> Result<(u64, blake3::Hash), StorageError> {
        if self.chunk.len() > CHUNK_HEAD {
            self.cut()?;
        }
        self.cut()?;
        let hash = self.hasher.finalize();
        self.file.write_at(self.offset, hash.as_bytes()).map_err(StorageError::io("write", &self.name))?;
        self.sync()?;
        Ok((self.offset + HASH_BYTES as u64, hash))
    }
}

/// Reads items, chunk by chunk, each checked before an item of it is believed.
#[derive(Debug)]
pub struct ChunkReader<F> {
    file: F,
    name: String,
    head: Head,
    chunk: Vec<u8>,
    taken: usize,
    offset: u64,
    number: u32,
    hasher: blake3::Hasher,
    hash: Option<blake3::Hash>,
}

impl<F: DiskFile> ChunkReader<F> {
    /// Reads the header.
    pub fn begin(file: F, name: &str) -> Result<Self, StorageError> {
        let mut header = [0; HEADER_BYTES];
        let read = file.read_at(0, &mut header).map_err(StorageError::io("read", name))?;
        let head = Head::decode(&header[..read], name)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header);
        Ok(Self {
            file,
            name: name.to_owned(),
            head,
            chunk: Vec::new(),
            taken: 0,
            offset: HEADER_BYTES as u64,
            number: 0,
            hasher,
            hash: None,
        })
    }

    /// What the header says.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// The hash over everything, once the end was read and found right.
    pub fn hash(&self) -> Option<blake3::Hash> {
        self.hash
    }

    /// The next item: `read` takes it off the chunk.
    #[inline]
    pub fn item<T>(&mut self, read: impl FnOnce(&mut Take<'_>) -> Result<T, Odd>) -> Result<T, StorageError> {
        if self.taken == self.chunk.len() && !self.next_chunk()? {
            return Err(self.odd(Odd("more items")));
        }
        let mut take = Take::of(&self.chunk[self.taken..]);
        match read(&mut take) {
            Ok(item) => {
                self.taken = self.chunk.len() - take.left();
                Ok(item)
            }
            Err(odd) => Err(self.odd(odd)),
        }
    }

    /// The items end here, and so does the file.
    pub fn end(&mut self) -> Result<(), StorageError> {
        if self.taken < self.chunk.len() || self.next_chunk()? {
            return Err(self.odd(Odd("the end")));
        }
        Ok(())
    }

    /// An error at the item to be read next.
    pub fn odd(&self, odd: Odd) -> StorageError {
        let offset = self.offset - (self.chunk.len() - self.taken) as u64;
        StorageError::damaged(&self.name, offset, format!("{} was expected here", odd.0))
    }

    /// Loads the next chunk; false at the end, whose hash was then found right.
    pub fn next_chunk(&mut self) -> Result<bool, StorageError> {
        let mut head = [0; CHUNK_HEAD];
        self.read(&mut head)?;
        let ([l0, l1, l2, l3, ..], sum) = (head, [head[4], head[5], head[6], head[7]]);
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > CHUNK_LIMIT {
            return Err(self.bad("a chunk's length is out of bounds"));
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(length, 0);
        self.offset += CHUNK_HEAD as u64;
        let read = self.read(&mut chunk);
        self.offset -= CHUNK_HEAD as u64;
        read?;
        if checksum(self.number, &head[..4], &chunk).to_le_bytes() != sum {
            return Err(self.bad("a chunk's checksum is wrong"));
        }
        self.hasher.update(&head);
        self.hasher.update(&chunk);
        self.offset += (CHUNK_HEAD + length) as u64;
        self.number += 1;
        (self.chunk, self.taken) = (chunk, 0);
        if length > 0 {
            return Ok(true);
        }
        let mut hash = [0; HASH_BYTES + 1];
        let read = self.file.read_at(self.offset, &mut hash).map_err(StorageError::io("read", &self.name))?;
        let found = self.hasher.finalize();
        if read != HASH_BYTES || found.as_bytes()[..] != hash[..HASH_BYTES] {
            return Err(self.bad("the hash over everything is wrong"));
        }
        self.offset += HASH_BYTES as u64;
        self.hash = Some(found);
        Ok(false)
    }

    fn read(&self, into: &mut [u8]) -> Result<(), StorageError> {
        let read = self.file.read_at(self.offset, into).map_err(StorageError::io("read", &self.name))?;
        if read < into.len() { Err(self.bad("the file ends here")) } else { Ok(()) }
    }

    fn bad(&self, why: &str) -> StorageError {
        StorageError::damaged(&self.name, self.offset, why)
    }
}

//! Which snapshots a folder has, and which of them stay: the newest and the one before it. The older one is what a start
//! falls back to when the newest is damaged, so the journal is kept from the older one on.

use crate::journal::StorageError;
use crate::ports::Disk;
use crate::sequence::Sequence;

/// How many are kept.
pub const KEPT: usize = 2;

/// The name of the snapshot that holds everything up to a number.
#[must_use]
pub fn snapshot_name(sequence: Sequence) -> String {
    format!("snapshot-{:016}.snap", sequence.0)
}

/// Its name while it is written.
pub(super) fn aside_name(sequence: Sequence) -> String {
    format!("snapshot-{:016}.tmp", sequence.0)
}

fn numbered(name: &str, suffix: &str) -> Option<Sequence> {
    let digits = name.strip_prefix("snapshot-")?.strip_suffix(suffix)?;
    let number: u64 = digits.parse().ok()?;
    (format!("{number:016}") == digits).then_some(Sequence(number))
}

/// The snapshots of a folder.
#[derive(Clone, Debug, Default)]
pub struct Generations {
    /// Those to start from, oldest first.
    good: Vec<Sequence>,
    /// Names of files that go when the next snapshot is made.
    refuse: Vec<String>,
}

impl Generations {
    /// Reads the names; what stands in a file is not looked at.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn of(disk: &impl Disk) -> Result<Self, StorageError> {
        let mut found = Self::default();
        for name in disk.list().map_err(StorageError::io("list the data folder", ""))? {
            if let Some(sequence) = numbered(&name, ".snap") {
                found.good.push(sequence);
            } else if numbered(&name, ".tmp").is_some() {
                found.refuse.push(name);
            }
        }
        found.good.sort_unstable();
        Ok(found)
    }

    /// The numbers, oldest first.
    #[must_use]
    pub fn good(&self) -> &[Sequence] {
        &self.good
    }

    /// A snapshot turned out to be damaged: it counts no longer, and goes when the next one is made.
    pub fn distrust(&mut self, sequence: Sequence) {
        self.good.retain(|good| *good != sequence);
        self.refuse.push(snapshot_name(sequence));
    }

    /// A snapshot was made: removes what is not needed any more and gives the first fact that is still needed, once two
    /// generations stand.
    ///
    /// # Errors
    /// [`StorageError::Io`]; nothing that is needed is gone, and the next call tries again.
    pub fn made(&mut self, disk: &impl Disk, sequence: Sequence) -> Result<Option<Sequence>, StorageError> {
        let name = snapshot_name(sequence);
        // It took the place of a damaged one of the same number.
        self.refuse.retain(|refused| *refused != name);
        self.good.retain(|good| *good != sequence);
        self.good.push(sequence);
        let surplus = self.good.len().saturating_sub(KEPT);
        self.refuse.extend(self.good.drain(..surplus).map(snapshot_name));
        while let Some(name) = self.refuse.last() {
            match disk.remove(name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StorageError::io("remove", name)(error));
                }
                _ => drop(self.refuse.pop()),
            }
        }
        disk.sync_folder().map_err(StorageError::io("sync the data folder", ""))?;
        Ok((self.good.len() == KEPT).then(|| self.good[0].next()))
    }
}

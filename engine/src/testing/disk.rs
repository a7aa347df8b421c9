//! A disk in memory that forgets what real ones forget, decided by a seed.
//!
//! It keeps written and synced bytes apart. [`SimDisk::crash`] keeps any part of what was not synced: each write sector by
//! sector (512 bytes), independently, so writes are dropped, torn and reordered; each create, rename and remove
//! independently. That is harsher than a real disk under a real file system, on purpose. It can fail the n-th call or every
//! n-th, has a capacity, and after a failed sync pretends, like Linux, that the next one is fine.
//!
//! All handles of one disk share it, so a test restarts by opening the same disk again; handles from before a crash are
//! dead.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::ports::{Disk, DiskFile};

/// What a disk writes whole or not at all.
pub const SECTOR: usize = 512;

/// A simulated data folder. Clones are the same folder.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `EIO`.
    Io,
    /// `ENOSPC`.
    NoSpace,
    /// `EMFILE`.
    NoHandle,
}

/// Which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// None but those without room.
    None,
    /// The n-th call from the disk's first, counted from 1 ([`SimDisk::calls`]); the others are good.
    At(u64, Fault),
    /// Every n-th call.
    Every(u64, Fault),
    /// The n-th call and all after it: the process, the machine or the disk dies there. Until [`SimDisk::restart`] or
    /// [`SimDisk::crash`] nothing more reaches the disk.
    From(u64, Fault),
}

#[derive(Debug)]
struct State {
    dice: Dice,
    /// Rises with each crash; handles of an earlier one are dead.
    life: u64,
    locked: bool,
    calls: u64,
    faults: Faults,
    capacity: u64,
    nodes: Vec<Node>,
    /// The folder as a running program sees it.
    names: BTreeMap<String, usize>,
    /// The folder as it is on the disk.
    synced_names: BTreeMap<String, usize>,
    /// What has changed since.
    pending_names: Vec<Rename>,
}

#[derive(Clone, Debug)]
enum Rename {
    Create(String, usize),
    Move(String, String),
    Remove(String),
}

/// A file, whatever its name.
#[derive(Debug, Default)]
struct Node {
    /// As a running program sees it.
    bytes: Vec<u8>,
    /// As it is on the disk.
    synced: Vec<u8>,
    /// What has changed since.
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// A small fixed generator (SplitMix64): the simulated disk must not change when a library does.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True in `percent` of a hundred cases.
    fn chance(&mut self, percent: u64) -> bool {
        self.roll() % 100 < percent
    }
}

impl SimDisk {
    /// An empty disk without faults or bounds; `seed` decides what crashes and failing calls leave behind.
    #[must_use]
    pub fn new(seed: u64) -> SimDisk {
        let state = State {
            dice: Dice(seed),
            life: 0,
            locked: false,
            calls: 0,
            faults: Faults::None,
            capacity: u64::MAX,
            nodes: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            pending_names: Vec::new(),
        };
        SimDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// Cuts the power: `seed` decides which of the bytes and names not yet synced are found afterwards. All handles are
    /// dead, the folder's lock is free, and no calls fail until [`SimDisk::set_faults`] says so again.
    pub fn crash(&self, seed: u64) {
        let mut state = self.state.lock();
        state.dice = Dice(seed);
        // Sometimes nearly everything survives, sometimes nearly nothing: both ends find other mistakes than the middle.
        let keep = [0, 10, 50, 90, 100][usize::try_from(state.dice.roll() % 5).expect("less than five")];
        state.lose_names(keep);
        let State { dice, nodes, .. } = &mut *state;
        for node in nodes {
            node.lose(dice, keep);
        }
        state.restart();
    }

    /// Ends the process but not the machine: everything written is kept, handles are dead, the lock is free.
    pub fn restart(&self) {
        self.state.lock().restart();
    }

    /// From now on these calls fail.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// From now on files can have `bytes` in all; what is there stays.
    pub fn set_capacity(&self, bytes: u64) {
        self.state.lock().capacity = bytes;
    }

    /// Calls so far that could have failed.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Bytes of all files.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state.lock().used()
    }

    /// The bytes of a file as a running program sees them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.names.get(name).map(|node| state.nodes[*node].bytes.clone())
    }

    /// Puts a file there, synced, or these bytes into the file that has the name: to build what a test begins with.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state.lock();
        let node = state.names.get(name).copied().unwrap_or_else(|| {
            state.nodes.push(Node::default());
            state.nodes.len() - 1
        });
        let Node { bytes: written, synced, pending } = &mut state.nodes[node];
        for copy in [written, synced] {
            copy.clear();
            copy.extend_from_slice(bytes);
        }
        pending.clear();
        state.names.insert(name.to_owned(), node);
        state.synced_names.insert(name.to_owned(), node);
    }

    fn enter(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock();
        state.count_call()?;
        Ok(state)
    }

    fn handle(&self, node: usize, life: u64) -> SimFile {
        SimFile { state: Arc::clone(&self.state), node, life }
    }
}

impl State {
    fn count_call(&mut self) -> io::Result<()> {
        self.calls += 1;
        let fault = match self.faults {
            Faults::At(call, fault) if call == self.calls => fault,
            Faults::Every(every, fault) if self.calls.is_multiple_of(every) => fault,
            Faults::From(call, fault) if self.calls >= call => fault,
            Faults::None | Faults::At(..) | Faults::Every(..) | Faults::From(..) => return Ok(()),
        };
        Err(match fault {
            Fault::Io => io::Error::other("simulated EIO"),
            Fault::NoSpace => io::ErrorKind::StorageFull.into(),
            Fault::NoHandle => io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error()),
        })
    }

    fn used(&self) -> u64 {
        self.names.values().map(|node| self.nodes[*node].bytes.len() as u64).sum()
    }

    fn lose_names(&mut self, keep: u64) {
        for change in std::mem::take(&mut self.pending_names) {
            if self.dice.chance(keep) {
                change.apply(&mut self.synced_names);
            }
        }
        self.names = self.synced_names.clone();
    }

    fn restart(&mut self) {
        self.life += 1;
        self.locked = false;
        self.faults = Faults::None;
    }
}

impl Rename {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Rename::Create(name, node) => {
                names.insert(name.clone(), *node);
            }
            // A move whose create was lost moves nothing.
            Rename::Move(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Rename::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write(offset, data) => write_into(bytes, *offset, data),
            Change::Length(len) => bytes.resize(*len, 0),
        }
    }
}

impl Node {
    /// What is left of the pending changes after a crash, or on the disk after a failed sync.
    fn settle(&mut self, dice: &mut Dice, keep: u64) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Write(offset, data) => {
                    let mut done = 0;
                    while done < data.len() {
                        let part = (SECTOR - (offset + done) % SECTOR).min(data.len() - done);
                        if dice.chance(keep) {
                            write_into(&mut self.synced, offset + done, &data[done..done + part]);
                        }
                        done += part;
                    }
                }
                Change::Length(_) => {
                    if dice.chance(keep) {
                        change.apply(&mut self.synced);
                    }
                }
            }
        }
    }

    fn lose(&mut self, dice: &mut Dice, keep: u64) {
        if !self.pending.is_empty() || self.bytes.len() != self.synced.len() {
            self.settle(dice, keep);
        }
        self.bytes.clone_from(&self.synced);
    }
}

fn write_into(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

impl Disk for SimDisk {
    type File = SimFile;
    type Lock = SimLock;

    fn open_or_create(&self, name: &str) -> io::Result<SimFile> {
        let mut state = self.enter()?;
        let life = state.life;
        if let Some(node) = state.names.get(name) {
            return Ok(self.handle(*node, life));
        }
        let node = state.nodes.len();
        state.nodes.push(Node::default());
        state.names.insert(name.to_owned(), node);
        state.pending_names.push(Rename::Create(name.to_owned(), node));
        Ok(self.handle(node, life))
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let state = self.enter()?;
        match state.names.get(name) {
            Some(node) => Ok(self.handle(*node, state.life)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.enter()?.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.enter()?;
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let change = Rename::Move(from.to_owned(), to.to_owned());
        change.apply(&mut state.names);
        state.pending_names.push(change);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.enter()?;
        if state.names.remove(name).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.pending_names.push(Rename::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.enter()?;
        state.pending_names.clear();
        state.synced_names = state.names.clone();
        Ok(())
    }

    fn lock(&self) -> io::Result<SimLock> {
        let mut state = self.enter()?;
        if state.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locked = true;
        Ok(SimLock { state: Arc::clone(&self.state), life: state.life })
    }

    fn free_space(&self) -> io::Result<u64> {
        let state = self.enter()?;
        Ok(state.capacity.saturating_sub(state.used()))
    }
}

/// The lock of a simulated folder.
#[derive(Debug)]
pub struct SimLock {
    state: Arc<Mutex<State>>,
    life: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.life == self.life {
            state.locked = false;
        }
    }
}

/// An open file of a [`SimDisk`].
#[derive(Debug)]
pub struct SimFile {
    state: Arc<Mutex<State>>,
    node: usize,
    life: u64,
}

impl SimFile {
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        if state.life == self.life {
            Ok(state)
        } else {
            Err(io::Error::other("a handle from before the crash"))
        }
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("simulated files fit in memory")
}

impl DiskFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.alive()?;
        let offset = index(offset);
        let outcome = state.count_call();
        let grows = (offset + bytes.len()).saturating_sub(state.nodes[self.node].bytes.len()) as u64;
        let room = state.capacity.saturating_sub(state.used());
        let (bytes, outcome) = match outcome {
            // A failing write may have written any beginning.
            Err(error) => {
                let part = index(state.dice.roll() % (bytes.len() as u64 + 1));
                (&bytes[..part], Err(error))
            }
            Ok(()) if grows > room => (&bytes[..0], Err(io::ErrorKind::StorageFull.into())),
            Ok(()) => (bytes, Ok(())),
        };
        if !bytes.is_empty() {
            let change = Change::Write(offset, bytes.to_vec());
            let node = &mut state.nodes[self.node];
            change.apply(&mut node.bytes);
            node.pending.push(change);
        }
        outcome
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.alive()?;
        state.count_call()?;
        let there = state.nodes[self.node].bytes.get(index(offset)..).unwrap_or(&[]);
        let read = there.len().min(into.len());
        into[..read].copy_from_slice(&there[..read]);
        Ok(read)
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.alive()?;
        state.count_call()?;
        Ok(state.nodes[self.node].bytes.len() as u64)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        state.count_call()?;
        let node = &mut state.nodes[self.node];
        let change = Change::Length(index(len));
        change.apply(&mut node.bytes);
        node.pending.push(change);
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.alive()?;
        let outcome = state.count_call();
        let State { dice, nodes, faults, .. } = &mut *state;
        let node = &mut nodes[self.node];
        match outcome {
            // Whoever dies before asking has not been told anything, and the system has forgotten nothing.
            Err(error) if matches!(faults, Faults::From(..)) => Err(error),
            // Some of it is on the disk, the rest is forgotten: the next sync will not bring it there.
            Err(error) => {
                node.settle(dice, 50);
                Err(error)
            }
            Ok(()) => {
                for change in std::mem::take(&mut node.pending) {
                    change.apply(&mut node.synced);
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of eight sectors of ones, synced, with the folder.
    fn synced() -> (SimDisk, SimFile) {
        let disk = SimDisk::new(1);
        let mut file = disk.open_or_create("a").unwrap();
        file.write_at(0, &[1; 8 * SECTOR]).unwrap();
        file.sync_data().unwrap();
        disk.sync_folder().unwrap();
        (disk, file)
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_survives_by_sectors() {
        let mut kept_counts = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let (disk, mut file) = synced();
            file.write_at(0, &[2; 8 * SECTOR]).unwrap();
            disk.crash(seed);
            let bytes = disk.get("a").unwrap();
            let sectors: Vec<_> = bytes.chunks(SECTOR).collect();
            assert!(sectors.iter().all(|sector| *sector == [1; SECTOR] || *sector == [2; SECTOR]));
            kept_counts.insert(sectors.iter().filter(|sector| sector[0] == 2).count());
            assert!(file.len().is_err(), "the handle is dead");
        }
        assert_eq!(kept_counts.len(), 9, "from none to all of the eight sectors");
    }

    #[test]
    fn names_not_synced_may_be_lost_one_by_one() {
        let mut found = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let (disk, _) = synced();
            disk.open_or_create("b").unwrap();
            disk.rename("a", "c").unwrap();
            disk.crash(seed);
            found.insert(disk.list().unwrap());
        }
        assert_eq!(found.len(), 4, "each change is kept or lost: {found:?}");
    }

    #[test]
    fn after_a_failed_sync_the_next_one_lies() {
        let mut lost = 0;
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            let mut file = disk.open_or_create("a").unwrap();
            disk.sync_folder().unwrap();
            file.write_at(0, &[2; SECTOR]).unwrap();
            disk.set_faults(Faults::At(disk.calls() + 1, Fault::Io));
            file.sync_data().unwrap_err();
            file.sync_data().unwrap();
            disk.crash(seed);
            lost += u64::from(disk.get("a").unwrap().is_empty());
        }
        assert!((1..20).contains(&lost), "{lost} of 20 lost although the second sync succeeded");
    }

    #[test]
    fn capacity_bounds_all_files_together() {
        let (disk, mut file) = synced();
        disk.set_capacity(disk.used() + 10);
        assert_eq!(disk.free_space().unwrap(), 10);
        file.write_at(0, &[3; 100]).unwrap();
        let mut other = disk.open_or_create("b").unwrap();
        assert_eq!(other.write_at(0, &[1; 11]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        other.write_at(0, &[1; 10]).unwrap();
    }
}

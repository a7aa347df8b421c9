//! All that a partition knows, behind its locks, and the one order in which they are taken.
//!
//! ```text
//! visitors (one) → keys (one) → codes (one) → inventory shards (ascending) → lines (one) → catalog → the journal's buffer
//! ```
//!
//! Codes come before inventory because a code says which shards a request needs: those of the units it holds, and of the carts
//! that were made with it.
//!
//! Nobody waits for a lock of an earlier level while holding a later one. [`Guards`] is how the live path holds locks;
//! [`Alone`] is the same view for who has the state to himself (recovery, the follower), without locking. `apply` is
//! written against [`Held`] and runs unchanged on both.

use crossbeam::utils::CachePadded;

use crate::catalog::Catalog;
use crate::codes::CodeShard;
use crate::documents::Documents;
use crate::inventory::{Shard, Stamp};
use crate::keys::KeyShard;
use crate::names::Names;
use crate::sync::{Mutex, MutexGuard};
use crate::visitors::VisitorShard;
use crate::waiting_room::LineShard;

/// The most inventory shards: a cart's shards are a mask of 64 bits.
pub const MAX_SHARDS: u8 = 64;

/// Which of so many shards a hash belongs to: its remainder. Nearly every folder has a power of two of them, for which that
/// is a mask; a division takes longer than all else that is asked of the hash.
#[inline]
pub(crate) fn one_of(hash: u64, shards: u8) -> usize {
    let shards = u64::from(shards);
    let place = if shards.is_power_of_two() { hash & (shards - 1) } else { hash % shards };
    usize::try_from(place).unwrap_or(0)
}

/// All that a partition knows.
#[derive(Debug)]
pub struct State {
    visitors: Box<[CachePadded<Mutex<VisitorShard>>]>,
    keys: Box<[CachePadded<Mutex<KeyShard>>]>,
    codes: Box<[CachePadded<Mutex<CodeShard>>]>,
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    lines: Box<[CachePadded<Mutex<LineShard>>]>,
    catalog: CachePadded<Mutex<Catalog>>,
    /// Names to places; derived.
    pub names: Names,
    /// What the public is shown; derived, and never looked at by a decision.
    pub documents: Documents,
}

fn locks<T: Default>(count: u8) -> Box<[CachePadded<Mutex<T>>]> {
    (0..count).map(|_| CachePadded::new(Mutex::new(T::default()))).collect()
}

impl State {
    /// A partition before its first fact, with so many shards of each kind.
    #[must_use]
    pub fn new(shards: u8, seeds: [u64; 2]) -> Self {
        Self::with_names(shards, Names::new(seeds))
    }

    /// As [`State::new`], with the names given.
    #[must_use]
    pub fn with_names(shards: u8, names: Names) -> Self {
        assert!((1..=MAX_SHARDS).contains(&shards), "{shards} shards; 1 to {MAX_SHARDS} are possible");
        let catalog = Catalog { places_of_shard: vec![0; usize::from(shards)], ..Catalog::default() };
        Self {
            visitors: locks(shards),
            keys: locks(shards),
            codes: locks(shards),
            shards: locks(shards),
            lines: locks(shards),
            catalog: CachePadded::new(Mutex::new(catalog)),
            names,
            documents: Documents::default(),
        }
    }

    /// How many shards of each kind there are.
    #[must_use]
    pub fn shards(&self) -> u8 {
        u8::try_from(self.shards.len()).unwrap_or(MAX_SHARDS)
    }

    /// Waits for one visitor shard.
    #[inline]
    pub fn lock_visitors(&self, shard: usize) -> MutexGuard<'_, VisitorShard> {
        self.visitors[shard].lock()
    }

    /// Waits for one key shard.
    #[inline]
    pub fn lock_keys(&self, shard: usize) -> MutexGuard<'_, KeyShard> {
        self.keys[shard].lock()
    }

    /// Waits for one shard of codes.
    pub fn lock_codes(&self, shard: usize) -> MutexGuard<'_, CodeShard> {
        self.codes[shard].lock()
    }

    /// Waits for one inventory shard.
    #[inline]
    pub fn lock_shard(&self, shard: u8) -> MutexGuard<'_, Shard> {
        self.shards[usize::from(shard)].lock()
    }

    /// Waits for the lines under one lock.
    pub fn lock_lines(&self, shard: usize) -> MutexGuard<'_, LineShard> {
        self.lines[shard].lock()
    }

    /// Waits for the catalog.
    pub fn lock_catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock()
    }

    /// The state to oneself, without locking.
    pub fn alone(&mut self) -> Alone<'_> {
        Alone(self)
    }
}

/// What `apply` needs of whoever holds the locks. Asking for what is not held is a bug and stops the process.
pub trait Held {
    /// How many shards of each kind there are.
    fn shards(&self) -> u8;
    /// A visitor shard.
    fn visitors(&mut self, shard: usize) -> &mut VisitorShard;
    /// A key shard.
    fn keys(&mut self, shard: usize) -> &mut KeyShard;
    /// A shard of codes.
    fn codes(&mut self, shard: u8) -> &mut CodeShard;
    /// An inventory shard.
    fn shard(&mut self, shard: u8) -> &mut Shard;
    /// The lines under one lock.
    fn lines(&mut self, shard: usize) -> &mut LineShard;
    /// The catalog.
    fn catalog(&mut self) -> &mut Catalog;
    /// Names, which follow.
    fn names(&self) -> &Names;
}

/// The locks one request holds.
#[derive(Debug)]
pub struct Guards<'a> {
    state: &'a State,
    visitors: Option<(usize, MutexGuard<'a, VisitorShard>)>,
    keys: Few<'a, usize, KeyShard>,
    codes: Few<'a, u8, CodeShard>,
    shards: Few<'a, u8, Shard>,
    lines: Option<(usize, MutexGuard<'a, LineShard>)>,
    catalog: Option<MutexGuard<'a, Catalog>>,
    /// What was held and let go: times and numbers seen there count still.
    seen: Stamp,
}

/// Locks of one kind, ascending. Nearly every request holds one, which is found without a search.
#[derive(Debug)]
struct Few<'a, N, T> {
    first: Option<(N, MutexGuard<'a, T>)>,
    more: Vec<(N, MutexGuard<'a, T>)>,
}

impl<'a, N: Copy + PartialEq, T> Few<'a, N, T> {
    const NONE: Self = Self { first: None, more: Vec::new() };

    fn push(&mut self, number: N, guard: MutexGuard<'a, T>) {
        match &self.first {
            None => self.first = Some((number, guard)),
            Some(_) => self.more.push((number, guard)),
        }
    }

    fn last(&self) -> Option<N> {
        self.more.last().or(self.first.as_ref()).map(|(number, _)| *number)
    }

    fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    #[inline]
    fn get(&self, wanted: N) -> Option<&T> {
        match &self.first {
            Some((number, guard)) if *number == wanted => Some(guard),
            _ => self.more.iter().find(|(number, _)| *number == wanted).map(|(_, guard)| &**guard),
        }
    }

    #[inline]
    fn get_mut(&mut self, wanted: N) -> Option<&mut T> {
        match &mut self.first {
            Some((number, guard)) if *number == wanted => Some(guard),
            _ => self.more.iter_mut().find(|(number, _)| *number == wanted).map(|(_, guard)| &mut **guard),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (N, &T)> {
        self.first.iter().chain(&self.more).map(|(number, guard)| (*number, &**guard))
    }

    #[inline]
    fn latest(&self, mut latest: Stamp, stamp: impl Fn(&T) -> Stamp) -> Stamp {
        if let Some((_, guard)) = &self.first {
            latest = latest.or_later(stamp(guard));
        }
        for (_, guard) in &self.more {
            latest = latest.or_later(stamp(guard));
        }
        latest
    }

    #[inline]
    fn each(&mut self, mut act: impl FnMut(&mut T)) {
        if let Some((_, guard)) = &mut self.first {
            act(guard);
        }
        for (_, guard) in &mut self.more {
            act(guard);
        }
    }
}

impl<'a> Guards<'a> {
    /// Holds nothing yet.
    #[must_use]
    pub fn new(state: &'a State) -> Self {
        Self {
            state,
            visitors: None,
            keys: Few::NONE,
            codes: Few::NONE,
            shards: Few::NONE,
            lines: None,
            catalog: None,
            seen: Stamp::default(),
        }
    }

    /// Waits for a visitor shard. First of all.
    pub fn lock_visitors(&mut self, shard: usize) {
        assert!(self.visitors.is_none() && self.keys.is_empty(), "visitors come first");
        assert!(
            self.codes.is_empty() && self.shards.is_empty() && self.lines.is_none() && self.catalog.is_none(),
            "visitors come first"
        );
        self.visitors = Some((shard, self.state.lock_visitors(shard)));
    }

    /// Waits for a key shard. After visitors, before inventory.
    pub fn lock_keys(&mut self, shard: usize) {
        assert!(
            self.codes.is_empty() && self.shards.is_empty() && self.lines.is_none() && self.catalog.is_none(),
            "keys come early"
        );
        assert!(self.keys.last().is_none_or(|last| last < shard), "keys ascend");
        self.keys.push(shard, self.state.lock_keys(shard));
    }

    /// Waits for a shard of codes. After keys, before inventory.
    pub fn lock_codes(&mut self, shard: u8) {
        assert!(
            self.shards.is_empty() && self.lines.is_none() && self.catalog.is_none(),
            "codes come before inventory"
        );
        assert!(self.codes.last().is_none_or(|last| last < shard), "codes ascend");
        self.codes.push(shard, self.state.lock_codes(usize::from(shard)));
    }

    /// Lets the codes go again: what was seen of them stays seen.
    pub fn unlock_codes(&mut self) {
        self.seen = self.codes.latest(self.seen, |codes| codes.stamp);
        self.codes = Few::NONE;
    }

    /// Waits for the inventory shards of a mask, ascending.
    pub fn lock_shards(&mut self, mask: u64) {
        assert!(self.lines.is_none() && self.catalog.is_none(), "inventory comes before lines and catalog");
        assert!(self.shards.is_empty(), "inventory shards are taken in one go");
        let mut rest = mask;
        while rest != 0 {
            #[expect(clippy::cast_possible_truncation, reason = "trailing_zeros is below 64")]
            let shard = rest.trailing_zeros() as u8;
            self.shards.push(shard, self.state.lock_shard(shard));
            rest &= rest - 1;
        }
    }

    /// Lets the inventory shards go, to take others.
    pub fn unlock_shards(&mut self) {
        self.shards = Few::NONE;
    }

    /// Waits for the lines under one lock. After inventory, before the catalog.
    pub fn lock_lines(&mut self, shard: usize) {
        assert!(self.lines.is_none() && self.catalog.is_none(), "lines are taken once, before the catalog");
        self.lines = Some((shard, self.state.lock_lines(shard)));
    }

    /// Lets the lines go again: a look at the mode needs no more, and what was seen of them stays seen.
    pub fn unlock_lines(&mut self) {
        if let Some((_, lines)) = self.lines.take() {
            self.seen = self.seen.or_later(lines.stamp);
        }
    }

    /// Waits for the catalog. Last of all.
    pub fn lock_catalog(&mut self) {
        assert!(self.catalog.is_none(), "the catalog is taken once");
        self.catalog = Some(self.state.lock_catalog());
    }

    /// The mask of the inventory shards held.
    #[must_use]
    pub fn mask(&self) -> u64 {
        self.shards.iter().fold(0, |mask, (shard, _)| mask | 1 << shard)
    }

    /// How many inventory locks are held.
    #[must_use]
    pub fn shard_locks(&self) -> usize {
        self.shards.iter().count()
    }

    /// The latest stamp of all that is held: facts are not earlier, answers rest on no less.
    #[inline]
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let visitors = self.visitors.as_ref().map(|(_, visitors)| visitors.stamp);
        let mut latest = visitors.unwrap_or_default().or_later(self.seen);
        latest = self.keys.latest(latest, |keys| keys.stamp);
        latest = self.codes.latest(latest, |codes| codes.stamp);
        latest = self.shards.latest(latest, |shard| shard.stamp);
        let lines = self.lines.as_ref().map(|(_, lines)| lines.stamp);
        latest = lines.map_or(latest, |stamp| latest.or_later(stamp));
        self.catalog.as_ref().map_or(latest, |catalog| latest.or_later(catalog.stamp))
    }

    /// A fact was numbered while all this was held: everything held keeps it.
    pub fn set_stamp(&mut self, stamp: Stamp) {
        if let Some((_, visitors)) = &mut self.visitors {
            visitors.stamp = stamp;
        }
        self.keys.each(|keys| keys.stamp = stamp);
        self.codes.each(|codes| codes.stamp = stamp);
        self.shards.each(|shard| shard.stamp = stamp);
        if let Some((_, lines)) = &mut self.lines {
            lines.stamp = stamp;
        }
        if let Some(catalog) = &mut self.catalog {
            catalog.stamp = stamp;
        }
    }

    /// An inventory shard that is held, to look at.
    #[inline]
    #[must_use]
    pub fn look(&self, shard: u8) -> &Shard {
        match self.shards.get(shard) {
            Some(shard) => shard,
            None => panic!("inventory shard {shard} is not held"),
        }
    }

    /// The visitor shard that is held, to look at.
    #[must_use]
    pub fn look_visitors(&self) -> &VisitorShard {
        match &self.visitors {
            Some((_, guard)) => guard,
            None => panic!("no visitor shard is held"),
        }
    }

    /// The key shard that is held, to look at.
    #[must_use]
    pub fn look_keys(&self) -> Option<&KeyShard> {
        self.keys.first.as_ref().map(|(_, guard)| &**guard)
    }

    /// A shard of codes that is held, to look at.
    #[must_use]
    pub fn look_codes(&self, shard: u8) -> &CodeShard {
        match self.codes.get(shard) {
            Some(codes) => codes,
            None => panic!("codes {shard} are not held"),
        }
    }

    /// The lines that are held, to look at.
    #[must_use]
    pub fn look_lines(&self) -> &LineShard {
        match &self.lines {
            Some((_, guard)) => guard,
            None => panic!("no lines are held"),
        }
    }

    /// The catalog, to look at.
    #[must_use]
    pub fn look_catalog(&self) -> &Catalog {
        match &self.catalog {
            Some(guard) => guard,
            None => panic!("the catalog is not held"),
        }
    }
}

impl Held for Guards<'_> {
    fn shards(&self) -> u8 {
        self.state.shards()
    }
    fn visitors(&mut self, shard: usize) -> &mut VisitorShard {
        match &mut self.visitors {
            Some((held, guard)) if *held == shard => guard,
            _ => panic!("visitor shard {shard} is not held"),
        }
    }
    fn keys(&mut self, shard: usize) -> &mut KeyShard {
        match self.keys.get_mut(shard) {
            Some(keys) => keys,
            None => panic!("key shard {shard} is not held"),
        }
    }
    fn codes(&mut self, shard: u8) -> &mut CodeShard {
        match self.codes.get_mut(shard) {
            Some(codes) => codes,
            None => panic!("codes {shard} are not held"),
        }
    }
    #[inline]
    fn shard(&mut self, shard: u8) -> &mut Shard {
        match self.shards.get_mut(shard) {
            Some(shard) => shard,
            None => panic!("inventory shard {shard} is not held"),
        }
    }
    fn lines(&mut self, shard: usize) -> &mut LineShard {
        match &mut self.lines {
            Some((held, guard)) if *held == shard => guard,
            _ => panic!("lines {shard} are not held"),
        }
    }
    fn catalog(&mut self) -> &mut Catalog {
        match &mut self.catalog {
            Some(guard) => guard,
            None => panic!("the catalog is not held"),
        }
    }
    fn names(&self) -> &Names {
        &self.state.names
    }
}

/// The whole state, for who has it to himself.
#[derive(Debug)]
pub struct Alone<'a>(&'a mut State);

impl Alone<'_> {
    /// Sets the stamp of every lock. After recovery nobody knows which lock a fact held; the last number and the
    /// latest time are safe for all.
    pub fn set_all_stamps(&mut self, stamp: Stamp) {
        for shard in 0..self.0.shards() {
            self.visitors(usize::from(shard)).stamp = stamp;
            self.keys(usize::from(shard)).stamp = stamp;
            self.codes(shard).stamp = stamp;
            self.shard(shard).stamp = stamp;
            self.lines(usize::from(shard)).stamp = stamp;
        }
        self.catalog().stamp = stamp;
    }
}

impl Held for Alone<'_> {
    fn shards(&self) -> u8 {
        self.0.shards()
    }
    fn visitors(&mut self, shard: usize) -> &mut VisitorShard {
        self.0.visitors[shard].get_mut()
    }
    fn keys(&mut self, shard: usize) -> &mut KeyShard {
        self.0.keys[shard].get_mut()
    }
    fn codes(&mut self, shard: u8) -> &mut CodeShard {
        self.0.codes[usize::from(shard)].get_mut()
    }
    fn shard(&mut self, shard: u8) -> &mut Shard {
        self.0.shards[usize::from(shard)].get_mut()
    }
    fn lines(&mut self, shard: usize) -> &mut LineShard {
        self.0.lines[shard].get_mut()
    }
    fn catalog(&mut self) -> &mut Catalog {
        self.0.catalog.get_mut()
    }
    fn names(&self) -> &Names {
        &self.0.names
    }
}

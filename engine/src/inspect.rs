//! `onsale inspect journal DIR`: a journal read out, line by line, without opening it. Reads only, takes no lock, mends
//! nothing; beside a running server the last frame may be seen half written.
//!
//! A line a segment, a line a frame, a line a fact. Each frame's checksums and link are checked; and, as far as a state can
//! be made to begin with (from fact 1, or from a snapshot in the folder), each fact is fitted to the state before it and
//! each digest compared. The last line says what it came to.

use std::fmt;
use std::io::{self, Write};

use crate::fact::{self, Cold, Fact, Kind, NewItem};
use crate::ids::{CartId, PublicId, SlotRef};
use crate::journal::{Finding, StorageError, inspect};
use crate::ports::Disk;
use crate::recovery::Replay;
use crate::request::KeyUse;
use crate::sequence::Sequence;
use crate::snapshot::{self, Generations};

/// What is printed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A line for each fact.
    pub facts: bool,
    /// Frames and facts from this number on.
    pub from: Sequence,
    /// And up to this one.
    pub to: Sequence,
}

impl Default for Options {
    fn default() -> Self {
        Self { facts: false, from: Sequence::ZERO, to: Sequence(u64::MAX) }
    }
}

/// What an inspection came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Segments, frames and facts seen.
    pub segments: u64,
    /// Frames whose checksums are right.
    pub frames: u64,
    /// Facts in them.
    pub facts: u64,
    /// The last number.
    pub last: Sequence,
    /// Facts fitted to a state; 0 if there was none to begin with.
    pub fitted: u64,
    /// Digests that were compared and are the same.
    pub digests: u64,
    /// The torn tail, if there is one: file, first byte, one past the last. No damage: the next start cuts it.
    pub torn: Option<(String, u64, u64)>,
    /// The first thing wrong: file, offset, what.
    pub bad: Option<(String, u64, String)>,
    /// Why no server could start from the folder although each of its bytes may be right.
    pub headless: Option<String>,
}

impl Verdict {
    /// 0: everything is as it was written, a torn tail aside. 1: something is not, or what a start needs is missing, and the last
    /// line names it. (2, that the folder could not be read, is the caller's.)
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(self.bad.is_some() || self.headless.is_some())
    }

    fn note(&mut self, file: &str, offset: u64, why: String) {
        self.bad.get_or_insert((file.to_owned(), offset, why));
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segments, frames, facts, last, fitted, digests, .. } = self;
        write!(f, "{segments} segments, {frames} frames, {facts} facts up to {last}; ")?;
        match fitted {
            0 => f.write_str("no state to fit them to")?,
            _ => write!(f, "{fitted} fitted to the state before them, {digests} digests the same")?,
        }
        match (&self.bad, &self.torn) {
            (None, _) if self.headless.is_some() => Ok(()),
            (None, None) => f.write_str("; all good"),
            (None, Some((file, offset, end))) => write!(
                f,
                "; all good up to a torn tail: {file}, offset {offset} to {end}, not durable, cut at the next start"
            ),
            (Some((file, offset, why)), _) => write!(f, "\nFIRST BAD BYTE: {file}, offset {offset}: {why}"),
        }?;
        self.headless.as_ref().map_or(Ok(()), |why| write!(f, "\nNO START: {why}"))
    }
}

/// Why an inspection ended early.
#[derive(Debug)]
pub enum InspectError {
    /// The folder or a file cannot be read.
    Storage(StorageError),
    /// There is not one segment.
    NoJournal,
    /// The lines cannot be written.
    Output(io::Error),
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::NoJournal => f.write_str("there is no journal in this folder"),
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}

impl std::error::Error for InspectError {}

impl From<StorageError> for InspectError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<io::Error> for InspectError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Reads a journal out.
///
/// # Errors
/// [`InspectError`]; damage is in the [`Verdict`].
pub fn print<D: Disk>(disk: &D, options: Options, out: &mut dyn Write) -> Result<Verdict, InspectError> {
    let mut verdict = Verdict::default();
    let mut replay: Option<Replay> = None;
    let mut findings = inspect(disk)?;
    while let Some(finding) = findings.next() {
        match finding? {
            Finding::Segment { file, header, bytes, linked } => {
                verdict.segments += 1;
                let link = match linked {
                    None => "first",
                    Some(true) => "linked",
                    Some(false) => "NOT LINKED",
                };
                let (first, incarnation) = (header.first, header.incarnation);
                writeln!(out, "{file}: from fact {first}, {bytes} bytes, opening {incarnation}, {link}")?;
                if linked == Some(false) {
                    verdict.note(&file, 0, "it does not continue the segment before it".into());
                }
                if verdict.segments == 1 {
                    replay = beginning(disk, first, out)?;
                    verdict.headless = replay.is_none().then(|| {
                        format!("the journal begins at fact {first}, and no snapshot in this folder that can be read reaches so far")
                    });
                }
            }
            Finding::Frame { file, offset, header, chain, linked } => {
                verdict.frames += 1;
                verdict.facts += u64::from(header.count);
                verdict.last = header.last();
                let shown = header.first <= options.to && header.last() >= options.from;
                if shown {
                    let link = if linked { "linked" } else { "NOT LINKED" };
                    writeln!(
                        out,
                        "  {offset}: facts {} to {}, mark {}, opening {}, chain {chain}, {link}",
                        header.first,
                        header.last(),
                        header.mark,
                        header.incarnation
                    )?;
                }
                if !linked {
                    verdict.note(&file, offset, "the frame does not continue the one before it".into());
                }
                let Some(frame) = findings.frame() else { continue };
                for (number, record) in frame.records() {
                    let fact = fact::decode(record);
                    if shown && options.facts && (options.from..=options.to).contains(&number) {
                        match &fact {
                            Ok(fact) => writeln!(out, "    {number} {}", Shown(fact))?,
                            Err(error) => writeln!(out, "    {number} NO FACT: {error}")?,
                        }
                    }
                    if let Err(error) = &fact {
                        verdict.note(&file, offset, format!("record {number} is no fact: {error}"));
                    }
                    fit(&mut replay, number, record, fact.as_ref().ok(), &mut verdict, (&file, offset));
                }
            }
            Finding::End { file, offset } => writeln!(out, "  {offset}: end of {file}")?,
            Finding::Torn { file, offset, end } => {
                writeln!(
                    out,
                    "  {offset}: torn tail up to offset {end}; no frame says it was durable, the next start cuts it"
                )?;
                verdict.torn = Some((file, offset, end));
            }
            Finding::Bad { file, offset, why } => {
                writeln!(out, "  {offset}: BAD: {why}")?;
                verdict.note(&file, offset, why);
            }
        }
    }
    // The name of a wrong folder must not look like a healthy one.
    if verdict.segments == 0 && verdict.bad.is_none() {
        return Err(InspectError::NoJournal);
    }
    writeln!(out, "{verdict}")?;
    Ok(verdict)
}

/// A state to fit facts to: none before fact 1, else a snapshot's from which the journal goes on.
fn beginning<D: Disk>(
    disk: &D,
    first: Sequence,
    out: &mut dyn Write,
) -> Result<Option<Replay>, InspectError> {
    if first <= Sequence(1) {
        return Ok(Some(Replay::nameless()));
    }
    let reached = |sequence: &&Sequence| sequence.next() >= first;
    for sequence in Generations::of(disk)?.good().iter().filter(reached) {
        let replay = Replay::nameless();
        match snapshot::read(disk, *sequence, replay.names()) {
            Ok(restored) => {
                writeln!(out, "fitting from the snapshot at fact {sequence} on")?;
                return Ok(Some(replay.resume(restored)));
            }
            Err(error) => writeln!(out, "BAD: {error}")?,
        }
    }
    Ok(None)
}

/// Applies a fact to the state before it. After the first misfit there is no state any more.
fn fit(
    replay: &mut Option<Replay>,
    number: Sequence,
    record: &[u8],
    fact: Option<&Fact>,
    verdict: &mut Verdict,
    (file, offset): (&str, u64),
) {
    let Some(state) = replay.as_mut().filter(|state| number > state.last()) else { return };
    match state.record(number, record) {
        Ok(()) => {
            verdict.fitted += 1;
            let digest = matches!(fact, Some(Fact { kind: Kind::Cold(cold), .. }) if matches!(**cold, Cold::ShardDigest { .. } | Cold::LineDigest { .. } | Cold::CodeDigest { .. }));
            verdict.digests += u64::from(digest);
        }
        Err(error) => {
            verdict.note(file, offset, error.to_string());
            *replay = None;
        }
    }
}

/// A fact in words.
struct Shown<'a>(&'a Fact);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fact { at, kind } = self.0;
        write!(f, "{} ", stamp(at.0))?;
        let after = |deadline: crate::time::Timestamp| deadline.since(*at).0;
        let key = match kind {
            Kind::Redeemed(redeemed) => {
                let code = redeemed.code;
                write!(f, "with code {}/{} use {}: ", code.shard, code.index, redeemed.nth)?;
                let (at, kind) = (*at, Kind::Opened(redeemed.opened.clone()));
                return Shown(&Fact { at, kind }).fmt(f);
            }
            Kind::Opened(opened) => {
                write!(
                    f,
                    "opened {} sale {} channel {} customer {:032x} for {} ms, at most {}:",
                    Cart(opened.cart),
                    opened.sale.0,
                    opened.channel.0,
                    opened.customer.0,
                    after(opened.deadline),
                    after(opened.hard_deadline)
                )?;
                items(f, &opened.items)?;
                if opened.notes.is_some() {
                    f.write_str(" with notes")?;
                }
                opened.key
            }
            Kind::Added { cart, items: new, key } => {
                write!(f, "added to {}:", Cart(*cart))?;
                items(f, new)?;
                *key
            }
            Kind::Released { cart, out, key } => {
                write!(f, "released of {}: holds {out:?}", Cart(*cart))?;
                *key
            }
            Kind::Exchanged { cart, out, items: new, key } => {
                write!(f, "exchanged in {}: holds {out:?} for", Cart(*cart))?;
                items(f, new)?;
                *key
            }
            Kind::Extended { cart, deadline, key } => {
                write!(f, "extended {} for {} ms", Cart(*cart), after(*deadline))?;
                *key
            }
            Kind::Confirmed { cart, key, wall: _ } => {
                write!(f, "confirmed {}", Cart(*cart))?;
                *key
            }
            Kind::Cancelled { cart, out, key } => {
                write!(f, "cancelled of {}: holds {out:?}", PublicId::order(*cart))?;
                *key
            }
            Kind::Lapsed { cart } => return write!(f, "lapsed {}", Cart(*cart)),
            Kind::Settled { slot, holds } => {
                return write!(f, "settled {holds} holds of slot {}", Place(*slot));
            }
            Kind::Joined(joined) => {
                return write!(f, "joined sale {} lane {} as {}", joined.sale.0, joined.lane, joined.number);
            }
            Kind::Cold(cold) => return rare(f, cold),
        };
        match key {
            Some(KeyUse { key, .. }) => write!(f, " key {key:032x}"),
            None => Ok(()),
        }
    }
}

fn rare(f: &mut fmt::Formatter<'_>, cold: &Cold) -> fmt::Result {
    match cold {
        Cold::SaleSet { sale, revision, rules } => {
            write!(f, "sale {} set: {} revision {revision}", sale.0, rules.id)
        }
        Cold::SlotsSet { sale, added, updated } | Cold::SlotsSetOnce { sale, added, updated, .. } => {
            write!(f, "sale {}: {} slots added, {} updated", sale.0, added.len(), updated.len())
        }
        Cold::SlotChanged { slot, capacity, blocked, .. } => {
            write!(f, "slot {} has {capacity} units, {blocked} blocked", Place(*slot))
        }
        Cold::ShardDigest { shard, digest } => write!(f, "digest of shard {shard}: {digest:016x}"),
        Cold::LineDigest { shard, digest } => write!(f, "digest of lines {shard}: {digest:016x}"),
        Cold::CodeDigest { shard, digest } => write!(f, "digest of codes {shard}: {digest:016x}"),
        Cold::CodesMade(made) => {
            let units: usize = made.codes.iter().map(|code| code.units.len()).sum();
            let (sale, wave) = (made.sale.0, made.wave);
            write!(f, "sale {sale}: {} codes of wave {wave} made, on {units} holds", made.codes.len())
        }
        Cold::CodesRevoked(fact) | Cold::CodesRevokedOnce { codes: fact, .. } => {
            write!(f, "sale {}: {} codes taken back", fact.sale.0, fact.codes.len())
        }
        Cold::SaleSetWithCodes { sale, revision, rules, .. } => {
            write!(f, "sale {} set with access codes: {} revision {revision}", sale.0, rules.id)
        }
        // Not what is secret until the draw.
        Cold::SaleSetWithRoom { sale, revision, rules, .. } => {
            write!(f, "sale {} set with a waiting room: {} revision {revision}", sale.0, rules.id)
        }
        Cold::Line { sale, fact } => write!(f, "line of sale {}: {fact:?}", sale.0),
        other => write!(f, "{other:?}"),
    }
}

struct Cart(CartId);

impl fmt::Display for Cart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PublicId::cart(self.0).fmt(f)
    }
}

struct Place(SlotRef);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.shard, self.0.index)
    }
}

fn items(f: &mut fmt::Formatter<'_>, items: &[NewItem]) -> fmt::Result {
    items.iter().try_for_each(|item| {
        write!(f, " {} of slot {}", item.quantity, Place(item.slot))?;
        if item.bundle == 0 {
            Ok(())
        } else {
            write!(f, " (bundle {})", crate::carts::bundle_number(item.bundle))
        }
    })
}

/// Engine time began as wall time, so it reads as such.
fn stamp(at: u64) -> String {
    let millis = i64::try_from(at).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| at.to_string(), |stamp| format!("{stamp:.3}"))
}

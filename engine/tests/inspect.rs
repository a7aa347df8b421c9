//! What the inspector says of a good journal, and that it names the first bad byte of a bad one.

mod follow_support;

use follow_support::{Market, SHARDS, Shop, options};
use onsale_engine::inspect::{Options, Verdict, print};
use onsale_engine::journal::{FileJournal, Journal};
use onsale_engine::ports::Disk;
use onsale_engine::sequence::Sequence;
use onsale_engine::state::Held;
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::time::Millis;

fn read_out(disk: &SimDisk, options: Options) -> (Verdict, String) {
    let mut out = Vec::new();
    let verdict = print(disk, options, &mut out).unwrap();
    (verdict, String::from_utf8(out).unwrap())
}

fn shop(every: u64) -> Shop {
    let mut shop = Shop::new(3, Millis(every)).unwrap();
    for _ in 0..16 {
        shop.round(25);
        shop.follow();
    }
    shop
}

#[test]
fn a_good_journal_is_read_out_fact_by_fact() {
    let shop = shop(0);
    let (verdict, text) = read_out(&shop.disk, Options { facts: true, ..Options::default() });
    assert_eq!((verdict.bad.as_ref(), verdict.exit_code()), (None, 0));
    assert_eq!(verdict.last, shop.mark.durable());
    assert_eq!((verdict.facts, verdict.fitted), (verdict.last.0, verdict.last.0));
    assert!(verdict.digests >= u64::from(SHARDS), "{verdict}");
    for words in [
        "journal-00000001.seg: from fact 1,",
        "2021-03-23T16:00:00.000Z Founded",
        "sale 0 set: day revision 1",
        "slots added",
        " opened cart_",
        " confirmed cart_",
        " settled ",
        " digest of shard 1: ",
        "; all good",
    ] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
    let facts = text.lines().filter(|line| line.starts_with("    ")).count() as u64;
    assert_eq!(facts, verdict.facts);
    let some = Options { facts: true, from: Sequence(5), to: Sequence(7) };
    let (_, text) = read_out(&shop.disk, some);
    let numbers: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("    ")?.split(' ').next()).collect();
    assert_eq!(numbers, ["5", "6", "7"]);
}

#[test]
fn a_trimmed_journal_is_fitted_from_a_snapshot() {
    let mut shop = shop(200);
    assert!(shop.writer.journal().first() > Sequence(1), "it was trimmed");
    let (verdict, text) = read_out(&shop.disk, Options::default());
    assert_eq!(verdict.bad, None);
    assert!(text.contains("fitting from the snapshot at fact"), "{text}");
    assert!(verdict.fitted > 0 && verdict.fitted < verdict.facts);
}

#[test]
fn a_journal_without_its_beginning_is_not_all_good() {
    let shop = shop(200);
    let named = |name: &String| name.starts_with("snapshot-");
    for snapshot in shop.disk.list().unwrap().into_iter().filter(named) {
        let mut bytes = shop.disk.get(&snapshot).unwrap();
        bytes[20] ^= 1;
        shop.disk.put(&snapshot, &bytes);
    }
    let (verdict, text) = read_out(&shop.disk, Options::default());
    assert_eq!((verdict.exit_code(), verdict.bad.as_ref(), verdict.fitted), (1, None, 0), "{text}");
    assert!(text.contains("NO START: the journal begins at fact") && !text.contains("all good"), "{text}");
    for snapshot in shop.disk.list().unwrap().into_iter().filter(named) {
        shop.disk.remove(&snapshot).unwrap();
    }
    let (verdict, text) = read_out(&shop.disk, Options::default());
    assert!(verdict.exit_code() == 1 && !text.contains("all good"), "{text}");
}

#[test]
fn a_folder_without_a_journal_is_called_one() {
    let disk = SimDisk::new(1);
    disk.put("notes.txt", b"not a segment");
    let error = print(&disk, Options::default(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "there is no journal in this folder");
}

#[test]
fn the_first_bad_byte_is_named() {
    let shop = shop(0);
    let name = "journal-00000002.seg";
    let mut bytes = shop.disk.get(name).unwrap();
    bytes[700] ^= 1;
    shop.disk.put(name, &bytes);
    let (verdict, text) = read_out(&shop.disk, Options::default());
    let (file, offset, _) = verdict.bad.clone().unwrap();
    assert_eq!((file.as_str(), verdict.exit_code()), (name, 1));
    assert!((512..=700).contains(&offset), "{offset}");
    assert!(text.contains(&format!("FIRST BAD BYTE: {name}, offset {offset}")), "{text}");
}

#[test]
fn a_torn_tail_is_no_damage() {
    let shop = shop(0);
    let (good, text) = read_out(&shop.disk, Options::default());
    let segments = shop.disk.list().unwrap().into_iter().filter(|name| name.starts_with("journal-"));
    let name = segments.max().expect("a segment");
    let last = format!(": end of {name}");
    let end = text.lines().find_map(|line| line.trim().strip_suffix(last.as_str())).expect("an end");
    let end: usize = end.parse().expect("an offset");
    let mut bytes = shop.disk.get(&name).unwrap();
    bytes[end..end + 20].copy_from_slice(b"half a frame, perhap");
    shop.disk.put(&name, &bytes);
    let (verdict, text) = read_out(&shop.disk, Options::default());
    assert_eq!((verdict.exit_code(), &verdict.bad), (0, &None), "{text}");
    assert_eq!(verdict.torn, Some((name, end as u64, end as u64 + 20)));
    assert_eq!((verdict.facts, verdict.fitted), (good.facts, good.fitted));
    assert!(text.contains("torn tail") && text.contains("cut at the next start"), "{text}");
}

#[test]
fn a_digest_that_differs_is_named_with_its_fact() {
    let mut market = Market::new(1);
    let now = market.desk.now();
    market.desk.core.state.alone().shard(2).digest.add(1);
    market.desk.core.note_digest(now, 2, 0).unwrap();
    let disk = SimDisk::new(1);
    let (journal, _) = FileJournal::open(disk.clone(), options()).unwrap();
    let mark = std::sync::Arc::default();
    let buffer = std::sync::Arc::clone(&market.desk.core.buffer);
    let mut writer =
        onsale_engine::commit::Writer::new(buffer, mark, journal, onsale_engine::commit::Ack::Fsync);
    writer.step();
    let (verdict, _) = read_out(&disk, Options::default());
    let (file, _, why) = verdict.bad.unwrap();
    assert_eq!(file, disk.list().unwrap().into_iter().find(|name| name.starts_with("journal-")).unwrap());
    assert!(why.contains("digest of shard 2"), "{why}");
}

//! The follower is the live side again: the same state under any business; and it notices when it is not.

mod follow_support;

use follow_support::{Shop, digests, image};
use onsale_engine::commit::Step;
use onsale_engine::follower::Followed;
use onsale_engine::journal::Journal;
use onsale_engine::ports::Disk;
use onsale_engine::sequence::Sequence;
use onsale_engine::snapshot::Generations;
use onsale_engine::state::Held;
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::time::Millis;

#[test]
fn the_follower_is_the_live_side_again_under_any_business() {
    for seed in 0..12 {
        let mut shop = Shop::new(seed, Millis(300)).unwrap();
        let mut made = 0;
        for _ in 0..60 {
            assert!(shop.round(12));
            made += shop.follow().iter().filter(|said| matches!(said, Followed::Made(..))).count();
        }
        assert!(made > 10, "{made} snapshots");
        let last = shop.mark.durable();
        assert_eq!(shop.follower.last(), last);
        assert_eq!(Generations::of(&shop.disk).unwrap().good().len(), 2);
        let mut followed = shop.follower.into_state().unwrap();
        assert_eq!(digests(&mut shop.market.desk.core.state), digests(&mut followed.state));
        assert!(image(&mut shop.market.desk.core.state) == image(&mut followed.state), "seed {seed}");
        assert!(followed.state.names.listing().sales.is_empty(), "names cost nothing here");
    }
}

#[test]
fn old_segments_go_when_two_snapshots_stand_and_not_before() {
    let mut shop = Shop::new(1, Millis(70_000)).unwrap();
    let (mut freed, mut made) = (0, 0);
    for _ in 0..40 {
        shop.round(30);
        for said in shop.follow() {
            if let Followed::Made(_, bytes) = said {
                made += 1;
                freed += bytes;
                assert!(made > 1 || bytes == 0, "one snapshot alone is nothing to rest on");
            }
        }
        shop.boot += 10_000;
    }
    assert!(freed > 0);
    let first = shop.writer.journal().first();
    let generations = Generations::of(&shop.disk).unwrap();
    assert!(first <= generations.good()[0].next(), "the older generation needs {:?}", generations.good()[0]);
    assert!(first > Sequence(1));
}

#[test]
fn a_difference_stops_the_answers_and_says_where() {
    let mut shop = Shop::new(1, Millis(0)).unwrap();
    shop.round(50);
    shop.follow();
    // A bit flips in the live side's memory, which then writes down what it thinks it has.
    let now = shop.market.desk.now();
    let core = &mut shop.market.desk.core;
    core.state.alone().shard(1).digest.add(1);
    core.note_digest(now, 1, 0).unwrap();
    let wrong = shop.market.desk.core.buffer.last();
    assert_eq!(shop.writer.step(), Step::Wrote);
    let failure = shop.follower.step(0).unwrap_err();
    assert!(failure.0.contains("journal-0000"), "{}", failure.0);
    assert!(failure.0.contains(&format!("fact {wrong} ")), "{}", failure.0);
    assert!(failure.0.contains("digest of shard 1"), "{}", failure.0);
    assert_eq!(shop.mark.failure(), Some(failure));
    assert_eq!(shop.writer.step(), Step::Failed);
}

#[test]
fn no_snapshot_once_the_journal_has_failed() {
    use onsale_engine::commit::Failure;
    let mut shop = Shop::new(1, Millis(50)).unwrap();
    shop.round(50);
    shop.follow();
    for _ in 0..3 {
        shop.boot += 100;
        shop.market.act();
        shop.writer.step();
        if shop.follower.step(shop.boot).unwrap() == Followed::Sliced {
            break;
        }
    }
    assert!(shop.follower.making());
    let before = Generations::of(&shop.disk).unwrap().good().to_vec();
    shop.mark.fail(Failure("planted".into()));
    for _ in 0..20 {
        shop.boot += 100;
        assert_eq!(shop.follower.step(shop.boot).unwrap(), Followed::Idle);
    }
    assert_eq!(Generations::of(&shop.disk).unwrap().good(), before);
    assert!(shop.disk.list().unwrap().iter().all(|name| !name.ends_with(".tmp")), "what was begun is gone");
}

#[test]
fn what_only_the_journal_knows_to_be_durable_is_not_followed() {
    use onsale_engine::commit::Ack;
    let ack = Ack::Interval(Millis(50));
    let mut shop = Shop::with_ack(SimDisk::new(5), 5, Millis(0), ack).unwrap();
    shop.round(40);
    assert!(shop.mark.durable() < shop.mark.answerable(), "answers leave before the sync here");
    // A segment is closed, so it is synced; the mark has not been told yet.
    shop.writer.journal().close_segment().unwrap();
    assert!(shop.follow().is_empty());
    assert_eq!(shop.follower.snapshot_now(), Followed::Idle);
    assert_eq!(shop.follower.last(), shop.mark.durable());
    assert_eq!(Generations::of(&shop.disk).unwrap().good(), []);
    assert_eq!(shop.writer.sync(), Step::Wrote);
    shop.follow();
    assert_eq!(shop.follower.last(), shop.mark.answerable());
}

#[test]
fn the_end_of_a_day_leaves_a_snapshot_of_everything() {
    let mut shop = Shop::new(4, Millis(1_000_000)).unwrap();
    for _ in 0..10 {
        shop.round(20);
    }
    assert!(shop.follower.wind_up(|| true));
    assert_eq!(Generations::of(&shop.disk).unwrap().good(), [shop.mark.durable()]);
    shop.round(20);
    let mut steps = 0;
    let in_time = shop.follower.wind_up(|| {
        steps += 1;
        steps < 2
    });
    assert!(!in_time, "it stops when the time is over");
    assert!(shop.disk.list().unwrap().iter().all(|name| !name.ends_with(".tmp")));
}

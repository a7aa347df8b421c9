//! Bytes of the journal, read back from its frames: header, records, checksum and padding, all that is written.

use onsale_engine::journal::{Finding, inspect};

use crate::stall::{Counter, Goods, Stall};

/// Frames of each kind.
const FRAMES: usize = 200;

/// Bytes a hold of two slots and a confirm take with so many facts a frame, idempotency keys included.
pub fn bytes(facts: usize) -> (f64, f64) {
    let goods = Goods { venues: 128, slots: 80 };
    let mut stall = Stall::new(goods, true);
    let (mut holds, mut confirms) = (0, 0);
    let mut counter = Counter::new(goods, 0, goods.venues, 0, 1);
    for _ in 0..FRAMES {
        let before = written(&stall);
        for _ in 0..facts {
            counter.hold(&stall.core);
        }
        stall.drain();
        let between = written(&stall);
        for _ in 0..facts {
            counter.confirm(&stall.core);
        }
        stall.drain();
        holds += between - before;
        confirms += written(&stall) - between;
    }
    let all = (facts * FRAMES) as f64;
    (holds as f64 / all, confirms as f64 / all)
}

/// Where the last frame ends, counted over all segments.
fn written(stall: &Stall) -> u64 {
    let disk = onsale_engine::os::disk::FolderDisk::open(stall.folder()).expect("the journal's folder");
    let findings = inspect(&disk).expect("a journal");
    let frames = findings.map(|finding| match finding.expect("a journal that can be read") {
        Finding::Frame { header, .. } => header.frame_bytes() as u64,
        _ => 0,
    });
    frames.sum()
}

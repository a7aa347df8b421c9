//! `onsale-draw-1` gives these bytes for ever: the vectors were computed by another program, in Python, from the words of
//! `docs/fair-draw.md`. If this test is red, saved draws can no longer be checked; change the code, never the file.

#![expect(clippy::disallowed_methods, reason = "vectors are a file of the repository")]

use std::fmt::Write;
use std::path::Path;

use onsale_engine::waiting_room::draw::{Leaf, Registrations, RunningDigest, Seed};
use onsale_engine::waiting_room::permutation::Permutation;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn bytes(hex: &str) -> [u8; 32] {
    std::array::from_fn(|place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap())
}

#[test]
fn the_draw_is_what_it_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/draw-v1/vectors.tsv");
    let vectors = std::fs::read_to_string(path).unwrap();
    let mut seed = Seed([0; 32]);
    let mut lanes: Vec<(&str, RunningDigest)> = Vec::new();
    let mut permutation = Permutation::new(&[0; 32], 0);
    for (line, fields) in vectors.lines().map(|line| (line, line.split('\t').collect::<Vec<_>>())) {
        match fields[..] {
            ["commitment", text, commitment] => {
                seed = Seed(bytes(text));
                assert_eq!(hex(&seed.commitment()), commitment);
            }
            ["lane", sale, lane, digest] => {
                lanes.push((lane, RunningDigest::new(sale, lane)));
                assert_eq!(hex(&lanes.last().unwrap().1.digest()), digest, "{line}");
            }
            ["join", joined_ms, ticket, leaf, digest] => {
                let (_, running) = lanes.last_mut().unwrap();
                running.add(joined_ms.parse().unwrap(), Leaf::of_ticket(ticket));
                assert_eq!(hex(&Leaf::of_ticket(ticket).0), leaf, "{line}");
                assert_eq!(hex(&running.digest()), digest, "{line}");
            }
            ["registrations", count, digest] => {
                let all = Registrations::of_lanes(lanes.iter().copied());
                assert_eq!((all.count.to_string().as_str(), hex(&all.digest).as_str()), (count, digest));
            }
            ["key", lane, beacon, key] => {
                let all = Registrations::of_lanes(lanes.iter().copied());
                assert_eq!(hex(&seed.lane_key(&all, lane, beacon)), key, "{line}");
            }
            ["places", key, count, places] => {
                permutation = Permutation::new(&bytes(key), count.parse().unwrap());
                let computed: Vec<_> =
                    (0..permutation.count()).map(|n| permutation.place(n).to_string()).collect();
                assert_eq!(computed.join(" "), places, "{line}");
            }
            ["place", key, count, number, place] => {
                let count = count.parse().unwrap();
                if permutation.count() != count {
                    permutation = Permutation::new(&bytes(key), count);
                }
                let (number, place) = (number.parse().unwrap(), place.parse().unwrap());
                assert_eq!(permutation.place(number), place, "{line}");
                assert_eq!(permutation.number(place), number, "{line}");
            }
            _ => panic!("a line of no known kind: {line}"),
        }
    }
    assert_eq!((lanes.len(), vectors.lines().count()), (3, 75));
}

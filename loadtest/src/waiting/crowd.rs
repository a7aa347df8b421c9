//! Who comes: people with one, two or four devices each, when each device joins, who goes away and who will not come when
//! called. All of it is drawn from the seed before the first request.

use std::time::Instant;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::promises::Promised;
use crate::arrivals::BuildUp;
use crate::draw;

/// The parameters; times are those of the real day, divided by the speed when drawn.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// Share of the people with one device, and with two; the others have four.
    pub one_device: f64,
    /// See `one_device`.
    pub two_devices: f64,
    /// Share of the people who will not wait for ever.
    pub impatient: f64,
    /// How long they wait after their last joining, median.
    pub patience_median_s: f64,
    /// Sigma of the logarithm of that.
    pub patience_sigma: f64,
    /// Of those, the ones who just close the page; the others give their place back.
    pub silently: f64,
    /// Share of the people who do not come when they are called.
    pub no_shows: f64,
    /// Devices that join only after the opening, for each of those before it.
    pub latecomers: f64,
    /// They come within so long.
    pub late_within_s: f64,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            one_device: 0.6,
            two_devices: 0.3,
            impatient: 0.1,
            patience_median_s: 2_400.0,
            patience_sigma: 1.0,
            silently: 0.5,
            no_shows: 0.03,
            latecomers: 0.01,
            late_within_s: 600.0,
        }
    }
}

/// How far somebody's purchase has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buying {
    /// Not begun, or in vain.
    No,
    /// One device is inside.
    Inside,
    /// Has what they came for.
    Done,
}

/// Somebody.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// Goes away then, in microseconds from t0.
    pub goes_at_us: i64,
    /// Without a word.
    pub silently: bool,
    /// Comes when called.
    pub comes: bool,
    /// How far they are.
    pub buying: Buying,
}

/// Where a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Goes to the shop without a ticket: nobody has told it of a line.
    ToShop,
    /// Is in the shop without a ticket.
    WalkedIn,
    /// Has not joined.
    ToJoin,
    /// Asks how it stands, again and again.
    Waiting,
    /// Gives its place back next.
    ToLeave,
    /// Was called and is in the shop.
    Inside,
    /// Has had its final answer.
    Ended,
}

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Whose.
    pub person: u32,
    /// Joins then, in microseconds from t0.
    pub joins_at_us: i64,
    /// Where it stands.
    pub stage: Stage,
    /// Its ticket.
    pub ticket: Box<str>,
    /// Its place, once told.
    pub place: Option<u32>,
    /// How many were ahead, as told last.
    pub ahead: Option<u32>,
    /// What it was told of its wait.
    pub promised: Promised,
    /// When it was last answered.
    pub answered: Option<Instant>,
    /// The server's time of the last answer that said it waits for its turn, in milliseconds; 0 for never.
    pub waited_at_ms: i64,
    /// When it was told to ask again, milliseconds after that.
    pub told_to_ask_ms: u64,
    /// It was quiet for twice as long: the server may have taken it for gone.
    pub was_away: bool,
    /// Requests in a row without a final answer.
    pub tries: u8,
    /// Of these, the ones that were never sent.
    pub not_sent: u8,
}

impl Device {
    /// Whether it has a place in the line.
    pub fn in_line(&self) -> bool {
        !matches!(self.stage, Stage::ToShop | Stage::WalkedIn | Stage::ToJoin)
    }
}

/// Everybody.
#[derive(Debug)]
pub struct Everybody {
    /// People.
    pub people: Vec<Person>,
    /// Devices in the order of their joining.
    pub devices: Vec<Device>,
}

impl Crowd {
    /// The same people with one device each.
    pub fn of_single_devices() -> Self {
        Self { one_device: 1.0, two_devices: 0.0, ..Self::default() }
    }

    /// Draws so many devices that join before the opening, and the latecomers. Stream 0 of the seed decides.
    pub fn draw(&self, devices: usize, speed: f64, seed: u64) -> Everybody {
        let mut rng = draw::stream(seed, 0);
        let hour = BuildUp::an_hour(speed);
        let late = draw::whole(self.late_count(devices));
        let late_within_us = draw::micros(draw::seconds(self.late_within_s / speed)).max(1);
        let mut joins: Vec<i64> = (0..devices).map(|_| hour.one(&mut rng)).collect();
        joins.extend(
            (0..late)
                .map(|_| 1_000_000 + i64::try_from(rng.random_range(0..late_within_us)).unwrap_or_default()),
        );
        self.people_of(joins, speed, &mut rng)
    }

    /// Draws whose devices these are that come at these instants, in microseconds from t0.
    pub fn people_of(&self, joins: Vec<i64>, speed: f64, rng: &mut ChaCha8Rng) -> Everybody {
        let mut joins = joins;
        joins.sort_unstable();
        // Devices of one person are anywhere in the order: each is opened at its own time.
        let mut people = Vec::new();
        let mut owners: Vec<u32> = Vec::with_capacity(joins.len());
        while owners.len() < joins.len() {
            let number = u32::try_from(people.len()).unwrap_or(u32::MAX);
            let chance = rng.random::<f64>();
            let has = match () {
                () if chance < self.one_device => 1,
                () if chance < self.one_device + self.two_devices => 2,
                () => 4,
            };
            owners.extend(std::iter::repeat_n(number, has.min(joins.len() - owners.len())));
            people.push(Person {
                goes_at_us: i64::MAX,
                silently: draw::chance(rng, self.silently),
                comes: !draw::chance(rng, self.no_shows),
                buying: Buying::No,
            });
        }
        owners.shuffle(rng);

        let mut last_join = vec![i64::MIN; people.len()];
        let mut all = Vec::with_capacity(joins.len());
        for (person, joins_at_us) in owners.into_iter().zip(joins) {
            last_join[person as usize] = joins_at_us;
            all.push(Device {
                person,
                joins_at_us,
                stage: Stage::ToJoin,
                ticket: Box::default(),
                place: None,
                ahead: None,
                promised: Promised::default(),
                answered: None,
                waited_at_ms: 0,
                told_to_ask_ms: 0,
                was_away: false,
                tries: 0,
                not_sent: 0,
            });
        }
        for (person, joined) in people.iter_mut().zip(last_join) {
            let patience = draw::log_normal(rng, self.patience_median_s, self.patience_sigma) / speed;
            if draw::chance(rng, self.impatient) {
                let patience = i64::try_from(draw::micros(draw::seconds(patience))).unwrap_or(i64::MAX);
                person.goes_at_us = joined.saturating_add(patience);
            }
        }
        Everybody { people, devices: all }
    }

    fn late_count(&self, devices: usize) -> f64 {
        f64::from(u32::try_from(devices).unwrap_or(u32::MAX)) * self.latecomers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_model_and_a_seed_is_a_crowd() {
        let crowd = Crowd::default();
        let all = crowd.draw(20_000, 30.0, 7);
        assert_eq!(all.devices.len(), 20_200);
        assert!(all.devices.is_sorted_by_key(|device| device.joins_at_us));
        assert_eq!(all.devices.iter().filter(|device| device.joins_at_us > 0).count(), 200);
        // 0.6 x 1 + 0.3 x 2 + 0.1 x 4 = 1.6 devices a person.
        assert!((12_300..12_950).contains(&all.people.len()), "{}", all.people.len());
        let share = |test: fn(&Person) -> bool| all.people.iter().filter(|person| test(person)).count();
        assert!((1_100..1_420).contains(&share(|person| person.goes_at_us < i64::MAX)));
        assert!((310..450).contains(&share(|person| !person.comes)));
        let again = crowd.draw(20_000, 30.0, 7);
        let joins =
            |all: &Everybody| all.devices.iter().map(|d| (d.person, d.joins_at_us)).collect::<Vec<_>>();
        assert_eq!(joins(&all), joins(&again));
        assert_ne!(joins(&all), joins(&crowd.draw(20_000, 30.0, 8)));
    }

    #[test]
    fn nobody_goes_before_joining_with_the_last_device() {
        let all = Crowd { impatient: 1.0, ..Crowd::default() }.draw(2_000, 30.0, 1);
        for device in &all.devices {
            assert!(all.people[device.person as usize].goes_at_us >= device.joins_at_us);
        }
    }
}

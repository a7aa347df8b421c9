//! Oddities of locations and schedules: damage that no slot is refused for, and that a buyer would stumble over.

use std::collections::BTreeMap;

use crate::import::fhir::feed::Feed;
use crate::import::fhir::resources::LocationRow;
use crate::import::oddity::OddityKind;
use crate::import::reading::Reading;
use crate::import::us_states::{self, Zip};

/// The digits of a telephone number in the United States, without country code.
const PHONE_DIGITS: usize = 10;

/// Names what is odd about the places and schedules of a feed.
pub fn inspect(feed: &Feed, reading: &mut Reading) {
    for (id, location) in &feed.locations {
        inspect_address(id, location, reading);
    }
    inspect_names(feed, reading);
    for (id, schedule) in &feed.schedules {
        if let Some(dose) = schedule.dose.as_ref().filter(|dose| !matches!(dose.as_str(), "1" | "2")) {
            let detail = format!("Schedule/{id} is for dose {dose}");
            reading.note(OddityKind::ImplausibleDose, &schedule.place, dose.clone(), detail);
        }
        // ISO dates and times order as text as long as both are written alike, which is all this needs.
        if let Some((start, end)) = schedule.horizon.as_ref().filter(|(start, end)| end < start) {
            let detail = format!("Schedule/{id} plans from {start} to {end}");
            reading.note(OddityKind::HorizonBackwards, &schedule.place, id.clone(), detail);
        }
    }
}

/// The postal code to show: mended where it lost its zeros.
#[must_use]
pub fn mended_zip(location: &LocationRow) -> Option<String> {
    let code = location.zip.clone()?;
    match us_states::zip(&code, us_state(location)) {
        Zip::LostZero(mended) => Some(mended),
        Zip::Good | Zip::Odd => Some(code),
    }
}

fn inspect_address(id: &str, location: &LocationRow, reading: &mut Reading) {
    // Postal codes and telephone numbers are judged only where their shape is known.
    let state = us_state(location);
    if us_states::zones(state).is_empty() {
        return;
    }
    if let Some(code) = &location.zip {
        match us_states::zip(code, state) {
            Zip::Good => {}
            Zip::LostZero(mended) => {
                let detail = format!("Location/{id} in {state} has `{code}`, read as {mended}");
                reading.note(OddityKind::ZipLostZero, &location.place, code.clone(), detail);
            }
            Zip::Odd => {
                let detail = format!("Location/{id} in {state} has `{code}`");
                reading.note(OddityKind::ZipOdd, &location.place, code.clone(), detail);
            }
        }
    }
    if let Some(phone) = &location.phone {
        let digits = phone.bytes().filter(u8::is_ascii_digit).count();
        if digits < PHONE_DIGITS {
            let detail = format!("Location/{id} has `{phone}`: {digits} digits of {PHONE_DIGITS}");
            reading.note(OddityKind::PhoneIncomplete, &location.place, phone.clone(), detail);
        }
    }
}

fn inspect_names(feed: &Feed, reading: &mut Reading) {
    let mut bearers: BTreeMap<&str, usize> = BTreeMap::new();
    for name in feed.locations.values().filter_map(|location| location.name.as_deref()) {
        *bearers.entry(name).or_default() += 1;
    }
    for (id, location) in &feed.locations {
        let Some(name) = location.name.as_deref() else { continue };
        if bearers[name] > 1 {
            let detail = format!("Location/{id} is one of {} called `{name}`", bearers[name]);
            reading.note(OddityKind::SharedName, &location.place, name, detail);
        }
    }
}

fn us_state(location: &LocationRow) -> &str {
    location.state.as_deref().unwrap_or_default()
}

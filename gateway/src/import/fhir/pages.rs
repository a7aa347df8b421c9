//! Whether all pages of a search are here. A server answers a search page by page: `total` says how many there are in all,
//! `link` with the relation `next` where the rest is. One page loaded alone looks whole and is not.
//!
//! A bundle without `next` that holds as many as its `total` is whole. Of the others, those with one `total` are taken
//! together: they are whole if together they hold that many for each last page among them, or if each page that one leads
//! to is here, known by its `self`. What belongs together cannot be told for certain, so a doubt is named and nothing
//! is refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::import::fhir::element::Element;
use crate::import::fhir::resources::Resource;
use crate::import::oddity::OddityKind;
use crate::import::reading::{Place, Reading};

/// One bundle of an import, as far as it concerns the others.
#[derive(Clone, Debug)]
pub struct Page {
    place: Place,
    total: Option<usize>,
    next: Option<String>,
    own: Option<String>,
    found: BTreeSet<String>,
}

impl Page {
    /// A bundle that begins here.
    #[must_use]
    pub const fn new(place: Place) -> Self {
        Self { place, total: None, next: None, own: None, found: BTreeSet::new() }
    }

    /// Takes in what the bundle says of itself.
    pub fn describe(&mut self, bundle: &Element) {
        let link = |relation: &str| {
            let link = bundle.all("link").find(|link| link.text(&["relation"]) == Some(relation));
            Some(link?.text(&["url"]).unwrap_or_default().to_owned())
        };
        self.total = bundle.text(&["total"]).and_then(|total| total.parse().ok());
        (self.next, self.own) = (link("next"), link("self"));
    }

    /// Counts an entry, if the search was for it: what comes along with a match is of the mode `include`.
    pub fn count(&mut self, mode: Option<&str>, resource: &Resource) {
        if mode.is_some_and(|mode| mode != "match") {
            return;
        }
        let id = resource.body.text(&["id"]).map(|id| format!("{}/{id}", resource.kind));
        self.found.insert(id.or_else(|| resource.full_url.clone()).unwrap_or(resource.place.to_string()));
    }

    fn is_whole(&self) -> bool {
        self.next.is_none() && self.total.is_none_or(|total| self.found.len() >= total)
    }
}

/// Names the searches of which something is missing.
pub fn note_missing(pages: &[Page], reading: &mut Reading) {
    let own: BTreeSet<_> = pages.iter().filter_map(|page| page.own.as_deref()).collect();
    let mut searches: BTreeMap<usize, Vec<&Page>> = BTreeMap::new();
    for page in pages.iter().filter(|page| !page.is_whole()) {
        match page.total {
            Some(total) => searches.entry(total).or_default().push(page),
            None if page.next.as_ref().is_some_and(|next| own.contains(next.as_str())) => {}
            None => {
                note(page, "more follows, and none of these files says that it is the next page", reading)
            }
        }
    }
    for (total, pages) in searches {
        let here = pages.iter().flat_map(|page| &page.found).collect::<BTreeSet<_>>().len();
        let leads_on =
            pages.iter().filter(|page| page.next.as_ref().is_some_and(|next| !own.contains(next.as_str())));
        let last = pages.iter().filter(|page| page.next.is_none()).count();
        let (leads_on, missing) = (leads_on.copied().next_back(), total.saturating_sub(here));
        let what = match missing {
            0 if leads_on.is_none() || here == total * last => continue,
            0 => format!("{total} were found, and not every last page is here"),
            _ => format!("{total} were found, {here} of them are here: {missing} are missing"),
        };
        // Where a page leads on is where to go on.
        if let Some(page) = leads_on.or_else(|| pages.last().copied()) {
            note(page, &what, reading);
        }
    }
}

fn note(page: &Page, what: &str, reading: &mut Reading) {
    let next = match page.next.as_deref() {
        Some(url) if !url.is_empty() => format!("fetch the next page, {url}"),
        _ => "fetch the other pages, or search again with a larger _count".to_owned(),
    };
    let detail = format!("{what}; {next}, and give all files in one command");
    let subject = page.next.clone().unwrap_or_else(|| page.place.to_string());
    reading.note(OddityKind::PagesMissing, &page.place, subject, detail);
}

//! Queue-it's connectors over HTTP: the shop whose pages they guard keeps them, and its visitors wait here.
//!
//! [`pages`] answers what a connector sends: who has to wait, whose token was not taken, who gives up a place. [`admit`]
//! sends people back with a link token when it is their turn. [`rules`] is the document that says which pages wait.
//! [`proof`] reads what a shop says about who is coming. [`settings`] is what an operator sets, all or nothing. The formats
//! themselves are in [`queue_it`](crate::queue_it), apart from HTTP, clocks and the engine.
//!
//! A link token cannot be taken back: the connector checks it without us, as often as it is shown. What is single is the
//! session behind it: it begins with the first token of a turn, and every further token, cookie or cart is of the same one.

pub mod admit;
pub mod pages;
pub mod proof;
pub mod rules;
pub mod settings;

use std::sync::Arc;

use onsale_engine::Engine;

use crate::config::Gathered;
use crate::durable::settle;
use crate::problem::{Code, Problem};
use crate::queue_it::ids::{Account, QueueId};
use crate::queue_it::secret::Secret;
use crate::queue_it::target::AllowedHosts;

/// The shop as its connectors know it.
#[derive(Clone, Debug)]
pub struct Connector {
    /// The shop's name, `c` in links.
    pub account: Account,
    /// What its connectors sign and check with.
    pub secret: Secret,
    /// Where visitors may be sent back to.
    pub hosts: AllowedHosts,
    /// How long a link token lets in, in milliseconds, 60,000 to 120,000.
    pub token_ms: u64,
    /// Whether a link token is good for the visitor's address only.
    pub binds_address: bool,
    /// The integration document, if pages are named for it.
    pub rules: Option<String>,
}

impl Connector {
    /// The shop that is set; none if nothing is.
    ///
    /// # Errors
    /// The setting that is missing, and why it is needed.
    pub fn new(all: &Gathered) -> Result<Option<Self>, (&'static str, String)> {
        const ACCOUNT: &str = "queue_it.account";
        const TOGETHER: [&str; 3] = [ACCOUNT, "queue_it.secret", "queue_it.hosts"];
        let is_set = |name: &str| !all.text(name).is_empty();
        let given =
            TOGETHER.into_iter().chain(["queue_it.domain", "queue_it.pages"]).find(|name| is_set(name));
        let Some(given) = given else { return Ok(None) };
        if let Some(missing) = TOGETHER.into_iter().find(|name| !is_set(name)) {
            let why = format!("is not set, but `{given}` is; connectors need all of {}", TOGETHER.join(", "));
            return Err((missing, why));
        }
        let [account, secret, hosts] = TOGETHER;
        let (pages, domain) = ("queue_it.pages", "queue_it.domain");
        if is_set(pages) && !is_set(domain) {
            return Err((
                domain,
                format!("is not set, but `{pages}` is: the document names the host to wait at"),
            ));
        }
        let missing = |name: &'static str| move || (name, "is empty".to_owned());
        let said = |name: &'static str| move |why| (name, why);
        Ok(Some(Self {
            account: settings::account(all.text(account))
                .map_err(said(account))?
                .ok_or_else(missing(account))?,
            secret: settings::secret(all.text(secret)).map_err(said(secret))?.ok_or_else(missing(secret))?,
            hosts: settings::hosts(all.text(hosts)).map_err(said(hosts))?,
            token_ms: all.text("queue_it.token_ms").replace('_', "").parse().unwrap_or(90_000),
            binds_address: all.text("queue_it.bind_address") == "true",
            rules: rules::document(all.text(domain), settings::pages(all.text(pages)).map_err(said(pages))?)
                .map_err(said(pages))?,
        }))
    }
}

/// The text of the ticket with this queue id, and its sale's id.
///
/// # Errors
/// `not-found`
pub(crate) async fn ticket_of(engine: &Engine, place: QueueId) -> Result<(Arc<str>, String), Problem> {
    let key = settle(engine, engine.ticket_key(place.sale())).await?.value;
    let ticket = place.ticket(&key).ok_or_else(|| Problem::new(Code::NotFound, "There is no such place."))?;
    Ok((engine.sale_id(ticket.sale), ticket.text(&key.signer()).as_str().to_owned()))
}

/// What is said where connectors are not served: the same as where there is nothing.
pub(crate) fn nothing_here() -> Problem {
    Problem::new(Code::NotFound, "There is nothing at this path; see /docs.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&'static str, &str)]) -> Result<Option<Connector>, (&'static str, String)> {
        let flags = pairs.iter().map(|(name, text)| (*name, (*text).to_owned()));
        Connector::new(&Gathered::new(None, [], flags).unwrap())
    }

    const WHOLE: [(&str, &str); 3] = [
        ("queue_it.account", "shop"),
        ("queue_it.secret", "demo-secret-not-for-production-0001"),
        ("queue_it.hosts", "shop.example, localhost:8443"),
    ];

    #[test]
    fn nothing_is_served_unless_all_is_set() {
        assert!(set(&[]).unwrap().is_none());
        assert!(set(&[("queue_it.token_ms", "60000")]).unwrap().is_none(), "that alone says nothing");
        let whole = set(&WHOLE).unwrap().unwrap();
        assert_eq!((whole.account.as_str(), whole.token_ms, whole.rules), ("shop", 90_000, None));
        for (left_out, _) in WHOLE {
            let rest: Vec<_> = WHOLE.into_iter().filter(|(name, _)| *name != left_out).collect();
            let (missing, why) = set(&rest).unwrap_err();
            assert_eq!(missing, left_out);
            assert!(why.contains(rest[0].0), "{why}");
        }
        let mut pages = WHOLE.to_vec();
        pages.push(("queue_it.pages", "rush=/book"));
        assert_eq!(set(&pages).unwrap_err().0, "queue_it.domain");
        assert_eq!(set(&pages[3..]).unwrap_err().0, "queue_it.account");
        pages.push(("queue_it.domain", "queue.shop.example"));
        assert!(set(&pages).unwrap().unwrap().rules.unwrap().contains("/book"));
    }

    #[test]
    fn the_secret_is_in_no_text_for_people() {
        let secret = "a-secret-nobody-sees";
        let all = Gathered::new(None, [], [("queue_it.secret", secret.to_owned())]).unwrap();
        assert!(!format!("{all:?}").contains(secret));
        assert!(all.all().all(|(setting, text, _)| !setting.shown(text).contains(secret)));
        let short = Gathered::new(None, [], [("queue_it.secret", "shortsecret".to_owned())]).unwrap_err();
        assert!(!format!("{short:?}").contains("shortsecret"), "{short:?}");
        let whole = set(&WHOLE).unwrap();
        assert!(!format!("{whole:?}").contains("demo-secret"));
    }
}

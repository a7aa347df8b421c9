//! The integration document: what a connector fetches to learn which pages of the shop wait for which waiting room.
//!
//! The first rule with a trigger that fits decides; no rule means that a page is free. The names and words are the
//! connector's. Every member is always written, so that a connector in a language without optional members can read it.

use std::num::{NonZeroU16, NonZeroU32};

use serde::{Serialize, Serializer};

use super::ids::EventId;
use super::target::Target;
use super::trigger::Trigger;

/// The most rules of a document, triggers of a rule, parts of a trigger, and texts of a comparison.
pub const MAX_LIST: usize = 64;
/// The longest text of a name or a comparison, in bytes.
pub const MAX_TEXT: usize = 512;

/// The whole document.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Integration {
    /// Another one with every change; connectors hand it back in `cver`. Never 0, which connectors take for a document that is missing.
    version: NonZeroU32,
    /// In the order in which they are tried.
    #[serde(rename = "Integrations")]
    rules: Vec<Rule>,
}

/// What happens on which pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the shop calls it; comes back in `man`.
    pub name: String,
    /// What happens.
    pub action: Action,
    /// When it happens: if any of these fits.
    pub triggers: Vec<Trigger>,
}

/// What happens on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Whoever has no place in this waiting room is sent there.
    Queue(Room, Stay),
    /// The page is free, whatever the later rules say.
    Ignore,
    /// Whoever was let in gives up the place.
    Cancel(Room),
}

/// The waiting room and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The waiting room.
    pub event: EventId,
    /// Other waiting rooms whose visitors are let in too.
    pub also: Vec<EventId>,
    /// The host, and port, of the queue. Connectors always use https.
    pub domain: String,
    /// The path below which the queue is.
    pub path_prefix: String,
    /// The domain of the connector's cookie, if it is not the page's own.
    pub cookie_domain: Option<String>,
}

/// How long somebody who was let in may stay, and how they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// How long the connector's cookie is good.
    pub cookie_minutes: NonZeroU16,
    /// Whether each request begins that time anew.
    pub extend: bool,
    /// The language of the waiting room, if not the visitor's.
    pub culture: Option<String>,
    /// The layout of its page.
    pub layout: Option<String>,
    /// Where they go when they are called.
    pub back_to: BackTo,
}

/// Where visitors go when they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackTo {
    /// To the page they wanted.
    Wanted,
    /// To the page the waiting room has for everyone.
    Event,
    /// To this page.
    Page(Target),
}

/// Why rules make no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationError {
    /// A list has more than [`MAX_LIST`] members, or no member where it needs one.
    List,
    /// A text is longer than [`MAX_TEXT`], empty where it may not be, or has control characters.
    Text,
}

impl Integration {
    /// A document of these rules.
    ///
    /// # Errors
    /// When a list or a text is out of bounds.
    pub fn new(version: NonZeroU32, rules: Vec<Rule>) -> Result<Self, IntegrationError> {
        bounded(rules.len(), 0)?;
        rules.iter().try_for_each(Rule::check)?;
        Ok(Self { version, rules })
    }
}

impl Rule {
    fn check(&self) -> Result<(), IntegrationError> {
        worded(&self.name)?;
        bounded(self.triggers.len(), 1)?;
        for trigger in &self.triggers {
            trigger.check()?;
        }
        if let Action::Queue(_, stay) = &self.action {
            [&stay.culture, &stay.layout].into_iter().flatten().try_for_each(|text| worded(text))?;
        }
        match &self.action {
            Action::Queue(room, _) | Action::Cancel(room) => {
                bounded(room.also.len(), 0)?;
                worded(&room.domain)?;
                room.cookie_domain.iter().try_for_each(|text| worded(text))?;
                text(&room.path_prefix)
            }
            Action::Ignore => Ok(()),
        }
    }
}

pub(super) fn bounded(length: usize, least: usize) -> Result<(), IntegrationError> {
    if (least..=MAX_LIST).contains(&length) { Ok(()) } else { Err(IntegrationError::List) }
}

pub(super) fn text(text: &str) -> Result<(), IntegrationError> {
    let fits = text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(IntegrationError::Text) }
}

pub(super) fn worded(word: &str) -> Result<(), IntegrationError> {
    if word.is_empty() { Err(IntegrationError::Text) } else { text(word) }
}

/// A rule as connectors read it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuleDocument<'a> {
    name: &'a str,
    action_type: &'static str,
    event_id: &'a str,
    involved_waiting_room_ids: &'a [EventId],
    queue_domain: &'a str,
    queue_path_prefix: &'a str,
    cookie_domain: &'a str,
    is_cookie_http_only: bool,
    is_cookie_secure: bool,
    cookie_validity_minute: Option<NonZeroU16>,
    extend_cookie_validity: bool,
    culture: &'a str,
    layout_name: &'a str,
    redirect_logic: &'static str,
    forced_target_url: &'a str,
    verify_queue_id_enabled: bool,
    queue_id_usage_limit: Option<u32>,
    is_normalization_enabled: bool,
    triggers: &'a [Trigger],
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (action_type, room, stay) = match &self.action {
            Action::Queue(room, stay) => ("Queue", Some(room), Some(stay)),
            Action::Ignore => ("Ignore", None, None),
            Action::Cancel(room) => ("Cancel", Some(room), None),
        };
        let (redirect_logic, forced_target_url) = match stay.map(|stay| &stay.back_to) {
            None | Some(BackTo::Wanted) => ("AllowTParameter", ""),
            Some(BackTo::Event) => ("EventTargetUrl", ""),
            Some(BackTo::Page(target)) => ("ForcedTargetUrl", target.as_str()),
        };
        RuleDocument {
            name: &self.name,
            action_type,
            event_id: room.map_or("", |room| room.event.as_str()),
            involved_waiting_room_ids: room.map_or(&[], |room| &room.also),
            queue_domain: room.map_or("", |room| &room.domain),
            queue_path_prefix: room.map_or("", |room| &room.path_prefix),
            cookie_domain: room.and_then(|room| room.cookie_domain.as_deref()).unwrap_or_default(),
            // The cookie is for the connector on the shop's server; no script of a page needs it.
            is_cookie_http_only: true,
            is_cookie_secure: true,
            cookie_validity_minute: stay.map(|stay| stay.cookie_minutes),
            extend_cookie_validity: stay.is_some_and(|stay| stay.extend),
            culture: stay.and_then(|stay| stay.culture.as_deref()).unwrap_or_default(),
            layout_name: stay.and_then(|stay| stay.layout.as_deref()).unwrap_or_default(),
            redirect_logic,
            forced_target_url,
            // Counting the uses of a place asks the vendor's own service.
            verify_queue_id_enabled: false,
            queue_id_usage_limit: None,
            is_normalization_enabled: false,
            triggers: &self.triggers,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::target::AllowedHosts;
    use super::super::trigger::{Of, Part, Subject, Test};
    use super::*;
    use serde_json::{Value, json};

    fn rule(action: Action) -> Rule {
        let test = Test::Contains("/book".to_owned());
        let part = Part { subject: Subject::Path, test, negative: false, any_case: true };
        let triggers = vec![Trigger { of_parts: Of::All, parts: vec![part] }];
        Rule { name: "book a seat".to_owned(), action, triggers }
    }

    fn room() -> Room {
        Room {
            event: EventId::new("vacc01").unwrap(),
            also: vec![EventId::new("vacc02").unwrap()],
            domain: "queue.shop.example".to_owned(),
            path_prefix: "q".to_owned(),
            cookie_domain: None,
        }
    }

    fn stay(back_to: BackTo) -> Stay {
        let cookie_minutes = NonZeroU16::new(20).unwrap();
        Stay { cookie_minutes, extend: true, culture: None, layout: Some("dark".to_owned()), back_to }
    }

    fn document(rules: Vec<Rule>) -> Result<Value, IntegrationError> {
        let document = Integration::new(NonZeroU32::MIN, rules)?;
        Ok(serde_json::to_value(document).unwrap())
    }

    #[test]
    fn a_document_has_every_member() {
        let written = document(vec![rule(Action::Queue(room(), stay(BackTo::Wanted)))]).unwrap();
        let expected = json!({"Version": 1, "Integrations": [{
            "Name": "book a seat", "ActionType": "Queue",
            "EventId": "vacc01", "InvolvedWaitingRoomIds": ["vacc02"],
            "QueueDomain": "queue.shop.example", "QueuePathPrefix": "q",
            "CookieDomain": "", "IsCookieHttpOnly": true, "IsCookieSecure": true,
            "CookieValidityMinute": 20, "ExtendCookieValidity": true,
            "Culture": "", "LayoutName": "dark",
            "RedirectLogic": "AllowTParameter", "ForcedTargetUrl": "",
            "VerifyQueueIdEnabled": false, "QueueIdUsageLimit": null, "IsNormalizationEnabled": false,
            "Triggers": [{"LogicalOperator": "And", "TriggerParts": [{
                "ValidatorType": "UrlValidator", "UrlPart": "PagePath", "CookieName": "", "HttpHeaderName": "",
                "Operator": "Contains", "ValueToCompare": "/book", "ValuesToCompare": [],
                "IsNegative": false, "IsIgnoreCase": true}]}]}]});
        assert_eq!(written, expected);
    }

    #[test]
    fn visitors_come_back_where_the_rule_says() {
        let allowed = AllowedHosts::new(["shop.example"]).unwrap();
        let page = Target::read("https://shop.example/start", &allowed).unwrap();
        for (back_to, logic, url) in [
            (BackTo::Wanted, "AllowTParameter", ""),
            (BackTo::Event, "EventTargetUrl", ""),
            (BackTo::Page(page), "ForcedTargetUrl", "https://shop.example/start"),
        ] {
            let written = document(vec![rule(Action::Queue(room(), stay(back_to)))]).unwrap();
            let rule = &written["Integrations"][0];
            assert_eq!((&rule["RedirectLogic"], &rule["ForcedTargetUrl"]), (&json!(logic), &json!(url)));
        }
    }

    #[test]
    fn everything_has_a_bound() {
        let with = |change: fn(&mut Rule)| {
            let mut changed = rule(Action::Ignore);
            change(&mut changed);
            document(vec![changed]).map(|_| ())
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert_eq!(with(|rule| rule.name.clear()), Err(IntegrationError::Text));
        assert_eq!(with(|rule| rule.name = "x".repeat(MAX_TEXT + 1)), Err(IntegrationError::Text));
        assert_eq!(with(|rule| rule.triggers.clear()), Err(IntegrationError::List));
        assert_eq!(with(|rule| rule.triggers[0].parts.clear()), Err(IntegrationError::List));
        let no_domain = Room { domain: String::new(), ..room() };
        assert_eq!(document(vec![rule(Action::Cancel(no_domain))]), Err(IntegrationError::Text));
        assert_eq!(document(vec![rule(Action::Ignore); MAX_LIST + 1]), Err(IntegrationError::List));
        assert!(document(Vec::new()).is_ok());
    }
}

//! The closed list of problem codes: one enum and one table beside it.
//!
//! A code is a promise to clients: it never changes its meaning or its status. The table feeds the answers, the pages
//! under `/problems/` and the API description, so that none of them can say something else than the others.

use http::StatusCode;

/// A code of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is explained in the table below, where its page is made from")]
#[repr(u8)]
pub enum Code {
    Malformed,
    UnknownField,
    TooLargeNumber,
    Credentials,
    NotAdmitted,
    WrongSale,
    NotAllowed,
    NotFound,
    SlotTaken,
    AllHeld,
    SoldOut,
    BundleIncomplete,
    CartNotOpen,
    SessionBusy,
    LatePayment,
    CartExpired,
    HoldExpired,
    PassExpired,
    OfferExpired,
    EventsTrimmed,
    Stale,
    TooLarge,
    MediaType,
    IfMatchRequired,
    LimitReached,
    NotReleased,
    SaleClosed,
    BundleOnly,
    AllotmentExhausted,
    CodeUsed,
    CodeScope,
    BelowCommitted,
    KeyReused,
    Rule,
    TooFast,
    Overloaded,
    CheckoutBusy,
    DiskFull,
    JournalFailed,
    Recovering,
    OutcomeUnknown,
}

/// What is said of a code.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// As it is written in answers and in the address of its page.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The same words for every occurrence.
    pub title: &'static str,
    /// What a client does about it, for the page.
    pub advice: &'static str,
    /// When to ask again, in milliseconds, unless the occurrence knows better. 429 and 503 always have one.
    pub retry_after_ms: Option<u64>,
}

const fn entry(
    code: Code,
    name: &'static str,
    status: u16,
    title: &'static str,
    advice: &'static str,
) -> Entry {
    let retry_after_ms = match status {
        429 | 503 => Some(1_000),
        _ => None,
    };
    Entry { code, name, status, title, advice, retry_after_ms }
}

/// All codes, in the order of the enum.
#[rustfmt::skip]
pub const TABLE: [Entry; 41] = [
    entry(Code::Malformed, "malformed", 400, "The request cannot be understood", "The detail names the place and what was expected there. Nothing was done; repeating the same request gives the same answer."),
    entry(Code::UnknownField, "unknown-field", 400, "The request has a field that does not exist", "Fields are never ignored silently, because a misspelt limit would be no limit. The detail names the field and those that exist."),
    entry(Code::TooLargeNumber, "too-large-number", 400, "A number is beyond its limit", "The detail names the field and the most it may be."),
    entry(Code::Credentials, "credentials", 401, "The credentials are missing or not known", "Send `Authorization: Bearer` with an operator key or a server key. A key is shown once, at the first start, or set in the environment."),
    entry(Code::NotAdmitted, "not-admitted", 403, "Not admitted yet", "The sale has a waiting room: join the queue first and come back with the pass. Or it is by invitation: send the `access_code`."),
    entry(Code::WrongSale, "wrong-sale", 403, "The pass belongs to another sale", "A pass opens the sale it was given for."),
    entry(Code::NotAllowed, "not-allowed", 403, "This credential may not do that", "The call needs another kind of credential. It is never the answer to a lost slot."),
    entry(Code::NotFound, "not-found", 404, "Not found", "It does not exist, or it belongs to somebody else; the answer does not tell which."),
    entry(Code::SlotTaken, "slot-taken", 409, "Somebody was faster", "`conflicts` lists every item that fell short with what is free. Nothing was changed; choose another slot or fewer units."),
    entry(Code::AllHeld, "all-held", 409, "What was asked for is in carts right now", "Of a slot that was named, or of all there was to choose from, nothing is free this instant, but some units are only held and may come back when carts expire. `conflicts` names each slot that fell short; `retry_after_ms` says when enough can be back, if nobody pays before."),
    entry(Code::SoldOut, "sold-out", 409, "Sold out", "A slot that was named, or all there was to choose from, is sold out or withdrawn; only a cancellation brings units back. `conflicts` names each slot that fell short, and what is free of the others."),
    entry(Code::BundleIncomplete, "bundle-incomplete", 409, "The bundle is not complete", "The slots do not make the bundle its rule asks for, or no complete bundle is free. A bundle is held whole or not at all."),
    entry(Code::CartNotOpen, "cart-not-open", 409, "The cart is not open", "It is being paid, has become an order or was given back. Read it to see its state."),
    entry(Code::SessionBusy, "session-busy", 409, "This session already has a live cart", "One cart lives at a time on one pass. Use it or give it back."),
    entry(Code::LatePayment, "late-payment", 409, "The payment came too late", "The units had gone back and were sold to somebody else. The answer says what was done about the money."),
    entry(Code::CartExpired, "cart-expired", 410, "The cart has expired", "Its units went back at `expires_at`. Make a new cart."),
    entry(Code::HoldExpired, "hold-expired", 410, "The hold has expired", "Its units went back at `expires_at`. Hold again."),
    entry(Code::PassExpired, "pass-expired", 410, "The pass has expired", "Ask for the ticket: a session that still runs has a new pass. Else join the queue again with it."),
    entry(Code::OfferExpired, "offer-expired", 410, "The offer has expired", "It went to the next in the waiting list."),
    entry(Code::EventsTrimmed, "events-trimmed", 410, "These events are no longer kept", "The answer names the oldest number that is kept. Read the state anew and go on from there."),
    entry(Code::Stale, "stale", 412, "The resource has changed since it was read", "Read it again, look at what changed, and send the change with the new ETag."),
    entry(Code::TooLarge, "too-large", 413, "The request is too large", "The body is larger than this server takes: unless set otherwise 1 MiB of JSON, 32 KiB without a key. Slots also come as application/x-ndjson, which streams without limit."),
    entry(Code::MediaType, "media-type", 415, "The media type is not supported", "Send `Content-Type: application/json` and no `Content-Encoding`; slots may also come as `application/x-ndjson`."),
    entry(Code::IfMatchRequired, "if-match-required", 428, "If-Match is required", "The sale exists. Say which version is to be replaced: send its ETag in `If-Match`."),
    entry(Code::LimitReached, "limit-reached", 422, "A limit is reached", "The detail names the limit. What a customer has given back no longer counts against the limits of the sale; those of a cart count all it ever had: make a new one."),
    entry(Code::NotReleased, "not-released", 422, "Not released yet", "`next_release_at` says when it will be, if that is known."),
    entry(Code::SaleClosed, "sale-closed", 422, "The sale has closed", "Nothing new is held. Live carts may still be paid."),
    entry(Code::BundleOnly, "bundle-only", 422, "Sold only in a bundle", "Ask for the bundle named in the detail."),
    entry(Code::AllotmentExhausted, "allotment-exhausted", 422, "Fewer units are free than were to be set aside", "Ask for fewer, or add units."),
    entry(Code::CodeUsed, "code-used", 422, "The access code was used", "All uses of the code are taken. One is there again when its cart ends or its order is cancelled whole."),
    entry(Code::CodeScope, "code-scope", 422, "The access code is not for this, or not now", "It is for something else, not good yet, expired or taken back; the detail says which."),
    entry(Code::BelowCommitted, "below-committed", 422, "The capacity would fall below what is committed", "`in_the_way` lists carts and orders that have units of the slot. Wait for them, or cancel."),
    entry(Code::KeyReused, "key-reused", 422, "The idempotency key was used for another request", "A key stands for one request. Make a new key for a new request."),
    entry(Code::Rule, "rule", 422, "A rule does not allow it", "The detail names the rule."),
    entry(Code::TooFast, "too-fast", 429, "Too many requests, or wrong access codes, from this address", "Wait for `Retry-After`. Callers with a key are exempt."),
    entry(Code::Overloaded, "overloaded", 503, "More work than can be done right now", "Nothing was done. Ask again after `Retry-After`, with the same idempotency key."),
    entry(Code::CheckoutBusy, "checkout-busy", 503, "The checkout queue is full", "The cart is untouched. Ask again after `Retry-After`."),
    entry(Code::DiskFull, "disk-full", 503, "No room on disk for new holds", "Giving back and confirming go on, as long as the reserve lasts; with no room at all nothing is decided. Ask again with the same key: new holds come back when there is room again."),
    entry(Code::JournalFailed, "journal-failed", 503, "The journal has failed", "Nothing more is accepted until the server was looked after. What was acknowledged is safe."),
    entry(Code::Recovering, "recovering", 503, "The server is starting", "Ask again after `Retry-After`."),
    entry(Code::OutcomeUnknown, "outcome-unknown", 503, "It is not known whether the request took effect", "Ask again with the same idempotency key: the answer will be the one of the first request, if it took effect."),
];

impl Code {
    /// What is said of it.
    #[must_use]
    pub const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// As it is written in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Its status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.entry().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_says_everything() {
        for (place, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.code as usize, place, "{}", entry.name);
            assert_eq!(Code::named(entry.name), Some(entry.code));
            assert!(entry.code.status().is_client_error() || entry.status == 503, "{}", entry.name);
            assert_eq!(entry.retry_after_ms.is_some(), matches!(entry.status, 429 | 503), "{}", entry.name);
            assert!(!entry.title.ends_with('.') && entry.advice.ends_with('.'), "{}", entry.name);
        }
    }

    #[test]
    fn the_list_is_the_one_of_the_contract() {
        let contract = "400 malformed unknown-field too-large-number; 401 credentials; 403 not-admitted wrong-sale not-allowed; \
            404 not-found; 409 slot-taken all-held sold-out bundle-incomplete cart-not-open session-busy late-payment; \
            410 cart-expired hold-expired pass-expired offer-expired events-trimmed; 412 stale; 413 too-large; 415 media-type; \
            428 if-match-required; 422 limit-reached not-released sale-closed bundle-only allotment-exhausted code-used \
            code-scope below-committed key-reused rule; 429 too-fast; 503 overloaded checkout-busy disk-full journal-failed \
            recovering outcome-unknown";
        let mut written = Vec::new();
        for group in contract.split(';') {
            let mut words = group.split_whitespace();
            let status: u16 = words.next().unwrap().parse().unwrap();
            written.extend(words.map(|name| (status, name)));
        }
        let table: Vec<_> = TABLE.iter().map(|entry| (entry.status, entry.name)).collect();
        assert_eq!(table, written);
    }
}

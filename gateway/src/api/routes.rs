//! The list of routes: one table that feeds the router, the counters and the API description.

use http::Method;

use crate::problem::Code;

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below says what each is")]
#[repr(u8)]
pub enum Route {
    SaleList,
    SaleGet,
    SalePut,
    SalePatch,
    SlotsPost,
    SlotList,
    SlotGet,
    SlotPatch,
    Availability,
    Bundles,
    CartOpen,
    CartGet,
    CartAbandon,
    CartExtend,
    HoldAdd,
    HoldRelease,
    HoldExchange,
    CheckoutPost,
    CheckoutGet,
    CheckoutPay,
    OrderGet,
    OrderList,
    OrderCancel,
    LineJoin,
    LineGet,
    LinePatch,
    LineAdmit,
    TicketGet,
    TicketLeave,
    DrawGet,
    EstimatesGet,
    AuditList,
    TicketStream,
    CodesPost,
    CodesList,
    CodeGet,
    CodesRevoke,
    PageArrive,
    PageJoin,
    PagePlace,
    PageChange,
    ConnectorArrive,
    ConnectorError,
    ConnectorSession,
    ConnectorCancel,
    ConnectorRules,
    Livez,
    Readyz,
    Metrics,
    OpenApi,
    Docs,
    Problems,
    ProblemPage,
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody needs to be known.
    Anyone,
    /// A server key or an operator key.
    Seller,
    /// An operator key.
    Operator,
}

/// What is said of a route.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The route.
    pub route: Route,
    /// Its method.
    pub verb: &'static str,
    /// Its path, with variables in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// One line about it.
    pub summary: &'static str,
    /// Whether it needs an idempotency key.
    pub needs_key: bool,
    /// Parameters of the query string.
    pub query: &'static [&'static str],
    /// The schema of the body it takes; `Empty` may be left out.
    pub accepts: Option<&'static str>,
    /// Statuses of success, with the schema of the body.
    pub answers: &'static [(u16, Option<&'static str>)],
    /// Problems of its own, besides those every route of its kind has.
    pub problems: &'static [Code],
}

impl Entry {
    /// The method, as a type.
    #[must_use]
    pub fn method(&self) -> Method {
        Method::from_bytes(self.verb.as_bytes()).unwrap_or_default()
    }
}

/// What a hold can meet.
const HOLDING: &[Code] = &[
    Code::NotFound,
    Code::NotAdmitted,
    Code::WrongSale,
    Code::PassExpired,
    Code::SessionBusy,
    Code::CartExpired,
    Code::CartNotOpen,
    Code::NotReleased,
    Code::SaleClosed,
    Code::BundleOnly,
    Code::BundleIncomplete,
    Code::Rule,
    Code::LimitReached,
    Code::CodeUsed,
    Code::CodeScope,
    Code::SoldOut,
    Code::AllHeld,
    Code::SlotTaken,
    Code::DiskFull,
];
/// What a change of a cart can meet.
const CHANGING: &[Code] =
    &[Code::NotFound, Code::CartExpired, Code::CartNotOpen, Code::SaleClosed, Code::Rule];
const READING: &[Code] = &[Code::NotFound];

const fn look(
    route: Route,
    path: &'static str,
    query: &'static [&'static str],
    schema: &'static str,
    summary: &'static str,
) -> Entry {
    Entry {
        route,
        verb: "GET",
        path,
        access: Access::Anyone,
        summary,
        needs_key: false,
        query,
        accepts: None,
        answers: match schema.as_bytes() {
            b"Sale" => &[(200, Some("Sale")), (304, None)],
            b"SaleList" => &[(200, Some("SaleList"))],
            b"Slot" => &[(200, Some("Slot"))],
            b"SlotList" => &[(200, Some("SlotList"))],
            b"Availability" => &[(200, Some("Availability"))],
            b"BundleList" => &[(200, Some("BundleList"))],
            _ => &[(200, None)],
        },
        problems: READING,
    }
}

const fn page(route: Route, path: &'static str, problems: &'static [Code], summary: &'static str) -> Entry {
    let entry = look(route, path, &[], "", summary);
    Entry { problems, ..entry }
}

const fn sell(route: Route, verb: &'static str, path: &'static str, summary: &'static str) -> Entry {
    let entry = look(route, path, &[], "", summary);
    let needs_key = verb.len() == 4; // POST
    Entry { verb, access: Access::Seller, needs_key, ..entry }
}

const fn operate(route: Route, verb: &'static str, path: &'static str, summary: &'static str) -> Entry {
    let entry = look(route, path, &[], "", summary);
    Entry { verb, access: Access::Operator, ..entry }
}

/// What the page a connector sends people to reads of its query.
const FROM_CONNECTOR: &[&str] = &["c", "e", "t", "cid", "enqueuetoken", "lang"];
/// What the pages of the line read: their language, and the page of the shop that is wanted.
const ON_PAGE: &[&str] = &["lang", "t"];
const REJECTED: &[&str] = &["c", "e", "t", "cid", "lang"];
const SENT_ON: &[(u16, Option<&str>)] = &[(200, None), (303, None)];

const CART: &[(u16, Option<&str>)] = &[(200, Some("Cart"))];
const ORDER: &[(u16, Option<&str>)] = &[(200, Some("Order"))];

/// All routes, in the order of the enum.
#[rustfmt::skip]
pub const TABLE: [Entry; 53] = [
    look(Route::SaleList, "/v1/sales", &["limit", "after"], "SaleList", "All sales, by id"),
    look(Route::SaleGet, "/v1/sales/{sale}", &[], "Sale", "One sale"),
    Entry { accepts: Some("Settings"), answers: &[(200, Some("Sale")), (201, Some("Sale"))],
        problems: &[Code::IfMatchRequired, Code::Stale, Code::Rule],
        ..operate(Route::SalePut, "PUT", "/v1/sales/{sale}", "Make a sale, or replace its settings") },
    Entry { accepts: Some("Settings"), answers: &[(200, Some("Sale"))], problems: &[Code::NotFound, Code::Stale, Code::Rule],
        ..operate(Route::SalePatch, "PATCH", "/v1/sales/{sale}", "Merge into the settings of a sale") },
    Entry { accepts: Some("SlotImport"), answers: &[(200, Some("ImportReport"))],
        problems: &[Code::NotFound, Code::BelowCommitted, Code::Rule, Code::DiskFull],
        ..operate(Route::SlotsPost, "POST", "/v1/sales/{sale}/slots", "Add or update slots: JSON all or nothing, NDJSON line by line") },
    look(Route::SlotList, "/v1/sales/{sale}/slots", &["venue", "section", "product", "from", "to", "state", "limit", "after"],
        "SlotList", "Slots by venue, start and id"),
    look(Route::SlotGet, "/v1/sales/{sale}/slots/{slot}", &[], "Slot", "One slot"),
    Entry { accepts: Some("SlotChange"), answers: &[(200, Some("Slot"))], problems: &[Code::NotFound, Code::BelowCommitted, Code::Rule, Code::DiskFull],
        ..operate(Route::SlotPatch, "PATCH", "/v1/sales/{sale}/slots/{slot}", "Set capacity or blocked units of a slot; the same again changes nothing") },
    look(Route::Availability, "/v1/sales/{sale}/availability", &["by", "product"], "Availability", "Units by venue, day or both"),
    look(Route::Bundles, "/v1/sales/{sale}/bundles", &["rule", "venue", "from", "limit"], "BundleList", "Bundles that could be held"),
    Entry { accepts: Some("CartInput"), answers: &[(201, Some("Cart"))], problems: HOLDING,
        ..sell(Route::CartOpen, "POST", "/v1/sales/{sale}/carts", "Make a cart and its first holds, all or nothing") },
    Entry { answers: CART, ..sell(Route::CartGet, "GET", "/v1/carts/{cart}", "One cart") },
    Entry { answers: CART, problems: CHANGING, ..sell(Route::CartAbandon, "DELETE", "/v1/carts/{cart}", "Give a cart back") },
    Entry { accepts: Some("Empty"), answers: CART, problems: CHANGING,
        ..sell(Route::CartExtend, "POST", "/v1/carts/{cart}/extend", "Move the deadline of a cart") },
    Entry { accepts: Some("MoreInput"), answers: &[(201, Some("Cart"))], problems: HOLDING,
        ..sell(Route::HoldAdd, "POST", "/v1/carts/{cart}/holds", "Add holds to a cart") },
    Entry { answers: CART, problems: CHANGING,
        ..sell(Route::HoldRelease, "DELETE", "/v1/carts/{cart}/holds/{hold}", "Give a hold back; a bundle goes whole") },
    Entry { accepts: Some("ExchangeInput"), answers: CART, problems: HOLDING,
        ..sell(Route::HoldExchange, "POST", "/v1/carts/{cart}/holds/{hold}/exchange", "Swap a hold; the old one is kept on failure") },
    Entry { accepts: Some("Empty"), answers: &[(201, Some("Checkout")), (202, Some("Checkout"))],
        problems: &[Code::NotFound, Code::CartExpired, Code::CartNotOpen, Code::LimitReached, Code::Rule, Code::CheckoutBusy],
        ..sell(Route::CheckoutPost, "POST", "/v1/carts/{cart}/checkout", "Check a cart out") },
    Entry { answers: &[(200, Some("Checkout"))], ..sell(Route::CheckoutGet, "GET", "/v1/checkouts/{checkout}", "One checkout") },
    Entry { accepts: Some("PaymentInput"), answers: &[(200, Some("Checkout"))], problems: &[Code::NotAllowed, Code::NotFound, Code::Rule],
        ..sell(Route::CheckoutPay, "POST", "/v1/checkouts/{checkout}/payment", "Say what became of a payment; `instant` knows already") },
    Entry { answers: ORDER, ..sell(Route::OrderGet, "GET", "/v1/orders/{order}", "One order") },
    Entry { query: &["customer", "reference", "state", "limit", "after"], answers: &[(200, Some("OrderList"))],
        ..sell(Route::OrderList, "GET", "/v1/sales/{sale}/orders", "Orders of a sale") },
    Entry { accepts: Some("CancelInput"), answers: ORDER, problems: &[Code::NotAllowed, Code::NotFound, Code::LimitReached, Code::Rule],
        ..sell(Route::OrderCancel, "POST", "/v1/orders/{order}/cancel", "Cancel an order, whole or listed holds") },
    Entry { verb: "POST", accepts: Some("JoinInput"), answers: &[(200, Some("Ticket")), (201, Some("Ticket"))],
        problems: &[Code::NotFound, Code::NotAllowed, Code::NotAdmitted, Code::NotReleased, Code::SaleClosed, Code::Rule, Code::LimitReached,
            Code::CodeUsed, Code::CodeScope],
        ..look(Route::LineJoin, "/v1/sales/{sale}/queue", &[], "", "Join the waiting room, or come back to it") },
    Entry { answers: &[(200, Some("Line"))],
        ..look(Route::LineGet, "/v1/sales/{sale}/queue", &[], "", "The waiting room as everybody sees it") },
    Entry { accepts: Some("LineInput"), query: &["dry_run"], answers: &[(200, Some("Line"))],
        problems: &[Code::NotFound, Code::Rule, Code::Stale],
        ..operate(Route::LinePatch, "PATCH", "/v1/sales/{sale}/queue", "Turn the dials of the waiting room") },
    Entry { accepts: Some("AdmitInput"), query: &["dry_run"], answers: &[(200, Some("Admitted"))], problems: &[Code::NotFound, Code::KeyReused],
        ..operate(Route::LineAdmit, "POST", "/v1/sales/{sale}/queue/admit", "Call so many at once, within the cap") },
    Entry { answers: &[(200, Some("Ticket"))],
        ..look(Route::TicketGet, "/v1/queue/{ticket}", &[], "", "How a ticket stands; with its pass when called") },
    Entry { verb: "DELETE", answers: &[(200, Some("Ticket"))],
        ..look(Route::TicketLeave, "/v1/queue/{ticket}", &[], "", "Leave the waiting room") },
    Entry { answers: &[(200, Some("Draw"))], problems: &[Code::NotFound, Code::NotReleased],
        ..look(Route::DrawGet, "/v1/sales/{sale}/draw", &["entries"], "", "All that it takes to check the draw") },
    Entry { answers: &[(200, Some("Estimates"))],
        ..look(Route::EstimatesGet, "/v1/sales/{sale}/estimates", &[], "", "Whether what people in the waiting room were told came true") },
    Entry { query: &["sale", "limit", "after"], answers: &[(200, Some("ChangeList"))], problems: &[],
        ..operate(Route::AuditList, "GET", "/v1/audit", "What operators changed: who, when, old, new, why") },
    Entry { answers: &[(200, Some("TicketEvents")), (204, None)],
        ..look(Route::TicketStream, "/v1/queue/{ticket}/stream", &[], "", "How a ticket stands, as it changes: Server-Sent Events") },
    Entry { accepts: Some("CodesInput"), answers: &[(200, Some("MadeCodes")), (201, Some("MadeCodes"))],
        problems: &[Code::NotFound, Code::Rule, Code::BundleOnly, Code::AllotmentExhausted, Code::LimitReached, Code::KeyReused, Code::DiskFull],
        ..operate(Route::CodesPost, "POST", "/v1/sales/{sale}/access-codes", "Make access codes, all or none; units they reserve are set aside at once") },
    Entry { query: &["by", "wave", "limit", "after"], answers: &[(200, Some("CodeList"))],
        ..operate(Route::CodesList, "GET", "/v1/sales/{sale}/access-codes", "Access codes by their hashes, or waves with their codes counted") },
    Entry { answers: &[(200, Some("AccessCode"))],
        ..operate(Route::CodeGet, "GET", "/v1/sales/{sale}/access-codes/{code}", "One access code, by its hash") },
    Entry { accepts: Some("RevokeInput"), answers: &[(200, Some("RevokedCodes"))],
        ..operate(Route::CodesRevoke, "POST", "/v1/sales/{sale}/access-codes/revoke", "Take access codes back: those named, or a wave") },
    Entry { query: ON_PAGE, ..page(Route::PageArrive, "/queue/{sale}", READING, "The waiting page, for people") },
    Entry { verb: "POST", query: ON_PAGE, answers: &[(303, None)],
        problems: &[Code::NotFound, Code::Rule, Code::LimitReached],
        ..page(Route::PageJoin, "/queue/{sale}", &[], "The waiting page's form: join") },
    Entry { query: ON_PAGE, ..page(Route::PagePlace, "/queue/{sale}/{ticket}", READING, "The page of a place in the line") },
    Entry { verb: "POST", query: ON_PAGE, accepts: Some("PlaceForm"), answers: &[(303, None)],
        ..page(Route::PageChange, "/queue/{sale}/{ticket}", READING, "Its form: join again, leave, or go on to the shop") },
    Entry { query: FROM_CONNECTOR, answers: SENT_ON,
        ..page(Route::ConnectorArrive, "/", READING, "Where a connector sends who has to wait") },
    Entry { query: REJECTED, ..page(Route::ConnectorError, "/error/{code}/", READING, "Where a connector sends whose token it did not take") },
    Entry { query: REJECTED,
        ..page(Route::ConnectorSession, "/error/connector/sessionstate/", READING, "Where a connector sends whose cookie is another address's") },
    Entry { query: &["wrl", "r"], answers: SENT_ON,
        ..page(Route::ConnectorCancel, "/cancel/multiple/{account}", READING, "Where a connector sends who gives up their places") },
    sell(Route::ConnectorRules, "GET", "/status/integrationconfig/secure/{account}", "The integration document of connectors"),
    page(Route::Livez, "/livez", &[], "Whether the process answers"),
    page(Route::Readyz, "/readyz", &[], "Whether requests are welcome"),
    page(Route::Metrics, "/metrics", &[], "Counters, as OpenMetrics"),
    page(Route::OpenApi, "/openapi.json", &[], "This description"),
    page(Route::Docs, "/docs", &[], "This description, for people"),
    page(Route::Problems, "/problems", &[], "The list of problem codes"),
    page(Route::ProblemPage, "/problems/{code}", READING, "One problem code"),
];

impl Route {
    /// What is said of it.
    #[must_use]
    pub const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// Health checks and counters are answered however busy the server is.
    #[must_use]
    pub const fn is_about_the_server(self) -> bool {
        matches!(self, Self::Livez | Self::Readyz | Self::Metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (place, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.route as usize, place, "{}", entry.path);
            assert_eq!(entry.method().as_str(), entry.verb);
            assert!(axum::routing::MethodFilter::try_from(entry.method()).is_ok());
            let changes = entry.verb == "POST" && entry.access == Access::Seller;
            assert_eq!(entry.needs_key, changes, "{}", entry.path);
        }
    }
}

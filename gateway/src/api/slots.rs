//! Slots: listing, reading, changing one. Importing many is in [`super::slots_import`].

use http::StatusCode;
use jiff::tz::TimeZone;
use onsale_engine::decide::{SlotChange, SlotQuery, is_slot_cursor};
use onsale_engine::ids::Quantity;
use onsale_engine::limits::MAX_PAGE;
use onsale_engine::outcome::Counts;
use onsale_engine::time::WallTime;

use crate::answer::{Outcome, PRIVATE, Said, json, seen_with};
use crate::call::Call;
use crate::durable::settle;
use crate::problem::{Code, Problem};
use crate::wire::list::{List, limit};
use crate::wire::slot_input::SlotChangeInput;
use crate::wire::stock::{STATES, SlotQueryInput, WrittenSlot};
use crate::wire::time::{Written, parse_time_or_date};

/// The zone in which a sale's dates are meant: the venue's own, where one is named that has one.
pub(super) fn zone_of(call: &Call, sale: &str, venue: Option<&str>) -> Option<TimeZone> {
    // A zone is no secret and decides nothing by itself: nobody waits for it.
    let rules = call.engine().sale(sale).result.ok()?.rules;
    let own = rules.venue_time_zones.iter().find(|(known, _)| Some(known.as_str()) == venue);
    TimeZone::get(own.map_or(&rules.time_zone, |(_, zone)| zone)).ok()
}

/// Reads a `from` or `to` of the query string.
pub(super) fn instant(
    call: &Call,
    (sale, venue): (&str, Option<&str>),
    field: &str,
    text: Option<&str>,
) -> Result<Option<WallTime>, Problem> {
    let Some(text) = text else { return Ok(None) };
    parse_time_or_date(text, || zone_of(call, sale, venue)).map(Some).ok_or_else(|| {
        Problem::malformed(format!("`{field}` is a date or an RFC 3339 time, as 2021-04-12T07:05:00Z."))
    })
}

/// `GET /v1/sales/{sale}/slots`
pub async fn list(call: Call) -> Outcome {
    let input: SlotQueryInput = call.query()?;
    let sale = call.param(0);
    let limit = limit(input.limit)?;
    let state = match input.state.as_deref() {
        None => None,
        Some(word) => match STATES.iter().find(|(_, known)| *known == word) {
            Some((state, _)) => Some(*state),
            None if word == "not_for_you" => return nothing(&call, sale).await,
            None => {
                let words: Vec<_> = STATES.iter().map(|(_, word)| *word).collect();
                return Err(Problem::malformed(format!("`state` is one of {}.", words.join(", "))));
            }
        },
    };
    if input.after.as_deref().is_some_and(|after| !is_slot_cursor(after)) {
        return Err(Problem::malformed("`after` is none of the texts that a page gave as its `next`."));
    }
    let here = (sale, input.venue.as_deref());
    let query = SlotQuery {
        venue: input.venue.as_deref(),
        section: input.section.as_deref(),
        product: input.product.as_deref(),
        from: instant(&call, here, "from", input.from.as_deref())?,
        to: instant(&call, here, "to", input.to.as_deref())?,
        state,
        limit,
        after: input.after.as_deref(),
    };
    let page = settle(call.engine(), call.engine().slots(sale, &query)).await?;
    let exact = call.principal.has_key();
    let items = page.value.items.iter().map(|slot| WrittenSlot::in_list(slot, page.now, exact)).collect();
    let list = List { items, next: page.value.next.clone(), server_time: Written(page.now.wall) };
    Ok(json(StatusCode::OK, &list).cached(seen_with(exact)).depends_on_caller())
}

/// Allotments are not built yet, so no slot is in the state that only they bring about.
async fn nothing(call: &Call, sale: &str) -> Outcome {
    let sale = settle(call.engine(), call.engine().sale(sale)).await?;
    let list = List::<()> { items: Vec::new(), next: None, server_time: Written(sale.now.wall) };
    Ok(json(StatusCode::OK, &list).cached(seen_with(call.principal.has_key())).depends_on_caller())
}

/// `GET /v1/sales/{sale}/slots/{slot}`
pub async fn get(call: Call) -> Outcome {
    let slot = settle(call.engine(), call.engine().slot(call.param(0), call.param(1))).await?;
    let body = WrittenSlot::new(&slot.value, slot.now, call.principal.has_key());
    Ok(json(StatusCode::OK, &body).cached(PRIVATE).depends_on_caller())
}

/// `PATCH /v1/sales/{sale}/slots/{slot}`. It sets what is to be, not a difference, so who is unsure whether it was heard
/// sends it again; an `Idempotency-Key`, which only a POST needs, is neither asked for nor kept.
pub async fn patch(call: Call) -> Outcome {
    call.principal.operator()?;
    let SlotChangeInput { capacity, blocked, reason } = call.json()?;
    if capacity.is_none() && blocked.is_none() {
        return Err(Problem::malformed("`capacity` or `blocked` was expected."));
    }
    if reason.as_ref().is_some_and(|reason| reason.len() > 200) {
        return Err(Problem::malformed("`reason` is at most 200 bytes."));
    }
    let change = SlotChange { capacity, blocked, reason };
    let changed = call.engine().change_slot(call.param(0), call.param(1), &change);
    let slot = match settle(call.engine(), changed).await {
        Err(problem) if problem.code() == Some(Code::BelowCommitted) => {
            return Err(with_numbers(&call, blocked, problem).await);
        }
        slot => slot?,
    };
    Ok(json(StatusCode::OK, &WrittenSlot::new(&slot.value, slot.now, true)))
}

/// Says of a change that goes below what is committed how much that is, and of what kind: who is in the way is listed, but units
/// that are set aside for invitations are nobody's yet.
async fn with_numbers(call: &Call, blocked: Option<Quantity>, problem: Problem) -> Problem {
    let slot = call.engine().slot(call.param(0), call.param(1));
    let Ok(slot) = settle(call.engine(), slot).await else { return problem };
    let Counts { held, sold, blocked: so_far, .. } = slot.value.counts;
    let blocked = blocked.map_or(so_far, u64::from);
    let mut detail = format!(
        "The capacity would fall below what is held ({held}), sold ({sold}) and blocked ({blocked})."
    );
    let listed = &problem.more().in_the_way;
    let in_carts = listed.iter().filter(|holder| holder.cart.is_some()).map(|holder| u64::from(holder.units));
    let aside = held.saturating_sub(in_carts.sum());
    // Of a list that is full nobody knows what it leaves out.
    if aside > 0 && listed.len() < MAX_PAGE {
        detail += &format!(
            " Of those held, {aside} are set aside for invitations: see `GET …/access-codes?by=wave`."
        );
    }
    Problem::new(Code::BelowCommitted, detail).with(problem.more().clone())
}

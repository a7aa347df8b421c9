//! Back to the shop with a link token: when it is somebody's turn, or when nobody needs to wait.
//!
//! The first token of a turn begins the session, exactly once, as the first use of a pass would: from then on the person
//! counts as inside until the session's time or order. Any further token of the same session names the same place and ends
//! the connector's cookie with the same session, so showing a token twice, or to a friend, adds nobody to those who may
//! hold.

use std::num::NonZeroU16;

use onsale_engine::time::{Millis, Now};
use onsale_engine::waiting_room::TicketView;

use super::Connector;
use crate::call::Call;
use crate::durable::settle;
use crate::problem::Problem;
use crate::queue_it::ids::{EventId, QueueId};
use crate::queue_it::link_token::{LinkToken, RedirectType};
use crate::queue_it::target::Target;

const MINUTE_MS: u64 = 60_000;

/// The address of the wanted page with the token of who was called. Begins the session, or finds it.
///
/// # Errors
/// `not-admitted` before the turn, `pass-expired` after it.
pub async fn called(
    call: &Call,
    connector: &Connector,
    ticket: &TicketView,
    target: &Target,
) -> Result<String, Problem> {
    let engine = call.engine();
    let session = settle(engine, engine.use_pass(ticket.ticket)).await?;
    let key = settle(engine, engine.ticket_key(ticket.ticket.sale)).await?.value;
    let left = session.value.until.since(session.now.engine);
    let stay = Stay::of(connector.token_ms, left);
    let token = LinkToken {
        queue: Some(QueueId::of(ticket.ticket, &key)),
        ..token(call, connector, &ticket.sale, stay, session.now, RedirectType::Queue)?
    };
    Ok(target.returning(&token, &connector.secret))
}

/// The address of the wanted page with the token of a room that is switched off: nobody in particular is let in, for as
/// long as one session.
///
/// # Errors
/// `not-found`
pub async fn passed_through(
    call: &Call,
    connector: &Connector,
    sale: &str,
    target: &Target,
    now: Now,
) -> Result<String, Problem> {
    let view = settle(call.engine(), call.engine().sale(sale)).await?.value;
    let session = view.rules.room.as_ref().map_or(Millis(0), |room| room.session);
    let stay = Stay::of(connector.token_ms, session);
    let token = token(call, connector, sale, stay, now, RedirectType::Disabled)?;
    Ok(target.returning(&token, &connector.secret))
}

fn token(
    call: &Call,
    connector: &Connector,
    sale: &str,
    stay: Stay,
    now: Now,
    redirect: RedirectType,
) -> Result<LinkToken, Problem> {
    let wall_ms = u64::try_from(now.wall.0).unwrap_or(0);
    Ok(LinkToken {
        event: EventId::new(sale).ok_or_else(super::nothing_here)?,
        queue: None,
        expires_at_s: (wall_ms + stay.token_ms) / 1_000,
        // A cookie with minutes of its own is never prolonged.
        extendable: false,
        cookie_minutes: Some(stay.cookie_minutes),
        redirect,
        address: call
            .address
            .filter(|_| connector.binds_address)
            .map(|address| connector.secret.address(address)),
    })
}

/// How long the token lets in, and the cookie that is made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stay {
    token_ms: u64,
    cookie_minutes: NonZeroU16,
}

impl Stay {
    /// Of a session that lasts so much longer. The connector counts the cookie's minutes, whole ones, from when it sees the
    /// token, so the token's own life is taken off; only in a session's last two minutes, where less than one would be
    /// left, can a cookie outlive it, by less than a minute.
    fn of(token_ms: u64, left: Millis) -> Self {
        let token_ms = token_ms.min(left.0);
        let minutes = u16::try_from((left.0 - token_ms) / MINUTE_MS).unwrap_or(u16::MAX);
        Self { token_ms, cookie_minutes: NonZeroU16::new(minutes).unwrap_or(NonZeroU16::MIN) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_ends_with_the_session() {
        for token_ms in [60_000, 90_000, 120_000] {
            for left in (0..3_000_000).step_by(777) {
                let stay = Stay::of(token_ms, Millis(left));
                let ends_at_most = stay.token_ms + u64::from(stay.cookie_minutes.get()) * MINUTE_MS;
                let most = if left < token_ms + MINUTE_MS { left + MINUTE_MS } else { left };
                assert!(stay.token_ms <= token_ms && ends_at_most <= most, "{token_ms} {left} {stay:?}");
            }
        }
        assert_eq!(
            Stay::of(90_000, Millis(900_000)),
            Stay { token_ms: 90_000, cookie_minutes: 13.try_into().unwrap() }
        );
        assert_eq!(Stay::of(60_000, Millis(u64::MAX)).cookie_minutes.get(), u16::MAX);
    }
}

//! Ten thousand admissions, as different as they can be: each minted here, each accepted by the connector.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use onsale_engine::ids::SaleIx;
use onsale_engine::waiting_room::{Ticket, TicketKey};
use onsale_gateway::queue_it::ids::QueueId;
use onsale_gateway::queue_it::link_token::{LinkToken, RedirectType};
use onsale_gateway::queue_it::target::{AllowedHosts, Target};
use serde_json::json;

use crate::shop::{DOMAIN, ask, event, now_s, secret};

const ADMISSIONS: usize = 10_000;
const PAGES: [&str; 5] = [
    "https://shop.example",
    "https://shop.example/book?seat=1&row=2",
    "https://shop.example/kö n/?a=%7E_b&queueittoken=e_old~h_00#top",
    "https://shop.example/?",
    "https://shop.example/#/route?x=1",
];

/// The same numbers every time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> usize {
        usize::try_from(self.next() % end).expect("a small number")
    }

    fn event_id(&mut self) -> String {
        let length = 1 + self.below(64);
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789-";
        (0..length).map(|_| char::from(letters[self.below(37)])).collect()
    }

    fn address(&mut self) -> IpAddr {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        match self.below(2) {
            0 => Ipv4Addr::from_bits(u32::try_from(bits >> 96).expect("32 bits")).into(),
            _ => Ipv6Addr::from_bits(bits).into(),
        }
    }

    fn ticket(&mut self) -> Ticket {
        let [a, b, lane, c, d, e, f, _] = self.next().to_be_bytes();
        Ticket { sale: SaleIx(u16::from_be_bytes([a, b])), lane, number: u32::from_be_bytes([c, d, e, f]) }
    }

    fn token(&mut self, ticket: Ticket, key: &TicketKey, address: IpAddr) -> LinkToken {
        use RedirectType::{DirectLink, Disabled, Idle, Queue, SafetyNet};
        let redirect = [Queue, Queue, Queue, SafetyNet, Disabled, DirectLink, Idle][self.below(7)];
        let minutes = u16::try_from(self.below(1 << 16)).expect("16 bits");
        LinkToken {
            event: event(&self.event_id()),
            queue: (redirect != SafetyNet).then(|| QueueId::of(ticket, key)),
            expires_at_s: now_s() + 60 + self.next() % 1_000_000_000,
            extendable: self.below(2) == 0,
            cookie_minutes: NonZeroU16::new(minutes).filter(|_| self.below(2) == 0),
            redirect,
            address: (self.below(2) == 0).then(|| secret().address(address)),
        }
    }
}

#[test]
fn the_connector_takes_ten_thousand_of_ours() {
    let mut numbers = Numbers(1);
    let key = TicketKey([9; 32]);
    let allowed = AllowedHosts::new(["shop.example"]).unwrap();
    let pages = PAGES.map(|page| Target::read(page, &allowed).unwrap());
    let (mut tokens, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..ADMISSIONS {
        let (ticket, address) = (numbers.ticket(), numbers.address());
        let token = numbers.token(ticket, &key, address);
        let url = pages[numbers.below(5)].returning(&token, &secret());
        let (own, also) = match numbers.below(4) {
            0 => ("another-room", vec![token.event.as_str()]),
            _ => (token.event.as_str(), vec![]),
        };
        calls.push(json!({"kind": "queue", "url": url, "ip": address.to_canonical().to_string(),
            "event": own, "also": also, "domain": DOMAIN}));
        tokens.push((ticket, token));
    }
    let answers = ask(&calls);
    assert_eq!(answers.iter().filter(|answer| answer.threw.is_some()).count(), 0, "throws");
    assert_eq!(answers.iter().filter(|answer| answer.passed_with_cookie()).count(), ADMISSIONS, "passes");
    for ((ticket, token), answer) in tokens.iter().zip(answers) {
        assert_eq!(answer.queue, token.queue.map(|queue| queue.to_string()));
        assert_eq!(answer.redirect_type.as_deref(), Some(token.redirect.word()));
        let cookie = &answer.cookies[0];
        assert!(cookie.name.ends_with(&format!("_{}", token.event)), "{cookie:?}");
        let minutes = token.cookie_minutes.map(|minutes| format!("&FixedValidityMins={minutes}&"));
        assert_eq!(minutes.is_some(), cookie.value.contains("FixedValidityMins"));
        assert!(minutes.is_none_or(|minutes| cookie.value.contains(&minutes)), "{cookie:?}");
        // The place that the shop knows is the ticket that we know.
        let queue = answer.queue.map(|queue| QueueId::new(&queue).expect("our own spelling"));
        assert!(queue.is_none_or(|queue| queue.ticket(&key) == Some(*ticket)));
    }
}

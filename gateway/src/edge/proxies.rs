//! Behind a proxy every request comes from the proxy's address; who asks is in a header that the proxy wrote. A header can
//! be sent by anybody, so it is believed only as far as trusted proxies vouch for it: from the right, each trusted hop
//! names the one before it, and the first that is not trusted is the client. What stands further left is that client's
//! own word and is not looked at.
//!
//! Proxies write either `Forwarded` (RFC 7239) or `X-Forwarded-For`, and some hand on what a client put into the other.
//! So where both are there and disagree, neither is believed, and the request counts with the proxy.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::FORWARDED;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Hops that are looked at; nobody has so many proxies in a row.
const MAX_HOPS: usize = 16;

/// Networks of proxies whose word is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Proxies {
    /// Reads addresses and networks, as `127.0.0.1, 10.0.0.0/8, fd00::/8`.
    ///
    /// # Errors
    /// A sentence about what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(Network::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the address is that of a trusted proxy.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Who asks: the peer, or whom trusted proxies name.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contain(peer) {
            return peer;
        }
        let said = |name: &str, hop: fn(&str) -> Option<IpAddr>| {
            headers.contains_key(name).then(|| self.first_stranger(peer, headers, name, hop))
        };
        match (said(FORWARDED.as_str(), of_forwarded), said(X_FORWARDED_FOR, address_of)) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => peer,
        }
    }

    /// The rightmost hop that is no trusted proxy; where a hop cannot be read, the one that reported it.
    fn first_stranger(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        name: &str,
        hop: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut known = peer;
        let lines = headers.get_all(name).iter().rev();
        // An address has no comma, so what a trusted proxy has appended is whole, whatever quotes a client left open.
        let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for text in hops.take(MAX_HOPS) {
            let Some(address) = hop(text.trim()) else { break };
            known = address;
            if !self.contain(address) {
                break;
            }
        }
        known
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is no address or network, as 10.0.0.1, 10.0.0.0/8 or fd00::/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse::<u32>().map_err(|_| expected()))?;
        if bits > most || text.contains('+') {
            return Err(expected());
        }
        Ok(Self { address, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The address of one element of `Forwarded`: `for=192.0.2.1;proto=https`, `For="[2001:db8::1]:4711"`.
fn of_forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address_of(node.trim())
}

/// An address with or without quotes and port: `192.0.2.1:4711`, `2001:db8::1`, `"[2001:db8::1]:4711"`.
fn address_of(node: &str) -> Option<IpAddr> {
    let node = node.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(node);
    let address = match node.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address)?.parse().ok()?,
        None => match node.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) => IpAddr::V4(node.rsplit_once(':')?.0.parse().ok()?),
        },
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn networks_are_read_and_hold_what_is_in_them() {
        let proxies = Proxies::parse("127.0.0.1, 10.1.0.0/16,fd00::/8 ,").unwrap();
        for inside in ["127.0.0.1", "10.1.0.0", "10.1.255.255", "fd12::1"] {
            assert!(proxies.contain(address(inside)), "{inside}");
        }
        for outside in ["127.0.0.2", "10.2.0.0", "fe00::1", "::1"] {
            assert!(!proxies.contain(address(outside)), "{outside}");
        }
        assert!(Proxies::parse("0.0.0.0/0").unwrap().contain(address("203.0.113.9")));
        assert_eq!(Proxies::parse("").unwrap(), Proxies::default());
        for bad in ["10.0.0.0/33", "10.0.0/8", "proxy.example", "10.0.0.0/-1", "10.0.0.0/+8", "::/129"] {
            assert!(Proxies::parse(bad).is_err(), "{bad}");
        }
    }

    /// Trusted are 10.0.0.0/8 and fd00::/8; the peer is 10.0.0.1. The header lines, and who asks.
    #[test]
    fn the_client_is_whom_trusted_proxies_name() {
        let proxies = Proxies::parse("10.0.0.0/8,fd00::/8").unwrap();
        let table: [(&[(&'static str, &str)], &str); 16] = [
            (&[], "10.0.0.1"),
            (&[("x-forwarded-for", "192.0.2.7")], "192.0.2.7"),
            (&[("x-forwarded-for", "192.0.2.7, 10.2.3.4")], "192.0.2.7"),
            (&[("x-forwarded-for", "192.0.2.7:4711")], "192.0.2.7"),
            (&[("x-forwarded-for", "2001:db8::7")], "2001:db8::7"),
            (&[("x-forwarded-for", "::ffff:192.0.2.7")], "192.0.2.7"),
            (&[("forwarded", "for=192.0.2.7;proto=https;by=10.0.0.1")], "192.0.2.7"),
            (&[("forwarded", "proto=https; For=\"[2001:db8::7]:4711\", for=10.2.3.4")], "2001:db8::7"),
            (&[("forwarded", "for=192.0.2.7"), ("x-forwarded-for", "192.0.2.7")], "192.0.2.7"),
            // Forged: what a client sends stands left of what the proxy appends, in the same line or an earlier one.
            (&[("x-forwarded-for", "198.51.100.1, 192.0.2.7")], "192.0.2.7"),
            (&[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "192.0.2.7")], "192.0.2.7"),
            (&[("x-forwarded-for", "10.9.9.9, 192.0.2.7")], "192.0.2.7"),
            (&[("forwarded", "for=\"198.51.100.1, for=192.0.2.7")], "192.0.2.7"),
            // Forged in the header that the proxy does not write.
            (&[("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "192.0.2.7")], "10.0.0.1"),
            // A hop that hides or talks nonsense: the one that reported it.
            (&[("forwarded", "for=192.0.2.7, for=unknown, for=10.2.3.4")], "10.2.3.4"),
            (&[("x-forwarded-for", "_hidden")], "10.0.0.1"),
        ];
        for (lines, client) in table {
            assert_eq!(proxies.client(address("10.0.0.1"), &headers(lines)), address(client), "{lines:?}");
        }
    }

    #[test]
    fn who_is_no_trusted_proxy_speaks_only_for_himself() {
        let lines = headers(&[("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")]);
        for proxies in [Proxies::default(), Proxies::parse("10.0.0.0/8").unwrap()] {
            assert_eq!(proxies.client(address("203.0.113.9"), &lines), address("203.0.113.9"));
        }
        let many = vec!["10.0.0.2"; 1_000].join(",");
        let proxies = Proxies::parse("10.0.0.0/8").unwrap();
        let lines = headers(&[("x-forwarded-for", &format!("192.0.2.7,{many}"))]);
        assert_eq!(proxies.client(address("10.0.0.1"), &lines), address("10.0.0.2"), "bounded work");
    }
}

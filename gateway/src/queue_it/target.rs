//! Where a visitor may be sent back to: pages of hosts that are on a list, and nowhere else.
//!
//! The address comes from the visitor's own request, so it may have been made by somebody who wants our good name in
//! front of his page, or the token in his log. What is taken is narrow on purpose: a browser repairs addresses (a
//! backslash becomes a slash, a line break vanishes), and whatever it would repair is refused here instead. A page on plain
//! `http` is taken only if the list says so for its host.

use std::fmt::Write as _;

use super::link_token::LinkToken;
use super::secret::Secret;

/// The longest address that is looked at.
pub const MAX_TARGET: usize = 2048;
/// The most hosts a list can have.
pub const MAX_HOSTS: usize = 64;

const TOKEN_NAME: &str = "queueittoken";

/// The hosts to which visitors are sent back.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<Origin>);

/// Scheme, host and port as a list or an address has them, in lower case, without the scheme's own port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    secure: bool,
    host: String,
    port: Option<u16>,
}

/// An address that visitors may be sent to: printable ASCII, on a host of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(String);

/// Why an address is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// It is longer than [`MAX_TARGET`].
    TooLong,
    /// It is no absolute address of a page, or one that a browser would have to repair.
    Malformed,
    /// Its scheme, host and port are not on the list.
    NotAllowed,
}

impl AllowedHosts {
    /// A list of `shop.example`, `shop.example:8443` or, for pages without TLS, `http://localhost:3000`.
    ///
    /// # Errors
    /// The first entry that is none of these, or the first one too many.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut hosts = Vec::new();
        for entry in entries {
            let (secure, authority) = match entry.strip_prefix("http://") {
                Some(authority) => (false, authority),
                None => (true, entry.strip_prefix("https://").unwrap_or(entry)),
            };
            let origin = Origin::parse(secure, authority).ok_or(entry)?;
            if hosts.len() == MAX_HOSTS {
                return Err(entry);
            }
            hosts.push(origin);
        }
        Ok(Self(hosts))
    }
}

impl Origin {
    fn parse(secure: bool, authority: &str) -> Option<Self> {
        let (host, port) = match authority.split_once(':') {
            None => (authority, None),
            Some((host, port)) => {
                let digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
                (host, Some(port.parse::<u16>().ok().filter(|_| digits)?))
            }
        };
        // Labels of letters, digits and hyphens; no address in brackets, nobody's name before an `@`.
        let fits = host.len() <= 253
            && host.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
        let own = if secure { 443 } else { 80 };
        let port = port.filter(|port| *port != own);
        fits.then(|| Self { secure, host: host.to_ascii_lowercase(), port })
    }
}

impl Target {
    /// The address, if it is a page of one of the hosts.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn read(text: &str, allowed: &AllowedHosts) -> Result<Self, TargetError> {
        if text.len() > MAX_TARGET {
            return Err(TargetError::TooLong);
        }
        if text.contains(|character: char| character.is_control() || character == '\\') {
            return Err(TargetError::Malformed);
        }
        let (scheme, rest) = text.split_once("://").ok_or(TargetError::Malformed)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(TargetError::Malformed),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, page) = rest.split_at(end);
        let origin = Origin::parse(secure, authority).ok_or(TargetError::Malformed)?;
        if !allowed.0.contains(&origin) {
            return Err(TargetError::NotAllowed);
        }
        Ok(Self(format!("{}://{}{}", if secure { "https" } else { "http" }, authority, plain(page))))
    }

    /// The address, fit for a `Location` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port, as the address has them.
    #[must_use]
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |sign| sign + 3);
        let end = self.0[host..].find(['/', '?', '#']).map_or(self.0.len(), |end| host + end);
        &self.0[..end]
    }

    /// The address with the token that lets its visitor in, in place of any it may have had.
    #[must_use]
    pub fn returning(&self, token: &LinkToken, secret: &Secret) -> String {
        let (page, fragment) = self.0.split_once('#').map_or((self.0.as_str(), None), |(p, f)| (p, Some(f)));
        let (path, query) = page.split_once('?').unwrap_or((page, ""));
        let mut url = path.to_owned();
        let mut sign = '?';
        // Writing into a `String` cannot fail.
        for pair in query.split('&').filter(|pair| !pair.is_empty() && !is_token(pair)) {
            let _ = write!(url, "{sign}{pair}");
            sign = '&';
        }
        let _ = write!(url, "{sign}{TOKEN_NAME}={}", token.mint(secret));
        if let Some(fragment) = fragment {
            let _ = write!(url, "#{fragment}");
        }
        url
    }
}

/// Whether the shop would read this pair as the token, however its name is written.
fn is_token(pair: &str) -> bool {
    form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name.eq_ignore_ascii_case(TOKEN_NAME))
}

/// A page's path, query and fragment with everything but printable ASCII percent-encoded.
fn plain(page: &str) -> String {
    page.bytes().fold(String::with_capacity(page.len()), |mut out, byte| {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::super::ids::EventId;
    use super::super::link_token::RedirectType;
    use super::super::secret::tests::demo;
    use super::*;

    fn allowed() -> AllowedHosts {
        AllowedHosts::new(["shop.example", "https://www.shop.example:8443", "http://localhost:3000"]).unwrap()
    }

    #[test]
    fn pages_of_the_hosts_are_taken() {
        for (text, taken) in [
            ("https://shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example:443/a?b=c#d", "https://Shop.Example:443/a?b=c#d"),
            ("https://shop.example?b", "https://shop.example?b"),
            ("https://www.shop.example:8443/", "https://www.shop.example:8443/"),
            ("http://localhost:3000/x", "http://localhost:3000/x"),
            ("https://shop.example/kö n\"", "https://shop.example/k%C3%B6%20n%22"),
            (
                "https://shop.example/?to=https://evil.example",
                "https://shop.example/?to=https://evil.example",
            ),
        ] {
            let target = Target::read(text, &allowed());
            assert_eq!(target.as_ref().map(Target::as_str), Ok(taken));
            let origin = target.as_ref().map(Target::origin).unwrap_or_default();
            assert!(Target::read(origin, &allowed()).is_ok() && taken.starts_with(origin), "{origin}");
            assert_eq!(origin.matches('/').count(), 2, "{origin}");
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        use TargetError::{Malformed, NotAllowed, TooLong};
        for (text, error) in [
            ("", Malformed),
            ("/page", Malformed),
            ("//shop.example/", Malformed),
            ("https:/shop.example/", Malformed),
            ("https:shop.example", Malformed),
            ("javascript://shop.example/%0aalert(1)", Malformed),
            ("data:text/html,x", Malformed),
            ("https://", Malformed),
            ("https:///shop.example", Malformed),
            ("https://shop.example@evil.example/", Malformed),
            ("https://shop.example:443@evil.example/", Malformed),
            ("https://evil.example\\@shop.example/", Malformed),
            ("https://evil.example\\.shop.example", Malformed),
            ("https://shop.example\\evil", Malformed),
            ("https://shop.example/\\evil.example/", Malformed),
            ("https://evil.example%2Fshop.example", Malformed),
            ("https://shop.example%00.evil.example/", Malformed),
            ("https://shop.exa\tmple/", Malformed),
            ("https://shop.example/\r\nSet-Cookie: a=b", Malformed),
            (" https://shop.example/", Malformed),
            ("https://shop.example /", Malformed),
            ("https://[::1]/", Malformed),
            ("https://shop.example:/", Malformed),
            ("https://shop.example:+443/", Malformed),
            ("https://shop.example:65536/", Malformed),
            ("https://shop。example/", Malformed),
            ("https://ſhop.example/", Malformed),
            ("https://shop..example/", Malformed),
            ("https://shop.example./", Malformed),
            ("https://evil.example/https://shop.example/", NotAllowed),
            ("https://evil.example?https://shop.example/", NotAllowed),
            ("https://evil.example#shop.example", NotAllowed),
            ("https://shop.example.evil.example/", NotAllowed),
            ("https://evilshop.example/", NotAllowed),
            ("https://a.shop.example/", NotAllowed),
            ("http://shop.example/", NotAllowed),
            ("https://localhost:3000/", NotAllowed),
            ("http://localhost/", NotAllowed),
            ("https://shop.example:8443/", NotAllowed),
        ] {
            assert_eq!(Target::read(text, &allowed()), Err(error), "{text:?}");
        }
        let long = format!("https://shop.example/{}", "a".repeat(MAX_TARGET));
        assert_eq!(Target::read(&long, &allowed()), Err(TooLong));
        assert_eq!(Target::read("https://shop.example/", &AllowedHosts::default()), Err(NotAllowed));
    }

    #[test]
    fn a_list_names_its_wrong_entry() {
        for entry in
            ["", "*.shop.example", "shop.example/path", "a@b", "ftp://shop.example", "shop.example:x"]
        {
            assert_eq!(AllowedHosts::new(["shop.example", entry]).unwrap_err(), entry);
        }
        assert!(AllowedHosts::new(["shop.example"; MAX_HOSTS]).is_ok());
        assert!(AllowedHosts::new(["shop.example"; MAX_HOSTS + 1]).is_err());
    }

    #[test]
    fn the_token_takes_the_place_of_an_older_one() {
        let token = LinkToken {
            event: EventId::new("vacc01").unwrap(),
            queue: None,
            expires_at_s: 5,
            extendable: true,
            cookie_minutes: None,
            redirect: RedirectType::SafetyNet,
            address: None,
        };
        let minted = token.mint(&demo());
        for (target, before, after) in [
            ("https://shop.example", "https://shop.example?", ""),
            ("https://shop.example/a?", "https://shop.example/a?", ""),
            ("https://shop.example/a?b=c#d?e", "https://shop.example/a?b=c&", "#d?e"),
            ("https://shop.example/?queueittoken=x&b&&QueueItToken=y", "https://shop.example/?b&", ""),
            ("https://shop.example/?queueitt%6fken=x", "https://shop.example/?", ""),
            ("https://shop.example/#queueittoken=x", "https://shop.example/?", "#queueittoken=x"),
        ] {
            let target = Target::read(target, &allowed()).unwrap();
            assert_eq!(target.returning(&token, &demo()), format!("{before}queueittoken={minted}{after}"));
        }
    }
}

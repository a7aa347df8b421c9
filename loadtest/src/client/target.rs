//! Where the server is: `http://host:port`, resolved once before the run so that no name look-up falls into a latency.

use std::net::{SocketAddr, ToSocketAddrs};

use http::{HeaderValue, Uri};

use crate::failure::Failure;

/// A resolved server address.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it was typed, without a slash at the end.
    pub url: String,
    /// Where connections go.
    pub address: SocketAddr,
    /// The `Host` header.
    pub host: HeaderValue,
}

impl Target {
    /// Reads and resolves `http://host[:port]`.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::new(
                format!("`{url}` cannot be a target."),
                why,
                "give the address of the server's API, like `--target http://127.0.0.1:8080`",
            )
        };
        let uri: Uri = url.parse().map_err(|_| wrong("it is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong(
                "the tester speaks plain HTTP/1.1 only; TLS would measure the proxy in front, not the server",
            ));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("the API's paths begin at the root, so the URL must end after the port"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        let (name, port) = (authority.host(), authority.port_u16().unwrap_or(80));
        let address = (name.trim_matches(['[', ']']), port)
            .to_socket_addrs()
            .map_err(|error| wrong(&format!("its host cannot be resolved: {error}")))?
            .next()
            .ok_or_else(|| wrong("its host has no address"))?;
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("its host is not printable"))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), address, host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_a_target() {
        assert_eq!(Target::parse("http://127.0.0.1:8080/").unwrap().address.port(), 8080);
        assert_eq!(Target::parse("http://[::1]:9").unwrap().address.port(), 9);
        for (url, hint) in [
            ("127.0.0.1:8080", "plain HTTP"),
            ("https://127.0.0.1", "plain HTTP"),
            ("http://127.0.0.1/v1", "end after the port"),
            ("http://", "not a URL"),
        ] {
            let told = Target::parse(url).unwrap_err().to_string();
            assert!(told.contains(hint), "{url}: {told}");
        }
    }
}

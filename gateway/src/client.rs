//! One request to a server over a connection of its own: what the commands of `onsale` need that speak to one.
//!
//! Plain HTTP only: TLS is the business of a proxy or a tunnel, here as for the server. No time-out of its own: the
//! caller knows how long it is worth waiting.

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub struct Received {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Whether this is an address that [`exchange`] can speak to: `http://` with a host.
#[must_use]
pub fn can_reach(server: &Uri) -> bool {
    server.scheme_str() == Some("http") && server.host().is_some()
}

/// Sends a request to the server's host and port, and reads an answer of at most so many bytes. The request names the
/// path; `Host` and `Connection` are set here.
///
/// # Errors
/// A sentence: no connection, a broken answer, or one that is too long.
pub async fn exchange(
    server: &Uri,
    mut request: Request<Full<Bytes>>,
    most_bytes: usize,
) -> Result<Received, String> {
    let authority = server.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let port = server.port_u16().unwrap_or(80);
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    let named = HeaderValue::from_str(authority).map_err(|error| error.to_string())?;
    request.headers_mut().insert(HOST, named);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    // The connection lives in its own task until the answer is read; its failure shows up in `send_request`.
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, most_bytes).collect().await.map_err(|error| error.to_string())?.to_bytes();
    driver.abort();
    Ok(Received { status: head.status, headers: head.headers, body })
}

//! What a shop says about who is coming: an enqueue token as the proof of a person.
//!
//! The visitor key `k` is the shop's name of the customer, the same one under which its server key joins and buys for
//! them. A token without a key stands for itself: whoever shows the same one has the same place. A token's identifier
//! that has made a place makes none for anybody else.

use std::net::IpAddr;

use onsale_engine::Engine;
use onsale_engine::decide::Proof;

use super::Connector;
use crate::problem::{Code, Problem};
use crate::queue_it::enqueue_token::{EnqueueToken, EnqueueTokenError, Expected};
use crate::queue_it::ids::EventId;

/// Who is coming, if the shop has signed it for this sale. `address` is the visitor's, where it is known.
///
/// # Errors
/// `rule` where no shop is set; `malformed`, `credentials`, `code-scope` by what is wrong with the token.
pub fn person(
    engine: &Engine,
    connector: Option<&Connector>,
    sale: &str,
    token: &str,
    address: Option<IpAddr>,
) -> Result<Proof<'static>, Problem> {
    let connector = connector.ok_or_else(|| {
        Problem::new(Code::Rule, "This server takes no enqueue tokens: no shop's account and secret are set.")
    })?;
    let event = EventId::new(sale).ok_or_else(|| Problem::new(Code::NotFound, "There is no such sale."))?;
    let now_ms = u64::try_from(engine.now().wall.0).unwrap_or(0);
    let expected = Expected { account: &connector.account, event: &event, now_ms, address };
    let token = EnqueueToken::read(token, &connector.secret, expected).map_err(refused)?;
    // No customer's name has a control character, so a token's own name is nobody's.
    let paper = engine.customer(&format!("\u{1}enqueue token\u{1}{}", token.id)).0;
    let person = token.key.map_or(paper, |key| engine.customer(&key).0);
    Ok(Proof::Paper { person, paper })
}

fn refused(error: EnqueueTokenError) -> Problem {
    use EnqueueTokenError as Error;
    let (code, detail) = match error {
        Error::Malformed => {
            (Code::Malformed, "The enqueue token is not three parts of base64, or is too long.")
        }
        Error::Header => (Code::Malformed, "The enqueue token is not one of type QT1 with AES256."),
        Error::Payload => {
            (Code::Malformed, "The enqueue token's payload cannot be read, or is beyond its limits.")
        }
        Error::Signature => (Code::Credentials, "The enqueue token is not signed with the shop's secret."),
        Error::Account => (Code::Credentials, "The enqueue token is another account's."),
        Error::Expired => (Code::Credentials, "The enqueue token has run out; the shop makes a new one."),
        Error::Address => (Code::Credentials, "The enqueue token was made for another address."),
        Error::Event => (Code::CodeScope, "The enqueue token is for another sale."),
    };
    Problem::new(code, detail)
}

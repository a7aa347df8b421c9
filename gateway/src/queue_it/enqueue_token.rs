//! The enqueue token (QT1): how a shop proves to the waiting room who is coming.
//!
//! ```text
//! header . payload . signature          each base64 for URLs, without padding
//! header     {"typ":"QT1","enc":"AES256","iss":…,"exp":…,"ti":"…","c":"shop","e":"vacc01","ip":"203.0.113.7"}    times in ms
//! payload    {"r":0.5,"k":"c-8231","cd":{"size":"medium"},"o":"Connector"}, under AES-256-CBC, or nothing
//!            key = SHA-256(secret), IV = MD5(ti)
//! signature  SHA-256("header.payload" and then the secret)
//! ```
//!
//! Signature first: nothing is parsed or decrypted that the shop has not signed, so padding tells nobody anything. What
//! the same key means (one place) and what quality is worth (priority) is the waiting room's.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use md5::{Digest, Md5};
use serde::Deserialize;

use super::ids::{Account, EventId};
use super::secret::Secret;
use crate::wire::read;

/// The longest token that is looked at.
pub const MAX_ENQUEUE_TOKEN: usize = 4096;
/// The longest visitor key, in bytes.
pub const MAX_VISITOR_KEY: usize = 128;
/// The longest token id, in bytes. The vendor's are a UUID after an optional prefix.
pub const MAX_TOKEN_ID: usize = 256;

/// What an enqueue token says.
#[derive(Clone, Debug, PartialEq)]
pub struct EnqueueToken {
    /// Tells this token from every other of the shop.
    pub id: String,
    /// When it was made, in Unix milliseconds, by the shop's clock.
    pub issued_at_ms: u64,
    /// The last millisecond in which it is good, if it ends.
    pub expires_at_ms: Option<u64>,
    /// Whether it is for this waiting room alone, and not for all of the account.
    pub names_event: bool,
    /// Who is coming: the same key has the same place.
    pub key: Option<String>,
    /// What the shop thinks of them, more being better.
    pub quality: Option<f64>,
    /// How the shop came to make it.
    pub origin: Option<Origin>,
    /// Whatever else the shop wants to know again; numbers and truth values as text.
    pub custom: BTreeMap<String, String>,
}

/// How a shop came to make an enqueue token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Origin {
    /// The connector made it for somebody it sends to the queue.
    Connector,
    /// It was in an invitation.
    InviteOnly,
    /// A bot manager's header was checked.
    AkamaiBotManagerHeaderValidator,
}

/// Why an enqueue token is not taken, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnqueueTokenError {
    /// It is too long, or not three parts of base64.
    Malformed,
    /// It is not signed with this secret, or was changed since.
    Signature,
    /// Its header is not one of QT1 with AES256.
    Header,
    /// It is for another account.
    Account,
    /// It is for another waiting room.
    Event,
    /// It was good once.
    Expired,
    /// It was made for another address.
    Address,
    /// Its payload cannot be decrypted, is no payload, or is larger than the limits.
    Payload,
}

/// What a token is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Our shop.
    pub account: &'a Account,
    /// The waiting room that is being joined.
    pub event: &'a EventId,
    /// The time, in Unix milliseconds.
    pub now_ms: u64,
    /// Who shows it, where that is known; compared with the address in the token, if it has one.
    pub address: Option<IpAddr>,
}

/// The header. Members that are not known are the shop's own; `xff` is only for its logs.
#[derive(Deserialize)]
struct Header {
    typ: String,
    enc: String,
    iss: u64,
    exp: Option<u64>,
    ti: String,
    c: String,
    e: Option<String>,
    ip: Option<String>,
}

#[derive(Default, Deserialize)]
struct Payload {
    r: Option<f64>,
    k: Option<String>,
    o: Option<Origin>,
    #[serde(default)]
    cd: BTreeMap<String, serde_json::Value>,
}

impl EnqueueToken {
    /// What this token says, if the shop made it for this waiting room and it still holds.
    ///
    /// # Errors
    /// The first of [`EnqueueTokenError`] that applies.
    pub fn read(text: &str, secret: &Secret, expected: Expected<'_>) -> Result<Self, EnqueueTokenError> {
        use EnqueueTokenError as Error;
        if text.len() > MAX_ENQUEUE_TOKEN {
            return Err(Error::Malformed);
        }
        let (signed, seal) = text.rsplit_once('.').ok_or(Error::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Error::Malformed)?;
        let decode = |part| URL_SAFE_NO_PAD.decode(part).map_err(|_| Error::Malformed);
        let (header, payload, seal) = (decode(header)?, decode(payload)?, decode(seal)?);
        if !secret.sealed(signed, &seal) {
            return Err(Error::Signature);
        }
        let header = Header::read(&header).ok_or(Error::Header)?;
        header.check(expected)?;
        let payload = Payload::read(&payload, &header.ti, secret).ok_or(Error::Payload)?;
        Ok(Self {
            id: header.ti,
            issued_at_ms: header.iss,
            expires_at_ms: header.exp,
            names_event: header.e.is_some(),
            custom: payload.custom().ok_or(Error::Payload)?,
            key: payload.k.filter(|key| !key.is_empty()),
            quality: payload.r,
            origin: payload.o,
        })
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let header: Self = read::json(bytes).ok()?;
        let known = header.typ == "QT1" && header.enc == "AES256";
        let named = (1..=MAX_TOKEN_ID).contains(&header.ti.len()) && !has_control(&header.ti);
        (known && named).then_some(header)
    }

    fn check(&self, expected: Expected<'_>) -> Result<(), EnqueueTokenError> {
        if self.c != expected.account.as_str() {
            return Err(EnqueueTokenError::Account);
        }
        if self.e.as_ref().is_some_and(|event| event != expected.event.as_str()) {
            return Err(EnqueueTokenError::Event);
        }
        if self.exp.is_some_and(|end| end < expected.now_ms) {
            return Err(EnqueueTokenError::Expired);
        }
        // An address that cannot be read is nobody's.
        let same = |text: &String, seen: IpAddr| {
            text.parse().is_ok_and(|address: IpAddr| address.to_canonical() == seen.to_canonical())
        };
        match (&self.ip, expected.address) {
            (Some(text), Some(seen)) if !same(text, seen) => Err(EnqueueTokenError::Address),
            _ => Ok(()),
        }
    }
}

impl Payload {
    fn read(bytes: &[u8], token_id: &str, secret: &Secret) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let iv: [u8; 16] = Md5::digest(token_id.as_bytes()).into();
        let cipher = cbc::Decryptor::<aes::Aes256>::new(&secret.payload_key().into(), &iv.into());
        let plain = cipher.decrypt_padded_vec::<Pkcs7>(bytes).ok()?;
        let payload: Self = read::json(&plain).ok()?;
        let key = payload.k.as_deref().unwrap_or_default();
        (key.len() <= MAX_VISITOR_KEY && !has_control(key)).then_some(payload)
    }

    /// The custom data, bounded by the token's own length.
    fn custom(&self) -> Option<BTreeMap<String, String>> {
        use serde_json::Value;
        let pairs = self.cd.iter().map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            };
            Some((name.clone(), text))
        });
        pairs.collect()
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::super::secret::tests::demo;
    use super::*;
    use aes::cipher::BlockModeEncrypt;
    use serde_json::{Value, json};
    use sha2::Sha256;

    const TI: &str = "a21d423a-43fd-4821-84fa-4390f6a2fd3e";

    fn header() -> Value {
        json!({"typ": "QT1", "enc": "AES256", "iss": 1_000, "exp": 5_000, "ti": TI, "c": "shop", "e": "vacc01",
            "ip": "203.0.113.7", "xff": "45.67.2.4,34.56.3.2"})
    }

    fn payload() -> Value {
        json!({"r": 0.4578, "k": "XKDI42W", "cd": {"size": "medium", "count": 2, "new": true}, "o": "Connector"})
    }

    /// A token as a shop would make it. That the vendor's own package makes the same is shown by `tests/queue_it`.
    fn minted(header: &Value, payload: Option<&Value>) -> String {
        let key: [u8; 32] = Sha256::digest(b"demo-secret-not-for-production-0001").into();
        let iv: [u8; 16] = Md5::digest(header["ti"].as_str().unwrap_or_default()).into();
        let encrypted = payload.map(|payload| {
            let cipher = cbc::Encryptor::<aes::Aes256>::new(&key.into(), &iv.into());
            cipher.encrypt_padded_vec::<Pkcs7>(payload.to_string().as_bytes())
        });
        sealed(&format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(encrypted.unwrap_or_default())
        ))
    }

    fn sealed(signed: &str) -> String {
        let seal = Sha256::digest(format!("{signed}demo-secret-not-for-production-0001"));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(seal))
    }

    fn read(text: &str) -> Result<EnqueueToken, EnqueueTokenError> {
        let (account, event) = (Account::new("shop").unwrap(), EventId::new("vacc01").unwrap());
        let address = Some("203.0.113.7".parse().unwrap());
        EnqueueToken::read(
            text,
            &demo(),
            Expected { account: &account, event: &event, now_ms: 5_000, address },
        )
    }

    #[test]
    fn a_token_is_read() {
        let token = read(&minted(&header(), Some(&payload()))).unwrap();
        let pairs = [("count", "2"), ("new", "true"), ("size", "medium")];
        let expected = EnqueueToken {
            id: TI.to_owned(),
            issued_at_ms: 1_000,
            expires_at_ms: Some(5_000),
            names_event: true,
            key: Some("XKDI42W".to_owned()),
            quality: Some(0.4578),
            origin: Some(Origin::Connector),
            custom: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        assert_eq!(token, expected);
    }

    #[test]
    fn only_header_and_signature_are_required() {
        let bare = json!({"typ": "QT1", "enc": "AES256", "iss": 1_000, "ti": TI, "c": "shop", "more": [1]});
        let token = read(&minted(&bare, None)).unwrap();
        assert!(!token.names_event && token.expires_at_ms.is_none() && token.key.is_none());
        let nothing = json!({"r": null, "k": ""});
        assert_eq!(read(&minted(&bare, Some(&nothing))).unwrap(), token);
    }

    #[test]
    fn no_character_can_change() {
        let text = minted(&header(), Some(&payload()));
        assert!(read(&text).is_ok());
        for place in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            let was = bytes[place];
            for byte in (0..128).filter(|byte| *byte != was) {
                bytes[place] = byte;
                let error = read(std::str::from_utf8(&bytes).unwrap()).unwrap_err();
                assert!(matches!(error, EnqueueTokenError::Malformed | EnqueueTokenError::Signature));
            }
        }
    }

    #[test]
    fn each_fault_has_its_error() {
        use EnqueueTokenError as Error;
        let with = |name: &str, value: Value| {
            let mut changed = header();
            changed[name] = value;
            minted(&changed, Some(&payload()))
        };
        let paid = |changed: Value| minted(&header(), Some(&changed));
        let long = |length| Value::String("k".repeat(length));
        let foreign = minted(&header(), Some(&payload())).replace('.', "..");
        let wrong_block = URL_SAFE_NO_PAD.encode([0_u8; 15]);
        let no_blocks = sealed(&format!("{}.{wrong_block}", URL_SAFE_NO_PAD.encode(header().to_string())));
        let listed = json!(["QT1", "AES256", 1_000, 5_000, TI, "shop", "vacc01", "203.0.113.7"]);
        let listed = sealed(&format!("{}.", URL_SAFE_NO_PAD.encode(listed.to_string())));
        for (text, error) in [
            (String::new(), Error::Malformed),
            ("a.b".to_owned(), Error::Malformed),
            (foreign, Error::Malformed),
            ("a".repeat(MAX_ENQUEUE_TOKEN + 1), Error::Malformed),
            (with("typ", json!("QT2")), Error::Header),
            (with("enc", json!("none")), Error::Header),
            (with("ti", json!("")), Error::Header),
            (with("ti", long(MAX_TOKEN_ID + 1)), Error::Header),
            (with("ti", json!(null)), Error::Header),
            (with("iss", json!(-1)), Error::Header),
            (with("c", json!("Shop")), Error::Account),
            (with("e", json!("vacc02")), Error::Event),
            (with("exp", json!(4_999)), Error::Expired),
            (with("ip", json!("203.0.113.8")), Error::Address),
            (with("ip", json!("somewhere")), Error::Address),
            (listed, Error::Header),
            (no_blocks, Error::Payload),
            (paid(json!("text")), Error::Payload),
            (paid(json!([0.5, "XKDI42W", "Connector", {}])), Error::Payload),
            (paid(json!({"k": 7})), Error::Payload),
            (paid(json!({"k": "a\nb"})), Error::Payload),
            (paid(json!({"k": long(MAX_VISITOR_KEY + 1)})), Error::Payload),
            (paid(json!({"o": "Elsewhere"})), Error::Payload),
            (paid(json!({"cd": {"deep": {"er": 1}}})), Error::Payload),
        ] {
            assert_eq!(read(&text), Err(error), "{text}");
        }
        assert!(read(&with("ip", json!("::ffff:203.0.113.7"))).is_ok());
    }
}

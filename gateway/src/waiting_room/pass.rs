//! The pass: a short JWT that says for a while that a ticket was admitted to a sale.
//!
//! Only HS256 is spoken: the algorithm is what this file does, never what a header asks for. The header names the key
//! by the first bytes of a hash of it, so that a new key can be set while passes under earlier ones still run. A pass is
//! a bearer's paper; that it starts one session only is the engine's to see to.
//!
//! ```text
//! {"alg":"HS256","kid":"1f9a03c2","typ":"JWT"}
//! {"iss":"onsale","sub":"qt_…","sale":"sh","customer":"c-8231","jti":"00000000000011a8","iat":1616515200,"exp":1616515260}
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::hex;
use crate::mac::Mac;

/// The longest pass that is looked at. One with a customer of 128 escaped characters takes 760.
pub const MAX_PASS: usize = 1024;

const ALGORITHM: &str = "HS256";
const ISSUER: &str = "onsale";

/// What a pass says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The ticket that was admitted, as its holder knows it.
    pub ticket: String,
    /// The sale it is good for.
    pub sale: String,
    /// Who may buy with it, if the waiting room knows.
    pub customer: Option<String>,
    /// Tells this pass from every other of the server.
    pub id: u64,
    /// When it was given, in Unix seconds.
    pub issued_at_s: u64,
    /// The first Unix second in which it is no longer good.
    pub expires_at_s: u64,
}

/// Why a pass is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassError {
    /// It is not a pass as they are written here.
    Malformed,
    /// It asks for another algorithm.
    WrongAlgorithm,
    /// It names no key, or one that is not known.
    UnknownKey,
    /// It was not signed with the key it names, or was changed since.
    Signature,
    /// It was good once.
    Expired,
}

/// The keys passes are signed with: the current one, and those whose passes may still run.
#[derive(Clone, Debug)]
pub struct PassKeys {
    current: PassKey,
    earlier: Vec<PassKey>,
}

#[derive(Clone, Debug)]
struct PassKey {
    kid: String,
    mac: Mac,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    sub: String,
    sale: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    jti: String,
    iat: u64,
    exp: u64,
}

impl Pass {
    /// The pass as its holder shows it, signed with the current key.
    #[must_use]
    pub fn text(&self, keys: &PassKeys) -> String {
        let header = Header {
            alg: ALGORITHM.to_owned(),
            kid: Some(keys.current.kid.clone()),
            typ: Some("JWT".to_owned()),
        };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: self.ticket.clone(),
            sale: self.sale.clone(),
            customer: self.customer.clone(),
            jti: hex::encode(&self.id.to_be_bytes()),
            iat: self.issued_at_s,
            exp: self.expires_at_s,
        };
        let mut text = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(keys.current.mac.tag(&[text.as_bytes()]));
        text.push('.');
        text.push_str(&signature);
        text
    }
}

impl PassKeys {
    /// Passes are signed with `current`; those signed with one of `earlier` are still taken.
    #[must_use]
    pub fn new(current: &[u8; 32], earlier: &[[u8; 32]]) -> Self {
        Self { current: PassKey::new(current), earlier: earlier.iter().map(PassKey::new).collect() }
    }

    /// What this pass says. That it says the right sale is the caller's to check.
    ///
    /// # Errors
    /// See [`PassError`]. A text that is no pass is told apart before its signature is looked at, its claims only after.
    pub fn read(&self, text: &str, now_s: u64) -> Result<Pass, PassError> {
        if text.len() > MAX_PASS {
            return Err(PassError::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(PassError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(PassError::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| PassError::Malformed)?;
        let header: Header = read_part(header)?;
        if header.typ.is_some_and(|typ| typ != "JWT") {
            return Err(PassError::Malformed);
        }
        if header.alg != ALGORITHM {
            return Err(PassError::WrongAlgorithm);
        }
        let key = self.find(&header.kid.ok_or(PassError::UnknownKey)?).ok_or(PassError::UnknownKey)?;
        if !key.mac.agrees(&[signed.as_bytes()], &signature) {
            return Err(PassError::Signature);
        }
        let claims: Claims = read_part(claims)?;
        let id = hex::decode(&claims.jti).map(u64::from_be_bytes);
        let (ISSUER, Some(id)) = (claims.iss.as_str(), id) else { return Err(PassError::Malformed) };
        if claims.exp <= now_s {
            return Err(PassError::Expired);
        }
        Ok(Pass {
            ticket: claims.sub,
            sale: claims.sale,
            customer: claims.customer,
            id,
            issued_at_s: claims.iat,
            expires_at_s: claims.exp,
        })
    }

    fn find(&self, kid: &str) -> Option<&PassKey> {
        std::iter::once(&self.current).chain(&self.earlier).find(|key| key.kid == kid)
    }
}

impl PassKey {
    fn new(secret: &[u8; 32]) -> Self {
        let mac = Mac::new(secret);
        // No message that is signed is this one: they begin with a header in base64.
        let kid = hex::encode(&mac.tag(&[b"onsale pass kid"])[..4]);
        Self { kid, mac }
    }
}

fn part(value: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).expect("strings and numbers can always be written"))
}

fn read_part<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, PassError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| PassError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| PassError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
    use serde_json::json;

    const SECRET: [u8; 32] = [3; 32];
    const FAR_S: u64 = 4_102_444_800;

    fn keys() -> PassKeys {
        PassKeys::new(&SECRET, &[])
    }

    fn pass() -> Pass {
        Pass {
            ticket: "qt_0007".to_owned(),
            sale: "sh".to_owned(),
            customer: Some("c-\"8231\"".to_owned()),
            id: 4_520,
            issued_at_s: FAR_S - 60,
            expires_at_s: FAR_S,
        }
    }

    /// A pass put together by the other library.
    fn theirs(header: &jsonwebtoken::Header, claims: &serde_json::Value) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(&SECRET)).unwrap()
    }

    fn header() -> jsonwebtoken::Header {
        let kid = Some(keys().current.kid);
        jsonwebtoken::Header { kid, ..jsonwebtoken::Header::new(Algorithm::HS256) }
    }

    fn claims() -> serde_json::Value {
        json!({"iss": "onsale", "sub": "qt_0007", "sale": "sh", "customer": "c-\"8231\"",
            "jti": "00000000000011a8", "iat": FAR_S - 60, "exp": FAR_S})
    }

    #[test]
    fn a_pass_is_good_until_its_last_second() {
        let text = pass().text(&keys());
        assert_eq!(keys().read(&text, FAR_S - 1), Ok(pass()));
        assert_eq!(keys().read(&text, FAR_S), Err(PassError::Expired));
        let nameless = Pass { customer: None, ..pass() };
        assert_eq!(keys().read(&nameless.text(&keys()), 0), Ok(nameless));
    }

    #[test]
    fn the_longest_pass_fits() {
        let longest = Pass {
            ticket: "q".repeat(64),
            sale: "s".repeat(64),
            customer: Some("\"".repeat(128)),
            id: u64::MAX,
            issued_at_s: FAR_S,
            expires_at_s: FAR_S,
        };
        let text = longest.text(&keys());
        assert_eq!(text.len(), 760);
        assert_eq!(keys().read(&text, 0), Ok(longest));
    }

    #[test]
    fn another_library_reads_ours_and_we_read_theirs() {
        let mut wanted = Validation::new(Algorithm::HS256);
        wanted.set_issuer(&["onsale"]);
        wanted.set_required_spec_claims(&["exp", "iss", "sub"]);
        let read = jsonwebtoken::decode::<serde_json::Value>(
            &pass().text(&keys()),
            &DecodingKey::from_secret(&SECRET),
            &wanted,
        )
        .unwrap();
        assert_eq!((read.claims, read.header), (claims(), header()));
        assert_eq!(keys().read(&theirs(&header(), &claims()), 0), Ok(pass()));
    }

    #[test]
    fn no_bit_and_no_character_can_change() {
        let text = pass().text(&keys());
        for place in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            let was = bytes[place];
            for byte in (0..128).filter(|byte| *byte != was) {
                bytes[place] = byte;
                let changed = std::str::from_utf8(&bytes).unwrap();
                assert!(keys().read(changed, 0).is_err(), "{changed}");
            }
            bytes.remove(place);
            assert!(keys().read(std::str::from_utf8(&bytes).unwrap(), 0).is_err());
        }
    }

    #[test]
    fn keys_rotate() {
        let earlier = pass().text(&keys());
        let rotated = PassKeys::new(&[4; 32], &[SECRET]);
        assert_eq!(rotated.read(&earlier, 0), Ok(pass()));
        let newer = pass().text(&rotated);
        assert_ne!(newer, earlier);
        assert_eq!(rotated.read(&newer, 0), Ok(pass()));
        assert_eq!(keys().read(&newer, 0), Err(PassError::UnknownKey));
    }

    #[test]
    fn each_fault_has_its_error() {
        let algorithm = |alg| jsonwebtoken::Header { alg, ..header() };
        let with = |name: &str, value: serde_json::Value| {
            let mut changed = claims();
            changed[name] = value;
            theirs(&header(), &changed)
        };
        let unsigned = |header: serde_json::Value| format!("{}.{}.", part(&header), part(&claims()));
        let kid = header().kid.unwrap();
        for (text, error) in [
            (String::new(), PassError::Malformed),
            ("a.b".to_owned(), PassError::Malformed),
            (format!("{}.x", pass().text(&keys())), PassError::Malformed),
            ("a".repeat(MAX_PASS + 1), PassError::Malformed),
            (theirs(&algorithm(Algorithm::HS384), &claims()), PassError::WrongAlgorithm),
            (theirs(&algorithm(Algorithm::HS512), &claims()), PassError::WrongAlgorithm),
            (unsigned(json!({"alg": "none", "kid": kid, "typ": "JWT"})), PassError::WrongAlgorithm),
            (unsigned(json!({"alg": "hs256", "kid": kid, "typ": "JWT"})), PassError::WrongAlgorithm),
            (unsigned(json!({"alg": "HS256", "kid": kid, "typ": "JWT"})), PassError::Signature),
            (unsigned(json!({"alg": "HS256", "kid": kid, "typ": "JWS"})), PassError::Malformed),
            (
                unsigned(json!({"alg": "HS256", "kid": kid, "crit": ["b64"], "b64": false})),
                PassError::Malformed,
            ),
            (unsigned(json!({"alg": "HS256", "kid": "../../dev/null"})), PassError::UnknownKey),
            (theirs(&jsonwebtoken::Header::new(Algorithm::HS256), &claims()), PassError::UnknownKey),
            (with("iss", json!("other")), PassError::Malformed),
            (with("jti", json!("11A8")), PassError::Malformed),
            (with("exp", json!("4102444800")), PassError::Malformed),
            (with("exp", json!(-1)), PassError::Malformed),
            (with("admin", json!(true)), PassError::Malformed),
            (with("exp", json!(5)), PassError::Expired),
        ] {
            assert_eq!(keys().read(&text, 5), Err(error), "{text}");
        }
    }
}

//! The credentials of a run, from the environment by the names the server itself uses. For a server the tester starts,
//! fresh ones are made up and handed to it.

use http::HeaderValue;

use crate::failure::Failure;

/// The name of the operator key's variable.
pub const OPERATOR: &str = "ONSALE_OPERATOR_KEY";
/// The name of the web shop's key's variable.
pub const SERVER: &str = "ONSALE_SERVER_KEY";
/// The name of the phone desk's key's variable; without it phone agents use the web shop's.
pub const PHONE: &str = "ONSALE_SERVER_KEY_PHONE";

/// Plain keys.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Sets the sale up; a sell-out does without.
    pub operator: Option<String>,
    /// Sells on the web.
    pub server: String,
    /// Sells by phone.
    pub phone: Option<String>,
}

impl Keys {
    /// The keys of somebody else's server. `variable` looks a name up.
    pub fn given(variable: impl Fn(&str) -> Option<String>, needs_operator: bool) -> Result<Self, Failure> {
        let missing = |name: &str, what: &str| {
            Failure::new(
                format!("There is no {what} key for the target."),
                format!("the environment has no {name}"),
                format!("set it to the key that server was started with: `export {name}=…`"),
            )
        };
        let operator = variable(OPERATOR);
        if needs_operator && operator.is_none() {
            return Err(missing(OPERATOR, "operator"));
        }
        let server = variable(SERVER).ok_or_else(|| missing(SERVER, "server"))?;
        Ok(Self { operator, server, phone: variable(PHONE) })
    }

    /// Fresh keys for a server of one's own.
    pub fn made_up() -> Self {
        let fresh = |kind: &str| format!("{kind}_{:032x}", rand::random::<u128>());
        Self { operator: Some(fresh("op")), server: fresh("sk"), phone: None }
    }
}

/// A key as the value of `Authorization`.
pub fn bearer(key: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim())).map_err(|error| {
        Failure::new("A key cannot be sent.", error, "keys are printable ASCII: look for a stray line break")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_is_named() {
        let none = |_: &str| None;
        assert!(Keys::given(none, true).unwrap_err().to_string().contains(OPERATOR));
        let server_only = |name: &str| (name == SERVER).then(|| "sk_1".to_owned());
        assert!(Keys::given(server_only, true).is_err());
        assert_eq!(Keys::given(server_only, false).unwrap().server, "sk_1");
    }

    #[test]
    fn keys_are_not_shown() {
        let key = bearer("sk_1").unwrap();
        assert!(key.is_sensitive() && !format!("{key:?}").contains("sk_1"));
    }
}

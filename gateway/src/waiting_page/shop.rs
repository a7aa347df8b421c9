//! Where people go on to when it is their turn: the shop's address, as the operator has set it.
//!
//! The pass goes there in the body of a form, never in an address, which is logged and handed on.

/// The address of a shop, with `{sale}` where the sale's id goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopAddress {
    text: String,
    origin_len: usize,
}

const HOLE: &str = "{sale}";

impl ShopAddress {
    /// Reads an address; none if the text is empty.
    ///
    /// # Errors
    /// A sentence about what was expected.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let expected = || "expected an https address, as https://shop.example/enter/{sale}".to_owned();
        if text.is_empty() {
            return Ok(None);
        }
        let rest =
            text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(expected)?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // The origin becomes a part of the page's policy, so nothing may stand in it that means something there.
        let is_host = !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        let path = text.replace(HOLE, "");
        let is_address =
            path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`{|},;".contains(&byte));
        if !is_host || !is_address {
            return Err(expected());
        }
        Ok(Some(Self { text: text.to_owned(), origin_len: text.len() - rest.len() + host.len() }))
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.text[..self.origin_len]
    }

    /// The address for a sale.
    #[must_use]
    pub fn of(&self, sale: &str) -> String {
        self.text.replace(HOLE, sale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_filled_in() {
        let shop = ShopAddress::parse("https://shop.example:8443/enter/{sale}?from=line").unwrap().unwrap();
        assert_eq!(shop.origin(), "https://shop.example:8443");
        assert_eq!(shop.of("arena"), "https://shop.example:8443/enter/arena?from=line");
        assert_eq!(ShopAddress::parse(""), Ok(None));
        assert_eq!(ShopAddress::parse("http://[::1]:9").unwrap().unwrap().origin(), "http://[::1]:9");
        for bad in [
            "shop.example",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://{sale}.example/",
            "https://shop.example;script-src *",
            "https://shop.example/a b",
            "https://shop.example/\"",
            "https://shop.example/{venue}",
            "https://user@shop.example/",
        ] {
            assert!(ShopAddress::parse(bad).is_err(), "{bad}");
        }
    }
}

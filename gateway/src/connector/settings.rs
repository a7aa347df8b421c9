//! What the texts of the settings must be. Each reads one setting, for the table of settings and for the value made of it.

use crate::queue_it::ids::{Account, EventId};
use crate::queue_it::integration::MAX_LIST;
use crate::queue_it::secret::Secret;
use crate::queue_it::target::{AllowedHosts, MAX_HOSTS};

/// The shop's name.
///
/// # Errors
/// A sentence about what was expected.
pub fn account(text: &str) -> Result<Option<Account>, String> {
    read(text, Account::new, "expected 1 to 64 letters, digits and hyphens")
}

/// The shared secret.
///
/// # Errors
/// A sentence about what was expected.
pub fn secret(text: &str) -> Result<Option<Secret>, String> {
    read(text, Secret::new, "expected 16 to 256 bytes of text on one line")
}

fn read<T>(text: &str, new: impl FnOnce(&str) -> Option<T>, expected: &str) -> Result<Option<T>, String> {
    match text {
        "" => Ok(None),
        text => new(text).map(Some).ok_or_else(|| expected.to_owned()),
    }
}

/// Hosts with commas between them.
///
/// # Errors
/// A sentence about what was expected.
pub fn hosts(text: &str) -> Result<AllowedHosts, String> {
    AllowedHosts::new(list(text)).map_err(|entry| {
        format!("`{entry}`: expected up to {MAX_HOSTS} hosts, as shop.example, shop.example:8443 or http://localhost:3000")
    })
}

/// A host and perhaps a port, without a scheme.
///
/// # Errors
/// A sentence about what was expected.
pub fn host(text: &str) -> Result<Option<String>, String> {
    let is_host = |text: &str| !text.contains('/') && AllowedHosts::new([text]).is_ok();
    read(text, |text| is_host(text).then(|| text.to_owned()), "expected a host, as queue.shop.example")
}

/// Sales and parts of the paths of the pages that wait for them.
///
/// # Errors
/// A sentence about what was expected.
pub fn pages(text: &str) -> Result<Vec<(EventId, String)>, String> {
    let page = |entry: &str| {
        let (sale, path) = entry.split_once('=')?;
        let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        is_path.then_some((EventId::new(sale)?, path.to_owned()))
    };
    let pages: Vec<_> = list(text)
        .map(|entry| {
            page(entry).ok_or_else(|| format!("`{entry}`: expected a sale's id and a path, as rush=/book"))
        })
        .collect::<Result<_, _>>()?;
    if pages.len() > MAX_LIST { Err(format!("expected at most {MAX_LIST} pages")) } else { Ok(pages) }
}

/// The entries of a list, which may be empty.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(move |entry| !(text.is_empty() && entry.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_or_refused() {
        assert!(account("").unwrap().is_none() && account("a_b").is_err() && account("Shop-1").is_ok());
        assert!(secret("").unwrap().is_none() && secret("short").is_err());
        assert!(hosts("").is_ok() && hosts("shop.example, http://localhost:3000").is_ok());
        assert!(hosts("shop.example,,b.example").unwrap_err().starts_with("``"));
        assert!(hosts("*.shop.example").is_err());
        assert_eq!(host("queue.shop.example:8443").unwrap().as_deref(), Some("queue.shop.example:8443"));
        for bad in ["https://queue.shop.example", "queue.shop.example/", "a b", "evil.example@x"] {
            assert!(host(bad).is_err(), "{bad}");
        }
        let two = pages("rush=/book, rush=/cart?x").unwrap();
        assert_eq!(
            two.iter().map(|(sale, path)| (sale.as_str(), path.as_str())).collect::<Vec<_>>(),
            [("rush", "/book"), ("rush", "/cart?x")]
        );
        assert!(pages("").unwrap().is_empty());
        for bad in ["rush", "rush=", "rush=book", "Rush=/book", "=/book", "rush=/a b", "rush=/é", "rush=/a,"]
        {
            assert!(pages(bad).is_err(), "{bad}");
        }
        assert!(pages(&vec!["a=/b"; MAX_LIST + 1].join(",")).is_err());
    }
}

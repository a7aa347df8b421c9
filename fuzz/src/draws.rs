//! Documents of draws, which `onsale verify-draw` reads from anywhere.

use onsale_gateway::verify_draw::check::{check, find};
use onsale_gateway::verify_draw::fetch::parse;
use onsale_gateway::verify_draw::report;

/// A saved document.
pub fn draw(bytes: &[u8]) {
    let Ok(mut document) = parse(bytes) else { return };
    let result = check(&document);
    let _ = report::outcome(&document, &result);
    let Ok(checked) = result else { return };
    let found = find(&document, &checked, "qt_general_41");
    let _ = report::ticket(found.as_ref(), &checked);
    let written = serde_json::to_vec(&document).expect("a document is plain data");
    assert_eq!(parse(&written).as_ref(), Ok(&document));
    if let Some(entry) = document.entries.iter_mut().flatten().next() {
        entry.leaf.0[0] ^= 1;
        assert!(check(&document).is_err(), "a changed entry holds");
    }
}

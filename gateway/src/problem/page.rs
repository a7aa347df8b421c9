//! The pages behind the `type` of a problem: `/problems/<code>`, written from the same table as the answers.

use std::fmt::Write as _;

use super::{Entry, TABLE};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}\
    code{background:#eee;padding:.1em .3em;border-radius:3px}td{padding:.2rem 1rem .2rem 0;vertical-align:top}\
    @media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}code{background:#333}a{color:#8bf}}";

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><body>{body}</body></html>"
    )
}

/// One code.
#[must_use]
pub fn page(entry: &Entry) -> String {
    let Entry { name, status, title, advice, .. } = entry;
    let retry = match entry.retry_after_ms {
        Some(_) => "<p>The answer carries <code>Retry-After</code> and <code>retry_after_ms</code>.</p>",
        None => "",
    };
    let advice = code_marks(advice);
    frame(
        name,
        &format!(
            "<p><a href=\"/problems\">problems</a></p><h1>{title}</h1>\
             <p><code>{name}</code>, status {status}</p><p>{advice}</p>{retry}"
        ),
    )
}

/// All codes.
#[must_use]
pub fn index() -> String {
    let mut rows = String::new();
    for Entry { name, status, title, .. } in &TABLE {
        // Writing into a `String` cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{status}</td><td><a href=\"/problems/{name}\"><code>{name}</code></a></td><td>{title}</td></tr>"
        );
    }
    frame("Problems", &format!("<h1>Problems</h1><table>{rows}</table>"))
}

/// The table marks words of the wire with backticks; here they become `code`.
fn code_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    for (place, piece) in text.split('`').enumerate() {
        if place % 2 == 1 {
            let _ = write!(out, "<code>{piece}</code>");
        } else {
            out.push_str(piece);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_and_is_in_the_index() {
        let index = index();
        for entry in &TABLE {
            assert!(page(entry).contains(entry.title), "{}", entry.name);
            assert!(index.contains(&format!("/problems/{}\"", entry.name)));
        }
    }
}

//! `/docs`: the API description as one plain page, made here. Nothing is fetched from anywhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde_json::Value;

static PAGE: LazyLock<String> = LazyLock::new(|| write_page(super::document()));

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    summary{cursor:pointer;padding:.4rem 0}b{display:inline-block;width:4.5rem;font-family:monospace}\
    code,pre{background:#8882;border-radius:3px;padding:.1em .3em}pre{padding:.6rem;overflow:auto}\
    details details{margin-left:1.2rem}td{padding:.1rem 1rem .1rem 0;vertical-align:top}\
    :root{color-scheme:light dark}";

/// The page.
#[must_use]
pub fn page() -> &'static str {
    &PAGE
}

fn write_page(document: &Value) -> String {
    let mut out = String::with_capacity(64 << 10);
    let title = text(&document["info"]["title"]);
    let about = text(&document["info"]["description"]);
    // Writing into a `String` cannot fail, here and below.
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><body><h1>{title}</h1><p>{about}</p>\
         <p><a href=\"/openapi.json\">openapi.json</a> · <a href=\"/problems\">problems</a></p><h2>Calls</h2>"
    );
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (verb, operation) in methods.as_object().into_iter().flatten() {
            write_operation(&mut out, path, verb, operation);
        }
    }
    out.push_str("<h2>Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let json = serde_json::to_string_pretty(schema).unwrap_or_default();
        let _ = write!(
            out,
            "<details id=\"{name}\"><summary>{name}</summary><pre>{}</pre></details>",
            escape(&json)
        );
    }
    out.push_str("</body></html>");
    out
}

fn write_operation(out: &mut String, path: &str, verb: &str, operation: &Value) {
    let (verb, path) = (verb.to_ascii_uppercase(), escape(path));
    let _ = write!(
        out,
        "<details><summary><b>{verb}</b><code>{path}</code> {}</summary><table>",
        text(&operation["summary"])
    );
    for security in operation["security"].as_array().into_iter().flatten() {
        for scheme in security.as_object().into_iter().flat_map(serde_json::Map::keys) {
            let _ = write!(out, "<tr><td>key</td><td>{}</td></tr>", escape(scheme));
        }
    }
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let _ = write!(
            out,
            "<tr><td>{}</td><td><code>{}</code> {}</td></tr>",
            text(&parameter["in"]),
            text(&parameter["name"]),
            text(&parameter["description"])
        );
    }
    for (media, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let _ = write!(out, "<tr><td>body</td><td>{} {}</td></tr>", escape(media), link(content));
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let shapes: String =
            response["content"].as_object().into_iter().flatten().map(|(_, content)| link(content)).collect();
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{} {shapes}</td></tr>",
            escape(status),
            text(&response["description"])
        );
    }
    out.push_str("</table></details>");
}

fn link(content: &Value) -> String {
    let target = content["schema"]["$ref"].as_str().unwrap_or_default();
    let name = escape(target.rsplit('/').next().unwrap_or_default());
    format!("<a href=\"#{name}\">{name}</a>")
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes::TABLE;

    #[test]
    fn every_route_is_on_the_page_and_nothing_is_fetched() {
        let page = page();
        for entry in &TABLE {
            assert!(page.contains(entry.path) && page.contains(&escape(entry.summary)), "{}", entry.path);
        }
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    }
}

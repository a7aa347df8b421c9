//! A scene as a page: the template, and what a browser may do with it.
//!
//! Style and script stand in the page and are allowed by their hashes, so nothing that is put into the page can become
//! either. What is filled in is escaped by the template.

use std::sync::LazyLock;

use askama::Template;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::language::Language;
use super::scene::{Act, Drawing, Scene};
use super::shop::ShopAddress;
use super::texts::Texts;
use crate::answer::{PRIVATE, Said, text};
use crate::queue_it::target::Target;

/// Without the notes to whoever changes it, and without indents.
static SCRIPT: LazyLock<String> = LazyLock::new(|| packed(include_str!("page.js")));
static STYLE: LazyLock<String> = LazyLock::new(|| packed(include_str!("page.css")));

fn packed(source: &str) -> String {
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What a page is made of.
#[derive(Debug)]
pub struct Page<'a> {
    /// The language it is in.
    pub language: Language,
    /// Whether the address says so: then links on the page say so as well.
    pub asked: bool,
    /// The sale's id.
    pub sale: &'a str,
    /// What people call the sale.
    pub name: &'a str,
    /// The room's phase and the ticket's state, as the API writes them.
    pub words: (&'static str, &'static str),
    /// Whether chances are low, as the API writes it.
    pub chances: Option<&'static str>,
    /// What the operator says.
    pub message: Option<&'a str>,
    /// The ticket, if there is one.
    pub ticket: Option<&'a str>,
    /// The pass, if there is one.
    pub pass: Option<&'a str>,
    /// Where the shop is, if it is known.
    pub shop: Option<&'a ShopAddress>,
    /// The page of the shop that was wanted, if a connector said.
    pub target: Option<&'a Target>,
    /// What is shown.
    pub scene: Scene,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Filled<'a> {
    page: &'a Page<'a>,
    scene: &'a Scene,
    t: &'static Texts,
    /// What the addresses of this page's forms end in: the language and the wanted page, where its own has them.
    query: String,
    shop: Option<String>,
    style: &'static str,
    script: &'static str,
}

impl Filled<'_> {
    /// The other languages: code, name, where.
    fn languages(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        let others = Language::ALL.into_iter().filter(|language| *language != self.page.language);
        others.map(|language| {
            let code = language.code();
            (code, language.texts().name, query(Some(code), self.page.target))
        })
    }
}

impl Page<'_> {
    /// The answer.
    pub fn answer(&self, status: StatusCode) -> Response {
        let t = self.language.texts();
        let code = self.language.code();
        let query = query(self.asked.then_some(code), self.target);
        let shop = self.shop.map(|shop| shop.of(self.sale));
        let filled =
            Filled { page: self, scene: &self.scene, t, query, shop, style: &STYLE, script: &SCRIPT };
        // Writing into memory cannot fail, and nothing that is filled in has a way to.
        let mut response =
            text("text/html; charset=utf-8", filled.render().unwrap_or_default()).cached(PRIVATE);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::try_from(policy(self.shop, self.target)) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        // The address is the place: it is told to nobody.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(code));
        headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
        response
    }
}

/// The end of an address of this page.
pub(super) fn query(language: Option<&str>, target: Option<&Target>) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(language.map(|code| ("lang", code)));
    pairs.extend_pairs(target.map(|target| ("t", target.as_str())));
    let pairs = pairs.finish();
    if pairs.is_empty() { pairs } else { format!("?{pairs}") }
}

/// What the page may do: its own style and script, questions to this server, forms to it and to the shop; nothing else,
/// and no frame around it.
fn policy(shop: Option<&ShopAddress>, target: Option<&Target>) -> String {
    static HASHES: LazyLock<(String, String)> = LazyLock::new(|| (hash(&STYLE), hash(&SCRIPT)));
    let (style, script) = &*HASHES;
    // A form that is answered with a redirect needs leave for where that leads.
    let origins = shop.map(ShopAddress::origin).into_iter().chain(target.map(Target::origin));
    let shop: String = origins.map(|origin| format!(" {origin}")).collect();
    format!(
        "default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; connect-src 'self'; \
         form-action 'self'{shop}; frame-ancestors 'none'; base-uri 'none'"
    )
}

fn hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_leaves_a_script_as_it_is_but_for_notes() {
        assert_eq!(
            packed("// why\nlet a = 1;\n\n    // more\n    a = 'http://x'; // kept\n"),
            "let a = 1;\na = 'http://x'; // kept"
        );
        for source in [&*SCRIPT, &*STYLE] {
            assert!(!source.contains("</"), "an end tag would end it");
        }
    }
}

//! Which language a page speaks: what the address says, else what the browser prefers, else English.

use http::header::ACCEPT_LANGUAGE;
use http::{HeaderMap, Uri};

use super::texts::{DE, EN, Texts};

/// A language that pages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    German,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// As it is written in `lang` and in addresses.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Its sentences.
    pub const fn texts(self) -> &'static Texts {
        match self {
            Self::English => &EN,
            Self::German => &DE,
        }
    }

    /// The language of this code, if there is one.
    pub fn named(code: &str) -> Option<Self> {
        let main = code.split('-').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| main.eq_ignore_ascii_case(language.code()))
    }

    /// The language the address asks for.
    pub fn asked(uri: &Uri) -> Option<Self> {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        pairs.filter(|(name, _)| name == "lang").find_map(|(_, code)| Self::named(&code))
    }

    /// The language the browser prefers. A preference that cannot be read counts as the last.
    pub fn preferred(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT_LANGUAGE).into_iter().filter_map(|line| line.to_str().ok());
        let mut best = (0.0, Self::English);
        for wish in lines.flat_map(|line| line.split(',')) {
            let (code, quality) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let quality = quality.trim().strip_prefix("q=").and_then(|quality| quality.parse::<f32>().ok());
            if let Some(language) = Self::named(code.trim())
                && quality.unwrap_or(0.001) > best.0
            {
                best = (quality.unwrap_or(0.001), language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_counts_before_the_browser() {
        let asked = |uri: &'static str| Language::asked(&Uri::from_static(uri));
        assert_eq!(asked("/queue/sh?lang=de"), Some(Language::German));
        assert_eq!(asked("/queue/sh?utm=x&lang=EN-us"), Some(Language::English));
        assert_eq!((asked("/queue/sh?lang=fr"), asked("/queue/sh")), (None, None));
    }

    #[test]
    fn the_browsers_order_is_by_quality() {
        for (line, language) in [
            ("de-CH, en;q=0.8", Language::German),
            ("fr, de;q=0.5, en;q=0.7", Language::English),
            ("fr;q=1, de;q=0.1", Language::German),
            ("fr, it", Language::English),
            ("de;q=0", Language::English),
            ("en;q=0.5,de;q=0.5", Language::English),
            ("*, ;;q=,de;q=zwei", Language::German),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, line.parse().unwrap());
            assert_eq!(Language::preferred(&headers), language, "{line}");
        }
        assert_eq!(Language::preferred(&HeaderMap::new()), Language::English);
    }
}

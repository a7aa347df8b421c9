//! The waiting page: where people join a line, see how they stand, and are told that it is their turn.
//!
//! [`visit`] answers the requests; `scene` decides what is shown for which state; `page` puts it into the template and
//! says what a browser may do with it; `texts` has every sentence in both languages; `words` turns numbers and times
//! into sentences; `language` finds out which language; [`shop`] is where people go on to.
//!
//! A page is whole without a script: forms post, and `Refresh` looks again. The script only replaces the refreshing by the
//! ticket's stream. Nothing is loaded from anywhere, nothing is kept in the browser, and a GET changes nothing but that
//! who looks counts as present.

mod language;
mod page;
mod scene;
pub mod shop;
mod texts;
pub mod visit;
mod words;

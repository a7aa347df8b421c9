//! Why a run could not be made at all: the server is not there, a key is missing, an answer cannot be read.
//! This is different from a run that was made and missed its figures (see [`crate::verdict`]). Each failure says what
//! happened, why, and what to type next, because the reader is usually someone at a terminal in a hurry.

use std::fmt;

/// A run that could not be made, in words for the person at the terminal.
#[derive(Debug)]
pub struct Failure {
    what: String,
    why: String,
    next: String,
}

impl Failure {
    /// What happened, why, and what to do next.
    pub fn new(what: impl Into<String>, why: impl fmt::Display, next: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.to_string(), next: next.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  why:  {}\n  next: {}", self.what, self.why, self.next)
    }
}

impl std::error::Error for Failure {}

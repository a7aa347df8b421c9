//! Why a run could not be made at all: the server is not there, a key is missing, an answer cannot be read. Or why it ended early:
//! a server that had been ready and died is the server's miss, with the exit code of one.
//! This is different from a run that was made and missed its figures (see [`crate::verdict`]). Each failure says what
//! happened, why, and what to type next, because the reader is usually someone at a terminal in a hurry.

use std::fmt;

/// A run that could not be made, in words for the person at the terminal.
#[derive(Debug)]
pub struct Failure {
    what: String,
    why: String,
    next: String,
    of_the_server: bool,
}

impl Failure {
    /// What happened, why, and what to do next.
    pub fn new(what: impl Into<String>, why: impl fmt::Display, next: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.to_string(), next: next.into(), of_the_server: false }
    }

    /// The server's doing, or what this other failure was.
    pub fn of_the_server(mut self, its: bool) -> Self {
        self.of_the_server = its;
        self
    }

    /// Whether it is the server's doing.
    pub fn is_of_the_server(&self) -> bool {
        self.of_the_server
    }

    /// 99 if the server missed what was expected of it, 1 if the run could not be made.
    pub fn exit_code(&self) -> u8 {
        if self.of_the_server { 99 } else { 1 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  why:  {}\n  next: {}", self.what, self.why, self.next)
    }
}

impl std::error::Error for Failure {}

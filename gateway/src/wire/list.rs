//! Lists: `limit` and `after` in, `items` and `next` out.

use serde::Serialize;

use super::time::Written;
use crate::problem::{Code, Problem};

/// What a list gives when nothing is said.
pub const DEFAULT_LIMIT: usize = 100;
/// The most a list gives at a time.
pub const MAX_LIMIT: usize = 1_000;

/// Checks the `limit` of a request.
///
/// # Errors
/// `malformed` for 0, `too-large-number` above 1,000.
pub fn limit(asked: Option<u64>) -> Result<usize, Problem> {
    match asked.map(usize::try_from) {
        None => Ok(DEFAULT_LIMIT),
        Some(Ok(0)) => Err(Problem::malformed("`limit` is at least 1.")),
        Some(Ok(limit)) if limit <= MAX_LIMIT => Ok(limit),
        Some(_) => Err(Problem::new(Code::TooLargeNumber, format!("`limit` is at most {MAX_LIMIT}."))),
    }
}

/// A part of a list, as it is written.
#[derive(Debug, Serialize)]
pub struct List<T> {
    /// The part. It may be short or empty while `next` is set.
    pub items: Vec<T>,
    /// What to send as `after` for the next part; null at the end.
    pub next: Option<String>,
    /// When it was answered.
    pub server_time: Written,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_1_to_1000() {
        assert_eq!(limit(None).unwrap(), DEFAULT_LIMIT);
        assert_eq!(limit(Some(1_000)).unwrap(), 1_000);
        assert_eq!(limit(Some(0)).unwrap_err().code(), Some(Code::Malformed));
        assert_eq!(limit(Some(1_001)).unwrap_err().code(), Some(Code::TooLargeNumber));
    }
}

//! A length of time in two bytes: exact to a tenth of a second below seven minutes, to a part in 2,048 above, at most 155 days.
//!
//! ```text
//! 4 bits of exponent · 12 bits of mantissa: mantissa · 2^exponent tenths of a second
//! ```
//!
//! What people are told is rounded to this before it is shown, so that what is kept is what was said.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

const MANTISSA: u32 = 12;
const TENTH: u64 = 100;
const LARGEST: u64 = (1 << MANTISSA) - 1;

/// See the module. Longer spans are greater numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span(u16);

impl Span {
    /// The longest.
    pub const MOST: Self = Self(u16::MAX);

    fn of(tenths: u64, up: bool) -> Self {
        let mut exponent = (u64::BITS - tenths.leading_zeros()).saturating_sub(MANTISSA);
        let cut = |exponent: u32| if up { tenths.div_ceil(1 << exponent) } else { tenths >> exponent };
        if cut(exponent.min(40)) > LARGEST {
            exponent += 1;
        }
        // A mantissa of less than half its bits belongs to a smaller exponent, which was tried first.
        let whole = if exponent > 15 { return Self::MOST } else { cut(exponent) };
        u16::try_from(u64::from(exponent) << MANTISSA | whole).map_or(Self::MOST, Self)
    }

    /// The longest that is not longer.
    #[must_use]
    pub fn at_most(span: Millis) -> Self {
        Self::of(span.0 / TENTH, false)
    }

    /// The shortest that is not shorter, unless there is none.
    #[must_use]
    pub fn at_least(span: Millis) -> Self {
        Self::of(span.0.div_ceil(TENTH), true)
    }

    /// How long it is.
    #[must_use]
    pub fn millis(self) -> Millis {
        let (exponent, mantissa) = (self.0 >> MANTISSA, u64::from(self.0) & LARGEST);
        Millis((mantissa << exponent) * TENTH)
    }

    /// No time at all.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// As it is kept.
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }

    /// From what was kept.
    #[must_use]
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_kept_outwards_and_nearly_exactly() {
        let mut ms = 1_u64;
        while ms < 12_000_000_000 {
            let (low, high) = (Span::at_most(Millis(ms)).millis().0, Span::at_least(Millis(ms)).millis().0);
            assert!(low <= ms && high >= ms, "{ms}: {low} to {high}");
            let grain = (ms / 2_048 + 100) * 2;
            assert!(high - low <= grain, "{ms}: {low} to {high}");
            assert_eq!(Span::at_most(Millis(low)).millis().0, low);
            assert_eq!(Span::at_least(Millis(high)).millis().0, high);
            ms += ms / 97 + 1;
        }
    }

    #[test]
    fn short_spans_are_exact_and_longer_ones_are_greater() {
        for tenths in 0..4_096 {
            let span = Span::at_most(Millis(tenths * 100));
            assert_eq!(span.millis().0, tenths * 100);
            assert_eq!(Span::at_least(Millis(tenths * 100)), span);
        }
        let mut last = Span::default();
        for ms in (0..40_000_000).step_by(777) {
            let span = Span::at_least(Millis(ms));
            assert!(span >= last, "{ms}");
            last = span;
        }
        assert_eq!(Span::at_least(Millis(u64::MAX)), Span::MOST);
        assert_eq!(Span::from_bits(last.bits()), last);
    }
}

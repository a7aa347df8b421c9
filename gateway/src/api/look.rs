//! Looking: availability and bundles, for everybody.

use std::sync::Arc;

use http::StatusCode;
use onsale_engine::decide::Availability;
use onsale_engine::sale::SaleRules;

use super::slots::instant;
use crate::answer::{Outcome, PUBLIC, Said, json, seen_with};
use crate::call::Call;
use crate::durable::settle;
use crate::problem::Problem;
use crate::wire::availability::{
    AvailabilityInput, BundlesInput, Elsewhere, WrittenAvailability, WrittenOffer, WrittenOffers,
};
use crate::wire::list::limit;
use crate::wire::stock::{has_some, state_word};
use crate::wire::time::Written;

/// `GET /v1/sales/{sale}/availability`
pub async fn availability(call: Call) -> Outcome {
    let AvailabilityInput { by, product } = call.query()?;
    let (by_venue, by_day) = grouping(by.as_deref())?;
    let (sale, product) = (call.param(0), product.as_deref());
    let stock = settle(call.engine(), call.engine().availability(sale, by_venue, by_day, product)).await?;
    let gone = !stock.value.lines.iter().any(|line| has_some(line.state));
    // Only a product narrows the scope: what else there is, is whatever the other products have.
    let others = if gone && product.is_some() {
        Some(settle(call.engine(), call.engine().availability(sale, true, false, None)).await?.value)
    } else {
        None
    };
    let exact = call.principal.has_key();
    let elsewhere = others.as_ref().map(elsewhere).unwrap_or_default();
    let body = WrittenAvailability::new((sale, product), by_day, &stock.value, elsewhere, stock.now, exact);
    Ok(json(StatusCode::OK, &body).cached(seen_with(exact)).depends_on_caller())
}

fn elsewhere(others: &Availability) -> Vec<Elsewhere<'_>> {
    let some = others.lines.iter().filter(|line| has_some(line.state));
    some.filter_map(|line| Some(Elsewhere { venue: line.venue.as_deref()?, state: state_word(line.state) }))
        .collect()
}

fn grouping(by: Option<&str>) -> Result<(bool, bool), Problem> {
    match by {
        None | Some("venue,day" | "day,venue") => Ok((true, true)),
        Some("venue") => Ok((true, false)),
        Some("day") => Ok((false, true)),
        Some(_) => Err(Problem::malformed("`by` is `venue`, `day` or `venue,day`.")),
    }
}

/// `GET /v1/sales/{sale}/bundles`
pub async fn bundles(call: Call) -> Outcome {
    let input: BundlesInput = call.query()?;
    let sale = call.param(0);
    let limit = limit(input.limit.or(Some(20)))?;
    let from = instant(&call, (sale, input.venue.as_deref()), "from", input.from.as_deref())?;
    let rule = match input.rule {
        Some(rule) => rule,
        None => only_rule(&settle(call.engine(), call.engine().sale(sale)).await?.value.rules)?,
    };
    let offers = call.engine().bundles(sale, &rule, input.venue.as_deref(), from, limit);
    let offers = settle(call.engine(), offers).await?;
    let body = WrittenOffers {
        items: offers.value.iter().map(|offer| WrittenOffer::new(&rule, offer)).collect(),
        next: None,
        as_of: Written(offers.now.wall),
        server_time: Written(call.engine().now().wall),
    };
    Ok(json(StatusCode::OK, &body).cached(PUBLIC))
}

fn only_rule(rules: &Arc<SaleRules>) -> Result<String, Problem> {
    match rules.bundles.as_slice() {
        [only] => Ok(only.name.clone()),
        [] => Err(Problem::malformed("`rule` names the bundle rule; this sale has none.")),
        all => {
            let names: Vec<_> = all.iter().map(|rule| rule.name.as_str()).collect();
            Err(Problem::malformed(format!(
                "`rule` names the bundle rule; this sale has: {}.",
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouping_is_by_venue_and_day_unless_said() {
        for (by, expected) in [
            (None, (true, true)),
            (Some("venue,day"), (true, true)),
            (Some("venue"), (true, false)),
            (Some("day"), (false, true)),
        ] {
            assert_eq!(grouping(by).unwrap(), expected);
        }
        assert!(grouping(Some("week")).is_err() && grouping(Some("")).is_err());
    }
}

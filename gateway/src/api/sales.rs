//! Sales: what an operator sets, what everybody may read.

use axum::response::Response;
use http::StatusCode;
use onsale_engine::Engine;
use onsale_engine::ids::is_sale_id;
use onsale_engine::sale::{IfMatch, SaleView};
use onsale_engine::time::WallTime;
use serde::Deserialize;

use crate::answer::{Outcome, PUBLIC, Said, json};
use crate::call::Call;
use crate::durable::settle;
use crate::problem::{Code, Problem};
use crate::wire::list::{List, limit};
use crate::wire::merge::{expect_known, merge};
use crate::wire::read;
use crate::wire::sale::{Settings, WrittenSale};
use crate::wire::time::Written;
use crate::wire::twins;

/// `PATCH` without `If-Match` reads, merges and writes; when somebody else wrote in between it does so again.
const MERGE_TRIES: usize = 8;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageInput {
    limit: Option<u64>,
    after: Option<String>,
}

fn written(status: StatusCode, view: &SaleView, now: WallTime) -> Response {
    json(status, &WrittenSale::new(view, Some(now))).tagged(view.revision)
}

/// Which version of a sale stands there now.
fn revision_of(id: &str) -> impl FnOnce(&Engine) -> Option<u64> {
    |engine| engine.sale(id).result.ok().map(|sale| sale.revision)
}

/// `PUT /v1/sales/{sale}`
pub async fn put(call: Call) -> Outcome {
    call.principal.operator()?;
    let id = call.param(0);
    if !is_sale_id(id) {
        return Err(Problem::malformed(
            "The id of a sale is 1 to 64 lower-case letters, digits and hyphens.",
        ));
    }
    let if_match = call.if_match(revision_of(id))?;
    let create_only = call.create_only()?;
    if create_only && if_match != IfMatch::Absent {
        return Err(Problem::malformed(
            "If-Match says that the sale exists, If-None-Match that it does not: send one of them.",
        ));
    }
    let rules = call.json::<Settings>()?.rules(id)?;
    twins::refuse(call.bytes())?;
    let put = settle(call.engine(), call.engine().put_sale(rules, if_match)).await;
    let put = put.map_err(|problem| match problem.code() {
        Some(Code::IfMatchRequired) if create_only => Problem::new(Code::Stale, "The sale exists already."),
        _ => problem,
    })?;
    let status = if put.value.created { StatusCode::CREATED } else { StatusCode::OK };
    let response = written(status, &put.value.sale, put.now.wall);
    Ok(if put.value.created { response.at(format!("/v1/sales/{id}")) } else { response })
}

/// `PATCH /v1/sales/{sale}`
pub async fn patch(call: Call) -> Outcome {
    call.principal.operator()?;
    let id = call.param(0);
    let asked = call.if_match(revision_of(id))?;
    let change: serde_json::Value = call.json()?;
    twins::refuse(call.bytes())?;
    if !change.is_object() {
        return Err(Problem::malformed("A JSON object with the settings to change was expected."));
    }
    expect_known::<Settings>(&change)?;
    for _ in 0..MERGE_TRIES {
        let current = settle(call.engine(), call.engine().sale(id)).await?.value;
        let mut merged = serde_json::to_value(Settings::from(&*current.rules))
            .map_err(|error| Problem::malformed(format!("the settings could not be merged: {error}")))?;
        merge(&mut merged, change.clone());
        let rules = read::value::<Settings>(merged)?.rules(id)?;
        let if_match = match asked {
            IfMatch::Revision(_) => asked,
            IfMatch::Absent | IfMatch::Any => IfMatch::Revision(current.revision),
        };
        match settle(call.engine(), call.engine().put_sale(rules, if_match)).await {
            Err(problem) if problem.code() == Some(Code::Stale) && if_match != asked => {}
            put => {
                let put = put?;
                return Ok(written(StatusCode::OK, &put.value.sale, put.now.wall));
            }
        }
    }
    Err(Problem::new(Code::Stale, "The sale is being changed by others all the time; send If-Match."))
}

/// `GET /v1/sales/{sale}`
pub async fn get(call: Call) -> Outcome {
    let sale = settle(call.engine(), call.engine().sale(call.param(0))).await?;
    if call.has_already(sale.value.revision) {
        let mut response = Response::default().tagged(sale.value.revision).cached(PUBLIC);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    Ok(written(StatusCode::OK, &sale.value, sale.now.wall).cached(PUBLIC))
}

/// `GET /v1/sales`
pub async fn list(call: Call) -> Outcome {
    let PageInput { limit: asked, after } = call.query()?;
    let limit = limit(asked)?;
    let sales = settle(call.engine(), call.engine().sales()).await?;
    let mut rest =
        sales.value.iter().filter(|sale| after.as_deref().is_none_or(|after| sale.rules.id.as_str() > after));
    let items: Vec<_> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(items.last()).map(|last| last.rules.id.clone());
    let items = items.into_iter().map(|sale| WrittenSale::new(sale, None)).collect();
    Ok(json(StatusCode::OK, &List { items, next, server_time: Written(sales.now.wall) }).cached(PUBLIC))
}

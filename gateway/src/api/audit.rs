//! What operators changed: who, when, old, new, why. So far of waiting rooms.

use http::StatusCode;
use onsale_engine::waiting_room::{Act, Change, ITSELF, Turned};
use serde::{Deserialize, Serialize};

use crate::answer::{Outcome, PRIVATE, Said, json};
use crate::call::Call;
use crate::durable::settle;
use crate::problem::Problem;
use crate::wire::line::WrittenMode;
use crate::wire::list::{List, limit};
use crate::wire::time::Written;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageInput {
    sale: Option<String>,
    limit: Option<u64>,
    after: Option<String>,
}

#[derive(Debug, Serialize)]
struct WrittenTurned<'a> {
    mode: WrittenMode,
    admit_per_minute: u32,
    ramp_ms: Option<u64>,
    max_active: u32,
    message: Option<&'a str>,
}

impl<'a> From<&'a Turned> for WrittenTurned<'a> {
    fn from(turned: &'a Turned) -> Self {
        Self {
            mode: turned.mode.into(),
            admit_per_minute: turned.dials.admit_per_minute,
            ramp_ms: turned.ramp.map(|ramp| ramp.over.0),
            max_active: turned.dials.max_active,
            message: turned.message.as_deref(),
        }
    }
}

/// What was done, beside who, when and why.
#[derive(Debug, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum WrittenAct<'a> {
    Queue {
        old: WrittenTurned<'a>,
        new: WrittenTurned<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        undoes: Option<u64>,
    },
    Admit {
        called: u32,
    },
    Beacon {
        beacon: &'a str,
    },
}

/// One change.
#[derive(Debug, Serialize)]
struct WrittenChange<'a> {
    sale: &'a str,
    change: u64,
    at: Written,
    who: String,
    #[serde(flatten)]
    act: WrittenAct<'a>,
    reason: Option<&'a str>,
}

fn written<'a>(sale: &'a str, change: &'a Change) -> WrittenChange<'a> {
    WrittenChange {
        sale,
        change: change.number,
        at: Written(change.wall),
        who: match change.credential {
            ITSELF => "itself".to_owned(),
            credential => format!("{credential:016x}"),
        },
        act: match &change.act {
            Act::Turned { before, after, undoes } => {
                WrittenAct::Queue { old: before.into(), new: after.into(), undoes: *undoes }
            }
            Act::Admitted { people } => WrittenAct::Admit { called: *people },
            Act::Beacon { text } => WrittenAct::Beacon { beacon: text },
        },
        reason: change.reason.as_deref(),
    }
}

/// Where a page ended: time, number, sale. In this order a text of it can be taken apart again.
fn mark(sale: &str, change: &Change) -> String {
    format!("{}.{}.{sale}", change.wall.0, change.number)
}

fn read_mark(text: &str) -> Option<(i64, &str, u64)> {
    let (wall, rest) = text.split_once('.')?;
    let (number, sale) = rest.split_once('.')?;
    Some((wall.parse().ok()?, sale, number.parse().ok()?))
}

/// `GET /v1/audit`
pub async fn list(call: Call) -> Outcome {
    call.principal.operator()?;
    let PageInput { sale, limit: asked, after } = call.query()?;
    let limit = limit(asked)?;
    let after = after
        .as_deref()
        .map(|text| {
            read_mark(text).ok_or_else(|| Problem::malformed("`after` is the `next` of the page before."))
        })
        .transpose()?;
    let changes = settle(call.engine(), call.engine().changes(sale.as_deref())).await?;
    let behind =
        |sale: &str, change: &Change| after.is_none_or(|after| (change.wall.0, sale, change.number) > after);
    let mut rest = changes.value.iter().filter(|(sale, change)| behind(sale, change));
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(page.last()).map(|(sale, change)| mark(sale, change));
    let items = page.into_iter().map(|(sale, change)| written(sale, change)).collect();
    Ok(json(StatusCode::OK, &List { items, next, server_time: Written(changes.now.wall) }).cached(PRIVATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back() {
        assert_eq!(read_mark("17.3.a-sale"), Some((17, "a-sale", 3)));
        for bad in ["", "17", "17.3", "x.3.s", "17.-1.s"] {
            assert_eq!(read_mark(bad), None, "{bad}");
        }
    }
}

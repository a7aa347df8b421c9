//! What the server says about itself: health, metrics, the API description, the pages of the problems.

use http::StatusCode;

use crate::answer::{Outcome, Said, json, text};
use crate::call::Call;
use crate::openapi;
use crate::problem::{self, Code, Problem};

const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /livez`: the process answers.
pub async fn livez(_call: Call) -> Outcome {
    Ok(text(PLAIN, "ok\n"))
}

/// `GET /readyz`: requests are welcome.
pub async fn readyz(call: Call) -> Outcome {
    call.app.ready()?;
    Ok(text(PLAIN, "ready\n"))
}

/// `GET /metrics`
pub async fn metrics(call: Call) -> Outcome {
    let written = call.app.metrics.write(&call.app).map_err(|error| {
        Problem::bare(StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics could not be written: {error}"))
    })?;
    Ok(text(OPEN_METRICS, written))
}

/// `GET /openapi.json`
pub async fn openapi(_call: Call) -> Outcome {
    Ok(json(StatusCode::OK, openapi::document()).cached(crate::answer::PUBLIC))
}

/// `GET /docs`
pub async fn docs(_call: Call) -> Outcome {
    Ok(text(HTML, openapi::viewer::page()))
}

/// `GET /problems`
pub async fn problems(_call: Call) -> Outcome {
    Ok(text(HTML, problem::index()))
}

/// `GET /problems/{code}`
pub async fn problem_page(call: Call) -> Outcome {
    let code = Code::named(call.param(0));
    let code =
        code.ok_or_else(|| Problem::new(Code::NotFound, "There is no such problem; see /problems."))?;
    Ok(text(HTML, problem::page(code.entry())))
}

//! `onsale verify-draw FILE|URL`: reads, checks, says.

use std::process::ExitCode;

use clap::Args;

use super::check::{check, find};
use super::fetch::{Unreadable, fetch, parse};
use super::report;
use crate::cli::{say_all, say_error};

/// Checks a draw of a waiting room from its document.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit code: 0 everything that could be checked holds; 1 something does not, and is named; 2 the document \
                        cannot be read, or has no entries to find --ticket in."
)]
pub struct VerifyDrawArgs {
    /// A saved document, `-` for standard input, or its address: http://HOST/v1/sales/SALE/draw
    #[arg(value_name = "FILE|URL")]
    pub document: String,
    /// Show the registration and the place of this ticket as well.
    #[arg(long, env = "ONSALE_TICKET", value_name = "qt_…")]
    pub ticket: Option<String>,
}

/// Carries the command out.
pub async fn run(args: VerifyDrawArgs) -> ExitCode {
    match carry_out(&args).await {
        Ok(code) => code,
        Err(Unreadable(why)) => {
            say_error(&why);
            ExitCode::from(2)
        }
    }
}

async fn carry_out(args: &VerifyDrawArgs) -> Result<ExitCode, Unreadable> {
    let bytes = fetch(&args.document).await?;
    let document =
        parse(&bytes).map_err(|Unreadable(why)| Unreadable(format!("{}: {why}", args.document)))?;
    let result = check(&document);
    say_all(&report::outcome(&document, &result));
    let Ok(checked) = result else { return Ok(ExitCode::from(1)) };
    let Some(ticket) = &args.ticket else { return Ok(ExitCode::SUCCESS) };
    if document.entries.is_none() {
        return Err(Unreadable(
            "the ticket cannot be looked for: the document has no entries; ask the server for those as well"
                .to_owned(),
        ));
    }
    let found = find(&document, &checked, ticket.trim());
    say_all(&report::ticket(found.as_ref(), &checked));
    Ok(ExitCode::from(u8::from(found.is_none())))
}

//! The binary `onsale`: the allocator and the way into the library.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    onsale_gateway::cli::run(std::env::args_os())
}

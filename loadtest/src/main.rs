//! The program `loadtest`: reads the command line and hands over; everything it does is in the library, where tests reach it.

use std::process::ExitCode;

use clap::Parser;

use onsale_loadtest::{cli::Cli, terminal};

// Both cores are shared with the server under test: what the allocator saves, the server gets.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    terminal::obey(Cli::parse())
}

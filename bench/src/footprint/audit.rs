//! The draw of a million, checked as an outsider does: the server serves its document, `onsale verify-draw` fetches and redoes it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;

use crate::compare::Record;
use crate::compare::process::{Program, free_port, output};

/// How often it is checked; the median counts.
const ROUNDS: usize = 3;

/// Starts a server on a data folder with a drawn room and has its draw checked.
///
/// # Errors
/// What stood in the way, or what does not hold.
pub fn measure(record: &mut Record, data: &Path, sale: &str) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let onsale = std::env::current_exe().map_err(told)?.with_file_name("onsale");
    if !onsale.is_file() {
        return Err(
            "There is no `onsale` beside this program: cargo build --release -p onsale-gateway".into()
        );
    }
    let (port, log) = (free_port()?, data.with_extension("log"));
    let mut command = Command::new(&onsale);
    command.args(["serve", "--log", "warn", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(data);
    let mut server = Program::start("onsale", &mut command, &log, Signal::TERM)?;
    server.wait_for(port, &log)?;
    let draw = format!("http://127.0.0.1:{port}/v1/sales/{sale}/draw?entries=true");
    let mut seconds = Vec::new();
    let mut said = String::new();
    // The socket is open while the folder is still being read: the first check may be told to wait.
    for _ in 0..100 {
        let begin = Instant::now();
        match output("onsale verify-draw", Command::new(&onsale).args(["verify-draw", &draw])) {
            Ok(text) => {
                seconds.push(begin.elapsed().as_secs_f64());
                said = text;
            }
            Err(why) if seconds.is_empty() => {
                said = why;
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            Err(why) => return Err(why),
        }
        if seconds.len() == ROUNDS {
            break;
        }
    }
    seconds.sort_by(f64::total_cmp);
    let Some(median) = seconds.get(seconds.len() / 2) else { return Err(said) };
    let note = format!(
        "fetched over HTTP and redone, {:.2} to {:.2} s; it says: {}",
        seconds[0],
        seconds[seconds.len() - 1],
        said.lines().next().unwrap_or_default()
    );
    record.figure("15f", *median, None, &note);
    Ok(())
}

//! wrk with our script: as many holds as the server takes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Program, find, output};
use super::series::Sample;
use super::traffic::Traffic;

/// wrk, ready to send one kind of traffic.
#[derive(Debug)]
pub struct Wrk {
    program: PathBuf,
    script: PathBuf,
    threads: u32,
}

impl Wrk {
    /// Writes the script into a folder that outlives the runs.
    pub fn new(folder: &Path, traffic: &Traffic, threads: u32) -> Result<Self, String> {
        Self::with_script(folder, traffic.sale, &traffic.wrk_script(), threads)
    }

    /// The same with a script of another kind, under a name no other has.
    pub fn with_script(folder: &Path, name: &str, script: &str, threads: u32) -> Result<Self, String> {
        let program = find("wrk").ok_or("wrk is not installed: apt-get install -y wrk")?;
        let file = folder.join(format!("{name}.lua"));
        std::fs::write(&file, script).map_err(|error| error.to_string())?;
        let script = file;
        Ok(Self { program, script, threads })
    }

    /// Sends for so many seconds. `seed` is a number no other run against the same server has. `refused` says that
    /// every answer is expected to be a refusal.
    pub fn run(
        &self,
        (server, port): (&Program, u16),
        connections: u32,
        seconds: u64,
        seed: u64,
        refused: bool,
    ) -> Result<Sample, String> {
        let cpu = server.cpu_seconds();
        let said = output(
            "wrk",
            Command::new(&self.program)
                .args(["-t", &self.threads.min(connections).to_string(), "-c", &connections.to_string()])
                .args(["-d", &format!("{seconds}s"), "--timeout", "10s", "-s"])
                .arg(&self.script)
                .arg(format!("http://127.0.0.1:{port}/"))
                .args(["--", &seed.to_string()]),
        )?;
        let cpu = server.cpu_seconds() - cpu;
        parse(&said, cpu, refused).ok_or_else(|| format!("wrk said what is not understood:\n{said}"))
    }
}

fn parse(said: &str, cpu_seconds: f64, refused: bool) -> Option<Sample> {
    let line = said.lines().find_map(|line| line.strip_prefix("figures "))?;
    let fields: Vec<f64> = line.split(' ').filter_map(|field| field.parse().ok()).collect();
    let [requests, micros, status, socket, p50, p99] = fields.try_into().ok()?;
    // wrk counts as `status` what is above 399.
    let unexpected = if refused { requests - status } else { status };
    Some(Sample {
        per_second: requests / (micros / 1e6),
        errors: unexpected + socket,
        p50_us: Some(p50),
        p99_us: Some(p99),
        cpu_us: (requests > 0.0 && cpu_seconds > 0.0).then(|| cpu_seconds * 1e6 / requests),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_figures_is_read() {
        let said = "Running 4s test\n\nfigures 2000 1000000 3 1 450.5 900.0\n";
        let sample = parse(said, 0.01, false).unwrap();
        assert_eq!((sample.per_second, sample.errors, sample.cpu_us), (2_000.0, 4.0, Some(5.0)));
        assert_eq!(parse(said, 0.01, true).unwrap().errors, 1_998.0);
        assert!(parse("", 0.0, false).is_none());
    }
}

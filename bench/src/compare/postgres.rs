//! PostgreSQL as somebody would build the same with it: one function call per hold, prepared, committed to disk.
//!
//! It has less to do than our server: no HTTP, no idempotency key, no limit per customer. It refuses to run as root, so as
//! root it is started as the user its package made.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::process::{Program, find, folder, free_port, output};
use super::series::Sample;
use super::traffic::WIDE;

/// What to type when it is missing.
pub const MISSING: &str = "PostgreSQL is missing; apt-get install -y postgresql";
/// Numbers of clients tried; the best is its figure.
const CLIENTS: [u32; 3] = [32, 64, 96];

/// Slots are locked in ascending order, so that two holds never wait for each other.
const SCHEMA: &str = "
CREATE TABLE slot (id int PRIMARY KEY, free int NOT NULL CHECK (free >= 0)) WITH (fillfactor = 50);
CREATE TABLE cart (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text NOT NULL,
  slots int[] NOT NULL, expires_at timestamptz NOT NULL);
CREATE FUNCTION hold(a int, b int, customer text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
  UPDATE slot SET free = free - 1 WHERE id = least(a, b) AND free > 0;
  IF NOT FOUND THEN RAISE EXCEPTION 'gone'; END IF;
  UPDATE slot SET free = free - 1 WHERE id = greatest(a, b) AND free > 0;
  IF NOT FOUND THEN RAISE EXCEPTION 'gone'; END IF;
  INSERT INTO cart (customer, slots, expires_at) VALUES (customer, ARRAY[a, b], now() + interval '10 minutes')
    RETURNING id INTO made;
  RETURN made;
END $$;";

/// Settings: as an operator of a small machine would have it, checkpoints far apart, answers after the disk.
const SETTINGS: &str = "
fsync = on
synchronous_commit = on
shared_buffers = 512MB
max_wal_size = 8GB
checkpoint_timeout = 30min
max_connections = 200
listen_addresses = '127.0.0.1'
";

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    script: PathBuf,
    clients: u32,
    _program: Program,
    _folder: tempfile::TempDir,
}

impl Postgres {
    /// Starts one in a folder of its own, fills the slots and finds its best number of clients.
    pub fn start(within: &Path) -> Result<Self, String> {
        let (initdb, server) = find("initdb").zip(find("postgres")).ok_or(MISSING)?;
        let psql = find("psql").ok_or(MISSING)?;
        let owner = owner()?;
        let folder = folder(within, "postgres")?;
        let told = |error: std::io::Error| format!("{}: {error}", folder.path().display());
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).map_err(told)?;
        }
        let as_owner = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(folder.path());
            if let Some((uid, gid)) = owner {
                command.uid(uid).gid(gid);
            }
            command
        };
        let data = folder.path().join("data");
        output(
            "initdb",
            as_owner(&initdb)
                .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale", "C", "-D"])
                .arg(&data),
        )?;
        let port = free_port()?;
        let sockets = folder.path().display();
        let settings = format!("{SETTINGS}port = {port}\nunix_socket_directories = '{sockets}'\n");
        let file = data.join("postgresql.conf");
        let mut all = fs::read_to_string(&file).map_err(told)?;
        all.push_str(&settings);
        fs::write(&file, all).map_err(told)?;
        let log = folder.path().join("log");
        let mut program =
            Program::start("postgres", as_owner(&server).arg("-D").arg(&data), &log, Signal::INT)?;
        program.wait_for(port, &log)?;
        let slots = WIDE.venues * WIDE.slots;
        let fill = format!("INSERT INTO slot SELECT i, 10000000 FROM generate_series(0, {}) i;", slots - 1);
        let ask = |words: &str| {
            let port = port.to_string();
            let connection =
                ["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q"];
            output("psql", Command::new(&psql).args(connection).args(["-c", words]))
        };
        ask(SCHEMA)?;
        ask(&fill)?;
        ask("VACUUM ANALYZE slot;")?;
        let script = within.join("hold.sql");
        let last = slots - 1;
        let text = format!(
            "\\set a random(0, {last})\n\\set b random(0, {last})\nSELECT hold(:a, :b, 'c-' || :a || '-' || :b);\n"
        );
        fs::write(&script, text).map_err(|error| error.to_string())?;
        let mut postgres = Self { port, script, clients: CLIENTS[0], _program: program, _folder: folder };
        let mut best = 0.0;
        for clients in CLIENTS {
            let rate = postgres.with(clients, 2)?.per_second;
            if rate > best {
                (best, postgres.clients) = (rate, clients);
            }
        }
        Ok(postgres)
    }

    /// Clients of its best run.
    pub const fn clients(&self) -> u32 {
        self.clients
    }

    /// Holds for so many seconds.
    pub fn run(&self, seconds: u64) -> Result<Sample, String> {
        self.with(self.clients, seconds)
    }

    fn with(&self, clients: u32, seconds: u64) -> Result<Sample, String> {
        let program = find("pgbench").ok_or(MISSING)?;
        let said = output(
            "pgbench",
            Command::new(program)
                .args([
                    "-h",
                    "127.0.0.1",
                    "-p",
                    &self.port.to_string(),
                    "-U",
                    "postgres",
                    "-n",
                    "-M",
                    "prepared",
                ])
                .args(["-c", &clients.to_string(), "-j", "1", "-T", &seconds.to_string(), "-f"])
                .arg(&self.script)
                .arg("postgres"),
        )?;
        parse(&said).ok_or_else(|| format!("pgbench said what is not understood:\n{said}"))
    }
}

/// Who it must run as: nobody else than us, unless we are root.
fn owner() -> Result<Option<(u32, u32)>, String> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(|error| error.to_string())?;
    let line = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut ids =
        line.into_iter().flat_map(|line| line.split(':').skip(1).take(2)).filter_map(|id| id.parse().ok());
    match (ids.next(), ids.next()) {
        (Some(uid), Some(gid)) => Ok(Some((uid, gid))),
        _ => Err("PostgreSQL does not run as root and there is no user `postgres`".to_owned()),
    }
}

fn parse(said: &str) -> Option<Sample> {
    let after = |words: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(words))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    Some(Sample {
        per_second: after("tps = ")?,
        errors: after("number of failed transactions:").unwrap_or(0.0),
        p50_us: None,
        p99_us: None,
        cpu_us: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pgbench_is_read() {
        let said =
            "number of failed transactions: 2 (0.1%)\nlatency average = 3 ms\ntps = 14000.5 (without …)\n";
        let sample = parse(said).unwrap();
        assert_eq!((sample.per_second, sample.errors), (14_000.5, 2.0));
    }
}

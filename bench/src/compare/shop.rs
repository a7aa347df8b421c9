//! Our server, started on an empty folder with sales to sell from.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::http::{Answer, call};
use super::process::{Program, folder, free_port, output};
use super::traffic::{OPERATOR_KEY, SERVER_KEY, Traffic};

/// A running server of ours.
#[derive(Debug)]
pub struct Shop {
    /// The process.
    pub program: Program,
    /// Where it listens.
    pub port: u16,
    _folder: tempfile::TempDir,
}

/// Counters of the journal.
#[derive(Clone, Copy, Debug)]
pub struct Journal {
    /// Facts.
    pub facts: f64,
    /// Syncs.
    pub syncs: f64,
}

impl Shop {
    /// Starts one; `ack` is `fsync` or `none`.
    pub fn open(within: &Path, ack: &str, sales: &[Traffic]) -> Result<Self, String> {
        let folder = folder(within, "shop")?;
        let port = free_port()?;
        let me = std::env::current_exe().map_err(|error| error.to_string())?;
        let beside = me.with_file_name("onsale");
        let binary = std::env::var_os("ONSALE_BIN").map_or(beside, Into::into);
        if !binary.is_file() {
            return Err(
                "There is no `onsale` beside this program: cargo build --release -p onsale-gateway".into()
            );
        }
        let log = folder.path().join("log");
        let mut command = Command::new(binary);
        command
            .args([
                "serve",
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--ack",
                ack,
                "--log",
                "warn",
                "--data",
            ])
            .arg(folder.path().join("data"))
            .env("ONSALE_OPERATOR_KEY", OPERATOR_KEY)
            .env("ONSALE_SERVER_KEY", SERVER_KEY);
        let mut program = Program::start("onsale", &mut command, &log, Signal::KILL)?;
        program.wait_for(port, &log)?;
        // The socket is open while the journal is still being read; 503 `recovering` ends by itself, and a connection that is
        // cut where the one server hands over to the other says the same.
        for _ in 0..500 {
            if call(port, "GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let shop = Self { program, port, _folder: folder };
        for sale in sales {
            shop.stock(sale)?;
        }
        Ok(shop)
    }

    fn stock(&self, traffic: &Traffic) -> Result<(), String> {
        let path = format!("/v1/sales/{}", traffic.sale);
        let rules = br#"{"time_zone":"Europe/Berlin","limit_per_customer":{"units":2}}"#;
        self.operate("PUT", &path, "application/json", rules)?.expect(201)?;
        let stock = traffic.stock();
        let report =
            self.operate("POST", &format!("{path}/slots"), "application/x-ndjson", stock.as_bytes())?;
        let report = report.expect(200)?.body;
        let added = format!("\"added\":{},", stock.lines().count());
        if report.contains(&added) { Ok(()) } else { Err(format!("the stock was not taken: {report}")) }
    }

    /// Makes a sale of that name that opens in ten days, with a waiting room that is open already: who joins, registers.
    pub fn waiting_room(&self, sale: &str) -> Result<(), String> {
        let opens_at = in_ten_days()?;
        let rules = format!(
            r#"{{"time_zone":"UTC","opens_at":"{opens_at}","waiting_room":{{"enabled":true,"opens_before_ms":2592000000}}}}"#
        );
        self.operate("PUT", &format!("/v1/sales/{sale}"), "application/json", rules.as_bytes())?
            .expect(201)?;
        Ok(())
    }

    /// A request that needs no key.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Result<Answer, String> {
        call(self.port, method, path, &[("Content-Type", "application/json")], body.as_bytes())
    }

    fn operate(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Result<Answer, String> {
        let key = format!("Bearer {OPERATOR_KEY}");
        call(self.port, method, path, &[("Authorization", &key), ("Content-Type", media)], body)
    }

    /// Makes one hold of two slots of a venue; the answer is as every other of the sale.
    pub fn hold(&self, traffic: &Traffic, number: u64, venue: u32, slot: u32) -> Result<Answer, String> {
        let body = Traffic::body(number, &Traffic::slot(venue, slot), &Traffic::slot(venue, slot + 1));
        self.sell(&traffic.path(), number, body.as_bytes())
    }

    fn sell(&self, path: &str, number: u64, body: &[u8]) -> Result<Answer, String> {
        let (bearer, key) = (format!("Bearer {SERVER_KEY}"), format!("once-{path}-{number}"));
        let headers =
            [("Authorization", &*bearer), ("Content-Type", "application/json"), ("Idempotency-Key", &*key)];
        call(self.port, "POST", path, &headers, body)
    }

    /// Sells every unit of a sale of capacity 1, so that nothing is left and nothing will return.
    pub fn sell_out(&self, traffic: &Traffic) -> Result<(), String> {
        for venue in 0..traffic.venues {
            for slot in (0..traffic.slots).step_by(2) {
                let number = u64::from(venue * traffic.slots + slot);
                let answer = self.hold(traffic, number, venue, slot)?.expect(201)?;
                let location = answer.headers.iter().find(|(name, _)| name == "location");
                let location = location.map(|(_, value)| value.clone()).ok_or("a cart without a location")?;
                self.sell(&format!("{location}/checkout"), number, b"")?.expect(202)?;
            }
        }
        Ok(())
    }

    /// The journal's counters.
    pub fn journal(&self) -> Result<Journal, String> {
        let text = call(self.port, "GET", "/metrics", &[], b"")?.expect(200)?.body;
        let counter = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).ok_or_else(|| format!("/metrics has no {name}"))
        };
        Ok(Journal { facts: counter("onsale_journal_last")?, syncs: counter("onsale_journal_syncs_total")? })
    }
}

/// The instant as the API reads it, from the system's own `date`.
fn in_ten_days() -> Result<String, String> {
    output("date", Command::new("date").args(["-u", "-d", "+10 days", "+%Y-%m-%dT%H:%M:%SZ"]))
        .map(|said| said.trim().to_owned())
}

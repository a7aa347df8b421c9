//! The waiting page in a real browser: Debian's Chromium, driven by `browser.mjs`. Needs what `install` here gets; talks
//! to servers on loopback only. `SHOTS=folder` keeps a picture of each page.

#[path = "../server_common/mod.rs"]
mod server_common;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use serde_json::{Value, json};
use server_common::{OPERATOR, TestServer, WEB};

const PLAYWRIGHT: &str = "1.65.1";
const INSTALL: &str =
    "this test needs Chromium, Node and playwright-core; get them with: gateway/tests/waiting_page/install";

/// Where playwright-core is, in the version asked for.
fn playwright() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let folder = folder.join("waiting-page/node_modules/playwright-core");
    let found = std::fs::read_to_string(folder.join("package.json")).ok();
    let found: Option<Value> = found.and_then(|text| serde_json::from_str(&text).ok());
    let right = found.is_some_and(|package| package["version"] == PLAYWRIGHT);
    assert!(right, "there is no playwright-core {PLAYWRIGHT} in {}: {INSTALL}", folder.display());
    folder.join("index.mjs")
}

fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("there is no chromium: {INSTALL}"))
}

/// A shop that takes one form and says what was in it.
fn shop() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut request, mut piece) = (String::new(), [0; 4_096]);
            // A browser sends head and form together or one after the other; the pass is its last part.
            while !request.contains("pass=") || request.len() < 200 {
                match stream.read(&mut piece) {
                    Ok(read @ 1..) => request.push_str(&String::from_utf8_lossy(&piece[..read])),
                    _ => break,
                }
            }
            let body = "<!doctype html><title>shop</title><h1>Welcome to the shop</h1>";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = tell.send(request);
        }
    });
    (port, told)
}

/// Runs a script beside this file; what it prints is for who asks with --nocapture.
fn run(script: &str, input: &Value) {
    let child = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/waiting_page").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| panic!("node does not run ({error}): {INSTALL}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.to_string().as_bytes()).expect("the script reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the script ends");
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    eprintln!("{said}");
}

/// A key and a certificate that nobody trusts, made for this run: connectors send people to `https` only.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (key, cert) = (folder.join("key.pem"), folder.join("cert.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=shop.example",
            "-addext",
            "subjectAltName=DNS:shop.example,DNS:queue.shop.example",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output();
    let made = made.unwrap_or_else(|error| panic!("openssl does not run ({error}): {INSTALL}"));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (key, cert)
}

#[test]
fn people_come_from_a_shop_with_a_connector_and_go_back_to_it() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("queue-it");
    assert!(
        folder.join("node_modules/@queue-it/connector-javascript").is_dir(),
        "this test needs the vendor's connector; get it with: gateway/tests/queue_it/install"
    );
    let secret = "demo-secret-not-for-production-0001";
    let server = TestServer::start(&[
        ("queue_it.account", "shop"),
        ("queue_it.secret", secret),
        ("queue_it.hosts", "shop.example"),
        ("queue_it.domain", "queue.shop.example"),
        ("queue_it.pages", "rush=/book"),
    ]);
    let pems = tempfile::tempdir().expect("a folder");
    let (key, cert) = certificate(pems.path());
    let input = json!({
        "playwright": playwright(), "chromium": chromium(), "packages": folder.join("packages.js"), "secret": secret,
        "operator": OPERATOR, "server": WEB, "url": format!("http://{}", server.address()), "key": key, "cert": cert,
        "shots": std::env::var("SHOTS").ok(),
    });
    run("connector.mjs", &input);
}

#[test]
fn people_get_through_the_line_in_a_browser() {
    let (playwright, chromium) = (playwright(), chromium());
    let (port, told) = shop();
    let shop_url = format!("http://127.0.0.1:{port}/enter/{{sale}}");
    let server = TestServer::start(&[("waiting_room.shop_url", &shop_url)]);
    // One that knows no shop and has no streams: its pages poll.
    let bare = TestServer::start(&[("limits.ticket_streams", "0")]);
    let input = json!({
        "playwright": playwright, "chromium": chromium, "operator": OPERATOR, "shots": std::env::var("SHOTS").ok(),
        "url": format!("http://{}", server.address()), "bare": format!("http://{}", bare.address()),
        "shop": format!("http://127.0.0.1:{port}"),
    });
    run("browser.mjs", &input);
    // The pass went to the shop in the body, not in the address.
    let request = told.try_recv().expect("the shop was called");
    assert!(request.starts_with("POST /enter/open HTTP/1.1\r\n"), "{request}");
    let (head, body) = request.split_once("\r\n\r\n").expect("a body");
    assert!(
        body.starts_with("pass=ey") && !head.contains("pass=") && !head.to_lowercase().contains("referer"),
        "{request}"
    );
}

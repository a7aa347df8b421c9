//! The vendor's packages against the server's own binary, over HTTP: what the connector sends is answered, what is
//! answered the connector takes, and what the shop signs is believed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server_common::{Answer, OPERATOR, WEB};
use crate::shop::{ACCOUNT, DOMAIN, PAGE, SECRET, ask, ask_one, enqueue_tokens, visit, with};

/// The server's binary with a shop set and the sale `vacc01`, on a data folder of its own.
struct Served {
    child: Child,
    address: String,
    _data: tempfile::TempDir,
}

impl Served {
    fn start(more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_onsale"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--queue-it-account",
                ACCOUNT,
                "--queue-it-hosts",
                "shop.example",
            ])
            .args(["--queue-it-domain", DOMAIN, "--queue-it-pages", "vacc01=/book", "--data"])
            .arg(data.path())
            .args(more)
            .env("ONSALE_QUEUE_IT_SECRET", SECRET)
            .env("ONSALE_OPERATOR_KEY", OPERATOR)
            .env("ONSALE_SERVER_KEY", WEB)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = said.find_map(|line| Some(line.ok()?.strip_prefix("listening on http://")?.to_owned()));
        let served = Self { child, address: address.expect("it says where it listens"), _data: data };
        // Whoever stops reading must not stop the server.
        std::thread::spawn(move || said.count());
        let settings = json!({"time_zone": "Europe/Berlin",
            "waiting_room": {"enabled": true, "admit_per_minute": 6000, "max_active": 100}});
        assert_eq!(served.api("PUT", "/v1/sales/vacc01", &settings).status, 201);
        let slots = json!({"slots": [{"id": "a", "venue": "kiel", "capacity": 500}]});
        assert_eq!(served.api("POST", "/v1/sales/vacc01/slots", &slots).status, 200);
        served
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {DOMAIN}\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Answer::read(&String::from_utf8_lossy(&answer))
    }

    fn api(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [
            ("authorization", "Bearer op_test"),
            ("content-type", "application/json"),
            ("idempotency-key", "k"),
        ];
        self.send(method, path, &headers, &body.to_string())
    }

    /// What a browser gets that the connector has sent to us.
    fn follow(&self, url: &str, cookie: &str) -> Answer {
        let path =
            url.strip_prefix(&format!("https://{DOMAIN}")).unwrap_or_else(|| panic!("not to us: {url}"));
        self.send("GET", path, &[("cookie", cookie)], "")
    }

    /// The page of the place to which a connector's visitor comes.
    fn wait(&self, url: &str) -> String {
        let answer = self.follow(url, "");
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.header("location").unwrap().to_owned()
    }

    /// Waits until it is the turn of a place, and goes on to the shop: the address, and the token in it.
    fn admitted(&self, place: &str) -> (String, String) {
        let started = Instant::now();
        loop {
            // Looking counts as being there.
            assert_eq!(self.send("GET", place, &[], "").status, 200);
            let to = self.send("POST", place, &[], "do=go").header("location").unwrap().to_owned();
            if let Some((_, token)) = to.split_once("queueittoken=") {
                return (to.clone(), token.to_owned());
            }
            assert!(started.elapsed() < Duration::from_secs(30), "never called: {to}");
        }
    }

    fn active(&self) -> u64 {
        self.send("GET", "/v1/sales/vacc01/queue", &[], "").value()["active"].as_u64().unwrap()
    }

    fn join(&self, token: &str) -> Answer {
        let body = json!({"enqueue_token": token}).to_string();
        self.send("POST", "/v1/sales/vacc01/queue", &[("content-type", "application/json")], &body)
    }
}

/// The token with another person in it, signed anew: what no package makes, as its identifiers are all different.
fn renamed(token: &str, key: &str) -> String {
    let script = "const c = require('crypto'), [t, k, s] = process.argv.slice(1), h = t.split('.')[0];\
        const iv = c.createHash('md5').update(JSON.parse(Buffer.from(h, 'base64url')).ti).digest();\
        const a = c.createCipheriv('aes-256-cbc', c.createHash('sha256').update(s).digest(), iv);\
        const p = Buffer.concat([a.update(JSON.stringify({k})), a.final()]).toString('base64url');\
        const z = c.createHash('sha256').update(`${h}.${p}${s}`).digest('base64url');\
        process.stdout.write(`${h}.${p}.${z}`);";
    let output = Command::new("node").args(["-e", script, token, key, SECRET]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sent(call: Value) -> String {
    ask_one(call).redirect.expect("somewhere")
}

#[test]
fn a_visitor_waits_here_and_is_let_in_there() {
    let served = Served::start(&[]);
    let place = served.wait(&sent(visit("")));
    assert!(
        place.starts_with("/queue/vacc01/qt_")
            && place.contains("lang=de&t=https%3A%2F%2Fshop.example%2Fbook"),
        "{place}"
    );
    let (url, token) = served.admitted(&place);
    assert!(url.starts_with(PAGE), "{url}");
    let fresh = ask_one(with(visit(&token), json!({"url": url})));
    assert!(fresh.passed_with_cookie(), "{fresh:?}");
    assert_eq!(fresh.redirect_type.as_deref(), Some("queue"));
    // The place the shop sees is the one whose session its server can ask for.
    let queue = fresh.queue.clone().unwrap();
    let known = served.api("GET", &format!("/v1/queue/{queue}"), &Value::Null).value();
    assert_eq!((known["state"].as_str(), served.active()), (Some("admitted"), 1));
    assert!(place.contains(known["ticket"].as_str().unwrap()));
    // The cookie lets in again, is not prolonged, and ends with the session of 15 minutes.
    let cookies = json!({fresh.cookies[0].name.clone(): fresh.cookies[0].value});
    assert!(fresh.cookies[0].value.contains("FixedValidityMins=13"), "{fresh:?}");
    let later = |minutes: u64| with(visit(""), json!({"cookies": cookies, "later_s": minutes * 60}));
    let answers = ask(&[later(0), later(12), later(14)]);
    for answer in &answers[..2] {
        assert!(
            answer.redirect.is_none() && answer.cookies.is_empty() && answer.queue == fresh.queue,
            "{answer:?}"
        );
    }
    assert!(answers[2].redirect.is_some(), "{answers:?}");
    // Leaving by the connector leaves here.
    let cancel = json!({"kind": "cancel", "url": PAGE, "token": "", "event": "vacc01", "domain": DOMAIN, "cookies": cookies});
    let answer = served.follow(&sent(cancel), "");
    assert_eq!((answer.status, answer.header("location")), (303, Some(PAGE)));
    let known = served.api("GET", &format!("/v1/queue/{queue}"), &Value::Null).value();
    assert_eq!((known["state"].as_str(), served.active()), (Some("left"), 0));
}

#[test]
fn a_bad_token_leads_to_our_page_of_its_fault() {
    let served = Served::start(&["--queue-it-bind-address", "true"]);
    let (_, token) = served.admitted(&served.wait(&sent(visit(""))));
    // The server sees the visitor at 127.0.0.1, and a good connector as well.
    assert!(ask_one(with(visit(&token), json!({"ip": "127.0.0.1"}))).passed_with_cookie());
    let good = visit(&token);
    let foreign = with(good.clone(), json!({"event": "vacc02", "also": []}));
    for (call, path, words) in [
        (with(good.clone(), json!({"later_s": 121, "ip": "127.0.0.1"})), "/error/timestamp/", "abgelaufen"),
        (with(good.clone(), json!({"ip": "203.0.113.7"})), "/error/ip/", "Internetverbindung"),
    ] {
        let url = sent(call);
        assert!(url.contains(path), "{url}");
        let answer = served.follow(&url, "");
        assert_eq!((answer.status, answer.header("location")), (200, None));
        assert!(answer.body.contains(words) && answer.body.contains("action=\"/\""), "{}", answer.body);
    }
    let url = sent(foreign);
    assert!(url.contains("/error/eventid/"), "{url}");
    assert_eq!(served.follow(&url, "").status, 404, "there is no sale vacc02");
    // Every byte of it.
    let changed: Vec<_> = (0..token.len())
        .map(|place| {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    let answers =
        ask(&changed.iter().map(|token| with(visit(token), json!({"ip": "127.0.0.1"}))).collect::<Vec<_>>());
    for (answer, changed) in answers.iter().zip(&changed) {
        assert!(answer.threw.is_none() && answer.cookies.is_empty(), "{changed}: {answer:?}");
        assert!(answer.redirect.is_some(), "{changed}: {answer:?}");
    }
    let hash = answers
        .iter()
        .filter_map(|answer| answer.redirect.as_deref())
        .find(|url| url.contains("/error/hash/"));
    assert!(served.follow(hash.unwrap(), "").body.contains("verändert"));
}

#[test]
fn our_document_guards_the_pages_it_names() {
    let served = Served::start(&[]);
    let document = served.send("GET", "/status/integrationconfig/secure/shop", &[("api-key", WEB)], "").body;
    let request =
        |url: &str| json!({"kind": "integration", "url": url, "token": "", "integration": document});
    let answers = ask(&[request(PAGE), request("https://shop.example/about")]);
    assert_eq!((answers[1].redirect.as_ref(), answers[1].cookies.len()), (None, 0));
    let place = served.wait(answers[0].redirect.as_deref().unwrap());
    let (url, _) = served.admitted(&place);
    let back = ask_one(json!({"kind": "integration", "url": url, "integration": document}));
    assert!(back.passed_with_cookie() && back.name.as_deref() == Some("vacc01"), "{back:?}");
}

#[test]
fn who_the_shop_signs_for_has_one_place() {
    let served = Served::start(&[]);
    let good = json!({"payload": true, "key": "c-8231", "event": "vacc01", "valid_ms": 60_000});
    let other = json!({"secret": "another-secret-not-for-production"});
    let changes = [
        json!({}),
        json!({}),
        json!({"key": "c-9000"}),
        json!({"ip": "127.0.0.1"}),
        other,
        json!({"account": "other"}),
        json!({"event": "vacc02"}),
        json!({"valid_ms": -60_000}),
        json!({"ip": "203.0.113.8"}),
        json!({"key": "k".repeat(129)}),
        json!({"payload": false}),
    ];
    let wanted: Vec<_> = changes.iter().map(|change| with(good.clone(), change.clone())).collect();
    let made = enqueue_tokens(&wanted);
    let token = |place: usize| made[place]["token"].as_str().unwrap();
    let first = served.join(token(0));
    assert_eq!(first.status, 201, "{first:?}");
    let place = |answer: &Answer| answer.value()["ticket"].as_str().unwrap().to_owned();
    // The same token, another of the same person, one bound to this address, the phone desk for the same customer.
    for again in [served.join(token(0)), served.join(token(1)), served.join(token(3))] {
        assert_eq!((again.status, place(&again)), (200, place(&first)));
    }
    let desk = served.api("POST", "/v1/sales/vacc01/queue", &json!({"customer": "c-8231"}));
    assert_eq!((desk.status, place(&desk)), (200, place(&first)));
    let others = served.join(token(2));
    assert_eq!(others.status, 201);
    assert_ne!(place(&others), place(&first));
    for (at, status, code) in [
        (4, 401, "credentials"),
        (5, 401, "credentials"),
        (6, 422, "code-scope"),
        (7, 401, "credentials"),
        (8, 401, "credentials"),
        (9, 400, "malformed"),
    ] {
        served.join(token(at)).problem(status, code);
    }
    // A server joins for somebody whose address is not its own.
    assert_eq!(served.api("POST", "/v1/sales/vacc01/queue", &json!({"enqueue_token": token(8)})).status, 200);
    // Without a key the token is who it is.
    let bare = [served.join(token(10)), served.join(token(10))];
    assert_eq!((bare[0].status, bare[1].status), (201, 200));
    assert_eq!(place(&bare[0]), place(&bare[1]));
    for at in 0..token(0).len() {
        let mut changed = token(0).to_owned().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let answer = served.join(std::str::from_utf8(&changed).unwrap());
        assert!(matches!(answer.status, 400 | 401), "{at}: {answer:?}");
    }
    // Its identifier under another person's name: the shop itself would have to sign that.
    let again = served.join(&renamed(token(0), "c-9999"));
    again.problem(422, "code-used");
    assert_eq!(place(&served.join(&renamed(token(0), "c-8231"))), place(&first));
    for both in [
        json!({"enqueue_token": token(0), "ticket": place(&first)}),
        json!({"enqueue_token": token(0), "customer": "c"}),
    ] {
        served.api("POST", "/v1/sales/vacc01/queue", &both).problem(400, "malformed");
    }
}

#[test]
fn a_connector_that_signs_for_its_visitors_is_believed() {
    let served = Served::start(&[]);
    let url = sent(with(visit(""), json!({"enqueue": true, "ip": "127.0.0.1"})));
    let first = served.follow(&url, "");
    let place = first.header("location").unwrap().to_owned();
    assert_eq!((first.status, served.wait(&url)), (303, place.clone()), "the same token on another device");
    // The connector's own provider makes up a person each time: this browser keeps its place all the same.
    let again = sent(with(visit(""), json!({"enqueue": true, "ip": "127.0.0.1"})));
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap();
    assert_eq!(served.follow(&again, cookie).header("location"), Some(place.as_str()));
    assert_ne!(served.wait(&again), place, "another browser is another person");
    let foreign = sent(with(visit(""), json!({"enqueue": true, "ip": "203.0.113.7"})));
    let refused = served.follow(&foreign, "");
    assert_eq!((refused.status, refused.header("set-cookie")), (401, None));
    assert!(refused.body.contains("Nachweis des Shops"), "{}", refused.body);
}

#[test]
fn half_a_shop_is_told_what_is_missing_and_the_secret_is_not_shown() {
    let onsale = |arguments: &[&str], secret: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onsale"));
        command
            .args(arguments)
            .env_remove("ONSALE_QUEUE_IT_SECRET")
            .current_dir(Path::new(env!("CARGO_TARGET_TMPDIR")));
        secret.map(|secret| command.env("ONSALE_QUEUE_IT_SECRET", secret));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (fine, said) =
        onsale(&["config", "check", "--queue-it-account", "shop", "--queue-it-hosts", "shop.example"], None);
    assert!(!fine && said.contains("`queue_it.secret`: is not set, but `queue_it.account` is"), "{said}");
    let (fine, said) = onsale(&["config", "check"], Some(SECRET));
    assert!(!fine && said.contains("`queue_it.account`: is not set") && !said.contains(SECRET), "{said}");
    let (fine, said) = onsale(
        &["config", "check", "--queue-it-account", "shop", "--queue-it-hosts", "shop.example"],
        Some("tooshort!"),
    );
    assert!(!fine && said.contains("16 to 256") && !said.contains("tooshort!"), "{said}");
    let whole = ["config", "show", "--queue-it-account", "shop", "--queue-it-hosts", "shop.example"];
    let (fine, said) = onsale(&whole, Some(SECRET));
    assert!(fine && said.contains("queue_it.secret = (set)") && !said.contains(SECRET), "{said}");
}

//! The whole command against a server that answers as the contract says, and against servers that do not.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use clap::Parser;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use onsale_gateway::import::reading::{Place, SourcedSlot};
use onsale_gateway::import::send::{Sent, Target, send};
use onsale_gateway::import::{ImportArgs, run_with_key};
use onsale_gateway::wire::slot::{ImportReport, RejectedLine, SlotInput};

/// What the server saw: path, authorization, body.
type Seen = Arc<Mutex<Vec<(String, String, String)>>>;
type Answer = fn(usize, &str) -> Response<Full<Bytes>>;

async fn server(answer: Answer) -> (Uri, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            let service = service_fn(move |request: Request<Incoming>| {
                let log = Arc::clone(&log);
                async move {
                    let path = request.uri().path().to_owned();
                    let key = request.headers()["authorization"].to_str().unwrap_or_default().to_owned();
                    let body =
                        request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                    let body = String::from_utf8_lossy(&body).into_owned();
                    let number = {
                        let mut log = log.lock().expect("no test panics while it logs");
                        log.push((path, key, body.clone()));
                        log.len()
                    };
                    Ok::<_, Infallible>(answer(number, &body))
                }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    (format!("http://{address}").parse().expect("an address is a URI"), seen)
}

/// Adds every line; rejects slots whose id begins with `bad`.
fn contract(_: usize, body: &str) -> Response<Full<Bytes>> {
    let mut report = ImportReport::default();
    for (index, line) in body.lines().enumerate() {
        let slot: SlotInput = serde_json::from_str(line).expect("every line is a slot");
        if slot.id.starts_with("bad") {
            report.rejected_count += 1;
            let line = index as u64 + 1;
            report.rejected.push(RejectedLine {
                line,
                code: "below-committed".into(),
                detail: "3 are sold".into(),
            });
        } else {
            report.added += 1;
        }
    }
    json(StatusCode::OK, &serde_json::to_string(&report).expect("plain data"))
}

fn no_such_sale(_: usize, _: &str) -> Response<Full<Bytes>> {
    json(
        StatusCode::NOT_FOUND,
        r#"{"type":"/problems/not-found","title":"Not found","status":404,"detail":"There is no sale `x`.","code":"not-found","request_id":"r-1"}"#,
    )
}

fn busy_once(number: usize, body: &str) -> Response<Full<Bytes>> {
    if number > 1 {
        return contract(number, body);
    }
    let mut answer = json(StatusCode::SERVICE_UNAVAILABLE, r#"{"title":"Busy","code":"overloaded"}"#);
    answer.headers_mut().insert("retry-after", http::HeaderValue::from_static("0"));
    answer
}

fn not_onsale(_: usize, _: &str) -> Response<Full<Bytes>> {
    json(StatusCode::OK, "<html>hello</html>")
}

fn json(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_owned())));
    *answer.status_mut() = status;
    answer
}

fn slots(ids: impl Iterator<Item = String>) -> Vec<SourcedSlot> {
    let place = |line| Place::new(&"slots.csv".into(), line);
    ids.enumerate()
        .map(|(index, id)| SourcedSlot { place: place(2 * index + 1), slot: SlotInput::new(id, "v", 1) })
        .collect()
}

fn target(server: Uri) -> Target {
    Target { server, sale: "x".into(), operator_key: "op_test".into() }
}

#[tokio::test]
async fn chunks_are_summed_and_rejections_led_back_to_the_source() {
    let (uri, seen) = server(contract).await;
    let slots =
        slots((0..2_500).map(|n| if n % 1_000 == 499 { format!("bad-{n}") } else { format!("s-{n}") }));
    let mut sent = Sent::default();
    send(&target(uri), &slots, &mut sent).await.expect("the server is there");
    assert_eq!((sent.added, sent.rejected_count), (2_497, 3));
    let places: Vec<_> = sent.rejected.iter().map(|line| line.place.to_string()).collect();
    assert_eq!(places, ["slots.csv:999", "slots.csv:2999", "slots.csv:4999"]);
    assert_eq!(sent.rejected[1].detail, "slot bad-1499: 3 are sold");
    let seen = seen.lock().expect("no test panics while it logs");
    let lines: Vec<_> = seen.iter().map(|(_, _, body)| body.lines().count()).collect();
    assert_eq!(lines, [1_000, 1_000, 500]);
    assert!(seen.iter().all(|(path, key, _)| path == "/v1/sales/x/slots" && key == "Bearer op_test"));
}

#[tokio::test]
async fn a_missing_sale_is_told_with_the_command_that_makes_it() {
    let (uri, _) = server(no_such_sale).await;
    let error = send(&target(uri), &slots(["a".to_owned()].into_iter()), &mut Sent::default())
        .await
        .expect_err("no sale");
    assert!(
        error.message.contains("Not found (404") && error.message.contains("There is no sale `x`."),
        "{error:?}"
    );
    let next = error.next.expect("something to type");
    assert!(next.contains("curl -X PUT http://127.0.0.1:") && next.contains("/v1/sales/x"), "{next}");
    assert!(next.starts_with("Create the sale first"), "{next}");
    let (uri, seen) = server(no_such_sale).await;
    let under = format!("{uri}base/").parse().expect("an address");
    let error = send(&target(under), &slots(["a".to_owned()].into_iter()), &mut Sent::default()).await;
    let next = error.expect_err("no sale").next.expect("something to type");
    let host = uri.to_string().trim_end_matches('/').to_owned();
    assert!(
        next.starts_with(&format!("Is the server really under {host}/base? Otherwise say --server {host}\n")),
        "{next}"
    );
    assert_eq!(seen.lock().expect("no test panics while it logs")[0].0, "/base/v1/sales/x/slots");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_a_stranger_is_not_believed() {
    let (uri, seen) = server(busy_once).await;
    let mut sent = Sent::default();
    send(&target(uri), &slots(["a".to_owned()].into_iter()), &mut sent).await.expect("the second try");
    assert_eq!((sent.added, seen.lock().expect("no test panics while it logs").len()), (1, 2));

    let (uri, _) = server(not_onsale).await;
    let error = send(&target(uri), &slots(["a".to_owned()].into_iter()), &mut Sent::default())
        .await
        .expect_err("HTML");
    assert!(error.message.contains("not an import report"), "{error:?}");
}

#[tokio::test]
async fn nobody_at_the_address_is_said_in_words() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let uri = format!("http://{free}").parse().expect("an address is a URI");
    let error = send(&target(uri), &slots(["a".to_owned()].into_iter()), &mut Sent::default())
        .await
        .expect_err("nobody");
    assert!(error.message.starts_with("Cannot talk to http://127.0.0.1:"), "{error:?}");
    assert!(error.next.is_some_and(|next| next.contains("onsale serve")));
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ImportArgs,
}

async fn exit_code(words: &[&str]) -> String {
    let args =
        Cli::try_parse_from(std::iter::once("import").chain(words.iter().copied())).expect("good usage").args;
    // ExitCode can only be compared by what it prints.
    format!("{:?}", run_with_key(args, Some("op_test".into())).await)
}

fn code(number: u8) -> String {
    format!("{:?}", std::process::ExitCode::from(number))
}

#[tokio::test]
async fn exit_codes_tell_what_happened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path: PathBuf = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let good = write("good.csv", "id,venue,capacity\na,v,1\n");
    let bad = write("bad.csv", "id,venue,capacity\na,v,1\nb,v,x\n");
    let local = write("local.csv", "id,venue,capacity,starts_at\na,v,1,2021-01-01 10:00\n");
    let out = folder.path().join("out.ndjson").display().to_string();
    let [zero, one, two] = [0, 1, 2].map(code);
    assert_eq!(exit_code(&["csv", "--dry-run", &good]).await, zero);
    assert_eq!(exit_code(&["csv", "--dry-run", &bad]).await, one);
    assert_eq!(exit_code(&["csv", "--dry-run", &local]).await, two);
    assert_eq!(exit_code(&["csv", "--dry-run", "--time-zone", "Europe/Berlin", &local]).await, zero);
    assert_eq!(exit_code(&["csv", "--dry-run", "/no/such/file"]).await, two);
    assert_eq!(exit_code(&["csv", "--sale", "x", "--server", "https://127.0.0.1:1", &good]).await, two);
    assert_eq!(exit_code(&["csv", "--write", &out, &bad]).await, one);
    let written = std::fs::read_to_string(&out).expect("written in spite of the refused line");
    assert_eq!(written, "{\"id\":\"a\",\"venue\":\"v\",\"capacity\":1}\n");
    for taken in [&good, &out] {
        let before = std::fs::read(taken).expect("a file");
        assert_eq!(exit_code(&["csv", "--write", taken, &good]).await, two, "what is there stays");
        assert_eq!(std::fs::read(taken).expect("a file"), before);
    }
}

#[tokio::test]
async fn the_whole_way_ends_with_the_code_of_what_the_server_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let good = folder.path().join("good.csv");
    let rejected = folder.path().join("rejected.csv");
    std::fs::write(&good, "id,venue,capacity\na,v,1\n").expect("written");
    std::fs::write(&rejected, "id,venue,capacity\na,v,1\nbad-1,v,1\n").expect("written");
    let (good, rejected) = (good.display().to_string(), rejected.display().to_string());
    let (uri, _) = server(contract).await;
    let uri = uri.to_string();
    assert_eq!(exit_code(&["csv", "--sale", "x", "--server", &uri, &good]).await, code(0));
    assert_eq!(exit_code(&["csv", "--sale", "x", "--server", &uri, &rejected]).await, code(1));
    assert_eq!(exit_code(&["csv", "--sale", "No Sale", "--server", &uri, &good]).await, code(2));
    let (uri, _) = server(no_such_sale).await;
    assert_eq!(exit_code(&["csv", "--sale", "x", "--server", &uri.to_string(), &good]).await, code(2));
    let args = Cli::try_parse_from(["import", "csv", "--sale", "x", &good]).expect("good usage").args;
    assert_eq!(format!("{:?}", run_with_key(args, None).await), code(2), "no key, no request");
}

#[tokio::test]
async fn riteaid_nj_2023_arrives_whole() {
    let Some(folder) = crate::common::real("riteaid-nj-2023") else { return };
    let (uri, seen) = server(contract).await;
    let folder = folder.display().to_string();
    let words = ["smart-slots", "--sale", "nj-2023", "--server", &uri.to_string(), &folder];
    assert_eq!(exit_code(&words).await, code(0));
    let seen = seen.lock().expect("no test panics while it logs");
    let slots: Vec<SlotInput> = seen
        .iter()
        .flat_map(|(_, _, body)| body.lines())
        .map(|line| serde_json::from_str(line).expect("every line is a slot"))
        .collect();
    let different: std::collections::BTreeSet<_> = slots.iter().map(|slot| &slot.id).collect();
    let places: u32 = slots.iter().map(|slot| slot.capacity).sum();
    assert_eq!((slots.len(), different.len(), places), (1_542, 1_542, 46_702));
}

#[test]
fn usage_errors_are_found_before_anything_is_read() {
    for words in [
        &["csv", "x.csv"][..],                                           // no sale
        &["csv", "--sale", "x"],                                         // no file
        &["csv", "--dry-run", "--time-zone", "Mars/Base", "x.csv"],      // no such zone
        &["csv", "--dry-run", "--ignore-offsets", "x.csv"],              // in favour of which zone?
        &["csv", "--dry-run", "--seat-key", "uuid", "x.csv"],            // a flag of another kind
        &["pretix-plan", "--dry-run", "--venue", "no spaces", "x.json"], // not an id
    ] {
        let parsed = Cli::try_parse_from(std::iter::once("import").chain(words.iter().copied()));
        assert!(parsed.is_err(), "{words:?}");
    }
}

//! `onsale verify-draw` as people type it, and `docs/fair-draw/check.py`, which nobody of ours had to write: both get the
//! saved document `docs/fair-draw/example.json` and must find the same places.
//!
//! The script runs without a network: in a network namespace of its own where that is allowed, else in a Python that
//! refuses sockets. Python 3 itself is needed; `./test` installs it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::{BEACON, drawn, ticket};
use onsale_gateway::verify_draw::check::check;
use onsale_gateway::verify_draw::fetch::parse;

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fair-draw").join(name)
}

fn example() -> String {
    std::fs::read_to_string(page("example.json")).expect("the example")
}

fn verify(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_onsale"))
        .arg("verify-draw")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    // One that does not read its input closes it.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

/// The example is what a server would write. If the shape changes on purpose, `ONSALE_WRITE_EXAMPLE=1` writes it anew;
/// saved documents of old must go on being read.
#[test]
fn the_example_is_what_we_write() {
    let text = serde_json::to_string_pretty(&drawn(Some(BEACON))).unwrap() + "\n";
    if std::env::var_os("ONSALE_WRITE_EXAMPLE").is_some() {
        std::fs::write(page("example.json"), &text).unwrap();
    }
    assert!(example() == text, "docs/fair-draw/example.json is not what the code writes");
}

#[test]
fn a_file_or_a_pipe_is_checked_and_a_ticket_found() {
    let file = page("example.json");
    let ticket = ticket("general", 41);
    for (from, input) in [(file.to_str().unwrap(), String::new()), ("-", example())] {
        let (code, out, errors) = verify(&[from, "--ticket", &ticket], &input);
        assert_eq!((code, errors.as_str()), (0, ""), "{out}");
        for said in [
            "Holds:\n- the seed is the one that was promised",
            "- 84 entries give the digests of their lanes",
            "- 5 published minutes are beginnings of these registrations",
            "Not checked:\n- when the commitment was published",
            "degrees of freedom, p = 0.",
            "What it proves: The seed was fixed",
            "The ticket is registration 41 (from 0) of lane `general`, joined at 2021-03-23T15:57:",
            "Its place is ",
        ] {
            assert!(out.contains(said), "{said}\n{out}");
        }
    }
}

#[test]
fn exit_codes_tell_what_is_wrong_from_what_cannot_be_read() {
    let good = example();
    let changed = good.replacen("\"joined_at_ms\": 1616514900000", "\"joined_at_ms\": 1616514900001", 1);
    let mut bare = drawn(None);
    bare.entries = None;
    let bare = serde_json::to_string(&bare).unwrap();
    let newer = good.replace("onsale-draw-1", "onsale-draw-9");
    let asked = ["-", "--ticket", "qt_x"];
    for (arguments, input, code, said) in [
        (&asked[..1], good.as_str(), 0, "What it proves"),
        (&asked[..1], &bare, 0, "not proof against its own operator"),
        (&asked[..1], &changed, 1, "DOES NOT HOLD: the entries of lane `general` give the digest"),
        (&asked, &good, 1, "no registration is of this ticket"),
        (&asked, &bare, 2, "has no entries"),
        (&asked[..1], &newer, 2, "`onsale-draw-9`"),
        (&asked[..1], "<html>", 2, "no document of a draw"),
        (&["/nowhere.json"], "", 2, "/nowhere.json"),
        (&["http://127.0.0.1:1/v1/sales/x/draw"], "", 2, "refused"),
    ] {
        let (found, out, errors) = verify(arguments, input);
        assert_eq!(found, code, "{said}: {out}{errors}");
        assert!((out + &errors).contains(said), "{said}");
    }
}

#[test]
fn a_server_is_asked_by_its_address() {
    use std::io::Read;
    for (status, body, code) in [("200 OK", example(), 0), ("404 Not Found", "{}".to_owned(), 2)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1/sales/sh/draw?entries=true", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&head[..length]).into_owned()
        });
        let (found, out, errors) = verify(&[&address], "");
        assert_eq!(found, code, "{out}{errors}");
        let head = server.join().unwrap();
        assert!(head.starts_with("GET /v1/sales/sh/draw?entries=true HTTP/1.1\r\n"), "{head}");
    }
}

/// An address alone is asked for the entries, and without them only where there are none yet.
#[test]
fn an_address_alone_is_asked_for_the_entries() {
    use std::io::Read;
    let answers = ["422 Unprocessable Entity", "200 OK"];
    for answers in [&answers[..], &answers[1..]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1/sales/sh/draw", listener.local_addr().unwrap());
        let asked: Vec<_> = answers.iter().map(|status| (*status, example())).collect();
        let server = std::thread::spawn(move || {
            let one = |(status, body): (&str, String)| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = [0; 4096];
                let length = stream.read(&mut head).unwrap();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8_lossy(&head[..length]).lines().next().unwrap().to_owned()
            };
            asked.into_iter().map(one).collect::<Vec<_>>()
        });
        let (found, out, errors) = verify(&[&address], "");
        assert_eq!(found, 0, "{out}{errors}");
        let whole = "GET /v1/sales/sh/draw?entries=true HTTP/1.1";
        let expected = [whole, "GET /v1/sales/sh/draw HTTP/1.1"];
        assert_eq!(server.join().unwrap(), expected[..answers.len()]);
    }
}

/// Refuses sockets by an audit hook, for places where nobody may have a network namespace.
const WITHOUT_SOCKETS: &str = "import runpy, sys
def refuse(event, arguments):
    if event.startswith('socket.'): raise PermissionError(event)
sys.addaudithook(refuse)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')";

/// The script on a file, without a network.
fn python(file: &Path) -> Output {
    let apart =
        |command: &mut Command| command.args(["-rn", "true"]).output().is_ok_and(|o| o.status.success());
    let mut command = if apart(&mut Command::new("unshare")) {
        eprintln!("check.py runs in a network namespace of its own");
        let mut command = Command::new("unshare");
        command.args(["-rn", "python3", "-I"]);
        command
    } else {
        eprintln!("no network namespace here: check.py runs in a Python that refuses sockets");
        let mut command = Command::new("python3");
        command.args(["-I", "-c", WITHOUT_SOCKETS]);
        command
    };
    command.arg(page("check.py")).arg(file).output().expect("python3 starts")
}

#[test]
fn a_page_of_python_finds_the_same_places() {
    let there = Command::new("python3").arg("--version").output();
    assert!(
        there.is_ok_and(|output| output.status.success()),
        "there is no python3, which this test is about: apt-get install python3 (./test does)"
    );
    let text = example();
    let document = parse(text.as_bytes()).unwrap();
    let mut ours = String::new();
    for lane in check(&document).unwrap().lanes {
        for number in 0..lane.permutation.count() {
            writeln!(ours, "{}\t{number}\t{}", lane.name, lane.permutation.place(number)).unwrap();
        }
    }
    let output = python(&page("example.json"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), ours);
    assert_eq!(ours.lines().count(), 84);

    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.json");
    std::fs::write(&wrong, text.replacen("\"number\": 3,", "\"number\": 4,", 1)).unwrap();
    let output = python(&wrong);
    assert!(String::from_utf8_lossy(&output.stderr).contains("a gap in the numbers"));
}

//! Every command of `docs/clustering.md`.

use etcd_it::{foreign, is_go_3_4};

use super::document::{Section, Step, read, sections};
use super::ground::Ground;
use super::machines::{Machines, Running, is_server};

#[test]
fn every_command_of_the_document() {
    run_document(Ground::best);
}

/// The same where there are no namespaces, so that it is known to work there too.
#[test]
fn every_command_of_the_document_on_loopback() {
    run_document(Ground::loopback);
}

fn run_document(ground: fn() -> Ground) {
    if is_go_3_4() {
        eprintln!("NOT TESTED: the document: it is about this server");
        return;
    }
    if ["etcdctl", "curl", "openssl"].into_iter().any(|program| foreign(program).is_none()) {
        return;
    }
    let mut machines = Machines::new(ground());
    for section in sections(&read("clustering.md")) {
        run(&mut machines, &section);
    }
}

/// Servers that a section starts run to its end; each section begins with empty hosts.
fn run(machines: &mut Machines, section: &Section) {
    let mut running = Vec::new();
    // A token in the document, and the one that stands for it here.
    let mut token: Option<(String, String)> = None;
    for step in &section.steps {
        let mut step = step.clone();
        if let Some((theirs, ours)) = &token {
            step.script = step.script.replace(theirs, ours);
        }
        let what = format!("{}: {} on {}", section.title, step.script, step.host);
        let expected = step.expected.as_deref().map(|text| machines.ground.here(&step.host, text));
        if !is_server(&step.script) {
            match (expected.as_deref(), expected.as_deref().and_then(token_in)) {
                (Some(expected), Some(theirs)) => {
                    let said = machines.run(&step.host, &step.script);
                    let ours = token_in(&said).unwrap_or_else(|| panic!("{what}: {said}"));
                    assert_eq!(said.replace(&ours, ""), expected.replace(&theirs, ""), "{what}");
                    token = Some((theirs, ours));
                }
                (Some(expected), None) => machines.run_until(&step.host, &step.script, expected),
                (None, _) => drop(machines.run(&step.host, &step.script)),
            }
        } else if let Some(expected) = expected {
            refused(machines.start(&step.host, &step.script), &step, &expected, &what);
        } else {
            running.push(machines.start(&step.host, &step.script));
        }
    }
    drop(running);
    machines.empty();
}

/// What a discovery service calls a cluster: the last part of a URL.
fn token_in(text: &str) -> Option<String> {
    let (_, token) = text.trim_end().rsplit_once('/')?;
    let is_hex = token.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && [32, 40].contains(&token.len()) && text.starts_with("http")).then(|| token.to_owned())
}

/// The server must end with exit code 1, and say for people what the document says; or, where it is a warning, say so
/// and run on.
fn refused(mut running: Running, step: &Step, expected: &str, what: &str) {
    if !expected.starts_with("etcd: ") {
        return running.wait_for_output(expected.lines().next().unwrap_or_default());
    }
    let code = running.exit_code();
    let output = running.log();
    assert_eq!(code, Some(1), "{what}: {output}");
    let human: Vec<&str> = output.lines().filter(|line| !line.starts_with('{')).collect();
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(human.get(..expected.len()), Some(&expected[..]), "{what} on {}", step.host);
}

//! The log: what it says, how it looks, where it goes.

use etcd_it::{Scratch, Server, cluster, is_go_3_4, prepare};
use etcd_testkit::Signal;
use serde_json::Value;

use crate::lone::Lone;

const READY: &str = "ready to serve client requests";

/// Starts a member with these flags, waits for it, stops it, and gives its standard error.
fn log_of(lone: &Lone, more: &[&str]) -> String {
    let server = lone.start_with(more);
    server.signal(Signal::TERM);
    server.wait().stderr
}

#[test]
fn a_member_says_what_it_waits_for() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: what it waits for: 3.4 does not say");
        return;
    }
    let prepared = prepare(cluster(3));
    let specs: Vec<_> = prepared.members().iter().map(|member| member.spec().clone()).collect();
    let scratch = Scratch::new();
    let mut server = Server::start(&scratch, specs[0].arguments(&specs, "etcd-testkit"));
    server.wait_for_output("1 of 3 members reachable");
    let output = server.output();
    let line = output.lines().find(|line| line.contains("1 of 3 members reachable")).unwrap();
    for spec in &specs[1..] {
        let named = format!("{} {}", spec.name, spec.peer_url());
        assert!(line.contains(&named), "{named} is not named: {line}");
    }
    assert!(line.to_lowercase().contains("connection refused"), "no cause: {line}");
    assert!(!output.contains(READY), "it is not ready");

    let mut second = Server::start(&scratch, specs[1].arguments(&specs, "etcd-testkit"));
    for member in [&mut server, &mut second] {
        member.wait_for_output(READY);
    }
}

#[test]
fn json_and_console() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: --log-format: 3.4 has none");
        return;
    }
    let lone = Lone::new();
    for more in [&[][..], &["--log-format=json"][..]] {
        let log = log_of(&lone, more);
        let mut ready = false;
        for line in log.lines() {
            let json: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            for key in ["level", "ts", "msg"] {
                assert!(json[key].is_string(), "no {key}: {line}");
            }
            ready |= json["msg"].as_str().is_some_and(|text| text.contains(READY));
        }
        assert!(ready, "{log}");
    }
    let log = log_of(&lone, &["--log-format=console"]);
    assert!(log.contains(READY) && log.lines().all(|line| !line.starts_with('{')), "{log}");
}

#[test]
fn levels() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: --log-level: 3.4 logs otherwise by default");
        return;
    }
    let lone = Lone::new();
    let lines = |level: &str| {
        let log = log_of(&lone, &[&format!("--log-level={level}")]);
        let levels = log.lines().map(|line| {
            let json: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            json["level"].as_str().unwrap().to_owned()
        });
        levels.collect::<Vec<_>>()
    };
    assert!(lines("debug").iter().any(|level| level == "debug"));
    let info = lines("info");
    assert!(
        info.iter().any(|level| level == "info") && info.iter().all(|level| level != "debug"),
        "{info:?}"
    );
    let error = lines("error");
    assert!(error.iter().all(|level| !["debug", "info", "warn"].contains(&level.as_str())), "{error:?}");
}

#[test]
fn outputs() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: --log-outputs: 3.4 logs otherwise by default");
        return;
    }
    let lone = Lone::new();
    let file = lone.scratch.text("etcd.log");
    let log = log_of(&lone, &["--log-outputs", &file]);
    assert!(!log.contains(READY), "it goes to the file alone: {log}");
    assert!(std::fs::read_to_string(&file).unwrap().contains(READY));

    let both = format!("stderr,{file}");
    let log = log_of(&lone, &["--log-outputs", &both]);
    assert!(log.contains(READY));
    assert_eq!(std::fs::read_to_string(&file).unwrap().matches(READY).count(), 2, "it is appended to");

    let ended = Server::start(&lone.scratch, lone.with(&["--log-outputs", "/no/such/directory/log"])).wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.human_lines().join("\n").contains("/no/such/directory/log"), "{}", ended.stderr);
}

#[test]
fn rotation() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: --enable-log-rotation: 3.4 has none");
        return;
    }
    let lone = Lone::new();
    let file = lone.scratch.text("etcd.log");
    std::fs::write(&file, vec![b'x'; 1 << 20]).unwrap();
    let rotated = ["--log-outputs", &file, "--enable-log-rotation", "--log-rotation-config-json"];
    let _log = log_of(&lone, &[&rotated[..], &[r#"{"maxsize": 1}"#]].concat());
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(
        log.contains(READY) && !log.contains('x'.to_string().repeat(100).as_str()),
        "a new file was begun"
    );
    let aside = std::fs::read_dir(lone.scratch.path()).unwrap().map(|entry| entry.unwrap());
    let aside = aside.filter(|entry| entry.file_name().to_string_lossy().starts_with("etcd-2"));
    let sizes: Vec<u64> = aside.map(|entry| entry.metadata().unwrap().len()).collect();
    assert_eq!(sizes, [1 << 20], "the full one was set aside");

    for (outputs, json, said) in [
        (file.as_str(), "{", "improperly formatted log rotation config"),
        ("stderr", "{}", "--log-outputs requires a single file path"),
    ] {
        let flags = ["--log-outputs", outputs, "--enable-log-rotation", "--log-rotation-config-json", json];
        let ended = Server::start(&lone.scratch, lone.with(&flags)).wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.human_lines().join("\n").contains(said), "{}", ended.stderr);
    }
}

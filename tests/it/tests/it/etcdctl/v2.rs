//! `ETCDCTL_API=2`: every command of it, against this server and a real etcd 3.4.

use std::collections::BTreeSet;
use std::process::Command;

use etcd_it::{Answer, DEADLINE, foreign};
use etcd_testkit::wait_until;
use serde_json::Value;

use super::Side;
use super::hide::Hidden;
use crate::v2::http::send;

/// How the answers to a line are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Code and words.
    Same,
    /// Ours has no users and roles of v2, and says so.
    Refused,
}

use How::{Refused, Same};

/// Commands that have no line, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("backup", "works on files of etcd alone, and calls no server"),
    ("help", "calls no server"),
    ("watch", "goes on until it is stopped: tests of its own"),
    ("exec-watch", "goes on until it is stopped: tests of its own"),
];

/// In this order: later ones see what earlier ones did. After ` < ` comes what is typed.
const LINES: &[(How, &str)] = &[
    (Same, "ls"),
    (Same, "set a 1"),
    (Same, "set a 2 --ttl 1000"),
    (Same, "set a 3 --swap-with-value 2"),
    (Same, "set a 3 --swap-with-value 2"),
    (Same, "set a 3 --swap-with-index 1"),
    (Same, "set a"),
    (Same, "set typed < from a pipe"),
    (Same, "get a"),
    (Same, "get --quorum a"),
    (Same, "--output extended get a"),
    (Same, "--output json get a"),
    (Same, "get none"),
    (Same, "get"),
    (Same, "get /"),
    (Same, "mk a 1"),
    (Same, "mk b 1"),
    (Same, "mk c 1 --ttl 1000"),
    (Same, "mk q/0 x"),
    (Same, "--output extended mk --in-order q x"),
    (Same, "mk --in-order a x"),
    (Same, "mkdir d"),
    (Same, "mkdir d"),
    (Same, "mkdir d/e --ttl 1000"),
    (Same, "mkdir a/x"),
    (Same, "setdir d"),
    (Same, "setdir f --ttl 1000"),
    (Same, "updatedir f --ttl 2000"),
    (Same, "updatedir none"),
    (Same, "update a 7"),
    (Same, "--output json update a 8"),
    (Same, "update none 1"),
    (Same, "update d 1"),
    (Same, "ls --sort"),
    (Same, "ls --sort --recursive -p /"),
    (Same, "--output json ls --sort q"),
    (Same, "ls a"),
    (Same, "ls none"),
    (Same, "rm d"),
    (Same, "rm d --dir"),
    (Same, "rmdir d"),
    (Same, "rmdir d/e"),
    (Same, "rmdir d"),
    (Same, "rmdir none"),
    (Same, "rm q --recursive"),
    (Same, "rm f --dir"),
    (Same, "rm a --with-value 0"),
    (Same, "rm a --with-index 1"),
    (Same, "--output extended rm a --with-value 8"),
    (Same, "rm a"),
    (Same, "rm"),
    (Same, "--username root:pw get b"),
    (Same, "--debug get b"),
    (Same, "--no-sync get b"),
    (Same, "member list"),
    (Same, "cluster-health"),
    (Same, "member update {member} {peer}"),
    (Same, "member update zz {peer}"),
    (Same, "member remove zz"),
    (Same, "member remove 123"),
    (Same, "member add infra0"),
    (Refused, "user list"),
    (Refused, "user add ann:pw"),
    (Refused, "user get ann"),
    (Refused, "user remove ann"),
    (Refused, "user grant ann --roles r"),
    (Refused, "user revoke ann --roles r"),
    (Refused, "user passwd ann < other"),
    (Refused, "role list"),
    (Refused, "role add r"),
    (Refused, "role get r"),
    (Refused, "role grant r --path /x --rw"),
    (Refused, "role revoke r --path /x --rw"),
    (Refused, "role remove r"),
    (Refused, "auth enable"),
    (Refused, "auth disable"),
    // It leaves one member of two without a quorum, and so comes last.
    (Same, "member add infra1 http://127.0.0.1:1"),
];

/// This server and Go's, both with the v2 API and done with what they write into it at first.
fn two() -> Option<[Side; 2]> {
    let sides = super::two_with(&["--enable-v2"])?;
    for Side { lone, .. } in &sides {
        wait_until("the cluster's version", DEADLINE, || {
            let version = lone.probe().version().map_err(|error| error.to_string())?;
            if version.cluster == "not_decided" { Err(version.cluster) } else { Ok(()) }
        })
        .unwrap();
    }
    Some(sides)
}

/// What one line of the script gives, without what the two cannot share.
fn answer(side: &Side, hidden: &Hidden, line: &str) -> Answer {
    let line = hidden.fill(line, side);
    let (command, input) = line.split_once(" < ").unwrap_or((&line, ""));
    let words: Vec<&str> = command.split(' ').collect();
    let mut answer = side.ctl.v2().run_with_input(&words, input);
    for text in [&mut answer.stdout, &mut answer.stderr] {
        *text = hidden.hide(text).split_inclusive('\n').map(without_new_id).collect();
    }
    answer
}

/// The id of a member that is added depends on the time, and so does the place of the member in a list.
fn without_new_id(line: &str) -> String {
    const LIST: &str = "ETCD_INITIAL_CLUSTER=\"";
    if let Some(list) = line.strip_prefix(LIST) {
        let mut members: Vec<&str> = list.trim_end_matches(['"', '\n']).split(',').collect();
        members.sort_unstable();
        return format!("{LIST}{}\"\n", members.join(","));
    }
    let is_id = |word: &str| word.len() > 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words: Vec<&str> = line.split(' ').map(|word| if is_id(word) { "ID" } else { word }).collect();
    words.join(" ")
}

/// Whether what is not there was refused in clear words; one command shows no words of a server at all.
fn is_refused(line: &str, answer: &Answer) -> bool {
    let reason = if line == "role list" {
        "unexpected status code 404"
    } else {
        "etcdserver: users and roles of the v2 API are not supported, use those of the v3 API (ETCDCTL_API=3)"
    };
    answer.code == Some(1) && answer.stderr.contains(reason)
}

#[test]
fn commands_of_v2_say_what_they_say_to_a_real_etcd() {
    let Some(sides) = two() else { return };
    let hidden = sides.each_ref().map(Hidden::of);
    let mut different = Vec::new();
    for (how, line) in LINES {
        let [ours, theirs] = [0, 1].map(|side| answer(&sides[side], &hidden[side], line));
        let is_right = match how {
            Same => ours == theirs,
            Refused => is_refused(line, &ours),
        };
        if !is_right {
            different.push(format!("etcdctl {line}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn watches_of_v2_print_what_they_print_of_a_real_etcd() {
    let Some(sides) = two() else { return };
    let [ours, theirs] = sides.each_ref().map(|Side { ctl, lone, .. }| {
        let ctl = ctl.v2();
        let made: Value = serde_json::from_str(&ctl.ok(&["--output", "json", "set", "w", "1"])).unwrap();
        let first = made["node"]["modifiedIndex"].as_u64().unwrap();
        for [key, value] in [["w", "2"], ["d/x", "3"]] {
            assert_eq!(ctl.ok(&["set", key, value]), format!("{value}\n"));
        }
        let after = format!("--after-index={first}");
        let mut printed = vec![
            ctl.ok(&["watch", &after, "w"]),
            ctl.ok(&["watch", &after, "--recursive", "d"]),
            ctl.ok(&["--output", "json", "watch", &after, "w"]),
        ];

        // One that waits for what is to come: the server tells when it does.
        let waiting = ctl.spawn(&["watch", "--recursive", "d"]);
        wait_until("the wait to begin", DEADLINE, || {
            let stats = send("GET", &format!("{}/v2/stats/store", lone.spec.client_url()), None).json();
            if stats["watchers"] == 1 { Ok(()) } else { Err(stats.to_string()) }
        })
        .unwrap();
        assert_eq!(ctl.ok(&["set", "d/y", "4"]), "4\n");
        let (code, text) = waiting.wait(DEADLINE);
        assert_eq!(code, Some(0), "{text}");
        printed.push(text);

        let mut forever = ctl.spawn(&["watch", "--forever", &after, "--recursive", "/"]);
        printed.push(forever.output_until("/d/y\n4\n"));
        assert_eq!(ctl.ok(&["rm", "d/y"]), "PrevNode.Value: 4\n");
        printed.push(forever.output_until("/d/y\n"));

        // Behind a flag the key comes last.
        let script = "env | grep ^ETCD_WATCH_ | sort; echo done";
        let mut exec = ctl.spawn(&["exec-watch", &after, "--", "sh", "-c", script, "w"]);
        printed.push(exec.output_until("done\n"));
        printed
    });
    assert_eq!(ours, theirs);
}

#[test]
fn every_command_of_v2_is_in_the_script() {
    let Some(program) = foreign("etcdctl") else { return };
    let help = Command::new(program).arg("help").env("ETCDCTL_API", "2").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    let (_, list) = text.split_once("COMMANDS:").expect("a list of commands");
    let (list, _) = list.split_once("GLOBAL OPTIONS:").expect("options after it");
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    let known: BTreeSet<&str> = names.map(|name| name.trim_end_matches(',')).collect();
    let is_played = |name: &str| LINES.iter().any(|(_, line)| line.split(' ').any(|word| word == name));
    for name in &known {
        let why_not = ELSEWHERE.iter().find(|(other, _)| other == name);
        assert_eq!(
            is_played(name),
            why_not.is_none(),
            "{name}: either the script has it, or the list says why not"
        );
    }
    assert!(known.len() > 15, "{known:?}");
}

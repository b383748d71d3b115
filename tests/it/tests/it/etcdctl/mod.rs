//! Every command of Debian's `etcdctl` against this server and against a real etcd 3.4: equal exit codes and equal
//! words, but for ids, times, sizes and what came later than 3.4.

mod files;
mod going_on;
mod hide;
mod perf;
mod script;
mod v2;

use std::collections::BTreeSet;
use std::process::Command;

use etcd_it::{Answer, Ctl, Server, foreign, is_go_3_4};

use crate::lone::Lone;
use hide::Hidden;
use script::{COMMANDS, How, LINES};

/// One of the two servers.
pub(super) struct Side {
    pub(super) lone: Lone,
    pub(super) ctl: Ctl,
    _server: Server,
}

/// This server and Go's; `None` when there is nothing to compare with.
pub(super) fn two() -> Option<[Side; 2]> {
    two_with(&[])
}

/// The same with more flags.
fn two_with(more: &[&str]) -> Option<[Side; 2]> {
    if is_go_3_4() {
        eprintln!("NOT TESTED: Go's etcd against itself");
        return None;
    }
    let program = foreign("etcd")?;
    let (ours, theirs) = (Lone::new(), Lone::new());
    let servers = [ours.start_with(more), theirs.start_program_with(&program, more)];
    let mut sides = [ours, theirs].into_iter().zip(servers).map(|(lone, server)| {
        Some(Side { ctl: Ctl::new(&[lone.spec.client_url()])?, lone, _server: server })
    });
    Some([sides.next()??, sides.next()??])
}

/// The commands that `etcdctl help` lists.
fn known_commands() -> Option<BTreeSet<String>> {
    let help = Command::new(foreign("etcdctl")?).arg("help").env("ETCDCTL_API", "3").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    let (_, list) = text.split_once("COMMANDS:").expect("a list of commands");
    let (list, _) = list.split_once("OPTIONS:").expect("options after it");
    let lines = list.lines().filter_map(|line| line.trim().split_once('\t'));
    Some(lines.map(|(name, _)| name.to_owned()).collect())
}

#[test]
fn every_command_is_in_the_table_and_every_row_is_tested() {
    let Some(known) = known_commands() else { return };
    let listed: BTreeSet<String> = COMMANDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed, known, "the table and `etcdctl help`");
    for (name, what) in COMMANDS {
        let in_script = LINES.iter().any(|(_, line)| {
            let line = line.strip_prefix(script::AS_ROOT).unwrap_or(line);
            line == *name || line.starts_with(&format!("{name} "))
        });
        assert_eq!(in_script, what.is_none(), "{name}: either the script has it, or the table says why not");
    }
}

#[test]
fn commands_say_what_they_say_to_a_real_etcd() {
    let Some(sides) = two() else { return };
    let hidden = sides.each_ref().map(Hidden::of);
    let play = |side: usize| -> Vec<Answer> {
        LINES.iter().map(|(how, line)| answer(&sides[side], &hidden[side], *how, line)).collect()
    };
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| play(1));
        (play(0), theirs.join().unwrap())
    });
    let mut different = Vec::new();
    for (((how, line), ours), theirs) in LINES.iter().zip(&ours).zip(&theirs) {
        match how {
            How::Same | How::Shape if ours == theirs => {}
            How::Begins(start) if ours.code == theirs.code && ours.stdout.starts_with(start) => {}
            How::Refused if is_refused(ours) => {}
            How::Newer(said) if ours.stderr.contains(said) && ours.code == Some(1) => {}
            _ => different.push(format!("etcdctl {line}\n  ours   {ours:?}\n  theirs {theirs:?}")),
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// What one line of the script gives, without what the two cannot share.
fn answer(side: &Side, hidden: &Hidden, how: How, line: &str) -> Answer {
    let line = hidden.fill(line, side);
    let (command, input) = line.split_once(" < ").unwrap_or((&line, ""));
    let words: Vec<&str> = command.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
    let mut answer = side.ctl.run_with_input(&words, &input.replace("\\n", "\n"));
    for text in [&mut answer.stdout, &mut answer.stderr] {
        *text = hidden.hide(text);
        if how == How::Shape {
            *text = hide::numbers(text);
        }
    }
    answer
}

/// Whether a call that is to come was refused in clear words.
fn is_refused(answer: &Answer) -> bool {
    answer.code == Some(1) && answer.stderr.contains("code = Unimplemented desc = ")
}

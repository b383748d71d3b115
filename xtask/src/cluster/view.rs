//! What is true of every member right now, as a table.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use etcd_testkit::{Probe, ProcessId};

use super::state::{Directory, Member, State};
use crate::paths;
use crate::table::Table;

/// What a member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Leader,
    Follower,
    /// It answers, but knows no leader.
    NoLeader,
    /// It runs, and does not answer clients yet.
    Starting,
    Paused,
    Stopped,
    /// It should run, and does not.
    Died,
}

impl Role {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::NoLeader => "no leader",
            Self::Starting => "not answering",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Died => "died",
        }
    }

    pub(super) const fn is_well(self) -> bool {
        matches!(self, Self::Leader | Self::Follower)
    }
}

/// One member as it is now.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) role: Role,
    /// Hexadecimal; unknown while nobody can tell.
    id: Option<String>,
    process: Option<ProcessId>,
}

/// Looks at every member.
pub(super) fn look(directory: &Directory, state: &State) -> Vec<Row> {
    let mut rows: Vec<_> = state.members.iter().map(|member| look_at(directory, state, member)).collect();
    if rows.iter().any(|row| row.id.is_none()) {
        let known = ids_by_name(directory, state, &rows);
        for (row, member) in rows.iter_mut().zip(&state.members) {
            let id = known.iter().find(|(name, _)| *name == member.name).map(|(_, id)| id.clone());
            row.id = row.id.take().or(id);
        }
    }
    rows
}

/// Looks at one member, without asking the others.
pub(super) fn look_at(directory: &Directory, state: &State, member: &Member) -> Row {
    let process = member.running();
    let Some(running) = &process else {
        let role = if member.process().is_some() { Role::Died } else { Role::Stopped };
        return Row { role, id: None, process };
    };
    if running.is_paused() {
        return Row { role: Role::Paused, id: None, process };
    }
    match Probe::of(&directory.spec(state, member)).metrics() {
        Err(_) => Row { role: Role::Starting, id: None, process },
        Ok(metrics) => {
            let role = match (metrics.is_leader(), metrics.has_leader()) {
                (true, _) => Role::Leader,
                (false, true) => Role::Follower,
                (false, false) => Role::NoLeader,
            };
            Row { role, id: metrics.server_id().map(str::to_owned), process }
        }
    }
}

/// The table of all members.
pub(super) fn table(directory: &Directory, state: &State, rows: &[Row]) -> String {
    let mut table = Table::new(["NAME", "ID", "CLIENT URL", "PEER URL", "ROLE", "PID", "LOG"]);
    for (row, member) in rows.iter().zip(&state.members) {
        let spec = directory.spec(state, member);
        table.row([
            member.name.clone(),
            row.id.clone().unwrap_or_else(|| "-".to_owned()),
            spec.client_url(),
            spec.peer_url(),
            row.role.word().to_owned(),
            row.process.as_ref().map_or_else(|| "-".to_owned(), |id| id.pid.to_string()),
            paths::short(&directory.log(member)),
        ]);
    }
    let mut text = table.render();
    let outdated: Vec<_> = rows.iter().zip(&state.members).filter(|(row, _)| runs_old_build(row)).collect();
    if !outdated.is_empty() {
        let names: Vec<_> = outdated.iter().map(|(_, member)| member.name.as_str()).collect();
        text += &format!("\nthe binary was rebuilt since the start of {}\n", names.join(", "));
    }
    text
}

/// `cluster status`.
pub(super) fn status(directory: &Directory) -> anyhow::Result<ExitCode> {
    let state = directory.load_existing()?;
    let rows = look(directory, &state);
    print!("{}", table(directory, &state, &rows));
    let well = rows.iter().all(|row| row.role.is_well());
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Names and ids as the first member that answers knows them.
fn ids_by_name(directory: &Directory, state: &State, rows: &[Row]) -> Vec<(String, String)> {
    let answering = rows.iter().zip(&state.members).filter(|(row, _)| row.process.is_some());
    let awake = answering.filter(|(row, _)| row.role != Role::Paused);
    let lists = awake.filter_map(|(_, member)| Probe::of(&directory.spec(state, member)).members().ok());
    lists.take(1).flatten().map(|known| (known.name, format!("{:x}", known.id))).collect()
}

/// Linux marks the program of a process as deleted once another file has taken its place.
fn runs_old_build(row: &Row) -> bool {
    let Some(process) = &row.process else { return false };
    let program = fs::read_link(Path::new("/proc").join(process.pid.to_string()).join("exe"));
    program.is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)"))
}

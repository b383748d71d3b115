//! `cluster up`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use super::bootstrap::{Bootstrap, Helper, Programs};
use super::launch::{Interrupt, Launched};
use super::ports::check_free;
use super::state::{Directory, State, Tls};
use super::view::{self, Role};
use crate::{cargo, certs, paths};

const DEFAULT_MEMBERS: u16 = 3;
const DEFAULT_BASE_PORT: u16 = 2379;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// How many members [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=99))]
    members: Option<u16>,
    /// Client port of infra0; see `cargo xtask cluster --help` [default: 2379]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    base_port: Option<u16>,
    /// Run this server instead of building one [default: $ETCD_BIN]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// What the members speak: off, auto or self-signed [default: off]
    #[arg(long, value_name = "MODE")]
    tls: Option<Tls>,
    /// How the members of a new cluster find each other [default: static]
    #[arg(long, value_enum)]
    bootstrap: Option<Bootstrap>,
    /// An etcd to serve discovery while a new cluster starts [default: our own service; v3: the server itself]
    #[arg(long, value_name = "PATH")]
    discovery_service: Option<PathBuf>,
    /// How long the members may take to agree on a leader, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
    /// Further arguments for every member, such as --snapshot-count=1000
    #[arg(last = true, value_name = "ETCD ARGUMENTS")]
    arguments: Vec<String>,
}

pub(super) fn run(directory: &Directory, options: &Options) -> anyhow::Result<ExitCode> {
    let existed = directory.path().exists();
    let _lock = directory.lock()?;
    let before = directory.load()?;
    let outcome = bring_up(directory, options, before.clone());
    if outcome.is_err() && before.is_none() {
        undo(directory, existed)?;
    }
    outcome
}

fn bring_up(directory: &Directory, options: &Options, before: Option<State>) -> anyhow::Result<ExitCode> {
    if let Some(state) = &before {
        check_same(directory, options, state)?;
        if state.members.iter().all(|member| member.running().is_some()) {
            println!("the cluster in {} is already running\n", paths::short(directory.path()));
            show(directory, state);
            return Ok(ExitCode::SUCCESS);
        }
    }
    let mut state = plan(options, before.as_ref())?;
    check_free(state.members.iter().filter(|member| member.running().is_none()))?;
    state.binary = binary(options, before.as_ref())?;

    if state.tls == Tls::SelfSigned {
        let names = state.members.iter().map(|member| member.name.as_str());
        certs::for_local_members(&directory.certificates(), names)?;
    }

    let interrupt = Interrupt::catch()?;
    // Ends with the first start: whoever has a log looks for nobody.
    let _helper =
        if before.is_none() { Some(find_each_other(directory, options, &mut state)?) } else { None };
    let mut launched = Launched::new(directory, before);
    let missing: Vec<_> =
        (0..state.members.len()).filter(|index| state.members[*index].running().is_none()).collect();
    if missing.len() < state.members.len() {
        println!("{} of {} members run already", state.members.len() - missing.len(), state.members.len());
    }
    for index in missing {
        launched.start(&mut state, index)?;
    }
    launched.wait(&state, Duration::from_secs(options.timeout), &interrupt, Role::is_well)?;
    launched.finish();
    show(directory, &state);
    Ok(ExitCode::SUCCESS)
}

/// Starts what the members of a new cluster need to find each other, and notes how they do it.
fn find_each_other(directory: &Directory, options: &Options, state: &mut State) -> anyhow::Result<Helper> {
    let specs: Vec<_> = state.members.iter().map(|member| directory.spec(state, member)).collect();
    let programs = Programs { server: &state.binary, discovery: options.discovery_service.as_deref() };
    let place = tempfile::Builder::new().prefix("discovery-").tempdir_in(directory.path())?;
    // A new one each time: members of an older cluster are still registered under an older one.
    let token = format!("local-{}-{}", state.base_port, std::process::id());
    let helper = Helper::start(state.bootstrap, &programs, place, &specs, &token)?;
    state.bootstrap_flags.clone_from(&helper.flags);
    Ok(helper)
}

/// The cluster to have: the one from before, or a new one.
fn plan(options: &Options, before: Option<&State>) -> anyhow::Result<State> {
    match before {
        Some(state) => {
            let mut state = state.clone();
            if !options.arguments.is_empty() {
                state.arguments.clone_from(&options.arguments);
            }
            Ok(state)
        }
        None => {
            let mut state = State::new(
                PathBuf::new(),
                options.members.unwrap_or(DEFAULT_MEMBERS),
                options.base_port.unwrap_or(DEFAULT_BASE_PORT),
                options.arguments.clone(),
            )?;
            state.tls = options.tls.unwrap_or_default();
            state.bootstrap = options.bootstrap.unwrap_or_default();
            Ok(state)
        }
    }
}

/// Members and ports of a cluster cannot change from one `up` to the next.
fn check_same(directory: &Directory, options: &Options, state: &State) -> anyhow::Result<()> {
    let members = options.members.is_some_and(|count| usize::from(count) != state.members.len());
    let ports = options.base_port.is_some_and(|port| port != state.base_port);
    let tls = options.tls.is_some_and(|tls| tls != state.tls);
    if tls {
        bail!(
            "the cluster in {} speaks another kind of TLS; remove it first (cargo xtask cluster{} down --purge), or \
             choose another --data",
            paths::short(directory.path()),
            directory.option(),
        );
    }
    let bootstrap = options.bootstrap.is_some_and(|way| way != state.bootstrap);
    if members || ports || bootstrap {
        bail!(
            "the cluster in {} has {} members from port {} on, and has found itself already; remove it first \
             (cargo xtask cluster{} down --purge), or choose another --data",
            paths::short(directory.path()),
            state.members.len(),
            state.base_port,
            directory.option(),
        );
    }
    Ok(())
}

/// The server to run: the one that was named now, or before, or else a fresh build.
fn binary(options: &Options, before: Option<&State>) -> anyhow::Result<PathBuf> {
    let named = options.binary.clone().or_else(|| std::env::var_os("ETCD_BIN").map(PathBuf::from));
    let built = paths::root().join("target");
    let earlier = before.map(|state| state.binary.clone()).filter(|path| !path.starts_with(&built));
    match named.or(earlier) {
        None => {
            eprintln!("building the server (the first time takes a few minutes)");
            cargo::build_binary("etcd-server", "etcd", "cluster")
        }
        Some(path) => {
            let path = std::path::absolute(&path).unwrap_or(path);
            if !path.is_file() {
                bail!("there is no server at {}", path.display());
            }
            Ok(path)
        }
    }
}

/// Removes what a failed first start left.
fn undo(directory: &Directory, existed: bool) -> anyhow::Result<()> {
    let nothing = State::new(PathBuf::new(), 0, 0, Vec::new())?;
    directory.remove(&nothing).context("cannot clean up")?;
    if existed {
        std::fs::create_dir_all(directory.path())?;
    }
    Ok(())
}

fn show(directory: &Directory, state: &State) {
    let rows = view::look(directory, state);
    print!("{}", view::table(directory, state, &rows));
    let scheme = if state.tls == Tls::Off { "" } else { "https://" };
    let hosts: Vec<_> =
        state.members.iter().map(|member| format!("{scheme}127.0.0.1:{}", member.client_port)).collect();
    let certs = paths::short(&directory.certificates());
    let security = match state.tls {
        Tls::Off => String::new(),
        Tls::Auto => " --insecure-skip-tls-verify --insecure-transport=false".to_owned(),
        Tls::SelfSigned => {
            format!(" --cacert={certs}/ca-client.crt --cert={certs}/root.crt --key={certs}/root.key")
        }
    };
    let endpoints = hosts.join(",") + &security;
    let cluster = format!("cargo xtask cluster{}", directory.option());
    println!(
        "
Try:
  etcdctl --endpoints={endpoints} put greeting hello
  etcdctl --endpoints={endpoints} get greeting
  {cluster} status
  {cluster} logs -f
  {cluster} kill leader
  {cluster} up                # starts again what was killed
  {cluster} down --purge"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(members: Option<u16>, base_port: Option<u16>, arguments: &[&str]) -> Options {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let (binary, tls, bootstrap, discovery_service) = (None, None, None, None);
        Options { members, base_port, binary, tls, bootstrap, discovery_service, timeout: 1, arguments }
    }

    #[test]
    fn a_new_cluster_takes_the_defaults() {
        let state = plan(&options(None, None, &["--debug"]), None).unwrap();
        assert_eq!((state.members.len(), state.base_port), (3, 2379));
        assert_eq!(state.arguments, ["--debug"]);
    }

    #[test]
    fn an_existing_cluster_keeps_its_shape() {
        let directory = Directory::new(Some("/tmp/x".into()));
        let state = State::new("/usr/bin/etcd".into(), 5, 4000, vec!["--debug".into()]).unwrap();
        check_same(&directory, &options(None, None, &[]), &state).unwrap();
        check_same(&directory, &options(Some(5), Some(4000), &[]), &state).unwrap();
        for other in [options(Some(3), None, &[]), options(None, Some(2379), &[])] {
            let error = check_same(&directory, &other, &state).unwrap_err().to_string();
            assert!(error.contains("has 5 members from port 4000 on"), "{error}");
            assert!(error.contains("cluster --data /tmp/x down --purge"), "{error}");
        }
        assert_eq!(plan(&options(None, None, &[]), Some(&state)).unwrap(), state);
        assert_eq!(plan(&options(None, None, &["-x"]), Some(&state)).unwrap().arguments, ["-x"]);
    }
}

//! Data directories that are someone else's, or no directories.

use etcd_it::{Server, cluster, is_go_3_4, prepare};
use etcd_testkit::Signal;

use crate::lone::Lone;

#[test]
fn data_directories_that_cannot_be_used() {
    let lone = Lone::new();
    let file = lone.scratch.join("a-file");
    std::fs::write(&file, "not a directory").unwrap();
    let file = file.display().to_string();
    for path in [&*file, "/proc/no-such-directory", "/dev/null/data"] {
        let ended = Server::start(&lone.scratch, lone.with(&["--data-dir", path])).wait();
        assert_eq!(ended.code, Some(1), "{path}: {ended:?}");
        assert!(ended.stderr.contains(path), "{path} is not named:\n{}", ended.stderr);
        assert!(is_go_3_4() || !ended.human_lines().is_empty(), "{path}: {}", ended.stderr);
    }
}

#[test]
fn a_data_directory_that_a_running_member_holds() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: a locked directory: 3.4 waits for ever");
        return;
    }
    let (first, second) = (Lone::new(), Lone::new());
    let mut holder = first.start();
    let directory = first.spec.data_dir.display().to_string();
    let ended = Server::start(&second.scratch, second.with(&["--data-dir", &directory])).wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let human = ended.human_lines().join("\n");
    assert!(human.contains(&directory), "the directory is not named: {human}");
    first.wait_for_health(&mut holder);
}

#[test]
fn a_torn_log_is_mended_and_a_foreign_file_is_named() {
    let lone = Lone::new();
    let server = lone.start();
    server.signal(Signal::KILL);
    assert_eq!(server.wait().signal, Some(9));
    std::fs::write(lone.spec.data_dir.join("what is this"), "x").unwrap();
    let mut server = lone.start();
    if !is_go_3_4() {
        server.wait_for_output("what is this");
    }
    lone.wait_for_health(&mut server);
}

/// One member of a cluster comes with data of a former cluster that had the same names, URLs and flags.
#[test]
fn a_data_directory_of_another_cluster() {
    let mut cluster = prepare(cluster(3));
    let specs: Vec<_> = cluster.members().iter().map(|member| member.spec().clone()).collect();
    let former = Lone::new();
    // The former cluster: same URLs, another token, so other ids. One member's data are kept.
    let servers: Vec<_> = specs
        .iter()
        .map(|spec| {
            let mut spec = spec.clone();
            spec.data_dir = former.scratch.join(&spec.name);
            Server::start(&former.scratch, spec.arguments(&specs, "the former token"))
        })
        .collect();
    for (index, mut server) in servers.into_iter().enumerate().rev() {
        // The others run until the last has its data.
        if index == 2 {
            server.wait_for_output("ready to serve client requests");
        }
        server.signal(Signal::TERM);
        drop(server.wait());
    }

    for index in 0..3 {
        cluster.start(index).unwrap();
    }
    cluster.wait_for_leader().unwrap();
    cluster.stop(2).unwrap();
    let mut spec = specs[2].clone();
    spec.data_dir = former.scratch.join(&spec.name);
    let mut stranger = Server::start(&former.scratch, spec.arguments(&specs, "etcd-testkit"));
    stranger.wait_for_output("cluster ID mismatch");
    assert!(stranger.is_running(), "a member that had a leader once does not end for it");
    drop(stranger);
    cluster.start(2).unwrap();
    for index in 0..3 {
        cluster.wait_for_health(index).unwrap();
    }
}

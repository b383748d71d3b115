//! Commands that work on the file of a snapshot: ours is no bbolt file, and they say so.

use etcd_it::{Answer, Ctl};

use crate::lone::Lone;

#[test]
fn etcds_tools_refuse_a_snapshot_of_ours_and_leave_it_alone() {
    if etcd_it::is_go_3_4() {
        eprintln!("NOT TESTED: its snapshots are bbolt files");
        return;
    }
    let lone = Lone::new();
    let _server = lone.start();
    let Some(ctl) = Ctl::new(&[lone.spec.client_url()]) else { return };
    let (file, data) = (lone.scratch.join("saved.db"), lone.scratch.join("restored"));
    let (file, data) = (file.to_str().unwrap(), format!("--data-dir={}", data.display()));
    for (key, value) in [("a", "1"), ("b", "2")] {
        assert_eq!(ctl.ok(&["put", key, value]), "OK\n");
    }
    let _saved = ctl.ok(&["snapshot", "save", file]);
    let saved = std::fs::read(file).unwrap();

    let refused =
        Answer { code: Some(1), stdout: String::new(), stderr: "Error: invalid database\n".to_owned() };
    for format in ["simple", "json", "fields", "table"] {
        assert_eq!(
            ctl.run(&["snapshot", "status", file, &format!("--write-out={format}")]),
            refused,
            "{format}"
        );
    }
    for more in [&[][..], &["--skip-hash-check"]] {
        let answer = ctl.run(&[&["snapshot", "restore", file, &data], more].concat());
        assert_eq!(answer.code, Some(2), "{answer:?}");
        let line = answer.stderr.lines().find(|line| line.starts_with("panic: ")).unwrap_or_default();
        assert!(
            line.starts_with("panic: cannot open database at ") && line.ends_with("(invalid database)"),
            "{answer:?}"
        );
        // It has copied the file before it looked.
        std::fs::remove_dir_all(lone.scratch.join("restored")).unwrap();
    }
    assert_eq!(std::fs::read(file).unwrap(), saved, "the snapshot is as it was");
}

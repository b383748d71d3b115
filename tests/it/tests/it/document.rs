//! `docs/api.md` says of every call where it is tested: nothing is left out, and what it names is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use etcd_proto::schema::{Kind, METHODS, Message};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = workspace().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of each row of the tables.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let lines = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn fields(message: &Message) -> Vec<&str> {
    let own = message.fields.iter().map(|field| field.name);
    let within = message.fields.iter().filter_map(|field| match field.kind {
        Kind::Message(within) => Some(within.fields.iter().map(|field| field.name)),
        _ => None,
    });
    own.chain(within.flatten()).collect()
}

#[test]
fn every_call_has_a_row_with_all_its_fields_and_paths() {
    let document = read("docs/api.md");
    let (rows, gateway) = (rows(&document), read("crates/etcd-api/src/gateway.rs"));
    for method in METHODS {
        let path = method.path.trim_start_matches('/');
        let row =
            rows.iter().find(|row| quoted(row[0]) == [path]).unwrap_or_else(|| panic!("no row for {path}"));
        let (listed, json) = (quoted(row[1]), quoted(row[2]));
        for field in fields(method.request) {
            assert!(listed.contains(&field), "{path}: the field {field} is missing");
        }
        for line in gateway.lines().filter(|line| line.contains(&format!("\"{}\"", method.path))) {
            let route = line.split('"').nth(1).expect("a path");
            assert!(json.contains(&route), "{path}: the path {route} is missing");
        }
        assert!(!row[3].is_empty(), "{path}: no test is named, and it is not missing");
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let document = read("docs/api.md");
    let mut unknown = BTreeSet::new();
    for row in rows(&document) {
        let mut package = None;
        for word in row.iter().skip(1).flat_map(|cell| quoted(cell)) {
            if word == "it" || word.starts_with("etcd-") {
                package = Some(word);
            } else if let Some(package) = package
                && !is_there(package, word)
            {
                unknown.insert(format!("{package} {word}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Whether a package has this module.
fn is_there(package: &str, module: &str) -> bool {
    let module = module.replace("::", "/");
    let folders = match package {
        "it" => vec!["tests/it/tests/it".to_owned()],
        package => ["src", "tests", "tests/it"].map(|folder| format!("crates/{package}/{folder}")).to_vec(),
    };
    folders.iter().any(|folder| {
        let place = workspace().join(folder).join(&module);
        place.is_dir() || place.with_extension("rs").is_file()
    })
}

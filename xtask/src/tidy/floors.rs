//! Who may import whom: crates lie on floors and import only downwards, and only what is listed.

use super::Problem;
use super::packages::Package;

/// Floor, crate, and the crates of ours that it may import.
const FLOORS: [(u8, &str, &[&str]); 20] = [
    (0, "etcd-proto", &[]),
    (0, "etcd-membership", &[]),
    (0, "etcd-tls", &[]),
    (0, "etcd-lease", &[]),
    (0, "etcd-auth", &[]),
    (0, "etcd-v2store", &[]),
    (1, "etcd-config", &["etcd-membership"]),
    (1, "etcd-discovery", &["etcd-proto", "etcd-membership", "etcd-tls"]),
    (1, "etcd-dns", &["etcd-membership"]),
    (1, "etcd-storage", &[]),
    (1, "etcd-wal", &["etcd-proto"]),
    (1, "etcd-transport", &["etcd-proto", "etcd-membership", "etcd-tls"]),
    (2, "etcd-bootstrap", &["etcd-membership", "etcd-discovery", "etcd-dns"]),
    (2, "etcd-consensus", &["etcd-proto", "etcd-wal"]),
    (2, "etcd-mvcc", &["etcd-proto", "etcd-storage"]),
    (3, "etcd-watch", &["etcd-proto", "etcd-mvcc"]),
    (
        3,
        "etcd-apply",
        &[
            "etcd-proto",
            "etcd-membership",
            "etcd-lease",
            "etcd-auth",
            "etcd-v2store",
            "etcd-storage",
            "etcd-mvcc",
        ],
    ),
    (
        4,
        "etcd-api",
        &[
            "etcd-proto",
            "etcd-membership",
            "etcd-tls",
            "etcd-auth",
            "etcd-v2store",
            "etcd-mvcc",
            "etcd-watch",
            "etcd-apply",
        ],
    ),
    (5, "etcd-server", ANY_BELOW),
    (6, "etcd-discovery-service", ANY_BELOW),
];

/// The composition on top may import everything below it.
const ANY_BELOW: &[&str] = &["*"];

/// Programs beside the server: clients, which know the wire contracts and no part of the server.
const CLIENTS: [(&str, &[&str]); 7] = [
    ("etcdctl", &["etcd-proto", "etcd-tls", "etcd-discovery", "etcd-dns"]),
    ("etcdutl", ANY_BELOW),
    ("xtask", &["etcd-testkit"]),
    ("xtask-codegen", &[]),
    ("etcd-bench", &["etcd-proto", "etcd-testkit", "etcd-tls"]),
    ("etcd-testkit", &[]),
    ("etcd-it", &["etcd-proto", "etcd-testkit"]),
];

/// Every import that the table does not allow. Imports for tests only are free.
pub(super) fn check(packages: &[Package]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.place);
        let Some((floor, allowed)) = place_of(&package.name) else {
            if package.is_product() {
                problems.push(Problem::new(
                    manifest,
                    1,
                    "this crate lies on no floor: add it to tidy's table",
                ));
            }
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.is_internal && d.is_normal) {
            let name = dependency.name.as_str();
            let below = floor_of(name).is_none_or(|theirs| floor.is_none_or(|ours| theirs < ours));
            let listed = allowed == ANY_BELOW || allowed.contains(&name);
            if !(below && listed) {
                let text =
                    format!("{} must not import {name}; it may import {}", package.name, list(allowed));
                problems.push(Problem::new(manifest.clone(), 1, text));
            }
        }
    }
    problems
}

fn place_of(name: &str) -> Option<(Option<u8>, &'static [&'static str])> {
    let on_floor = FLOORS.iter().find(|(_, known, _)| *known == name);
    let client = CLIENTS.iter().find(|(known, _)| *known == name);
    on_floor
        .map(|(floor, _, allowed)| (Some(*floor), *allowed))
        .or_else(|| client.map(|(_, allowed)| (None, *allowed)))
}

fn floor_of(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(_, known, _)| *known == name).map(|(floor, _, _)| *floor)
}

fn list(allowed: &[&str]) -> String {
    match allowed {
        [] => "no crate of ours".to_owned(),
        names if names == ANY_BELOW => "what lies on the floors below".to_owned(),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::packages::Dependency;

    fn package(name: &str, imports: &[&str], is_normal: bool) -> Package {
        let dependency = |name: &&str| Dependency {
            name: (*name).to_owned(),
            requirement: "=0.1.0".into(),
            is_normal,
            is_internal: true,
        };
        Package {
            name: name.into(),
            description: None,
            place: format!("crates/{name}"),
            manifest: format!("/w/crates/{name}/Cargo.toml").into(),
            dependencies: imports.iter().map(dependency).collect(),
            has_library: true,
            examples: 1,
        }
    }

    #[test]
    fn the_table_itself_only_goes_down() {
        for (floor, name, allowed) in FLOORS {
            for import in allowed.iter().filter(|import| **import != "*") {
                assert!(floor_of(import).unwrap() < floor, "{name} imports {import}");
            }
        }
    }

    #[test]
    fn imports_upwards_sideways_and_unlisted_are_found() {
        for (name, import) in [
            ("etcd-storage", "etcd-mvcc"),
            ("etcd-wal", "etcd-storage"),
            ("etcd-mvcc", "etcd-wal"),
            ("etcd-proto", "etcd-membership"),
            ("xtask", "etcd-server"),
        ] {
            let problems = check(&[package(name, &[import], true)]);
            assert_eq!(problems.len(), 1, "{name} -> {import}");
            assert!(problems[0].text.starts_with(&format!("{name} must not import {import}")));
        }
    }

    #[test]
    fn listed_imports_and_those_of_tests_are_fine() {
        assert_eq!(check(&[package("etcd-mvcc", &["etcd-proto", "etcd-storage"], true)]), []);
        assert_eq!(check(&[package("etcd-server", &["etcd-api", "etcd-wal"], true)]), []);
        assert_eq!(check(&[package("etcd-wal", &["etcd-storage"], false)]), []);
    }

    #[test]
    fn an_unknown_crate_must_be_placed() {
        let problems = check(&[package("etcd-common", &[], true)]);
        assert!(problems[0].text.contains("lies on no floor"));
    }
}

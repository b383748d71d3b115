//! What every package must have: a description, a README, an example, the workspace's lints, exact versions.

use std::fs;

use anyhow::Context as _;

use super::Problem;
use super::packages::Package;

pub(super) fn check(packages: &[Package]) -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for package in packages {
        let text = fs::read_to_string(&package.manifest)
            .with_context(|| format!("cannot read {}", package.manifest.display()))?;
        let readme = package.directory().join("README.md").exists();
        problems.extend(check_package(package, &text, readme));
    }
    Ok(problems)
}

fn check_package(package: &Package, manifest: &str, has_readme: bool) -> Vec<Problem> {
    let file = format!("{}/Cargo.toml", package.place);
    let mut problems = Vec::new();
    let mut problem = |line, text: &str| problems.push(Problem::new(file.clone(), line, text));
    if package.description.as_deref().is_none_or(str::is_empty) {
        problem(1, "no description");
    }
    if !uses_workspace_lints(manifest) {
        problem(1, "no `[lints] workspace = true`");
    }
    if package.is_product() && !has_readme {
        problem(1, "no README.md beside it");
    }
    if package.is_product() && package.has_library && package.examples == 0 {
        problem(1, "no example: a crate shows in examples/*.rs how it is used alone");
    }
    for dependency in package.dependencies.iter().filter(|dependency| dependency.is_internal) {
        let exact = dependency.requirement.starts_with('=');
        // A dependency of tests may leave the version out, so that cycles of tests can be published.
        if !exact && (dependency.is_normal || dependency.requirement != "*") {
            let text = format!(
                "{} is required as {:?}; crates of this workspace require each other as `=version`",
                dependency.name, dependency.requirement
            );
            problem(line_of(manifest, &dependency.name), &text);
        }
    }
    problems
}

fn uses_workspace_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    lines.find(|line| !line.is_empty()).is_some_and(|line| line.replace(' ', "") == "workspace=true")
}

/// The line that names `dependency`, or the first.
fn line_of(manifest: &str, dependency: &str) -> usize {
    manifest.lines().position(|line| line.trim_start().starts_with(dependency)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::packages::Dependency;

    const GOOD: &str = "[package]\nname = \"etcd-wal\"\n[dependencies]\netcd-proto.workspace = true\n\n[lints]\nworkspace = true\n";

    fn package(requirement: &str, is_normal: bool) -> Package {
        Package {
            name: "etcd-wal".into(),
            description: Some("A log".into()),
            place: "crates/etcd-wal".into(),
            manifest: "/w/crates/etcd-wal/Cargo.toml".into(),
            dependencies: vec![Dependency {
                name: "etcd-proto".into(),
                requirement: requirement.into(),
                is_normal,
                is_internal: true,
            }],
            has_library: true,
            examples: 1,
        }
    }

    #[test]
    fn a_good_package_has_no_problem() {
        assert_eq!(check_package(&package("=0.1.0", true), GOOD, true), []);
        assert_eq!(check_package(&package("*", false), GOOD, true), []);
    }

    #[test]
    fn everything_that_can_be_missing_is_named() {
        let bare = Package { description: None, examples: 0, ..package("^0.1", true) };
        let texts: Vec<_> = check_package(&bare, "[package]\netcd-proto = \"0.1\"\n", false)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts.len(), 5, "{texts:#?}");
        assert!(texts[0].starts_with("crates/etcd-wal/Cargo.toml:1: no description"));
        assert!(texts[4].starts_with("crates/etcd-wal/Cargo.toml:2: etcd-proto is required as \"^0.1\""));
    }

    #[test]
    fn lints_must_be_the_workspaces() {
        assert!(uses_workspace_lints(GOOD));
        assert!(!uses_workspace_lints("[lints.rust]\nunsafe_code = \"deny\"\n"));
        assert!(!uses_workspace_lints("[lints]\nworkspace = false\n"));
    }
}

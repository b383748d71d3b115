//! The workspace's packages, as `cargo metadata` tells them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

/// One package of the workspace.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// Its directory, relative to the workspace: `crates/etcd-wal`, `xtask`.
    pub(super) place: String,
    pub(super) manifest: PathBuf,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) has_library: bool,
    pub(super) examples: usize,
}

/// One line of a package's dependencies.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Version requirement, such as `=0.1.0` or `*`.
    pub(super) requirement: String,
    /// Neither for tests nor for build scripts.
    pub(super) is_normal: bool,
    /// Lies in this workspace.
    pub(super) is_internal: bool,
}

impl Package {
    pub(super) fn directory(&self) -> &Path {
        self.manifest.parent().unwrap_or(&self.manifest)
    }

    /// Whether it is a crate of the product, and not a tool or a test.
    pub(super) fn is_product(&self) -> bool {
        self.place.starts_with("crates/")
    }
}

pub(super) fn parse(metadata: &Value) -> anyhow::Result<Vec<Package>> {
    let packages = metadata["packages"].as_array().context("no packages in the output of cargo metadata")?;
    let root = Path::new(metadata["workspace_root"].as_str().context("no workspace in that output")?);
    packages
        .iter()
        .map(|package| parse_package(root, package).context("a package without a name or a path"))
        .collect()
}

fn parse_package(root: &Path, package: &Value) -> Option<Package> {
    let targets = || package["targets"].as_array().into_iter().flatten();
    let is = |target: &Value, kind: &str| {
        target["kind"].as_array().into_iter().flatten().any(|word| word.as_str() == Some(kind))
    };
    let manifest = PathBuf::from(package["manifest_path"].as_str()?);
    let place = manifest.parent()?.strip_prefix(root).ok()?.display().to_string();
    Some(Package {
        name: package["name"].as_str()?.to_owned(),
        description: package["description"].as_str().map(str::to_owned),
        place,
        manifest,
        dependencies: package["dependencies"].as_array()?.iter().filter_map(parse_dependency).collect(),
        has_library: targets().any(|target| is(target, "lib")),
        examples: targets().filter(|target| is(target, "example")).count(),
    })
}

fn parse_dependency(dependency: &Value) -> Option<Dependency> {
    Some(Dependency {
        name: dependency["name"].as_str()?.to_owned(),
        requirement: dependency["req"].as_str()?.to_owned(),
        is_normal: dependency["kind"].is_null(),
        is_internal: dependency["path"].is_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_with_all_kinds_of_dependencies() {
        let metadata = serde_json::json!({"workspace_root": "/w", "packages": [{
            "name": "etcd-wal", "description": "A log", "manifest_path": "/w/crates/etcd-wal/Cargo.toml",
            "dependencies": [
                {"name": "etcd-proto", "req": "=0.1.0", "kind": null, "path": "/w/crates/etcd-proto"},
                {"name": "proptest", "req": "^1", "kind": "dev"},
            ],
            "targets": [{"kind": ["lib"]}, {"kind": ["example"]}, {"kind": ["test"]}],
        }]});
        let package = parse(&metadata).unwrap().remove(0);
        assert!(package.has_library && package.is_product());
        assert_eq!(package.examples, 1);
        let dependencies: Vec<_> =
            package.dependencies.iter().map(|d| (d.name.as_str(), d.is_normal, d.is_internal)).collect();
        assert_eq!(dependencies, [("etcd-proto", true, true), ("proptest", false, false)]);
        assert!(parse(&serde_json::json!({"workspace_root": "/w", "packages": [{}]})).is_err());
    }
}

//! Generates `crates/etcd-proto/src/generated/*.rs` from `crates/etcd-proto/proto`.
//!
//! A crate of its own, so that the other `xtask` commands do not compile a protobuf compiler.
//! `--check` generates into a temporary directory and fails when the committed files differ.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("unknown argument {other:?}; the only one is --check"),
    };
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/etcd-proto");
    let committed = crate_dir.join("src/generated");
    let fresh = tempfile::tempdir()?;
    generate(&crate_dir.join("proto"), fresh.path())?;

    let stale = differing(fresh.path(), &committed)?;
    if stale.is_empty() {
        println!("generated code is current");
        return Ok(());
    }
    if check {
        bail!("generated code is not current: {}; run `cargo xtask codegen`", stale.join(", "));
    }
    if committed.exists() {
        fs::remove_dir_all(&committed)?;
    }
    fs::create_dir_all(&committed)?;
    for name in file_names(fresh.path())? {
        fs::copy(fresh.path().join(&name), committed.join(&name))?;
    }
    println!("regenerated {}", stale.join(", "));
    Ok(())
}

/// Messages with passwords or tokens, whose `Debug` is written by hand.
const SECRETS: [&str; 6] = [
    ".authpb.User",
    ".etcdserverpb.AuthUserAddRequest",
    ".etcdserverpb.AuthUserChangePasswordRequest",
    ".etcdserverpb.AuthenticateRequest",
    ".etcdserverpb.AuthenticateResponse",
    ".etcdserverpb.InternalAuthenticateRequest",
];

/// Compiles every `.proto` below `proto` into one Rust file a package.
fn generate(proto: &Path, out: &Path) -> anyhow::Result<()> {
    let files = proto_files(proto)?;
    let descriptors = protox::compile(&files, [proto]).context("cannot compile the .proto files")?;
    fs::write(out.join("schema.rs"), schema::generate(&descriptors)?)?;
    tonic_prost_build::configure()
        .bytes(".")
        .skip_debug(SECRETS)
        .build_transport(true)
        .out_dir(out)
        .compile_fds(descriptors)
        .context("cannot generate Rust code")
}

fn proto_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for package in fs::read_dir(dir)? {
        for file in fs::read_dir(package?.path())? {
            files.push(file?.path());
        }
    }
    files.sort();
    Ok(files)
}

fn file_names(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    if dir.exists() {
        for entry in fs::read_dir(dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Names of files that are missing, superfluous or different in `committed`.
fn differing(fresh: &Path, committed: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = file_names(fresh)?;
    names.extend(file_names(committed)?);
    names.sort();
    names.dedup();
    names.retain(|name| fs::read(fresh.join(name)).ok() != fs::read(committed.join(name)).ok());
    Ok(names)
}

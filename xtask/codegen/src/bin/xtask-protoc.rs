//! Stands in for `protoc` where a dependency's build script insists on one.
//!
//! It does what prost-build and protobuf-build ask of it: `--version`, and writing a descriptor set with
//! `[--include_imports] [--include_source_info] -o FILE [-I DIR]… FILE…`. `cargo xtask test` and `ci` build it and
//! point `PROTOC` at it, so that nobody has to install a protobuf compiler.
#![expect(clippy::print_stdout, reason = "`protoc --version` prints")]

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// Old enough for protobuf-build, which wants a 3.x, and new enough for prost-build.
const VERSION: &str = "libprotoc 3.21.12";

fn main() -> anyhow::Result<()> {
    match parse(std::env::args_os().skip(1))? {
        Request::Version => println!("{VERSION}"),
        Request::Compile(job) => job.run()?,
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Request {
    Version,
    Compile(Job),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Job {
    imports: bool,
    source_info: bool,
    output: PathBuf,
    includes: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Job {
    fn run(&self) -> anyhow::Result<()> {
        let mut includes = self.includes.clone();
        if includes.is_empty() {
            includes.push(PathBuf::from("."));
        }
        let mut compiler = protox::Compiler::new(includes).context("cannot use the include directories")?;
        compiler.include_imports(self.imports).include_source_info(self.source_info);
        compiler.open_files(&self.files).context("cannot compile the .proto files")?;
        std::fs::write(&self.output, compiler.encode_file_descriptor_set())
            .with_context(|| format!("cannot write {}", self.output.display()))
    }
}

/// Options with values take them joined (`-Idir`, `--descriptor_set_out=file`) or as the next word.
fn parse(words: impl Iterator<Item = OsString>) -> anyhow::Result<Request> {
    let mut job = Job::default();
    let mut output = None;
    let mut words = words
        .map(|word| word.into_string().map_err(|word| anyhow::anyhow!("{} is not UTF-8", word.display())));
    while let Some(word) = words.next().transpose()? {
        let mut value = |joined: &str| match joined.strip_prefix('=').unwrap_or(joined) {
            "" => words.next().transpose()?.with_context(|| format!("{word} needs a value")),
            joined => Ok(joined.to_owned()),
        };
        if word == "--version" {
            return Ok(Request::Version);
        } else if word == "--include_imports" {
            job.imports = true;
        } else if word == "--include_source_info" {
            job.source_info = true;
        } else if word == "--experimental_allow_proto3_optional" {
            // Has long been the rule.
        } else if let Some(joined) = word.strip_prefix("--descriptor_set_out") {
            output = Some(PathBuf::from(value(joined)?));
        } else if let Some(joined) = word.strip_prefix("--proto_path") {
            job.includes.push(PathBuf::from(value(joined)?));
        } else if let Some(joined) = word.strip_prefix("-I") {
            job.includes.push(PathBuf::from(value(joined)?));
        } else if let Some(joined) = word.strip_prefix("-o") {
            output = Some(PathBuf::from(value(joined)?));
        } else if word.starts_with('-') {
            bail!("{word} is not an option that this stand-in for protoc knows");
        } else {
            job.files.push(PathBuf::from(word));
        }
    }
    job.output = output.context("no output file: only descriptor sets can be made, with -o FILE")?;
    if job.files.is_empty() {
        bail!("no input files");
    }
    Ok(Request::Compile(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Request, String> {
        parse(words.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_build_scripts_ask() {
        let expected = || {
            Ok(Request::Compile(Job {
                imports: true,
                source_info: true,
                output: "set".into(),
                includes: vec!["a".into(), "b".into()],
                files: vec!["x.proto".into(), "y.proto".into()],
            }))
        };
        let prost = "--include_imports --include_source_info -o set -I a -I b x.proto y.proto";
        let protobuf = "-Ia -Ib --include_imports --include_source_info -o set x.proto y.proto";
        let long = "--proto_path=a --proto_path b --include_imports --include_source_info \
                    --descriptor_set_out=set x.proto y.proto";
        for words in [prost, protobuf, long] {
            assert_eq!(parse_words(words), expected(), "{words}");
        }
        assert_eq!(parse_words("--version"), Ok(Request::Version));
    }

    #[test]
    fn what_it_cannot_do_is_said() {
        for (words, reason) in [
            ("--rust_out=. x.proto", "is not an option"),
            ("x.proto", "no output file"),
            ("-o set", "no input files"),
            ("-o", "-o needs a value"),
        ] {
            let error = parse_words(words).unwrap_err();
            assert!(error.contains(reason), "{words}: {error}");
        }
    }

    #[test]
    fn a_set_with_and_without_imports() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("a.proto"), "syntax = \"proto3\";\nmessage A {}\n").unwrap();
        std::fs::write(
            path("b.proto"),
            "syntax = \"proto3\";\nimport \"a.proto\";\nmessage B { A a = 1; }\n",
        )
        .unwrap();
        let mut sizes = Vec::new();
        for imports in [false, true] {
            let job = Job {
                imports,
                source_info: false,
                output: path("set"),
                includes: vec![directory.path().to_owned()],
                files: vec![path("b.proto")],
            };
            job.run().unwrap();
            sizes.push(std::fs::metadata(path("set")).unwrap().len());
        }
        assert!(sizes[0] > 0 && sizes[1] > sizes[0], "{sizes:?}");
        let job = Job { output: path("set"), files: vec![path("none.proto")], ..Job::default() };
        assert!(job.run().is_err());
    }
}

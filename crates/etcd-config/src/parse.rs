//! From arguments, environment and file to a configuration.

use std::ffi::OsString;
use std::path::Path;
use std::{fmt, fs, io};

use etcd_membership::Quoted;

use crate::argv::{self, CommandLine};
use crate::config::Config;
use crate::env::{self, Environment};
use crate::flags::{FlagSpec, Kind};
use crate::layers::Layers;
use crate::notice::Notice;
use crate::{derive, file, help, rules, support};

/// A configuration file over this size is refused.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What the program was asked to do.
#[derive(Debug)]
pub enum Invocation {
    /// Run a member, after logging the notices.
    Run(Box<Config>, Vec<Notice>),
    /// Print this text and exit with 0.
    PrintHelp(String),
    /// Print the version ([`help::version`]) and exit with 0.
    PrintVersion,
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// All mistakes; the first is the one that etcd would report. Never empty.
    pub mistakes: Vec<String>,
    /// For the process: 2 for arguments that cannot be read, 1 for all else.
    pub exit_code: u8,
    /// Whether [`help::USAGE`] is to be printed after the mistakes.
    pub usage: bool,
}

impl Failure {
    fn usage(mistakes: Vec<String>) -> Self {
        Self { mistakes, exit_code: 2, usage: true }
    }

    fn plain(mistakes: Vec<String>) -> Self {
        Self { mistakes, exit_code: 1, usage: false }
    }
}

impl fmt::Display for Failure {
    /// One mistake a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mistakes.join("\n"))
    }
}

impl std::error::Error for Failure {}

/// Reads arguments (without the program's name), environment, and the file that they may name.
///
/// A file silences everything else. Otherwise a flag may not be set both as an argument and as a variable.
///
/// # Errors
/// All mistakes at once, as far as they can be found without guessing.
pub fn parse(
    argv: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Invocation, Failure> {
    parse_with(argv, env, read_file)
}

/// As [`parse`], with another way to read the configuration file.
///
/// # Errors
/// As [`parse`].
pub fn parse_with(
    argv: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    read_file: impl FnOnce(&Path) -> io::Result<String>,
) -> Result<Invocation, Failure> {
    let line = argv::parse(argv.into_iter()).map_err(|mistake| Failure::usage(vec![mistake]))?;
    let mut layers = Layers::new();
    let mistakes = layers.push_texts("command line", &line.values, describe_argument);
    if !mistakes.is_empty() {
        return Err(Failure::usage(mistakes));
    }
    if line.help {
        return Ok(Invocation::PrintHelp(help::help()));
    }
    if let Some(word) = &line.positional {
        return Err(Failure::plain(vec![refuse_word(word)]));
    }
    if last(&line, "version").is_some_and(|value| crate::value::parse_bool(value) == Some(true)) {
        return Ok(Invocation::PrintVersion);
    }
    let environment = env::parse(env.into_iter());
    match config_file(&line, &environment) {
        Some(path) => from_file(&path, read_file),
        None => from_environment(&line, environment, layers),
    }
}

fn from_file(path: &str, read_file: impl FnOnce(&Path) -> io::Result<String>) -> Result<Invocation, Failure> {
    let text = read_file(Path::new(path)).map_err(|error| {
        Failure::plain(vec![format!("could not read the configuration file {}: {error}", Quoted(path))])
    })?;
    let file = file::parse(&text).map_err(|error| {
        Failure::plain(vec![format!("could not parse the configuration file {}: {error}", Quoted(path))])
    })?;
    let mut notices = vec![Notice::File { path: path.to_owned() }];
    notices.extend(file.unknown.into_iter().map(|key| Notice::KeyUnknown { key }));
    let mut layers = Layers::new();
    layers.push_values(path, file.values);
    layers.late = file.late.into_iter().map(|(flag, text)| (flag.name, text)).collect();
    layers.explicit.extend(layers.late.iter().map(|(name, _)| *name));
    finish(layers, file.mistakes, notices, true)
}

fn from_environment(
    line: &CommandLine,
    environment: Environment,
    arguments: Layers,
) -> Result<Invocation, Failure> {
    let conflicts = environment.values.iter().filter(|(flag, _)| arguments.explicit.contains(flag.name));
    let mut mistakes: Vec<String> =
        conflicts.filter_map(|(flag, _)| flag.variable()).map(describe_conflict).collect();
    mistakes.extend(environment.mistakes);
    let used = environment.values.iter().filter_map(|(flag, value)| {
        let value = if flag.secret { "***" } else { value };
        Some(Notice::VariableUsed { name: flag.variable()?, value: value.to_owned() })
    });
    let notices = used.chain(environment.notices).collect();
    let mut layers = Layers::new();
    mistakes.extend(layers.push_texts("environment", &environment.values, describe_variable));
    // Read again on top of the environment; its mistakes have been reported before.
    layers.push_texts("command line", &line.values, describe_argument);
    finish(layers, mistakes, notices, false)
}

fn finish(
    mut layers: Layers,
    mut mistakes: Vec<String>,
    mut notices: Vec<Notice>,
    from_file: bool,
) -> Result<Invocation, Failure> {
    let (conflicts, renamed) = layers.rename();
    mistakes.extend(conflicts);
    let mut config = layers.extract().map_err(|error| Failure::plain(vec![error.to_string()]))?;
    derive::before_rules(&mut config, from_file);
    mistakes.extend(rules::check(&config, layers.late()));
    let late = |flag: &str| layers.late().iter().any(|(name, _)| *name == flag);
    mistakes.extend(support::unsupported(&config, |flag| layers.differs(flag) && !late(flag)));
    if !mistakes.is_empty() {
        return Err(Failure::plain(mistakes));
    }
    let without_effect = support::without_effect(|flag| config.is_set(flag), |flag| layers.differs(flag));
    notices.extend(renamed.into_iter().chain(without_effect).map(Notice::Warning));
    notices.extend(derive::after_rules(&mut config));
    Ok(Invocation::Run(Box::new(config), notices))
}

/// The file that the arguments or else the environment name.
fn config_file(line: &CommandLine, environment: &Environment) -> Option<String> {
    let variable = || {
        let found = environment.values.iter().find(|(flag, _)| flag.name == "config-file");
        found.map(|(_, path)| path.as_str())
    };
    last(line, "config-file").filter(|path| !path.is_empty()).or_else(variable).map(str::to_owned)
}

fn last<'a>(line: &'a CommandLine, name: &str) -> Option<&'a str> {
    line.values.iter().rev().find(|(flag, _)| flag.name == name).map(|(_, text)| text.as_str())
}

fn describe_argument(flag: &FlagSpec, text: &str, reason: &str) -> String {
    match flag.kind {
        Kind::Bool => format!("invalid boolean value {} for -{}: {reason}", Quoted(text), flag.name),
        Kind::Choice(words) => format!(
            "invalid value {} for flag -{}: {reason} (want one of: {})",
            Quoted(text),
            flag.name,
            words.join(", ")
        ),
        _ => format!("invalid value {} for flag -{}: {reason}", Quoted(text), flag.name),
    }
}

fn describe_variable(flag: &FlagSpec, text: &str, reason: &str) -> String {
    format!("invalid value {} for {}: {reason}", Quoted(text), flag.variable().unwrap_or_default())
}

fn describe_conflict(variable: String) -> String {
    format!(
        "conflicting environment variable {} is shadowed by corresponding command-line flag (either unset \
         environment variable or disable flag)",
        Quoted(&variable)
    )
}

fn refuse_word(word: &str) -> String {
    match word {
        "gateway" | "grpc-proxy" => {
            format!("'etcd {word}' is not available in this version yet; point clients at the members")
        }
        _ => format!("error verifying flags, '{word}' is not a valid flag. See 'etcd --help'."),
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    use io::Read as _;
    let mut text = String::new();
    let read = fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(text)
}

//! The command line: Go's flag syntax in front of clap.

use std::ffi::OsString;
use std::sync::LazyLock;

use clap::builder::OsStringValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use crate::flags::{self, FlagSpec};

/// Built once: in debug builds clap checks the whole table each time it is built.
static COMMAND: LazyLock<Command> = LazyLock::new(|| {
    let mut command = command();
    command.build();
    command
});

/// What the command line says.
#[derive(Debug, Default)]
pub(crate) struct CommandLine {
    /// Flags with their texts; one flag may come several times, the last one counts.
    pub(crate) values: Vec<(&'static FlagSpec, String)>,
    /// `-h` or `--help` was reached.
    pub(crate) help: bool,
    /// The first word that is not a flag.
    pub(crate) positional: Option<String>,
}

/// Reads the arguments after the program's name.
///
/// As in Go, one dash or two begin a flag, `--flag value` and `--flag=value` are the same but for switches, which
/// take only the latter, and the first word that is no flag ends the flags.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<CommandLine, String> {
    let tokens = tokenize(arguments)?;
    let matches = COMMAND.clone().try_get_matches_from(tokens.flags).map_err(|error| explain(&error))?;
    let mut values = Vec::new();
    for flag in flags::all() {
        let indices = matches.indices_of(flag.name).into_iter().flatten();
        let texts = matches.get_many::<OsString>(flag.name).into_iter().flatten();
        for (index, text) in indices.zip(texts) {
            let text =
                text.to_str().ok_or_else(|| format!("the value of --{} is not valid UTF-8", flag.name))?;
            values.push((index, flag, text.to_owned()));
        }
    }
    values.sort_by_key(|(index, ..)| *index);
    let values = values.into_iter().map(|(_, flag, text)| (flag, text)).collect();
    Ok(CommandLine { values, help: tokens.help, positional: tokens.positional })
}

/// clap's view of the table: every flag takes its value behind `=`.
pub(crate) fn command() -> Command {
    let arguments = flags::all().map(|flag| {
        Arg::new(flag.name)
            .long(flag.name)
            .num_args(1)
            .require_equals(true)
            .value_parser(OsStringValueParser::new())
            .action(ArgAction::Append)
    });
    Command::new("etcd")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(arguments)
}

#[derive(Default)]
struct Tokens {
    flags: Vec<OsString>,
    help: bool,
    positional: Option<String>,
}

/// Rewrites Go's spelling to `--flag=value`.
fn tokenize(mut arguments: impl Iterator<Item = OsString>) -> Result<Tokens, String> {
    let mut tokens = Tokens::default();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let Some(body) = text.strip_prefix('-').filter(|body| !body.is_empty()) else {
            tokens.positional = Some(text.into_owned());
            break;
        };
        let body = body.strip_prefix('-').unwrap_or(body);
        if body.is_empty() {
            tokens.positional = arguments.next().map(|word| word.to_string_lossy().into_owned());
            break;
        }
        if body.starts_with(['-', '=']) {
            return Err(format!("bad flag syntax: {text}"));
        }
        let name = body.split('=').next().unwrap_or_default();
        if name == "help" || name == "h" {
            tokens.help = true;
            break;
        }
        let Some(flag) = flags::by_name(name) else {
            // Left to clap, which knows what was probably meant; nothing after it counts.
            tokens.flags.push(OsString::from(format!("--{name}=")));
            break;
        };
        let dashes = text.len() - body.len();
        let mut token = OsString::from("--");
        if body.contains('=') {
            token.push(skip_bytes(&argument, dashes));
        } else if flag.is_switch() {
            token.push(format!("{name}=true"));
        } else {
            let value = arguments.next().ok_or_else(|| format!("flag needs an argument: -{name}"))?;
            token.push(format!("{name}="));
            token.push(value);
        }
        tokens.flags.push(token);
    }
    Ok(tokens)
}

/// The argument without its dashes. Where it is not Unicode the replacement characters show in the message that
/// refuses it.
fn skip_bytes(argument: &OsString, count: usize) -> OsString {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    OsString::from_vec(argument.as_bytes()[count..].to_vec())
}

fn explain(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let name = text(ContextKind::InvalidArg).unwrap_or_default();
            let hint = text(ContextKind::SuggestedArg).map(|flag| format!(" (did you mean {flag}?)"));
            format!(
                "flag provided but not defined: -{}{}",
                name.trim_start_matches('-').trim_end_matches('='),
                hint.unwrap_or_default()
            )
        }
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    }
}

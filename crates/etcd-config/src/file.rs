//! The YAML (or JSON) configuration file.

use figment::value::{Dict, Value};

use crate::flags::{self, FlagSpec, Kind};
use crate::value::{self, BadValue};

/// What the file says: values by flag, keys that nobody knows, and what is wrong.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) values: Vec<(&'static FlagSpec, Value)>,
    pub(crate) unknown: Vec<String>,
    pub(crate) mistakes: Vec<String>,
    /// Words that etcd refuses only when it validates the whole.
    pub(crate) late: Vec<(&'static FlagSpec, String)>,
}

/// Reads the text of a file. Anything in it is found at its own place; the file as a whole can also be no YAML.
pub(crate) fn parse(text: &str) -> Result<File, String> {
    if text.trim().is_empty() {
        return Ok(File::default());
    }
    let mut options = serde_saphyr::Options::default();
    // A snippet could show a password.
    options.with_snippet = false;
    let dict: Option<Dict> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| explain(&error))?;
    let mut file = File::default();
    file.walk("", dict.unwrap_or_default());
    Ok(file)
}

/// The first line of the parser's message, without its advice to programmers.
fn explain(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.replace(", set DuplicateKeyPolicy in Options if acceptable", "")
}

impl File {
    fn walk(&mut self, prefix: &str, dict: Dict) {
        for (key, value) in dict {
            let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            match (find(&path), value) {
                (_, Value::Empty(..)) => {}
                (Some(flag), Value::String(_, text))
                    if text.is_empty() && matches!(flag.kind, Kind::Choice(_)) => {}
                (Some(flag), value) => self.take(flag, &path, &value),
                (None, Value::Dict(_, dict)) if is_group(&path) => self.walk(&path, dict),
                (None, _) if is_group(&path) => self.mistakes.push(format!("invalid {path}")),
                (None, _) => self.unknown.push(path),
            }
        }
    }

    fn take(&mut self, flag: &'static FlagSpec, path: &str, value: &Value) {
        match typed(flag, value) {
            Ok(value) => self.values.push((flag, value)),
            Err((BadValue::Unknown, text)) => self.late.push((flag, text)),
            Err((BadValue::Syntax(_), text)) if flag.name == "initial-cluster-state" => {
                self.late.push((flag, text))
            }
            Err((BadValue::Syntax(reason), text)) => {
                let shown = if flag.secret { "***".to_owned() } else { text };
                let shown = etcd_membership::Quoted(&shown).to_string();
                self.mistakes.push(match flag.kind {
                    Kind::Urls => format!("unexpected error setting up {path}: {reason}"),
                    _ => format!("invalid value {shown} for {path}: {reason}"),
                });
            }
        }
    }
}

fn find(path: &str) -> Option<&'static FlagSpec> {
    flags::all().find(|flag| flag.yaml == Some(path)).or_else(|| {
        let flag = flags::by_name(path)?;
        // A nested key is only known at its place.
        flag.yaml.filter(|yaml| !yaml.contains('.')).map(|_| flag)
    })
}

fn is_group(path: &str) -> bool {
    flags::all()
        .filter_map(|flag| flag.yaml)
        .any(|yaml| yaml.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// Durations are numbers of nanoseconds here, lists may be written as lists; all else is as on the command line.
fn typed(flag: &FlagSpec, value: &Value) -> Result<Value, (BadValue, String)> {
    let refuse = |reason: &str| (BadValue::Syntax(reason.to_owned()), String::new());
    if let Value::Array(_, items) = value {
        if !matches!(flag.kind, Kind::List | Kind::Set | Kind::Urls | Kind::Origins) {
            return Err(refuse("it cannot be a list"));
        }
        let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
        let texts = texts.ok_or_else(|| refuse("a list of texts is needed"))?;
        if matches!(flag.kind, Kind::List | Kind::Set) {
            return Ok(Value::from(texts));
        }
        let text = texts.join(",");
        return value::parse(flag, &text).map_err(|error| (error, text));
    }
    let text = scalar(value).ok_or_else(|| refuse("a single value is needed"))?;
    if flag.kind == Kind::Duration
        && let Value::Num(..) = value
    {
        return value::parse(flag, &format!("{text}ns")).map_err(|error| (error, text));
    }
    value::parse(flag, &text).map_err(|error| (error, text))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, c) => Some(c.to_string()),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128(), number.to_f64()) {
            (Some(number), ..) => Some(number.to_string()),
            (None, Some(number), _) => Some(number.to_string()),
            (None, None, number) => number.map(|number| number.to_string()),
        },
        Value::Empty(..) => Some(String::new()),
        Value::Dict(..) | Value::Array(..) => None,
    }
}

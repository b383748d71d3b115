//! One flag's value: from text to a typed value, with the messages of Go's flag package.

use etcd_membership::Urls;
use figment::value::Value;

use crate::duration;
use crate::flags::{FlagSpec, Kind};

/// Why a text is not a value of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadValue {
    /// The flag cannot take it.
    Syntax(String),
    /// The word is unknown; etcd finds out only when it validates the whole.
    Unknown,
}

/// Reads `text` as a value of `flag`.
pub(crate) fn parse(flag: &FlagSpec, text: &str) -> Result<Value, BadValue> {
    let syntax = |reason: &str| BadValue::Syntax(reason.to_owned());
    Ok(match flag.kind {
        Kind::Bool => Value::from(parse_bool(text).ok_or_else(|| syntax("parse error"))?),
        Kind::Uint => Value::from(parse_uint(text).map_err(syntax)?),
        Kind::Uint32 => {
            let number = parse_uint(text).map_err(syntax)?;
            Value::from(u32::try_from(number).map_err(|_| syntax("value out of range"))?)
        }
        Kind::Int => Value::from(parse_int(text).map_err(syntax)?),
        Kind::Duration => {
            if text.starts_with('-') && duration::parse(&text[1..]).is_some_and(|value| !value.is_zero()) {
                return Err(syntax("a duration cannot be negative"));
            }
            let value = duration::parse(text).ok_or_else(|| syntax("parse error"))?;
            Value::from(u64::try_from(value.as_nanos()).map_err(|_| syntax("value out of range"))?)
        }
        Kind::Text => Value::from(text),
        Kind::Ignored => Value::from(""),
        // As in etcd, an empty list leaves the default in place.
        Kind::Urls => parse_urls(if text.is_empty() { flag.default } else { text })?,
        Kind::Origins if text == "*" => Value::from(vec!["*"]),
        Kind::Origins => parse_urls(text)?,
        Kind::List => Value::from(words(text)),
        Kind::Set => {
            let mut words = words(text);
            words.sort_unstable();
            words.dedup();
            Value::from(words)
        }
        Kind::Choice(choices) if choices.contains(&text) => Value::from(text),
        Kind::Choice(_) => return Err(syntax("invalid value")),
        // zap takes any case, and an empty word for its default.
        Kind::Checked(_) if text.is_empty() && matches!(flag.name, "log-level" | "log-format") => {
            Value::from(flag.default)
        }
        Kind::Checked(levels) if flag.name == "log-level" => {
            let level = text.to_ascii_lowercase();
            if !levels.contains(&level.as_str()) {
                return Err(BadValue::Unknown);
            }
            Value::from(level)
        }
        Kind::Checked(known) if known.is_empty() || known.contains(&text) => Value::from(text),
        Kind::Checked(_) => return Err(BadValue::Unknown),
    })
}

fn words(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split(',').collect() }
}

fn parse_urls(text: &str) -> Result<Value, BadValue> {
    if text.is_empty() {
        return Ok(Value::from(Vec::<String>::new()));
    }
    let urls: Urls =
        text.parse().map_err(|error: etcd_membership::UrlError| BadValue::Syntax(error.to_string()))?;
    Ok(Value::from(urls.unique().to_strings()))
}

/// Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Go's `strconv.ParseUint` with base 0: decimal, or hexadecimal, octal or binary with a prefix; single underscores may
/// stand between digits.
fn parse_uint(text: &str) -> Result<u64, &'static str> {
    if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return Err("parse error");
    }
    let lower = text.to_ascii_lowercase().replace('_', "");
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err("parse error");
    }
    u64::from_str_radix(digits, radix).map_err(|_| "value out of range")
}

fn parse_int(text: &str) -> Result<i64, &'static str> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = i128::from(parse_uint(digits)?);
    i64::try_from(if negative { -number } else { number }).map_err(|_| "value out of range")
}

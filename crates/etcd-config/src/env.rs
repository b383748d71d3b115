//! Environment variables that begin with `ETCD_`.

use std::ffi::OsString;

use crate::flags::{self, FlagSpec};
use crate::notice::Notice;

/// What the environment says.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// Flags with the texts of their variables, sorted by variable.
    pub(crate) values: Vec<(&'static FlagSpec, String)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) mistakes: Vec<String>,
}

/// Reads the variables; an empty one counts as not set.
pub(crate) fn parse(variables: impl Iterator<Item = (OsString, OsString)>) -> Environment {
    let mut all: Vec<(String, OsString)> = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, value)| name.starts_with("ETCD_") && !value.is_empty())
        .collect();
    all.sort();
    let mut environment = Environment::default();
    for (name, value) in all {
        environment.take(name, value);
    }
    environment
}

impl Environment {
    fn take(&mut self, name: String, value: OsString) {
        let Some(flag) = flags::by_variable(&name) else {
            let value = value.to_string_lossy().into_owned();
            self.notices.push(if name == "ETCD_VERSION" {
                Notice::Warning(format!("cannot set special environment variable {name}={value}"))
            } else {
                let value = if looks_secret(&name) { "***".to_owned() } else { value };
                Notice::VariableUnknown { name, value }
            });
            return;
        };
        match value.into_string() {
            Ok(value) => self.values.push((flag, value)),
            Err(_) => self.mistakes.push(format!("the value of {name} is not valid UTF-8")),
        }
    }
}

fn looks_secret(name: &str) -> bool {
    ["PASSWORD", "PASSWD", "SECRET", "CREDENTIAL", "PRIVATE"].iter().any(|word| name.contains(word))
}

//! What the operator should be told once logs work.

use std::fmt;

/// Something to log about the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A variable was used; secrets are already masked.
    VariableUsed {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A variable begins with `ETCD_` and belongs to no flag. Values that look like secrets are already masked.
    VariableUnknown {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// The configuration comes from this file alone.
    File {
        /// Its path.
        path: String,
    },
    /// The file has a key that belongs to no flag.
    KeyUnknown {
        /// The key.
        key: String,
    },
    /// Anything else, as a sentence.
    Warning(String),
}

impl Notice {
    /// Whether it is to be logged as a warning; otherwise as information.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::VariableUsed { .. } | Self::File { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VariableUsed { name, value } => {
                write!(f, "recognized and used environment variable {name}={value}")
            }
            Self::VariableUnknown { name, value } => {
                write!(f, "unrecognized environment variable {name}={value}")
            }
            Self::File { path } => write!(
                f,
                "loaded server configuration from {path}; other flags and environment variables are ignored"
            ),
            Self::KeyUnknown { key } => write!(f, "unrecognized key {key} in the configuration file"),
            Self::Warning(text) => f.write_str(text),
        }
    }
}

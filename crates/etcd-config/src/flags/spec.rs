//! What the table says about one flag.

/// One flag, known by its name, its environment variable and its YAML key.
#[derive(Debug, Clone, Copy)]
pub struct FlagSpec {
    /// The name without dashes.
    pub name: &'static str,
    /// Where it is in the YAML file: keys joined with dots. `None` when the file cannot set it.
    pub yaml: Option<&'static str>,
    /// What values it takes.
    pub kind: Kind,
    /// The default, as it would be given on the command line.
    pub default: &'static str,
    /// One line for the help.
    pub help: &'static str,
    /// Its value is never shown.
    pub secret: bool,
}

/// What values a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; the bare flag means `true`.
    Bool,
    /// An unsigned 64-bit number.
    Uint,
    /// An unsigned 32-bit number.
    Uint32,
    /// A signed 64-bit number.
    Int,
    /// Any text.
    Text,
    /// A Go duration such as `1h2m3.5s`; in YAML a number of nanoseconds.
    Duration,
    /// A comma separated list of URLs, each once; may be empty.
    Urls,
    /// As `Urls`, or `*`.
    Origins,
    /// A comma separated list.
    List,
    /// A comma separated list, each word once, sorted.
    Set,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A word that is checked after all flags are known, with etcd's message.
    Checked(&'static [&'static str]),
    /// Taken and dropped.
    Ignored,
}

/// Flags that belong together in the help.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// The headline.
    pub title: &'static str,
    /// The flags, in the order of the help.
    pub flags: &'static [FlagSpec],
}

impl FlagSpec {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, yaml: Some(name), kind, default, help, secret: false }
    }

    pub(super) const fn yaml(self, path: &'static str) -> Self {
        Self { yaml: Some(path), ..self }
    }

    pub(super) const fn no_yaml(self) -> Self {
        Self { yaml: None, ..self }
    }

    pub(super) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The environment variable; `None` for `--version`, which the environment cannot ask for.
    pub fn variable(&self) -> Option<String> {
        (self.name != "version").then(|| format!("ETCD_{}", self.name.to_ascii_uppercase().replace('-', "_")))
    }

    /// Whether the bare flag is complete, so that the next word is not its value.
    pub fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Bool | Kind::Ignored)
    }
}

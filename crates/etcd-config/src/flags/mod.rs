//! The one table of flags, from which command line, environment, YAML keys and help are made.

mod clustering;
mod features;
mod legacy;
mod member;
mod monitoring;
mod security;
mod spec;

pub use spec::{FlagSpec, Kind, Section};

/// All flags, by section, in the order of the help.
pub const SECTIONS: &[Section] = &[
    Section { title: "Member", flags: member::FLAGS },
    Section { title: "Clustering", flags: clustering::FLAGS },
    Section { title: "Security", flags: security::FLAGS },
    Section { title: "Auth", flags: security::AUTH },
    Section { title: "Profiling and Monitoring", flags: monitoring::FLAGS },
    Section { title: "Logging", flags: monitoring::LOGGING },
    Section { title: "Distributed tracing", flags: monitoring::TRACING },
    Section { title: "Features", flags: features::FLAGS },
    Section { title: "Unsafe feature", flags: features::UNSAFE },
    Section { title: "General", flags: features::GENERAL },
    Section { title: "v2 proxy (removed in etcd 3.6)", flags: legacy::PROXY },
    Section { title: "Deprecated", flags: legacy::DEPRECATED },
    Section { title: "Ignored", flags: legacy::IGNORED },
];

pub(crate) use legacy::{ALIASES, GATES};

/// All flags, in the order of the help.
pub fn all() -> impl Iterator<Item = &'static FlagSpec> {
    SECTIONS.iter().flat_map(|section| section.flags)
}

/// The flag with this name, without dashes.
pub fn by_name(name: &str) -> Option<&'static FlagSpec> {
    all().find(|flag| flag.name == name)
}

/// The flag with this environment variable.
pub fn by_variable(variable: &str) -> Option<&'static FlagSpec> {
    all().find(|flag| flag.variable().as_deref() == Some(variable))
}

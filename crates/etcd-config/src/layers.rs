//! The layers of settings, from defaults to the command line, merged by figment.

use std::collections::BTreeSet;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use crate::config::Config;
use crate::flags::{self, ALIASES, FlagSpec, GATES};
use crate::gates;
use crate::rules::LateWords;
use crate::value::{self, BadValue};

/// Values from one source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    source: String,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

impl Layer {
    /// An empty layer; `source` names it in messages.
    pub(crate) fn new(source: &str) -> Self {
        Self { source: source.to_owned(), dict: Dict::new() }
    }

    /// The default of every flag.
    pub(crate) fn defaults() -> Self {
        let mut layer = Self::new("defaults");
        for flag in flags::all() {
            let value = value::parse(flag, flag.default).unwrap_or_else(|_| Value::from(flag.default));
            layer.set(flag.name, value);
        }
        layer
    }

    /// Sets a flag; the last value counts.
    pub(crate) fn set(&mut self, flag: &str, value: Value) {
        self.dict.insert(flag.to_owned(), value);
    }

    fn get(&self, flag: &str) -> Option<&Value> {
        self.dict.get(flag)
    }
}

/// All layers, lowest first, and what was wrong in them.
#[derive(Debug)]
pub(crate) struct Layers {
    defaults: Layer,
    layers: Vec<Layer>,
    pub(crate) explicit: BTreeSet<&'static str>,
    pub(crate) late: Vec<(&'static str, String)>,
}

impl Layers {
    pub(crate) fn new() -> Self {
        let (layers, explicit, late) = Default::default();
        Self { defaults: Layer::defaults(), layers, explicit, late }
    }

    /// Puts texts on top. `describe` makes the message for a value that its flag cannot take.
    pub(crate) fn push_texts(
        &mut self,
        source: &str,
        values: &[(&'static FlagSpec, String)],
        describe: impl Fn(&FlagSpec, &str, &str) -> String,
    ) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut layer = Layer::new(source);
        for (flag, text) in values {
            self.explicit.insert(flag.name);
            match value::parse(flag, text) {
                Ok(value) => {
                    self.late.retain(|(name, _)| *name != flag.name);
                    layer.set(flag.name, value);
                }
                Err(BadValue::Unknown) => self.late.push((flag.name, text.clone())),
                Err(BadValue::Syntax(reason)) => {
                    let shown = if flag.secret { "***" } else { text.as_str() };
                    mistakes.push(describe(flag, shown, &reason));
                }
            }
        }
        self.layers.push(layer);
        mistakes
    }

    /// Puts values of the file on top.
    pub(crate) fn push_values(&mut self, source: &str, values: Vec<(&'static FlagSpec, Value)>) {
        let mut layer = Layer::new(source);
        for (flag, value) in values {
            self.explicit.insert(flag.name);
            layer.set(flag.name, value);
        }
        self.layers.push(layer);
    }

    /// Moves values of old names to the new ones. Returns mistakes and warnings.
    pub(crate) fn rename(&mut self) -> (Vec<String>, Vec<String>) {
        let (mut mistakes, mut warnings) = (Vec::new(), Vec::new());
        let mut top = Layer::new("deprecated flags");
        for (old, new) in ALIASES {
            let Some(value) = self.take_explicit(old) else { continue };
            if self.explicit.contains(new) {
                mistakes.push(format!(
                    "cannot set --{old} and --{new} at the same time, please use --{new} only"
                ));
            }
            warnings.push(format!("--{old} is deprecated; use --{new} instead"));
            self.explicit.insert(new);
            top.set(new, value);
        }
        let mut gates = self.text("feature-gates");
        for (old, gate) in GATES {
            let Some(value) = self.take_explicit(old).and_then(|value| value.to_bool()) else { continue };
            if gates.split(',').any(|item| item.split('=').next() == Some(gate)) {
                let set =
                    gates::parse(&gates).ok().and_then(|gates| gates.get(gate).copied()).unwrap_or_default();
                mistakes.push(format!(
                    "cannot specify both flags: --{old}={value} and --feature-gates={gate}={set} at the same \
                     time, please just use --feature-gates={gate}={set}"
                ));
            }
            warnings.push(format!("--{old} is deprecated; use --feature-gates={gate}={value} instead"));
            let comma = if gates.is_empty() { "" } else { "," };
            gates = format!("{gates}{comma}{gate}={value}");
            top.set("feature-gates", Value::from(gates.as_str()));
        }
        if self.take_explicit("debug").and_then(|value| value.to_bool()) == Some(true) {
            warnings.push("--debug is deprecated; use --log-level=debug instead".to_owned());
            if !self.explicit.contains("log-level") {
                top.set("log-level", Value::from("debug"));
            }
        }
        self.layers.push(top);
        (mistakes, warnings)
    }

    /// Whether the flag is not at its default.
    pub(crate) fn differs(&self, flag: &str) -> bool {
        let set = self.layers.iter().rev().find_map(|layer| layer.get(flag));
        set.is_some_and(|value| Some(value) != self.defaults.get(flag))
    }

    /// The words that etcd would refuse when it validates.
    pub(crate) fn late(&self) -> &LateWords {
        &self.late
    }

    /// Merges the layers.
    ///
    /// # Errors
    /// When the table of flags and [`Config`] do not fit; values themselves have been checked before.
    pub(crate) fn extract(&self) -> Result<Config, Box<figment::Error>> {
        let bottom = Figment::new().merge(self.defaults.clone());
        let figment = self.layers.iter().cloned().fold(bottom, Figment::merge);
        let mut config: Config = figment.extract().map_err(Box::new)?;
        config.discovery = figment.extract().map_err(Box::new)?;
        config.client_tls = figment.extract().map_err(Box::new)?;
        config.peer_tls = figment.extract().map_err(Box::new)?;
        config.tracing = figment.extract().map_err(Box::new)?;
        config.v2_proxy = figment.extract().map_err(Box::new)?;
        config.explicit.clone_from(&self.explicit);
        Ok(config)
    }

    fn take_explicit(&self, flag: &str) -> Option<Value> {
        self.layers.iter().rev().find_map(|layer| layer.get(flag)).cloned()
    }

    fn text(&self, flag: &str) -> String {
        self.take_explicit(flag).and_then(|value| value.into_string()).unwrap_or_default()
    }
}

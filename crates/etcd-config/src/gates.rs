//! `--feature-gates`: known names, their defaults, and what can be turned on.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::value::parse_bool;

/// Name, default, whether it is an alpha feature.
const KNOWN: &[(&str, bool, bool)] = &[
    ("CompactHashCheck", false, true),
    ("FastLeaseKeepAlive", true, false),
    ("InitialCorruptCheck", false, true),
    ("LeaseCheckpoint", false, true),
    ("LeaseCheckpointPersist", false, true),
    ("PriorityRequest", false, true),
    ("SetMemberLocalAddr", false, true),
    ("StopGRPCServiceOnDefrag", false, true),
    ("TxnModeWriteWithSharedBuffer", true, false),
];

/// Gates that do something here; the others stop the start when they are not at their default.
pub(crate) const SUPPORTED: &[&str] = &[
    "CompactHashCheck",
    "FastLeaseKeepAlive",
    "InitialCorruptCheck",
    "LeaseCheckpoint",
    "LeaseCheckpointPersist",
];

/// Reads `Name=bool,…` into the state of every gate.
///
/// # Errors
/// etcd's message for the first item that is wrong.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<&'static str, bool>, String> {
    let mut gates: BTreeMap<&str, bool> = KNOWN.iter().map(|(name, default, _)| (*name, *default)).collect();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (name, value) = item.split_once('=').ok_or_else(|| format!("missing bool value for {item}"))?;
        let (name, value) = (name.trim(), value.trim());
        let value = parse_bool(value).ok_or_else(|| {
            format!(
                "invalid value of {name}={value}, err: strconv.ParseBool: parsing \"{value}\": invalid syntax"
            )
        })?;
        match name {
            "AllAlpha" => gates.extend(KNOWN.iter().filter(|gate| gate.2).map(|gate| (gate.0, value))),
            "AllBeta" => gates.extend(KNOWN.iter().filter(|gate| !gate.2).map(|gate| (gate.0, value))),
            _ => {
                let known = KNOWN.iter().find(|gate| gate.0 == name);
                let (name, ..) = known.ok_or_else(|| format!("unrecognized feature gate: {name}"))?;
                gates.insert(name, value);
            }
        }
    }
    Ok(gates)
}

impl Config {
    /// Every feature gate: its name, its stage as etcd names it, and whether it is on.
    pub fn gates(&self) -> Vec<(&'static str, &'static str, bool)> {
        let gates = parse(&self.feature_gates).unwrap_or_default();
        let stage = |alpha: bool| if alpha { "ALPHA" } else { "BETA" };
        let on = |name: &str| gates.get(name).copied().unwrap_or(false);
        KNOWN.iter().map(|(name, _, alpha)| (*name, stage(*alpha), on(name))).collect()
    }

    /// Whether the feature of this name is on; its default when the gates do not name it, false when there is none.
    pub fn has_gate(&self, name: &str) -> bool {
        let gates = parse(&self.feature_gates);
        gates.is_ok_and(|gates| gates.get(name).copied().unwrap_or(false))
    }
}

/// The gates that are not at their default.
pub(crate) fn changed(gates: &BTreeMap<&'static str, bool>) -> Vec<(&'static str, bool)> {
    let default = |name: &str| KNOWN.iter().any(|gate| gate.0 == name && gate.1);
    gates
        .iter()
        .filter(|(name, value)| default(name) != **value)
        .map(|(name, value)| (*name, *value))
        .collect()
}

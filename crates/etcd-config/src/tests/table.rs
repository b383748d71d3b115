//! The table of flags itself.

use std::collections::BTreeSet;

use super::run;
use crate::flags::{self, FlagSpec, Kind};
use crate::{Invocation, Notice, argv, duration, help, layers, support, value};

/// A valid value, not the default where that is easy.
fn sample(flag: &FlagSpec) -> String {
    match flag.kind {
        Kind::Bool => (flag.default != "true").to_string(),
        Kind::Uint | Kind::Uint32 | Kind::Int => "9876".to_owned(),
        Kind::Duration => "9876ms".to_owned(),
        Kind::Urls | Kind::Origins => "http://127.0.0.9:1".to_owned(),
        Kind::Choice(words) | Kind::Checked(words) if !words.is_empty() => words[words.len() - 1].to_owned(),
        Kind::Choice(_) | Kind::Checked(_) => String::new(),
        Kind::Text | Kind::List | Kind::Set | Kind::Ignored => "sample".to_owned(),
    }
}

fn yaml(flag: &FlagSpec, path: &str) -> String {
    let sample = match flag.kind {
        Kind::Duration => "9876000000".to_owned(),
        Kind::List => "[sample]".to_owned(),
        Kind::Text | Kind::Choice(_) | Kind::Checked(_) => format!("\"{}\"", sample(flag)),
        _ => sample(flag),
    };
    let keys: Vec<&str> = path.split('.').collect();
    let (last, groups) = keys.split_last().unwrap();
    let mut text: String =
        groups.iter().enumerate().map(|(depth, key)| format!("{}{key}:\n", "  ".repeat(depth))).collect();
    text.push_str(&format!("{}{last}: {sample}\n", "  ".repeat(groups.len())));
    text
}

/// Whatever else is wrong with the sample alone, the flag must be known: by name, by variable and by YAML key.
#[test]
fn every_flag_is_known_by_all_its_names() {
    for flag in flags::all() {
        let argument = format!("--{}={}", flag.name, sample(flag));
        if let Err(failure) = run(&[&argument], &[], Some("")) {
            assert_eq!(failure.exit_code, 1, "{argument}: {failure}");
        }
        if let Some(variable) = flag.variable() {
            match run(&[], &[(variable.as_str(), sample(flag).as_str())], Some("")) {
                Ok(Invocation::Run(config, notices)) => {
                    assert!(
                        !notices.iter().any(|notice| matches!(notice, Notice::VariableUnknown { .. })),
                        "{variable}"
                    );
                    let file = flag.name == "config-file";
                    assert!(file || sample(flag).is_empty() || config.is_set(flag.name), "{variable}");
                }
                Ok(other) => panic!("{variable}: {other:?}"),
                Err(failure) => {
                    assert!(!failure.to_string().contains("invalid value"), "{variable}: {failure}")
                }
            }
        }
        if let Some(path) = flag.yaml {
            let yaml = yaml(flag, path);
            match run(&["--config-file=x"], &[], Some(&yaml)) {
                Ok(Invocation::Run(config, notices)) => {
                    assert!(
                        !notices.iter().any(|notice| matches!(notice, Notice::KeyUnknown { .. })),
                        "{yaml}"
                    );
                    assert!(config.is_set(flag.name), "{yaml}");
                }
                Ok(other) => panic!("{yaml}: {other:?}"),
                Err(failure) => assert!(!failure.to_string().contains("invalid value"), "{yaml}: {failure}"),
            }
        }
    }
}

#[test]
fn no_name_is_given_twice_and_defaults_are_values() {
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for flag in flags::all() {
        assert!(names.insert(flag.name), "{} twice", flag.name);
        assert!(flag.yaml.is_none_or(|path| paths.insert(path)), "{} twice", flag.name);
        assert!(value::parse(flag, flag.default).is_ok(), "{}", flag.name);
        assert!(flag.help.ends_with('.') && !flag.help.contains('\n'), "{}", flag.name);
    }
    layers::Layers::new().extract().unwrap();
    argv::command().debug_assert();
    for (old, new) in flags::ALIASES {
        let (old, new) = (flags::by_name(old).unwrap(), flags::by_name(new).unwrap());
        assert_eq!((old.kind, old.default), (new.kind, new.default), "{}", old.name);
    }
    for flag in support::UNSUPPORTED.iter().chain(support::NO_EFFECT).map(|(flag, _)| *flag) {
        assert!(flags::by_name(flag).is_some(), "{flag}");
    }
}

#[test]
fn help_is_complete() {
    let help = help::help();
    for flag in flags::all() {
        assert!(help.contains(&format!("\n  --{}", flag.name)), "{}", flag.name);
        assert!(help.contains(flag.help), "{}", flag.name);
    }
    let versions = help::Versions {
        etcd: "3.7.0",
        own: "0.1.0",
        commit: "abc",
        compiler: "rustc 1",
        platform: "linux/x86_64",
    };
    assert!(help::version(versions).starts_with("etcd Version: 3.7.0\n"));
}

#[test]
fn durations_are_those_of_go() {
    let check = |text: &str, nanos: Option<u64>| {
        assert_eq!(
            duration::parse(text).map(|duration| duration.as_nanos()),
            nanos.map(u128::from),
            "{text}"
        );
    };
    check("0", Some(0));
    check("100ms", Some(100_000_000));
    check("1h2m3s", Some(3_723_000_000_000));
    check("1.5s", Some(1_500_000_000));
    check(".5s", Some(500_000_000));
    check("1.s", Some(1_000_000_000));
    check("+2us", Some(2000));
    check("3µs4ns", Some(3004));
    check("0.333333333333333333333h", Some(1_199_999_999_999));
    check("9223372036854775807ns", Some(9_223_372_036_854_775_807));
    for bad in [
        "",
        "5",
        "s",
        ".",
        ".s",
        "1..2s",
        "1 s",
        "1S",
        "1d",
        "9223372036854775808ns",
        "99999999999h",
        "1sx",
        "-",
        "+",
    ] {
        check(bad, None);
    }
    for text in ["0s", "1ns", "1.5µs", "100ms", "1.001s", "1m0s", "2h0m0s", "1h2m3.5s"] {
        assert_eq!(duration::show(duration::parse(text).unwrap()), text);
    }
}

#[test]
fn numbers_are_those_of_go() {
    let check = |flag: &str, text: &str, want: Result<i128, &str>| {
        let got = match value::parse(flags::by_name(flag).unwrap(), text) {
            Ok(value) => {
                Ok(value.to_i128().unwrap_or_else(|| i128::try_from(value.to_u128().unwrap()).unwrap()))
            }
            Err(value::BadValue::Syntax(reason)) => Err(reason),
            Err(other) => panic!("{flag} {text}: {other:?}"),
        };
        assert_eq!(got, want.map_err(str::to_owned), "{flag} {text}");
    };
    for (text, want) in
        [("0", 0), ("007", 7), ("0x1F", 31), ("0b11", 3), ("0o17", 15), ("1_000", 1000), ("0x_f", 15)]
    {
        check("snapshot-count", text, Ok(want));
    }
    for bad in ["", "08", "1__0", "_1", "1_", "+1", "-1", "0x", "1e3", "1.0", " 1", "a"] {
        check("snapshot-count", bad, Err("parse error"));
    }
    check("snapshot-count", "18446744073709551616", Err("value out of range"));
    check("backend-batch-limit", "-9223372036854775808", Ok(i128::from(i64::MIN)));
    check("backend-batch-limit", "9223372036854775808", Err("value out of range"));
    check("backend-batch-limit", "+5", Ok(5));
    check("backend-batch-limit", "--5", Err("parse error"));
}

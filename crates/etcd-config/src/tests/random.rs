//! Nothing that can be typed makes the parser panic.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use proptest::prelude::*;

use super::run;
use crate::{flags, parse_with};

fn flag_name() -> impl Strategy<Value = String> {
    let names: Vec<&str> = flags::all().map(|flag| flag.name).collect();
    proptest::sample::select(names).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    let known = [
        "",
        "true",
        "0",
        "-1",
        "1h",
        "http://a:1",
        "a=http://a:1,b=",
        "*",
        "new",
        "[",
        "::",
        "%",
        "=",
        "Foo=true",
    ];
    prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), "\\PC{0,12}"]
}

fn argument() -> impl Strategy<Value = String> {
    prop_oneof![
        (flag_name(), text()).prop_map(|(name, text)| format!("--{name}={text}")),
        flag_name().prop_map(|name| format!("-{name}")),
        text(),
        "-{0,3}\\PC{0,8}",
    ]
}

fn bytes() -> impl Strategy<Value = OsString> {
    proptest::collection::vec(any::<u8>(), 0..12).prop_map(OsString::from_vec)
}

proptest! {
    // clap checks its own table anew for each case, which takes most of the time.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arguments_and_variables(
        argv in proptest::collection::vec(argument(), 0..6),
        env in proptest::collection::vec((flag_name(), text()), 0..4),
    ) {
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let env: Vec<(String, String)> =
            env.into_iter().map(|(name, text)| (format!("ETCD_{}", name.to_uppercase().replace('-', "_")), text)).collect();
        let env: Vec<(&str, &str)> = env.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        if let Err(failure) = run(&argv, &env, None) {
            prop_assert!(!failure.mistakes.is_empty());
            prop_assert!(failure.exit_code == 1 || failure.exit_code == 2);
        }
    }

    #[test]
    fn bytes_that_are_no_text(
        argv in proptest::collection::vec(bytes(), 0..4),
        value in bytes(),
        name in flag_name(),
    ) {
        let mut argument = OsString::from(format!("--{name}="));
        argument.push(&value);
        let env = [(OsString::from("ETCD_NAME"), value)];
        let _ = parse_with(argv.into_iter().chain([argument]), env, |_| Ok(String::new()));
    }

    #[test]
    fn files(keys in proptest::collection::vec((flag_name(), text()), 0..5), junk in "\\PC{0,40}") {
        let yaml: String = keys.iter().map(|(name, text)| format!("{name}: {text}\n")).collect();
        let _ = run(&["--config-file=x"], &[], Some(&yaml));
        let _ = run(&["--config-file=x"], &[], Some(&junk));
    }
}

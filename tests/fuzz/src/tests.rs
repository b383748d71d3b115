use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::*;

/// Mutations of each target, unless `FUZZ_RUNS` says otherwise. A count, so that a run is the same everywhere.
const RUNS: usize = 300;

/// Targets for which that would take long, and the mutations of theirs: a member is opened, and does a little of everything.
const FEWER: [(&str, usize); 1] = [("rows", 60)];

fn number(name: &str) -> Option<usize> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Gives the target its seeds, the files of its corpus, and mutations of them.
fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let mut inputs = (target.seeds)();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let files = std::fs::read_dir(corpus).into_iter().flatten();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    inputs.extend(paths.into_iter().map(|path| std::fs::read(path).unwrap()));
    assert!(!inputs.is_empty(), "{name} has a seed");
    let mut mutator = Mutator::new(number("FUZZ_SEED").unwrap_or(0) as u64);
    let runs = FEWER.iter().find(|(slow, _)| *slow == name).map_or(RUNS, |(_, runs)| *runs);
    let mutations = (0..number("FUZZ_RUNS").unwrap_or(runs)).map(|_| mutator.next(&inputs));
    for data in inputs.iter().cloned().chain(mutations) {
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&data))).is_err() {
            let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            panic!("{name} breaks on {hex}");
        }
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_target_has_a_test() {
            let tests = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tests);
        }
    };
}

tests! {
    wal peer_messages peer_appends log_entry membership_change messages grpc_body gateway_request gateway_answer
    v2_form v2_path arguments config_file urls versions token_options jwt snapshot rows v2_rows discovery_v2
    discovery_v3 dns pem crl certificate
}

#[test]
fn mutations_are_always_the_same() {
    let inputs = [b"one".to_vec(), b"another".to_vec()];
    let [mut first, mut second] = [Mutator::new(7), Mutator::new(7)];
    assert!((0..100).all(|_| first.next(&inputs) == second.next(&inputs)));
}

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Two registers that can be written, read, and compared and swapped.
struct Registers;

#[derive(Debug, Clone, Copy)]
enum Op {
    Write(u8, u32),
    Read(u8),
    /// Register, expected, new.
    Swap(u8, u32, u32),
}

use Op::{Read, Swap, Write};

impl Model for Registers {
    type State = BTreeMap<u8, u32>;
    type Op = Op;
    /// What is read, or whether it was swapped; 1 for a write.
    type Output = u32;

    fn initial(&self) -> Self::State {
        BTreeMap::new()
    }

    fn step(&self, state: &Self::State, op: &Op, output: Option<&u32>) -> Option<Self::State> {
        let mut next = state.clone();
        let value = |register| state.get(register).copied().unwrap_or_default();
        let right = match op {
            Write(register, value) => {
                next.insert(*register, *value);
                1
            }
            Read(register) => value(register),
            Swap(register, expected, new) => {
                let fits = value(register) == *expected;
                if fits {
                    next.insert(*register, *new);
                }
                fits.into()
            }
        };
        output.is_none_or(|output| *output == right).then_some(next)
    }
}

/// A history in letters: `a` upper case begins an operation of that client, lower case ends it.
fn history(order: &str, operations: &[(char, Op, u32)]) -> Recorder<Op, u32> {
    let mut recorder = Recorder::new();
    let mut running = BTreeMap::new();
    let mut rest = operations.to_vec();
    for letter in order.chars() {
        let client = letter.to_ascii_lowercase();
        if letter.is_uppercase() {
            let next = rest.iter().position(|(of, ..)| *of == client).expect("an operation of this client");
            let (_, op, output) = rest.remove(next);
            running.insert(client, (recorder.call(op), output));
        } else {
            let (id, output) = running.remove(&client).expect("it has begun");
            recorder.give(id, output);
        }
    }
    recorder
}

#[track_caller]
fn is(order: &str, operations: &[(char, Op, u32)], expected: bool) {
    let history = history(order, operations);
    let verdict = check(&Registers, &history, 100_000);
    assert_eq!(verdict == Verdict::Linearizable, expected, "{verdict:?} of\n{history}");
    assert_ne!(verdict, Verdict::Undecided);
}

#[test]
fn one_after_the_other() {
    is("", &[], true);
    is("AaAa", &[('a', Write(0, 1), 1), ('a', Read(0), 1)], true);
    is("AaAa", &[('a', Write(0, 1), 1), ('a', Read(0), 0)], false);
    is("Aa", &[('a', Read(0), 3)], false);
}

#[test]
fn at_the_same_time_either_may_be_first() {
    for (read, fits) in [(0, true), (1, true), (2, false)] {
        is("ABab", &[('a', Write(0, 1), 1), ('b', Read(0), read)], fits);
    }
    // Two writes and two reads that see them in different orders.
    let reads = |first, second| {
        [('a', Write(0, 1), 1), ('b', Write(0, 2), 1), ('c', Read(0), first), ('c', Read(0), second)]
    };
    for (first, second) in [(1, 2), (2, 1), (0, 1), (0, 2), (0, 0), (2, 2)] {
        is("ABCcCcab", &reads(first, second), true);
    }
    is("ABCcCcab", &reads(1, 0), false);
    let other = |one: [u32; 2], two: [u32; 2]| {
        [
            ('a', Write(0, 1), 1),
            ('b', Write(0, 2), 1),
            ('c', Read(0), one[0]),
            ('c', Read(0), one[1]),
            ('d', Read(0), two[0]),
            ('d', Read(0), two[1]),
        ]
    };
    is("ABCDcdCDcdab", &other([1, 2], [1, 2]), true);
    is("ABCDcdCDcdab", &other([1, 2], [2, 1]), false);
}

#[test]
fn a_stale_read_is_none() {
    let stale = [('a', Write(0, 1), 1), ('a', Write(0, 2), 1), ('b', Read(0), 1)];
    is("AaABab", &stale, true);
    is("AaAaBb", &stale, false);
}

#[test]
fn a_lost_update_is_none() {
    let swaps = [('a', Swap(0, 0, 1), 1), ('b', Swap(0, 0, 2), 1)];
    is("ABab", &swaps, false);
    is("ABab", &[swaps[0], ('b', Swap(0, 0, 2), 0)], true);
    is("AaBb", &[swaps[0], ('b', Swap(0, 1, 2), 1)], true);
    is("BbAa", &[swaps[0], ('b', Swap(0, 1, 2), 1)], false);
}

#[test]
fn two_objects_have_one_order() {
    // Each alone would be right.
    let writes = [('a', Write(0, 1), 1), ('b', Write(1, 1), 1)];
    let cross = [('c', Read(0), 1), ('c', Read(1), 0), ('d', Read(1), 1), ('d', Read(0), 0)];
    is("ABCDcdCDcdab", &[writes.as_slice(), &cross].concat(), false);
    let along = [('c', Read(0), 1), ('c', Read(1), 0), ('d', Read(0), 1), ('d', Read(1), 1)];
    is("ABCDcdCDcdab", &[writes.as_slice(), &along].concat(), true);
}

#[test]
fn what_is_pending_may_have_happened_at_any_later_time_or_never() {
    let reads =
        |values: [u32; 2]| [('a', Write(0, 1), 1), ('b', Read(0), values[0]), ('b', Read(0), values[1])];
    is("ABbBb", &reads([0, 0]), true);
    is("ABbBb", &reads([0, 1]), true);
    is("ABbBb", &reads([1, 1]), true);
    // Not undone, and not before it was called.
    is("ABbBb", &reads([1, 0]), false);
    is("BbABb", &reads([1, 1]), false);
    is("BbABb", &reads([0, 1]), true);
}

#[test]
fn what_is_forgotten_is_not_tried() {
    let mut recorder = Recorder::new();
    let write = recorder.call(Write(0, 1));
    let read = recorder.call(Read(0));
    recorder.give(read, 1);
    assert_eq!(check(&Registers, &recorder, 100), Verdict::Linearizable);
    recorder.forget(write);
    assert!(matches!(check(&Registers, &recorder, 100), Verdict::NotLinearizable { .. }));
}

#[test]
fn many_pending_operations_do_not_hurt() {
    let mut recorder = Recorder::new();
    for number in 0..200 {
        recorder.call(Write(0, 1000 + number));
        let (write, read) = (recorder.call(Write(1, number)), recorder.call(Read(1)));
        recorder.give(read, number);
        recorder.give(write, 1);
    }
    assert_eq!(check(&Registers, &recorder, 1_000_000), Verdict::Linearizable);
}

#[test]
fn what_cannot_be_decided_is_not_right() {
    let mut recorder = Recorder::new();
    let write = recorder.call(Write(0, 1));
    recorder.give(write, 1);
    assert_eq!(check(&Registers, &recorder, 0), Verdict::Undecided);
    assert_eq!(check(&Registers, &recorder, 1), Verdict::Linearizable);
}

#[test]
fn the_verdict_names_what_does_not_fit() {
    let history = history("AaBbCc", &[('a', Write(0, 1), 1), ('b', Read(0), 0), ('c', Read(0), 1)]);
    let Verdict::NotLinearizable { longest, stuck } = check(&Registers, &history, 100) else { panic!() };
    assert_eq!((longest, stuck), (vec![Id(0)], Id(1)));
    assert!(history.to_string().contains("1 gives 0\n"), "{history}");
}

/// Every order of the operations that keeps to time, tried one by one.
fn brute_force(history: &Recorder<Op, u32>) -> bool {
    fn search(history: &Recorder<Op, u32>, done: &mut Vec<usize>, state: &BTreeMap<u8, u32>) -> bool {
        let operations = history.operations();
        if (0..operations.len()).all(|id| done.contains(&id) || operations[id].output.is_none()) {
            return true;
        }
        let place = |event| history.events.iter().position(|other| *other == event);
        for id in 0..operations.len() {
            let begins = place(history::Event::Call(id)).unwrap();
            let too_early = (0..operations.len()).any(|other| {
                let ended = place(history::Event::Return(other)).is_some_and(|ended| ended < begins);
                ended && !done.contains(&other)
            });
            if done.contains(&id) || too_early {
                continue;
            }
            let operation = &operations[id];
            if let Some(next) = Registers.step(state, &operation.op, operation.output.as_ref()) {
                done.push(id);
                if search(history, done, &next) {
                    return true;
                }
                done.pop();
            }
        }
        false
    }
    search(history, &mut Vec::new(), &BTreeMap::new())
}

fn an_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..2_u8, 1..3_u32).prop_map(|(register, value)| Write(register, value)),
        (0..2_u8).prop_map(Read),
        (0..2_u8, 0..3_u32, 1..3_u32).prop_map(|(register, expected, new)| Swap(register, expected, new)),
    ]
}

proptest! {
    /// Up to six operations of three clients, some of them never answered, with any answers.
    #[test]
    fn the_search_finds_what_trying_everything_finds(
        moves in prop::collection::vec((0..3_usize, an_op(), 0..3_u32, prop::bool::weighted(0.1)), 1..12),
    ) {
        let mut recorder = Recorder::new();
        let mut running: [Option<Id>; 3] = [None; 3];
        for (client, op, output, gives_up) in moves {
            match running[client].take() {
                None if recorder.operations().len() < 6 => running[client] = Some(recorder.call(op)),
                Some(id) if !gives_up => recorder.give(id, output),
                _ => {}
            }
        }
        let verdict = check(&Registers, &recorder, 1_000_000);
        prop_assert_eq!(verdict == Verdict::Linearizable, brute_force(&recorder), "{}", recorder);
    }

    /// What really went one after the other is found to be so, however calls and returns lie around it.
    #[test]
    fn a_real_run_is_linearizable(
        moves in prop::collection::vec((0..4_usize, an_op(), 0..3_u8), 1..120),
    ) {
        let mut recorder = Recorder::new();
        let mut state = BTreeMap::new();
        // Called and not done, or done and not returned.
        let mut running: [Option<(Id, Op, Option<u32>)>; 4] = [None; 4];
        for (client, op, what) in moves {
            match (running[client].take(), what) {
                (None, _) => running[client] = Some((recorder.call(op), op, None)),
                (Some((id, _, Some(output))), _) => recorder.give(id, output),
                (Some((id, op, None)), 0) => running[client] = Some((id, op, None)),
                (Some((id, op, None)), _) => {
                    let outputs = 0..3;
                    let mut steps = outputs.filter_map(|output| {
                        Registers.step(&state, &op, Some(&output)).map(|next| (output, next))
                    });
                    let (output, next) = steps.next().expect("it answers something");
                    state = next;
                    running[client] = Some((id, op, Some(output)));
                }
            }
        }
        prop_assert_eq!(check(&Registers, &recorder, 1_000_000), Verdict::Linearizable, "{}", recorder);
    }
}

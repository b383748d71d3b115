//! Two clients and a register: may the second have read what it did?

use etcd_linearize::{Model, Recorder, check};

struct Register;

impl Model for Register {
    type State = u32;
    /// A write, or a read.
    type Op = Option<u32>;
    type Output = u32;

    fn initial(&self) -> u32 {
        0
    }

    fn step(&self, state: &u32, op: &Option<u32>, output: Option<&u32>) -> Option<u32> {
        let next = op.unwrap_or(*state);
        output.is_none_or(|output| *output == next).then_some(next)
    }
}

#[expect(clippy::print_stdout, reason = "an example shows something")]
fn main() {
    let mut history = Recorder::new();
    let write = history.call(Some(7));
    let read = history.call(None);
    history.give(read, 7);
    history.give(write, 7);
    let stale = history.call(None);
    history.give(stale, 0);
    println!("{history}{:?}", check(&Register, &history, 1000));
}

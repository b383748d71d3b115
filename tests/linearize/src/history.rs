//! What was called and given, in the order of time.

use std::fmt::{self, Debug};

/// Names an operation of one [`Recorder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(crate) usize);

/// An operation of a history.
#[derive(Debug, Clone)]
pub struct Operation<O, R> {
    /// What was asked.
    pub op: O,
    /// What was answered; `None` while it is pending.
    pub output: Option<R>,
}

/// A history as it comes about.
#[derive(Debug, Clone)]
pub struct Recorder<O, R> {
    pub(crate) operations: Vec<Operation<O, R>>,
    pub(crate) events: Vec<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Call(usize),
    Return(usize),
}

impl<O, R> Recorder<O, R> {
    /// An empty history.
    #[must_use]
    pub const fn new() -> Self {
        Self { operations: Vec::new(), events: Vec::new() }
    }

    /// Somebody begins `op`.
    pub fn call(&mut self, op: O) -> Id {
        let id = self.operations.len();
        self.operations.push(Operation { op, output: None });
        self.events.push(Event::Call(id));
        Id(id)
    }

    /// An operation has ended with `output`.
    ///
    /// # Panics
    /// It ended before, or is of another recorder.
    pub fn give(&mut self, id: Id, output: R) {
        let operation = &mut self.operations[id.0];
        assert!(operation.output.is_none(), "operation {} has ended twice", id.0);
        operation.output = Some(output);
        self.events.push(Event::Return(id.0));
    }

    /// An operation that has not ended has changed nothing, and never will: the search need not try it.
    ///
    /// # Panics
    /// It ended before, or is of another recorder.
    pub fn forget(&mut self, id: Id) {
        assert!(self.operations[id.0].output.is_none(), "operation {} has ended", id.0);
        self.events.retain(|event| *event != Event::Call(id.0));
    }

    /// All operations, in the order of their calls.
    #[must_use]
    pub fn operations(&self) -> &[Operation<O, R>] {
        &self.operations
    }
}

impl<O, R> Default for Recorder<O, R> {
    fn default() -> Self {
        Self::new()
    }
}

/// One line for each call and each return, in the order of time.
impl<O: Debug, R: Debug> fmt::Display for Recorder<O, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            match *event {
                Event::Call(id) => writeln!(f, "{id} calls {:?}", self.operations[id].op)?,
                Event::Return(id) => {
                    writeln!(
                        f,
                        "{id} gives {:?}",
                        self.operations[id].output.as_ref().expect("it was given")
                    )?;
                }
            }
        }
        Ok(())
    }
}

//! The search for an order.
//!
//! Calls and returns are a list in the order of time. From its head on, each call is tried as the next operation of the
//! sequential run; one that fits is taken out together with its return, and the search begins anew at the head. A
//! return that is met means that its operation had to come before: the last choice was wrong, and is put back.

use std::collections::HashSet;

use crate::Model;
use crate::history::{Event, Id, Recorder};

/// What [`check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none.
    NotLinearizable {
        /// The operations of the longest run that was found, in its order.
        longest: Vec<Id>,
        /// The operation whose return no order could go past after the longest run.
        stuck: Id,
    },
    /// `budget` steps of the model were not enough to know.
    Undecided,
}

/// Looks for an order of the operations of `history` that `model` accepts, with at most `budget` steps of the model.
///
/// Time and memory grow with the budget and nothing else.
pub fn check<M: Model>(model: &M, history: &Recorder<M::Op, M::Output>, budget: usize) -> Verdict {
    let mut list = List::new(&history.events, history.operations.len());
    let mut left = history.operations.iter().filter(|operation| operation.output.is_some()).count();
    let mut state = model.initial();
    let mut done = Set::new(history.operations.len());
    let mut tried = HashSet::new();
    let mut run: Vec<(usize, M::State)> = Vec::new();
    let mut longest: (Vec<usize>, Option<usize>) = (Vec::new(), None);
    let mut budget = budget;
    let mut at = list.first();
    while left > 0 {
        if let Some((place, Event::Call(id))) = at {
            if budget == 0 {
                return Verdict::Undecided;
            }
            budget -= 1;
            let operation = &history.operations[id];
            let next = model.step(&state, &operation.op, operation.output.as_ref());
            at = list.after(place);
            let Some(next) = next else { continue };
            let with = done.with(id);
            if tried.insert((with.clone(), next.clone())) {
                run.push((id, std::mem::replace(&mut state, next)));
                done = with;
                list.remove(id);
                left -= usize::from(operation.output.is_some());
                at = list.first();
            }
            continue;
        }
        // No call before this return fits, or none at all.
        let stuck = at.map(|(_, event)| event.id());
        if longest.1.is_none() || run.len() > longest.0.len() {
            longest = (run.iter().map(|(id, _)| *id).collect(), stuck.or(longest.1));
        }
        let Some((id, before)) = run.pop() else {
            return Verdict::NotLinearizable {
                longest: longest.0.into_iter().map(Id).collect(),
                stuck: Id(longest.1.expect("operations are left, and so are their returns")),
            };
        };
        state = before;
        done = done.without(id);
        list.put_back(id);
        left += usize::from(history.operations[id].output.is_some());
        at = list.after(list.call_of[id]);
    }
    Verdict::Linearizable
}

impl Event {
    const fn id(self) -> usize {
        match self {
            Self::Call(id) | Self::Return(id) => id,
        }
    }
}

/// The events that are left: a list with links both ways, so that what was taken out finds its place again.
struct List {
    events: Vec<Event>,
    /// Links; place `i + 1` is that of event `i`, and place 0 is both ends.
    next: Vec<usize>,
    previous: Vec<usize>,
    call_of: Vec<usize>,
    return_of: Vec<Option<usize>>,
}

impl List {
    fn new(events: &[Event], operations: usize) -> Self {
        let places = events.len() + 1;
        let mut list = Self {
            events: events.to_vec(),
            next: (1..=places).map(|next| next % places).collect(),
            previous: (0..places).map(|place| (place + places - 1) % places).collect(),
            call_of: vec![0; operations],
            return_of: vec![None; operations],
        };
        for (index, event) in events.iter().enumerate() {
            match *event {
                Event::Call(id) => list.call_of[id] = index + 1,
                Event::Return(id) => list.return_of[id] = Some(index + 1),
            }
        }
        list
    }

    fn first(&self) -> Option<(usize, Event)> {
        self.after(0)
    }

    /// The event after this place, with its own.
    fn after(&self, place: usize) -> Option<(usize, Event)> {
        let next = self.next[place];
        (next > 0).then(|| (next, self.events[next - 1]))
    }

    fn remove(&mut self, id: usize) {
        for place in std::iter::once(self.call_of[id]).chain(self.return_of[id]) {
            let (before, after) = (self.previous[place], self.next[place]);
            self.next[before] = after;
            self.previous[after] = before;
        }
    }

    /// Undoes the last removal that was not undone.
    fn put_back(&mut self, id: usize) {
        for place in self.return_of[id].into_iter().chain([self.call_of[id]]) {
            let (before, after) = (self.previous[place], self.next[place]);
            self.next[before] = place;
            self.previous[after] = place;
        }
    }
}

/// A set of operations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Set(Box<[u64]>);

impl Set {
    fn new(operations: usize) -> Self {
        Self(vec![0; operations.div_ceil(64)].into())
    }

    fn with(&self, id: usize) -> Self {
        let mut set = self.clone();
        set.0[id / 64] |= 1 << (id % 64);
        set
    }

    fn without(&self, id: usize) -> Self {
        let mut set = self.clone();
        set.0[id / 64] &= !(1 << (id % 64));
        set
    }
}

mod limits;
mod model;
mod semantics;
mod watch;

use std::collections::BTreeMap;

use crate::*;

/// Where a database would be.
#[derive(Default, Clone)]
struct Rows(BTreeMap<Vec<u8>, Vec<u8>>);

impl Rows {
    fn take(&mut self, store: &mut Store) {
        for Change { key, value } in store.take_changes() {
            match value {
                Some(value) => drop(self.0.insert(key, value)),
                None => drop(self.0.remove(&key)),
            }
        }
    }

    fn restore(&self, limits: Limits) -> Store {
        Store::restore(limits, self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))).unwrap()
    }
}

/// Everything in a store, hidden nodes too.
fn dump(store: &Store) -> String {
    let mut text = String::new();
    let view = store.view();
    let mut open = vec!["/".to_owned()];
    while let Some(path) = open.pop() {
        let event = view.get(&path, true).unwrap();
        text += &event.to_json(0);
        text.push('\n');
        let mut nodes = event.node.nodes;
        while let Some(node) = nodes.pop() {
            if node.dir {
                open.extend(["_a", "_b"].map(|name| format!("{}/{name}", node.key)));
                nodes.extend(node.nodes);
            }
        }
        open.retain(|path| view.get(path, false).is_ok());
    }
    text
}

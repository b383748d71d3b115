//! Random requests against a model of flat paths, and restored stores against the ones that wrote the rows.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Set(String, bool, String, Option<i64>),
    Create(String, bool, bool, Option<i64>),
    Update(String, String, Option<i64>),
    Swap(String, String, u64),
    Delete(String, bool, bool),
    CompareAndDelete(String, String),
    Expire(i64),
}

const BASE: i64 = 2_000_000_000_000_000_000;

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "_a", "_b"]), 0..4)
        .prop_map(|names| format!("/{}", names.join("/")))
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "x", "y"]).prop_map(str::to_owned)
}

fn expiry() -> impl Strategy<Value = Option<i64>> {
    prop::option::weighted(0.3, (0..20_i64).prop_map(|n| BASE + n))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (path(), prop::bool::weighted(0.2), value(), expiry()).prop_map(|(p, d, v, e)| Op::Set(p, d, v, e)),
        3 => (path(), any::<bool>(), prop::bool::weighted(0.3), expiry()).prop_map(|(p, d, u, e)| Op::Create(p, d, u, e)),
        2 => (path(), value(), expiry()).prop_map(|(p, v, e)| Op::Update(p, v, e)),
        2 => (path(), value(), 0..12_u64).prop_map(|(p, v, i)| Op::Swap(p, v, i)),
        2 => (path(), any::<bool>(), any::<bool>()).prop_map(|(p, d, r)| Op::Delete(p, d, r)),
        1 => (path(), value()).prop_map(|(p, v)| Op::CompareAndDelete(p, v)),
        1 => (0..20_i64).prop_map(|n| Op::Expire(BASE + n)),
    ]
}

/// The tree as a flat map: path, then a value or none for a directory, and when it goes.
#[derive(Default)]
struct Model(BTreeMap<String, (Option<String>, Option<i64>)>);

impl Model {
    /// Whether something may be made at `path`: no file on the way.
    fn is_free_way(&self, path: &str) -> bool {
        path::prefixes(path)
            .filter(|prefix| *prefix != path && *prefix != "/")
            .all(|prefix| self.0.get(prefix).is_none_or(|(value, _)| value.is_none()))
    }

    fn put(&mut self, path: &str, value: Option<String>, expires: Option<i64>) {
        for prefix in path::prefixes(path).filter(|prefix| *prefix != path && *prefix != "/") {
            self.0.entry(prefix.to_owned()).or_insert((None, None));
        }
        self.0.insert(path.to_owned(), (value, expires));
    }

    fn remove(&mut self, path: &str) {
        self.0.retain(|other, _| other != path && !path::is_below(other, path));
    }

    fn has_entries(&self, path: &str) -> bool {
        self.0.keys().any(|other| path::is_below(other, path))
    }

    /// Makes the change, or says that it is refused.
    fn apply(&mut self, op: &Op, next: u64) -> Option<usize> {
        match op {
            Op::Set(path, dir, value, expires) => {
                let replaceable = self.0.get(path).is_none_or(|(value, _)| value.is_some());
                if path == "/" || !self.is_free_way(path) || !replaceable {
                    return None;
                }
                self.put(path, (!dir).then(|| value.clone()), *expires);
            }
            Op::Create(path, dir, unique, expires) => {
                let path = if *unique { clean(&format!("{path}/{next:020}")) } else { path.clone() };
                if path == "/" || !self.is_free_way(&path) || self.0.contains_key(&path) {
                    return None;
                }
                self.put(&path, (!dir).then(String::new), *expires);
            }
            Op::Update(path, value, expires) => match self.0.get_mut(path) {
                Some((Some(old), at)) => (*old, *at) = (value.clone(), *expires),
                Some((None, at)) if value.is_empty() => *at = *expires,
                _ => return None,
            },
            Op::Swap(..) => unreachable!("compared with the store itself"),
            Op::Delete(path, dir, recursive) => {
                let (value, _) = self.0.get(path)?;
                let empty = !self.has_entries(path);
                if value.is_none() && !(*recursive || (*dir && empty)) {
                    return None;
                }
                self.remove(path);
            }
            Op::CompareAndDelete(path, value) => {
                let found = self.0.get(path)?.0.as_ref()?;
                if !value.is_empty() && found != value {
                    return None;
                }
                self.remove(path);
            }
            Op::Expire(now) => {
                let mut count = 0;
                while let Some(path) = self.due(*now) {
                    self.remove(&path);
                    count += 1;
                }
                return Some(count);
            }
        }
        Some(1)
    }

    fn due(&self, now: i64) -> Option<String> {
        let due = self.0.iter().filter_map(|(path, (_, at))| at.map(|at| (at, path)));
        due.filter(|(at, _)| *at <= now).min().map(|(_, path)| path.clone())
    }
}

fn apply(store: &mut Store, op: &Op) -> Option<usize> {
    let expiry = |at: &Option<i64>| Expiry { at: *at, refresh: false };
    let made = match op {
        Op::Set(path, dir, value, at) => store.set(path, *dir, value, expiry(at)),
        Op::Create(path, dir, unique, at) => store.create(path, *dir, "", *unique, expiry(at)),
        Op::Update(path, value, at) => store.update(path, value, expiry(at)),
        Op::Swap(path, value, index) => store.compare_and_swap(path, value, *index, "z", Expiry::NEVER),
        Op::Delete(path, dir, recursive) => store.delete(path, *dir, *recursive),
        Op::CompareAndDelete(path, value) => store.compare_and_delete(path, value, 0),
        Op::Expire(now) => return Some(store.expire(*now).len()),
    };
    made.ok().map(|_| 1)
}

proptest! {
    #[test]
    fn the_store_is_its_model_and_its_rows(ops in prop::collection::vec(op(), 1..60)) {
        let limits = Limits { history: 8, ..Limits::default() };
        let mut store = Store::new(limits);
        let mut model = Model::default();
        let mut rows = Rows::default();
        for op in &ops {
            let before = store.index();
            let made = apply(&mut store, op);
            prop_assert_eq!(store.index(), before + made.unwrap_or(0) as u64, "one index a write: {:?}", op);
            if let Op::Swap(path, ..) = op {
                if made.is_some() {
                    let expires = None;
                    model.put(path, Some("z".into()), expires);
                }
            } else {
                prop_assert_eq!(made, model.apply(op, before + 1), "{:?}", op);
            }
            rows.take(&mut store);
            for (path, (value, expires)) in &model.0 {
                let node = store.view().get(path, false).unwrap().node;
                prop_assert_eq!(node.value.as_deref(), value.as_deref());
                prop_assert_eq!((node.dir, node.expires), (value.is_none(), *expires));
            }
            prop_assert_eq!(store.nodes(), model.0.len());
        }
        let restored = rows.restore(limits);
        prop_assert_eq!(dump(&restored), dump(&store));
        prop_assert_eq!(restored.index(), store.index());
        prop_assert_eq!(restored.nodes(), store.nodes());
        prop_assert_eq!(restored.next_expiry(), store.next_expiry());
        // Both go on alike.
        let mut both = [store, restored];
        for op in &ops {
            let made = both.each_mut().map(|store| apply(store, op));
            prop_assert_eq!(made[0], made[1]);
            let changes = both.each_mut().map(Store::take_changes);
            prop_assert_eq!(&changes[0], &changes[1]);
        }
    }
}

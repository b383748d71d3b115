//! Which members a command means.

use anyhow::bail;

use super::state::{Directory, State};
use super::view::{self, Role};

/// Indexes of the members that `words` name, in order, each once. `leader` is whoever leads now.
pub(super) fn resolve(directory: &Directory, state: &State, words: &[String]) -> anyhow::Result<Vec<usize>> {
    resolve_with(state, words, || {
        view::look(directory, state).iter().position(|row| row.role == Role::Leader)
    })
}

fn resolve_with(
    state: &State,
    words: &[String],
    leader: impl Fn() -> Option<usize>,
) -> anyhow::Result<Vec<usize>> {
    let mut indexes = Vec::new();
    for word in words {
        match word.as_str() {
            "all" => indexes.extend(0..state.members.len()),
            "leader" => match leader() {
                Some(index) => indexes.push(index),
                None => bail!("no member leads right now"),
            },
            name => match state.members.iter().position(|member| member.name == name) {
                Some(index) => indexes.push(index),
                None => bail!("no member is called {name:?}; there are {}", known(state)),
            },
        }
    }
    let mut seen = vec![false; state.members.len()];
    indexes.retain(|index| !std::mem::replace(&mut seen[*index], true));
    Ok(indexes)
}

fn known(state: &State) -> String {
    let names: Vec<_> = state.members.iter().map(|member| member.name.as_str()).collect();
    format!("{}, and the words `leader` and `all`", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_words_and_mistakes() {
        let state = State::new("etcd".into(), 3, 2379, vec![]).unwrap();
        let resolve = |words: &[&str], leader| {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            resolve_with(&state, &words, || leader).map_err(|error| error.to_string())
        };
        assert_eq!(resolve(&["infra2", "infra0", "infra2"], None), Ok(vec![2, 0]));
        assert_eq!(resolve(&["all"], None), Ok(vec![0, 1, 2]));
        assert_eq!(resolve(&["leader"], Some(1)), Ok(vec![1]));
        assert_eq!(resolve(&["leader"], None), Err("no member leads right now".into()));
        assert_eq!(
            resolve(&["infra9"], None),
            Err("no member is called \"infra9\"; there are infra0, infra1, infra2, \
                 and the words `leader` and `all`"
                .into())
        );
    }
}

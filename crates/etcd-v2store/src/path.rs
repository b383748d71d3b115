//! Paths of keys, as Go's `path` package has them.

/// The shortest equal path that begins with `/`: no empty names, no `.`, no `..`, no slash at the end.
///
/// ```
/// assert_eq!(etcd_v2store::clean("a//b/./c/../d/"), "/a/b/d");
/// assert_eq!(etcd_v2store::clean("/.."), "/");
/// ```
pub fn clean(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    if names.is_empty() {
        return "/".to_owned();
    }
    let mut clean = String::with_capacity(path.len() + 1);
    for name in names {
        clean.push('/');
        clean.push_str(name);
    }
    clean
}

/// The names in a clean path, from the root.
pub(crate) fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// The directory part and the name of a clean path that is not the root.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// `path` and everything that it lies in, from the root: `/`, `/a`, `/a/b`.
pub(crate) fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
    let own = (path != "/").then_some(path);
    std::iter::once("/").chain(inner).chain(own)
}

/// Whether `path` lies below the directory `directory`.
pub(crate) fn is_below(path: &str, directory: &str) -> bool {
    if directory == "/" {
        return path != "/";
    }
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a watcher of `watched` must not see `path`, because a name between the two is hidden.
pub(crate) fn is_hidden(watched: &str, path: &str) -> bool {
    let rest = if watched == "/" { path } else { path.strip_prefix(watched).unwrap_or("") };
    rest.contains("/_")
}

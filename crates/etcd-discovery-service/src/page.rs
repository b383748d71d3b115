//! The pages. Everything that is not ours is escaped.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::registry::{Registered, Registry};

/// Nothing but our own style and script runs; nobody frames the page.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                                 form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The page of a token. It reloads itself where there is no script.
pub(crate) fn token(url: &str, registry: &Registry, now: i64) -> String {
    let Registry { size, members, index, expires } = registry;
    let count = members.len().min(*size);
    let mut body = format!(
        "<main data-index=\"{index}\"{}>\n<h1>Cluster discovery</h1>\n<p class=\"soft break\"><code>{}</code></p>\n",
        if registry.is_full() { " class=\"full\"" } else { "" },
        Escaped(url),
    );
    let _infallible =
        write!(body, "<p class=\"count\">{}</p>\n<ul class=\"progress\">", headline(count, *size));
    for slot in 0..*size {
        body += if slot < count { "<li class=\"in\"></li>" } else { "<li></li>" };
    }
    body += "</ul>\n<h2>Members</h2>\n";
    if members.is_empty() {
        body += "<p class=\"soft\">Nobody has registered yet.</p>\n";
    } else {
        body += "<ul class=\"members\">\n";
        for (at, member) in members.iter().enumerate() {
            write_member(&mut body, member, at >= *size, now);
        }
        body += "</ul>\n";
    }
    if registry.is_full() {
        body += "<p class=\"soft\">The cluster has formed. Members that come now are told that it is full; add \
                 them with <code>etcdctl member add</code>.</p>\n";
    } else {
        let _infallible = write!(
            body,
            "<h2>Start the next member</h2>\n<p class=\"soft\">On its host, with its own \
             address; give every member another name.</p>\n<pre id=\"command\">{}</pre>\n",
            Escaped(&command(url, members))
        );
    }
    if let Some(expires) = expires {
        let _infallible =
            writeln!(body, "<p class=\"soft\">This token expires at {}.</p>", time_tag(expires, expires));
    }
    body += "</main>";
    document(&format!("{count} of {size} members"), &body, !registry.is_full())
}

/// The page of a token that is not there.
pub(crate) fn unknown(url: &str) -> String {
    let body = format!(
        "<main>\n<h1>No such token</h1>\n<p class=\"soft break\"><code>{}</code></p>\n<p>It was never made, or its \
         time is over. <a href=\"/\">Make a new one.</a></p>\n</main>",
        Escaped(url)
    );
    document("No such token", &body, false)
}

/// The page at the root.
pub(crate) fn home(base: &str, max_size: usize) -> String {
    let base = Escaped(base);
    let body = format!(
        "<main>\n<h1>etcd discovery service</h1>\n<p>Here etcd members find each other when their addresses are not \
         known in advance.</p>\n<h2>1. Make a token for the cluster</h2>\n<pre>curl '{base}/new?size=3'</pre>\n\
         <form action=\"/new\"><label>Members: <input name=\"size\" type=\"number\" min=\"1\" max=\"{max_size}\" \
         value=\"3\"></label> <button>Make a token</button></form>\n<h2>2. Start every member with it</h2>\n\
         <pre>etcd --discovery {base}/TOKEN …</pre>\n<p class=\"soft\">A token is for one cluster and its first start. \
         Open its address in a browser to see who is there.</p>\n</main>"
    );
    document("etcd discovery service", &body, false)
}

fn headline(count: usize, size: usize) -> String {
    match (count, size) {
        (1, 1) => "The only member registered".to_owned(),
        (_, 1) => "The only member is missing".to_owned(),
        _ if count == size => format!("All {size} members registered"),
        _ => format!("{count} of {size} members registered"),
    }
}

fn write_member(body: &mut String, member: &Registered, is_late: bool, now: i64) {
    let name = if member.name.is_empty() { "(no name)" } else { &member.name };
    let _infallible = write!(body, "<li><span class=\"name\">{}</span>", Escaped(name));
    if is_late {
        *body += " <span class=\"late\">too late: the cluster is full</span>";
    }
    for url in &member.urls {
        let _infallible = write!(body, "<p class=\"break\"><code>{}</code></p>", Escaped(url));
    }
    let since = match member.at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()) {
        Some(at) => {
            let shown = at.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC"));
            let machine = at.format(&Rfc3339).unwrap_or_default();
            let ago = ago(now - at.unix_timestamp());
            format!("{} ({ago})", time_tag(&machine, &shown.unwrap_or_default()))
        }
        None => "at an unknown time".to_owned(),
    };
    let _infallible = writeln!(
        body,
        "<p class=\"soft\">registered {since} · member <code>{}</code></p></li>",
        Escaped(&member.id)
    );
}

fn time_tag(machine: &str, shown: &str) -> String {
    format!("<time datetime=\"{}\">{}</time>", Escaped(machine), Escaped(shown))
}

fn ago(seconds: i64) -> String {
    match seconds {
        ..60 => "less than a minute ago".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// What to run on the next member's host.
fn command(url: &str, members: &[Registered]) -> String {
    let mut names = (0..=members.len()).map(|number| format!("infra{number}"));
    let free = names.find(|name| members.iter().all(|member| member.name != *name)).unwrap_or_default();
    format!(
        "IP=…   # this host's address\n\
         etcd --name {free} \\\n  --initial-advertise-peer-urls http://$IP:2380 \\\n  \
         --listen-peer-urls http://$IP:2380 \\\n  --listen-client-urls http://$IP:2379,http://127.0.0.1:2379 \\\n  \
         --advertise-client-urls http://$IP:2379 \\\n  --discovery {url}"
    )
}

fn document(title: &str, body: &str, changes: bool) -> String {
    let (reload, script) = if changes {
        (
            "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n",
            "<script src=\"/assets/page.js\" defer></script>\n",
        )
    } else {
        ("", "")
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n{reload}<link rel=\"icon\" \
         href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/assets/page.css\">\n{script}</head>\n<body>\n{body}\n</body>\n\
         </html>\n",
        Escaped(title)
    )
}

/// Text that may stand in an element or a quoted attribute.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(name: &str) -> Registered {
        Registered {
            id: "8e9e05c52164694d".into(),
            name: name.into(),
            urls: vec![format!("http://{name}:2380")],
            at: Some(1_700_000_000),
        }
    }

    fn registry(size: usize, names: &[&str]) -> Registry {
        let members = names.iter().map(|name| registered(name)).collect();
        Registry { size, members, index: 7, expires: Some("2030-01-01T00:00:00Z".into()) }
    }

    #[test]
    fn a_page_tells_who_is_there_and_what_comes_next() {
        let page = token("http://d/abc", &registry(3, &["infra0", "infra2"]), 1_700_000_120);
        for text in [
            "<title>2 of 3 members</title>",
            "2 of 3 members registered",
            "data-index=\"7\"",
            "http://infra2:2380",
            "2023-11-14 22:13:20 UTC</time> (2 min ago)",
            "etcd --name infra1 ",
            "--discovery http://d/abc</pre>",
            "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>",
        ] {
            assert!(page.contains(text), "{text} is not in\n{page}");
        }
    }

    #[test]
    fn a_full_cluster_has_no_next_member_and_late_ones_are_marked() {
        let page = token("http://d/abc", &registry(1, &["infra0", "late"]), 0);
        assert!(
            page.contains("The only member registered") && page.contains("too late: the cluster is full")
        );
        assert!(!page.contains("Start the next member") && !page.contains("refresh"));
    }

    #[test]
    fn nothing_that_a_member_wrote_is_taken_for_markup() {
        let evil = "<script>alert(1)</script>\"'&";
        let mut registry = registry(3, &[evil]);
        registry.members[0].id = evil.into();
        registry.expires = Some(evil.into());
        for page in [token(evil, &registry, 0), unknown(evil), home(evil, 3)] {
            assert!(!page.contains("<script>alert") && !page.contains("\"'&\""), "{page}");
            assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"), "{page}");
        }
    }
}

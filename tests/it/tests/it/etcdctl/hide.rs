//! Leaving out what two clusters never share.

use super::Side;

/// What is one server's own, and what stands for it.
pub(super) struct Hidden(Vec<(String, &'static str)>);

/// In front of numbers that are one server's own.
const OWN_NUMBERS: [&str; 4] = ["\"raft_term\":", "\"RaftTerm\" : ", "raft term: ", "Raft term: "];

impl Hidden {
    /// Learns a server's ids from it.
    pub(super) fn of(side: &Side) -> Self {
        let list = side.ctl.json(&["member", "list"]);
        let mut hidden = vec![
            (side.lone.spec.client_url(), "CLIENT_URL"),
            (side.lone.spec.peer_url(), "PEER_URL"),
            (side.lone.spec.client_url().replace("http://", ""), "CLIENT_ADDRESS"),
            (side.lone.scratch.path().display().to_string(), "SCRATCH"),
        ];
        for (name, id) in
            [("MEMBER", &list["header"]["member_id"]), ("CLUSTER", &list["header"]["cluster_id"])]
        {
            let id = id.as_u64().expect("an id");
            hidden.push((format!("{id}"), name));
            hidden.push((format!("{id:x}"), name));
        }
        Self(hidden)
    }

    /// `line` with the server's own values in the places of `{member}`, `{scratch}`, `{url}` and `{peer}`.
    pub(super) fn fill(&self, line: &str, side: &Side) -> String {
        let member = self.0.iter().rfind(|(_, name)| *name == "MEMBER").expect("the member has an id");
        line.replace("{member}", &member.0)
            .replace("{scratch}", &side.lone.scratch.path().display().to_string())
            .replace("{url}", &side.lone.spec.client_url())
            .replace("{peer}", &side.lone.spec.peer_url())
    }

    pub(super) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (own, name) in &self.0 {
            text = text.replace(own, name);
        }
        for before in OWN_NUMBERS {
            let mut parts = text.split(before);
            let mut rest = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                rest += before;
                rest += part.trim_start_matches(|letter: char| letter.is_ascii_digit());
            }
            text = rest;
        }
        text
    }
}

/// Leaves out numbers, their units, and how wide a table is for them.
pub(super) fn numbers(text: &str) -> String {
    let mut short = String::new();
    for letter in text.chars() {
        let letter = if letter.is_ascii_digit() { '0' } else { letter };
        let again = short.ends_with(letter) && ['0', ' ', '-'].contains(&letter);
        // `3.4` is as good as `34`.
        let in_number = letter == '.' && short.ends_with('0');
        if !again && !in_number {
            short.push(letter);
        }
    }
    for (unit, plain) in
        [("0µs", "0s"), ("0ms", "0s"), ("0 kB", "0 B"), ("0 MB", "0 B"), ("| 0 ", "|0"), ("0 |", "0|")]
    {
        short = short.replace(unit, plain);
    }
    short
}

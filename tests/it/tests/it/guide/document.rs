//! `docs/clustering.md`: what is in it for the hosts to run.

/// One command block, with what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) host: String,
    pub(super) script: String,
    /// The text block right after it.
    pub(super) expected: Option<String>,
}

/// Sections by their `##` headline.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) steps: Vec<Step>,
}

pub(super) fn read(name: &str) -> String {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Blocks that begin with "```sh <host>" are commands; a text block right after one says what comes of it.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut lines = text.lines();
    let mut follows_step = false;
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section { title: title.to_owned(), steps: Vec::new() });
        }
        let Some(info) = line.strip_prefix("```") else {
            follows_step = false;
            continue;
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let body = body.join("\n");
        let Some(section) = sections.last_mut() else { continue };
        match (info.strip_prefix("sh "), section.steps.last_mut()) {
            (Some(host), _) => {
                section.steps.push(Step { host: host.to_owned(), script: body, expected: None });
                follows_step = true;
            }
            (None, Some(step)) if info == "text" && follows_step => {
                step.expected = Some(body);
                follows_step = false;
            }
            _ => follows_step = false,
        }
    }
    sections
}

#[test]
fn both_languages_have_the_same_blocks() {
    let steps = |name| -> Vec<Step> { sections(&read(name)).into_iter().flat_map(|s| s.steps).collect() };
    let english = steps("clustering.md");
    assert_eq!(english, steps("clustering.zh-CN.md"));
    assert!(english.len() > 20, "{english:?}");
}

//! Results for people (a table, Markdown) and for programs (JSON).

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::compare::Comparison;
use crate::measures::{MEASURES, Measure, Measures};
use crate::statistics::{Spread, ratio};
use crate::target::Target;

/// One cluster and its rounds.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) label: String,
    pub(crate) version: String,
    pub(crate) binary: Option<PathBuf>,
    pub(crate) rounds: Vec<Measures>,
}

impl Side {
    pub(crate) fn of(target: &Target) -> Self {
        Self {
            label: target.label.clone(),
            version: target.version.clone(),
            binary: target.binary.clone(),
            rounds: Vec::new(),
        }
    }

    fn title(&self) -> String {
        format!("{} ({})", self.label, self.version)
    }

    fn spread(&self, measure: &Measure) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(measure.value).collect())
    }

    fn failures(&self) -> u64 {
        self.rounds.iter().map(|round| round.failures).sum()
    }
}

/// A table for a terminal.
pub(crate) fn text(comparison: &Comparison) -> String {
    let rows = rows(comparison);
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = format!("{}\n\n", comparison.load.describe());
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    for side in comparison.sides.iter().filter(|side| side.failures() > 0) {
        text += &format!("\n{}: {} requests FAILED\n", side.title(), side.failures());
    }
    text
}

/// A section with a table in Markdown.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let rows = rows(comparison);
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("### {}\n\n", comparison.load.describe());
    for (index, row) in rows.iter().enumerate() {
        text += &line(row);
        if index == 0 {
            let rules: Vec<_> =
                (0..row.len()).map(|cell| if cell == 0 { "---" } else { "--:" }.to_owned()).collect();
            text += &line(&rules);
        }
    }
    for side in comparison.sides.iter().filter(|side| side.failures() > 0) {
        text += &format!("\n{}: {} requests **failed**.\n", side.title(), side.failures());
    }
    text
}

pub(crate) fn json(comparisons: &[Comparison]) -> Value {
    let comparison = |comparison: &Comparison| {
        json!({
            "load": load(comparison),
            "clusters": comparison.sides.iter().map(side).collect::<Vec<_>>(),
            "ratios": ratios(comparison),
        })
    };
    json!({ "format": 1, "comparisons": comparisons.iter().map(comparison).collect::<Vec<_>>() })
}

/// Headings and one row a measure; measures that nobody has are left out.
fn rows(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut headings = vec![String::from("median (range)")];
    headings.extend(comparison.sides.iter().map(Side::title));
    let [first, second] = match &comparison.sides[..] {
        [ours, theirs] => [Some(ours), Some(theirs)],
        _ => [None, None],
    };
    if first.is_some() {
        headings.push("ratio".to_owned());
    }
    let mut rows = vec![headings];
    for measure in &MEASURES {
        let spreads: Vec<_> = comparison.sides.iter().map(|side| side.spread(measure)).collect();
        if spreads.iter().all(Option::is_none) {
            continue;
        }
        let mut row = vec![measure.name.to_owned()];
        row.extend(
            spreads.iter().map(|spread| spread.map_or_else(|| "-".to_owned(), |s| s.show(measure.digits))),
        );
        if let (Some(ours), Some(theirs)) = (first, second) {
            let ratio = ratio(ours.spread(measure), theirs.spread(measure));
            row.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2} ×")));
        }
        rows.push(row);
    }
    rows
}

fn load(comparison: &Comparison) -> Value {
    let load = &comparison.load;
    json!({
        "description": load.describe(),
        "clients": load.clients,
        "connections": load.connections,
        "key_size": load.key_size,
        "value_size": load.value_size,
        "key_space": load.key_space,
        "total": load.total,
        "duration_seconds": load.duration.map(|duration| duration.as_secs()),
        "rate": load.rate,
        "warm_up": load.warm_up,
    })
}

fn side(side: &Side) -> Value {
    let medians: serde_json::Map<_, _> = MEASURES
        .iter()
        .map(|measure| {
            let spread = side.spread(measure);
            let value = spread.map(|s| json!({ "median": s.median, "min": s.least, "max": s.most }));
            (measure.name.to_owned(), value.unwrap_or_default())
        })
        .collect();
    json!({
        "label": side.label,
        "version": side.version,
        "binary": side.binary,
        "rounds": side.rounds.iter().map(Measures::to_json).collect::<Vec<_>>(),
        "summary": medians,
    })
}

fn ratios(comparison: &Comparison) -> Value {
    let [ours, theirs] = &comparison.sides[..] else { return Value::Null };
    let ratios: serde_json::Map<_, _> = MEASURES
        .iter()
        .map(|measure| (measure.name.to_owned(), json!(ratio(ours.spread(measure), theirs.spread(measure)))))
        .collect();
    Value::Object(ratios)
}

#[cfg(test)]
mod tests;

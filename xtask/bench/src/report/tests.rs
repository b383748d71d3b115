use super::*;
use crate::load::{Kind, Load};

fn side(label: &str, throughputs: &[u64]) -> Side {
    let round = |requests: &u64| Measures {
        requests: *requests,
        seconds: 1.0,
        latency_ms: [1.0, 2.0, 3.0, 4.0, 5.0],
        client_cpu_seconds: 0.1,
        ..Measures::default()
    };
    Side {
        label: label.to_owned(),
        version: "3.7.0".to_owned(),
        binary: None,
        rounds: throughputs.iter().map(round).collect(),
    }
}

fn comparison(sides: Vec<Side>) -> Comparison {
    let load = Load {
        kind: Kind::Put,
        clients: 1,
        connections: 1,
        key_size: 8,
        value_size: 256,
        key_space: 10,
        total: Some(1),
        duration: None,
        rate: None,
        warm_up: 0,
    };
    Comparison { load, sides }
}

#[test]
fn two_sides_have_medians_ranges_and_a_ratio() {
    let text = text(&comparison(vec![side("ours", &[300, 100, 200]), side("theirs", &[100, 100, 100])]));
    let line = text.lines().find(|line| line.starts_with("throughput")).unwrap();
    let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells, ["throughput, requests/s", "200 (100 – 300)", "100", "2.00 ×"]);
    assert!(!text.contains("server CPU"), "what is unknown of both is left out:\n{text}");
    assert!(!text.contains("FAILED"));
}

#[test]
fn one_side_has_no_ratio_and_failures_are_loud() {
    let mut only = side("ours", &[100]);
    only.rounds[0].failures = 3;
    let one = comparison(vec![only]);
    assert!(!text(&one).contains('×'));
    assert!(text(&one).contains("ours (3.7.0): 3 requests FAILED"));
    assert!(markdown(&one).contains("3 requests **failed**"));
}

#[test]
fn markdown_is_a_table() {
    let text = markdown(&comparison(vec![side("ours", &[1]), side("theirs", &[2])]));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "### put · 1 client · 1 connection · 256 B values");
    assert_eq!(lines[2], "| median (range) | ours (3.7.0) | theirs (3.7.0) | ratio |");
    assert_eq!(lines[3], "| --- | --: | --: | --: |");
    assert_eq!(lines[4], "| throughput, requests/s | 1 | 2 | 0.50 × |");
}

#[test]
fn json_has_every_round() {
    let json = json(&[comparison(vec![side("ours", &[1, 2]), side("theirs", &[2, 2])])]);
    let first = &json["comparisons"][0];
    assert_eq!(first["clusters"][0]["rounds"].as_array().unwrap().len(), 2);
    assert_eq!(first["clusters"][0]["summary"]["throughput, requests/s"]["median"], 1.5);
    assert_eq!(first["ratios"]["throughput, requests/s"], 0.75);
    assert_eq!(first["load"]["clients"], 1);
}

//! The client's table knows the URLs, the server's their authorities: they must mean the same.

use std::collections::VecDeque;

use proptest::prelude::{Just, Strategy};
use proptest::{collection, prop_assert_eq, prop_oneof, proptest};

use super::super::filter::Filter;
use super::{END_HEADERS, HEADERS, LIMIT, connection, frame, integer, string};

type Field = (String, String);

const STATIC: usize = 61;

/// A dynamic table, newest entry first (RFC 7541, section 4).
struct Table {
    entries: VecDeque<Field>,
    max: usize,
}

impl Table {
    fn new() -> Self {
        Self { entries: VecDeque::new(), max: 4096 }
    }

    fn size((name, value): &Field) -> usize {
        name.len() + value.len() + 32
    }

    fn shrink_to(&mut self, room: usize) {
        while self.entries.iter().map(Self::size).sum::<usize>() > room {
            self.entries.pop_back();
        }
    }

    fn resize(&mut self, max: usize) {
        self.max = max;
        self.shrink_to(max);
    }

    fn insert(&mut self, field: Field) {
        let size = Self::size(&field);
        self.shrink_to(self.max.saturating_sub(size));
        if size <= self.max {
            self.entries.push_front(field);
        }
    }
}

/// One thing a client puts into a header block.
#[derive(Debug, Clone)]
enum Step {
    Resize(usize),
    Field { field: Field, kind: u8 },
}

fn encode(table: &mut Table, steps: &[Step]) -> Vec<u8> {
    let mut block = Vec::new();
    for step in steps {
        match step {
            Step::Resize(max) => {
                table.resize(*max);
                block.extend(integer(0x20, 5, *max));
            }
            Step::Field { field, kind } => {
                if let Some(index) = table.entries.iter().position(|entry| entry == field) {
                    block.extend(integer(0x80, 7, STATIC + 1 + index));
                    continue;
                }
                let (name, value) = field;
                if name == ":authority" {
                    block.push(kind | 1);
                } else {
                    block.push(*kind);
                    block.extend(string(name.as_bytes(), false));
                }
                block.extend(string(value.as_bytes(), false));
                if *kind == 0x40 {
                    table.insert(field.clone());
                }
            }
        }
    }
    block
}

/// A decoder that shares no code with the filter.
struct Decoder<'a> {
    table: &'a mut Table,
    block: &'a [u8],
}

impl Decoder<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.block.split_first().expect("a whole block");
        self.block = rest;
        *first
    }

    fn integer(&mut self, bits: u32) -> usize {
        let full = (1 << bits) - 1;
        let value = usize::from(self.byte()) & full;
        if value < full {
            return value;
        }
        let (mut value, mut unit) = (full, 1);
        loop {
            let byte = usize::from(self.byte());
            value += byte % 128 * unit;
            unit *= 128;
            if byte < 128 {
                return value;
            }
        }
    }

    fn string(&mut self) -> String {
        let length = self.integer(7);
        let (text, rest) = self.block.split_at(length);
        self.block = rest;
        String::from_utf8(text.to_vec()).expect("text")
    }

    fn fields(mut self) -> Vec<Field> {
        let mut fields = Vec::new();
        while let Some(first) = self.block.first().copied() {
            if first >= 0x80 {
                let index = self.integer(7) - STATIC - 1;
                fields.push(self.table.entries[index].clone());
            } else if first & 0xe0 == 0x20 {
                let max = self.integer(5);
                self.table.resize(max);
            } else {
                let name = match self.byte() & 0x0f {
                    1 => ":authority".to_owned(),
                    _ => self.string(),
                };
                let field = (name, self.string());
                if first & 0x40 != 0 {
                    self.table.insert(field.clone());
                }
                fields.push(field);
            }
        }
        fields
    }
}

fn authority() -> impl Strategy<Value = Field> {
    let value = prop_oneof![
        Just("http://127.0.0.1:2379".to_owned()),
        Just("http://127.0.0.2:2379/".to_owned()),
        Just("unix:///run/etcd.sock".to_owned()),
        (1..300_usize).prop_map(|length| format!("https://{}", "h".repeat(length))),
    ];
    value.prop_map(|value| (":authority".to_owned(), value))
}

fn step() -> impl Strategy<Value = Step> {
    let other =
        (0..12_u8, 0..900_usize).prop_map(|(name, length)| (format!("x-{name}"), "v".repeat(length / 9 * 9)));
    let field = prop_oneof![authority(), other];
    let kind = prop_oneof![4 => Just(0x40), 1 => Just(0x00), 1 => Just(0x10)];
    prop_oneof![
        1 => prop_oneof![0..200_usize, Just(4096)].prop_map(Step::Resize),
        12 => (field, kind).prop_map(|(field, kind)| Step::Field { field, kind }),
    ]
}

fn expected(steps: &[Step]) -> Vec<Field> {
    let correct = |(name, value): &Field| {
        let value = match value.split_once("://") {
            Some(("unix", _)) => "localhost",
            Some((_, rest)) => rest.trim_end_matches('/'),
            None => value,
        };
        (name.clone(), value.to_owned())
    };
    let field = |step: &Step| match step {
        Step::Resize(_) => None,
        Step::Field { field, .. } => Some(correct(field)),
    };
    steps.iter().filter_map(field).collect()
}

proptest! {
    #[test]
    fn tables_stay_in_step(
        first in authority(),
        blocks in collection::vec(collection::vec(step(), 0..10), 1..20),
        chunk in 1..500_usize,
    ) {
        let first = vec![Step::Field { field: first, kind: 0x40 }];
        let (mut client, mut server) = (Table::new(), Table::new());
        let mut filter = Filter::new(LIMIT);
        filter.feed(&connection(&[]), &mut Vec::new());
        for steps in std::iter::once(&first).chain(&blocks) {
            let sent = frame(HEADERS, END_HEADERS, &encode(&mut client, steps));
            let mut received = Vec::new();
            sent.chunks(chunk).for_each(|chunk| filter.feed(chunk, &mut received));
            let decoder = Decoder { table: &mut server, block: &received[9..] };
            prop_assert_eq!(decoder.fields(), expected(steps));
        }
    }
}

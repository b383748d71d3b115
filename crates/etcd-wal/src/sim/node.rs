//! Files and directories: what they are now, and what of it would survive.

use std::collections::BTreeMap;
use std::ops::Range;

/// What a disk writes at once.
pub(super) const SECTOR: usize = 512;
/// So many earlier states of a sector are remembered.
const MAX_STATES: usize = 4;

#[derive(Debug)]
pub(super) enum Node {
    File(File),
    Dir(Dir),
}

#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) current: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Sectors of `current` that may differ from `durable`, and what else they held since the last sync.
    pub(super) dirty: BTreeMap<usize, Vec<Vec<u8>>>,
    pub(super) lock: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Dir {
    pub(super) current: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    /// What leads from `durable` to `current`.
    pub(super) changes: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Set(String, u64),
    Remove(String),
    Rename(String, String),
}

impl File {
    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        if self.current.len() < end {
            resize(&mut self.current, end);
        }
        let sectors = offset / SECTOR..end.div_ceil(SECTOR);
        for sector in sectors.clone() {
            self.remember(sector);
        }
        self.current[offset..end].copy_from_slice(bytes);
        self.touch(sectors);
    }

    /// Sectors that may differ from now on.
    pub(super) fn touch(&mut self, sectors: Range<usize>) {
        for sector in sectors {
            self.dirty.entry(sector).or_default();
        }
    }

    /// What a dirty sector holds before it is written again: the disk may have taken it by itself.
    fn remember(&mut self, sector: usize) {
        if let Some(states) = self.dirty.get_mut(&sector).filter(|states| states.len() < MAX_STATES) {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(self.current.len());
            states.extend(self.current.get(start..end).map(<[u8]>::to_vec));
        }
    }

    pub(super) fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            self.keep(sector, None);
        }
        resize(&mut self.durable, self.current.len());
    }

    pub(super) fn crash(&mut self, chance: &mut Chance) {
        let prefix = chance.coin();
        let mut keeping = true;
        let length = if chance.coin() { self.current.len() } else { self.durable.len() };
        for (sector, states) in std::mem::take(&mut self.dirty) {
            keeping = if prefix { keeping && chance.below(4) > 0 } else { chance.coin() };
            if keeping {
                self.keep(sector, None);
            } else if !states.is_empty() && chance.coin() {
                let state = chance.below(states.len() as u64) as usize;
                self.keep(sector, Some(&states[state]));
            }
        }
        resize(&mut self.durable, length);
        self.current.clone_from(&self.durable);
    }

    /// Makes one sector durable, as it is or as it was in an earlier state.
    fn keep(&mut self, sector: usize, state: Option<&[u8]>) {
        let start = sector * SECTOR;
        let end = (start + SECTOR).min(self.current.len());
        if start >= end {
            return;
        }
        if self.durable.len() < end {
            resize(&mut self.durable, end);
        }
        let bytes = state.unwrap_or_else(|| &self.current[start..end]);
        let length = bytes.len().min(end - start);
        self.durable[start..start + length].copy_from_slice(&bytes[..length]);
    }
}

impl Dir {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.changes.clear();
        self.durable.clone_from(&self.current);
    }

    pub(super) fn crash(&mut self, chance: &mut Chance) {
        let kept = chance.below(self.changes.len() as u64 + 1) as usize;
        for change in self.changes.drain(..).take(kept) {
            change.apply(&mut self.durable);
        }
        self.current.clone_from(&self.durable);
    }
}

impl Change {
    fn apply(&self, entries: &mut BTreeMap<String, u64>) {
        match self {
            Self::Set(name, inode) => {
                entries.insert(name.clone(), *inode);
            }
            Self::Remove(name) => {
                entries.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = entries.remove(from) {
                    entries.insert(to.clone(), inode);
                }
            }
        }
    }
}

/// Cuts `bytes`, or fills it up with zeros; as one copy, which is fast in unoptimised builds too.
pub(super) fn resize(bytes: &mut Vec<u8>, length: usize) {
    bytes.truncate(length);
    bytes.extend_from_slice(&vec![0; length - bytes.len()]);
}

/// SplitMix64.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

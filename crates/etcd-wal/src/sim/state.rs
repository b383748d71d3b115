//! The operations of the simulated disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::node::{Chance, Change, Dir, File, Node, SECTOR, resize};
use super::parts;

const ROOT: u64 = 0;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The disk is full, this once.
    NoSpace,
    /// An I/O error, this once. A sync that fails loses what it should have made durable, later syncs notwithstanding.
    Io,
    /// About half of a write happens, in whole sectors, then an I/O error; a sync fails as with [`Fault::Io`].
    Short,
    /// Power is gone: a write may happen in part, and nothing works until [`SimDisk::crash`](super::SimDisk::crash).
    PowerLoss,
}

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Access {
    inode: u64,
    /// Tells open files apart, for locks.
    handle: u64,
    /// A crash ends it.
    life: u64,
}

#[derive(Debug)]
pub(super) struct State {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    life: u64,
    operations: u64,
    syncs: u64,
    fault: Option<(u64, Fault)>,
    powerless: bool,
}

impl Default for State {
    fn default() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::Dir(Dir::default()))]);
        Self { nodes, next: 1, life: 0, operations: 0, syncs: 0, fault: None, powerless: false }
    }
}

impl State {
    pub(super) fn crash(&mut self, seed: u64) {
        let mut chance = Chance(seed);
        for node in self.nodes.values_mut() {
            match node {
                Node::File(file) => file.crash(&mut chance),
                Node::Dir(dir) => dir.crash(&mut chance),
            }
        }
        self.kill();
        self.heal();
        self.collect();
    }

    pub(super) fn kill(&mut self) {
        self.life += 1;
        for node in self.nodes.values_mut() {
            if let Node::File(file) = node {
                file.lock = None;
            }
        }
    }

    pub(super) fn fail_at(&mut self, n: u64, fault: Fault) {
        self.fault = Some((self.operations + n, fault));
    }

    pub(super) fn heal(&mut self) {
        self.fault = None;
        self.powerless = false;
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) fn syncs(&self) -> u64 {
        self.syncs
    }

    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.nodes.get(&self.find(path)?) {
            Some(Node::File(file)) => Ok(file.current.clone()),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn put(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        if let Some(dir) = path.parent() {
            self.create_dir(dir)?;
        }
        let access = self.create(path)?;
        if let Some(Node::File(file)) = self.nodes.get_mut(&access.inode) {
            *file = File { current: content.to_vec(), durable: content.to_vec(), ..File::default() };
        }
        for node in self.nodes.values_mut() {
            if let Node::Dir(dir) = node {
                dir.sync();
            }
        }
        Ok(())
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        match self.nodes.get(&self.find(path)?) {
            Some(Node::Dir(dir)) => Ok(dir.current.keys().cloned().collect()),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        let mut at = ROOT;
        for name in parts(path) {
            at = match self.dir(at)?.current.get(&name).copied() {
                Some(inode) => inode,
                None => {
                    let inode = self.insert(Node::Dir(Dir::default()));
                    self.dir(at)?.change(Change::Set(name, inode));
                    inode
                }
            };
        }
        self.dir(at).map(|_| ())
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<Access> {
        let (parent, name) = self.parent(path)?;
        match self.dir(parent)?.current.get(&name).copied() {
            Some(inode) => {
                let access = self.access(inode);
                self.set_len(access, 0)?;
                Ok(access)
            }
            None => {
                let inode = self.insert(Node::File(File::default()));
                self.dir(parent)?.change(Change::Set(name, inode));
                Ok(self.access(inode))
            }
        }
    }

    pub(super) fn open(&mut self, path: &Path) -> io::Result<Access> {
        let inode = self.find(path)?;
        match self.nodes.get(&inode) {
            Some(Node::File(_)) => Ok(self.access(inode)),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.powered()?;
        let (parent, old) = self.parent(from)?;
        let (other, new) = self.parent(to)?;
        if parent != other {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        let full = match self.dir(parent)?.current.get(&new).copied().and_then(|inode| self.nodes.get(&inode))
        {
            Some(Node::Dir(dir)) => !dir.current.is_empty(),
            _ => false,
        };
        if full {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let dir = self.dir(parent)?;
        if !dir.current.contains_key(&old) {
            return Err(io::ErrorKind::NotFound.into());
        }
        dir.change(Change::Rename(old, new));
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.powered()?;
        let (parent, name) = self.parent(path)?;
        let dir = self.dir(parent)?;
        if !dir.current.contains_key(&name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        dir.change(Change::Remove(name));
        self.collect();
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.remove_file(path)
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        self.operate()?.map_or(Ok(()), |fault| Err(fault.error()))?;
        let inode = self.find(path)?;
        self.dir(inode)?.sync();
        self.collect();
        Ok(())
    }

    pub(super) fn len(&mut self, access: Access) -> io::Result<u64> {
        Ok(self.file(access)?.current.len() as u64)
    }

    pub(super) fn read_at(&mut self, access: Access, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let file = self.file(access)?;
        let rest =
            usize::try_from(offset).ok().and_then(|offset| file.current.get(offset..)).unwrap_or_default();
        let bytes = rest.get(..buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_at(&mut self, access: Access, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file(access)?;
        let fault = self.operate()?;
        let happens = match fault {
            None => bytes,
            Some(Fault::NoSpace | Fault::Io) => &[],
            Some(Fault::Short | Fault::PowerLoss) => {
                // A disk writes whole sectors.
                let end = (offset as usize + bytes.len() / 2) / SECTOR * SECTOR;
                &bytes[..end.saturating_sub(offset as usize)]
            }
        };
        if let Some(Node::File(file)) = self.nodes.get_mut(&access.inode) {
            file.write(happens, offset as usize);
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    pub(super) fn set_len(&mut self, access: Access, length: u64) -> io::Result<()> {
        let file = self.file(access)?;
        let (old, new) = (file.current.len(), length as usize);
        resize(&mut file.current, new);
        file.touch(old.min(new) / SECTOR..old.max(new).div_ceil(SECTOR));
        Ok(())
    }

    pub(super) fn zero(&mut self, access: Access, from: u64, to: u64) -> io::Result<()> {
        let zeros = vec![0; to.saturating_sub(from) as usize];
        self.write_at(access, &zeros, from)
    }

    pub(super) fn sync_data(&mut self, access: Access) -> io::Result<()> {
        self.file(access)?;
        let fault = self.operate()?;
        self.syncs += 1;
        let file = self.file(access);
        match (fault, file) {
            (None, file) => file?.sync(),
            (Some(fault), file) => {
                // As with real disks: the pages count as clean after a failed sync, and stay unwritten.
                if let (Fault::Io | Fault::Short | Fault::NoSpace, Ok(file)) = (fault, file) {
                    file.dirty.clear();
                }
                return Err(fault.error());
            }
        }
        Ok(())
    }

    pub(super) fn try_lock(&mut self, access: Access) -> io::Result<bool> {
        let lock = &mut self.file(access)?.lock;
        let free = lock.is_none_or(|holder| holder == access.handle);
        if free {
            *lock = Some(access.handle);
        }
        Ok(free)
    }

    pub(super) fn unlock(&mut self, access: Access) {
        if let Some(Node::File(file)) = self.nodes.get_mut(&access.inode)
            && file.lock == Some(access.handle)
        {
            file.lock = None;
        }
    }

    /// Counts a write or sync; says whether it is to fail, and refuses it without power.
    fn operate(&mut self) -> io::Result<Option<Fault>> {
        self.powered()?;
        let now = self.operations;
        self.operations += 1;
        let fault = self.fault.take_if(|(at, _)| *at == now).map(|(_, fault)| fault);
        self.powerless = fault == Some(Fault::PowerLoss);
        Ok(fault)
    }

    fn powered(&self) -> io::Result<()> {
        if self.powerless { Err(Fault::PowerLoss.error()) } else { Ok(()) }
    }

    fn file(&mut self, access: Access) -> io::Result<&mut File> {
        self.powered()?;
        match self.nodes.get_mut(&access.inode) {
            Some(Node::File(file)) if access.life == self.life => Ok(file),
            _ => Err(io::Error::other("the file was open before a crash")),
        }
    }

    fn dir(&mut self, inode: u64) -> io::Result<&mut Dir> {
        match self.nodes.get_mut(&inode) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        self.powered()?;
        parts(path).iter().try_fold(ROOT, |at, name| match self.nodes.get(&at) {
            Some(Node::Dir(dir)) => {
                dir.current.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            _ => Err(io::ErrorKind::NotADirectory.into()),
        })
    }

    fn parent(&self, path: &Path) -> io::Result<(u64, String)> {
        let name = parts(path).pop().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.find(path.parent().unwrap_or_else(|| Path::new("")))?, name))
    }

    fn access(&mut self, inode: u64) -> Access {
        self.next += 1;
        Access { inode, handle: self.next, life: self.life }
    }

    fn insert(&mut self, node: Node) -> u64 {
        self.next += 1;
        self.nodes.insert(self.next, node);
        self.next
    }

    /// Forgets what nothing leads to any more. Files that are open but removed for good are forgotten too.
    fn collect(&mut self) {
        let mut reached = BTreeSet::from([ROOT]);
        let mut open = vec![ROOT];
        while let Some(inode) = open.pop() {
            if let Some(Node::Dir(dir)) = self.nodes.get(&inode) {
                let set = dir.changes.iter().filter_map(|change| match change {
                    Change::Set(_, inode) => Some(inode),
                    _ => None,
                });
                let children = dir.current.values().chain(dir.durable.values()).chain(set);
                open.extend(children.copied().filter(|&child| reached.insert(child)));
            }
        }
        self.nodes.retain(|inode, _| reached.contains(inode));
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::NoSpace => io::ErrorKind::StorageFull.into(),
            Self::Io | Self::Short => io::Error::other("simulated I/O error"),
            Self::PowerLoss => io::Error::other("simulated power loss"),
        }
    }
}

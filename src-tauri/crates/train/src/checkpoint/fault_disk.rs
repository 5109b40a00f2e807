//! A disk in memory that can fail at any operation, and that remembers what a power cut would leave at each.
//!
//! What is not synced may or may not survive: the bytes of a file until the file is synced, the names in a folder
//! until the folder is synced.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::path::{Component, Path};

use super::disk::{Disk, DiskFile, Entry};

#[derive(Debug, Clone, PartialEq)]
enum Node {
    File { durable: Vec<u8>, pending: Vec<Vec<u8>> },
    Folder { durable: BTreeMap<String, usize>, pending: Vec<Change> },
}

/// Names that change together, as a rename does.
type Change = Vec<(String, Option<usize>)>;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FaultKind {
    Refused(io::ErrorKind),
    /// Half of the bytes are taken.
    ShortWrite,
    /// No byte is taken.
    NoWrite,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    /// At which operation, counted from 1.
    pub(super) at: u64,
    pub(super) kind: FaultKind,
    /// From then on always, not only once.
    pub(super) lasting: bool,
}

/// What the disk holds at one moment, and which saves had been acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    nodes: Vec<Node>,
    pub(super) acknowledged: Vec<(u64, u32)>,
}

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Node>,
    operations: u64,
    fault: Option<Fault>,
    free: Option<u64>,
    moments: Option<Vec<Moment>>,
    acknowledged: Vec<(u64, u32)>,
}

#[derive(Debug)]
pub(super) struct FaultDisk {
    state: RefCell<State>,
}

/// Which unsynced names survive, in each folder.
pub(super) const NAMES: &[fn(usize, usize) -> bool] = &[
    |_, _| true,
    |_, _| false,
    |index, _| index == 0,
    |index, count| index + 1 < count,
    // A later rename may reach the disk before an earlier creation.
    |index, count| index + 1 == count,
];

/// What survives of the unsynced bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bytes {
    Kept,
    Dropped,
    /// The last write is cut after so many bytes.
    Torn(usize),
    /// The last write lacks its last byte.
    LastMissing,
    /// The length is there, the bytes are not.
    Zeros,
}

pub(super) const BYTES: &[Bytes] = &[
    Bytes::Kept,
    Bytes::Dropped,
    Bytes::Torn(0),
    Bytes::Torn(1),
    Bytes::Torn(512),
    Bytes::Torn(4096),
    Bytes::LastMissing,
    Bytes::Zeros,
];

impl FaultDisk {
    pub(super) fn new() -> Self {
        Self::of(vec![Node::Folder { durable: BTreeMap::new(), pending: Vec::new() }])
    }

    fn of(nodes: Vec<Node>) -> Self {
        Self { state: RefCell::new(State { nodes, ..State::default() }) }
    }

    pub(super) fn recording(self) -> Self {
        self.state.borrow_mut().moments = Some(Vec::new());
        self
    }

    pub(super) fn with_free(self, bytes: u64) -> Self {
        self.state.borrow_mut().free = Some(bytes);
        self
    }

    pub(super) fn fail(&self, fault: Option<Fault>) {
        let mut state = self.state.borrow_mut();
        state.fault = fault;
        state.operations = 0;
    }

    pub(super) fn operations(&self) -> u64 {
        self.state.borrow().operations
    }

    /// The caller was told that this save (a step, in a version of its content) is safe.
    pub(super) fn acknowledge(&self, step: u64, version: u32) {
        let mut state = self.state.borrow_mut();
        state.acknowledged.push((step, version));
        state.record();
    }

    pub(super) fn acknowledged(&self) -> Vec<(u64, u32)> {
        self.state.borrow().acknowledged.clone()
    }

    pub(super) fn moments(self) -> Vec<Moment> {
        self.state.into_inner().moments.unwrap_or_default()
    }

    /// Every path with its content; folders have none.
    pub(super) fn tree(&self) -> BTreeMap<String, Option<Vec<u8>>> {
        let state = self.state.borrow();
        let mut tree = BTreeMap::new();
        let mut open = vec![(String::new(), 0)];
        while let Some((path, node)) = open.pop() {
            if let Node::Folder { .. } = &state.nodes[node] {
                open.extend(
                    state.names(node).into_iter().map(|(name, node)| (format!("{path}/{name}"), node)),
                );
            }
            tree.insert(path, state.content(node));
        }
        tree
    }

    /// Replaces the content of a file, as decay does.
    pub(super) fn overwrite(&self, file: &Path, bytes: &[u8]) {
        let mut state = self.state.borrow_mut();
        let node = state.find(file).unwrap();
        state.nodes[node] = Node::File { durable: bytes.to_owned(), pending: Vec::new() };
    }
}

impl Moment {
    /// The disk after a power cut at this moment.
    pub(super) fn crash(&self, survives: fn(usize, usize) -> bool, bytes: Bytes) -> FaultDisk {
        let nodes = self.nodes.iter().map(|node| match node {
            Node::File { durable, pending } => {
                let mut durable = durable.clone();
                for (index, chunk) in pending.iter().enumerate() {
                    let length = if index + 1 < pending.len() { usize::MAX } else { 0 };
                    match bytes {
                        Bytes::Kept => durable.extend(chunk),
                        Bytes::Dropped => {}
                        Bytes::Torn(at) => durable.extend(&chunk[..at.max(length).min(chunk.len())]),
                        Bytes::LastMissing => {
                            durable.extend(&chunk[..(chunk.len() - 1).max(length).min(chunk.len())])
                        }
                        Bytes::Zeros => durable.extend(vec![0; chunk.len()]),
                    }
                }
                Node::File { durable, pending: Vec::new() }
            }
            Node::Folder { durable, pending } => {
                let mut durable = durable.clone();
                let surviving =
                    pending.iter().enumerate().filter(|(index, _)| survives(*index, pending.len()));
                surviving.for_each(|(_, change)| apply(&mut durable, change));
                Node::Folder { durable, pending: Vec::new() }
            }
        });
        FaultDisk::of(nodes.collect())
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    for (name, node) in change {
        match node {
            Some(node) => names.insert(name.clone(), *node),
            None => names.remove(name),
        };
    }
}

impl State {
    fn record(&mut self) {
        if let Some(moments) = &mut self.moments {
            moments.push(Moment { nodes: self.nodes.clone(), acknowledged: self.acknowledged.clone() });
        }
    }

    /// Counts an operation; fails it if it is its turn. `Some` asks a write to take fewer bytes.
    fn enter(&mut self, is_write: bool) -> io::Result<Option<FaultKind>> {
        self.operations += 1;
        let turn =
            |fault: &Fault| self.operations == fault.at || (fault.lasting && self.operations > fault.at);
        match self.fault.filter(turn).map(|fault| fault.kind) {
            Some(FaultKind::Refused(kind)) => Err(kind.into()),
            Some(kind) if is_write => Ok(Some(kind)),
            _ => Ok(None),
        }
    }

    fn names(&self, node: usize) -> BTreeMap<String, usize> {
        let Node::Folder { durable, pending } = &self.nodes[node] else { return BTreeMap::new() };
        let mut names = durable.clone();
        pending.iter().for_each(|change| apply(&mut names, change));
        names
    }

    fn content(&self, node: usize) -> Option<Vec<u8>> {
        let Node::File { durable, pending } = &self.nodes[node] else { return None };
        Some(durable.iter().chain(pending.iter().flatten()).copied().collect())
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let mut node = 0;
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            let names = self.names(node);
            node = *names.get(name.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    fn parent(&self, path: &Path) -> io::Result<(usize, String)> {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok((self.find(path.parent().unwrap_or(Path::new("")))?, name))
    }

    fn change(&mut self, folder: usize, change: Change) {
        if let Node::Folder { pending, .. } = &mut self.nodes[folder] {
            pending.push(change);
        }
        self.record();
    }

    fn create(&mut self, path: &Path, node: Node) -> io::Result<usize> {
        let (folder, name) = self.parent(path)?;
        if self.names(folder).contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.nodes.push(node);
        let node = self.nodes.len() - 1;
        self.change(folder, vec![(name, Some(node))]);
        Ok(node)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        self.find(path)?;
        self.change(folder, vec![(name, None)]);
        Ok(())
    }
}

struct OpenFile<'d> {
    disk: &'d FaultDisk,
    node: usize,
}

impl Write for OpenFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state.borrow_mut();
        let taken = match state.enter(true)? {
            Some(FaultKind::ShortWrite) => bytes.len().div_ceil(2),
            Some(_) => 0,
            None => bytes.len(),
        };
        if let (Node::File { pending, .. }, true) = (&mut state.nodes[self.node], taken > 0) {
            pending.push(bytes[..taken].to_owned());
        }
        state.record();
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for OpenFile<'_> {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state.borrow_mut();
        state.enter(false)?;
        if let Node::File { durable, pending } = &mut state.nodes[self.node] {
            durable.extend(pending.drain(..).flatten());
        }
        state.record();
        Ok(())
    }
}

impl Disk for FaultDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        state.create(folder, Node::Folder { durable: BTreeMap::new(), pending: Vec::new() }).map(|_| ())
    }

    fn create_file(&self, file: &Path) -> io::Result<Box<dyn DiskFile + '_>> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        let node = state.create(file, Node::File { durable: Vec::new(), pending: Vec::new() })?;
        Ok(Box::new(OpenFile { disk: self, node }))
    }

    fn open(&self, file: &Path) -> io::Result<Box<dyn Read + '_>> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        let node = state.find(file)?;
        Ok(Box::new(Cursor::new(state.content(node).ok_or(io::ErrorKind::IsADirectory)?)))
    }

    fn length(&self, file: &Path) -> io::Result<u64> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        let node = state.find(file)?;
        Ok(state.content(node).ok_or(io::ErrorKind::IsADirectory)?.len() as u64)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        let node = state.find(folder)?;
        let is_folder = |node: usize| matches!(state.nodes[node], Node::Folder { .. });
        let names = state.names(node).into_iter();
        Ok(names.map(|(name, node)| Entry { name, is_folder: is_folder(node) }).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        let node = state.find(from)?;
        let ((folder, old), (same, new)) = (state.parent(from)?, state.parent(to)?);
        assert_eq!(folder, same, "renames stay in one folder");
        // As on every system, a folder cannot replace a folder that has files.
        if let Some(&there) = state.names(folder).get(&new)
            && !state.names(there).is_empty()
        {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.change(folder, vec![(old, None), (new, Some(node))]);
        Ok(())
    }

    fn remove_file(&self, file: &Path) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        state.remove(file)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        let node = state.find(folder)?;
        if !state.names(node).is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.remove(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.enter(false)?;
        let node = state.find(folder)?;
        if let Node::Folder { durable, pending } = &mut state.nodes[node] {
            pending.drain(..).for_each(|change| apply(durable, &change));
        }
        state.record();
        Ok(())
    }

    fn free_space(&self, _folder: &Path) -> io::Result<Option<u64>> {
        Ok(self.state.borrow().free)
    }
}

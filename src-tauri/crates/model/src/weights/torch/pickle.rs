//! Reads a pickle as data: a machine that can build numbers, texts, containers and tensors, and nothing else.
//!
//! Calls to anything outside a short list become inert values that remember only their parts. Whether such
//! a value may be there at all is decided by `state_dict`. Instructions: Python's `pickletools`, protocols 2 to 5.

use std::collections::HashMap;

use super::super::problem::PickleProblem;
use super::rebuild::{self, Known, Rebuilt, Storage, TensorRecord};

/// Most instructions in one pickle.
const MAX_INSTRUCTIONS: usize = 5_000_000;
/// Most values in one pickle.
const MAX_VALUES: usize = 1_000_000;
/// Deepest nesting of containers; torch files need fewer than ten levels.
const MAX_DEPTH: u8 = 64;
/// Longest module or class name.
const MAX_GLOBAL_BYTES: usize = 256;

/// A value's number. Values live in one list, so neither reading nor dropping them recurses.
pub(super) type Id = usize;
type Outcome<T = ()> = Result<T, PickleProblem>;

/// What a pickle can hold. Texts point into the pickle.
#[derive(Debug)]
pub(super) enum Value<'a> {
    None,
    Int(i64),
    Text(&'a str),
    /// Truth values, floats, bytes and long integers, which no tensor needs.
    Unread,
    Tuple(Vec<Id>),
    /// A list or a set.
    List(Vec<Id>),
    /// A dictionary, plain or ordered, and the attributes set on it.
    Dict(Vec<(Id, Id)>, Option<Id>),
    Global(Global<'a>),
    Storage(Storage<'a>),
    Tensor(Box<TensorRecord>),
    /// What a call to an unknown global would have made, and all that went into it.
    Opaque(Global<'a>, Vec<Id>),
}

/// A Python name, where it stands, and what it means to us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Global<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    pub(super) at: usize,
    pub(super) known: Option<Known>,
}

impl Value<'_> {
    /// What to call the value in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Int(_) => "a number",
            Self::Text(_) => "a text",
            Self::Unread => "plain data",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(..) => "a dictionary",
            Self::Global(_) => "a Python name",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
            Self::Opaque(..) => "an unknown object",
        }
    }
}

/// Every value of a pickle, and which one is the whole.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) values: Vec<Value<'a>>,
    pub(super) root: Id,
}

/// Reads a whole pickle.
///
/// # Errors
/// The position in `bytes` and what is wrong there.
pub(super) fn unpickle(bytes: &[u8]) -> Result<Pickle<'_>, (usize, PickleProblem)> {
    let mut machine = Machine::new(bytes);
    for _ in 0..MAX_INSTRUCTIONS {
        machine.begin = machine.position;
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Pickle { values: machine.values, root }),
            Err(problem) => return Err((machine.begin, problem)),
        }
    }
    Err((machine.begin, PickleProblem::Limit { what: "instructions", limit: MAX_INSTRUCTIONS }))
}

struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Where the current instruction begins.
    begin: usize,
    values: Vec<Value<'a>>,
    /// Levels of containers inside each value.
    depths: Vec<u8>,
    stack: Vec<Id>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let (values, depths, stack, marks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { bytes, position: 0, begin: 0, values, depths, stack, marks, memo: HashMap::new() }
    }

    /// Runs one instruction; the root value at the end.
    fn step(&mut self) -> Outcome<Option<Id>> {
        let opcode = self.number::<1>()? as u8;
        match opcode {
            b'.' => return self.stop().map(Some),
            // PROTO and FRAME say how to read on; neither changes what follows.
            0x80 => self.take(1).map(|_| ())?,
            0x95 => self.take(8).map(|_| ())?,
            b'(' | b'0' | b'1' | b'2' => self.step_stack(opcode)?,
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.step_memo(opcode)?,
            b'c' | 0x93 | b'R' | 0x81 | 0x92 | b'b' | b'Q' => self.step_object(opcode)?,
            b')'
            | 0x85..=0x87
            | b't'
            | b']'
            | b'}'
            | 0x8f
            | 0x91
            | b'l'
            | b'd'
            | b'a'
            | b'e'
            | 0x90
            | b's'
            | b'u' => self.step_container(opcode)?,
            _ => {
                let value = self.scalar(opcode)?;
                self.push(value, &[])?;
            }
        }
        Ok(None)
    }

    fn stop(&mut self) -> Outcome<Id> {
        let root = self.pop()?;
        if !self.stack.is_empty() {
            return Err(PickleProblem::Kind { expected: "the end", found: "a value left over" });
        }
        match self.bytes.len() - self.position {
            0 => Ok(root),
            extra => Err(PickleProblem::TrailingBytes { extra }),
        }
    }

    /// Numbers, texts and bytes.
    fn scalar(&mut self, opcode: u8) -> Outcome<Value<'a>> {
        Ok(match opcode {
            b'N' => Value::None,
            0x88 | 0x89 => Value::Unread,
            b'K' => Value::Int(self.number::<1>()? as i64),
            b'M' => Value::Int(self.number::<2>()? as i64),
            b'J' => Value::Int(i64::from(self.number::<4>()? as u32 as i32)),
            0x8a => {
                let length = self.number::<1>()?;
                self.long(length)?
            }
            0x8b => {
                let length = self.number::<4>()?;
                self.long(length)?
            }
            b'G' => self.take(8).map(|_| Value::Unread)?,
            b'X' => {
                let length = self.number::<4>()?;
                self.text(length)?
            }
            0x8c => {
                let length = self.number::<1>()?;
                self.text(length)?
            }
            0x8d => {
                let length = self.number::<8>()?;
                self.text(length)?
            }
            b'U' | b'C' => {
                let length = self.number::<1>()?;
                self.take(length).map(|_| Value::Unread)?
            }
            b'T' | b'B' => {
                let length = self.number::<4>()?;
                self.take(length).map(|_| Value::Unread)?
            }
            0x8e | 0x96 => {
                let length = self.number::<8>()?;
                self.take(length).map(|_| Value::Unread)?
            }
            // Among the rest are INST, OBJ, EXT and the text forms of protocol 0, which torch never writes.
            _ => return Err(PickleProblem::Opcode { opcode }),
        })
    }

    fn step_stack(&mut self, opcode: u8) -> Outcome {
        match opcode {
            b'(' => {
                if self.marks.len() >= usize::from(MAX_DEPTH) {
                    return Err(PickleProblem::Limit { what: "open marks", limit: MAX_DEPTH.into() });
                }
                self.marks.push(self.stack.len());
            }
            b'0' if self.marks.last() == Some(&self.stack.len()) => {
                self.marks.pop();
            }
            b'0' => {
                self.pop()?;
            }
            b'1' => {
                self.pop_to_mark()?;
            }
            _ => {
                let top = self.top()?;
                self.push_id(top)?;
            }
        }
        Ok(())
    }

    fn step_memo(&mut self, opcode: u8) -> Outcome {
        let index = match opcode {
            b'q' | b'h' => self.number::<1>()? as u32,
            0x94 => self.memo.len() as u32,
            _ => self.number::<4>()? as u32,
        };
        if matches!(opcode, b'h' | b'j') {
            let id = *self.memo.get(&index).ok_or(PickleProblem::Memo { index })?;
            return self.push_id(id);
        }
        if self.memo.len() >= MAX_VALUES {
            return Err(PickleProblem::Limit { what: "stored values", limit: MAX_VALUES });
        }
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn step_container(&mut self, opcode: u8) -> Outcome {
        match opcode {
            b')' => self.push(Value::Tuple(Vec::new()), &[]),
            b']' | 0x8f => self.push(Value::List(Vec::new()), &[]),
            b'}' => self.push(Value::Dict(Vec::new(), None), &[]),
            0x85..=0x87 => {
                let mut parts = Vec::new();
                for _ in 0..=(opcode - 0x85) {
                    parts.insert(0, self.pop()?);
                }
                self.push(Value::Tuple(parts.clone()), &parts)
            }
            b't' => {
                let parts = self.pop_to_mark()?;
                self.push(Value::Tuple(parts.clone()), &parts)
            }
            b'l' | 0x91 => {
                let parts = self.pop_to_mark()?;
                self.push(Value::List(parts.clone()), &parts)
            }
            b'd' => {
                let parts = self.pop_to_mark()?;
                self.push(Value::Dict(Vec::new(), None), &[])?;
                self.add_pairs(parts)
            }
            b'a' => {
                let part = self.pop()?;
                self.add_parts(vec![part])
            }
            b'e' | 0x90 => {
                let parts = self.pop_to_mark()?;
                self.add_parts(parts)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.add_pairs(vec![key, value])
            }
            _ => {
                let parts = self.pop_to_mark()?;
                self.add_pairs(parts)
            }
        }
    }

    /// Names, calls, and what torch hands over by reference.
    fn step_object(&mut self, opcode: u8) -> Outcome {
        match opcode {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push_global(module, name)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (module, name) = (self.text_of(module)?, self.text_of(name)?);
                self.push_global(module, name)
            }
            b'R' => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.call(callee, arguments, None)
            }
            0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.call(class, arguments, None)
            }
            0x92 => {
                let (keywords, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(class, arguments, Some(keywords))
            }
            b'b' => {
                let state = self.pop()?;
                self.set_state(state)
            }
            _ => {
                let reference = self.pop()?;
                let value = rebuild::storage(&self.values, reference)?;
                self.push(value, &[reference])
            }
        }
    }

    fn push_global(&mut self, module: &'a str, name: &'a str) -> Outcome {
        if module.len().max(name.len()) > MAX_GLOBAL_BYTES {
            return Err(PickleProblem::Limit { what: "bytes in a Python name", limit: MAX_GLOBAL_BYTES });
        }
        let known = Known::of(module, name);
        self.push(Value::Global(Global { module, name, at: self.begin, known }), &[])
    }

    /// A known name is rebuilt by our own code; an unknown one leaves a value that only remembers its parts.
    fn call(&mut self, callee: Id, arguments: Id, keywords: Option<Id>) -> Outcome {
        let value = match self.values.get(callee) {
            Some(Value::Global(Global { known: Some(known), .. })) if keywords.is_none() => {
                match rebuild::call(&self.values, *known, arguments)? {
                    Rebuilt::New(value) => value,
                    Rebuilt::Same(id) => return self.push_id(id),
                }
            }
            Some(Value::Global(global) | Value::Opaque(global, _)) => {
                let parts = [callee, arguments].into_iter().chain(keywords).collect();
                Value::Opaque(*global, parts)
            }
            other => {
                let found = other.map_or("nothing", Value::kind);
                return Err(PickleProblem::Kind { expected: "something to call", found });
            }
        };
        self.push(value, &[callee, arguments])
    }

    /// Attributes of an object: kept, so that nothing hides in them, and never applied.
    fn set_state(&mut self, state: Id) -> Outcome {
        let target = self.top()?;
        match self.values.get_mut(target) {
            Some(Value::Dict(_, attributes @ None)) => *attributes = Some(state),
            Some(Value::Opaque(_, parts)) => parts.push(state),
            other => {
                let found = other.map_or("nothing", |value| value.kind());
                return Err(PickleProblem::Kind { expected: "an object to set attributes on", found });
            }
        }
        self.deepen(target, &[state])
    }

    fn add_parts(&mut self, added: Vec<Id>) -> Outcome {
        let target = self.top()?;
        match self.values.get_mut(target) {
            Some(Value::List(parts) | Value::Opaque(_, parts)) => parts.extend(&added),
            other => {
                let found = other.map_or("nothing", |value| value.kind());
                return Err(PickleProblem::Kind { expected: "a list", found });
            }
        }
        self.deepen(target, &added)
    }

    fn add_pairs(&mut self, added: Vec<Id>) -> Outcome {
        let target = self.top()?;
        let (pairs, rest) = added.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(PickleProblem::Kind { expected: "a key and a value", found: "a key alone" });
        }
        match self.values.get_mut(target) {
            Some(Value::Dict(entries, _)) => entries.extend(pairs.iter().map(|&[key, value]| (key, value))),
            Some(Value::Opaque(_, parts)) => parts.extend(&added),
            other => {
                let found = other.map_or("nothing", |value| value.kind());
                return Err(PickleProblem::Kind { expected: "a dictionary", found });
            }
        }
        self.deepen(target, &added)
    }

    /// Records that `container` now holds `parts`.
    fn deepen(&mut self, container: Id, parts: &[Id]) -> Outcome {
        let inside = parts.iter().filter_map(|&part| self.depths.get(part)).max().copied().unwrap_or(0);
        if let Some(depth) = self.depths.get_mut(container) {
            *depth = (*depth).max(inside.saturating_add(1));
            if *depth > MAX_DEPTH {
                return Err(PickleProblem::Limit { what: "levels of nesting", limit: MAX_DEPTH.into() });
            }
        }
        Ok(())
    }

    fn push(&mut self, value: Value<'a>, parts: &[Id]) -> Outcome {
        if self.values.len() >= MAX_VALUES {
            return Err(PickleProblem::Limit { what: "values", limit: MAX_VALUES });
        }
        let id = self.values.len();
        self.values.push(value);
        self.depths.push(0);
        if !parts.is_empty() {
            self.deepen(id, parts)?;
        }
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Outcome {
        if self.stack.len() >= MAX_VALUES {
            return Err(PickleProblem::Limit { what: "values waiting", limit: MAX_VALUES });
        }
        self.stack.push(id);
        Ok(())
    }

    /// The value on top, which must lie above the last mark.
    fn top(&self) -> Outcome<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.get(floor..).and_then(<[Id]>::last).copied().ok_or(PickleProblem::StackEmpty)
    }

    fn pop(&mut self) -> Outcome<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Outcome<Vec<Id>> {
        let mark = self.marks.pop().ok_or(PickleProblem::StackEmpty)?;
        Ok(self.stack.split_off(mark))
    }

    fn text_of(&self, id: Id) -> Outcome<&'a str> {
        match self.values.get(id) {
            Some(Value::Text(text)) => Ok(text),
            other => {
                Err(PickleProblem::Kind { expected: "a text", found: other.map_or("nothing", Value::kind) })
            }
        }
    }

    fn take(&mut self, length: u64) -> Outcome<&'a [u8]> {
        let left = (self.bytes.len() - self.position) as u64;
        if length > left {
            return Err(PickleProblem::CutShort { needed: length, left });
        }
        let begin = self.position;
        self.position += length as usize;
        Ok(self.bytes.get(begin..self.position).unwrap_or_default())
    }

    /// An unsigned little-endian number of `WIDTH` bytes.
    fn number<const WIDTH: u64>(&mut self) -> Outcome<u64> {
        Ok(self.take(WIDTH)?.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    /// A signed little-endian number of any length; beyond 64 bits it is nothing a tensor could use.
    fn long(&mut self, length: u64) -> Outcome<Value<'a>> {
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        if bytes.len() > 8 {
            return Ok(Value::Unread);
        }
        let start = if negative { -1_i64 } else { 0 };
        Ok(Value::Int(bytes.iter().rev().fold(start, |value, &byte| value << 8 | i64::from(byte))))
    }

    fn text(&mut self, length: u64) -> Outcome<Value<'a>> {
        std::str::from_utf8(self.take(length)?).map(Value::Text).map_err(|_| PickleProblem::Text)
    }

    fn line(&mut self) -> Outcome<&'a str> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let cut_short = PickleProblem::CutShort { needed: rest.len() as u64 + 1, left: rest.len() as u64 };
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or(cut_short)?;
        let line = self.take(length as u64)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| PickleProblem::Text)
    }
}

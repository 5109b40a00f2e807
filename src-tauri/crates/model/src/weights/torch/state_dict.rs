//! Which value of a pickle is the state dict, and which values may lie unread beside it.
//!
//! Training frameworks put their own objects (logs, optimizer states, configurations) beside the weights.
//! Those stay inert. Inside the state dict, or in a file that is only a state dict, nothing unknown is taken.

use std::collections::{BTreeMap, BTreeSet};

use super::super::problem::{PickleProblem, StateDictProblem};
use super::super::safetensors::MAX_TENSORS;
use super::pickle::{Global, Id, Pickle, Value};
use super::rebuild::TensorRecord;

/// Keys under which frameworks keep a state dict, the first one found wins:
/// mmengine and XTuner, DeepSpeed, and many training scripts.
const WRAPPERS: &[&str] = &["state_dict", "module", "model"];

/// Most names of inert objects that are kept for the user to see.
const MAX_INERT_NAMES: usize = 64;

/// The tensors of a torch file by name, and the names of the Python objects left unread beside them.
#[derive(Debug)]
pub(super) struct StateDict<'p> {
    pub(super) tensors: BTreeMap<String, &'p TensorRecord>,
    pub(super) inert_globals: Vec<String>,
}

/// Keys and values of a dictionary.
type Entries<'p> = &'p [(Id, Id)];

/// Why there is no state dict: the content is not one, or some of the pickle is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    Content(StateDictProblem),
    Pickle(usize, PickleProblem),
}

/// Finds the state dict and checks everything in it and around it.
pub(super) fn find<'p>(pickle: &'p Pickle<'_>) -> Result<StateDict<'p>, Refusal> {
    let not_found = |found: String| Refusal::Content(StateDictProblem::NotFound { found });
    let root = match pickle.values.get(pickle.root) {
        Some(Value::Dict(entries, _)) => entries,
        Some(Value::Opaque(global, _)) => return Err(refuse(global)),
        other => return Err(not_found(other.map_or("nothing", Value::kind).to_owned())),
    };
    match find_wrapped(pickle, root)? {
        Some((inner, entries)) => {
            let beside =
                root.iter().flat_map(|&(key, value)| [key, value]).filter(|&id| id != inner).collect();
            let tensors = collect(pickle, entries)?;
            let inert_globals = check_globals(pickle, &reachable(pickle, beside))?;
            Ok(StateDict { tensors, inert_globals })
        }
        None => {
            let is_tensor =
                |(_, value): &(Id, Id)| matches!(pickle.values.get(*value), Some(Value::Tensor(_)));
            let inert_globals = check_globals(pickle, &vec![false; pickle.values.len()])?;
            if !root.iter().any(is_tensor) {
                return Err(not_found(format!("a dictionary of {} entries and no tensor", root.len())));
            }
            Ok(StateDict { tensors: collect(pickle, root)?, inert_globals })
        }
    }
}

/// The dictionary under the first wrapper that has one. A wrapper that holds something else, such as a model's
/// name or a tensor that happens to be called so, is none.
fn find_wrapped<'p>(pickle: &'p Pickle<'_>, root: &[(Id, Id)]) -> Result<Option<(Id, Entries<'p>)>, Refusal> {
    for wrapper in WRAPPERS {
        let is_wrapper =
            |key: Id| matches!(pickle.values.get(key), Some(Value::Text(text)) if text == wrapper);
        let mut inners = root.iter().filter(|(key, _)| is_wrapper(*key)).map(|(_, inner)| *inner);
        let Some(inner) = inners.next() else { continue };
        if inners.next().is_some() {
            return Err(Refusal::Content(StateDictProblem::Duplicate { key: (*wrapper).to_owned() }));
        }
        match pickle.values.get(inner) {
            Some(Value::Dict(entries, _)) => return Ok(Some((inner, entries))),
            Some(Value::Opaque(global, _)) => return Err(refuse(global)),
            _ => {}
        }
    }
    Ok(None)
}

/// The entries of a state dict, each of which must be a tensor under a text.
fn collect<'p>(
    pickle: &'p Pickle<'_>,
    entries: &[(Id, Id)],
) -> Result<BTreeMap<String, &'p TensorRecord>, Refusal> {
    let refused = |problem| Err(Refusal::Content(problem));
    if entries.len() > MAX_TENSORS {
        return refused(StateDictProblem::TooManyTensors { found: entries.len(), limit: MAX_TENSORS });
    }
    let mut tensors = BTreeMap::new();
    for (position, (key, value)) in entries.iter().enumerate() {
        let key = match pickle.values.get(*key) {
            Some(Value::Text(key)) => (*key).to_owned(),
            other => {
                let found = other.map_or("nothing", Value::kind);
                return refused(StateDictProblem::Key { position, found });
            }
        };
        let record = match pickle.values.get(*value) {
            Some(Value::Tensor(record)) => record.as_ref(),
            other => return refused(StateDictProblem::NotATensor { key, found: describe(other) }),
        };
        if tensors.contains_key(&key) {
            return refused(StateDictProblem::Duplicate { key });
        }
        tensors.insert(key, record);
    }
    Ok(tensors)
}

fn describe(value: Option<&Value<'_>>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Opaque(global, _) | Value::Global(global)) => format!("made by {}", full_name(global)),
        Some(other) => other.kind().to_owned(),
    }
}

/// Marks every value that can be reached from `starts`.
fn reachable(pickle: &Pickle<'_>, starts: Vec<Id>) -> Vec<bool> {
    let mut seen = vec![false; pickle.values.len()];
    let mut waiting = starts;
    while let Some(id) = waiting.pop() {
        match seen.get_mut(id) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        match pickle.values.get(id) {
            Some(Value::Tuple(parts) | Value::List(parts) | Value::Opaque(_, parts)) => waiting.extend(parts),
            Some(Value::Dict(entries, attributes)) => {
                waiting.extend(entries.iter().flat_map(|&(key, value)| [key, value]).chain(*attributes));
            }
            _ => {}
        }
    }
    seen
}

/// Refuses unknown names outside the values that stay unread, even where their result was thrown away;
/// lists the others.
fn check_globals(pickle: &Pickle<'_>, unread: &[bool]) -> Result<Vec<String>, Refusal> {
    let mut inert = BTreeSet::new();
    for (value, unread) in pickle.values.iter().zip(unread) {
        match value {
            Value::Global(global) if global.known.is_none() => {
                if !*unread {
                    return Err(refuse(global));
                }
                if inert.len() < MAX_INERT_NAMES {
                    inert.insert(full_name(global));
                }
            }
            _ => {}
        }
    }
    Ok(inert.into_iter().collect())
}

fn full_name(global: &Global<'_>) -> String {
    format!("{}.{}", global.module, global.name)
}

fn refuse(global: &Global<'_>) -> Refusal {
    let (module, name) = (global.module.to_owned(), global.name.to_owned());
    Refusal::Pickle(global.at, PickleProblem::Global { module, name })
}

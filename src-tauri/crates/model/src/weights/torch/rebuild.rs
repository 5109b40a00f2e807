//! The few Python names that a torch file may call, and what each of them makes.
//!
//! It records what a tensor claims about its storage. Whether the storage is there and long enough is checked
//! in `file`, for the tensors that are used.

use super::super::dtype::StoredDtype;
use super::super::problem::PickleProblem;
use super::super::safetensors::MAX_DIMENSIONS;
use super::pickle::{Global, Id, Value};

/// A Python name that we understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    OrderedDict,
    Tensor,
    TensorWithDtype,
    Parameter,
    ParameterWithState,
    Size,
    Device,
    /// A storage class; `None` for bytes without a type.
    StorageClass(Option<StoredDtype>),
    Dtype(StoredDtype),
}

impl Known {
    pub(super) fn of(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::Tensor),
            ("torch._utils", "_rebuild_tensor_v3") => Some(Self::TensorWithDtype),
            ("torch._utils", "_rebuild_parameter") => Some(Self::Parameter),
            ("torch._utils", "_rebuild_parameter_with_state") => Some(Self::ParameterWithState),
            ("torch", "Size") => Some(Self::Size),
            ("torch", "device") => Some(Self::Device),
            ("torch" | "torch.storage", "UntypedStorage") => Some(Self::StorageClass(None)),
            ("torch", _) => {
                let class =
                    StoredDtype::from_torch_storage(name).map(|dtype| Self::StorageClass(Some(dtype)));
                class.or_else(|| StoredDtype::from_torch_dtype(name).map(Self::Dtype))
            }
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::OrderedDict => "collections.OrderedDict",
            Self::Tensor => "torch._utils._rebuild_tensor_v2",
            Self::TensorWithDtype => "torch._utils._rebuild_tensor_v3",
            Self::Parameter => "torch._utils._rebuild_parameter",
            Self::ParameterWithState => "torch._utils._rebuild_parameter_with_state",
            Self::Size => "torch.Size",
            Self::Device => "torch.device",
            Self::StorageClass(_) => "a torch storage",
            Self::Dtype(_) => "a torch dtype",
        }
    }
}

/// Bytes that several tensors may share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage<'a> {
    /// `None` for bytes without a type.
    pub(super) dtype: Option<StoredDtype>,
    /// Its name in the zip, below `data/`.
    pub(super) key: &'a str,
    /// Elements, or bytes where there is no type.
    pub(super) elements: u64,
}

/// What a tensor claims: a strided view of a storage. All counts are in elements.
#[derive(Debug)]
pub(super) struct TensorRecord {
    pub(super) storage: Id,
    /// The dtype that only `_rebuild_tensor_v3` gives.
    pub(super) dtype: Option<StoredDtype>,
    pub(super) first: u64,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<u64>,
}

/// What a call makes: a value of its own, or one that is there already. Nothing large is copied, or a short
/// pickle could call its way to any amount of memory.
#[derive(Debug)]
pub(super) enum Rebuilt<'a> {
    New(Value<'a>),
    Same(Id),
}

type Outcome<T> = Result<T, PickleProblem>;

/// The storage that a persistent id `("storage", class, key, location, elements)` stands for.
pub(super) fn storage<'a>(values: &[Value<'a>], reference: Id) -> Outcome<Value<'a>> {
    let arguments = Arguments::new("a storage reference", values, reference);
    if !matches!(arguments.get(0), Some(Value::Text("storage"))) {
        return Err(arguments.malformed("tag"));
    }
    let Some(Value::Global(class)) = arguments.get(1) else {
        return Err(arguments.malformed("class"));
    };
    let (Some(Value::Text(key)), Some(Value::Text(_))) = (arguments.get(2), arguments.get(3)) else {
        return Err(arguments.malformed("key and location"));
    };
    let elements = arguments.count(4, "number of elements")?;
    Ok(match class.known {
        Some(Known::StorageClass(dtype)) => Value::Storage(Storage { dtype, key, elements }),
        // A storage of complex or quantised numbers, say; it matters only where the state dict needs it.
        _ => Value::Opaque(*class, vec![reference]),
    })
}

/// Does what the known function would do, as far as data goes.
pub(super) fn call<'a>(values: &[Value<'a>], function: Known, arguments: Id) -> Outcome<Rebuilt<'a>> {
    let arguments = Arguments::new(function.name(), values, arguments);
    match function {
        Known::OrderedDict if arguments.parts.is_empty() => Ok(Rebuilt::New(Value::Dict(Vec::new(), None))),
        Known::OrderedDict => Err(arguments.malformed("initial items")),
        Known::Tensor | Known::TensorWithDtype => tensor(&arguments, function).map(Rebuilt::New),
        Known::Parameter | Known::ParameterWithState => match arguments.get(0) {
            // A parameter is its tensor; whether it wants a gradient is not the checkpoint's to say.
            Some(Value::Tensor(_)) => arguments.id(0, "data").map(Rebuilt::Same),
            Some(Value::Opaque(global, _)) => Ok(Rebuilt::New(arguments.opaque(*global))),
            _ => Err(arguments.malformed("data")),
        },
        Known::Size => match arguments.get(0) {
            Some(Value::Tuple(_)) => arguments.id(0, "sizes").map(Rebuilt::Same),
            _ => Err(arguments.malformed("sizes")),
        },
        Known::Device => Ok(Rebuilt::New(Value::Unread)),
        Known::StorageClass(_) | Known::Dtype(_) => {
            Err(PickleProblem::Kind { expected: "something to call", found: function.name() })
        }
    }
}

/// `(storage, offset, sizes, strides, requires_grad, hooks[, dtype][, metadata])`
fn tensor<'a>(arguments: &Arguments<'a, '_>, function: Known) -> Outcome<Value<'a>> {
    let storage = match arguments.get(0) {
        Some(Value::Storage(_)) => arguments.id(0, "storage")?,
        Some(Value::Opaque(global, _)) => return Ok(arguments.opaque(*global)),
        _ => return Err(arguments.malformed("storage")),
    };
    let first = arguments.count(1, "offset")?;
    let shape = arguments.counts(2, "sizes")?;
    let strides = arguments.counts(3, "strides")?;
    if shape.len() != strides.len() {
        return Err(arguments.malformed("sizes and strides"));
    }
    let shape: Option<Vec<usize>> = shape.into_iter().map(|size| usize::try_from(size).ok()).collect();
    let shape = shape.ok_or_else(|| arguments.malformed("sizes"))?;
    let (dtype, metadata) = match (function, arguments.get(6)) {
        (Known::Tensor, metadata) => (None, metadata),
        (_, Some(Value::Global(global))) => match global.known {
            Some(Known::Dtype(dtype)) => (Some(dtype), arguments.get(7)),
            // An 8-bit float, say; it matters only where the state dict needs it.
            _ => return Ok(arguments.opaque(*global)),
        },
        _ => return Err(arguments.malformed("dtype")),
    };
    // Metadata marks views that are to be negated or conjugated on reading, which the bytes do not show.
    match metadata {
        None | Some(Value::None) => {}
        Some(Value::Dict(entries, None)) if entries.is_empty() => {}
        Some(_) => return Err(arguments.malformed("metadata")),
    }
    Ok(Value::Tensor(Box::new(TensorRecord { storage, dtype, first, shape, strides })))
}

/// The arguments of one call, taken apart with errors that name the call.
struct Arguments<'a, 'v> {
    function: &'static str,
    values: &'v [Value<'a>],
    whole: Id,
    /// Nothing when the arguments are no tuple.
    parts: &'v [Id],
}

impl<'a, 'v> Arguments<'a, 'v> {
    fn new(function: &'static str, values: &'v [Value<'a>], whole: Id) -> Self {
        let parts = match values.get(whole) {
            Some(Value::Tuple(parts)) => parts.as_slice(),
            _ => &[],
        };
        Self { function, values, whole, parts }
    }

    fn get(&self, position: usize) -> Option<&'v Value<'a>> {
        self.values.get(*self.parts.get(position)?)
    }

    fn id(&self, position: usize, argument: &'static str) -> Outcome<Id> {
        self.parts.get(position).copied().ok_or_else(|| self.malformed(argument))
    }

    /// What is left when an argument is unknown: the name it came from, and everything that went in.
    fn opaque(&self, origin: Global<'a>) -> Value<'a> {
        Value::Opaque(origin, vec![self.whole])
    }

    fn malformed(&self, argument: &'static str) -> PickleProblem {
        PickleProblem::Arguments { function: self.function, argument }
    }

    /// A number that is not negative.
    fn count(&self, position: usize, argument: &'static str) -> Outcome<u64> {
        self.get(position).and_then(count).ok_or_else(|| self.malformed(argument))
    }

    /// A short tuple of numbers that are not negative.
    fn counts(&self, position: usize, argument: &'static str) -> Outcome<Vec<u64>> {
        let Some(Value::Tuple(parts)) = self.get(position) else {
            return Err(self.malformed(argument));
        };
        if parts.len() > MAX_DIMENSIONS {
            return Err(PickleProblem::Limit { what: "dimensions", limit: MAX_DIMENSIONS });
        }
        let counts = parts.iter().map(|&part| self.values.get(part).and_then(count)).collect::<Option<_>>();
        counts.ok_or_else(|| self.malformed(argument))
    }
}

fn count(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

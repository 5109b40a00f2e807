//! What is said when a checkpoint does not fit the network it was given for?

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{StoredDtype, WeightsError};

/// Names listed per kind of misfit before "and N more".
const LISTED: usize = 12;

/// One tensor that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The network needs it, the checkpoint has none of that name.
    Missing {
        /// The shape the network needs.
        expected: Vec<usize>,
    },
    /// The checkpoint has it, the network has no place for it.
    Unexpected,
    /// Both have it, in different shapes.
    Shape {
        /// The shape the network needs.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// It holds whole numbers; weights are floating-point numbers.
    Dtype {
        /// The type in the file.
        found: StoredDtype,
    },
}

/// A network could not be built from a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Names, shapes or types differ; everything that differs is in here.
    #[error("`{}` does not fit its configuration:\n{}", checkpoint.display(), Report(misfits))]
    Misfit {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// Every tensor that does not fit, by its name in the file.
        misfits: BTreeMap<String, Misfit>,
    },
    /// A file is damaged or cannot be read.
    #[error(transparent)]
    Read(#[from] WeightsError),
}

/// Lists misfits by kind, with the likely cause at the end.
struct Report<'a>(&'a BTreeMap<String, Misfit>);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: [(&str, fn(&Misfit) -> bool); 4] = [
            ("missing", |misfit| matches!(misfit, Misfit::Missing { .. })),
            ("misshapen", |misfit| matches!(misfit, Misfit::Shape { .. })),
            ("not floating point", |misfit| matches!(misfit, Misfit::Dtype { .. })),
            ("unexpected", |misfit| matches!(misfit, Misfit::Unexpected)),
        ];
        for (title, is_kind) in kinds {
            let of_kind: Vec<_> = self.0.iter().filter(|(_, misfit)| is_kind(misfit)).collect();
            if of_kind.is_empty() {
                continue;
            }
            writeln!(f, "  {title} ({}):", of_kind.len())?;
            for (name, misfit) in of_kind.iter().take(LISTED) {
                match misfit {
                    Misfit::Missing { expected } => writeln!(f, "    {name} {expected:?}")?,
                    Misfit::Unexpected => writeln!(f, "    {name}")?,
                    Misfit::Shape { expected, found } => {
                        writeln!(f, "    {name} is {found:?}, expected {expected:?}")?;
                    }
                    Misfit::Dtype { found } => writeln!(f, "    {name} is {}", found.name())?,
                }
            }
            if of_kind.len() > LISTED {
                writeln!(f, "    and {} more", of_kind.len() - LISTED)?;
            }
        }
        write!(f, "  likely cause: {}", likely_cause(self.0))
    }
}

fn likely_cause(misfits: &BTreeMap<String, Misfit>) -> &'static str {
    let count = |is_kind: fn(&Misfit) -> bool| misfits.values().filter(|misfit| is_kind(misfit)).count();
    let missing = count(|misfit| matches!(misfit, Misfit::Missing { .. }));
    let unexpected = count(|misfit| matches!(misfit, Misfit::Unexpected));
    let shapes = count(|misfit| matches!(misfit, Misfit::Shape { .. }));
    let quantised = count(|misfit| matches!(misfit, Misfit::Dtype { .. }));
    if quantised > 0 || misfits.keys().any(|name| name.contains(".absmax") || name.ends_with(".qweight")) {
        "the checkpoint is quantised; give the full-precision one"
    } else if misfits.keys().any(|name| name.contains("lora_")) {
        "this is an adapter, or a checkpoint with one; give the base model, and the adapter with `--llava`"
    } else if shapes > 0 && missing == 0 && unexpected == 0 {
        "config.json belongs to a model of another size"
    } else if missing > 0 && unexpected > 0 {
        "config.json belongs to another architecture than the weights"
    } else if missing > 0 {
        "the download is incomplete, or config.json announces more layers than the weights have"
    } else {
        "config.json announces fewer layers than the weights have, or leaves out a part"
    }
}

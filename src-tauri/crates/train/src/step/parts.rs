//! Which part of the model does a trained weight belong to, and how is it called as a whole?

use burn::tensor::Gradients as Tape;
use eyewright_model::{Parameter, Visit, llava::Llava};

use crate::gradients::Gradients;

/// A part of the model with its own learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Between the tower and the language model.
    Projector,
    /// The language model or its adapters.
    Llm,
    /// The vision tower or its adapters.
    Tower,
}

impl Part {
    /// In front of the names of its weights, as in XTuner's `.pth` files.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Projector => "projector",
            Self::Llm => "llm",
            Self::Tower => "visual_encoder",
        }
    }

    /// The full name of a weight of this part.
    pub fn full_name(self, name: &str) -> String {
        format!("{}.{name}", self.prefix())
    }
}

/// One learning rate per part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Of the projector.
    pub projector: f64,
    /// Of the language model or its adapters.
    pub llm: f64,
    /// Of the tower or its adapters.
    pub tower: f64,
}

impl Rates {
    /// One rate for all.
    pub fn all(rate: f64) -> Self {
        Self { projector: rate, llm: rate, tower: rate }
    }

    /// That of a part.
    pub fn of(&self, part: Part) -> f64 {
        match part {
            Part::Projector => self.projector,
            Part::Llm => self.llm,
            Part::Tower => self.tower,
        }
    }
}

/// Visits everything in the model that is trained: tower, projector, language model. A tied head is visited
/// in both its places, under one name.
pub fn each_trainable(model: &mut Llava, visit: &mut dyn FnMut(Part, &mut dyn Parameter)) {
    if let Some(eye) = &mut model.eye {
        eye.tower.each_trainable(&mut |weight| visit(Part::Tower, weight));
        eye.projector.each_trainable(&mut |weight| visit(Part::Projector, weight));
    }
    model.decoder.each_trainable(&mut |weight| visit(Part::Llm, weight));
}

/// Whether a traversal finds anything that is trained.
pub(super) fn any_trained(each: impl FnOnce(Visit<'_>)) -> bool {
    let mut found = false;
    each(&mut |_| found = true);
    found
}

/// Moves the gradients of a traversal's weights from a backward pass to the sums, and ends their tracking.
pub(super) fn collect(part: Part, tape: &mut Tape, sums: &mut Gradients, each: impl FnOnce(Visit<'_>)) {
    each(&mut |weight| {
        if let Some(gradient) = weight.take_gradient(tape) {
            sums.add(part.full_name(weight.name()), gradient);
        }
        weight.untrack();
    });
}

//! What is in memory at which moment of a step, beside what always is?
//!
//! A step sees, reads, computes the loss, and goes back through the language model and the eye before it changes
//! the weights. What one of these needs is gone when the next one begins, so that only the worst moment counts.
//!
//! ```text
//! see      tower inputs | one tower block
//! read     tower inputs | block inputs (or every block's record) | one block
//!          (a record of what is trained in full has the weights in the type that computes, if that is not f32)
//! loss     tower inputs | block inputs (or every block's record) | logits
//! top      the same with one block's record, and the head's gradients
//! bottom   tower inputs | one block's record | all gradients of the language model
//! eye      one tower block's record | those, and the eye's
//! update   all gradients | copies of the largest trained tensor
//! ```

use super::activations::{Block, Tokens};
use super::memory::{Coefficients, Forecast, GRADIENT, MASTER, MemoryForecast};
use super::parameters::{Linear, TrainableParameters};
use super::parts::{PlanParts, Tune};

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Moment {
    /// The tower looks at the pictures.
    #[default]
    See,
    /// The language model reads.
    Read,
    /// Logits and their gradient.
    Loss,
    /// The way back through the last block, before which nothing has been freed.
    Top,
    /// The way back through the first block, after which all of the language model's gradients exist.
    Bottom,
    /// The way back through projector and tower.
    Eye,
    /// The optimiser changes the weights.
    Update,
}

impl Moment {
    pub(super) const ALL: [Self; 7] =
        [Self::See, Self::Read, Self::Loss, Self::Top, Self::Bottom, Self::Eye, Self::Update];

    /// What a step does then.
    pub fn about(self) -> &'static str {
        match self {
            Self::See => "the tower looks",
            Self::Read => "the language model reads",
            Self::Loss => "the loss is computed",
            Self::Top => "the way back begins",
            Self::Bottom => "the way back ends in the language model's first block",
            Self::Eye => "the way back goes through projector and tower",
            Self::Update => "the weights change",
        }
    }
}

/// Bytes that come and go within a step.
pub(super) struct Transient {
    /// Inputs of the tower's blocks, where it is trained.
    tower_inputs: f64,
    tower_working: f64,
    tower_kept: f64,
    projector: f64,
    /// What all blocks of the language model together hold for the way back.
    llm_record: f64,
    llm_working: f64,
    llm_kept: f64,
    /// Whether that record is of inputs alone, so that a block is computed a second time.
    checkpointed: bool,
    logits: f64,
    /// The head's weights in the type that computes, where it is trained in full.
    head_copy: f64,
    head_gradients: f64,
    /// Of language model, tower and projector.
    gradients: [f64; 3],
    /// Gradients of earlier passes of the same step are there from the start.
    accumulated: bool,
    update: f64,
    backward: bool,
}

impl Transient {
    pub(super) fn of(
        plan: &PlanParts,
        of: &Forecast,
        by: &Coefficients,
        counts: &TrainableParameters,
        width: f64,
    ) -> Self {
        let tune = &plan.tune;
        let rows = plan.train.batch as f64;
        let pictures = rows * of.pictures as f64;
        let tower = Block::of_tower(&of.tower);
        let seen = Tokens { rows: pictures, length: of.tower.patches() as f64 + 1.0 };
        // The state at index -2 comes out of the last block but one; later blocks are not run.
        let depth = match plan.model.select_layer {
            index if index < 0 => (of.tower.layers as i64 + 1 + index).max(0),
            index => index.min(of.tower.layers as i64),
        } as f64;
        let llm = Block::of_llm(&of.llm);
        let read = Tokens { rows, length: of.sequence as f64 };
        let llm_kept = llm.kept(by, &tune.llm, read, width) + copies(&tune.llm, &of.llm.linears(), width);
        // Gradients reach the projector and the tower through the whole language model.
        let backward = tune.llm.is_trained() || tune.projector.is_trained() || tune.tower.is_trained();
        let checkpointed = plan.train.activation_checkpointing;
        let layers = of.llm.layers as f64;
        let llm_record = match (backward, checkpointed) {
            (false, _) => 0.0,
            (true, true) => layers * read.count() * llm.hidden * width,
            (true, false) => layers * llm_kept,
        };
        let inner = (plan.model.projector_depth.saturating_sub(1) * 2) as f64;
        let patches = pictures * of.tower.patches() as f64;
        let all_logits = read.count() * by.supervised_share * of.llm.vocab as f64;
        let head = of.llm.head();
        let head_trained = match &tune.llm {
            Tune::Frozen => 0,
            Tune::Full => head.weights(),
            Tune::Lora(lora) if lora.head => head.adapter(lora.rank),
            Tune::Lora(_) => 0,
        };
        let trained = [counts.llm.trained, counts.tower.trained, counts.projector.trained];
        let widest = of.llm.linears().into_iter().chain([head]);
        let largest_trained = match &tune.llm {
            Tune::Frozen => of.llm.hidden as u64 * of.llm.hidden as u64,
            Tune::Full => widest.map(|linear| linear.weights()).max().unwrap_or(0),
            Tune::Lora(lora) => {
                widest.map(|linear| (lora.rank * linear.output.max(linear.input)) as u64).max().unwrap_or(0)
            }
        };
        Self {
            tower_inputs: match tune.tower.is_trained() {
                true => depth * seen.count() * tower.hidden * width,
                false => 0.0,
            },
            tower_working: tower.working(by, seen, width),
            tower_kept: tower.kept(by, &tune.tower, seen, width)
                + copies(&tune.tower, &of.tower.linears(), width),
            projector: patches * MASTER * (of.tower.hidden as f64 + inner * of.llm.hidden as f64),
            llm_record,
            llm_working: llm.working(by, read, width),
            llm_kept,
            checkpointed,
            logits: all_logits.min(by.logits_at_a_time) * by.logit_bytes,
            head_copy: copies(&tune.llm, &[head], width),
            head_gradients: GRADIENT * head_trained as f64,
            gradients: trained.map(|trained| GRADIENT * trained as f64),
            accumulated: plan.train.accumulation > 1,
            update: by.update_copies * MASTER * largest_trained as f64,
            backward,
        }
    }

    /// Everything at a moment; `stays` is what is there at all of them.
    pub(super) fn at(&self, moment: Moment, stays: MemoryForecast) -> MemoryForecast {
        let mut all = MemoryForecast { moment, ..stays };
        let mut gradients = if self.accumulated { self.gradients } else { [0.0; 3] };
        let again = if self.checkpointed { self.llm_kept } else { 0.0 };
        let (mut of_llm, mut of_tower, mut of_projector, mut logits) = (0.0, self.tower_inputs, 0.0, 0.0);
        match moment {
            Moment::See => of_tower += self.tower_working,
            Moment::Read => of_llm = self.llm_record + self.llm_working,
            Moment::Loss => {
                (of_llm, logits) = (self.llm_record + self.head_copy, self.logits);
                gradients[0] += self.head_gradients;
            }
            Moment::Top | Moment::Bottom | Moment::Eye | Moment::Update if !self.backward => {}
            Moment::Top => {
                of_llm = self.llm_record + again + self.llm_working;
                gradients[0] += self.head_gradients;
            }
            Moment::Bottom => {
                of_llm = self.llm_kept + self.llm_working;
                gradients[0] = self.gradients[0];
            }
            Moment::Eye => {
                of_projector = self.projector;
                if self.tower_inputs > 0.0 {
                    of_tower += self.tower_kept + self.tower_working;
                }
                gradients = self.gradients;
            }
            Moment::Update => {
                of_tower = 0.0;
                of_llm = self.update;
                gradients = self.gradients;
            }
        }
        for (part, gradients, activations) in [
            (&mut all.llm, gradients[0], of_llm),
            (&mut all.tower, gradients[1], of_tower),
            (&mut all.projector, gradients[2], of_projector),
        ] {
            part.gradients = gradients as u64;
            part.activations = activations as u64;
        }
        all.logits = logits as u64;
        all
    }
}

/// Weights that are trained in full, cast from their f32 masters for as long as a block's record is there.
fn copies(tune: &Tune, linears: &[Linear], width: f64) -> f64 {
    match tune {
        Tune::Full if width < MASTER => {
            width * linears.iter().map(|linear| linear.weights() as f64).sum::<f64>()
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters_are_cast_where_something_else_computes() {
        let linears =
            [Linear { name: "w1", input: 3, output: 5 }, Linear { name: "w2", input: 5, output: 7 }];
        assert_eq!(copies(&Tune::Full, &linears, 2.0), 100.0);
        assert_eq!(copies(&Tune::Full, &linears, 4.0), 0.0);
        assert_eq!(copies(&Tune::Frozen, &linears, 2.0), 0.0);
    }
}

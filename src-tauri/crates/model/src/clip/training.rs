//! The tower as training sees it: what of it is trained, and its blocks one at a time.

use burn::tensor::{Device, Tensor};

use super::VisionTower;
use crate::{
    lora::{Tune, TuneError},
    trainable::Visit,
};

/// A stretch of the tower that is differentiated by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TowerPlace {
    /// The embeddings and the norm before the blocks.
    Start,
    /// One block, counted from the input.
    Block(usize),
}

impl VisionTower {
    /// Prepares what is trained, as `Decoder::tune` does. Blocks behind the layer that LLaVA reads do not
    /// exist here; XTuner gives them adapters which never receive a gradient.
    ///
    /// # Errors
    /// If a target does not exist or the rank is 0. Nothing has changed then.
    pub fn tune(&mut self, how: &Tune, seed: u64, device: &Device) -> Result<(), TuneError> {
        match how {
            Tune::Frozen => {}
            Tune::Full => {
                self.embeddings.free();
                self.pre_norm.free();
                for block in &mut self.blocks {
                    let mut result = Ok(());
                    block.each_linear(&mut |linear| {
                        if result.is_ok() {
                            result = linear.free();
                        }
                    });
                    result?;
                    block.norm1.free();
                    block.norm2.free();
                }
            }
            Tune::Lora(config) => {
                if config.rank == 0 {
                    return Err(TuneError::NoRank);
                }
                let mut names = Vec::new();
                self.each_linear(&mut |linear| names.push(linear.name().to_owned()));
                if let Some(error) = config.unmatched(&names) {
                    return Err(error);
                }
                self.each_linear(&mut |linear| {
                    if config.takes(linear.name(), false) {
                        linear.adapt(config, seed, device);
                    }
                });
            }
        }
        Ok(())
    }

    /// All places, from the input to the output.
    pub fn places(&self) -> impl Iterator<Item = TowerPlace> + use<> {
        std::iter::once(TowerPlace::Start).chain((0..self.blocks.len()).map(TowerPlace::Block))
    }

    /// Visits what is trained at one place.
    pub fn each_trainable_at(&mut self, place: TowerPlace, visit: Visit<'_>) {
        match place {
            TowerPlace::Start => {
                self.embeddings.each_trainable(visit);
                self.pre_norm.each_trainable(visit);
            }
            TowerPlace::Block(index) => {
                if let Some(block) = self.blocks.get_mut(index) {
                    block.norm1.each_trainable(visit);
                    block.norm2.each_trainable(visit);
                    block.each_linear(&mut |linear| linear.each_trainable(visit));
                }
            }
        }
    }

    /// Visits everything that is trained.
    pub fn each_trainable(&mut self, visit: Visit<'_>) {
        for place in self.places() {
            self.each_trainable_at(place, visit);
        }
    }

    /// Adapters leave out inputs by masks that are a function of `pass`; `None` ends this.
    pub fn drop_out(&mut self, pass: Option<u64>) {
        self.each_linear(&mut |linear| linear.drop_out(pass));
    }

    /// One block.
    ///
    /// # Shapes
    /// - x: `[batch, 1 + patches, hidden]`; output the same
    ///
    /// # Panics
    /// If there is no such block.
    pub fn block(&self, index: usize, x: Tensor<3>) -> Tensor<3> {
        self.blocks[index].forward(x)
    }
}

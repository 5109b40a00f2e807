//! By what is the loss multiplied so that f16 gradients neither vanish nor overflow?

/// A dynamic loss scale, with the defaults of `torch.amp.GradScaler`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossScale {
    scale: f64,
    /// Steps in a row without an overflow.
    good_steps: u64,
}

const START: f64 = 65536.0;
const GROWTH: f64 = 2.0;
const BACKOFF: f64 = 0.5;
const GROWTH_INTERVAL: u64 = 2000;

impl Default for LossScale {
    fn default() -> Self {
        Self { scale: START, good_steps: 0 }
    }
}

impl LossScale {
    /// A scale as a checkpoint remembers it.
    pub fn restored(scale: f64, good_steps: u64) -> Self {
        Self { scale, good_steps }
    }

    /// The factor.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Steps in a row without an overflow, since the scale last grew.
    pub fn good_steps(&self) -> u64 {
        self.good_steps
    }

    /// Learns from a step: halved after an overflow, doubled after 2000 good steps.
    pub fn observe(&mut self, overflow: bool) {
        if overflow {
            *self = Self { scale: self.scale * BACKOFF, good_steps: 0 };
        } else if self.good_steps + 1 == GROWTH_INTERVAL {
            *self = Self { scale: self.scale * GROWTH, good_steps: 0 };
        } else {
            self.good_steps += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_backs_off_at_once_and_grows_slowly() {
        let mut scale = LossScale::default();
        scale.observe(true);
        assert_eq!(scale, LossScale::restored(32768.0, 0));
        (0..1999).for_each(|_| scale.observe(false));
        assert_eq!(scale, LossScale::restored(32768.0, 1999));
        scale.observe(false);
        assert_eq!(scale, LossScale::restored(65536.0, 0));
    }
}

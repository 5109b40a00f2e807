//! Do tower, projector and language model fit together?

use std::path::Path;

use super::{PartFiles, StackError};
use crate::{clip::TowerConfig, projector::ProjectorConfig};

/// The projector must lead from the width of the tower to that of the language model.
pub(super) fn check_widths(
    projector: &PartFiles<ProjectorConfig>,
    tower: usize,
    llm: usize,
) -> Result<(), StackError> {
    let path = || projector.checkpoint.path().to_owned();
    let (vision, text) = (projector.config.vision_width, projector.config.text_width);
    if vision != tower {
        return Err(StackError::TowerWidth { projector: path(), vision, text, tower });
    }
    if text != llm {
        return Err(StackError::TextWidth { projector: path(), vision, text, llm });
    }
    Ok(())
}

/// The tower, whose configuration lies in `folder`, must have the hidden state that is to be read.
pub(super) fn check_layer(tower: &TowerConfig, folder: &Path) -> Result<(), StackError> {
    if tower.used_blocks().is_some() {
        return Ok(());
    }
    Err(StackError::FeatureLayer {
        config: folder.join("config.json"),
        layer: tower.feature_layer,
        states: tower.clip.layers + 1,
    })
}

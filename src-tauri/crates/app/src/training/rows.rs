//! How do a plan's data files become rows to train on and rows to measure?

use std::{path::Path, sync::Arc};

use eyewright_data::{
    dataset::{
        DatasetIndex, EncoderLimits, ImageFolder, OrderConfig, RowEncoder, RowSize, Survey, split, survey,
    },
    image::SquareMode,
    template::ChatTemplate,
    tokenizer::Tokenizer,
};
use eyewright_train::{
    feed::RowSource,
    plan::{RunPlan, Square, Validation},
    run::{Phase, RunControl, RunEvent, WarningKind},
};

use super::model::Base;
use crate::AppError;

/// The rows of a run.
pub(super) struct Rows {
    pub(super) source: Arc<RowSource>,
    pub(super) order: eyewright_data::dataset::Order,
    pub(super) validation: Option<(Arc<RowSource>, Vec<u32>)>,
    pub(super) warnings: Vec<(WarningKind, String)>,
    /// Of the data files, one hash.
    pub(super) hash: String,
}

/// Bad rows that are named in a message.
const NAMED: usize = 5;

impl Rows {
    /// Opens and checks all rows; `None` if the run was asked to stop meanwhile.
    pub(super) fn open(
        plan: &RunPlan,
        base: &Base,
        control: &RunControl,
        on_event: &mut dyn FnMut(RunEvent),
    ) -> Result<Option<Self>, AppError> {
        let encoder = Arc::new(encoder(plan, base)?);
        let mut warnings = Vec::new();
        let open = |file: &Path, warnings: &mut Vec<_>, on_event: &mut dyn FnMut(RunEvent)| {
            open_file(file, plan, base, &encoder, control, warnings, on_event)
        };
        let Some((source, found)) = open(&plan.data.json, &mut warnings, on_event)? else { return Ok(None) };
        let mut hash = source.index.hash().to_owned();
        let (rows, validation) = match &plan.data.validation {
            Validation::Off => (found, None),
            Validation::Fraction(fraction) => {
                let (train, measured) = split(&found, *fraction, plan.seed);
                (train, Some((Arc::clone(&source), numbers(&measured))))
            }
            Validation::File(file) => {
                let Some((other, measured)) = open(file, &mut warnings, on_event)? else { return Ok(None) };
                hash += other.index.hash();
                (found, Some((other, numbers(&measured))))
            }
        };
        let order = OrderConfig {
            seed: plan.seed,
            batch: plan.train.batch,
            accumulation: plan.train.accumulation,
            group_by_length: plan.data.group_by_length,
        };
        Ok(Some(Self { source, order: order.init(rows), validation, warnings, hash }))
    }
}

fn numbers(rows: &[RowSize]) -> Vec<u32> {
    rows.iter().map(|row| row.row).collect()
}

fn encoder(plan: &RunPlan, base: &Base) -> Result<RowEncoder, AppError> {
    let images = match base.files.eye {
        Some(_) => Some(ImageFolder::open(&plan.data.image_folder)?),
        None => None,
    };
    Ok(RowEncoder {
        template: ChatTemplate::named(&plan.data.template)?.clone(),
        tokenizer: Tokenizer::open(&base.llm)?,
        system: plan.data.system.clone(),
        images,
        limits: EncoderLimits {
            max_length: plan.data.max_length,
            picture_tokens: base.picture_tokens(),
            max_positions: base.files.llm.config.max_position,
        },
    })
}

fn open_file(
    file: &Path,
    plan: &RunPlan,
    base: &Base,
    encoder: &Arc<RowEncoder>,
    control: &RunControl,
    warnings: &mut Vec<(WarningKind, String)>,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<Option<(Arc<RowSource>, Vec<RowSize>)>, AppError> {
    on_event(RunEvent::PhaseStarted { phase: Phase::Index, total: None });
    let index = DatasetIndex::open(file, &mut |done, total| {
        on_event(RunEvent::PhaseProgress { phase: Phase::Index, done, total });
    })?;
    on_event(RunEvent::PhaseStarted { phase: Phase::Survey, total: Some(index.len() as u64) });
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found = survey(&index, encoder, threads, &mut |done, total| {
        let (done, total) = (done as u64, total as u64);
        on_event(RunEvent::PhaseProgress { phase: Phase::Survey, done, total });
        !control.is_stopping()
    })?;
    let Some(found) = found else { return Ok(None) };
    judge(file, plan, &found, warnings)?;
    let rows = useful(file, plan, found, warnings)?;
    let source = RowSource {
        index,
        encoder: Arc::clone(encoder),
        processor: base.processor.clone(),
        square: square_of(plan),
        skip_bad_rows: plan.data.skip_bad_rows,
    };
    Ok(Some((Arc::new(source), rows)))
}

fn rows_in_words(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// Where only what looks at pictures is trained, rows without any teach nothing.
fn useful(
    file: &Path,
    plan: &RunPlan,
    found: Survey,
    warnings: &mut Vec<(WarningKind, String)>,
) -> Result<Vec<RowSize>, AppError> {
    let without = found.text_only();
    if plan.tune.llm.is_trained() || without == 0 {
        return Ok(found.rows);
    }
    let rows: Vec<RowSize> = found.rows.into_iter().filter(|row| row.pictures > 0).collect();
    if rows.is_empty() {
        return Err(AppError::NoPictures { file: file.to_owned() });
    }
    let message = format!(
        "`{}`: {} without pictures left out: the language model is frozen",
        file.display(),
        rows_in_words(without)
    );
    warnings.push((WarningKind::Rows, message));
    Ok(rows)
}

pub(super) fn square_of(plan: &RunPlan) -> SquareMode {
    match plan.data.square {
        Square::Pad => SquareMode::Pad,
        Square::Crop => SquareMode::CentreCrop,
    }
}

/// Bad rows stop the run, or are left out and told; so are oddities.
fn judge(
    file: &Path,
    plan: &RunPlan,
    found: &Survey,
    warnings: &mut Vec<(WarningKind, String)>,
) -> Result<(), AppError> {
    let total = found.rows.len() + found.bad_count;
    if found.bad_count > 0 {
        let one = |bad: &eyewright_data::dataset::BadRow| {
            let id = bad.id.as_ref().map_or(String::new(), |id| format!(" (id {id})"));
            format!("row {}{id}: {}", bad.row + 1, bad.problem)
        };
        let named: Vec<String> = found.bad.iter().take(NAMED).map(one).collect();
        if !plan.data.skip_bad_rows || found.rows.is_empty() {
            return Err(AppError::BadRows {
                file: file.to_owned(),
                count: found.bad_count,
                total,
                named,
                all: found.rows.is_empty(),
            });
        }
        let count = found.bad_count;
        warnings.push((WarningKind::BadRows, format!("{count} of {} left out", rows_in_words(total))));
        warnings.extend(found.bad.iter().map(|bad| (WarningKind::BadRows, one(bad))));
    }
    if found.misspelt > 0 {
        let message = format!(
            "`{}`: {} with the key `conversation`, which is read as `conversations`",
            file.display(),
            rows_in_words(found.misspelt)
        );
        warnings.push((WarningKind::Rows, message));
    }
    let truncated = found.truncated();
    if truncated > 0 {
        let limit = plan.data.max_length;
        let cut = rows_in_words(truncated);
        let message = format!("`{}`: {cut} cut off at {limit} tokens", file.display());
        warnings.push((WarningKind::Rows, message));
    }
    Ok(())
}

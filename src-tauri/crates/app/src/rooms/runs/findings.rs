//! What does a curve say, in plain words and with a likely cause?

use eyewright_protocol::{CurveFinding, MetricRow, Severity};

/// Findings over the rows of a run, the gravest first.
pub(super) fn explain(rows: &[MetricRow]) -> Vec<CurveFinding> {
    let mut found: Vec<CurveFinding> =
        [not_a_number(rows), zero(rows), spike(rows), over_fitting(rows), flat(rows)]
            .into_iter()
            .flatten()
            .collect();
    found.sort_by_key(|finding| match finding.severity {
        Severity::Fatal => 0,
        Severity::Warning => 1,
        Severity::Note => 2,
    });
    found
}

fn finding(name: &str, severity: Severity, step: Option<u64>, message: String, hint: &str) -> CurveFinding {
    CurveFinding { finding: name.to_owned(), severity, step, message, hint: hint.to_owned() }
}

/// Steps with a training loss.
fn losses(rows: &[MetricRow]) -> Vec<(u64, f64)> {
    rows.iter().filter_map(|row| Some((row.step, row.loss?))).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a mean over some steps")]
fn mean(values: &[(u64, f64)]) -> f64 {
    values.iter().map(|(_, loss)| loss).sum::<f64>() / values.len().max(1) as f64
}

fn not_a_number(rows: &[MetricRow]) -> Option<CurveFinding> {
    let bad = |row: &&MetricRow| row.loss.is_none() && row.lr.is_some();
    let first = rows.iter().find(bad)?;
    let count = rows.iter().filter(bad).count();
    Some(finding(
        "not_a_number",
        if count > 3 { Severity::Fatal } else { Severity::Warning },
        Some(first.step),
        format!("the loss was not a number in {count} step(s), first at step {}", first.step),
        "Lower the learning rate, or train in bf16 or f32 instead of f16. Look at the rows of that step.",
    ))
}

fn zero(rows: &[MetricRow]) -> Option<CurveFinding> {
    let losses = losses(rows);
    let zeros = losses.iter().filter(|(_, loss)| *loss == 0.0).count();
    if zeros < 3 {
        return None;
    }
    let first = losses.iter().find(|(_, loss)| *loss == 0.0)?.0;
    let message = format!("the loss is exactly 0 in {zeros} steps: nothing was learned in them");
    let hint = "The answers are cut off or empty, or the chat template marks none: check data.max_length and the template.";
    Some(finding("zero_loss", Severity::Fatal, Some(first), message, hint))
}

/// One step far above the twenty before it.
fn spike(rows: &[MetricRow]) -> Option<CurveFinding> {
    let losses = losses(rows);
    let (at, (step, loss)) = losses.iter().enumerate().skip(20).rev().find(|(at, (_, loss))| {
        let mut before: Vec<f64> = losses[at - 20..*at].iter().map(|(_, loss)| *loss).collect();
        before.sort_by(f64::total_cmp);
        *loss > 3.0 * before[10] && *loss > before[10] + 1.0
    })?;
    let after = &losses[at + 1..];
    let recovered = !after.is_empty() && mean(after) < *loss / 2.0;
    let message = format!("the loss jumped to {loss:.2} at step {step}");
    if recovered {
        let hint =
            "It came down again. If it repeats, lower the learning rate or look at the rows of that step.";
        return Some(finding("spike", Severity::Note, Some(*step), message, hint));
    }
    let hint = "Lower the learning rate, or make the warm-up longer; go back to the checkpoint before it.";
    Some(finding("spike", Severity::Warning, Some(*step), message, hint))
}

/// Validation rises while training falls.
fn over_fitting(rows: &[MetricRow]) -> Option<CurveFinding> {
    let measured: Vec<(u64, f64)> =
        rows.iter().filter_map(|row| Some((row.step, row.validation_loss?))).collect();
    if measured.len() < 3 {
        return None;
    }
    let best = measured.iter().min_by(|one, other| one.1.total_cmp(&other.1))?;
    let last = measured.last()?;
    let later = measured.iter().filter(|(step, _)| *step > best.0).count();
    if later < 2 || last.1 < best.1 * 1.05 {
        return None;
    }
    let message = format!(
        "the validation loss was lowest ({:.3}) at step {} and is {:.3} now: the model learns the rows by heart",
        best.1, best.0, last.1
    );
    let hint = "Use the best checkpoint. Fewer epochs, more rows, more dropout or a smaller rank help.";
    Some(finding("over_fitting", Severity::Warning, Some(best.0), message, hint))
}

/// No progress over the last half of many steps.
fn flat(rows: &[MetricRow]) -> Option<CurveFinding> {
    let losses = losses(rows);
    let rates: Vec<f64> = rows.iter().filter_map(|row| row.lr).collect();
    let rising = rates.len() > 1 && rates[rates.len() - 1] > rates[rates.len() - 2];
    if rising && rates.len() < 200 {
        let step = rows.last().map(|row| row.step);
        let message = "the learning rate is still rising".to_owned();
        let hint = "A flat curve is normal during the warm-up; look again later.";
        return Some(finding("warming_up", Severity::Note, step, message, hint));
    }
    if losses.len() < 100 {
        return None;
    }
    let quarter = losses.len() / 4;
    let (first, last) = (mean(&losses[..quarter]), mean(&losses[losses.len() - quarter..]));
    if last < first * 0.98 || last < 0.2 {
        return None;
    }
    let message = format!("the loss has hardly fallen: {first:.3} at the beginning, {last:.3} now");
    let hint = "Raise the learning rate; check that the right part is trained, and that the template fits the model.";
    Some(finding("flat", Severity::Warning, losses.last().map(|(step, _)| *step), message, hint))
}

#[cfg(test)]
mod tests {
    use super::super::live::blank_row;
    use super::*;

    fn curve(losses: impl IntoIterator<Item = f64>) -> Vec<MetricRow> {
        let row = |(step, loss): (usize, f64)| MetricRow {
            loss: Some(loss).filter(|loss| loss.is_finite()),
            lr: Some(1e-4),
            ..blank_row(step as u64 + 1)
        };
        losses.into_iter().enumerate().map(row).collect()
    }

    fn names(rows: &[MetricRow]) -> Vec<String> {
        explain(rows).into_iter().map(|finding| finding.finding).collect()
    }

    #[test]
    fn each_illness_has_its_name_and_health_has_none() {
        let falling = |n: usize| (0..n).map(|i| 1.0 + 3.0 * (-(i as f64) / 50.0).exp());
        assert!(names(&curve(falling(200))).is_empty());
        assert_eq!(names(&curve((0..200).map(|i| 2.0 + 0.01 * f64::from(i % 3)))), ["flat"]);
        assert_eq!(names(&curve(falling(50).chain([0.0, 0.0, 0.0]))), ["zero_loss"]);
        assert_eq!(names(&curve(falling(50).chain([f64::NAN]))), ["not_a_number"]);
        assert_eq!(names(&curve(falling(150).chain([20.0]).chain(falling(180).skip(150)))), ["spike"]);
        let mut fitted = curve(falling(200));
        for (step, loss) in [(40, 2.0), (80, 1.5), (120, 1.7), (160, 1.9)] {
            fitted[step].validation_loss = Some(loss);
        }
        assert_eq!(names(&fitted), ["over_fitting"]);
    }

    #[test]
    fn a_warm_up_is_not_called_flat() {
        let mut rows = curve((0..150).map(|_| 2.0));
        for (index, row) in rows.iter_mut().enumerate() {
            row.lr = Some(index as f64 * 1e-6);
        }
        assert_eq!(names(&rows), ["warming_up"]);
    }
}

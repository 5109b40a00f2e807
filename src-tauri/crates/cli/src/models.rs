//! `eyewright models`: a model in a few lines; a trained part as a folder of its own.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyewright_app::{
    inspect as inspect_model,
    training::{StoredDtype, TrainedPart, write_part},
};

use crate::{arguments::InspectArguments, print};

#[derive(Debug, Args)]
pub(crate) struct WriteArguments {
    /// The run, or one of its checkpoints.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Which part.
    #[arg(long, value_enum)]
    part: PartName,
    /// The new folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Type of the numbers [default: that of the base].
    #[arg(long, value_name = "T", value_parser = ["f32", "f16", "bf16"])]
    dtype: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartName {
    /// The language model.
    Llm,
    /// The vision tower.
    Tower,
}

pub(crate) fn write(arguments: &WriteArguments) -> anyhow::Result<()> {
    let part = match arguments.part {
        PartName::Llm => TrainedPart::Llm,
        PartName::Tower => TrainedPart::Tower,
    };
    let dtype = arguments.dtype.as_deref().map(|name| match name {
        "f16" => StoredDtype::F16,
        "bf16" => StoredDtype::BF16,
        _ => StoredDtype::F32,
    });
    let folder = write_part(&arguments.run, part, dtype, &arguments.out)?;
    print::line(folder.display());
    Ok(())
}

pub(crate) fn inspect(arguments: &InspectArguments) -> anyhow::Result<()> {
    let report = inspect_model(&arguments.paths.paths())?;
    if arguments.json {
        print::line(serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    let mut lines = vec![report.kind.to_owned()];
    for part in &report.parts {
        lines.push(format!("  {}: {}", part.part, part.about()));
        lines.push(format!(
            "    {} parameters, stored in {}, {} names",
            grouped(part.parameters),
            part.dtype,
            part.layout
        ));
    }
    lines.push(format!("  context: {} tokens", report.context));
    if let Some(tokens) = report.picture_tokens {
        lines.push(format!("  a picture takes {tokens} tokens"));
    }
    let template = report.template.as_deref().unwrap_or("unknown (no readable tokenizer)");
    lines.push(format!("  template: {template}"));
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    lines.push(format!(
        "  weights on a device: {:.1} MiB in f32, {:.1} MiB in f16 or bf16",
        mib(report.bytes_f32),
        mib(report.bytes_half)
    ));
    print::line(lines.join("\n"));
    Ok(())
}

/// Thousands apart: `1 889 110 016`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_889_110_016, "1 889 110 016")] {
            assert_eq!(grouped(number), text);
        }
    }
}

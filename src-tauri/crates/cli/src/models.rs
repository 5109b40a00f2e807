//! `eyewright models inspect`: a model in a few lines.

use eyewright_app::inspect as inspect_model;

use crate::{arguments::InspectArguments, print};

pub(crate) fn inspect(arguments: &InspectArguments) -> anyhow::Result<()> {
    let report = inspect_model(&arguments.paths.paths())?;
    if arguments.json {
        print::line(serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    let mut lines = vec![report.kind.to_owned()];
    for part in &report.parts {
        lines.push(format!("  {}: {}", part.part, part.about));
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

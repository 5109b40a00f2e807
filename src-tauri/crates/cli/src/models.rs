//! `eyewright models inspect`: a model in a few lines.

use eyewright_app::inspect as inspect_model;

use crate::arguments::InspectArguments;

pub(crate) fn inspect(arguments: &InspectArguments) -> anyhow::Result<()> {
    let report = inspect_model(&arguments.paths.paths())?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!("{}", report.kind);
    for part in &report.parts {
        let numbers =
            if part.parameters > 0 { format!(", {} numbers", part.parameters) } else { String::new() };
        println!("  {}: {} ({} names{numbers})", part.part, part.about, part.layout);
    }
    println!("  context: {} tokens", report.context);
    if let Some(tokens) = report.picture_tokens {
        println!("  a picture takes {tokens} tokens");
    }
    println!("  template: {}", report.template.as_deref().unwrap_or("unknown (no readable tokenizer)"));
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    println!(
        "  weights on a device: {:.1} MiB in f32, {:.1} MiB in f16 or bf16",
        mib(report.bytes_f32),
        mib(report.bytes_half)
    );
    Ok(())
}

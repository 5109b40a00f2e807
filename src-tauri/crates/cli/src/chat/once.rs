//! One question from the command line, its answer as text or as JSON, and its scores as a file.

use eyewright_app::{Answer, ChatSession, OpenModel, Picture, write_logits};

use super::{ChatArguments, Interrupts};
use crate::print;

pub(super) fn answer(
    arguments: &ChatArguments,
    open: &OpenModel,
    session: &mut ChatSession<'_>,
    prompt: &str,
    pictures: &[Picture],
    interrupts: &Interrupts,
) -> anyhow::Result<()> {
    if let Some(file) = &arguments.logits {
        write_logits(&open.model, arguments.system.as_deref(), prompt, pictures, file)?;
    }
    let mut show = |text: &str| {
        if !arguments.json {
            print::show(text);
        }
    };
    let config = arguments.generation();
    let answer = interrupts.during(|cancel| session.ask(prompt, pictures, &config, cancel, &mut show))?;
    if arguments.json {
        print::line(serde_json::to_string_pretty(&as_json(&answer, open))?);
    } else {
        print::line("");
    }
    Ok(())
}

fn as_json(answer: &Answer, open: &OpenModel) -> serde_json::Value {
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    serde_json::json!({
        "answer": answer.text,
        "token_ids": answer.ids,
        "finish": answer.finish,
        "prompt_tokens": answer.prompt_tokens,
        "encode_ms": ms(answer.timings.encode),
        "first_token_ms": ms(answer.timings.first_token),
        "decode_ms": ms(answer.timings.decode),
        "tokens_per_second": answer.tokens_per_second(),
        "device": open.device.choice.to_string(),
        "device_name": open.device.name,
        "dtype": format!("{:?}", open.model.dtype).to_lowercase(),
        "template": open.model.template.name(),
    })
}

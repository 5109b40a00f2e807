//! How is one of our chat templates written in Jinja, which transformers and llama.cpp run?
//!
//! The result writes what [`eyewright_data::conversation::render_prompt`] writes; a picture is `<image>` on a line of
//! its own in front of the text.

use eyewright_data::template::{ChatTemplate, Pattern, Segment};

/// The template; `bos` says whether texts begin with that token.
pub(crate) fn of(template: &ChatTemplate, bos: bool) -> String {
    let mut out = String::from(
        "{% macro flat(content) %}{% if content is string %}{{ content }}{% else %}{% for part in content %}\
         {% if part['type'] == 'image' %}{{ '<image>\\n' }}{% elif part['type'] == 'text' %}{{ part['text'] }}\
         {% endif %}{% endfor %}{% endif %}{% endmacro %}\
         {% if messages[0]['role'] == 'system' %}{% set system = flat(messages[0]['content']) %}\
         {% set turns = messages[1:] %}{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}\
         {% for message in turns %}{% if message['role'] == 'user' %}",
    );
    if bos {
        // After an end-of-sequence token a new text begins; templates that end answers themselves go on.
        out.push_str(if template.suffix_as_eos() {
            "{% if loop.first %}{{ bos_token }}{% endif %}"
        } else {
            "{{ bos_token }}"
        });
    }
    out.push_str("{% if loop.first and system %}");
    pattern(&mut out, template.system(), template, "system");
    out.push_str("{% endif %}");
    pattern(&mut out, template.instruction(), template, "flat(message['content'])");
    out.push_str("{% else %}{{ flat(message['content']) }}");
    literal(&mut out, template.suffix());
    if !template.suffix_as_eos() {
        out.push_str("{{ eos_token }}");
    }
    literal(&mut out, template.sep());
    out.push_str("{% endif %}{% endfor %}");
    out
}

fn pattern(out: &mut String, pattern: &Pattern, template: &ChatTemplate, hole: &str) {
    for segment in pattern.segments() {
        match segment {
            Segment::Text(text) => literal(out, text),
            Segment::System | Segment::Input => out.push_str(&format!("{{{{ {hole} }}}}")),
            Segment::Round => out.push_str("{{ loop.index0 // 2 + 1 }}"),
            Segment::BotName => literal(out, template.bot_name()),
        }
    }
}

fn literal(out: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
    out.push_str(&format!("{{{{ '{escaped}' }}}}"));
}

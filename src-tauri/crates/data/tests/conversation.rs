//! Prompts and label masks have the structure that XTuner gives them, shown with tiny tokenizers.
#![allow(clippy::unwrap_used, reason = "a test file")]

use std::path::PathBuf;

use eyewright_data::conversation::{
    BosMode, ConversationError, IGNORE_LABEL, IMAGE_TOKEN, Part, Piece, PromptStyle, Role, Turn,
    TypedSpecials, check_images, encode_example, render_prompt,
};
use eyewright_data::template::ChatTemplate;
use eyewright_data::tokenizer::Tokenizer;

fn tokenizer(name: &str) -> Tokenizer {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/golden/tokenizers");
    Tokenizer::open(&golden.join(name)).unwrap()
}

fn template(name: &str) -> &'static ChatTemplate {
    ChatTemplate::named(name).unwrap()
}

/// One stretch of an expected sequence.
enum Expect<'a> {
    /// A token by name, learned or not.
    Token(&'a str, bool),
    /// Text encoded by itself, learned or not.
    Text(&'a str, bool),
    Image,
}

use Expect::{Image, Text, Token};

fn sequence(tokenizer: &Tokenizer, expected: &[Expect<'_>]) -> (Vec<i64>, Vec<i64>) {
    let mut ids = Vec::new();
    let mut labels = Vec::new();
    for part in expected {
        let (new, learned): (Vec<i64>, bool) = match part {
            Token(token, learned) => (vec![tokenizer.id(token).unwrap().into()], *learned),
            Text(text, learned) => (tokenizer.encode(text).into_iter().map(i64::from).collect(), *learned),
            Image => (vec![IMAGE_TOKEN], false),
        };
        labels.extend(new.iter().map(|&id| if learned { id } else { IGNORE_LABEL }));
        ids.extend(new);
    }
    (ids, labels)
}

#[test]
fn two_turns_about_an_image_learn_the_answers_and_their_end() {
    let tokenizer = tokenizer("internlm2_like");
    let turns = [
        Turn::from_marked(Role::User, "<image>\nQ1"),
        Turn::assistant("A1"),
        Turn::user("Q2"),
        Turn::from_marked(Role::Assistant, "A2 <image>"),
    ];
    let example = encode_example(template("internlm2_chat"), &tokenizer, None, &turns, 1472).unwrap();
    let (ids, labels) = sequence(
        &tokenizer,
        &[
            Token("<s>", false),
            Text("<|im_start|>user\n", false),
            Image,
            Text("\nQ1<|im_end|>\n<|im_start|>assistant\n", false),
            Text("A1<|im_end|>", true),
            Text("\n", false),
            Text("<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n", false),
            // In an answer the mark is text.
            Text("A2 <image><|im_end|>", true),
            Text("\n", false),
        ],
    );
    assert_eq!(example.to_xtuner_ids(), ids);
    assert_eq!(example.to_xtuner_labels(), labels);
    assert_eq!((example.images(), example.truncated), (1, false));
    assert!(!labels.contains(&2), "the end-of-sequence token is never learned with this template");
}

#[test]
fn the_published_sample_has_its_structure() {
    // The sample of XTuner's own data set dump: `<s><|im_start|>user\n`, the image, the question, the answer learned
    // up to its `<|im_end|>`, and a newline that is not.
    let tokenizer = tokenizer("internlm2_like");
    let turns = [
        Turn::from_marked(Role::User, "<image>\nRender a clear and concise summary of the photo."),
        Turn::assistant("select luxury furniture 3 - inch gel memory foam mattress topper"),
    ];
    let example = encode_example(template("internlm2_chat"), &tokenizer, None, &turns, 1472).unwrap();
    let (ids, labels) = (example.to_xtuner_ids(), example.to_xtuner_labels());
    let id = |token| i64::from(tokenizer.id(token).unwrap());
    let image = ids.iter().position(|&id| id == IMAGE_TOKEN).unwrap();
    let starts: Vec<usize> = (0..ids.len()).filter(|&i| ids[i] == id("<|im_start|>")).collect();
    let ends: Vec<usize> = (0..ids.len()).filter(|&i| ids[i] == id("<|im_end|>")).collect();
    let newline: Vec<i64> = tokenizer.encode("\n").into_iter().map(i64::from).collect();
    assert_eq!(newline.len(), 1);
    let newline = newline[0];
    assert_eq!((ids[0], starts[0], starts.len(), ends.len()), (1, 1, 2, 2));
    assert_eq!((ids[image - 1], ids[image + 1]), (newline, newline));
    assert_eq!((ids[ends[0] + 1], starts[1]), (newline, ends[0] + 2));
    assert_eq!((ends[1], ids[ids.len() - 1]), (ids.len() - 2, newline));
    let first = labels.iter().position(|&label| label != IGNORE_LABEL).unwrap();
    assert_eq!(ids[first - 1], newline, "learning starts after `assistant` and its newline");
    assert_eq!(labels[first..=ends[1]], ids[first..=ends[1]]);
    assert!(labels[..first].iter().chain(&labels[ends[1] + 1..]).all(|&label| label == IGNORE_LABEL));
}

#[test]
fn without_a_suffix_every_turn_begins_and_ends_anew() {
    let tokenizer = tokenizer("llama_legacy");
    let turns =
        [Turn::user_with_images(1, "Q1"), Turn::assistant("A1"), Turn::user("Q2"), Turn::assistant("A2")];
    let example = encode_example(template("vicuna"), &tokenizer, None, &turns, 1472).unwrap();
    let (ids, labels) = sequence(
        &tokenizer,
        &[
            Token("<s>", false),
            Text("USER: ", false),
            Image,
            Text("\nQ1 ASSISTANT:", false),
            Text("A1", true),
            Token("</s>", true),
            Text("\n", false),
            Token("<s>", false),
            Text("USER: Q2 ASSISTANT:", false),
            Text("A2", true),
            Token("</s>", true),
            Text("\n", false),
        ],
    );
    assert_eq!(example.to_xtuner_ids(), ids);
    assert_eq!(example.to_xtuner_labels(), labels);

    let prompt = render_prompt(template("vicuna"), &tokenizer, None, &turns[..3], BosMode::Always).unwrap();
    let until_answer = ids.len() - sequence(&tokenizer, &[Text("A2", true), Text("\n", true)]).0.len() - 1;
    assert_eq!(prompt.to_xtuner_ids(), ids[..until_answer]);
}

#[test]
fn a_tokenizer_without_bos_gets_none() {
    let tokenizer = tokenizer("qwen2_like");
    let turns = [Turn::user("{input} {0}"), Turn::assistant("")];
    let example = encode_example(template("qwen_chat"), &tokenizer, Some("{system}"), &turns, 99).unwrap();
    let (ids, labels) = sequence(
        &tokenizer,
        &[
            Text("<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{input} {0}<|im_end|>\n", false),
            Text("<|im_start|>assistant\n", false),
            Text("<|im_end|>", true),
            Text("\n", false),
        ],
    );
    assert_eq!((example.to_xtuner_ids(), example.to_xtuner_labels()), (ids, labels));
}

#[test]
fn the_prompt_of_a_turn_starts_the_prompt_of_the_next() {
    let turns = [
        Turn::user_with_images(2, "Q1"),
        Turn::assistant("\n A1"),
        Turn::user("Q2"),
        Turn::assistant("A2"),
        Turn::user_with_images(1, "Q3"),
    ];
    for (name, tokenizer_name) in
        [("internlm2_chat", "internlm2_like"), ("vicuna", "llama_legacy"), ("llama3_chat", "llama3_like")]
    {
        let tokenizer = tokenizer(tokenizer_name);
        let render = |count: usize| {
            let prompt =
                render_prompt(template(name), &tokenizer, Some("S"), &turns[..count], BosMode::Always);
            prompt.unwrap()
        };
        let prompts = [render(1), render(3), render(5)].map(|prompt| prompt.to_xtuner_ids());
        for pair in prompts.windows(2) {
            assert_eq!(pair[1][..pair[0].len()], pair[0], "{name}");
        }
        let last = render(5);
        let images: Vec<usize> = last
            .pieces
            .iter()
            .filter_map(|p| if let Piece::Image(n) = p { Some(*n) } else { None })
            .collect();
        assert_eq!((images, last.images()), (vec![0, 1, 2], 3));
        let text: usize = last.to_xtuner_ids().iter().filter(|&&id| id != IMAGE_TOKEN).count();
        assert_eq!(last.text_tokens(), text);
        assert!(!last.pieces.windows(2).any(|w| matches!(w, [Piece::Text(_), Piece::Text(_)])));
    }
}

#[test]
fn xtuner_leaves_bos_out_from_the_second_question_about_an_image() {
    let internlm2 = tokenizer("internlm2_like");
    let chat = template("internlm2_chat");
    let ids = |tokenizer: &Tokenizer, template: &ChatTemplate, turns: &[Turn]| {
        render_prompt(template, tokenizer, None, turns, BosMode::XtunerCompatible).unwrap().to_xtuner_ids()
    };
    let with_image = [Turn::user_with_images(1, "Q1"), Turn::assistant("A1"), Turn::user("Q2")];
    let without = [Turn::user("Q1"), Turn::assistant("A1"), Turn::user("Q2")];
    assert_eq!(ids(&internlm2, chat, &with_image[..1])[0], 1);
    let (second, _) = sequence(
        &internlm2,
        &[
            Text("<|im_start|>user\n", false),
            Image,
            Text("\nQ1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n", false),
            Text("<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n", false),
        ],
    );
    assert_eq!(ids(&internlm2, chat, &with_image), second);
    assert_eq!(ids(&internlm2, chat, &without)[0], 1);

    // The transcript is one text: with a dummy prefix that is not the same as its parts.
    let llama = tokenizer("llama_legacy");
    let (whole, _) = sequence(
        &llama,
        &[Token("<s>", false), Text("USER: Q1 ASSISTANT:A1</s>\nUSER: Q2 ASSISTANT:", false)],
    );
    assert_eq!(ids(&llama, template("vicuna"), &without), whole);
}

#[test]
fn system_text_comes_once_and_braces_are_safe() {
    let tokenizer = tokenizer("internlm2_like");
    let turns = [Turn::user("{input}{system}"), Turn::assistant("{round}"), Turn::user("b")];
    let render = |system| {
        let prompt =
            render_prompt(template("internlm2_chat"), &tokenizer, system, &turns, BosMode::Always).unwrap();
        let Some(Piece::Text(ids)) = prompt.pieces.first() else { panic!("no text") };
        tokenizer.decode(ids, false)
    };
    let body = "<|im_start|>user\n{input}{system}<|im_end|>\n<|im_start|>assistant\n{round}<|im_end|>\n\
                <|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(render(None), format!("<s>{body}"));
    assert_eq!(render(Some("")), format!("<s>{body}"));
    assert_eq!(render(Some("{x}")), format!("<s><|im_start|>system\n{{x}}<|im_end|>\n{body}"));
}

#[test]
fn typed_special_tokens_can_be_kept_from_ending_a_message() {
    let characters = PromptStyle { typed: TypedSpecials::Characters, ..Default::default() };
    for name in ["internlm2_like", "qwen2_like"] {
        let tokenizer = tokenizer(name);
        let end = tokenizer.id("<|im_end|>").unwrap();
        let turns = [
            Turn::user("a<|im_end|>\n<|im_start|>system\n<|im_<|im_end|>b"),
            Turn::assistant("c<|im_end|>"),
            Turn::user("d"),
        ];
        let ends = |style: PromptStyle| {
            let prompt = render_prompt(template("internlm2_chat"), &tokenizer, None, &turns, style).unwrap();
            let Some(Piece::Text(ids)) = prompt.pieces.first() else { panic!("no text") };
            (ids.iter().filter(|&&id| id == end).count(), tokenizer.decode(ids, false))
        };
        let (recognised, as_typed) = ends(PromptStyle::default());
        let (kept, as_characters) = ends(characters);
        assert_eq!((recognised, kept), (6, 3), "{name}");
        assert_eq!(as_typed, as_characters, "{name}: the text is the same");
    }
    // Without anything to cut, both are equal.
    let tokenizer = tokenizer("llama_legacy");
    let turns = [Turn::user_with_images(1, "the picture <|im")];
    let render =
        |style: PromptStyle| render_prompt(template("vicuna"), &tokenizer, Some("x"), &turns, style).unwrap();
    assert_eq!(render(characters), render(PromptStyle::default()));
}

#[test]
fn a_mark_is_a_picture_only_where_the_caller_says_so() {
    assert_eq!(Turn::user("a <image> b").images(), 0);
    let marked = Turn::from_marked(Role::User, "a <image> b<image>");
    assert_eq!(marked.images(), 2);
    assert_eq!(marked.parts[..2], [Part::Text("a ".into()), Part::Image]);
    assert_eq!(Turn::from_marked(Role::Assistant, "<image>").images(), 0);
    assert_eq!(check_images(std::slice::from_ref(&marked), 2), Ok(()));
    let error = check_images(&[marked], 1).unwrap_err();
    assert_eq!(error, ConversationError::ImageCount { placeholders: 2, pictures: 1 });

    let tokenizer = tokenizer("llama_legacy");
    let prompt =
        render_prompt(template("plain"), &tokenizer, None, &[Turn::user("<image>")], BosMode::Always)
            .unwrap();
    assert_eq!(prompt.images(), 0);
}

#[test]
fn the_end_is_cut_to_fit() {
    let tokenizer = tokenizer("internlm2_like");
    let turns = [Turn::user_with_images(1, "Q"), Turn::assistant("A")];
    let encode =
        |length| encode_example(template("internlm2_chat"), &tokenizer, None, &turns, length).unwrap();
    let whole = encode(1000);
    for length in 0..=whole.tokens.len() + 1 {
        let cut = encode(length);
        let kept = length.min(whole.tokens.len());
        assert_eq!(cut.tokens, whole.tokens[..kept]);
        assert_eq!(cut.labels, whole.labels[..kept]);
        assert_eq!(cut.truncated, length < whole.tokens.len());
    }
    assert_eq!((encode(2).images(), encode(2).learned()), (0, 0));
}

#[test]
fn conversations_that_make_no_sense_are_refused() {
    use ConversationError::{Empty, ImageInAnswer, LastMessage, Order};
    let tokenizer = tokenizer("internlm2_like");
    let (user, assistant) = (Turn::user("a"), Turn::assistant("b"));
    let picture = Turn { role: Role::Assistant, parts: vec![Part::Image] };
    let order = |index, expected, found| Err(Order { index, expected, found });
    let rows = [
        (vec![], Err(Empty), Err(Empty)),
        (vec![user.clone()], Ok(()), Err(LastMessage { found: Role::User })),
        (vec![user.clone(), assistant.clone()], Err(LastMessage { found: Role::Assistant }), Ok(())),
        (
            vec![assistant.clone()],
            order(0, Role::User, Role::Assistant),
            order(0, Role::User, Role::Assistant),
        ),
        (
            vec![user.clone(), user.clone()],
            order(1, Role::Assistant, Role::User),
            order(1, Role::Assistant, Role::User),
        ),
        (vec![user, picture], Err(ImageInAnswer { index: 1 }), Err(ImageInAnswer { index: 1 })),
    ];
    for (turns, prompt, example) in rows {
        let template = template("internlm2_chat");
        assert_eq!(render_prompt(template, &tokenizer, None, &turns, BosMode::Always).map(|_| ()), prompt);
        assert_eq!(encode_example(template, &tokenizer, None, &turns, 10).map(|_| ()), example);
    }
}

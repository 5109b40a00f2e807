//! A conversation through a pipe: entries, commands, and what they leave behind.

use super::program::{Said, model, picture, type_in};

/// Answers end at a line's end, so that each is one line.
fn converse(input: &str) -> Said {
    let model = model("llava_hf_new");
    let short = ["--max-new-tokens", "12", "--stop", "\n", "--temperature", "0", "--device", "cpu"];
    type_in(&[&["chat", &model][..], &short].concat(), input)
}

fn answers(said: &Said) -> Vec<&str> {
    assert_eq!(said.code, 0, "{}", said.err);
    said.out.lines().collect()
}

#[test]
fn questions_pictures_and_commands() {
    let photo = picture("photo_336.jpg");
    let first = converse("What is this?\n");
    let blind = answers(&first);
    assert_eq!(blind.len(), 1, "{}", first.out);

    let said = converse(&format!("/image {photo}\nWhat is this?\n"));
    assert!(said.err.contains("640 x 427 pixels"), "{}", said.err);
    let seen = answers(&said);
    assert_ne!(seen, blind);

    // The same picture by the command line, in quotes, and for the first question alone.
    let quoted = converse(&format!("/image \"{photo}\"\nWhat is this?\nWhat is this?\n/exit\nnot read\n"));
    assert_eq!(answers(&quoted)[0], seen[0]);
    assert_eq!(answers(&quoted).len(), 2);

    // Forgotten is forgotten, in both spellings, and so is the picture that came with a question.
    for word in ["/reset", "RESET"] {
        let said =
            converse(&format!("/image {photo}\nWhat is this?\n{word}\nWhat is this?\nEXIT\nnot read\n"));
        assert_eq!(answers(&said), [seen[0], blind[0]], "{word}");
        assert!(said.err.contains("forgotten"), "{}", said.err);
    }
}

#[test]
fn several_lines_are_one_question() {
    let one = converse("What\\\nis this?\n");
    let fenced = converse("\"\"\"\nWhat\nis this?\n\"\"\"\n");
    assert_eq!(answers(&one), answers(&fenced));
    assert_eq!(answers(&one).len(), 1);
    assert_ne!(answers(&one), answers(&converse("What is this?\n")));
    assert_eq!(answers(&converse("What is this?")), answers(&converse("\n\nWhat is this?\n\n")));
}

#[test]
fn instructions_apply_until_they_are_removed() {
    let plain = converse("Hello\n");
    let told = converse("/system Answer in Latin.\nHello\n/reset\n/system\nHello\n");
    let answers_told = answers(&told);
    assert_ne!(answers_told[0], answers(&plain)[0]);
    assert_eq!(answers_told[1], answers(&plain)[0]);
}

#[test]
fn mistakes_do_not_end_it() {
    let said = converse("/imgae x.png\n/image\n/image nowhere.png\n/help\nHello\n");
    for says in ["no command `/imgae`", "which picture?", "nowhere.png"] {
        assert!(said.err.contains(says), "{}", said.err);
    }
    assert!(said.out.contains("/system TEXT"), "{}", said.out);
    assert_eq!(said.out.lines().last(), converse("Hello\n").out.lines().last());
}

#[test]
fn nothing_typed_is_nothing_said() {
    let said = converse("");
    assert_eq!((said.code, said.out.as_str()), (0, ""));
}

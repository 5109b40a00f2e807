//! What a preview says before anything starts.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Studio, ask, studio};

/// A file or folder of the repository.
fn of_repository(path: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).join(path)
}

struct Desk {
    studio: Studio,
    home: tempfile::TempDir,
}

impl Desk {
    /// A finetune of the demo on three rows of which nothing is wrong.
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let picture = of_repository("tests/fixtures/images");
        let name = std::fs::read_dir(&picture)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .find(|name| name.ends_with(".png"))
            .unwrap();
        std::fs::copy(picture.join(name), home.path().join("a.png")).unwrap();
        let row = json!({ "image": "a.png", "conversations": [
            { "from": "human", "value": "<image>\nWhat?" }, { "from": "gpt", "value": "A cat." }
        ] });
        std::fs::write(home.path().join("rows.json"), json!([row, row, row]).to_string()).unwrap();
        Self { studio: studio(home.path()), home }
    }

    fn draft(&self, recipe: &str, changes: &[(&str, &str)]) -> Value {
        let mut values = json!({
            "data.json": self.home.path().join("rows.json"),
            "model.llm": of_repository("models/demo/llm"),
            "model.tower": of_repository("models/demo/tower"),
            "model.pretrained": of_repository("models/demo/pretrained"),
            "data.validation_fraction": "0",
        });
        for (key, value) in changes {
            values[key] = json!(value);
        }
        json!({ "recipe": recipe, "preset": "demo", "values": values })
    }

    fn preview(&self, changes: &[(&str, &str)]) -> Value {
        ask(&self.studio, "preview_run", json!({ "draft": self.draft("finetune-small", changes) }))
    }

    /// What keeps a draft from starting: keys and words.
    fn blocks(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let preview = self.preview(changes);
        let problems = preview["problems"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found: Vec<_> = problems
            .filter(|problem| problem["blocks"] == true)
            .map(|problem| (text(&problem["key"]), text(&problem["problem"])))
            .collect();
        assert_eq!(preview["ready"], found.is_empty(), "{preview}");
        found
    }
}

#[test]
fn what_would_stop_a_run_at_once_is_told_before_it_starts() {
    let desk = Desk::new();
    assert_eq!(desk.blocks(&[]), []);
    let empty = desk.home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.to_str().unwrap();
    let llm = of_repository("models/demo/llm");
    let table: &[(&[(&str, &str)], &str, &str)] = &[
        (&[("data.json", "")], "data.json", "not_chosen"),
        (&[("data.json", "/no/such.json")], "data.json", "path_not_there"),
        (&[("data.template", "no such")], "data.template", "unusable"),
        (&[("data.image_folder", empty)], "data.json", "no_good_rows"),
        (&[("data.image_folder", "/no/such")], "data.image_folder", "unusable"),
        (&[("data.validation_file", "/no/such.json")], "data.validation_file", "path_not_there"),
        (&[("model.llm", empty)], "model.llm", "unusable"),
        (&[("model.tower", llm.to_str().unwrap())], "model.tower", "unusable"),
        (&[("model.tower", "nobody/nothing")], "model.tower", "model_not_here"),
        // A model without eyes can read none of these rows.
        (&[("model.tower", ""), ("model.pretrained", "")], "data.json", "no_good_rows"),
        (&[("model.pretrained", empty)], "model.pretrained", "unusable"),
        (&[("tune.llm.targets", "[\"foo\"]")], "tune.llm.targets", "unusable"),
        (&[("train.batch", "many")], "train.batch", "no_such_value"),
    ];
    for (changes, key, problem) in table {
        assert_eq!(desk.blocks(changes), [((*key).to_owned(), (*problem).to_owned())], "{changes:?}");
    }
}

#[test]
fn rows_that_cannot_be_trained_on_block_unless_they_are_left_out() {
    let desk = Desk::new();
    let file = desk.home.path().join("rows.json");
    let mut rows: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    rows[1]["image"] = json!("gone.png");
    std::fs::write(&file, rows.to_string()).unwrap();
    assert_eq!(desk.blocks(&[]), [("data.json".to_owned(), "bad_rows".to_owned())]);
    let problem = &desk.preview(&[])["problems"][0];
    assert_eq!(problem["name"], "1");
    assert!(problem["detail"].as_str().unwrap().starts_with("row 2: "), "{problem}");
    assert_eq!(desk.blocks(&[("data.skip_bad_rows", "true")]), []);
}

#[test]
fn only_the_first_rows_of_a_long_file_are_looked_at() {
    let desk = Desk::new();
    let file = desk.home.path().join("rows.json");
    let rows: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::write(&file, Value::Array(vec![rows[0].clone(); 201]).to_string()).unwrap();
    let empty = desk.home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let wrong = ("data.image_folder", empty.to_str().unwrap());
    assert_eq!(desk.blocks(&[wrong]), [("data.json".to_owned(), "no_good_rows".to_owned())]);
    // Left out they do not block, for there may be others behind them; but it is said.
    let skipped = [wrong, ("data.skip_bad_rows", "true")];
    assert_eq!(desk.blocks(&skipped), []);
    let problem = &desk.preview(&skipped)["problems"][0];
    assert_eq!((&problem["problem"], &problem["name"]), (&json!("no_good_rows"), &json!("200")));
}

#[test]
fn pretrain_needs_pictures() {
    let desk = Desk::new();
    let row = json!({ "conversations": [
        { "from": "human", "value": "What?" }, { "from": "gpt", "value": "A cat." }
    ] });
    std::fs::write(desk.home.path().join("rows.json"), json!([row]).to_string()).unwrap();
    let problems = |recipe: &str| {
        let request = json!({ "draft": desk.draft(recipe, &[]) });
        ask(&desk.studio, "preview_run", request)["problems"].clone()
    };
    assert_eq!(problems("pretrain")[0]["problem"], "no_good_rows");
    assert_eq!(problems("finetune-small"), json!([]));
}

#[test]
fn what_is_recommended_is_not_what_was_chosen() {
    let desk = Desk::new();
    let preview = desk.preview(&[("train.batch", "3"), ("data.template", "vicuna")]);
    let row = |key: &str| {
        let rows = preview["rows"].as_array().unwrap();
        rows.iter().find(|row| row["key"] == key).unwrap().clone()
    };
    assert_ne!(row("data.template")["recommended"], "vicuna");
    assert_ne!(row("model.llm")["recommended"], row("model.llm")["value"]);
    assert_eq!(row("data.json")["recommended"], "");
    // The demo's network brings its own batch; the recipe's words are about another one.
    let batch = row("train.batch");
    assert_ne!(batch["recommended"], "3");
    assert!(!batch["advice"].as_str().unwrap().contains("One row at a time"), "{batch}");
}

#[test]
fn the_second_of_two_commands_names_what_the_first_leaves() {
    let desk = Desk::new();
    let request = json!({ "draft": desk.draft("finetune-small", &[]), "after": desk.draft("pretrain", &[]) });
    let command = ask(&desk.studio, "preview_run", request)["command"].clone();
    let command = command.as_str().unwrap();
    assert!(command.ends_with(" --pretrained PRETRAINED"), "{command}");
    assert_eq!(command.matches("--pretrained").count(), 1, "{command}");
}

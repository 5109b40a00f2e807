//! Rows are right about their scenes, and held-out combinations stay out.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn training_pictures_never_show_a_held_out_pair() {
    for index in 0..4000 {
        assert!(!sample(7, Split::Train, index).has_held_out_pair());
        assert!(!sample(7, Split::Validation, index).has_held_out_pair());
        let held_out = sample(7, Split::HeldOut, index);
        assert!(held_out.groups.iter().all(|group| is_held_out(group.kind, group.colour)));
    }
    let pairs: BTreeSet<_> = Kind::ALL
        .iter()
        .flat_map(|kind| Colour::ALL.iter().map(move |colour| (*kind, *colour)))
        .filter(|(kind, colour)| is_held_out(*kind, *colour))
        .collect();
    assert_eq!(pairs.len(), Kind::ALL.len(), "one colour of each kind");
    for colour in Colour::ALL {
        assert_eq!(pairs.iter().filter(|(_, held)| held == colour).count(), 4, "{colour:?}");
    }
}

#[test]
fn splits_differ_and_rows_depend_on_the_seed_alone() {
    assert_eq!(sample(1, Split::Train, 5), sample(1, Split::Train, 5));
    assert_ne!(sample(1, Split::Train, 5), sample(2, Split::Train, 5));
    assert_ne!(sample(1, Split::Train, 5), sample(1, Split::Validation, 5));
    let row = |index| rows_of(3, Split::Train, Content::Mixed, 4, index);
    assert_eq!(row(9), row(9));
    assert_eq!(draw(&row(9).scene, 64).rgb, draw(&row(9).scene, 64).rgb);
}

#[test]
fn objects_stay_inside_and_apart() {
    for index in 0..3000 {
        let scene = sample(11, Split::Train, index);
        let items: Vec<Item> = scene.groups.iter().flat_map(|group| group.items.clone()).collect();
        for (number, item) in items.iter().enumerate() {
            let [left, top, right, bottom] = item.edges();
            assert!(left >= 0 && top >= 0 && right <= 1000 && bottom <= 1000, "{item:?}");
            for other in &items[..number] {
                let apart = (item.x - other.x).abs().max((item.y - other.y).abs());
                assert!(2 * apart >= item.side + other.side - 2, "{item:?} {other:?}");
            }
        }
        for group in &scene.groups {
            for item in &group.items {
                let right = match group.place {
                    Place::Left => item.x < 500,
                    Place::Right => item.x > 500,
                    Place::Top => item.y < 500,
                    Place::Bottom => item.y > 500,
                    Place::Middle => (item.x - 500).abs() < 200 && (item.y - 500).abs() < 200,
                };
                assert!(right, "{group:?}");
            }
            // Whoever looks at a group alone can tell its place.
            let middle = |at: fn(&Item) -> i32| {
                group.items.iter().map(at).sum::<i32>() / group.items.len() as i32 - 500
            };
            let (x, y) = (middle(|item| item.x), middle(|item| item.y));
            let seen = match (x, y) {
                (x, y) if x.abs().max(y.abs()) <= 90 => Place::Middle,
                (x, y) if x.abs() > y.abs() => {
                    if x < 0 {
                        Place::Left
                    } else {
                        Place::Right
                    }
                }
                (_, y) => {
                    if y < 0 {
                        Place::Top
                    } else {
                        Place::Bottom
                    }
                }
            };
            assert_eq!(seen, group.place, "{group:?}");
        }
    }
}

#[test]
fn captions_name_their_objects_in_both_languages() {
    for index in 0..500 {
        let scene = sample(5, Split::HeldOut, index);
        for language in Language::ALL {
            let tally = caption_objects(&caption(&scene, *language), &scene, *language);
            let all = scene.groups.len();
            assert_eq!((tally.right, tally.all), (all, all), "{}", caption(&scene, *language));
        }
        let other = sample(5, Split::HeldOut, index + 1000);
        let shared = other
            .groups
            .iter()
            .filter(|group| scene.group(group.kind).is_some_and(|own| own.colour == group.colour));
        let tally = caption_objects(&caption(&other, Language::English), &scene, Language::English);
        assert_eq!(tally.right, shared.count());
    }
}

/// Answers are checked against the scene by another way than the one that made them: from the caption's words.
#[test]
fn answers_agree_with_the_scene() {
    let mut kinds: BTreeMap<QuestionKind, usize> = BTreeMap::new();
    let mut yes = Tally::default();
    for index in 0..2000 {
        let row = rows_of(21, Split::Train, Content::Questions, 4, index);
        let told = caption(&row.scene, Language::English).to_lowercase();
        assert!(!row.questions.is_empty());
        for asked in &row.questions {
            *kinds.entry(asked.kind).or_default() += 1;
            if row.language == Language::Chinese {
                continue;
            }
            let words: Vec<&str> = asked.question.trim_end_matches('?').split(' ').collect();
            match asked.kind {
                QuestionKind::What => {
                    let place = asked.question.trim_start_matches("What is ").trim_end_matches('?');
                    assert!(told.contains(&format!("{} {place}", asked.answer)), "{asked:?} {told}");
                }
                QuestionKind::Colour | QuestionKind::Size => {
                    let noun = words.iter().skip_while(|word| **word != "the").nth(1).unwrap();
                    let rest = told.split(&format!(" {noun} ")).next().unwrap();
                    let last_two: Vec<&str> = rest.rsplit(' ').take(2).collect();
                    assert!(last_two.contains(&asked.answer.as_str()), "{asked:?} {told}");
                }
                QuestionKind::Where => {
                    let noun = words.last().unwrap();
                    assert!(told.contains(&format!("{noun} {}", asked.answer)), "{asked:?} {told}");
                }
                QuestionKind::IsThere => {
                    yes.count(asked.answer == "yes");
                    let thing = words[3..].join(" ");
                    let plural = |kind: &Kind| thing.ends_with(kind.noun().one);
                    let kind = Kind::ALL.iter().find(|kind| plural(kind)).unwrap();
                    let many = thing.replace(kind.noun().one, kind.noun().many);
                    let there = told.contains(&format!(" {thing} ")) || told.contains(&format!(" {many} "));
                    assert_eq!(asked.answer == "yes", there, "{asked:?} {told}");
                }
                QuestionKind::HowMany => {
                    let kind = Kind::ALL.iter().find(|kind| kind.noun().many == words[2]).unwrap();
                    let count = row.scene.group(*kind).map_or(0, Group::count);
                    assert!(same_answer(&count.to_string(), &asked.answer), "{asked:?} {told}");
                }
                QuestionKind::Compare => assert_eq!(row.scene.groups.len(), 2),
            }
        }
    }
    assert_eq!(kinds.len(), QuestionKind::ALL.len());
    assert!((40.0..60.0).contains(&yes.percent()), "{yes:?}");
}

#[test]
fn answers_are_compared_without_case_and_punctuation() {
    let rows = [
        ("Red.", "red", true),
        (" two ", "two", true),
        ("2", "two", true),
        ("二", "两", true),
        ("没有。", "没有", true),
        ("有", "没有", false),
        ("A small red cat on the left, at night.", "red", false),
        ("", "no", false),
    ];
    for (answer, expected, same) in rows {
        assert_eq!(same_answer(answer, expected), same, "{answer} {expected}");
    }
}

#[test]
fn every_kind_is_drawn_within_its_square_and_differs_from_the_others() {
    let alone = |kind| {
        let item = Item { x: 500, y: 500, side: 600, tilt: 80, tint: 3 };
        let group =
            Group { kind, colour: Colour::Red, size: Size::Big, place: Place::Middle, items: vec![item] };
        draw(&Scene { background: Background::Snow, tint: 3, groups: vec![group] }, 100).rgb
    };
    let empty = draw(&Scene { background: Background::Snow, tint: 3, groups: Vec::new() }, 100).rgb;
    let mut seen: Vec<(Kind, Vec<u8>)> = Vec::new();
    for kind in Kind::ALL {
        let rgb = alone(*kind);
        let changed: Vec<usize> =
            (0..rgb.len() / 3).filter(|pixel| rgb[pixel * 3..][..3] != empty[pixel * 3..][..3]).collect();
        assert!(changed.len() > 300, "{kind:?} covers {} pixels", changed.len());
        for pixel in changed {
            let (x, y) = (pixel % 100, pixel / 100);
            assert!((17..83).contains(&x) && (17..83).contains(&y), "{kind:?} paints at {x}, {y}");
        }
        for (other, picture) in &seen {
            let differs = rgb.iter().zip(picture).filter(|(a, b)| a.abs_diff(**b) > 60).count();
            assert!(differs > 600, "{kind:?} and {other:?} differ in {differs} values");
        }
        seen.push((*kind, rgb));
    }
}

#[test]
fn a_data_set_is_llava_json_with_its_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let config = DatasetConfig {
        out: folder.path().join("set"),
        rows: 6,
        seed: 4,
        split: Split::Validation,
        content: Content::Mixed,
        questions: 3,
        side: 56,
    };
    let report = write_dataset(&config, &mut |_| true).unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&std::fs::read(&report.json).unwrap()).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 6);
    for (index, row) in rows.as_array().unwrap().iter().enumerate() {
        let file = report.images.join(row["image"].as_str().unwrap());
        let picture = crate::image::open(&file, &crate::image::DecodeLimits::default()).unwrap();
        let expected = rows_of(4, Split::Validation, Content::Mixed, 3, index as u64);
        assert_eq!(picture.rgb, draw(&expected.scene, 56).rgb);
        let turns = expected.turns();
        assert_eq!(row["conversations"].as_array().unwrap().len(), 2 * turns.len());
        assert_eq!(row["conversations"][0]["value"], format!("<image>\n{}", turns[0].0));
        assert_eq!(row["conversations"][1], serde_json::json!({ "from": "gpt", "value": turns[0].1 }));
    }
    let scenes = std::fs::read_to_string(&report.scenes).unwrap();
    assert_eq!(scenes.lines().count(), 6);
    let stopped = write_dataset(&DatasetConfig { out: folder.path().join("b"), ..config }, &mut |_| false);
    assert!(matches!(stopped, Err(DatasetError::Stopped { done: 6, rows: 6 })));
}

#[test]
fn texts_speak_of_every_pair_and_end_in_answers() {
    let mut pairs = BTreeSet::new();
    for index in 0..6000 {
        let row = text_row(2, index);
        assert!(!row.is_empty());
        assert!(row.iter().all(|(question, answer)| !question.is_empty() && !answer.is_empty()));
        for (question, answer) in row {
            for kind in Kind::ALL {
                for colour in Colour::ALL {
                    let noun = kind.noun();
                    let told = format!("{question} {answer} ");
                    if told.contains(&format!("{} {} ", colour.name(Language::English), noun.one)) {
                        pairs.insert((*kind, *colour));
                    }
                }
            }
        }
    }
    assert_eq!(pairs.len(), Kind::ALL.len() * Colour::ALL.len());
}

//! Resolution, the file, the command line and the forecast, as rows of data.

use super::{moments::Transient, *};

const DATA: &[(&str, &str)] = &[("data.json", "d/rows.json")];

fn overrides(pairs: &[(&str, &str)]) -> Overrides {
    let mut overrides = Overrides::default();
    for (key, text) in pairs {
        overrides.set(key, text).unwrap();
    }
    overrides
}

fn try_plan(preset: &str, recipe: &str, pairs: &[(&str, &str)]) -> Result<RunPlan, PlanError> {
    resolve(&Preset::find(preset, None)?, &Recipe::find(recipe, None)?, &overrides(pairs))
}

fn plan(preset: &str, recipe: &str, pairs: &[(&str, &str)]) -> RunPlan {
    try_plan(preset, recipe, &[DATA, pairs].concat()).unwrap()
}

fn all_plans() -> Vec<RunPlan> {
    let recipes = Recipe::names(None);
    let presets = Preset::names(None);
    presets.iter().flat_map(|preset| recipes.iter().map(move |recipe| plan(preset, recipe, &[]))).collect()
}

#[test]
fn every_preset_goes_with_every_recipe() {
    let plans = all_plans();
    assert_eq!(plans.len(), 45);
    for plan in plans {
        assert_eq!(plan.rows().count(), FIELDS.len());
    }
}

#[test]
fn values_come_from_the_layer_that_says_them_last() {
    use Source::{Derived, Preset, Recipe, User};
    // preset, recipe, the user's values, key, value, source
    let own: &[(&str, &str)] = &[];
    let rows = [
        ("internlm2-chat-1_8b", "pretrain", own, "lr.projector", "0.001", Recipe),
        ("internlm2-chat-1_8b", "pretrain", own, "data.template", "\"internlm2_chat\"", Preset),
        ("internlm2-chat-1_8b", "pretrain", own, "data.max_length", "1472", Derived),
        ("internlm2-chat-1_8b", "pretrain", own, "data.image_folder", "\"d\"", Derived),
        ("internlm2-chat-1_8b", "pretrain", own, "data.json", "\"d/rows.json\"", User),
        ("internlm2-chat-1_8b", "finetune-qlora", own, "tune.llm.head", "true", Preset),
        ("vicuna-7b-v1_5", "finetune-qlora", own, "tune.llm.head", "false", Recipe),
        ("internlm2-chat-1_8b", "pretrain", &[("lr", "2e-3")], "lr.projector", "0.002", User),
        ("internlm2-chat-1_8b", "pretrain", &[("lr", "1e-3")], "lr.projector", "0.001", Recipe),
        ("internlm2-chat-1_8b", "pretrain", &[("data.window", "1000")], "data.max_length", "424", Derived),
        ("internlm2-chat-1_8b", "pretrain", &[("data.max_length", "100")], "data.max_length", "100", User),
        (
            "internlm2-chat-1_8b",
            "pretrain",
            &[("data.max_length", "1472")],
            "data.max_length",
            "1472",
            Derived,
        ),
        (
            "internlm2-chat-1_8b",
            "pretrain",
            &[("data.json", "rows.json")],
            "data.image_folder",
            "\".\"",
            Derived,
        ),
        ("llama-3-8b-instruct", "finetune-full", own, "train.accumulation", "2", Preset),
        ("llama-3-8b-instruct", "finetune-full", own, "train.batch", "8", Preset),
        ("llama-3-8b-instruct", "finetune-lora", own, "train.batch", "16", Recipe),
        ("demo", "finetune-qlora", own, "model.quantisation", "\"none\"", Preset),
        ("demo", "finetune-qlora", own, "data.max_length", "207", Derived),
    ];
    for (preset, recipe, own, key, value, source) in rows {
        let plan = plan(preset, recipe, own);
        let row = plan.rows().find(|row| row.field.key == key).unwrap();
        assert_eq!((row.value.to_string().as_str(), row.source), (value, source), "{preset} {recipe} {key}");
    }
}

#[test]
fn typed_parts_have_no_special_numbers_left() {
    let plain = plan("internlm2-chat-1_8b", "finetune-qlora", &[]);
    assert_eq!(plain.train.length, Length::Epochs(1.0));
    assert_eq!(plain.early_stopping, EarlyStopping::Off);
    assert_eq!(plain.model.projector, ProjectorStart::Fresh);
    let lora = LoraPlan { rank: 512, alpha: 256.0, dropout: 0.05, targets: Targets::All, head: true };
    assert_eq!(plain.tune.llm, Tune::Lora(lora));
    assert_eq!(plain.train.run_length(665_298).steps, 41_582);
    let set = [
        ("train.max_steps", "7"),
        ("early_stopping.patience", "3"),
        ("data.validation_fraction", "0.1"),
        ("model.pretrained", "p.pth"),
        ("optimiser.max_grad_norm", "0"),
        ("evaluation.every", "0"),
        ("checkpoint.keep_last", "0"),
        ("tune.llm.targets", "[\"wo\"]"),
    ];
    let set = plan("internlm2-chat-1_8b", "finetune-qlora", &set);
    assert_eq!(set.train.length, Length::Steps(7));
    assert_eq!(set.early_stopping, EarlyStopping::After { patience: 3, min_delta: 0.0 });
    assert_eq!(set.data.validation, Validation::Fraction(0.1));
    assert_eq!(set.model.projector, ProjectorStart::Pretrained("p.pth".into()));
    assert_eq!((set.optimiser.max_grad_norm, set.evaluation.every), (f64::INFINITY, u64::MAX));
    assert_eq!(set.checkpoint.keep_last, usize::MAX);
    let Tune::Lora(lora) = &set.tune.llm else { panic!("{:?}", set.tune.llm) };
    assert!(lora.targets.includes("wo") && !lora.targets.includes("w1"));
}

#[test]
fn impossible_plans_say_what_to_change() {
    let rows: &[(&str, &[(&str, &str)], &[&str])] = &[
        ("pretrain", &[], &["`data.json` (--data …)"]),
        (
            "finetune-full",
            &[DATA[0], ("model.quantisation", "nf4")],
            &["`tune.llm.mode` is \"full\"", "4 bits"],
        ),
        ("pretrain", &[DATA[0], ("tune.projector.mode", "frozen")], &["nothing would be trained"]),
        ("pretrain", &[DATA[0], ("data.window", "576")], &["`data.window` is 576", "patches"]),
        ("pretrain", &[DATA[0], ("data.max_length", "3000")], &["`data.max_length` is 3000"]),
        ("pretrain", &[DATA[0], ("early_stopping.patience", "2")], &["no validation loss"]),
        ("finetune-qlora", &[DATA[0], ("tune.llm.targets", ""), ("tune.llm.head", "false")], &["no adapter"]),
        (
            "finetune-qlora",
            &[DATA[0], ("evaluation.images", "[\"a\",\"b\",\"c\"]")],
            &["one picture for all"],
        ),
        (
            "pretrain",
            &[DATA[0], ("data.validation_file", "v.json"), ("data.validation_fraction", "0.1")],
            &["one or the other"],
        ),
    ];
    for (recipe, pairs, expected) in rows {
        let text = try_plan("internlm2-chat-1_8b", recipe, pairs).unwrap_err().to_string();
        assert!(expected.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn bad_overrides_name_place_key_and_range() {
    let set = |pair: &str| Overrides::default().set_pair(pair).unwrap_err().to_string();
    let toml = |text: &str| Overrides::from_toml("my.toml", text).unwrap_err().to_string();
    let rows = [
        (set("lr.llm"), "--set lr.llm` should have the form"),
        (set("lr.lm=1"), "did you mean `lr.llm`"),
        (set("train.batch=0"), "--set: `train.batch` is `0`, but should be a whole number from 1 to 65536"),
        (set("lr=2"), "`lr.projector` is `2`, but should be a number from 0.0 to 1.0"),
        (set("data.square=stretch"), "one of pad, crop"),
        (set("tune.projector.mode=lora"), "one of frozen, full"),
        (
            Overrides::default().set_flag("batch", Some("x")).unwrap_err().to_string(),
            "--batch: `train.batch` is `x`",
        ),
        (
            Overrides::default().set_flag("bach", Some("1")).unwrap_err().to_string(),
            "did you mean `train.batch`",
        ),
        (toml("[train]\nbatch = '3'"), "my.toml: `train.batch` is \"3\""),
        (toml("[train]\nbatches = 3"), "my.toml: there is no key `train.batches`"),
        (toml("[train"), "`my.toml` is not a valid plan"),
        (toml("preset = 3"), "`preset` is 3"),
        (toml("format = 2"), "reads up to 1. Update"),
    ];
    for (found, expected) in rows {
        assert!(found.contains(expected), "{found}\n  lacks: {expected}");
    }
}

#[test]
fn plan_files_read_back_and_serve_as_configuration() {
    let special = plan(
        "internlm2-chat-1_8b",
        "finetune-qlora",
        &[
            ("data.system", "He said \"\\n\"\n\tand # 'more' \u{7}"),
            ("evaluation.prompts", "[\"a, b\", \"c]\", \"\"]"),
            ("lr", "3.3333333333333335e-5"),
            ("data.json", "C:\\data\\new rows.json"),
            ("data.max_length", "100"),
        ],
    );
    for plan in all_plans().into_iter().chain([special]) {
        let text = plan.to_toml();
        assert_eq!(RunPlan::from_toml("plan.toml", &text).unwrap(), plan, "{text}");
        assert_eq!(RunPlan::from_toml("plan.toml", &text).unwrap().to_toml(), text);
        let config = Overrides::from_toml("plan.toml", &text).unwrap();
        assert_eq!(
            (config.preset.as_deref(), config.recipe.as_deref()),
            (Some(plan.preset()), Some(plan.recipe()))
        );
        let preset = Preset::find(plan.preset(), None).unwrap();
        let recipe = Recipe::find(plan.recipe(), None).unwrap();
        assert_eq!(resolve(&preset, &recipe, &config).unwrap(), plan);
    }
    let error = RunPlan::from_toml("plan.toml", "seed = 1").unwrap_err().to_string();
    assert!(error.contains("the plan lacks `stage`"), "{error}");
}

/// What a command-line parser makes of the words: flags, `--set`, and flags without a value.
fn parse_arguments(words: &[String]) -> Overrides {
    let mut overrides = Overrides::default();
    let mut words = words.iter().skip(2).map(String::as_str).peekable();
    while let Some(word) = words.next() {
        let flag = word.strip_prefix("--").unwrap();
        match flag {
            "preset" => overrides.preset = words.next().map(str::to_owned),
            "recipe" => overrides.recipe = words.next().map(str::to_owned),
            "set" => overrides.set_pair(words.next().unwrap()).unwrap(),
            flag => match (flag.split_once('='), Field::of_flag(flag).map(|field| field.kind)) {
                (Some((flag, value)), _) => overrides.set_flag(flag, Some(value)).unwrap(),
                (None, Some(Kind::Flag)) => overrides.set_flag(flag, None).unwrap(),
                (None, _) => overrides.set_flag(flag, Some(words.next().unwrap())).unwrap(),
            },
        }
    }
    overrides
}

#[test]
fn the_command_line_makes_the_same_plan() {
    let rows: &[&[(&str, &str)]] = &[
        &[],
        &[
            ("lr", "5e-5"),
            ("train.batch", "3"),
            ("data.skip_bad_rows", "true"),
            ("data.system", "-x it's $1"),
        ],
        &[
            ("train.activation_checkpointing", "false"),
            ("evaluation.prompts", "[\"a b\", \"c\"]"),
            ("model.select_layer", "-3"),
        ],
        &[
            ("data.group_by_length", "false"),
            ("tune.llm.targets", "[\"wo\", \"w1\"]"),
            ("model.llm", "my models/x"),
        ],
    ];
    for pairs in rows {
        let made = plan("internlm2-chat-1_8b", "finetune-qlora", pairs);
        let overrides = parse_arguments(&made.to_arguments());
        let preset = Preset::find(overrides.preset.as_deref().unwrap(), None).unwrap();
        let recipe = Recipe::find(overrides.recipe.as_deref().unwrap(), None).unwrap();
        assert_eq!(resolve(&preset, &recipe, &overrides).unwrap(), made, "{}", made.to_command());
    }
    let made = plan("demo", "pretrain", &[("seed", "3"), ("data.system", "a b")]);
    let expected =
        "eyewright train --preset demo --recipe pretrain --seed 3 --data d/rows.json --system 'a b'";
    assert_eq!(made.to_command(), expected);
}

#[test]
fn fingerprints_follow_what_decides_training() {
    let here = plan("demo", "pretrain", &[]);
    let rows = [
        (plan("demo", "pretrain", &[("checkpoint.every", "7"), ("data.workers", "0")]), vec![]),
        (
            plan("demo", "pretrain", &[("seed", "7"), ("lr", "0.5")]),
            vec!["seed", "lr.projector", "lr.llm", "lr.tower"],
        ),
    ];
    for (there, expected) in rows {
        assert_eq!(here.fingerprint() == there.fingerprint(), expected.is_empty());
        let keys: Vec<_> = here.differences(&there).iter().map(|difference| difference.key).collect();
        assert_eq!(keys, expected);
    }
}

#[test]
fn parameters_are_those_of_the_reference() {
    let counts = |preset: &str, recipe: &str| {
        let found = Preset::find(preset, None).unwrap();
        TrainableParameters::of(&plan(preset, recipe, &[]), &found.llm, &found.tower)
    };
    // Counts of xtuner.md 1.2 to 1.4 and 5.2; of the other models, as their makers publish them.
    let seed = counts("internlm2-chat-1_8b", "finetune-qlora");
    let part = |all, trained| PartParameters { all, trained };
    assert_eq!(seed.llm, part(1_889_110_016, 551_747_584));
    assert_eq!(seed.tower, part(303_507_456, 28_311_552));
    assert_eq!(seed.projector, part(6_295_552, 6_295_552));
    assert_eq!(seed.trained(), 586_354_688);
    assert_eq!(counts("internlm2-chat-1_8b", "pretrain").trained(), 6_295_552);
    assert_eq!(counts("internlm2-chat-1_8b", "finetune-full").trained(), 1_889_110_016 + 6_295_552);
    let rows = [
        ("internlm2-chat-7b", 7_737_708_544),
        ("vicuna-7b-v1_5", 6_738_415_616),
        ("vicuna-13b-v1_5", 13_015_864_320),
        ("llama-3-8b-instruct", 8_030_261_248),
        ("phi-3-mini-4k", 3_821_079_552),
        ("qwen2-1_5b-instruct", 1_543_714_304),
        ("qwen2-7b-instruct", 7_615_616_512),
    ];
    for (preset, expected) in rows {
        assert_eq!(counts(preset, "pretrain").llm.all, expected, "{preset}");
    }
}

fn memory(preset: &str, recipe: &str, pairs: &[(&str, &str)], platform: Platform) -> MemoryForecast {
    let found = Preset::find(preset, None).unwrap();
    let plan = plan(preset, recipe, pairs);
    forecast(&plan, &Forecast::longest_row(&plan, found.llm, found.tower, platform))
}

#[test]
fn forecasts_add_up_by_hand() {
    let seed = memory("internlm2-chat-1_8b", "finetune-qlora", &[], Platform::Cuda);
    // 24 blocks x 62,914,560 weights in 4 bits with double scales; the rest of 1,889,110,016 in bf16; adapters in f32.
    let blocks = 24_u64 * 62_914_560;
    let base = blocks / 2 + blocks / 64 + blocks / 4096 + 2 * (1_889_110_016 - blocks);
    assert!(seed.llm.weights.abs_diff(base + 4 * 551_747_584) <= 1);
    assert_eq!(seed.llm.optimiser, 8 * 551_747_584);
    // Most is in memory when the way back begins: of all gradients only the head's adapter has one by then.
    assert_eq!((seed.moment, seed.llm.gradients), (Moment::Top, 4 * 512 * (92_544 + 2048)));
    let short = memory("internlm2-chat-1_8b", "finetune-qlora", &[("train.batch", "1")], Platform::Cuda);
    assert_eq!((short.moment, short.llm.gradients), (Moment::Bottom, 4 * 551_747_584));
    assert_eq!(seed.tower.weights, 2 * 303_507_456 + 4 * 28_311_552);
    assert_eq!(seed.projector.weights, 4 * 6_295_552);
    assert_eq!(seed.projector.optimiser, 8 * 6_295_552);
    assert_eq!(
        memory("internlm2-chat-1_8b", "finetune-full", &[], Platform::Cuda).llm.weights,
        4 * 1_889_110_016
    );
}

/// What computes in another type than the masters is cast block by block, and stays only in a record of all blocks.
#[test]
fn weights_trained_in_full_are_cast_for_a_record() {
    let found = Preset::find("internlm2-chat-1_8b", None).unwrap();
    let blocks = 24_u64 * 62_914_560;
    for (recorded, copied) in [("true", 0), ("false", 2 * blocks)] {
        let wishes = [("train.batch", "1"), ("train.activation_checkpointing", recorded)];
        let plan = plan("internlm2-chat-1_8b", "finetune-full", &wishes);
        let longest = Forecast::longest_row(&plan, found.llm, found.tower, Platform::Cuda);
        let of = Forecast { sequence: 1, ..longest };
        let counts = TrainableParameters::of(&plan, &found.llm, &found.tower);
        let read = |width| {
            let comes = Transient::of(&plan, &of, &Coefficients::of(Platform::Cuda), &counts, width);
            comes.at(Moment::Read, MemoryForecast::default()).llm.activations
        };
        // One position's own numbers are a few millions.
        let [half, whole] = [2.0, 4.0].map(read);
        assert!((copied..copied + 20_000_000).contains(&half), "{half}");
        assert!(whole < 20_000_000, "{whole}");
    }
}

#[test]
fn forecasts_move_the_right_way() {
    let of = |pairs: &[(&str, &str)]| memory("internlm2-chat-1_8b", "finetune-qlora", pairs, Platform::Cuda);
    let plain = of(&[]);
    type Measure = fn(&MemoryForecast) -> u64;
    let total: Measure = MemoryForecast::total;
    let rows: &[(&[(&str, &str)], Measure)] = &[
        (&[("train.batch", "32")], total),
        (&[("train.activation_checkpointing", "false")], |memory| memory.llm.activations),
        (&[("model.quantisation", "nf4")], |memory| memory.llm.weights),
        (&[("model.quantisation", "none")], |memory| memory.llm.weights),
        (&[("model.precision", "f32")], total),
        (&[("tune.llm.rank", "600")], total),
    ];
    for (pairs, measure) in rows {
        assert!(measure(&of(pairs)) > measure(&plain), "{pairs:?}");
    }
    let rows: &[(&[(&str, &str)], Measure)] = &[
        (&[("data.window", "1000")], total),
        (&[("tune.tower.mode", "frozen")], |memory| memory.tower.total()),
        (&[("tune.llm.head", "false")], |memory| memory.llm.weights),
        (&[("tune.llm.dropout", "0")], |memory| memory.llm.activations),
    ];
    for (pairs, measure) in rows {
        assert!(measure(&of(pairs)) < measure(&plain), "{pairs:?}");
    }
    // Earlier passes leave their gradients; how many passes there were makes no difference.
    let passes = |count| of(&[("train.accumulation", count), ("train.batch", "16")]);
    assert!(passes("2").total() > plain.total());
    assert_eq!(passes("4"), passes("2"));
}

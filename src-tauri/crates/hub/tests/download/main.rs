//! Downloads from a server of the test's own that cuts, lies, refuses and hangs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod server;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use eyewright_hub::{Address, DownloadConfig, Downloaded, HubError, Repository};
use server::{Answer, COMMIT, Files, Hub, listing};
use tempfile::TempDir;

const WEIGHTS: &str = "model.safetensors";
const TOKEN: &str = "hf_secret";

/// 3 MiB that are different everywhere, and what stands beside weights.
fn files() -> Files {
    let weights =
        (0u32..3 << 18).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    Files::from([
        ("config.json", b"{\"model_type\": \"clip\"}".to_vec()),
        ("README.md", b"licence: mit".to_vec()),
        ("tf_model.h5", vec![7; 1000]),
        (WEIGHTS, weights),
    ])
}

fn config(address: &str, models: &Path) -> DownloadConfig {
    DownloadConfig {
        address: Address::parse(address).unwrap(),
        token: Some(TOKEN.to_owned()),
        repository: Repository::parse("owner/tiny", None).unwrap(),
        models: models.to_owned(),
        pause: Duration::from_millis(1),
    }
}

fn download(hub: &Hub, models: &TempDir) -> Result<Downloaded, HubError> {
    config(&hub.url(), models.path()).download(&mut |_| ControlFlow::Continue(()))
}

/// The folder is whole: every file of the repository that is read, and nothing else but where it is from.
fn assert_whole(folder: &Path) {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["README.md", "config.json", "download.json", WEIGHTS]);
    for name in ["README.md", "config.json", WEIGHTS] {
        assert!(fs::read(folder.join(name)).unwrap() == files()[name], "{name}");
    }
}

/// Nothing has a model's name.
fn assert_nothing(models: &TempDir) {
    let names = fs::read_dir(models.path()).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let names: Vec<_> = names.filter(|name| name != ".downloads").collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_repository_becomes_a_folder_and_is_not_fetched_twice() {
    let (hub, models) = (Hub::start(files(), |_, _| None), tempfile::tempdir().unwrap());
    let mut steps = Vec::new();
    let told = &mut |progress: &eyewright_hub::Progress| {
        steps.push((progress.done, progress.total));
        ControlFlow::Continue(())
    };
    let done = config(&hub.url(), models.path()).download(told).unwrap();
    assert_whole(&done.folder);
    assert_eq!(done.folder, models.path().join("tiny"));
    assert_eq!((done.commit.as_str(), done.already, done.unchecked.len()), (COMMIT, false, 0));
    let total = done.bytes;
    assert_eq!(steps.last(), Some(&(total, total)));
    assert!(steps.iter().any(|(done, _)| *done > 0 && *done < total), "{steps:?}");
    assert!(steps.is_sorted_by_key(|(done, _)| *done));
    // The key went along, and to every file, because it is the hub's own address.
    assert!(hub.all().iter().all(|asked| asked.header("authorization") == Some("Bearer hf_secret")));
    assert!(hub.asked_for("tf_model.h5").is_empty());
    let origin = fs::read_to_string(done.folder.join("download.json")).unwrap();
    assert!(origin.contains(COMMIT) && !origin.contains(TOKEN), "{origin}");

    let before = hub.all().len();
    let again = download(&hub, &models).unwrap();
    assert!(again.already && again.folder == done.folder);
    assert_eq!(hub.all().len(), before + 1);
    // Another repository of the same name stands beside it.
    fs::write(done.folder.join("download.json"), origin.replace("owner/tiny", "other/tiny")).unwrap();
    let beside = download(&hub, &models).unwrap();
    assert_eq!(beside.folder, models.path().join("owner-tiny"));
    assert_whole(&beside.folder);
}

#[test]
fn a_cut_connection_goes_on_where_it_ended() {
    let cuts = |asked: &server::Asked, earlier: usize| {
        let cut = [Some(1 << 20), Some(0), Some(700_000), None].get(earlier).copied().flatten();
        let weights = asked.path.ends_with(WEIGHTS) && cut.is_some();
        weights.then(|| Answer { cut, ..Answer::file(asked, &files()[WEIGHTS]) })
    };
    let (hub, models) = (Hub::start(files(), cuts), tempfile::tempdir().unwrap());
    assert_whole(&download(&hub, &models).unwrap().folder);
    let asked = hub.asked_for(WEIGHTS);
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range").unwrap_or("all")).collect();
    assert_eq!(ranges, ["all", "bytes=1048576-", "bytes=1048576-", "bytes=1748576-"]);
}

#[test]
fn a_later_day_goes_on_too_and_says_what_it_kept() {
    let models = tempfile::tempdir().unwrap();
    let dies = |asked: &server::Asked, earlier: usize| {
        let cut = if earlier == 0 { 2 << 20 } else { 0 };
        asked
            .path
            .ends_with(WEIGHTS)
            .then(|| Answer { cut: Some(cut), ..Answer::file(asked, &files()[WEIGHTS]) })
    };
    let error = download(&Hub::start(files(), dies), &models).unwrap_err();
    assert!(matches!(&error, HubError::Connection { .. }), "{error}");
    assert_nothing(&models);
    let hub = Hub::start(files(), |_, _| None);
    assert_whole(&download(&hub, &models).unwrap().folder);
    assert_eq!(hub.asked_for(WEIGHTS)[0].header("range"), Some("bytes=2097152-"));
    // What was complete is not asked for again, and nothing of the growing is left.
    assert!(hub.asked_for("config.json").is_empty());
    assert_eq!(fs::read_dir(models.path().join(".downloads")).unwrap().count(), 0);
}

#[test]
fn a_server_that_cannot_continue_begins_again() {
    let whole = |asked: &server::Asked, earlier: usize| {
        let cut = (earlier == 0).then_some(1_000_000);
        let bytes = files()[WEIGHTS].clone();
        asked.path.ends_with(WEIGHTS).then(|| Answer { status: 200, body: bytes, cut, ..Answer::default() })
    };
    let models = tempfile::tempdir().unwrap();
    assert_whole(&download(&Hub::start(files(), whole), &models).unwrap().folder);
}

#[test]
fn wrong_bytes_never_get_a_name() {
    let folders = ["config.json", WEIGHTS].map(|name| (name, tempfile::tempdir().unwrap()));
    for (name, models) in &folders {
        let name = *name;
        let lies = move |asked: &server::Asked, _| {
            let mut bytes = files()[name].clone();
            let last = bytes.last_mut().unwrap();
            *last ^= 1;
            asked.path.ends_with(name).then(|| Answer::file(asked, &bytes))
        };
        let error = download(&Hub::start(files(), lies), models).unwrap_err();
        assert!(matches!(&error, HubError::Checksum { file, .. } if file == name), "{error}");
        assert_nothing(models);
    }
    let [_, (_, models)] = folders;
    // What had come before is not blamed on a good server: a spoilt beginning is fetched again.
    let growing = models.path().join(format!(".downloads/owner--tiny@{}", &COMMIT[..12]));
    fs::write(growing.join("model.safetensors.part"), vec![9; 1 << 20]).unwrap();
    let hub = Hub::start(files(), |_, _| None);
    assert_whole(&download(&hub, &models).unwrap().folder);
    assert_eq!(hub.asked_for(WEIGHTS).len(), 2);
}

#[test]
fn a_file_of_another_length_has_changed() {
    let models = tempfile::tempdir().unwrap();
    let shorter = |asked: &server::Asked, _| {
        asked.path.ends_with(WEIGHTS).then(|| Answer::file(asked, &files()[WEIGHTS][..1000]))
    };
    let error = download(&Hub::start(files(), shorter), &models).unwrap_err();
    assert!(matches!(error, HubError::Changed { expected: 3_145_728, found: 1000, .. }), "{error}");
    assert_nothing(&models);
}

#[test]
fn stopping_is_heard_while_the_server_is_silent_and_what_came_is_kept() {
    let models = tempfile::tempdir().unwrap();
    let hangs = |asked: &server::Asked, _| {
        let answer = Answer { cut: Some(1 << 20), hang: true, ..Answer::file(asked, &files()[WEIGHTS]) };
        asked.path.ends_with(WEIGHTS).then_some(answer)
    };
    let hub = Hub::start(files(), hangs);
    let mut since: Option<Instant> = None;
    let stop = &mut |progress: &eyewright_hub::Progress| {
        if progress.done < 1 << 20 {
            return ControlFlow::Continue(());
        }
        since.get_or_insert_with(Instant::now);
        ControlFlow::Break(())
    };
    let error = config(&hub.url(), models.path()).download(stop).unwrap_err();
    assert!(matches!(error, HubError::Cancelled), "{error}");
    assert!(since.unwrap().elapsed() < Duration::from_secs(1), "{:?}", since.unwrap().elapsed());
    assert_nothing(&models);
    let hub = Hub::start(files(), |_, _| None);
    assert_whole(&download(&hub, &models).unwrap().folder);
    assert_eq!(hub.asked_for(WEIGHTS)[0].header("range"), Some("bytes=1048576-"));
}

#[test]
fn refusals_say_what_to_do_and_never_the_key() {
    let rows: &[(u16, &str, &str, usize)] = &[
        (404, "RepoNotFound", "has no `owner/tiny`", 1),
        (404, "RevisionNotFound", "has no such revision of `owner/tiny`", 1),
        (401, "GatedRepo", "accept its conditions on its page with the account that the key belongs to", 1),
        (401, "", "the key that is set does not open it", 1),
        (403, "", "the key that is set does not open it", 1),
        (500, "", "answered 500", 2),
        (429, "", "answered 429", 2),
        (418, "", "answered 418", 1),
    ];
    for (status, code, expected, times) in rows.iter().copied() {
        let models = tempfile::tempdir().unwrap();
        let hub = Hub::start(files(), move |_, _| Some(Answer::of(status).with("X-Error-Code", code)));
        let error = download(&hub, &models).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains(TOKEN), "{status}: {error}");
        assert_eq!(hub.all().len(), times, "{status}");
        assert_nothing(&models);
    }
    let models = tempfile::tempdir().unwrap();
    let without = DownloadConfig {
        token: None,
        ..config(&Hub::start(files(), |_, _| Some(Answer::of(401))).url(), models.path())
    };
    let error = without.download(&mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("or it is private and needs a key"), "{error}");
}

#[test]
fn nobody_there_is_said_in_a_moment() {
    let models = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let began = Instant::now();
    let error = config(&format!("http://{closed}"), models.path())
        .download(&mut |_| ControlFlow::Continue(()))
        .unwrap_err()
        .to_string();
    assert!(error.contains(&format!("`{closed}` cannot be reached: ")), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_redirect_to_another_host_gets_no_key() {
    let store = Hub::start(files(), |asked, earlier| {
        // The store has its own names for content, which are no checksums.
        let cut = (earlier == 0).then_some(1 << 20);
        let answer = Answer { cut, ..Answer::file(asked, &files()[WEIGHTS]) };
        asked.path.starts_with("/blobs/").then(|| answer.with("ETag", format!("\"{}\"", "ab".repeat(32))))
    });
    let target = format!("{}/blobs/1?signature=x", store.url());
    let sends = move |asked: &server::Asked, _| {
        asked.path.ends_with(WEIGHTS).then(|| Answer::of(302).with("Location", &target))
    };
    let (hub, models) = (Hub::start(files(), sends), tempfile::tempdir().unwrap());
    assert_whole(&download(&hub, &models).unwrap().folder);
    let at_store = store.all();
    assert_eq!(at_store.len(), 2);
    assert!(at_store.iter().all(|asked| asked.header("authorization").is_none()), "{at_store:?}");
    assert_eq!(at_store[1].header("range"), Some("bytes=1048576-"));
    // Each attempt asks the hub again, because signed addresses expire.
    assert_eq!(hub.asked_for(WEIGHTS).len(), 2);
}

#[test]
fn redirects_end_somewhere() {
    for (location, expected) in [
        ("/owner/tiny", "eleventh"),
        ("file:///etc/passwd", "no address"),
        ("http://example.com/", "read along"),
    ] {
        let models = tempfile::tempdir().unwrap();
        let hub = Hub::start(files(), move |_, _| Some(Answer::of(307).with("Location", location)));
        let error = download(&hub, &models).unwrap_err();
        assert!(
            matches!(&error, HubError::Redirect { problem, .. } if problem.contains(expected)),
            "{error}"
        );
    }
}

#[test]
fn a_mirror_that_says_little_is_asked_for_each_file() {
    let mirror = |asked: &server::Asked, _| {
        if asked.path.starts_with("/api/") {
            let names: Vec<_> = files().keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
            let body = serde_json::json!({ "siblings": names }).to_string().into_bytes();
            return Some(Answer { status: 200, body, ..Answer::default() });
        }
        let name = asked.path.strip_prefix("/owner/tiny/resolve/main/")?;
        let bytes = files()[name].clone();
        let answer = Answer::file(asked, &bytes);
        Some(if name == WEIGHTS { answer.with("X-Linked-Etag", server::sha256(&bytes)) } else { answer })
    };
    let (hub, models) = (Hub::start(files(), mirror), tempfile::tempdir().unwrap());
    let done = download(&hub, &models).unwrap();
    assert_whole(&done.folder);
    assert_eq!(done.unchecked, ["README.md", "config.json"]);
    assert_eq!(
        hub.asked_for(WEIGHTS).iter().map(|asked| asked.method.as_str()).collect::<Vec<_>>(),
        ["HEAD", "GET"]
    );
}

#[test]
fn a_listing_of_a_stranger_is_not_trusted() {
    let rows: &[(&str, &str)] = &[
        ("<html>", "does not answer as a model hub does"),
        ("{\"siblings\": [{\"rfilename\": \"../../.ssh/authorized_keys\"}]}", "would not stay in its folder"),
        ("{\"siblings\": [{\"rfilename\": \"model.gguf\"}]}", "no weights that Eyewright reads"),
        (
            "{\"siblings\": [{\"rfilename\": \"model.safetensors\", \"size\": 18446744073709551615, \"blobId\": \"0123456789abcdef0123456789abcdef01234567\"}]}",
            "free, the download needs",
        ),
    ];
    for (body, expected) in rows.iter().copied() {
        let models = tempfile::tempdir().unwrap();
        let answer = move || Answer { status: 200, body: body.as_bytes().to_vec(), ..Answer::default() };
        let hub = Hub::start(files(), move |_, _| Some(answer()));
        let error = download(&hub, &models).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(hub.all().len(), 1, "{body}");
        assert_nothing(&models);
    }
    assert_eq!(listing(&files())["sha"], COMMIT);
}

#[test]
fn two_at_once_are_one_too_many() {
    let models = tempfile::tempdir().unwrap();
    let hub = Hub::start(files(), |_, _| None);
    let other = config(&hub.url(), models.path());
    let mut second = None;
    let first = config(&hub.url(), models.path()).download(&mut |progress| {
        if progress.done > 1 << 20 && second.is_none() {
            second = Some(other.download(&mut |_| ControlFlow::Continue(())));
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(second, Some(Err(HubError::Busy { .. }))));
    assert_whole(&first.unwrap().folder);
}

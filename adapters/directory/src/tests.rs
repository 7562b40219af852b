mod maps;
mod parquet;

use std::collections::BTreeMap;

use super::*;

fn secrets() -> Secrets {
    Secrets { click_id_keys: tracking::click_id::Keys::new(vec![(1, [1; 32])]), seal_keys: Vec::new() }
}

fn with(name: &str, text: &str) -> Result<Snapshot, LoadError> {
    let replaced = BTreeMap::from([(name.to_owned(), text.to_owned())]);
    load_files(&Files::embedded_with(replaced), secrets())
}

#[test]
fn the_embedded_default_loads() {
    let snapshot = load(None, secrets()).unwrap();
    let shop = snapshot.directory.advertiser(789).unwrap();
    assert_eq!(shop.primary_id, Some(100_789));
    assert_eq!(snapshot.policy.phase(&shop), relay::policy::Phase::Moved);
}

#[test]
fn the_shipped_folders_load() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    let folders: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(!folders.is_empty());
    for folder in folders {
        let loaded = load(Some(&folder), secrets());
        assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
    }
}

#[test]
fn every_mistake_of_every_row_is_reported() {
    let header = "legacy_id,primary_id,name,landing_url,domains,wave,programme,currency,window_days,commission,deduplicates\n";
    let rows = "x,1,A,https://a.test/,a.test,first,online,USD,30,10%,false\n\
                2,2,B,https://evil.test/,b.test,first,asleep,USD,30,lots,false\n\
                3,3,C\n";
    let error = with("advertisers.csv", &format!("{header}{rows}")).unwrap_err().to_string();
    for wanted in [
        "advertisers.csv:2: `legacy_id` is `x`",
        "advertisers.csv:3: `landing_url`",
        "`programme` is `asleep`",
        "`commission` is `lots`",
        "advertisers.csv:4: 3 values stand here",
    ] {
        assert!(error.contains(wanted), "{wanted} is not in\n{error}");
    }
}

#[test]
fn a_wave_without_a_phase_is_a_mistake() {
    let text = embedded_text("advertisers.csv").replace(",first,", ",frist,");
    let error = with("advertisers.csv", &text).unwrap_err().to_string();
    assert!(error.contains("wave `frist` is not in the policy"), "{error}");
}

#[test]
fn an_id_that_stands_twice_is_a_mistake() {
    let text = embedded_text("publishers.csv");
    let (_, row) = text.split_once('\n').unwrap();
    let error = with("publishers.csv", &format!("{text}{row}")).unwrap_err().to_string();
    assert!(error.contains("stands twice"), "{error}");
}

#[test]
fn a_folder_that_is_none_or_holds_no_migration_is_one_mistake() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, why) in [
        (root.join("no-such-folder"), "there is no such folder"),
        (root.join("Cargo.toml"), "this is no folder"),
        (root.join("src"), "there is no migration in this folder"),
    ] {
        let error = load(Some(&folder), secrets()).unwrap_err();
        let [mistake] = error.mistakes.as_slice() else { panic!("{error}") };
        assert_eq!(mistake.file, folder.display().to_string());
        assert!(mistake.message.starts_with(why), "{mistake}");
    }
}

fn embedded_text(name: &str) -> String {
    Files::embedded_default().text(name).unwrap().1
}

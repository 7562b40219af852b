//! Importing, versions, switching back and forth, and what damaged files come to.

use std::fs;
use std::path::{Path, PathBuf};

use tracking::directory::{CreativeKind, Table};

use super::*;
use crate::{ImportError, Imported, MapError, Maps, import};

const ADVERTISERS: &str = "legacy_id,primary_id,name,landing_url,domains,wave,programme,currency,window_days,commission,deduplicates\n\
    789,100789,Shop,https://example.com/,example.com,first,online,USD,30,10%,false\n";

/// A folder with tables to import, and one for versions.
pub(super) struct World {
    folder: tempfile::TempDir,
    maps: Maps,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let maps = Maps::at(&folder.path().join("versions"));
        let world = Self { folder, maps };
        fs::create_dir(world.tables()).unwrap();
        world.write("advertisers.csv", ADVERTISERS);
        world
    }

    pub(super) fn tables(&self) -> PathBuf {
        self.folder.path().join("tables")
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.tables().join(name), text).unwrap();
    }

    pub(super) fn import(&self) -> Result<Imported, ImportError> {
        import(&self.maps, &[self.tables()], &Rules::of(None).unwrap(), &mut |_| {})
    }

    fn publisher(&self, primary: u64) -> u64 {
        self.write("publishers.csv", &format!("legacy_id,primary_id,name\n456,{primary},Site\n"));
        self.import().unwrap().number
    }

    pub(super) fn refused(&self) -> String {
        let refused = self.import().map(|imported| imported.number).unwrap_err().to_string();
        assert_eq!(self.maps.list().unwrap(), [], "nothing is left behind");
        refused
    }

    fn in_force(&self) -> Option<(u64, u64)> {
        let (number, directory) = self.maps.open_current().unwrap()?;
        Some((number, directory.publisher(456).unwrap().primary_id.unwrap()))
    }
}

#[test]
fn a_map_of_several_files_is_imported_and_found() {
    let world = World::new();
    let header = "kind,legacy_id,advertiser_id,primary_id,landing_url\n";
    world.write("creatives.csv", &format!("{header}creative,1,789,11,https://example.com/one\n"));
    world.write(
        "creatives-2.csv",
        &format!("{header}deal,1,789,,\nproduct,2,789,22,https://www.example.com/two\n"),
    );
    world.write("notes.txt", "not a table");
    let imported = world.import().unwrap();
    assert_eq!((imported.number, imported.directory.count(Table::Creatives)), (1, 1));
    let opened = world.maps.open(1).unwrap();
    assert_eq!(opened.creative(CreativeKind::Creative, 1).unwrap().primary_id, Some(11));
    assert_eq!(opened.creative(CreativeKind::Deal, 1).unwrap().landing_url, None);
    assert_eq!(
        opened.creative(CreativeKind::Product, 2).unwrap().landing_url.unwrap(),
        "https://www.example.com/two"
    );
    assert_eq!(opened.advertiser(789).unwrap().name, "Shop");
    assert_eq!(world.maps.current().unwrap(), None, "an import is not in force before it is switched to");
}

#[test]
fn versions_are_switched_rolled_back_and_kept_within_bounds() {
    let world = World::new();
    assert_eq!((world.publisher(1), world.publisher(2)), (1, 2));
    assert!(matches!(world.maps.rollback(), Err(MapError::NoPrevious)));
    world.maps.switch(1).unwrap();
    world.maps.switch(2).unwrap();
    assert_eq!(world.in_force(), Some((2, 2)));
    assert_eq!(world.maps.rollback().unwrap(), 1);
    assert_eq!(world.in_force(), Some((1, 1)));
    assert_eq!(world.maps.rollback().unwrap(), 2);
    assert!(matches!(world.maps.switch(9), Err(MapError::Missing(9))));
    for number in 3..12 {
        assert_eq!(world.publisher(number), number);
    }
    let kept: Vec<u64> = world.maps.list().unwrap().iter().map(|version| version.number).collect();
    assert_eq!(kept, [1, 2, 7, 8, 9, 10, 11], "the one in force, the one before it, and the last five");
}

#[test]
fn a_version_that_is_pruned_while_it_is_read_stays_whole() {
    let world = World::new();
    let number = world.publisher(5);
    let opened = world.maps.open(number).unwrap();
    fs::remove_file(world.maps.path(number)).unwrap();
    assert_eq!(opened.publisher(456).unwrap().primary_id, Some(5));
}

#[test]
fn every_mistake_is_told_with_its_file_and_line() {
    let world = World::new();
    world.write(
        "advertisers-2.csv",
        &format!("{ADVERTISERS}1,1,Two,https://two.test/,two.test http://x,first,online,USD,30,10%,no\n"),
    );
    world.write("publishers.csv", "legacy_id,primary_id,name\n456,1,A\n457,x,B\n456,2,C\n");
    world.write(
        "creatives.csv",
        "kind,legacy_id,advertiser_id,primary_id,landing_url\n\
         creative,1,999,,\ncreative,2,789,,https://elsewhere.test/\nbanner,3,789,,\ncreative,2,789,,\n",
    );
    let told = world.refused();
    for wanted in [
        "8 mistakes",
        "advertisers.csv:2: legacy id 789 stands twice",
        "advertisers-2.csv:3: `domains` has `http://x`",
        "advertisers-2.csv:3: `deduplicates` is `no`",
        "publishers.csv:3: `primary_id` is `x`",
        "publishers.csv:4: legacy id 456 stands twice",
        "creatives.csv:2: `advertiser_id` is 999",
        "creatives.csv:3: `landing_url` is `https://elsewhere.test/`",
        "creatives.csv:4: `kind` is `banner`",
    ] {
        assert!(told.contains(wanted), "{wanted} is not in\n{told}");
    }
}

#[test]
fn a_table_that_is_wrong_in_every_row_is_told_within_bounds() {
    let world = World::new();
    let rows: String = (0..5000).map(|_| "x,1,Site\n").collect();
    world.write("publishers.csv", &format!("legacy_id,primary_id,name\n{rows}"));
    let told = world.refused();
    assert!(told.starts_with("5000 mistakes"), "{}", told.lines().next().unwrap());
    assert!(told.lines().count() < 60, "{told}");
}

#[test]
fn what_is_no_map_is_refused_in_words() {
    let world = World::new();
    let foreign = world.tables().join("sites.csv");
    fs::write(&foreign, "").unwrap();
    let told =
        import(&world.maps, &[foreign], &Rules::of(None).unwrap(), &mut |_| {}).unwrap_err().to_string();
    assert!(told.contains("sites.csv: tables are called"), "{told}");
    fs::remove_file(world.tables().join("advertisers.csv")).unwrap();
    assert!(world.refused().contains("no table of advertisers"));
}

#[test]
fn a_damaged_version_is_refused_and_the_one_in_force_stays() {
    let world = World::new();
    let (first, second) = (world.publisher(1), world.publisher(2));
    world.maps.switch(first).unwrap();
    let damage = |change: &dyn Fn(&mut Vec<u8>)| {
        let path = world.maps.path(second);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let told = world.maps.switch(second).unwrap_err().to_string();
        assert_eq!(world.in_force(), Some((1, 1)));
        told
    };
    assert!(
        damage(&|bytes| *bytes.last_mut().unwrap() ^= 1)
            .contains("directory-2.tdir: the directory is damaged")
    );
    assert!(damage(&|bytes| bytes.truncate(600)).contains("cut off"));
    assert!(damage(&|bytes| bytes.clear()).contains("cut off"));
    fs::write(world.maps.folder().join("current"), "seven").unwrap();
    assert!(world.maps.open_current().unwrap_err().to_string().contains("`seven` names no version"));
}

#[test]
fn an_import_at_the_same_time_waits_its_turn() {
    let world = World::new();
    let held = world.maps.lock().unwrap();
    assert!(matches!(world.import(), Err(ImportError::Map(MapError::Busy(_)))));
    drop(held);
    assert_eq!(world.import().unwrap().number, 1);
}

#[test]
fn a_snapshot_says_which_version_it_is_of() {
    let world = World::new();
    let load = || load_with(None, &world.maps, secrets()).unwrap();
    let own = load();
    assert!(!own.version.contains("map") && own.directory.publisher(456).is_some());
    world.maps.switch(world.publisher(77)).unwrap();
    let imported = load();
    assert!(imported.version.ends_with("+map1"), "{}", imported.version);
    assert_eq!(imported.directory.publisher(456).unwrap().primary_id, Some(77));
    world.write("advertisers.csv", &ADVERTISERS.replace(",first,", ",frist,"));
    // Imported while the policy still had the wave.
    let policy = embedded_text("policy.toml").replace("\"first\"", "\"frist\"");
    let files = Files::embedded_with([("policy.toml".to_owned(), policy)].into());
    let rules = Rules::load(&files).unwrap();
    let second = import(&world.maps, &[world.tables()], &rules, &mut |_| {}).unwrap();
    world.maps.switch(second.number).unwrap();
    let told = load_with(None, &world.maps, secrets()).unwrap_err().to_string();
    assert!(told.contains("directory-2.tdir") && told.contains("wave `frist`"), "{told}");
}

#[test]
fn the_file_of_version_one_is_still_read() {
    let specimen = Path::new(env!("CARGO_MANIFEST_DIR")).join("formats/v1/directory-1.tdir");
    if std::env::var_os("UPDATE_SPECIMEN").is_some() {
        let world = World::new();
        world.publisher(77);
        fs::create_dir_all(specimen.parent().unwrap()).unwrap();
        fs::copy(world.maps.path(1), &specimen).unwrap();
    }
    let directory = Directory::open(fs::read(&specimen).unwrap()).unwrap();
    assert_eq!(directory.publisher(456).unwrap().primary_id, Some(77));
    assert_eq!(directory.advertiser(789).unwrap().landing_url, "https://example.com/");
}

#[test]
fn short_links_are_links_of_the_legacy_platform() {
    let world = World::new();
    world.write("short_links.csv", include_str!("short_links/good.csv"));
    let directory = world.import().unwrap().directory;
    let links: Vec<&str> = include_str!("short_links/good.csv")
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1))
        .collect();
    assert_eq!(directory.count(Table::ShortLinks), links.len() as u64);
    let link = |code: &str| directory.short_link(code).map(|row| row.link.into_owned());
    assert_eq!(link("4ud5g").as_deref(), links.first().copied(), "letter case does not count");
    assert_eq!(link("~6plv").as_deref(), links.get(1).copied());
    assert_eq!(link("6plv"), None);
}

#[test]
fn short_links_that_lead_nowhere_are_told_with_their_lines() {
    let world = World::new();
    world.write("short_links.csv", include_str!("short_links/wrong.csv"));
    let told = world.refused();
    for wanted in include_str!("short_links/wrong.txt").lines() {
        assert!(told.contains(wanted), "{wanted}\n{told}");
    }
}

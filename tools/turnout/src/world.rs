//! The generated world as a migration: what a migration engineer would have been given.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use directory::Files;
use lab::{CreativeKind, World};

/// How the file of the callers of any generated world begins.
pub(crate) const CALLERS_HEAD: &str = "# The callers of the simulated world";

/// The tables of `world`, by file name.
pub(crate) fn tables(world: &World) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("advertisers.csv".to_owned(), advertisers(world)),
        ("publishers.csv".to_owned(), publishers(world)),
        ("creatives.csv".to_owned(), creatives(world)),
        ("short_links.csv".to_owned(), short_links(world)),
    ])
}

/// Writes the migration with the tables of the world of `seed` into `folder`. What is there already stays, with an
/// operator's edits, but for tables of another seed: they would name merchants that do not exist.
pub(crate) fn write(folder: &Path, world: &World, seed: u64) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let files = Files::embedded_with(tables(world));
    let note = folder.join("seed");
    let same = fs::read_to_string(&note).is_ok_and(|known| known.trim() == seed.to_string());
    fs::write(note, format!("{seed}\n"))?;
    for name in Files::names() {
        let path = folder.join(name);
        if !path.exists() || (!same && name.ends_with(".csv")) {
            let (_, text) = files.text(name).map_err(|mistake| std::io::Error::other(mistake.to_string()))?;
            fs::write(path, text)?;
        }
    }
    Ok(())
}

/// Who may call the signed interface in `world`, as the file of callers has it.
pub(crate) fn callers(world: &World, seed: u64) -> String {
    let mut text = format!("{CALLERS_HEAD} of seed {seed}.\n");
    for row in world.advertisers.iter().filter(|row| row.moved) {
        // Writing into a string cannot fail.
        let _written = write!(
            text,
            "\n[[caller]]\nadvertiser = {}\ntoken = {:?}\nsecrets = [{:?}]\n",
            row.legacy_id, row.legacy_token, row.legacy_secret
        );
    }
    text
}

fn advertisers(world: &World) -> String {
    let mut text = String::from(
        "legacy_id,primary_id,name,landing_url,domains,wave,programme,currency,window_days,commission,deduplicates\n",
    );
    for row in &world.advertisers {
        let wave = if row.moved { "first" } else { "second" };
        let programme = match (row.closed, row.offline) {
            (true, _) => "closed",
            (false, true) => "offline",
            (false, false) => "online",
        };
        let commission = if row.commission_bp > 0 {
            format!("{}.{:02}%", row.commission_bp / 100, row.commission_bp % 100)
        } else {
            format!("{}.{:02}", row.commission_flat_minor / 100, row.commission_flat_minor % 100)
        };
        line(
            &mut text,
            &[
                &row.legacy_id.to_string(),
                &row.primary_id.to_string(),
                &row.name,
                &row.landing_url,
                &row.domains.join(" "),
                wave,
                programme,
                &row.currency,
                &row.window_days.to_string(),
                &commission,
                &row.dedup.to_string(),
            ],
        );
    }
    text
}

fn publishers(world: &World) -> String {
    let mut text = String::from("legacy_id,primary_id,name\n");
    for row in &world.publishers {
        line(&mut text, &[&row.legacy_id.to_string(), &row.primary_id.to_string(), &row.name]);
    }
    text
}

fn creatives(world: &World) -> String {
    let mut text = String::from("kind,legacy_id,advertiser_id,primary_id,landing_url\n");
    for row in &world.creatives {
        let kind = match row.kind {
            CreativeKind::Banner => "creative",
            CreativeKind::Deal => "deal",
            CreativeKind::Product => "product",
        };
        line(
            &mut text,
            &[
                kind,
                &row.legacy_id.to_string(),
                &row.advertiser.to_string(),
                &row.primary_id.to_string(),
                &row.landing_url,
            ],
        );
    }
    text
}

fn short_links(world: &World) -> String {
    let mut text = String::from("code,link\n");
    for row in &world.short_links {
        line(&mut text, &[&row.code, &row.url]);
    }
    text
}

/// One line of CSV; every value is quoted, which is always right.
fn line(text: &mut String, values: &[&str]) {
    for (place, value) in values.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        // Writing into a string cannot fail.
        let _written = write!(text, "{comma}\"{}\"", value.replace('"', "\"\""));
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use relay::policy::Phase;

    use super::*;

    #[test]
    fn the_generated_world_is_a_sound_migration() {
        let world = World::generate(1);
        let files = Files::embedded_with(tables(&world));
        let snapshot = directory::load_files(&files, crate::snapshot::looking_secrets())
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(snapshot.directory.advertisers().len(), world.advertisers.len());
        let shop = snapshot.directory.advertiser(789).unwrap();
        assert_eq!(snapshot.policy.phase(&shop), Phase::Moved);
        assert!(snapshot.directory.publisher(456).is_some());
    }
}

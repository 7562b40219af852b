//! Volumes: which one an event belongs to, and how its file is called.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use units::calendar::Day;
use units::{EventId, Timestamp};

use crate::entry::Entry;

const ENDING: &str = "sqlite";

/// A part of the log that is taken away whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Volume {
    /// Its first day.
    pub(crate) from: Day,
    /// Whether it holds what moves money, of a month; else everything else of a day.
    pub(crate) money: bool,
}

impl Volume {
    /// The volume of an event, whose identity tells its time.
    pub(crate) fn of(event_id: EventId, money: bool) -> Self {
        let day = Day::of(time_of(event_id));
        let (year, month, _) = day.civil();
        let first = Day::new(year, month, 1).unwrap_or(day);
        Self { from: if money { first } else { day }, money }
    }

    pub(crate) fn of_entry(entry: &Entry) -> Self {
        match entry {
            Entry::Seen(seen) => Self::of(seen.event_id, seen.is_money()),
            Entry::Outcome(outcome) => Self::of(outcome.event_id, true),
        }
    }

    /// Entries by their volumes.
    pub(crate) fn sorted(entries: &[Entry]) -> BTreeMap<Self, Vec<&Entry>> {
        let mut by_volume: BTreeMap<Self, Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            by_volume.entry(Self::of_entry(entry)).or_default().push(entry);
        }
        by_volume
    }

    /// The first moment after it.
    pub(crate) fn end(self) -> Timestamp {
        let next = if self.money { self.from.in_later_month(1, 1) } else { Some(self.from.plus(1)) };
        next.unwrap_or_else(|| self.from.plus(31)).start()
    }

    /// Its name, as `money-2026-11` or `other-2026-11-30`.
    fn name(self) -> String {
        let (year, month, day) = self.from.civil();
        if self.money {
            format!("money-{year:04}-{month:02}")
        } else {
            format!("other-{year:04}-{month:02}-{day:02}")
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let volume = if let Some(month) = name.strip_prefix("money-") {
            Self { from: Day::parse(&format!("{month}-01"))?, money: true }
        } else {
            Self { from: Day::parse(name.strip_prefix("other-")?)?, money: false }
        };
        (volume.name() == name).then_some(volume)
    }

    /// Its file's name.
    pub(crate) fn file(self) -> String {
        format!("{}.{ENDING}", self.name())
    }

    /// Its table's name on a server, as `requests_money_2026_11`.
    pub(crate) fn table(self, kind: &str) -> String {
        format!("{kind}_{}", self.name().replace('-', "_"))
    }

    /// The volume that a table of `kind` is; none if it is none.
    pub(crate) fn of_table(kind: &str, table: &str) -> Option<Self> {
        Self::of_name(&table.strip_prefix(kind)?.strip_prefix('_')?.replace('_', "-"))
    }

    pub(crate) fn path(self, folder: &Path) -> PathBuf {
        folder.join(self.file())
    }

    /// The volume that a file is; none if it is none.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        Self::of_name(file.strip_suffix(ENDING)?.strip_suffix('.')?)
    }

    /// Every volume of a folder, the newest first. A folder that is not there has none.
    pub(crate) fn all(folder: &Path) -> std::io::Result<Vec<Self>> {
        let files = match std::fs::read_dir(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut volumes = Vec::new();
        for file in files {
            volumes.extend(file?.file_name().to_str().and_then(Self::parse));
        }
        volumes.sort_unstable_by(|a, b| b.cmp(a));
        Ok(volumes)
    }

    /// Its bytes on the disk, with the log that its store keeps beside it.
    pub(crate) fn bytes(self, folder: &Path) -> u64 {
        self.files(folder)
            .iter()
            .filter_map(|file| std::fs::metadata(file).ok())
            .map(|found| found.len())
            .sum()
    }

    /// The files that it is: the volume last, so that one that is half removed is still a volume.
    pub(crate) fn files(self, folder: &Path) -> [PathBuf; 3] {
        let file = self.file();
        [folder.join(format!("{file}-shm")), folder.join(format!("{file}-wal")), folder.join(file)]
    }
}

/// The time that an event's identity holds.
pub(crate) fn time_of(event_id: EventId) -> Timestamp {
    Timestamp::from_millis(i64::try_from(event_id.as_u128() >> 80).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use units::Seed;

    use super::*;

    #[test]
    fn an_event_names_its_volume() {
        let at = |text| EventId::new(Seed(1), Day::parse(text).unwrap().start());
        for (day, money, file) in [
            ("2026-11-30", false, "other-2026-11-30.sqlite"),
            ("2026-11-30", true, "money-2026-11.sqlite"),
            ("2024-02-29", true, "money-2024-02.sqlite"),
            ("1970-01-01", false, "other-1970-01-01.sqlite"),
        ] {
            let volume = Volume::of(at(day), money);
            assert_eq!(volume.file(), file);
            assert_eq!(Volume::parse(file), Some(volume));
            assert_eq!(Volume::of_table("outcomes", &volume.table("outcomes")), Some(volume));
            assert_eq!(Volume::of_table("requests", &volume.table("outcomes")), None);
            assert!(volume.from.start() <= time_of(at(day)) && time_of(at(day)) < volume.end());
        }
        for stranger in ["other-2026-11-30.sqlite-wal", "money-2026-13.sqlite", "other-2026-1-3.sqlite", "x"]
        {
            assert_eq!(Volume::parse(stranger), None, "{stranger}");
        }
    }
}

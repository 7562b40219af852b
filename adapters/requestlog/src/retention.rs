//! What is taken away: volumes that have had their time, and the oldest ones of a log that is too large.

use std::path::Path;
use std::time::Duration;

use units::Timestamp;

use crate::settings::Settings;
use crate::volume::Volume;

const DAY: Duration = Duration::from_secs(86_400);

/// The volumes of `held` (with their bytes) that are to go at `now`.
///
/// Those go that ended longer ago than their kind is kept. If the rest is still too large, more go, the oldest first
/// and those without money before all others; the newest of each kind stays, because it is being written.
pub(crate) fn to_go(held: &[(Volume, u64)], settings: &Settings, now: Timestamp) -> Vec<Volume> {
    let days = |volume: &Volume| if volume.money { settings.money_days } else { settings.other_days };
    let old = |volume: &Volume| volume.end().plus(DAY.saturating_mul(days(volume))) <= now;
    let (mut going, mut staying): (Vec<_>, Vec<_>) =
        held.iter().copied().partition(|(volume, _)| old(volume));
    staying.sort_unstable_by_key(|(volume, _)| (volume.money, volume.from));
    let mut bytes: u64 = staying.iter().map(|(_, bytes)| bytes).sum();
    let newest = |money| staying.iter().rev().map(|(volume, _)| *volume).find(|volume| volume.money == money);
    let writing = [newest(true), newest(false)];
    for (volume, size) in &staying {
        if bytes <= settings.bytes_max {
            break;
        }
        if !writing.contains(&Some(*volume)) {
            bytes = bytes.saturating_sub(*size);
            going.push((*volume, *size));
        }
    }
    going.into_iter().map(|(volume, _)| volume).collect()
}

/// Every volume of a folder with its bytes.
pub(crate) fn held(folder: &Path) -> std::io::Result<Vec<(Volume, u64)>> {
    Ok(Volume::all(folder)?.into_iter().map(|volume| (volume, volume.bytes(folder))).collect())
}

/// Removes a volume's files. What is not there is no failure.
pub(crate) fn remove(folder: &Path, volume: Volume) -> std::io::Result<()> {
    for file in volume.files(folder) {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Bytes that are free on the folder's file system; none if nobody can tell.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(file: &str) -> Volume {
        Volume::parse(&format!("{file}.sqlite")).unwrap()
    }

    #[test]
    fn old_volumes_go_and_then_the_oldest_without_money() {
        let now = units::calendar::Day::parse("2026-11-30").unwrap().start();
        let held: Vec<(Volume, u64)> = [
            "money-2025-09",
            "money-2025-11",
            "money-2026-11",
            "other-2026-08-01",
            "other-2026-11-28",
            "other-2026-11-29",
        ]
        .map(|file| (volume(file), 10))
        .to_vec();
        let check = |bytes_max, expected: &[&str]| {
            let settings = Settings { bytes_max, ..Settings::default() };
            let mut going = to_go(&held, &settings, now);
            going.sort_unstable();
            let mut expected: Vec<Volume> = expected.iter().map(|file| volume(file)).collect();
            expected.sort_unstable();
            assert_eq!(going, expected, "{bytes_max}");
        };
        let old = ["money-2025-09", "other-2026-08-01"];
        check(u64::MAX, &old);
        check(40, &old);
        check(39, &[old[0], old[1], "other-2026-11-28"]);
        check(29, &[old[0], old[1], "other-2026-11-28", "money-2025-11"]);
        check(0, &[old[0], old[1], "other-2026-11-28", "money-2025-11"]);
    }
}

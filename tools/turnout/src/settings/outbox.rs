//! `[outbox]`: the limits of an edge's outbox. What is not named keeps its default, which is right for most.

use outbox::Settings;
use tracking::source::Section;

pub(super) fn read(section: &Section<'_, '_>) -> Settings {
    let usual = Settings::default();
    let bytes = |key, usual| section.number(key).unwrap_or(usual);
    let count = |key, usual| {
        section.number(key).map_or(usual, |number| usize::try_from(number).unwrap_or(usize::MAX))
    };
    let settings = Settings {
        segment_bytes_max: bytes("segment_bytes_max", usual.segment_bytes_max),
        ahead_bytes: bytes("ahead_bytes", usual.ahead_bytes),
        backlog_bytes_max: bytes("backlog_bytes_max", usual.backlog_bytes_max),
        reserve_bytes: bytes("reserve_bytes", usual.reserve_bytes),
        waiting_max: count("waiting_max", usual.waiting_max),
        entry_bytes_max: count("entry_bytes_max", usual.entry_bytes_max),
    };
    if let Some((field, why)) = settings.flaw() {
        section.mistake_at(field, format!("`{field}` {why}"));
    }
    settings
}

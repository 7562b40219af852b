//! Where requests are remembered: a folder in the data directory, or a PostgreSQL server.

use std::path::Path;

use requestlog::{Log, Place, Reader, Settings};
use tracking::source::Section;

use crate::clock::wall_clock;
use crate::data::DataDir;
use crate::server_place::{Kept, ServerPlace};

type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// The log's folder in a data directory.
const FOLDER: &str = "requests";

/// What is remembered of requests, and where.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct LogPlace {
    /// How much is kept; none where nothing is remembered.
    pub(crate) settings: Option<Settings>,
    server: ServerPlace,
}

impl LogPlace {
    /// In the data directory, as much as usual.
    pub(crate) fn usual() -> Self {
        Self { settings: Some(Settings::default()), server: ServerPlace::default() }
    }

    /// Reads the section of the settings.
    pub(crate) fn read(section: &Section<'_, '_>) -> Self {
        let usual = Settings::default();
        let number = |key: &'static str, usual: u64, unit: &str| {
            let wanted = section.number(key).unwrap_or(usual);
            if wanted == 0 {
                section.mistake_at(key, format!("`{key}` is 0: write at least one {unit}, or `off = true`"));
            }
            wanted
        };
        let money_days = number("money_days", usual.money_days.into(), "day");
        let other_days = number("other_days", usual.other_days.into(), "day");
        let mebibytes = number("mebibytes_max", usual.bytes_max >> 20, "MiB");
        let settings = Settings {
            money_days: u32::try_from(money_days).unwrap_or(u32::MAX),
            other_days: u32::try_from(other_days).unwrap_or(u32::MAX),
            bytes_max: mebibytes.saturating_mul(1 << 20),
            ..usual
        };
        let server = ServerPlace::read(section, Kept::RequestLog);
        Self { settings: (!section.flag("off")).then_some(settings), server }
    }

    /// Says what is wrong with it, without asking anybody else.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.server.server(Kept::RequestLog).map(drop)
    }

    /// Opens the log for entries of `lane`; none where nothing is remembered. It leaves a note of where the log is.
    pub(crate) fn open(&self, data: &DataDir, lane: &str) -> Result<Option<Log>, Wrong> {
        let Some(settings) = &self.settings else { return Ok(None) };
        self.server.note(data.folder(), Kept::RequestLog)?;
        let place = place(&self.server, data.folder())?;
        Ok(Some(Log::open(&place, lane, settings.clone(), wall_clock)?))
    }
}

/// A reader of the log of a data directory, wherever that is; a process need not run.
pub(crate) fn reader(data: &Path) -> Result<Reader, Wrong> {
    let server = ServerPlace::noted(data, Kept::RequestLog)?;
    Ok(Reader::open(&place(&server, data)?)?)
}

fn place(server: &ServerPlace, data: &Path) -> Result<Place, String> {
    let server = server.server(Kept::RequestLog)?;
    Ok(server.map_or_else(|| Place::Folder(data.join(FOLDER)), Place::from))
}

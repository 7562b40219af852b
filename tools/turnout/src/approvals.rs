//! Rules that need a second person before they are in force: `approvals.toml` in the data directory.
//!
//! Rules are what money depends on and a person can change: migration, policy, terms and maps, named by the version that
//! every process tells. Who changes one proposes its version, another approves it, and a process takes up none that is not
//! approved. Whoever owns the data directory could write this file, as everything in it: the rule keeps people from acting
//! alone by mistake, and tells who did what.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::wall_clock;
use crate::data::{self, DataError};
use crate::people::People;

/// The file in a data directory.
const FILE: &str = "approvals.toml";

/// Everything that was proposed, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approvals {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rules>,
}

/// One version of the rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// As processes tell it.
    pub(crate) version: String,
    /// Who wants it.
    pub(crate) proposed_by: String,
    /// When.
    pub(crate) proposed_at: String,
    /// Why.
    pub(crate) reason: String,
    /// Who agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approved_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approved_at: Option<String>,
}

impl Rules {
    /// The map that they are with, if it is an imported one.
    pub(crate) fn map(&self) -> Option<u64> {
        self.version.split_once("+map").and_then(|(_, number)| number.parse().ok())
    }
}

/// Why rules are not approved.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotApproved {
    /// Nobody wants them.
    #[error("nobody has proposed `{0}`: turnout rules list")]
    Unknown(String),
    /// One person alone.
    #[error("{0} has proposed it: another person must approve it")]
    SamePerson(String),
}

impl Approvals {
    /// Those of the data directory `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let wrong = |error: toml::de::Error| DataError::Approvals { path, why: error.to_string() };
                toml::from_str(&text).map_err(wrong)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(DataError::File { doing: "read", path, source }),
        }
    }

    /// Writes them down.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(FILE);
        let text = toml::to_string(self)
            .map_err(|error| DataError::Approvals { path: path.clone(), why: error.to_string() })?;
        let head = "# Which rules were proposed and approved, and by whom. Written by `turnout rules`.\n";
        data::write_private(&path, &format!("{head}{text}"))
    }

    /// Everything, in order.
    pub(crate) fn all(&self) -> &[Rules] {
        &self.rules
    }

    /// True if a second person agrees.
    pub(crate) fn are_approved(&self, version: &str) -> bool {
        self.rules.iter().any(|rules| rules.version == version && rules.approved_by.is_some())
    }

    /// Proposes a version. False if it is proposed or approved already: then it stays as it is.
    pub(crate) fn propose(&mut self, version: &str, by: &str, reason: &str) -> bool {
        if self.rules.iter().any(|rules| rules.version == version) {
            return false;
        }
        let (version, proposed_by, reason) = (version.to_owned(), by.to_owned(), reason.to_owned());
        let proposed_at = wall_clock().to_string();
        let (approved_by, approved_at) = (None, None);
        self.rules.push(Rules { version, proposed_by, proposed_at, reason, approved_by, approved_at });
        true
    }

    /// A second person agrees. What is approved already stays as it is.
    pub(crate) fn approve(&mut self, version: &str, by: &str) -> Result<Rules, NotApproved> {
        let rules = self.rules.iter_mut().find(|rules| rules.version == version);
        let rules = rules.ok_or_else(|| NotApproved::Unknown(version.to_owned()))?;
        if rules.approved_by.is_some() {
            return Ok(rules.clone());
        }
        if rules.proposed_by.eq_ignore_ascii_case(by) {
            return Err(NotApproved::SamePerson(rules.proposed_by.clone()));
        }
        (rules.approved_by, rules.approved_at) = (Some(by.to_owned()), Some(wall_clock().to_string()));
        Ok(rules.clone())
    }

    /// What is in force when the rule begins needs nobody's word.
    pub(crate) fn begin_with(&mut self, version: &str, by: &str) {
        self.rules.retain(|rules| rules.version != version);
        self.propose(version, by, "in force when a second person came to be needed");
        if let Some(rules) = self.rules.last_mut() {
            (rules.approved_by, rules.approved_at) = (Some(by.to_owned()), Some(rules.proposed_at.clone()));
        }
    }
}

/// Says what to do if a process on `folder` must not be in force with this version.
pub(crate) fn check(folder: &Path, version: &str) -> Result<(), DataError> {
    if !People::read(folder)?.need_a_second() || Approvals::read(folder)?.are_approved(version) {
        return Ok(());
    }
    Err(DataError::Unapproved { version: version.to_owned() })
}

/// The same of an imported map, whatever the migration beside it.
pub(crate) fn check_map(folder: &Path, number: u64) -> Result<(), DataError> {
    let approvals = Approvals::read(folder)?;
    let mut approved = approvals.all().iter().filter(|rules| rules.approved_by.is_some());
    if !People::read(folder)?.need_a_second() || approved.any(|rules| rules.map() == Some(number)) {
        return Ok(());
    }
    Err(DataError::UnapprovedMap { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_alone_puts_nothing_in_force() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            check(folder.path(), "a").map_err(|error| error.to_string()),
            Ok(()),
            "nobody asks for it"
        );
        let mut people = People::default();
        people.require_a_second(true);
        people.write(folder.path()).unwrap();
        let mut approvals = Approvals::default();
        approvals.begin_with("a", "ada");
        assert!(approvals.propose("b+map7", "ada", "new merchants"));
        assert!(!approvals.propose("b+map7", "bea", "the same"), "it is hers already");
        assert_eq!(
            approvals.approve("b+map7", "Ada").unwrap_err(),
            NotApproved::SamePerson("ada".to_owned())
        );
        assert_eq!(approvals.approve("c", "bea").unwrap_err(), NotApproved::Unknown("c".to_owned()));
        approvals.write(folder.path()).unwrap();
        assert!(check(folder.path(), "a").is_ok());
        let told = check(folder.path(), "b+map7").unwrap_err().to_string();
        assert!(told.contains("turnout rules propose") && told.contains("b+map7"), "{told}");
        assert!(check_map(folder.path(), 7).is_err());

        let mut approvals = Approvals::read(folder.path()).unwrap();
        let rules = approvals.approve("b+map7", "bea").unwrap();
        assert_eq!((rules.map(), rules.approved_by.as_deref()), (Some(7), Some("bea")));
        assert_eq!(approvals.approve("b+map7", "cem").unwrap().approved_by.as_deref(), Some("bea"), "once");
        approvals.write(folder.path()).unwrap();
        assert!(check(folder.path(), "b+map7").is_ok() && check_map(folder.path(), 7).is_ok());
        assert!(check(folder.path(), "b").is_err() && check_map(folder.path(), 8).is_err());
        fs::write(folder.path().join(FILE), "[[rules]]\nversion = 1").unwrap();
        assert!(check(folder.path(), "a").unwrap_err().to_string().contains("approvals.toml"));
    }
}

//! Who has a token of their own: `operators.toml` in the data directory, with hashes alone.

use std::fs;
use std::path::Path;

use processor::{Operator, token_hash};
use serde::{Deserialize, Serialize};

use crate::data::{self, DataError};

/// The file in a data directory.
const FILE: &str = "operators.toml";

/// The longest name of an operator.
const NAME_CHARS_MAX: usize = 64;

/// The people of a data directory.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct People {
    /// True if rules are in force only once a second person has approved them.
    #[serde(default)]
    second_approval: bool,
    /// Everybody with a token, by name.
    #[serde(default, rename = "operator", skip_serializing_if = "Vec::is_empty")]
    people: Vec<Person>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    name: String,
    token_sha256: String,
}

impl People {
    /// Those of the data directory `folder`; nobody if it has no such file.
    pub(crate) fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(DataError::File { doing: "read", path, source }),
        };
        let wrong = |why: String| DataError::Operators { path: path.clone(), why };
        let people: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        for (place, person) in people.people.iter().enumerate() {
            check_name(&person.name).map_err(&wrong)?;
            if person.hash().is_none() {
                return Err(wrong(format!(
                    "`token_sha256` of `{}` is not 64 hexadecimal digits",
                    person.name
                )));
            }
            if people.people.iter().take(place).any(|other| other.is(&person.name)) {
                return Err(wrong(format!("`{}` is there twice", person.name)));
            }
        }
        Ok(people)
    }

    /// Writes them down, readable by the directory's owner alone.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(FILE);
        let text = toml::to_string(self)
            .map_err(|error| DataError::Operators { path: path.clone(), why: error.to_string() })?;
        let head = "# Who has a token of their own, with its SHA-256. Written by `turnout operators`.\n";
        data::write_private(&path, &format!("{head}{text}"))
    }

    /// Gives somebody a token, another one if they had one.
    pub(crate) fn put(&mut self, name: &str, token: &str) -> Result<(), String> {
        check_name(name)?;
        self.take(name);
        let token_sha256 = token_hash(token).iter().map(|byte| format!("{byte:02x}")).collect();
        self.people.push(Person { name: name.to_owned(), token_sha256 });
        self.people.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    /// Takes somebody's token away. False if there is no such person.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        let before = self.people.len();
        self.people.retain(|person| !person.is(name));
        self.people.len() < before
    }

    /// Whether rules need a second person.
    pub(crate) const fn need_a_second(&self) -> bool {
        self.second_approval
    }

    /// Says whether they do.
    pub(crate) const fn require_a_second(&mut self, required: bool) {
        self.second_approval = required;
    }

    /// Whose token this is.
    pub(crate) fn whose(&self, token: &str) -> Option<&str> {
        let hash = token_hash(token);
        let mut people = self.people.iter();
        people.find(|person| person.hash() == Some(hash)).map(|person| person.name.as_str())
    }

    /// Everybody's name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.people.iter().map(|person| person.name.as_str())
    }

    /// Everybody, as a processor knows them.
    pub(crate) fn operators(&self) -> Vec<Operator> {
        let known =
            |person: &Person| Some(Operator { name: person.name.clone(), token_hash: person.hash()? });
        self.people.iter().filter_map(known).collect()
    }
}

impl Person {
    /// Names that differ in their letters' case alone are one person's.
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn hash(&self) -> Option<[u8; 32]> {
        data::key(&self.token_sha256)
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(format!(
            "`{name}` is no name for an operator: 1 to {NAME_CHARS_MAX} letters, digits, `-`, `_`, `.` or `@`"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_kept_by_the_hash_of_their_token_and_every_mistake_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(People::read(folder.path()).unwrap().names().count(), 0);
        let mut people = People::default();
        people.put("bea", "secret").unwrap();
        people.put("ada", "another").unwrap();
        people.put("Bea", "third").unwrap();
        people.write(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains("secret") && !text.contains("third"), "{text}");
        let mut read = People::read(folder.path()).unwrap();
        assert_eq!(read.names().collect::<Vec<_>>(), ["Bea", "ada"]);
        assert_eq!(read.operators()[0].token_hash, token_hash("third"));
        assert!(read.take("ADA") && !read.take("ada"));
        for name in ["", "a b", "a(local)", "é", &"a".repeat(65)] {
            assert!(read.put(name, "x").is_err(), "{name}");
        }
        for wrong in
            ["[[operator]]\nname = \"a\"\ntoken_sha256 = \"12\"", "[[operator]]\nname = \"a\"", "x = 1", "?"]
        {
            fs::write(folder.path().join(FILE), wrong).unwrap();
            let told = People::read(folder.path()).unwrap_err().to_string();
            assert!(told.contains("operators.toml"), "{told}");
        }
    }
}

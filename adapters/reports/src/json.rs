//! JSON: an array of objects, or several one after another, as the pages of an answer that were put in one file.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::cells::Cells;
use crate::{Ended, ReportError};

const BUFFER_BYTES: usize = 1 << 18;

struct Row<'a>(&'a Value);

impl Cells for Row<'_> {
    fn cell(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut at = self.0;
        for part in name.split('.') {
            at = at.get(part)?;
        }
        match at {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// What an object leaves out is empty.
    fn has(&self, _: &str) -> bool {
        true
    }

    fn wrong(&self) -> Option<String> {
        (!self.0.is_object()).then(|| "it is no object".to_owned())
    }
}

/// One page: an array whose items are given on one by one, so that no page is ever whole in memory.
struct Page<'a> {
    each: &'a mut dyn FnMut(u64, &dyn Cells),
    rows: &'a mut u64,
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    /// What is wrong, where it is no page.
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of transactions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while let Some(item) = items.next_element::<Value>()? {
            *self.rows += 1;
            (self.each)(*self.rows, &Row(&item));
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut told = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            entries.next_value::<IgnoredAny>()?;
            told.push(name);
        }
        Ok(Some(format!("it is an object with {}, and no array of transactions", told.join(", "))))
    }
}

pub(crate) fn read(input: impl Read, each: &mut dyn FnMut(u64, &dyn Cells)) -> Result<Ended, ReportError> {
    let mut reader = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER_BYTES, input));
    let mut ended = Ended::default();
    let mut pages = 0_u64;
    loop {
        // `end` says whether anything but blanks follows.
        if pages > 0 && reader.end().is_ok() {
            return Ok(ended);
        }
        match (Page { each, rows: &mut ended.rows }).deserialize(&mut reader) {
            Ok(None) => pages += 1,
            Ok(Some(wrong)) => return Err(ReportError::Shape(wrong)),
            Err(error) if error.is_io() => return Err(ReportError::Io(error.into())),
            Err(error) if error.is_eof() && ended.rows > 0 => return Ok(Ended { cut_off: true, ..ended }),
            Err(error) => return Err(ReportError::Shape(format!("it is no JSON of transactions: {error}"))),
        }
    }
}

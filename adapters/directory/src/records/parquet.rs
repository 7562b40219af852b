//! Rows of a Parquet file as the text that a CSV file would have.
//!
//! One page of each column is in memory at a time, however long the file is.

use std::fmt::Write as _;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

use super::{Each, Row, columns};
use crate::mistakes::Mistakes;

/// Whole numbers up to this one are exact where a tool has made fractions of them, as many do with columns that
/// have gaps.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Gives each row of the file to `each`, with its number; the first is 1.
pub(super) fn read(path: &Path, name: &str, wanted: &[&str], mistakes: &mut Mistakes, each: &mut Each<'_>) {
    let mut reading = Reading { name, wanted, row: 0, values: Vec::new() };
    match File::open(path) {
        Ok(file) => {
            if let Err(error) = reading.all(file, mistakes, each) {
                let message = format!("this Parquet file cannot be read further: {error}");
                mistakes.note(name, reading.row.saturating_add(1), message);
            }
        }
        Err(error) => mistakes.note(name, 1, format!("this file cannot be read: {error}")),
    }
}

struct Reading<'r> {
    name: &'r str,
    wanted: &'r [&'r str],
    /// Rows that were read.
    row: usize,
    /// The values of one row, by the columns of the file.
    values: Vec<String>,
}

impl Reading<'_> {
    fn all(&mut self, file: File, mistakes: &mut Mistakes, each: &mut Each<'_>) -> Result<(), ParquetError> {
        let reader = guarded(|| SerializedFileReader::new(file))?;
        let schema = reader.metadata().file_metadata().schema();
        let fields = schema.get_fields();
        let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        let places = columns(self.name, &names, self.wanted, mistakes);
        for field in fields.iter().filter(|field| !field.is_primitive()) {
            let message = format!("column `{}` holds lists or groups: {WRITE_INSTEAD}", field.name());
            mistakes.note(self.name, 1, message);
        }
        let codec = foreign_codec(reader.metadata());
        if let Some(codec) = codec {
            let message =
                format!("it is compressed by {codec}: write it with Snappy, zstd, gzip or no compression");
            mistakes.note(self.name, 1, message);
        }
        if codec.is_some() || fields.iter().any(|field| !field.is_primitive()) {
            return Ok(());
        }
        self.values.resize(names.len(), String::new());
        for number in 0..reader.num_row_groups() {
            let group = guarded(|| reader.get_row_group(number))?;
            let mut rows = guarded(|| group.get_row_iter(None))?;
            while let Some(row) = guarded(|| rows.next().transpose())? {
                self.row = self.row.saturating_add(1);
                for (value, (column, field)) in self.values.iter_mut().zip(row.get_column_iter()) {
                    if let Err(holds) = write(value, field) {
                        let message = format!("column `{column}` holds {holds}: {WRITE_INSTEAD}");
                        mistakes.note(self.name, self.row, message);
                        return Ok(());
                    }
                }
                let value = |column: usize| {
                    let place = places.get(column).copied().flatten();
                    place.and_then(|place| self.values.get(place)).map_or("", |value| value.trim())
                };
                each(&Row { file: self.name, line: self.row, value: &value }, mistakes);
            }
        }
        Ok(())
    }
}

/// The crate trusts what a file says of itself, and asserts it: a damaged one is an error like any other.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    let damaged = |_| Err(ParquetError::General("its bytes contradict each other, it is damaged".to_owned()));
    // Whatever a panic left half done is not looked at again.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(damaged)
}

/// A compression that cannot be read here.
fn foreign_codec(about: &ParquetMetaData) -> Option<Compression> {
    let all = about.row_groups().iter().flat_map(|group| group.columns());
    let known = |codec: &Compression| {
        use Compression as C;
        matches!(codec, C::UNCOMPRESSED | C::SNAPPY | C::GZIP(_) | C::ZSTD(_))
    };
    all.map(|column| column.compression()).find(|codec| !known(codec))
}

const WRITE_INSTEAD: &str = "write it as text, as whole numbers, or as true and false";

/// Writes a value as a CSV file would have it; nothing stands for what is missing.
fn write(text: &mut String, field: &Field) -> Result<(), &'static str> {
    text.clear();
    let mut number = |number: &dyn std::fmt::Display| {
        // Writing into a string cannot fail.
        let _written = write!(text, "{number}");
        Ok(())
    };
    match field {
        Field::Null => Ok(()),
        Field::Bool(value) => number(value),
        Field::Byte(value) => number(value),
        Field::Short(value) => number(value),
        Field::Int(value) => number(value),
        Field::Long(value) => number(value),
        Field::UByte(value) => number(value),
        Field::UShort(value) => number(value),
        Field::UInt(value) => number(value),
        Field::ULong(value) => number(value),
        Field::Double(value) if value.is_nan() => Ok(()),
        Field::Double(value) if value.abs() <= EXACT_MAX => number(value),
        Field::Double(_) => Err("fractions that are too large to be exact"),
        Field::Float(_) | Field::Float16(_) => Err("fractions that cannot hold an id"),
        Field::Decimal(_) => number(field),
        Field::Str(value) => {
            text.push_str(value);
            Ok(())
        }
        // Older tools do not say that their bytes are text.
        Field::Bytes(value) => {
            text.push_str(value.as_utf8().map_err(|_| "bytes that are no text in UTF-8")?);
            Ok(())
        }
        Field::Date(_) | Field::TimeMillis(_) | Field::TimeMicros(_) => Err("dates or times"),
        Field::TimestampMillis(_) | Field::TimestampMicros(_) => Err("dates or times"),
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => Err("lists or groups"),
    }
}

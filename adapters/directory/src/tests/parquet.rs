//! Tables as Parquet: the same rows make the same map, and the same mistakes.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::maps::World;
use crate::Imported;
use crate::records::TableFile;
use crate::rows::{Kind, Tables};

/// A column of a table: its name, and its values.
enum Column {
    Text(&'static str, Vec<Option<String>>),
    /// Bytes that nobody says are text.
    Bytes(&'static str, Vec<Vec<u8>>),
    Int(&'static str, Vec<Option<i64>>),
    Flag(&'static str, Vec<bool>),
    Fraction(&'static str, Vec<Option<f64>>),
    Day(&'static str, Vec<i32>),
}

impl Column {
    fn declared(&self) -> String {
        match self {
            Self::Text(name, _) => format!("optional binary {name} (UTF8);"),
            Self::Bytes(name, _) => format!("required binary {name};"),
            Self::Int(name, _) => format!("optional int64 {name};"),
            Self::Flag(name, _) => format!("required boolean {name};"),
            Self::Fraction(name, _) => format!("optional double {name};"),
            Self::Day(name, _) => format!("required int32 {name} (DATE);"),
        }
    }

    /// Writes the rows from `start` on, `count` of them.
    fn write(&self, mut column: SerializedColumnWriter<'_>, rows: std::ops::Range<usize>) {
        fn given<T: Clone>(values: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
            let levels = values.iter().map(|value| i16::from(value.is_some())).collect();
            (values.iter().flatten().cloned().collect(), levels)
        }
        match self {
            Self::Text(_, values) => {
                let (values, levels) = given(&values[rows]);
                let values: Vec<ByteArray> = values.iter().map(|text| text.as_str().into()).collect();
                column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
            }
            Self::Bytes(_, values) => {
                let values: Vec<ByteArray> = values[rows].iter().cloned().map(Into::into).collect();
                column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
            }
            Self::Int(_, values) => {
                let (values, levels) = given(&values[rows]);
                column.typed::<Int64Type>().write_batch(&values, Some(&levels), None).unwrap();
            }
            Self::Flag(_, values) => {
                column.typed::<BoolType>().write_batch(&values[rows], None, None).unwrap();
            }
            Self::Fraction(_, values) => {
                let (values, levels) = given(&values[rows]);
                column.typed::<DoubleType>().write_batch(&values, Some(&levels), None).unwrap();
            }
            Self::Day(_, values) => {
                let typed = column.typed::<parquet::data_type::Int32Type>();
                typed.write_batch(&values[rows], None, None).unwrap();
            }
        }
        column.close().unwrap();
    }
}

/// Writes a table of `rows` rows, so many of them in each group.
fn write(path: &Path, columns: &[Column], (rows, group): (usize, usize), compression: Compression) {
    let declared: String = columns.iter().map(Column::declared).collect();
    let schema = parse_message_type(&format!("message table {{ {declared} }}")).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).unwrap();
    for start in (0..rows).step_by(group) {
        let mut group_writer = writer.next_row_group().unwrap();
        for column in columns {
            let next = group_writer.next_column().unwrap().unwrap();
            column.write(next, start..rows.min(start + group));
        }
        group_writer.close().unwrap();
    }
    writer.close().unwrap();
}

/// The one advertiser of [`World`], its columns in another order.
fn advertisers(path: &Path) {
    let text = |name, value: &str| Column::Text(name, vec![Some(value.to_owned())]);
    let columns = [
        Column::Flag("deduplicates", vec![false]),
        text("commission", "10%"),
        Column::Int("window_days", vec![Some(30)]),
        text("currency", "USD"),
        text("programme", "online"),
        text("wave", "first"),
        text("domains", "example.com"),
        text("landing_url", "https://example.com/"),
        text("name", "Shop"),
        Column::Int("primary_id", vec![Some(100_789)]),
        Column::Int("legacy_id", vec![Some(789)]),
    ];
    write(path, &columns, (1, 1), Compression::SNAPPY);
}

/// Publishers 0 to `rows`, of which every seventh has no id on the new platform.
fn publishers(rows: u32) -> ([Column; 3], String) {
    let primary = |id: u32| (!id.is_multiple_of(7)).then_some(u64::from(id) * 1_000_003);
    let name = |id: u32| format!("Site Nº {id}, \"quoted\"");
    let mut csv = String::from("legacy_id,primary_id,name\n");
    for id in 0..rows {
        let primary = primary(id).map_or_else(String::new, |id| id.to_string());
        csv.push_str(&format!("{id},{primary},\"{}\"\n", name(id).replace('"', "\"\"")));
    }
    let columns = [
        Column::Text("name", (0..rows).map(|id| Some(name(id))).collect()),
        // What a tool makes of ids that are missing here and there.
        Column::Fraction("primary_id", (0..rows).map(|id| primary(id).map(|id| id as f64)).collect()),
        Column::Int("legacy_id", (0..rows).map(|id| Some(i64::from(id))).collect()),
    ];
    (columns, csv)
}

fn imported(world: &World) -> Imported {
    world.import().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_same_rows_make_the_same_map() {
    let (columns, csv) = publishers(5_000);
    let first = World::new();
    first.write("publishers.csv", &csv);
    let wanted = imported(&first);
    let (gzip, zstd) = (GzipLevel::default(), ZstdLevel::default());
    for compression in
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(gzip), Compression::ZSTD(zstd)]
    {
        let world = World::new();
        fs::remove_file(world.tables().join("advertisers.csv")).unwrap();
        advertisers(&world.tables().join("advertisers.parquet"));
        write(&world.tables().join("publishers.parquet"), &columns, (5_000, 700), compression);
        let found = imported(&world);
        assert!(found.directory.bytes() == wanted.directory.bytes(), "{compression}: another map");
    }
    assert_eq!(wanted.directory.publisher(4_999).unwrap().primary_id, Some(4_999 * 1_000_003));
}

/// Small tables as other tools write them by their defaults, and one with the newer pages and encodings.
const SPECIMENS: [(&str, &[u8]); 5] = [
    ("pandas", include_bytes!("parquet/pandas.parquet")),
    ("fastparquet", include_bytes!("parquet/fastparquet.parquet")),
    ("polars", include_bytes!("parquet/polars.parquet")),
    ("duckdb", include_bytes!("parquet/duckdb.parquet")),
    ("pyarrow", include_bytes!("parquet/pyarrow.parquet")),
];

#[test]
fn what_other_tools_write_is_read() {
    let rows = "456,200456,Best Gear Guide\n178,,Staff\n3900000001,1900000001,Bücher & Söhne\n";
    let first = World::new();
    first.write("publishers.csv", &format!("legacy_id,primary_id,name\n{rows}"));
    let wanted = imported(&first);
    for (tool, bytes) in SPECIMENS {
        let world = World::new();
        fs::write(world.tables().join("publishers.parquet"), bytes).unwrap();
        assert!(imported(&world).directory.bytes() == wanted.directory.bytes(), "{tool}: another map");
    }
}

/// The same table, compressed in ways that are not read here.
const COMPRESSED_OTHERWISE: [(&str, &[u8]); 2] =
    [("LZ4", include_bytes!("parquet/lz4.parquet")), ("BROTLI", include_bytes!("parquet/brotli.parquet"))];

#[test]
fn a_compression_that_is_not_read_here_is_named_with_what_to_do() {
    for (name, bytes) in COMPRESSED_OTHERWISE {
        let world = World::new();
        fs::write(world.tables().join("publishers.parquet"), bytes).unwrap();
        let told = world.refused();
        assert!(told.contains(&format!("publishers.parquet:1: it is compressed by {name}")), "{told}");
        assert!(told.contains("write it with Snappy, zstd, gzip or no compression"), "{told}");
    }
}

#[test]
fn a_table_may_be_split_over_both_formats_and_the_same_mistakes_are_told() {
    let world = World::new();
    world.write("publishers-1.csv", "legacy_id,primary_id,name\n456,1,A\n457,x,B\n");
    let columns = [
        Column::Int("legacy_id", vec![Some(456), None, Some(458)]),
        Column::Fraction("primary_id", vec![Some(1.5), Some(f64::NAN), Some(2.0)]),
        Column::Bytes("name", vec![b"A".to_vec(), b"B".to_vec(), b"C".to_vec()]),
    ];
    write(&world.tables().join("publishers-2.parquet"), &columns, (3, 2), Compression::SNAPPY);
    let told = world.refused();
    for wanted in [
        "publishers-1.csv:3: `primary_id` is `x`: an id of digits is expected",
        "publishers-2.parquet:1: `primary_id` is `1.5`: an id of digits is expected",
        "publishers-2.parquet:2: `legacy_id` is ``: an id of digits is expected",
    ] {
        assert!(told.contains(wanted), "{wanted}\n{told}");
    }
    assert!(told.starts_with("3 mistakes"), "{told}");
    world.write("publishers-1.csv", "legacy_id,primary_id,name\n458,1,A\n");
    let columns = [
        Column::Int("legacy_id", vec![Some(457), Some(458)]),
        Column::Int("primary_id", vec![None, None]),
        Column::Bytes("name", vec![b"A".to_vec(), b"B".to_vec()]),
    ];
    write(&world.tables().join("publishers-2.parquet"), &columns, (2, 2), Compression::SNAPPY);
    let told = world.refused();
    assert!(told.contains("publishers-2.parquet:2: legacy id 458 stands twice"), "{told}");
}

#[test]
fn columns_that_hold_something_else_are_told_with_what_to_do() {
    let world = World::new();
    let path = world.tables().join("publishers.parquet");
    let ids = || Column::Int("legacy_id", vec![Some(1), Some(2)]);
    let none = || Column::Int("primary_id", vec![None, None]);
    for (name, wanted) in [
        (
            Column::Day("name", vec![3, 4]),
            "publishers.parquet:1: column `name` holds dates or times: write it as text, as whole numbers",
        ),
        (
            Column::Bytes("name", vec![b"A".to_vec(), vec![0xff]]),
            "publishers.parquet:2: column `name` holds bytes that are no text in UTF-8",
        ),
        (
            Column::Text("nmae", vec![None, None]),
            "publishers.parquet:1: `nmae` is not a known column: did you mean `name`?",
        ),
    ] {
        write(&path, &[ids(), none(), name], (2, 2), Compression::SNAPPY);
        let told = world.refused();
        assert!(told.contains(wanted), "{wanted}\n{told}");
    }
    let large = Column::Fraction("primary_id", vec![Some(1.0), Some(1e17)]);
    write(&path, &[ids(), large, Column::Text("name", vec![None, None])], (2, 2), Compression::SNAPPY);
    let told = world.refused();
    assert!(
        told.contains("publishers.parquet:2: column `primary_id` holds fractions that are too"),
        "{told}"
    );
    fs::write(&path, "legacy_id,primary_id,name\n1,2,A\n").unwrap();
    assert!(world.refused().contains("publishers.parquet:1: this Parquet file cannot be read"));
}

#[test]
fn a_damaged_file_is_refused_or_read_and_never_ends_the_import() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("publishers.parquet");
    let (columns, _) = publishers(20);
    write(&path, &columns, (20, 20), Compression::SNAPPY);
    let whole = fs::read(&path).unwrap();
    let mistakes = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let mut reading = Tables::new(true, None);
        reading.read(Kind::Publishers, TableFile::file(&path), &mut |_| {});
        reading.finish().1.total()
    };
    assert_eq!(mistakes(&whole), 0);
    for end in 0..whole.len() {
        assert!(mistakes(&whole[..end]) > 0, "cut to {end} bytes");
    }
    for (place, bit) in (0..whole.len()).zip([0x01, 0x80, 0x10, 0xff].into_iter().cycle()) {
        let mut damaged = whole.clone();
        damaged[place] ^= bit;
        mistakes(&damaged);
    }
}

//! Embeds the shipped dialects and migrations, so that the binary needs no file beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    let mut table = String::from("&[\n");
    for folder in ["dialects", "migrations"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        embed(&root, Path::new(folder), &mut table)?;
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded.rs"), table)
}

/// Adds every file below `folder`, by its path from the root, in order.
fn embed(root: &Path, folder: &Path, table: &mut String) -> io::Result<()> {
    let mut entries = fs::read_dir(root.join(folder))?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            embed(root, &path, table)?;
        } else {
            let text = fs::read_to_string(entry.path())?;
            writeln!(table, "({:?}, {text:?}),", path.display().to_string()).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

//! Who compiles for wasm32? The active toolchain if it has the target, else Debian's compiler with a standard library
//! that is built once, into the build directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::TARGET;
use crate::failure::Failure;
use crate::process;
use crate::services::Debian;

/// Debian's fast-moving Rust, with the sources of its standard library, and the C library that it stands on.
const PACKAGES: [Debian<'_>; 4] = [
    Debian { program: "/usr/bin/rustc", package: "rustc-web" },
    Debian { program: "/usr/bin/cargo", package: "cargo-web" },
    Debian { program: "/usr/lib/rustlib/src/rust/library/std/Cargo.toml", package: "rust-web-src" },
    Debian { program: "/usr/lib/wasm32-wasi/libc.a", package: "wasi-libc" },
];

/// Debian's C library for wasm32.
const LIBC: &str = "/usr/lib/wasm32-wasi";

/// A compiler for the target.
#[derive(Debug)]
pub(super) struct Toolchain {
    /// None: the one that is active anyway.
    rustc: Option<PathBuf>,
}

impl Toolchain {
    /// Finds or makes one; what has to be built stands in `directory`.
    pub(super) fn prepare(directory: &Path) -> Result<Self, Failure> {
        if has_target(Path::new("rustc")) {
            return Ok(Self { rustc: None });
        }
        for package in &PACKAGES {
            package.ensure()?;
        }
        let version = process::first_line(Command::new("/usr/bin/rustc").arg("-vV")).unwrap_or_default();
        let words: Vec<&str> = version.split_whitespace().take(2).collect();
        let sysroot = directory.join(words.join("-"));
        let rustc = sysroot.join("bin/rustc");
        if !has_target(&rustc) {
            build(&sysroot, directory)?;
        }
        Ok(Self { rustc: Some(rustc) })
    }

    /// Makes a cargo use it.
    pub(super) fn apply(&self, cargo: &mut Command) {
        let Some(rustc) = &self.rustc else { return };
        cargo.env("RUSTC", rustc);
        // Debian's C library knows no threads, and the standard library names two of their functions. They are never
        // called; the runner stops with their name if they are.
        cargo.env("CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS", "-Clink-arg=--import-undefined");
    }
}

fn has_target(rustc: &Path) -> bool {
    let told = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let Ok(told) = told else { return false };
    let folder = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    std::fs::read_dir(folder).is_ok_and(|files| {
        files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libtest-"))
    })
}

/// Builds the standard library from Debian's sources, and puts it where a compiler looks for it.
fn build(sysroot: &Path, directory: &Path) -> Result<(), Failure> {
    let told = process::output(Command::new("/usr/bin/rustc").arg("-vV"))?;
    let of = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let (host, llvm) = (of("host:"), of("LLVM version:").split('.').next().unwrap_or_default());
    let linker = linker(llvm)?;
    let empty = directory.join("std");
    write(&empty.join("Cargo.toml"), "[package]\nname = \"empty\"\nversion = \"0.0.0\"\n[workspace]\n")?;
    write(&empty.join("src/lib.rs"), "")?;
    process::run(
        Command::new("/usr/bin/cargo")
            .current_dir(&empty)
            .args(["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort,test"])
            .envs([("RUSTC", "/usr/bin/rustc"), ("RUSTC_BOOTSTRAP", "1")])
            .env("RUSTFLAGS", format!("-Cembed-bitcode=yes -Clink-self-contained=no -L{LIBC}"))
            .env("CARGO_TARGET_DIR", empty.join("target"))
            .env_remove("RUSTUP_TOOLCHAIN"),
    )?;
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    copy(&empty.join("target").join(TARGET).join("release/deps"), &libraries, "rlib")?;
    copy(Path::new(LIBC), &libraries.join("self-contained"), "o")?;
    copy(Path::new(LIBC), &libraries.join("self-contained"), "a")?;
    let of_host = sysroot.join("lib/rustlib").join(host);
    link(&Path::new("/usr/lib/rustlib").join(host).join("lib"), &of_host.join("lib"))?;
    link(&linker, &of_host.join("bin/rust-lld"))?;
    let rustc = sysroot.join("bin/rustc");
    write(&rustc, &format!("#!/bin/sh\nexec /usr/bin/rustc --sysroot '{}' \"$@\"\n", sysroot.display()))?;
    process::run(Command::new("chmod").arg("+x").arg(&rustc))?;
    if has_target(&rustc) {
        Ok(())
    } else {
        Err(Failure::new(format!("{TARGET}: no library in {}", libraries.display())))
    }
}

/// The linker of the LLVM that the compiler was built with.
fn linker(llvm: &str) -> Result<PathBuf, Failure> {
    let (program, package) = (format!("wasm-ld-{llvm}"), format!("lld-{llvm}"));
    Debian { program: &program, package: &package }.ensure()
}

fn copy(from: &Path, to: &Path, extension: &str) -> Result<(), Failure> {
    let failed = |error| Failure::while_doing(from.display(), error);
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)?.flatten() {
        let path = entry.path();
        let is_own = entry.file_name().to_string_lossy().starts_with("libempty");
        if !is_own && path.extension().is_some_and(|found| found == extension) {
            std::fs::copy(&path, to.join(entry.file_name())).map_err(failed)?;
        }
    }
    Ok(())
}

fn link(to: &Path, at: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::while_doing(at.display(), error);
    at.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
    // One may be left of a build that was broken off.
    drop(std::fs::remove_file(at));
    std::os::unix::fs::symlink(to, at).map_err(failed)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::while_doing(path.display(), error);
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
    std::fs::write(path, text).map_err(failed)
}

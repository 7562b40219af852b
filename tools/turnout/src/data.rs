//! The data directory: where a process keeps what must survive it, and how commands find it.
//!
//! `secrets.toml` holds the keys, made at the first start and readable by their owner alone. `run/` has a note
//! for each running role: where it listens and what its operators must show; it goes when the process stops.

use std::fs;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use relay::call::Callers;
use relay::envelope::SealKey;
use relay::policy::Secrets;
use relay::signature::{Keys as SigningKeys, SigningKey};
use serde::{Deserialize, Serialize};
use tracking::click_id::Keys as ClickIdKeys;

/// The directory that commands use where none is named.
pub(crate) const DEFAULT: &str = "turnout-data";

/// The keys.
const SECRETS: &str = "secrets.toml";

/// Who may call the signed interface.
const CALLERS: &str = "callers.toml";

/// A data directory.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// A file that cannot be read or written.
    #[error("cannot {doing} {path}: {source}")]
    File {
        /// What was to be done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file that holds something else than it should.
    #[error(
        "{path} is damaged: {why}. Restore it from a backup; a new one would make old click ids worthless"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The file of operators is wrong.
    #[error("{path}: {why}: mend it, or give tokens anew with `turnout operators add`")]
    Operators {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The file of approvals is wrong.
    #[error("{path}: {why}: restore it from a copy")]
    Approvals {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Rules that one person alone wants.
    #[error(
        "the rules `{version}` are approved by nobody: propose them (`turnout rules propose --reason WHY`) and have \
         another person approve them (`turnout rules approve {version}`), or go back to approved ones (`turnout rules list`)"
    )]
    Unapproved {
        /// Their version.
        version: String,
    },
    /// The same of a map.
    #[error(
        "no rules with map {number} are approved: `turnout rules propose --map {number} --reason WHY`, then another \
         person `turnout rules approve`, which puts them in force"
    )]
    UnapprovedMap {
        /// The map.
        number: u64,
    },
    /// The file of callers is wrong.
    #[error("{0}")]
    Callers(String),
    /// No such directory.
    #[error("there is no data directory {0}: name the one that the process was started on with --data")]
    NoDirectory(PathBuf),
    /// No process runs there.
    #[error(
        "nothing is running on {0}: start it (`turnout up --data {0}`, or `turnout serve --role processor` with its \
         settings), or name another directory with --data"
    )]
    NotRunning(PathBuf),
    /// No random bytes.
    #[error("the system gives no random bytes for new keys: {0}")]
    Entropy(getrandom::Error),
}

/// Where a running process listens, for commands and programs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RunFile {
    /// The process.
    pub(crate) pid: u32,
    /// The edge, plain HTTP.
    pub(crate) edge: Option<String>,
    /// The edge, TLS.
    pub(crate) edge_tls: Option<String>,
    /// The edge's operators' socket.
    pub(crate) edge_operator: Option<String>,
    /// The edge's socket for copies of other edges.
    #[serde(default)]
    pub(crate) edge_copies: Option<String>,
    /// The processor.
    pub(crate) processor: Option<String>,
    /// The simulated legacy platform.
    pub(crate) legacy: Option<String>,
    /// The simulated primary.
    pub(crate) primary: Option<String>,
    /// The simulated primary, behind TLS.
    #[serde(default)]
    pub(crate) primary_tls: Option<String>,
    /// The simulated shop.
    pub(crate) shop: Option<String>,
    /// The simulated shop, behind TLS.
    #[serde(default)]
    pub(crate) shop_tls: Option<String>,
    /// The lab's controls.
    pub(crate) control: Option<String>,
    /// What operators must show. Left out of what is printed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) token: String,
}

#[derive(Serialize, Deserialize)]
struct SecretsFile {
    click_id_key: String,
    seal_key: String,
    signing_key: String,
    operator_token: String,
    /// Signs the roots of the ledger's chain; absent where no processor has run yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    root_key: String,
}

/// What of a directory's keys those need who only read its books.
pub(crate) struct ReadingKeys {
    /// Opens what is sealed.
    pub(crate) secrets: Secrets,
    /// The seed of the key that has signed the roots of the ledger's chain, if there is one.
    pub(crate) root_seed: Option<[u8; 32]>,
}

/// The keys of a data directory.
#[derive(Debug)]
pub(crate) struct KeyRing {
    /// For the snapshot.
    pub(crate) secrets: Secrets,
    /// Between edge and processor.
    pub(crate) signing: SigningKeys,
    /// What operators must show.
    pub(crate) token: String,
}

impl DataDir {
    /// The directory, made if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        // What is in it is money and, sealed, people: nobody else's to read.
        make_private(path).map_err(|source| DataError::File {
            doing: "make",
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self(path.to_path_buf()))
    }

    /// The directory itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The path of something in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The directory's keys, made at the first call.
    pub(crate) fn keys(&self) -> Result<KeyRing, DataError> {
        let path = self.path(SECRETS);
        let file = match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| DataError::Damaged {
                path: path.clone(),
                why: error.message().to_owned(),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make_secrets(&path)?,
            Err(source) => return Err(DataError::File { doing: "read", path, source }),
        };
        key_ring(&file)
            .ok_or_else(|| DataError::Damaged { path, why: "a key is not 64 hexadecimal digits".to_owned() })
    }

    /// Who may call the signed interface; nobody if there is no `callers.toml`.
    pub(crate) fn callers(&self) -> Result<Callers, DataError> {
        read_callers(&self.0)
    }

    /// Writes who may call in a simulated world, whose first line begins with `head`. What is there already stays, but for
    /// those of another such world: an operator's own callers are nobody else's to replace.
    pub(crate) fn write_callers(&self, head: &str, text: &str) -> Result<(), DataError> {
        let path = self.path(CALLERS);
        let stays = match fs::read_to_string(&path) {
            Ok(known) => !known.starts_with(head) || known.lines().next() == text.lines().next(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        if stays { Ok(()) } else { write_private(&path, text) }
    }

    fn make_secrets(&self, path: &Path) -> Result<SecretsFile, DataError> {
        let file = SecretsFile {
            click_id_key: random_hex()?,
            seal_key: random_hex()?,
            signing_key: random_hex()?,
            operator_token: random_hex()?,
            root_key: random_hex()?,
        };
        write_secrets(path, &file)?;
        Ok(file)
    }

    /// The seed of the key that signs the roots of the ledger's chain. A directory that is older than such keys gets
    /// one.
    pub(crate) fn root_seed(&self) -> Result<[u8; 32], DataError> {
        let path = self.path(SECRETS);
        let read = |source| DataError::File { doing: "read", path: path.clone(), source };
        let text = fs::read_to_string(&path).map_err(read)?;
        let damaged = |why: &str| DataError::Damaged { path: path.clone(), why: why.to_owned() };
        let mut file: SecretsFile = toml::from_str(&text).map_err(|error| damaged(error.message()))?;
        if file.root_key.is_empty() {
            file.root_key = random_hex()?;
            write_secrets(&path, &file)?;
        }
        key(&file.root_key).ok_or_else(|| damaged("`root_key` is not 64 hexadecimal digits"))
    }

    /// Tells commands where this process, in this role, listens.
    pub(crate) fn write_run_file(&self, role: &str, run: &RunFile) -> Result<(), DataError> {
        let path = self.run_file(role);
        let folder = self.path("run");
        fs::create_dir_all(&folder).map_err(|source| DataError::File {
            doing: "make",
            path: folder,
            source,
        })?;
        let text = serde_json::to_string_pretty(run)
            .map_err(|error| DataError::Damaged { path: path.clone(), why: error.to_string() })?;
        write_private(&path, &text)
    }

    /// Takes the note away again.
    pub(crate) fn remove_run_file(&self, role: &str) {
        // A missing note is what is wanted.
        let _gone = fs::remove_file(self.run_file(role));
    }

    fn run_file(&self, role: &str) -> PathBuf {
        self.path("run").join(format!("{role}.json"))
    }
}

/// The keys of the directory `folder`, if it has any; none are made.
pub(crate) fn reading_keys(folder: &Path) -> Result<Option<ReadingKeys>, DataError> {
    let path = folder.join(SECRETS);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DataError::File { doing: "read", path, source }),
    };
    let damaged = |why: &str| DataError::Damaged { path: path.clone(), why: why.to_owned() };
    let file: SecretsFile = toml::from_str(&text).map_err(|error| damaged(error.message()))?;
    let ring = key_ring(&file).ok_or_else(|| damaged("a key is not 64 hexadecimal digits"))?;
    Ok(Some(ReadingKeys { secrets: ring.secrets, root_seed: key(&file.root_key) }))
}

/// The imported id maps of the directory `path`.
pub(crate) fn maps(path: &Path) -> directory::Maps {
    directory::Maps::at(&path.join("directory"))
}

/// Asks every process of the directory `path` to read its migration and maps again; gives their roles.
pub(crate) fn hang_up(path: &Path) -> Vec<String> {
    let mut told = Vec::new();
    // The simulated platforms read neither, and a hang-up would end them.
    let serves = |run: &RunFile| run.edge.is_some() || run.edge_tls.is_some() || run.processor.is_some();
    for (role, run) in notes(path).into_iter().filter(|(_, run)| serves(run)) {
        let pid = i32::try_from(run.pid).ok().and_then(rustix::process::Pid::from_raw);
        // One that ended meanwhile reads them at its next start.
        if pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::HUP).is_ok()) {
            told.push(role);
        }
    }
    told
}

/// The notes of the processes that run, with their roles.
fn notes(path: &Path) -> Vec<(String, RunFile)> {
    let mut notes = Vec::new();
    for entry in fs::read_dir(path.join("run")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let Ok(run) = serde_json::from_str::<RunFile>(&text) else { continue };
        // A killed process leaves its note behind.
        if is_alive(run.pid) {
            let role = entry.path().file_stem().map(|name| name.to_string_lossy().into_owned());
            notes.push((role.unwrap_or_default(), run));
        }
    }
    notes
}

/// True if there is such a process. One that has ended, and whose parent has not looked at it yet, is none: where nobody
/// looks, as in a container without an init, it stays for ever.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    // The name in brackets may hold anything; the state stands behind the last of them.
    let state = stat
        .ok()
        .and_then(|stat| stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next()));
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Where the processes of the directory `path` listen, taken together over their roles.
pub(crate) fn running(path: &Path) -> Result<RunFile, DataError> {
    let all = notes(path).into_iter().map(|(_, run)| run).reduce(RunFile::or);
    all.ok_or_else(|| match path.is_dir() {
        true => DataError::NotRunning(path.to_path_buf()),
        false => DataError::NoDirectory(path.to_path_buf()),
    })
}

impl RunFile {
    /// True if somebody listens where it says. Its process id may be another's by now.
    pub(crate) fn answers(&self) -> bool {
        let addresses = [&self.processor, &self.edge_operator, &self.edge, &self.control];
        addresses.into_iter().flatten().any(|address| TcpStream::connect(address).is_ok())
    }

    /// What this one tells, else what the other does.
    fn or(self, other: Self) -> Self {
        Self {
            pid: self.pid,
            edge: self.edge.or(other.edge),
            edge_tls: self.edge_tls.or(other.edge_tls),
            edge_operator: self.edge_operator.or(other.edge_operator),
            edge_copies: self.edge_copies.or(other.edge_copies),
            processor: self.processor.or(other.processor),
            legacy: self.legacy.or(other.legacy),
            primary: self.primary.or(other.primary),
            primary_tls: self.primary_tls.or(other.primary_tls),
            shop: self.shop.or(other.shop),
            shop_tls: self.shop_tls.or(other.shop_tls),
            control: self.control.or(other.control),
            token: if self.token.is_empty() { other.token } else { self.token },
        }
    }
}

/// Who may call the signed interface, by the data directory in `folder`; nobody if there is no `callers.toml`.
pub(crate) fn read_callers(folder: &Path) -> Result<Callers, DataError> {
    let path = folder.join(CALLERS);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Callers::default()),
        Err(source) => return Err(DataError::File { doing: "read", path, source }),
    };
    Callers::load(&path.display().to_string(), &text).map_err(|mistakes| {
        DataError::Callers(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn key_ring(file: &SecretsFile) -> Option<KeyRing> {
    let signing = SigningKey { name: "1".to_owned(), secret: key(&file.signing_key)?.to_vec() };
    Some(KeyRing {
        secrets: Secrets {
            click_id_keys: ClickIdKeys::new(vec![(1, key(&file.click_id_key)?)]),
            seal_keys: vec![(1, SealKey(key(&file.seal_key)?))],
        },
        signing: SigningKeys::new(signing, Vec::new()),
        token: file.operator_token.clone(),
    })
}

pub(crate) fn key(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

pub(crate) fn random_hex() -> Result<String, DataError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(DataError::Entropy)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_secrets(path: &Path, file: &SecretsFile) -> Result<(), DataError> {
    let text = toml::to_string(file)
        .map_err(|error| DataError::Damaged { path: path.to_path_buf(), why: error.to_string() })?;
    let head = "# The keys of this data directory. Keep a copy where only you can read it.\n";
    write_private(path, &format!("{head}{text}"))
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), DataError> {
    let wrong = |source| DataError::File { doing: "write", path: path.to_path_buf(), source };
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(wrong)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)?;
    let named = fs::rename(&beside, path).and_then(|()| sync_folder(above(path)));
    named.map_err(wrong)
}

/// Makes a folder, and those above it, for its owner alone; a power loss takes none of them away again.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    missing.into_iter().try_for_each(|folder| sync_folder(above(folder)))
}

/// The folder in which a path's name stands.
fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path).and_then(|folder| folder.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let first = data.keys().unwrap().token;
        assert_eq!(data.keys().unwrap().token, first);
        // A directory from before there were roots keeps its keys and gets one for them.
        let older = fs::read_to_string(data.path("secrets.toml")).unwrap();
        let older: Vec<&str> = older.lines().filter(|line| !line.starts_with("root_key")).collect();
        fs::write(data.path("secrets.toml"), older.join("\n")).unwrap();
        let seed = data.root_seed().unwrap();
        assert_eq!((data.root_seed().unwrap(), data.keys().unwrap().token), (seed, first));
        fs::write(data.path("secrets.toml"), "click_id_key = 3").unwrap();
        assert!(data.keys().unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn callers_that_an_operator_wrote_are_nobody_elses_to_replace() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let written = |text: &str| {
            data.write_callers("# Simulated", text).unwrap();
            fs::read_to_string(data.path(CALLERS)).unwrap()
        };
        assert_eq!(written("# Simulated 1\n"), "# Simulated 1\n");
        assert_eq!(written("# Simulated 1\nmore"), "# Simulated 1\n", "it is there, perhaps edited");
        assert_eq!(written("# Simulated 2\n"), "# Simulated 2\n", "another world");
        for own in ["[[caller]]\n", ""] {
            fs::write(data.path(CALLERS), own).unwrap();
            assert_eq!(written("# Simulated 3\n"), own);
        }
    }

    #[test]
    fn a_note_of_a_dead_process_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        assert!(running(folder.path()).unwrap_err().to_string().contains("nothing is running"));
        data.write_run_file("up", &RunFile { pid: u32::MAX, ..RunFile::default() }).unwrap();
        assert!(running(folder.path()).is_err());
        data.write_run_file("up", &RunFile { pid: std::process::id(), ..RunFile::default() }).unwrap();
        assert_eq!(running(folder.path()).unwrap().pid, std::process::id());
        // One that has ended, and that nobody has looked at.
        let mut child =
            std::process::Command::new("true").stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut ended = Vec::new();
        io::Read::read_to_end(&mut child.stdout.take().unwrap(), &mut ended).unwrap();
        let stat = format!("/proc/{}/stat", child.id());
        while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        data.write_run_file("up", &RunFile { pid: child.id(), ..RunFile::default() }).unwrap();
        assert!(running(folder.path()).is_err());
        child.wait().unwrap();
    }
}

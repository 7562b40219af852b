//! A disk whose syncs hang, or whose driver takes the committer down with it.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use bytes::Bytes;
use outbox::simulated::{Simulated, SimulatedFile, SimulatedLock};
use outbox::{AppendError, Appender, Consumer, Filesystem, Handle, Position, Settings};

use crate::support::{lane, small};

#[derive(Clone, Copy, PartialEq)]
enum Gate {
    Open,
    Shut,
    Broken,
}

/// A simulated disk whose file syncs pass a gate.
#[derive(Clone)]
struct Gated {
    disk: Simulated,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

struct GatedFile(SimulatedFile, Arc<(Mutex<Gate>, Condvar)>);

impl Gated {
    fn new() -> Self {
        Self { disk: Simulated::new(1), gate: Arc::new((Mutex::new(Gate::Open), Condvar::new())) }
    }

    fn set(&self, gate: Gate) {
        *self.gate.0.lock().unwrap() = gate;
        self.gate.1.notify_all();
    }

    /// Lets syncs hang until the gate is set again or the guard goes, so that a failed assertion can end the test.
    fn shut(&self) -> Shut<'_> {
        self.set(Gate::Shut);
        Shut(self)
    }

    fn file(&self, file: io::Result<SimulatedFile>) -> io::Result<GatedFile> {
        file.map(|file| GatedFile(file, Arc::clone(&self.gate)))
    }
}

struct Shut<'a>(&'a Gated);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.set(Gate::Open);
    }
}

impl Filesystem for Gated {
    type Handle = GatedFile;
    type Lock = SimulatedLock;

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.disk.create_directory(path)
    }
    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.disk.names(directory)
    }
    fn open(&self, path: &Path) -> io::Result<GatedFile> {
        self.file(self.disk.open(path))
    }
    fn create(&self, path: &Path) -> io::Result<GatedFile> {
        self.file(self.disk.create(path))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_directory(path)
    }
    fn lock(&self, path: &Path) -> io::Result<SimulatedLock> {
        self.disk.lock(path)
    }
    fn lane_draw(&self) -> u64 {
        self.disk.lane_draw()
    }
}

impl Handle for GatedFile {
    fn bytes(&self) -> io::Result<u64> {
        self.0.bytes()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.truncate(bytes)
    }
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.0.allocate(bytes)
    }
    fn sync(&self) -> io::Result<()> {
        let gate = self.1.0.lock().unwrap();
        let gate = *self.1.1.wait_while(gate, |gate| *gate == Gate::Shut).unwrap();
        assert!(gate != Gate::Broken, "the driver is broken");
        self.0.sync()
    }
    fn evict(&self) -> io::Result<()> {
        self.0.evict()
    }
}

type Append<'a> = Pin<Box<dyn Future<Output = Result<Position, AppendError>> + 'a>>;

fn lane_on(disk: &Gated, settings: Settings) -> (Appender, Consumer<Gated>) {
    let (appender, consumer, _) = outbox::open_on(disk, lane(), settings).unwrap();
    (appender, consumer)
}

/// Joins the line; answers at once only with a refusal.
async fn join(appender: &Appender, bytes: usize) -> Result<Append<'_>, AppendError> {
    let mut append: Append<'_> = Box::pin(appender.append(Bytes::from(vec![7; bytes])));
    match std::future::poll_fn(|context| Poll::Ready(append.as_mut().poll(context))).await {
        Poll::Ready(answer) => Err(answer.unwrap_err()),
        Poll::Pending => Ok(append),
    }
}

/// Joins and waits until the committer has taken the entry into its hanging sync.
async fn occupy(appender: &Appender) -> Append<'_> {
    let append = join(appender, 100).await.unwrap();
    while appender.status().waiting > 0 {
        std::thread::yield_now();
    }
    append
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn while_a_sync_hangs_only_so_many_may_wait_and_nobody_is_told_yes() {
    let disk = Gated::new();
    let (appender, mut consumer) = lane_on(&disk, Settings { waiting_max: 10, ..small() });
    run(async {
        let _shut = disk.shut();
        let mut waiting = vec![occupy(&appender).await];
        for _ in 0..10 {
            waiting.push(join(&appender, 100).await.unwrap());
        }
        let refused = join(&appender, 100).await.map(|_| ()).unwrap_err();
        assert!(matches!(refused, AppendError::Overloaded { waiting: 10, waiting_max: 10, .. }), "{refused}");
        assert_eq!((appender.waiting(), appender.status().waiting), (10, 10));
        assert!(consumer.read(10, 1000).unwrap().is_empty(), "nothing is delivered before it is durable");

        disk.set(Gate::Open);
        for (append, due) in waiting.into_iter().zip(1..) {
            assert_eq!(append.await, Ok(Position::new(due)));
        }
        assert_eq!(appender.status().syncs, 2, "the ten that waited shared one");
    });
}

#[test]
fn one_write_takes_no_more_than_its_limit() {
    let disk = Gated::new();
    let (appender, _consumer) = lane_on(&disk, Settings { reserve_bytes: 0, ..Settings::default() });
    run(async {
        let _shut = disk.shut();
        let mut waiting = vec![occupy(&appender).await];
        for _ in 0..40 {
            waiting.push(join(&appender, 200 << 10).await.unwrap());
        }
        disk.set(Gate::Open);
        for append in waiting {
            append.await.unwrap();
        }
        // Twenty entries of 200 KiB fit into 4 MiB, so forty take two writes, behind the one that hung.
        assert_eq!(appender.status().syncs, 3);
    });
}

#[test]
fn bytes_that_wait_are_limited_as_well() {
    let disk = Gated::new();
    let (appender, _consumer) = lane_on(&disk, Settings { reserve_bytes: 0, ..Settings::default() });
    run(async {
        let _shut = disk.shut();
        let mut waiting = vec![occupy(&appender).await];
        let refused = loop {
            match join(&appender, (256 << 10) - 24).await {
                Ok(append) => waiting.push(append),
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, AppendError::Overloaded { .. }), "{refused}");
        assert_eq!(waiting.len(), 1 + (32 << 20) / (256 << 10), "to the last byte; the first waits no more");
        disk.set(Gate::Open);
        for append in waiting {
            append.await.unwrap();
        }
    });
}

#[test]
fn who_would_overfill_the_backlog_is_refused_alone() {
    let disk = Gated::new();
    let (appender, _consumer) = lane_on(&disk, Settings { backlog_bytes_max: 2480, ..small() });
    run(async {
        let _shut = disk.shut();
        let mut waiting = vec![occupy(&appender).await];
        let refused = loop {
            match join(&appender, 100).await {
                Ok(append) => waiting.push(append),
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, AppendError::Full { .. }), "{refused}");
        assert_eq!(waiting.len(), 2480 / 124, "what is being committed counts as well");
        disk.set(Gate::Open);
        for append in waiting {
            append.await.unwrap();
        }
    });
}

#[test]
fn a_committer_that_panics_leaves_nobody_waiting() {
    let disk = Gated::new();
    let (appender, _consumer) = lane_on(&disk, small());
    run(async {
        let _shut = disk.shut();
        let (first, second) = (occupy(&appender).await, join(&appender, 100).await.unwrap());
        disk.set(Gate::Broken);
        for append in [first, second] {
            let refused = append.await.unwrap_err();
            assert!(matches!(refused, AppendError::Unknown { .. }), "{refused}");
        }
        while !appender.status().closed {
            std::thread::yield_now();
        }
        let refused = appender.append(Bytes::new()).await.unwrap_err();
        assert!(matches!(refused, AppendError::Poisoned { .. }), "{refused}");
    });
}

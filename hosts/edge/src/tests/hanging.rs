//! A disk that hangs keeps nobody waiting who can be told something else, and what it may hold goes to no platform.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex};

use outbox::simulated::{Simulated, SimulatedFile, SimulatedLock};
use outbox::{Appender, Filesystem, Handle};

use super::*;
use crate::settings::KeeperSettings;

const SALE: &str = "/buy?shop=1&sum=10.00&order=A-1";

/// A disk whose syncs hang while it is shut.
#[derive(Clone, Debug)]
struct Hanging {
    inner: Simulated,
    shut: Arc<(Mutex<bool>, Condvar)>,
}

/// A disk that hangs until it is opened, or until its test ends.
struct Shut(Hanging);

impl Shut {
    fn open(&self) {
        *self.0.shut.0.lock().unwrap() = false;
        self.0.shut.1.notify_all();
    }
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.open();
    }
}

#[derive(Debug)]
struct File {
    inner: SimulatedFile,
    disk: Hanging,
}

impl Filesystem for Hanging {
    type Handle = File;
    type Lock = SimulatedLock;

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.inner.create_directory(path)
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.inner.names(directory)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        Ok(File { inner: self.inner.open(path)?, disk: self.clone() })
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        Ok(File { inner: self.inner.create(path)?, disk: self.clone() })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.inner.sync_directory(path)
    }

    fn lock(&self, path: &Path) -> io::Result<SimulatedLock> {
        self.inner.lock(path)
    }

    fn lane_draw(&self) -> u64 {
        self.inner.lane_draw()
    }
}

impl Handle for File {
    fn bytes(&self) -> io::Result<u64> {
        self.inner.bytes()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_at(bytes, offset)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.inner.truncate(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.inner.allocate(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        let (shut, opened) = &*self.disk.shut;
        drop(opened.wait_while(shut.lock().unwrap(), |shut| *shut).unwrap());
        self.inner.sync()
    }

    fn evict(&self) -> io::Result<()> {
        self.inner.evict()
    }
}

/// An outbox on a disk that hangs from now on.
fn hanging() -> (Appender, Shut) {
    let disk = Hanging { inner: Simulated::new(1), shut: Arc::default() };
    let limits = outbox::Settings { reserve_bytes: 0, ..Default::default() };
    let (appender, _, _) = outbox::open_on(&disk, Path::new("/lane"), limits).unwrap();
    *disk.shut.0.lock().unwrap() = true;
    (appender, Shut(disk))
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_a_sale_that_a_hanging_disk_may_hold_goes_to_no_platform() {
    let (appender, disk) = hanging();
    let (whole, _directory) = parts(outbox::Settings::default());
    assert_eq!(unsure::asked(Parts { appender: appender.clone(), ..whole }, None, 1).await, [false]);
    disk.open();
    eventually("it was in the line", || async { appender.status().durable.get() >= 1 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_processor_takes_what_hangs_on_the_disk() {
    let (appender, disk) = hanging();
    let (address, stand, _alive) = stand(vec![(200, TAKEN)]).await;
    let (whole, _directory) = parts(outbox::Settings::default());
    let drain = Drain { grace: Duration::ZERO, within: PATIENCE };
    let settings = EdgeSettings { drain, processor: Some(processor(address)), ..Default::default() };
    let edge = serve(settings, Parts { appender, ..whole }).await.unwrap();
    let said = browse(edge.addresses().plain.unwrap(), "old.test", SALE).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    assert_eq!(stand.asked.lock().unwrap().len(), 1);
    disk.open();
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_copy_does_not_wait_for_a_disk_that_hangs() {
    let (appender, disk) = hanging();
    let (address, _stand, _alive) = stand(vec![(200, r#"{"kept":ENTRIES}"#)]).await;
    let (whole, _directory) = parts(outbox::Settings::default());
    let (endpoint, keys) = (Endpoint::plain(address.to_string()), processor(address).keys);
    let keeper = KeeperSettings { endpoint, lane: "lane".to_owned(), keys, within: PATIENCE };
    let drain = Drain { grace: Duration::ZERO, within: PATIENCE };
    let settings = EdgeSettings { drain, keeper: Some(keeper), ..Default::default() };
    let edge = serve(settings, Parts { appender, ..whole }).await.unwrap();
    let said = browse(edge.addresses().plain.unwrap(), "old.test", SALE).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    let tally = edge.public().hands.journal.copies().unwrap();
    let counted = (tally.copied.load(Ordering::Relaxed), tally.saved.load(Ordering::Relaxed));
    assert_eq!(counted, (1, 0), "nobody waited to see whether the disk would take it");
    disk.open();
    assert!(edge.stop().await);
}

//! What the outbox promises, each promise broken on purpose.

// Clippy takes helpers for test code only inside a module marked as such.
#[cfg(test)]
mod ahead;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod hanging;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod lengths;
#[cfg(test)]
mod model;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod scrub;
#[cfg(test)]
mod support;
#[cfg(test)]
mod threads;

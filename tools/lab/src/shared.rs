//! What both platforms, the shop and the control listener look at together.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::settings::Behaviour;
use crate::world::{Directory, World};

/// The world and the platforms' behaviour, both changeable while running.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) seed: u64,
    initial: World,
    directory: RwLock<Directory>,
    behaviour: RwLock<Behaviour>,
}

impl Shared {
    pub(crate) fn new(seed: u64, world: World) -> Self {
        let directory = RwLock::new(Directory::new(world.clone()));
        Self { seed, initial: world, directory, behaviour: RwLock::default() }
    }

    pub(crate) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn directory_mut(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        self.behaviour.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_behaviour(&self, behaviour: Behaviour) {
        *self.behaviour.write().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// Back to how the lab was started.
    pub(crate) fn restore(&self) {
        *self.directory_mut() = Directory::new(self.initial.clone());
        self.set_behaviour(Behaviour::default());
    }
}

mod delivering;
mod histories;
mod receiving;
pub(crate) mod world;

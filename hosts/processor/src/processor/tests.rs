mod calling;
mod clicks;
mod delivering;
mod histories;
mod postbacks;
mod receiving;
mod sent;
mod together;
pub(crate) mod world;

mod clicks;
mod deliveries;
mod files;
mod model;
mod postbacks;
mod world;

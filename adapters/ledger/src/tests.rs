mod clicks;
mod deliveries;
mod files;
mod model;
mod world;

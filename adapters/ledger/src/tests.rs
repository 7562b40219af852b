mod clicks;
mod dead;
mod deliveries;
mod files;
mod model;
mod postbacks;
mod world;

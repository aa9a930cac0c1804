mod allocation;
mod audio;
mod ice;
mod limits;
mod repair;
mod reports;
mod sharing;
mod video;

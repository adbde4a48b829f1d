//! The log as its users meet it, through the public names only, and beside other people's logs.

mod go;
mod hostile;
mod notes;
mod receipts;
mod sample;
mod tamper;
mod tiles;
mod trees;

//! A small FHIR R4 API with invented patients: something to put behind Velum.
//!
//! It authenticates nobody and keeps what is written in memory. Prints one line with its address.

mod bulk;
mod patient;
mod routes;

use std::net::SocketAddr;

use clap::Parser;

/// A FHIR R4 API with invented patients, for examples and tests.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How many patients there are: ids 1 to this number.
    #[arg(long, default_value_t = 200)]
    patients: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    announce(listener.local_addr()?);
    axum::serve(listener, routes::application(arguments.patients)).await
}

#[expect(
    clippy::print_stdout,
    reason = "the one line that whoever started it reads"
)]
fn announce(address: SocketAddr) {
    println!("http://{address}");
}

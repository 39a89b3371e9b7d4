//! The command line: see `espalier --help`.

mod cli;

/// Requests are read by one thread and often end on another; the system's allocator makes them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}

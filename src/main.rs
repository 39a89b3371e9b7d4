//! The command line: see `espalier --help`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}

//! The commands, thin: what they say and which status they end with.
//!
//! Nouns: a [`Problem`] is the end of a command that could not do its work, a sentence for the person at the terminal
//! and an exit status. Statuses: 0 it went well; 1 it did not (a text that violates its constraint, a port in use); 2
//! the command itself is wrong (clap's own), or the constraint is refused.
//!
//! Answers go to standard output, everything else to standard error, so that output can be piped.

mod check;
mod configuration;
mod constraint;
mod deployments;
mod gguf;
mod grammars;
mod mask;
mod models;
mod repair;
mod sample;
mod serve;
mod store;
mod walk;

use std::{fmt::Display, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Structured output that holds: a server and tools for schema-constrained language models.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve models over the OpenAI API
    Serve(serve::Serve),
    /// Tell whether a text satisfies a constraint: status 0 if so, 1 with the place of the first violation
    Check(check::Check),
    /// Change a text as little as possible so that it satisfies a constraint: status 0 if that worked, 1 if not
    Repair(repair::Repair),
    /// Draw random answers through a constraint's mask, without a model
    Sample(sample::Sample),
    /// Show which tokens may come after a text
    Mask(mask::Mask),
    /// List, fetch and inspect local models
    Models(models::Models),
    /// List the grammars that come along, or print one
    Grammars(grammars::Grammars),
    /// The configuration file
    #[command(subcommand)]
    Config(configuration::Configuration),
}

/// Why a command ends early.
#[derive(Debug)]
struct Problem {
    status: u8,
    message: String,
}

impl Problem {
    fn new(message: impl Display) -> Self {
        Self { status: 1, message: message.to_string() }
    }

    /// The constraint is refused.
    fn refused(message: impl Display) -> Self {
        Self { status: 2, message: message.to_string() }
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    // A text alone can be repaired; the other commands need something to hold it against.
    let command = Arguments::command()
        .mut_subcommand("repair", |repair| repair.mut_group("demand", |demand| demand.required(false)));
    let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    let done = match arguments.command {
        Command::Serve(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Repair(command) => command.run(),
        Command::Sample(command) => command.run(),
        Command::Mask(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::Grammars(command) => command.run(),
        Command::Config(command) => command.run(),
    };
    match done {
        Ok(status) => status,
        Err(problem) => {
            eprintln!("espalier: {}", problem.message);
            ExitCode::from(problem.status)
        }
    }
}

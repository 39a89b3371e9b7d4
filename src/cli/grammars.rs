//! `espalier grammars`

use std::process::ExitCode;

use clap::Args;
use espalier::frontend::builtin;

use super::Problem;

#[derive(Args)]
pub(super) struct Grammars {
    /// Print the grammar of this name
    name: Option<String>,
}

impl Grammars {
    pub fn run(&self) -> Result<ExitCode, Problem> {
        let Some(name) = &self.name else {
            for (name, grammar) in builtin::GRAMMARS {
                println!("@{name:<16} {}", builtin::about(grammar));
            }
            return Ok(ExitCode::SUCCESS);
        };
        let name = name.strip_prefix('@').unwrap_or(name);
        let grammar = builtin::find(name).ok_or_else(|| Problem::refused(builtin::unknown(name)))?;
        print!("{grammar}");
        Ok(ExitCode::SUCCESS)
    }
}

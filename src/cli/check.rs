//! `espalier check`

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use espalier::{matcher::Program, vocab::TokenId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Problem,
    constraint::{ConstraintFlags, read_text},
};

#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    constraint: ConstraintFlags,
    /// Read lines {"id","text"} and print lines {"id","valid","at","message"}
    #[arg(long)]
    jsonl: bool,
    /// The text; standard input by default
    #[arg(default_value = "-")]
    file: PathBuf,
}

/// The first thing that is wrong with a text.
#[derive(Debug, PartialEq)]
struct Violation {
    /// Byte offset.
    at: usize,
    message: String,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    text: String,
}

#[derive(Serialize)]
struct Judged<'a> {
    id: &'a RawValue,
    valid: bool,
    at: Option<usize>,
    message: Option<String>,
}

impl Check {
    pub fn run(self) -> Result<ExitCode, Problem> {
        let program = self.constraint.compile_for_text()?;
        if self.jsonl { self.lines(&program) } else { self.one(&program) }
    }

    fn one(&self, program: &Arc<Program>) -> Result<ExitCode, Problem> {
        let text = read_text(&self.file)?;
        // The line break that ends a file belongs to the file, not to the text.
        let text = text.strip_suffix('\n').unwrap_or(&text);
        match judge(program, text)? {
            None => Ok(ExitCode::SUCCESS),
            Some(Violation { at, message }) => {
                let (line, column) = place(text, at);
                println!("{}:{line}:{column}: {message}", self.file.display());
                Ok(ExitCode::FAILURE)
            }
        }
    }

    fn lines(&self, program: &Arc<Program>) -> Result<ExitCode, Problem> {
        let failed = |error: std::io::Error| Problem::new(format!("{}: {error}", self.file.display()));
        let input: Box<dyn Read> = match self.file.as_os_str() == "-" {
            true => Box::new(std::io::stdin()),
            false => Box::new(std::fs::File::open(&self.file).map_err(failed)?),
        };
        let mut output = std::io::stdout().lock();
        let mut status = ExitCode::SUCCESS;
        for (number, line) in BufReader::new(input).lines().enumerate() {
            let line = line.map_err(failed)?;
            if line.trim().is_empty() {
                continue;
            }
            let Line { id, text } = serde_json::from_str(&line)
                .map_err(|error| Problem::new(format!("{}, line {}: {error}", self.file.display(), number + 1)))?;
            let violation = judge(program, &text)?;
            let valid = violation.is_none();
            if !valid {
                status = ExitCode::FAILURE;
            }
            let (at, message) = violation.map(|violation| (violation.at, violation.message)).unzip();
            let judged = serde_json::to_string(&Judged { id, valid, at, message });
            let judged = judged.expect("strings and numbers can always be written");
            writeln!(output, "{judged}").map_err(failed)?;
        }
        Ok(status)
    }
}

fn judge(program: &Arc<Program>, text: &str) -> Result<Option<Violation>, Problem> {
    let mut matcher = program.matcher();
    let taken = matcher.accept_bytes(text.as_bytes());
    let ends = taken == text.len() && matcher.is_accepting();
    if let Some(overrun) = matcher.fault() {
        return Err(Problem::new(format!("the text cannot be judged within the limits of the constraint: {overrun}")));
    }
    if ends {
        return Ok(None);
    }
    let found = match text.get(taken..).map(|rest| rest.chars().next()) {
        _ if taken == text.len() => "the text ends too early".to_owned(),
        Some(Some(next)) => format!("{next:?} may not come here"),
        _ => "this character may not come here".to_owned(),
    };
    if let Some(why) = matcher.why() {
        return Ok(Some(Violation { at: taken, message: format!("{found}: {why}") }));
    }
    let mask = matcher.mask();
    let mut expected: Vec<String> = mask.iter().take(10).map(shown).collect();
    if mask.count() > expected.len() {
        expected.push("..".to_owned());
    }
    let expected = match expected.is_empty() {
        true => String::new(),
        false => format!("; expected {}", expected.join(" ")),
    };
    Ok(Some(Violation { at: taken, message: found + &expected }))
}

/// A token of the byte vocabulary.
fn shown(token: TokenId) -> String {
    match u8::try_from(token) {
        Err(_) => "the end".to_owned(),
        Ok(byte) if byte.is_ascii_graphic() => char::from(byte).to_string(),
        Ok(b' ') => "space".to_owned(),
        Ok(byte) => format!("\\x{byte:02x}"),
    }
}

/// Line and column of a byte, from 1, in code points.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    (line, String::from_utf8_lossy(&before[line_start..]).chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_code_points() {
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("ä\nöü!", 7), (2, 3));
        assert_eq!(place("a\n", 2), (2, 1));
    }
}

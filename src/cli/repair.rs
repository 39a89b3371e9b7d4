//! `espalier repair`

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use espalier::guard::{BOUNDS, Bounds, Edit, Refusal, Repairer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Problem,
    constraint::{ConstraintFlags, read_text},
};

#[derive(Args)]
pub(super) struct Repair {
    #[command(flatten)]
    constraint: ConstraintFlags,
    /// Read lines {"id","text"} and print lines {"id","text","edits","refused"}
    #[arg(long)]
    jsonl: bool,
    /// Refuse repairs that cost more
    #[arg(long, value_name = "COST", default_value_t = BOUNDS.cost, value_parser = clap::value_parser!(u32).range(..=100_000))]
    max_cost: u32,
    /// The text; standard input by default
    #[arg(default_value = "-")]
    file: PathBuf,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    text: String,
}

#[derive(Serialize)]
struct Repaired<'a> {
    id: &'a RawValue,
    text: Option<String>,
    edits: Vec<Edit>,
    refused: Option<String>,
}

impl Repair {
    pub fn run(self) -> Result<ExitCode, Problem> {
        let mut repairer = self.constraint.repairer()?;
        if self.jsonl { self.lines(&mut repairer) } else { self.one(&mut repairer) }
    }

    fn bounds(&self) -> Bounds {
        Bounds { cost: self.max_cost, ..BOUNDS }
    }

    /// The text goes to standard output, its edits to standard error.
    fn one(&self, repairer: &mut Repairer) -> Result<ExitCode, Problem> {
        let text = read_text(&self.file)?;
        // The line break that ends a file belongs to the file, not to the text.
        let (text, end) = text.strip_suffix('\n').map_or((&text[..], ""), |text| (text, "\n"));
        match repairer.repair_within(text, self.bounds()) {
            Ok(repair) => {
                for edit in &repair.edits {
                    eprintln!("{}", shown(edit));
                }
                let mut output = std::io::stdout().lock();
                let written = write!(output, "{}{end}", repair.text).and_then(|()| output.flush());
                written.map_err(|error| Problem::new(format!("cannot write: {error}")))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(refusal) => Err(Problem::new(format!("{}: {}", self.file.display(), why(repairer, text, &refusal)))),
        }
    }

    fn lines(&self, repairer: &mut Repairer) -> Result<ExitCode, Problem> {
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
            let repaired = match repairer.repair_within(&text, self.bounds()) {
                Ok(repair) => Repaired { id, text: Some(repair.text), edits: repair.edits, refused: None },
                Err(refusal) => {
                    status = ExitCode::FAILURE;
                    let refused = Some(why(repairer, &text, &refusal));
                    Repaired { id, text: None, edits: Vec::new(), refused }
                }
            };
            let repaired = serde_json::to_string(&repaired).expect("strings and numbers can always be written");
            writeln!(output, "{repaired}").map_err(failed)?;
        }
        Ok(status)
    }
}

fn why(repairer: &mut Repairer, text: &str, refusal: &Refusal) -> String {
    match repairer.violation(text) {
        Some(violation) => format!("{refusal}; {violation}"),
        None => refusal.to_string(),
    }
}

fn shown(edit: &Edit) -> String {
    let what = serde_json::to_string(&edit.what).unwrap_or_default();
    let place = match edit.pointer.as_deref() {
        Some(pointer) if !pointer.is_empty() => format!("{} ({pointer})", edit.offset),
        _ => edit.offset.to_string(),
    };
    format!("byte {place}: {}: {:?} -> {:?}", what.trim_matches('"'), edit.before, edit.after)
}

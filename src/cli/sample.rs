//! `espalier sample`

use std::{
    io::Write,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;
use espalier::frontend::Policy;

use super::{
    Problem,
    constraint::{ConstraintFlags, VocabularyFlags},
    walk::{Random, Walk, walk},
};

#[derive(Args)]
pub(super) struct Sample {
    #[command(flatten)]
    constraint: ConstraintFlags,
    #[command(flatten)]
    vocabulary: VocabularyFlags,
    /// How many answers
    #[arg(short, long, default_value_t = 1)]
    number: u32,
    /// The same seed draws the same answers; by default another one each time
    #[arg(long)]
    seed: Option<u64>,
    /// Most tokens of an answer, which is steered to its end within them
    #[arg(long, default_value_t = 2000)]
    max_tokens: usize,
}

impl Sample {
    pub fn run(self) -> Result<ExitCode, Problem> {
        let engine = self.vocabulary.engine()?;
        let program = self.constraint.compile(&engine, Policy::default())?;
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        if let Some(needed) = program.matcher().needs(self.max_tokens) {
            let most = self.max_tokens;
            return Err(Problem::new(format!("--max-tokens is {most}, but an answer takes {needed} tokens")));
        }
        let mut random = Random(self.seed.unwrap_or_else(clock));
        let mut status = ExitCode::SUCCESS;
        let mut output = std::io::stdout().lock();
        for _ in 0..self.number {
            let mut matcher = program.matcher();
            match walk(&mut matcher, engine.vocabulary(), &mut random, self.max_tokens) {
                Walk::Finished(mut text) => {
                    text.push(b'\n');
                    output.write_all(&text).map_err(Problem::new)?;
                }
                Walk::Cut(text) => {
                    eprintln!("given up after {} tokens: {}", self.max_tokens, String::from_utf8_lossy(&text));
                    status = ExitCode::FAILURE;
                }
                Walk::Stuck(text) => {
                    let text = String::from_utf8_lossy(&text);
                    let why = match matcher.fault() {
                        Some(overrun) => format!("the constraint cannot be enforced any further ({overrun})"),
                        None => "no token may follow, which is a defect of the engine".to_owned(),
                    };
                    return Err(Problem::new(format!("{why}: {text}")));
                }
            }
        }
        Ok(status)
    }
}

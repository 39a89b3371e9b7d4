//! `espalier mask`

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::Args;
use espalier::{
    frontend::Policy,
    matcher::Matcher,
    vocab::{TokenId, TokenKind, Vocabulary},
};

use super::{
    Problem,
    constraint::{ConstraintFlags, VocabularyFlags},
};

#[derive(Args)]
pub(super) struct Mask {
    #[command(flatten)]
    constraint: ConstraintFlags,
    #[command(flatten)]
    vocabulary: VocabularyFlags,
    /// The text so far
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Most tokens to show
    #[arg(long, default_value_t = 200)]
    limit: usize,
    /// Take keys in any order and any whitespace, as a check does; by default as in generation
    #[arg(long)]
    lenient: bool,
}

impl Mask {
    pub fn run(self) -> Result<ExitCode, Problem> {
        let engine = self.vocabulary.engine()?;
        let policy = if self.lenient { Policy::LENIENT } else { Policy::default() };
        let program = self.constraint.compile(&engine, policy)?;
        if program.counts_tokens() && !self.prefix.is_empty() {
            return Err(Problem::new(
                "the constraint counts tokens, and the prefix does not tell its own: leave it out",
            ));
        }
        let mut matcher = program.matcher();
        let taken = matcher.accept_bytes(self.prefix.as_bytes());
        let within_limits = |matcher: &Matcher| match matcher.fault() {
            None => Ok(()),
            Some(overrun) => Err(Problem::new(format!("the constraint cannot be enforced any further: {overrun}"))),
        };
        within_limits(&matcher)?;
        if taken < self.prefix.len() {
            let message = format!("no answer begins with this prefix; only its first {taken} bytes may come so");
            return Err(Problem::new(message));
        }
        let mask = matcher.mask();
        within_limits(&matcher)?;
        let vocabulary = engine.vocabulary();
        let mut output = stdout().lock();
        let mut print = |line: String| writeln!(output, "{line}").map_err(Problem::new);
        print(format!("{} of {} tokens may come next", mask.count(), vocabulary.len()))?;
        for token in mask.iter().take(self.limit) {
            print(format!("{token:>8}  {}", shown(vocabulary, token)))?;
        }
        if mask.count() > self.limit {
            print(format!("{:>8}  and {} more", "", mask.count() - self.limit))?;
        }
        let forced = matcher.forced(200);
        if !forced.is_empty() {
            print(format!("forced: {:?}", String::from_utf8_lossy(&forced)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn shown(vocabulary: &Vocabulary, token: TokenId) -> String {
    let bytes = vocabulary.bytes(token);
    match (vocabulary.kind(token), std::str::from_utf8(bytes)) {
        (TokenKind::EndOfGeneration, written) => format!("the end {}", written.unwrap_or_default()),
        (_, Ok(text)) => format!("{text:?}"),
        (_, Err(_)) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

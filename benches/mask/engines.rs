//! The engines behind one small interface. Everything that is timed is in `compile` and `step`.

use std::{hint::black_box, sync::Arc};

use anyhow::Context;
use espalier::{
    frontend::{Constraint, DiagnosticKind, Policy},
    matcher::{Engine, Matcher, Program},
    vocab::{TokenizerOptions, Vocabulary},
};
use llguidance::{ParserFactory, api::TopLevelGrammar, earley::SlicedBiasComputer};
use toktrie_hf_tokenizers::ByteTokenizer;

/// Why a schema was not compiled.
pub enum NotCompiled {
    /// No answer can satisfy it, says the engine.
    Unsatisfiable(String),
    Error(String),
}

/// What became of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Allowed,
    Refused,
    /// The mask allowed it, but it could not be committed.
    Disagreement,
}

/// An engine with the tables of its tokenizer.
pub trait Subject {
    type Compiled;
    type Instance;

    /// From the schema's text to the first mask.
    fn compile(&self, schema: &str) -> Result<Self::Compiled, NotCompiled>;

    /// A new answer. Not timed.
    fn start(&self, compiled: &Self::Compiled) -> Self::Instance;

    /// The mask, and the commit of `token` if the mask allows it.
    fn step(instance: &mut Self::Instance, token: u32) -> Step;

    fn may_end(instance: &mut Self::Instance) -> bool;

    /// Forgets what earlier schemas left behind; the tables of the tokenizer stay. Not timed.
    fn empty_caches(&mut self);
}

pub struct Espalier {
    engine: Arc<Engine>,
}

impl Espalier {
    pub fn new(tokenizer: &[u8]) -> anyhow::Result<Self> {
        let vocabulary = Arc::new(Vocabulary::from_tokenizer_json("bench", tokenizer, &TokenizerOptions::default())?);
        Ok(Self { engine: Engine::new(vocabulary) })
    }
}

impl Subject for Espalier {
    type Compiled = Arc<Program>;
    type Instance = Matcher;

    fn compile(&self, schema: &str) -> Result<Arc<Program>, NotCompiled> {
        let compiled = self.engine.compile(&Constraint::JsonSchema(schema.into()), Policy::LENIENT);
        let program = compiled.map_err(|diagnostic| match diagnostic.kind {
            DiagnosticKind::Unsatisfiable => NotCompiled::Unsatisfiable(diagnostic.to_string()),
            _ => NotCompiled::Error(diagnostic.to_string()),
        })?;
        black_box(program.matcher().mask());
        Ok(program)
    }

    fn start(&self, compiled: &Arc<Program>) -> Matcher {
        compiled.matcher()
    }

    fn step(matcher: &mut Matcher, token: u32) -> Step {
        if !black_box(matcher.mask()).contains(token) {
            return Step::Refused;
        }
        matcher.accept(token).map_or(Step::Disagreement, |()| Step::Allowed)
    }

    fn may_end(matcher: &mut Matcher) -> bool {
        matcher.is_accepting()
    }

    fn empty_caches(&mut self) {
        self.engine = self.engine.emptied();
    }
}

pub struct Llguidance {
    factory: ParserFactory,
}

impl Llguidance {
    pub fn new(tokenizer: &[u8]) -> anyhow::Result<Self> {
        let environment = ByteTokenizer::from_json_bytes(tokenizer)?.into_tok_env(None)?;
        let slices = SlicedBiasComputer::json_slices();
        let mut factory = ParserFactory::new(&environment, Default::default(), &slices).context("llguidance")?;
        factory.quiet();
        Ok(Self { factory })
    }
}

impl Subject for Llguidance {
    type Compiled = llguidance::Matcher;
    type Instance = llguidance::Matcher;

    fn compile(&self, schema: &str) -> Result<llguidance::Matcher, NotCompiled> {
        let failed = |error: &dyn std::fmt::Display| NotCompiled::Error(error.to_string());
        let schema = serde_json::from_str(schema).map_err(|error| failed(&error))?;
        let parser = self.factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let mut matcher = llguidance::Matcher::new(parser);
        black_box(matcher.compute_mask().map_err(|error| failed(&error))?);
        Ok(matcher)
    }

    fn start(&self, compiled: &llguidance::Matcher) -> llguidance::Matcher {
        compiled.deep_clone()
    }

    fn step(matcher: &mut llguidance::Matcher, token: u32) -> Step {
        // After a complete value there is no mask, which is an error here: then no token may come.
        if !matcher.compute_mask().is_ok_and(|mask| black_box(mask).is_allowed(token)) {
            return Step::Refused;
        }
        matcher.consume_token(token).map_or(Step::Disagreement, |()| Step::Allowed)
    }

    fn may_end(matcher: &mut llguidance::Matcher) -> bool {
        matcher.is_accepting().unwrap_or(false)
    }

    /// Nothing is shared between its parsers.
    fn empty_caches(&mut self) {}
}

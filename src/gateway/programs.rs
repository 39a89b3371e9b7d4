//! Compiled constraints, kept by content.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::{Limits, second::Second};
use crate::{
    frontend::{Constraint, Diagnostic, DiagnosticKind, Documents, Policy},
    inference::{Failure, FailureKind},
    matcher::{Engine, Program},
};

/// One constraint, compiled twice for one vocabulary.
#[derive(Clone)]
pub(super) struct Pair {
    /// With the caller's policy: what the backend masks with.
    pub masking: Arc<Program>,
    /// With the policy made lenient: what judges the text.
    pub judging: Arc<Program>,
    /// A second opinion on text that was not masked.
    pub second: Option<Arc<Second>>,
}

impl Pair {
    /// What masks an answer that begins like this, which a stranger wrote: with the caller's policy if that takes the
    /// beginning, else leniently.
    pub(super) fn taking(&self, beginning: &str) -> Arc<Program> {
        let takes = self.masking.matcher().accept_bytes(beginning.as_bytes()) == beginning.len();
        if takes { self.masking.clone() } else { self.judging.clone() }
    }
}

/// A bounded cache of compiled constraints; the one that was not used for longest goes first.
pub(super) struct Programs {
    kept: Mutex<Kept>,
    compiling: Arc<Semaphore>,
    most: usize,
    most_bytes: usize,
    most_memory: usize,
    constraint_bytes: usize,
    time: Duration,
    /// What every schema may refer to.
    pub documents: Documents,
    /// For text of which no vocabulary is known.
    pub(super) bytes: OnceLock<Arc<Engine>>,
}

/// The engine's address stands for its vocabulary: entries keep their engine alive, so that it is not given out again.
type Key = (usize, Constraint, Policy);

/// Uses of the cache between measurements of what its entries hold.
const MEASURE_EVERY: u64 = 64;

#[derive(Default)]
struct Kept {
    entries: HashMap<Key, (Pair, u64)>,
    bytes: usize,
    clock: u64,
}

impl Programs {
    pub(super) fn new(limits: &Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            kept: Mutex::default(),
            compiling: Arc::new(Semaphore::new(cores)),
            most: limits.programs,
            most_bytes: limits.constraint_bytes.saturating_mul(16),
            most_memory: limits.memory,
            constraint_bytes: limits.constraint_bytes,
            time: limits.compile,
            documents: Documents::default(),
            bytes: OnceLock::new(),
        }
    }

    /// The compiled constraint, from the cache or fresh.
    pub(super) async fn get(
        &self,
        engine: &Arc<Engine>,
        constraint: &Constraint,
        policy: Policy,
    ) -> Result<Pair, Failure> {
        self.check_size(constraint)?;
        let key = (Arc::as_ptr(engine) as usize, constraint.clone(), policy);
        let found = self.lock().find(&key, self.most_memory);
        match found {
            Some(pair) => Ok(pair),
            None => {
                let pair = self.compile(engine.clone(), constraint.clone(), policy).await?;
                let mut kept = self.lock();
                kept.keep(key, pair.clone(), self.most, self.most_bytes);
                kept.shrink(self.most_memory);
                Ok(pair)
            }
        }
    }

    fn check_size(&self, constraint: &Constraint) -> Result<(), Failure> {
        let bytes = size(constraint);
        if bytes <= self.constraint_bytes {
            return Ok(());
        }
        let message = format!("the constraint has {bytes} bytes; this server takes at most {}", self.constraint_bytes);
        Err(Failure::new(FailureKind::Constraint, message).coded("constraint_too_large"))
    }

    /// Whether a constraint counts a model's tokens. Those that might are read for it, like all large work away from the
    /// threads that serve.
    pub(super) async fn counts_tokens(&self, constraint: &Constraint) -> Result<bool, Failure> {
        if !constraint.may_count_tokens() {
            return Ok(false);
        }
        self.check_size(constraint)?;
        let constraint = constraint.clone();
        let read = tokio::task::spawn_blocking(move || constraint.counts_tokens()).await;
        read.map_err(|panic| {
            tracing::error!(%panic, "reading a constraint panicked");
            Failure::new(FailureKind::Internal, "reading the constraint failed; this is a defect of the server")
        })
    }

    async fn compile(&self, engine: Arc<Engine>, constraint: Constraint, policy: Policy) -> Result<Pair, Failure> {
        let compiling = self.compiling.clone();
        // Only texts of which no vocabulary is known come from elsewhere.
        let foreign = self.bytes.get().is_some_and(|bytes| Arc::ptr_eq(bytes, &engine));
        let mut constraint = constraint;
        if let Constraint::JsonSchema(schema) = &mut constraint {
            schema.documents = schema.documents.or(&self.documents);
        }
        let work = async move {
            let permit = compiling.acquire_owned().await.expect("the semaphore is never closed");
            let compile = move || {
                // A text has no tokens but those that are spelled.
                let spelled = constraint.spelled((!foreign).then(|| &**engine.vocabulary()))?;
                let judged = spelled.as_ref().unwrap_or(&constraint);
                let masking = engine.compile(if foreign { judged } else { &constraint }, policy)?;
                if foreign && masking.counts_tokens() {
                    return Err(Diagnostic::uncountable());
                }
                let judging = if policy == policy.lenient() && (foreign || spelled.is_none()) {
                    masking.clone()
                } else {
                    engine.compile(judged, policy.lenient())?
                };
                let second = foreign.then(|| Second::of(&constraint)).flatten().map(Arc::new);
                // Given back when the work ends, not when its caller loses patience.
                drop(permit);
                Ok(Pair { masking, judging, second })
            };
            tokio::task::spawn_blocking(compile).await
        };
        match tokio::time::timeout(self.time, work).await {
            Ok(Ok(Ok(pair))) => Ok(pair),
            Ok(Ok(Err(diagnostic))) => Err(refusal(&diagnostic)),
            Ok(Err(panic)) => {
                tracing::error!(%panic, "compiling a constraint panicked");
                Err(Failure::new(
                    FailureKind::Internal,
                    "compiling the constraint failed; this is a defect of the server",
                ))
            }
            Err(_) => {
                let message = format!("the constraint could not be compiled within {:?}", self.time);
                Err(Failure::new(FailureKind::Constraint, message).coded("constraint_too_large"))
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Nothing panics while it is held, and a cache that lost an entry is still a cache.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&mut self, key: &Key, most_memory: usize) -> Option<Pair> {
        self.clock += 1;
        if self.clock.is_multiple_of(MEASURE_EVERY) {
            self.shrink(most_memory);
        }
        let (pair, used) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(pair.clone())
    }

    fn keep(&mut self, key: Key, pair: Pair, most: usize, most_bytes: usize) {
        self.clock += 1;
        let bytes = size(&key.1);
        if self.entries.insert(key, (pair, self.clock)).is_none() {
            self.bytes += bytes;
        }
        // A scan over some hundred entries, and only after a compile that cost far more.
        while (self.entries.len() > most || self.bytes > most_bytes) && self.drop_oldest() {}
    }

    /// Drops constraints until what was found out about the others takes at most so much memory. It grows while they
    /// are used, so it is asked again now and then.
    fn shrink(&mut self, most: usize) {
        let held = |(pair, _): &(Pair, u64)| pair.masking.bytes() + pair.judging.bytes();
        while self.entries.len() > 1 && self.entries.values().map(held).sum::<usize>() > most && self.drop_oldest() {}
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return false };
        self.bytes -= size(&oldest.1);
        self.entries.remove(&oldest);
        true
    }
}

fn size(constraint: &Constraint) -> usize {
    match constraint {
        Constraint::JsonObject => 0,
        Constraint::JsonSchema(schema) => schema.size(),
        Constraint::Written(written) => written.text.len(),
        // About the bytes of a rule as it would be written.
        Constraint::Built(grammar) => grammar.rules().len() * 64,
        Constraint::Sql(sql) => sql.catalog.len(),
    }
}

/// The beginning of the SHA-256 of its text.
pub(super) fn digest(constraint: &Constraint) -> String {
    let built;
    let text = match constraint {
        Constraint::JsonObject => "json_object",
        Constraint::JsonSchema(schema) => &schema.text,
        Constraint::Written(written) => &written.text,
        Constraint::Built(grammar) => {
            built = format!("{grammar:?}");
            &built
        }
        Constraint::Sql(sql) => {
            built = format!("sql {} {}", sql.dialect, sql.catalog);
            &built
        }
    };
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

pub(super) fn refusal(diagnostic: &Diagnostic) -> Failure {
    let code = match diagnostic.kind {
        DiagnosticKind::Invalid => "invalid_constraint",
        DiagnosticKind::Unsupported => "unsupported_constraint",
        DiagnosticKind::Unsatisfiable => "unsatisfiable_constraint",
        DiagnosticKind::TooLarge => "constraint_too_large",
    };
    Failure::new(FailureKind::Constraint, diagnostic.to_string()).coded(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Vocabulary;

    fn schema(text: &str) -> Constraint {
        Constraint::JsonSchema(text.into())
    }

    #[tokio::test]
    async fn equal_constraints_are_compiled_once_and_old_ones_go() {
        let engine = Engine::new(Arc::new(Vocabulary::new("none", Vec::new())));
        let programs = Programs::new(&Limits { programs: 2, ..Limits::default() });
        let get = async |text| programs.get(&engine, &schema(text), Policy::default()).await.unwrap().masking;
        let first = get("{}").await;
        assert!(Arc::ptr_eq(&first, &get("{}").await));
        get("true").await;
        get("{}").await;
        get(r#"{"type":"null"}"#).await;
        assert!(Arc::ptr_eq(&first, &get("{}").await), "the one used last stays");
        assert_eq!(programs.lock().entries.len(), 2);
        assert_eq!(programs.lock().bytes, 2 + 15);
    }

    #[tokio::test]
    async fn what_was_found_out_is_bounded_too() {
        let engine = Engine::new(Arc::new(Vocabulary::new("none", Vec::new())));
        let programs = Programs::new(&Limits { memory: 1, ..Limits::default() });
        for text in ["{}", "true", r#"{"type":"null"}"#] {
            let kept = programs.get(&engine, &schema(text), Policy::default()).await.unwrap();
            assert!(kept.masking.bytes() > 0);
            assert_eq!(programs.lock().entries.len(), 1, "only what is being used stays");
        }
    }

    #[tokio::test]
    async fn large_constraints_are_refused_before_they_are_read() {
        let engine = Engine::new(Arc::new(Vocabulary::new("none", Vec::new())));
        let programs = Programs::new(&Limits { constraint_bytes: 10, ..Limits::default() });
        let error = programs.get(&engine, &schema(&" ".repeat(11)), Policy::default()).await.err().unwrap();
        assert_eq!(error.code.as_deref(), Some("constraint_too_large"));
        assert!(error.message.contains("11 bytes"), "{error}");
    }
}

//! What the tests of other engines hold of grammars, regular expressions and structural tags, read in the dialect that they
//! are written in. Each case counts once: it compiles or is refused as stated, all its texts are judged as stated, and all
//! its prefixes live or die as stated.
//!
//! Grammars that count tokens are held against the sequences of tokens that their cases have, and not against texts.
//! Cases that state a policy of their engine are left out by name, with the reason, in `grammars-left-out.jsonl`; one that
//! comes out as stated may not be.

use std::{
    collections::{BTreeMap, HashMap},
    io::Read,
    path::Path,
    sync::Arc,
};

use espalier::{
    frontend::{Constraint, DiagnosticKind, Dialect, Notation, Policy, Written},
    matcher::{Engine, Program},
    vocab::{Token, TokenId, TokenKind, Vocabulary},
};
use serde::Deserialize;
use serde_json::json;

use super::{bytes_engine, ratchet, ratchet::Counts, shared};

#[derive(Deserialize)]
struct Case {
    id: String,
    source: String,
    kind: String,
    #[serde(default)]
    dialect: Option<String>,
    grammar: String,
    root: Option<String>,
    #[serde(default)]
    accepts: Vec<String>,
    #[serde(default)]
    rejects: Vec<String>,
    #[serde(default)]
    prefixes_ok: Vec<String>,
    #[serde(default)]
    prefixes_dead: Vec<String>,
    #[serde(default)]
    must_compile: bool,
    #[serde(default)]
    must_fail_to_compile: bool,
    /// The tokens of the test, a character a byte, those that end an answer, and sequences of them.
    #[serde(default)]
    vocab: Vec<String>,
    #[serde(default)]
    stop_ids: Vec<TokenId>,
    #[serde(default)]
    token_accepts: Vec<Vec<TokenId>>,
    #[serde(default)]
    token_rejects: serde_json::Value,
    /// Sequences of tokens by their texts.
    #[serde(default)]
    token_traces: Vec<Trace>,
    /// Other grammars, to which this one may refer.
    #[serde(default)]
    named_grammars: BTreeMap<String, Named>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Lark(String),
    Of { kind: String, grammar: String },
}

impl Named {
    /// As an entry of a list of grammars.
    fn entry(&self, name: &str) -> serde_json::Value {
        let lark = match self {
            Self::Lark(grammar) => grammar.clone(),
            Self::Of { kind, grammar } => match kind.as_str() {
                "lark" => grammar.clone(),
                "regex" => format!("start: /{}/", grammar.replace('/', "\\/")),
                "json_schema" => format!("start: %json {grammar}"),
                other => panic!("a grammar of kind {other}"),
            },
        };
        json!({"name": name, "lark_grammar": lark})
    }
}

#[derive(Deserialize)]
struct Trace {
    tokens: Vec<TraceToken>,
    #[serde(default)]
    eos: bool,
}

#[derive(Deserialize)]
struct TraceToken {
    text: Option<String>,
}

impl Case {
    /// The grammar, and those that it refers to.
    fn text(&self) -> String {
        if self.named_grammars.is_empty() {
            return self.grammar.clone();
        }
        let others = self.named_grammars.iter().map(|(name, named)| named.entry(name));
        let all: Vec<_> = std::iter::once(json!({"lark_grammar": self.grammar})).chain(others).collect();
        json!({"grammars": all}).to_string()
    }

    /// The vocabulary of the case: its own, or one of the tokens of its traces and of all bytes.
    fn engine(&self, special: &[String]) -> Arc<Engine> {
        let text = |bytes: Vec<u8>| Token { bytes: bytes.into(), kind: TokenKind::Text };
        let mut tokens: Vec<Token> = Vec::new();
        for written in &self.vocab {
            let latin: Option<Vec<u8>> = written.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            tokens.push(text(latin.unwrap_or_else(|| written.clone().into_bytes())));
        }
        for id in &self.stop_ids {
            tokens[*id as usize].kind = TokenKind::EndOfGeneration;
        }
        if self.vocab.is_empty() {
            let traced = self.token_traces.iter().flat_map(|trace| &trace.tokens);
            tokens.extend(traced.filter_map(|token| Some(text(token.text.clone()?.into_bytes()))));
            tokens.extend((0..=u8::MAX).map(|byte| text(vec![byte])));
        }
        if self.stop_ids.is_empty() {
            tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
        }
        tokens.extend(special.iter().map(|name| Token { bytes: name.as_bytes().into(), kind: TokenKind::Special }));
        Engine::new(Arc::new(Vocabulary::new("a case's", tokens)))
    }
}

#[derive(Deserialize)]
struct LeftOut {
    id: String,
    reason: String,
}

/// What a case is written in; None where nobody reads it here.
fn notation(case: &Case) -> Option<Notation> {
    Some(match (case.kind.as_str(), case.dialect.as_deref()) {
        ("gbnf", _) => Notation::Gbnf,
        ("ebnf", _) => Notation::Ebnf,
        ("lark", _) => Notation::Lark,
        ("structural_tag", _) => Notation::StructuralTag,
        ("regex", Some("ecma262")) => Notation::Regex(Dialect::Ecma),
        ("regex", Some("python" | "python-subset")) => Notation::Regex(Dialect::Python),
        ("regex", _) => Notation::Regex(Dialect::Rust),
        _ => return None,
    })
}

enum Outcome {
    Pass,
    WronglyAccepted(String),
    WronglyRefused(String),
    NotCompiled(String),
}

/// How much of a text is taken, and whether it may end there.
fn read(program: &Arc<Program>, text: &str) -> (usize, bool) {
    let mut matcher = program.matcher();
    let taken = matcher.accept_bytes(text.as_bytes());
    (taken, taken == text.len() && matcher.is_accepting())
}

/// Whether the tokens are taken, and whether the answer may then end.
fn read_tokens(program: &Arc<Program>, tokens: &[TokenId]) -> (bool, bool) {
    let mut matcher = program.matcher();
    let taken = tokens.iter().all(|token| matcher.mask().contains(*token) && matcher.accept(*token).is_ok());
    (taken, taken && matcher.is_accepting())
}

/// A grammar that counts tokens, by the sequences of the case.
fn judge_tokens(program: &Arc<Program>, case: &Case) -> Outcome {
    let vocabulary = program.engine().vocabulary();
    let find = |text: &str| (0..vocabulary.len() as TokenId).find(|token| vocabulary.bytes(*token) == text.as_bytes());
    for trace in &case.token_traces {
        let tokens: Option<Vec<TokenId>> = trace.tokens.iter().map(|token| find(token.text.as_deref()?)).collect();
        let (taken, ends) = read_tokens(program, &tokens.expect("the tokens have texts"));
        if !taken || (trace.eos && !ends) {
            let texts: Vec<_> = trace.tokens.iter().filter_map(|token| token.text.as_deref()).collect();
            return Outcome::WronglyRefused(format!("the tokens {texts:?}"));
        }
    }
    if case.vocab.is_empty() {
        return Outcome::Pass;
    }
    for tokens in &case.token_accepts {
        if !read_tokens(program, tokens).1 {
            return Outcome::WronglyRefused(format!("the tokens {tokens:?}"));
        }
    }
    let rejects: Vec<Vec<TokenId>> = serde_json::from_value(case.token_rejects.clone()).unwrap_or_default();
    for tokens in &rejects {
        if read_tokens(program, tokens).1 {
            return Outcome::WronglyAccepted(format!("the tokens {tokens:?}"));
        }
    }
    Outcome::Pass
}

const PHI: [&str; 5] = ["<|system|>", "<|assistant|>", "<|user|>", "<|end|>", "<|placeholder1|>"];

/// All bytes, and special tokens.
fn bytes_and(special: &[String]) -> Arc<Engine> {
    let engine = bytes_engine();
    let bytes = engine.vocabulary();
    let tokens = (0..bytes.len() as TokenId).map(|id| Token { bytes: bytes.bytes(id).into(), kind: bytes.kind(id) });
    let special = special.iter().map(|name| Token { bytes: name.as_bytes().into(), kind: TokenKind::Special });
    Engine::new(Arc::new(Vocabulary::new("bytes and special tokens", tokens.chain(special).collect())))
}

fn judge(engine: &Arc<Engine>, case: &Case, notation: Notation) -> Outcome {
    let start = case.root.as_deref().map(Into::into);
    let written = Written { start, ..Written::new(notation, case.text()) };
    let constraint = Constraint::Written(written);
    // llguidance's cases were written for a model of which these are special tokens; others have what they speak of.
    let named = constraint.grammar();
    let named = named.iter().flat_map(|grammar| grammar.named_tokens()).map(str::to_owned);
    let special: Vec<String> = match case.source.as_str() {
        "llguidance" => PHI.map(str::to_owned).into(),
        _ if case.vocab.is_empty() => named.collect(),
        _ => named.filter(|name| case.vocab.contains(name)).collect(),
    };
    let own = (constraint.counts_tokens() || !special.is_empty()).then(|| match constraint.counts_tokens() {
        true => case.engine(&special),
        false => bytes_and(&special),
    });
    let program = match own.as_ref().unwrap_or(engine).compile(&constraint, Policy::LENIENT) {
        Ok(_) if case.must_fail_to_compile => return Outcome::WronglyAccepted("it compiles".into()),
        Ok(program) => program,
        Err(_) if case.must_fail_to_compile => return Outcome::Pass,
        // Nothing is accepted then, and if nothing is to be, that is as stated.
        Err(refusal) if refusal.kind == DiagnosticKind::Unsatisfiable => {
            let silent = case.accepts.is_empty() && case.prefixes_ok.is_empty() && !case.must_compile;
            return if silent { Outcome::Pass } else { Outcome::NotCompiled(refusal.to_string()) };
        }
        Err(refusal) => return Outcome::NotCompiled(refusal.to_string()),
    };
    if program.counts_tokens() {
        return judge_tokens(&program, case);
    }
    for text in &case.accepts {
        let (taken, ends) = read(&program, text);
        if !ends {
            return Outcome::WronglyRefused(format!("{text:?} at byte {taken}"));
        }
    }
    for text in &case.prefixes_ok {
        let (taken, _) = read(&program, text);
        if taken < text.len() {
            return Outcome::WronglyRefused(format!("the beginning {text:?} at byte {taken}"));
        }
    }
    for text in &case.rejects {
        if read(&program, text).1 {
            return Outcome::WronglyAccepted(format!("{text:?}"));
        }
    }
    for text in &case.prefixes_dead {
        if read(&program, text).0 == text.len() {
            return Outcome::WronglyAccepted(format!("the beginning {text:?}"));
        }
    }
    Outcome::Pass
}

fn cases(path: &Path) -> Vec<Case> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn grammars_of_other_engines() {
    let Some(folder) = shared("data/grammars") else {
        println!("SKIPPED: no cases of other engines");
        return;
    };
    let left_out: HashMap<String, String> = include_str!("grammars-left-out.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<LeftOut>(line).unwrap())
        .map(|left_out| (left_out.id, left_out.reason))
        .collect();
    assert!(left_out.values().all(|reason| !reason.is_empty()));
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".jsonl.gz") && !path.to_string_lossy().contains("relations"));
    files.sort_unstable();
    let engine = bytes_engine();
    let mut counts = BTreeMap::<String, Counts>::new();
    let (mut wrong, mut needless, mut out) = (Vec::new(), Vec::new(), 0);
    for case in files.iter().flat_map(|path| cases(path)) {
        let Some(notation) = notation(&case) else { continue };
        if left_out.contains_key(&case.id) {
            out += 1;
            match judge(&engine, &case, notation) {
                Outcome::Pass => needless.push(case.id),
                Outcome::WronglyAccepted(words) => println!("{}: left out, accepted: {words}", case.id),
                Outcome::WronglyRefused(words) => println!("{}: left out, refused: {words}", case.id),
                Outcome::NotCompiled(words) => println!("{}: left out, not compiled: {words}", case.id),
            }
            continue;
        }
        let count = counts.entry(format!("{} {}", case.source, case.kind)).or_default();
        let (verdict, words) = match judge(&engine, &case, notation) {
            Outcome::Pass => {
                count.pass += 1;
                continue;
            }
            Outcome::WronglyAccepted(words) => {
                count.wrongly_accepted += 1;
                ("wrongly accepted", words)
            }
            Outcome::WronglyRefused(words) => {
                count.wrongly_refused += 1;
                ("wrongly refused", words)
            }
            Outcome::NotCompiled(words) => {
                count.not_compiled += 1;
                ("not compiled", words)
            }
        };
        let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
        wrong.push(format!("{}: {verdict}: {} | {:?}", case.id, cut(&words, 200), cut(&case.grammar, 300)));
    }
    for (name, count) in &counts {
        println!("{name}: {} of {}, {count:?}", count.pass, count.total());
    }
    println!("{out} left out\n{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(needless.is_empty(), "left out, and as stated: {}", needless.join("\n"));
    ratchet::hold("grammars", &counts);
}

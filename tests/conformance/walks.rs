//! Random walks through the masks of real schemas: none may get stuck, and what they write must satisfy the schema as a
//! validator sees it that is not ours. After a number of tokens a walk goes home by the shortest way that is known.
//!
//! Where the validator is wrong, the case is listed. A sample by default; `ESPALIER_WALKS=all` takes every schema and five
//! seeds (`make conformance`).

use std::{collections::BTreeMap, io::Read, sync::Arc};

use espalier::{
    frontend::{Constraint, Policy},
    matcher::{Engine, Matcher, Program, Steering},
    vocab::{TokenId, TokenKind, TokenizerOptions, Vocabulary},
};
use serde_json::Value;

use super::{bytes_engine, shared};

/// Where the validator and the specification part, and why.
const DISPUTED: &[(&str, &str)] = &[
    ("Github_hard---o69970", LOCAL_PART),
    ("Github_hard---o69972", LOCAL_PART),
    ("JsonSchemaStore---0.5.2", LOCAL_PART),
    ("Handwritten---num5", DOUBLES),
    ("Handwritten---pp3", DOUBLES),
];
const LOCAL_PART: &str = "the validator bounds an address's local part by 64 octets; RFC 5321, section 4.1.2, has no bound, \
    and 4.5.3.1 asks receivers to take more. Generation keeps to 64 where no pattern is demanded besides";
const DOUBLES: &str = "the validator divides as a double";

/// Tokens after which a walk goes home.
const HOMEWARD: usize = 300;

/// A small generator of good random numbers (Steele, Lea, Flood: SplitMix, 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % sides as u64) as usize
    }
}

/// The tokens of one byte, which a walk draws often: with long tokens alone it would seldom close anything.
fn short_tokens(vocabulary: &Vocabulary) -> Vec<TokenId> {
    let all = 0..vocabulary.len() as TokenId;
    all.filter(|token| vocabulary.kind(*token) == TokenKind::Text && vocabulary.bytes(*token).len() == 1).collect()
}

enum Walk {
    Finished(Vec<u8>),
    /// No token is allowed.
    Stuck(Vec<u8>),
    /// No way home was found.
    Lost(Vec<u8>),
}

fn walk(program: &Arc<Program>, short: &[TokenId], dice: &mut Dice) -> Walk {
    let engine = program.engine().clone();
    let vocabulary = engine.vocabulary();
    let (mut matcher, mut text) = (program.matcher(), Vec::new());
    let mut steering = Steering::new(&mut matcher);
    for _ in 0..HOMEWARD {
        let mask = matcher.mask();
        let ends = vocabulary.end_tokens().iter().any(|token| mask.contains(*token));
        if ends && dice.roll(2) == 0 {
            return Walk::Finished(text);
        }
        // Only a soft constraint needs to be kept out of dead ends: the masks of others are to have none.
        let drawn = match program.is_soft() {
            true => steering.draw(&mut matcher, mask, usize::MAX, |mask| draw(mask, short, vocabulary, dice)).unwrap(),
            false => draw(&mask, short, vocabulary, dice).inspect(|token| matcher.accept(*token).unwrap()),
        };
        let Some(token) = drawn else {
            if let Some(fault) = matcher.fault() {
                text.extend_from_slice(format!(" ({fault})").as_bytes());
            }
            return if ends { Walk::Finished(text) } else { Walk::Stuck(text) };
        };
        text.extend_from_slice(vocabulary.bytes(token));
    }
    go_home(matcher, text)
}

fn go_home(mut matcher: Matcher, mut text: Vec<u8>) -> Walk {
    let Some(home) = matcher.home_tokens() else { return Walk::Lost(text) };
    for token in home {
        assert!(matcher.mask().contains(token), "a token on the way home is not allowed");
        text.extend_from_slice(matcher.program().engine().vocabulary().bytes(token));
        matcher.accept(token).expect("the mask allows it");
    }
    if matcher.is_accepting() { Walk::Finished(text) } else { Walk::Stuck(text) }
}

fn draw(
    mask: &espalier::vocab::TokenMask,
    short: &[TokenId],
    vocabulary: &Vocabulary,
    dice: &mut Dice,
) -> Option<TokenId> {
    if dice.roll(10) < 7 {
        let allowed: Vec<TokenId> = short.iter().copied().filter(|token| mask.contains(*token)).collect();
        let closing = |token: &TokenId| matches!(vocabulary.bytes(*token), b"\"" | b"}" | b"]");
        let closing: Vec<TokenId> = allowed.iter().copied().filter(closing).collect();
        if !closing.is_empty() && dice.roll(4) == 0 {
            return Some(closing[dice.roll(closing.len())]);
        }
        if !allowed.is_empty() {
            return Some(allowed[dice.roll(allowed.len())]);
        }
    }
    // The first allowed token from a random place on.
    let words = mask.words();
    let from = dice.roll(words.len());
    let place = (0..words.len()).map(|step| (from + step) % words.len()).find(|place| words[*place] != 0)?;
    let bits: Vec<u32> = (0..64).filter(|bit| words[place] >> bit & 1 == 1).collect();
    let tokens: Vec<TokenId> = bits.iter().map(|bit| place as TokenId * 64 + bit).collect();
    let texts: Vec<TokenId> = tokens.into_iter().filter(|token| vocabulary.kind(*token) == TokenKind::Text).collect();
    if texts.is_empty() {
        let any = mask.iter().find(|token| vocabulary.kind(*token) == TokenKind::Text);
        return any;
    }
    Some(texts[dice.roll(texts.len())])
}

fn validator(schema: &Value) -> Option<jsonschema::Validator> {
    let build = |draft: Option<jsonschema::Draft>| {
        let options = jsonschema::options().should_validate_formats(true);
        let options = match draft {
            Some(draft) => options.with_draft(draft),
            None => options,
        };
        options.build(schema).ok()
    };
    let named = schema.get("$schema").is_some();
    // Without `$schema` we read 2020-12 and the older forms; the validator reads one draft.
    if named { build(None) } else { build(None).or_else(|| build(Some(jsonschema::Draft::Draft7))) }
}

fn llama_engine() -> Arc<Engine> {
    let Some(path) = shared("data/tokenizers/llama-3.1.tokenizer.json.gz") else { return bytes_engine() };
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut json).unwrap();
    let vocabulary = Vocabulary::from_tokenizer_json("llama-3.1", &json, &TokenizerOptions::default()).unwrap();
    Engine::new(Arc::new(vocabulary))
}

#[derive(Default)]
struct Report {
    schemas: usize,
    walks: usize,
    unjudged: usize,
    failures: BTreeMap<String, String>,
    slow: Vec<String>,
}

#[test]
fn every_walk_ends_in_a_valid_document() {
    let Some(path) = shared("data/maskbench/maskbench-open.jsonl.gz") else {
        println!("SKIPPED: no MaskBench cases");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let all = std::env::var("ESPALIER_WALKS").is_ok_and(|value| value == "all");
    let only = std::env::var("ESPALIER_WALK").ok();
    let (every, seeds) = if all || only.is_some() { (1, 5) } else { (29, 2) };
    let engine = llama_engine();
    let short = short_tokens(engine.vocabulary());
    let lines: Vec<&str> = text.lines().step_by(every).collect();
    let half = lines.len().div_ceil(2);
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let (engine, short, only) = (&engine, &short, only.as_deref());
        let run = |part| scope.spawn(move || walks(part, engine, short, seeds, only));
        let threads: Vec<_> = lines.chunks(half.max(1)).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    println!("{} schemas, {} walks, {} schemas unjudged", sum(|r| r.schemas), sum(|r| r.walks), sum(|r| r.unjudged));
    let failures: Vec<String> =
        reports.iter().flat_map(|report| &report.failures).map(|(id, what)| format!("{id}: {what}")).collect();
    reports.iter().flat_map(|report| &report.slow).for_each(|slow| println!("slow {slow}"));
    assert!(failures.is_empty(), "{} schemas fail:\n{}", failures.len(), failures.join("\n"));
}

fn walks(lines: &[&str], engine: &Arc<Engine>, short: &[TokenId], seeds: u64, only: Option<&str>) -> Report {
    let mut report = Report::default();
    for line in lines {
        let case: Value = serde_json::from_str(line).unwrap();
        let (id, schema) = (case["id"].as_str().unwrap(), &case["schema"]);
        if only.is_some_and(|only| only != id) {
            continue;
        }
        let constraint = Constraint::JsonSchema(schema.to_string().into());
        let Ok(program) = engine.compile(&constraint, Policy::default()) else { continue };
        report.schemas += 1;
        let judge = validator(schema);
        report.unjudged += usize::from(judge.is_none());
        let began = std::time::Instant::now();
        for seed in 0..seeds {
            report.walks += 1;
            let failure = match walk(&program, short, &mut Dice(seed)) {
                Walk::Stuck(text) => Some(format!("stuck after {}", String::from_utf8_lossy(&text))),
                Walk::Lost(text) => Some(format!("no way home from {}", String::from_utf8_lossy(&text))),
                Walk::Finished(text) => judge.as_ref().and_then(|judge| invalid(judge, &text)).filter(|failure| {
                    let disputed = DISPUTED.iter().find(|(disputed, _)| disputed == &id);
                    disputed.iter().for_each(|(_, why)| println!("disputed {id}: {why}: {failure}"));
                    disputed.is_none()
                }),
            };
            if let Some(failure) = failure {
                report.failures.insert(id.to_owned(), failure);
                break;
            }
        }
        if began.elapsed().as_secs() >= 5 {
            report.slow.push(format!("{id}: {:?}", began.elapsed()));
        }
    }
    report
}

fn invalid(judge: &jsonschema::Validator, text: &[u8]) -> Option<String> {
    let shown = String::from_utf8_lossy(text);
    match serde_json::from_slice::<Value>(text) {
        Ok(value) => {
            let error = judge.iter_errors(&value).next()?;
            Some(format!("{} at {} of {shown}", error, error.instance_path()))
        }
        // A number that the validator's reader cannot hold.
        Err(error) if error.to_string().contains("number out of range") => None,
        Err(error) => Some(format!("{error}: {shown}")),
    }
}

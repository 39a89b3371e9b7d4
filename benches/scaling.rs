//! Mask time against the size of the vocabulary and the length of the document.
//!
//! ```text
//! cargo bench --bench scaling -- FILE...
//! ```
//!
//! Each file is a tokenizer.json (plain or .gz) or, with the feature `llama`, a GGUF model. The document is an array of
//! customers, of 1 kB to 1 MB, cut into the longest tokens that fit. What is measured is the mask and the commit of each
//! token, the least of three fresh answers per token, one program for all; the first answer finds the caches empty.

mod tokens;

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Context, bail};
use espalier::{
    frontend::{Constraint, Policy},
    matcher::{Engine, Program},
    vocab::{TokenId, TokenizerOptions, Vocabulary},
};
use tokens::cut;

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const SCHEMA: &str = r#"{"type": "array", "items": {"type": "object", "properties": {
    "id": {"type": "integer", "minimum": 1}, "name": {"type": "string", "maxLength": 40},
    "email": {"type": "string", "format": "email"}, "plan": {"enum": ["free", "basic", "premium"]},
    "since": {"type": "string", "format": "date"}, "notes": {"type": "string"},
    "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z-]+$"}, "uniqueItems": true},
    "address": {"type": "object", "properties": {"street": {"type": "string"}, "zip": {"type": "string",
        "pattern": "^[0-9]{5}$"}}, "required": ["street", "zip"], "additionalProperties": false}},
    "required": ["id", "name", "plan"], "additionalProperties": false}}"#;

fn main() -> anyhow::Result<()> {
    let files: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if files.is_empty() {
        bail!("usage: cargo bench --bench scaling -- FILE...    (tokenizer.json, .gz or .gguf)");
    }
    println!(
        "| vocabulary | tokens | bytes | tokens of the document | avg, us | p50 | p99 | p99.9 | max | first answer, avg |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for file in &files {
        let vocabulary = vocabulary(Path::new(file)).with_context(|| file.clone())?;
        let engine = Engine::new(vocabulary.clone());
        let constraint = Constraint::JsonSchema(SCHEMA.into());
        let program = engine.compile(&constraint, Policy::LENIENT)?;
        for size in SIZES {
            let tokens = cut(&vocabulary, document(size).as_bytes())?;
            let mut times = run(&program, &tokens)?;
            let first = average(&times);
            for _ in 0..2 {
                for (least, time) in times.iter_mut().zip(run(&program, &tokens)?) {
                    *least = least.min(time);
                }
            }
            let avg = average(&times);
            times.sort_by(f64::total_cmp);
            let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
            println!(
                "| {} | {} | {size} | {} | {avg:.2} | {:.2} | {:.2} | {:.2} | {:.1} | {first:.2} |",
                Path::new(file).file_name().map_or(file.as_str().into(), |name| name.to_string_lossy()),
                vocabulary.len(),
                tokens.len(),
                at(0.5),
                at(0.99),
                at(0.999),
                at(1.0)
            );
        }
    }
    Ok(())
}

fn average(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}

/// Microseconds for each token's mask and commit.
fn run(program: &Arc<Program>, tokens: &[TokenId]) -> anyhow::Result<Vec<f64>> {
    let mut matcher = program.matcher();
    let mut times = Vec::with_capacity(tokens.len());
    for (place, token) in tokens.iter().enumerate() {
        let begun = Instant::now();
        let mask = matcher.mask();
        let taken = mask.contains(*token) && matcher.accept(*token).is_ok();
        times.push(begun.elapsed().as_secs_f64() * 1e6);
        if !taken {
            bail!("token {place} of a valid document is refused");
        }
    }
    if !matcher.is_accepting() {
        bail!("a valid document is not accepted");
    }
    Ok(times)
}

/// A valid document of about so many bytes.
fn document(size: usize) -> String {
    const NAMES: [&str; 5] = ["Ann Lee", "José Álvarez", "李小龍", "Nils Holgersson", "O\\\"Brien"];
    let mut text = String::from("[");
    for number in 1.. {
        let name = NAMES[number % NAMES.len()];
        let customer = format!(
            r#"{{"id": {number}, "name": "{name}", "email": "c{number}@shop{}.example", "plan": "{}", "since": "20{:02}-0{}-1{}",
 "notes": "Called on day {number}; asked for a {} and {} more.\nTo be called again.", "tags": ["new-{}", "abroad"],
 "address": {{"street": "{} High Street", "zip": "{:05}"}}}}"#,
            number % 7,
            ["free", "basic", "premium"][number % 3],
            number % 25,
            number % 9 + 1,
            number % 10,
            ["lamp", "desk", "chair"][number % 3],
            number % 11,
            ["customer", "lead", "friend"][number % 3],
            number % 90,
            number * 37 % 100_000,
        );
        if number > 1 && text.len() + customer.len() > size {
            break;
        }
        text.push_str(if number > 1 { ",\n" } else { "" });
        text.push_str(&customer);
    }
    text.push(']');
    text
}

#[cfg(feature = "llama")]
fn from_model(path: &Path) -> anyhow::Result<Arc<Vocabulary>> {
    use espalier::backend::{
        Backend,
        llama::{LlamaBackend, LlamaOptions},
    };
    let backend = LlamaBackend::load(path, LlamaOptions { context: Some(64), ..LlamaOptions::default() })?;
    Ok(backend.engine().context("a local model has a vocabulary")?.vocabulary().clone())
}

#[cfg(not(feature = "llama"))]
fn from_model(_: &Path) -> anyhow::Result<Arc<Vocabulary>> {
    bail!("a GGUF model needs the feature `llama`")
}

fn vocabulary(path: &Path) -> anyhow::Result<Arc<Vocabulary>> {
    let name = path.to_string_lossy();
    if name.ends_with(".gguf") {
        return from_model(path);
    }
    let file = std::fs::File::open(path)?;
    let mut json = Vec::new();
    match name.ends_with(".gz") {
        true => std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut json)?,
        false => std::io::Read::read_to_end(&mut std::io::BufReader::new(file), &mut json)?,
    };
    Ok(Arc::new(Vocabulary::from_tokenizer_json(&name, &json, &TokenizerOptions::default())?))
}

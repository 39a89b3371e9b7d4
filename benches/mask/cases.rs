//! The cases, tokenised once and read one by one: a child holds one case at a time.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, anyhow, ensure};
use espalier::vocab::{TokenizerOptions, Vocabulary};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokenizers::Tokenizer;

use crate::{
    args::Args,
    binary::{Reader, Writer},
};

#[derive(Deserialize)]
struct Line {
    id: String,
    /// As written: the order of keys and the form of numbers are the schema's.
    schema: Box<RawValue>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    valid: bool,
    text: String,
}

/// One schema with its instances.
pub struct Case {
    pub id: String,
    pub schema: String,
    pub instances: Vec<Instance>,
}

pub struct Instance {
    pub valid: bool,
    pub tokens: Vec<u32>,
}

/// A file as it is, or unpacked if it is gzip (by its first bytes, not its name).
pub fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut file = BufReader::new(file);
    let packed = file.fill_buf()?.starts_with(&[0x1F, 0x8B]);
    Ok(if packed { Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))) } else { Box::new(file) })
}

pub fn read_all(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

/// What the parent keeps of the cases.
pub struct Prepared {
    /// In the order in which they come.
    pub ids: Vec<String>,
    pub texts: usize,
    /// Texts that the engines get in another form than written: the tokenizer normalises, or puts a space before them.
    pub misspelt: usize,
}

/// Chooses, orders and tokenises the cases.
pub fn prepare(args: &Args, out: &Path) -> anyhow::Result<Prepared> {
    let failed = |error| anyhow!("{} is not a tokenizer.json: {error}", args.tokenizer.display());
    let json = read_all(&args.tokenizer)?;
    let tokenizer = Tokenizer::from_bytes(&json).map_err(failed)?;
    let vocabulary = Vocabulary::from_tokenizer_json("bench", &json, &TokenizerOptions::default())?;
    let mut lines = Vec::new();
    for (number, line) in open(&args.cases)?.lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", args.cases.display()))?;
        if !line.trim().is_empty() {
            let place = || format!("{} line {}", args.cases.display(), number + 1);
            lines.push(serde_json::from_str::<Line>(&line).with_context(place)?);
        }
    }
    ensure!(!lines.is_empty(), "{} has no cases", args.cases.display());
    let mut lines = spaced(lines, args.limit);
    shuffle(&mut lines, args.order);
    eprintln!("tokenising {} cases", lines.len());
    let mut writer = Writer::create(out)?;
    writer.number(lines.len() as u64)?;
    let mut prepared = Prepared { ids: Vec::new(), texts: 0, misspelt: 0 };
    for line in lines {
        writer.text(&line.id)?;
        writer.text(line.schema.get())?;
        writer.number(line.tests.len() as u64)?;
        for test in &line.tests {
            let encoding = tokenizer.encode_fast(test.text.as_str(), false).map_err(|error| anyhow!("{error}"))?;
            writer.number(u64::from(test.valid))?;
            writer.list(encoding.get_ids())?;
            let spelt: Vec<u8> = encoding.get_ids().iter().flat_map(|id| vocabulary.bytes(*id)).copied().collect();
            prepared.texts += 1;
            prepared.misspelt += usize::from(spelt != test.text.as_bytes());
        }
        prepared.ids.push(line.id);
    }
    writer.finish()?;
    if prepared.misspelt > 0 {
        let Prepared { texts, misspelt, .. } = prepared;
        eprintln!("{misspelt} of {texts} texts are not spelt by their tokens as they are written");
    }
    Ok(prepared)
}

/// Not the first ones: the file is sorted by source.
fn spaced<T>(all: Vec<T>, limit: Option<usize>) -> Vec<T> {
    let total = all.len();
    let Some(limit) = limit.filter(|limit| *limit < total) else { return all };
    let mut taken = 0;
    let mut take = |(index, item): (usize, T)| {
        let wanted = taken < limit && index == taken * total / limit;
        taken += usize::from(wanted);
        wanted.then_some(item)
    };
    all.into_iter().enumerate().filter_map(&mut take).collect()
}

/// Fisher-Yates with SplitMix64, so that a seed means the same order everywhere.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    };
    for end in (1..items.len()).rev() {
        items.swap(end, (next() % (end as u64 + 1)) as usize);
    }
}

/// The prepared cases, from the start.
pub struct Cases {
    reader: Reader,
    total: u64,
    done: u64,
}

impl Cases {
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut reader = Reader::open(path)?;
        let total = reader.number()?;
        Ok(Self { reader, total, done: 0 })
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn next(&mut self) -> anyhow::Result<Option<Case>> {
        if self.done == self.total {
            return Ok(None);
        }
        self.done += 1;
        let (id, schema) = (self.reader.text()?, self.reader.text()?);
        let count = self.reader.number()?;
        let mut instances = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let valid = self.reader.number()? == 1;
            instances.push(Instance { valid, tokens: self.reader.list()? });
        }
        Ok(Some(Case { id, schema, instances }))
    }
}

//! The command line, by hand: the bench needs no feature of the crate.

use std::path::PathBuf;

pub const USAGE: &str = "\
usage: cargo bench --bench mask -- --tokenizer FILE --cases FILE [options]
  --tokenizer FILE   tokenizer.json, plain or .gz
  --cases FILE       cases in the MaskBench format, a JSON object a line, plain or .gz
  --engines LIST     espalier,llguidance (default: both)
  --limit N          only N cases, evenly spaced over the file
  --order SEED       seed of the order in which the schemas come (default 1)
  --passes N         cold passes (default 3)
  --report OUT.json  write the figures, the ids of the schemas that do not pass, and why";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineName {
    Espalier,
    Llguidance,
}

impl EngineName {
    pub fn name(self) -> &'static str {
        match self {
            Self::Espalier => "espalier",
            Self::Llguidance => "llguidance",
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        let all = [Self::Espalier, Self::Llguidance];
        let found = all.into_iter().find(|engine| engine.name() == name);
        found.ok_or_else(|| format!("there is no engine \"{name}\": it is espalier or llguidance"))
    }
}

/// What one child process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    Cold,
    ColdThenWarm,
    Isolated,
}

impl Pass {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::ColdThenWarm => "cold-then-warm",
            Self::Isolated => "isolated",
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        let all = [Self::Cold, Self::ColdThenWarm, Self::Isolated];
        all.into_iter().find(|pass| pass.name() == name).ok_or_else(|| format!("there is no pass \"{name}\""))
    }
}

#[derive(Debug)]
pub struct Args {
    pub tokenizer: PathBuf,
    pub cases: PathBuf,
    pub engines: Vec<EngineName>,
    pub limit: Option<usize>,
    pub order: u64,
    pub passes: usize,
    pub report: Option<PathBuf>,
}

/// The bench calls itself so; not for users.
#[derive(Debug)]
pub struct Child {
    pub pass: Pass,
    pub engine: EngineName,
    pub tokenizer: PathBuf,
    pub prepared: PathBuf,
    pub out: PathBuf,
}

#[derive(Debug)]
pub enum Mode {
    Parent(Args),
    Child(Child),
}

/// Everything that was said, before it is known which mode it is for.
#[derive(Default)]
struct Given {
    pairs: Vec<(String, String)>,
}

impl Given {
    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().rposition(|(given, _)| given == name)?;
        let value = self.pairs.remove(at).1;
        self.pairs.retain(|(given, _)| given != name);
        Some(value)
    }

    fn path(&mut self, name: &str) -> Result<PathBuf, String> {
        self.take(name).map(PathBuf::from).ok_or_else(|| format!("{name} is missing"))
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, String> {
        let parse = |text: String| text.parse().map_err(|_| format!("{name} takes a number, not \"{text}\""));
        self.take(name).map(parse).transpose()
    }

    fn nothing_else(self) -> Result<(), String> {
        self.pairs.first().map_or(Ok(()), |(name, _)| Err(format!("unknown option {name}")))
    }
}

pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Mode, String> {
    let mut given = Given::default();
    while let Some(word) = words.next() {
        // cargo adds this to every bench.
        if word == "--bench" {
            continue;
        }
        if !word.starts_with("--") {
            return Err(format!("unexpected \"{word}\""));
        }
        let pair = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => {
                let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
                (word, value)
            }
        };
        given.pairs.push(pair);
    }
    match given.take("--child") {
        Some(pass) => child(&pass, given).map(Mode::Child),
        None => parent(given).map(Mode::Parent),
    }
}

fn child(pass: &str, mut given: Given) -> Result<Child, String> {
    let engine = given.take("--engine").ok_or("--engine is missing")?;
    let child = Child {
        pass: Pass::parse(pass)?,
        engine: EngineName::parse(&engine)?,
        tokenizer: given.path("--tokenizer")?,
        prepared: given.path("--prepared")?,
        out: given.path("--out")?,
    };
    given.nothing_else()?;
    Ok(child)
}

fn parent(mut given: Given) -> Result<Args, String> {
    let engines = given.take("--engines").unwrap_or_else(|| "espalier,llguidance".into());
    let args = Args {
        tokenizer: given.path("--tokenizer")?,
        cases: given.path("--cases")?,
        engines: engines.split(',').map(EngineName::parse).collect::<Result<_, _>>()?,
        limit: given.number("--limit")?.map(|limit| limit as usize),
        order: given.number("--order")?.unwrap_or(1),
        passes: given.number("--passes")?.unwrap_or(3) as usize,
        report: given.take("--report").map(PathBuf::from),
    };
    given.nothing_else()?;
    if args.passes == 0 || args.limit == Some(0) {
        return Err("--passes and --limit start at 1".into());
    }
    if (1..args.engines.len()).any(|at| args.engines[..at].contains(&args.engines[at])) {
        return Err("each engine can be named once".into());
    }
    Ok(args)
}

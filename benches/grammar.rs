//! Masks of grammars, regular expressions and choices, beside llguidance, in one run.
//!
//! ```text
//! cargo bench --bench grammar -- TOKENIZER [PART OF A CASE'S NAME]
//! ```
//!
//! The tokenizer is a tokenizer.json, plain or .gz. Grammars are in Lark's notation, so that both engines read the same
//! text. Documents are made here, and cut into the longest tokens that fit; a case of two sizes shows whether a token's
//! cost grows with the document.
//!
//! - TTFM: from the grammar's text to the first mask, the median of five; tables of the tokenizer are built before. "New"
//!   is the same with an engine that has seen no constraint: others keep what becomes of the vocabulary in a lexeme.
//! - TBM: the mask and the commit of each token, the first time that the compiled grammar sees the document, so with
//!   caches that hold what the document itself has put there; the median of three runs, each with a new compile and an
//!   engine that has seen no constraint. The last columns are a second document of the same kind with the same compiled
//!   grammar.

mod tokens;

use std::{hint::black_box, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, bail, ensure};
use espalier::{
    frontend::{Constraint, Dialect, Notation, Policy, Written},
    matcher::{Engine, Program},
    vocab::{TokenId, TokenizerOptions, Vocabulary},
};
use llguidance::{ParserFactory, api::TopLevelGrammar, earley::SlicedBiasComputer};
use tokens::cut;
use toktrie_hf_tokenizers::ByteTokenizer;

struct Case {
    name: String,
    ours: Constraint,
    /// What llguidance reads.
    lark: String,
    documents: [String; 2],
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some(file) = words.first() else { bail!("usage: cargo bench --bench grammar -- TOKENIZER [CASE]") };
    let tokenizer = read(Path::new(file))?;
    let vocabulary = Arc::new(Vocabulary::from_tokenizer_json("bench", &tokenizer, &TokenizerOptions::default())?);
    let engine = Engine::new(vocabulary.clone());
    let environment = ByteTokenizer::from_json_bytes(&tokenizer)?.into_tok_env(None)?;
    let slices = SlicedBiasComputer::json_slices();
    let mut factory = ParserFactory::new(&environment, Default::default(), &slices).context("llguidance")?;
    factory.quiet();
    println!(
        "| case | tokens | TTFM, us | llguidance | ratio | new, us | TBM avg, us | llguidance | ratio | p99 | llguidance | ratio | again avg | llguidance |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let only = words.get(1).map_or("", String::as_str);
    for case in cases()?.into_iter().filter(|case| case.name.contains(only)) {
        let documents: Vec<Vec<TokenId>> =
            case.documents.iter().map(|text| cut(&vocabulary, text.as_bytes())).collect::<anyhow::Result<_>>()?;
        let kept = || Espalier::compile(&engine, &case.ours);
        let fresh = || Espalier::compile(&engine.emptied(), &case.ours);
        let ours = measure(&documents, kept, fresh).with_context(|| case.name.clone())?;
        let mut new = Vec::new();
        for _ in 0..5 {
            let engine = engine.emptied();
            let begun = Instant::now();
            Espalier::compile(&engine, &case.ours)?.first()?;
            new.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        let peer = || Peer::compile(&factory, &case.lark);
        let theirs = measure(&documents, peer, peer);
        let cell = |of: fn(&Times) -> f64| match &theirs {
            Ok(theirs) => (format!("{:.2}", of(theirs)), format!("{:.3}", of(&ours) / of(theirs))),
            Err(_) => ("refused".to_owned(), String::new()),
        };
        let (first, avg, p99) = (cell(|times| times.first), cell(|times| times.avg), cell(|times| times.p99));
        println!(
            "| {} | {} | {:.1} | {} | {} | {:.1} | {:.2} | {} | {} | {:.2} | {} | {} | {:.2} | {} |",
            case.name,
            documents[0].len(),
            ours.first,
            first.0,
            first.1,
            median(new),
            ours.avg,
            avg.0,
            avg.1,
            ours.p99,
            p99.0,
            p99.1,
            ours.again,
            cell(|times| times.again).0
        );
        if let Err(error) = theirs {
            println!("llguidance on {}: {error:#}", case.name);
        }
    }
    Ok(())
}

/// A compiled grammar with one answer in the making.
trait Subject {
    /// The first mask of a new answer.
    fn first(&mut self) -> anyhow::Result<()>;

    /// A new answer.
    fn restart(&mut self);

    /// The mask, and the commit of a token.
    fn step(&mut self, token: TokenId) -> bool;

    fn may_end(&mut self) -> bool;
}

struct Espalier {
    program: Arc<Program>,
    matcher: espalier::matcher::Matcher,
}

impl Espalier {
    fn compile(engine: &Arc<Engine>, constraint: &Constraint) -> anyhow::Result<Self> {
        let program = engine.compile(constraint, Policy::default())?;
        let matcher = program.matcher();
        Ok(Self { program, matcher })
    }
}

impl Subject for Espalier {
    fn first(&mut self) -> anyhow::Result<()> {
        black_box(self.matcher.mask());
        Ok(())
    }

    fn restart(&mut self) {
        self.matcher = self.program.matcher();
    }

    fn step(&mut self, token: TokenId) -> bool {
        black_box(self.matcher.mask()).contains(token) && self.matcher.accept(token).is_ok()
    }

    fn may_end(&mut self) -> bool {
        self.matcher.is_accepting()
    }
}

struct Peer {
    fresh: llguidance::Matcher,
    matcher: llguidance::Matcher,
}

impl Peer {
    fn compile(factory: &ParserFactory, lark: &str) -> anyhow::Result<Self> {
        let matcher = llguidance::Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(lark.to_owned())));
        ensure!(!matcher.is_error(), "{}", matcher.get_error().unwrap_or_default());
        Ok(Self { fresh: matcher.deep_clone(), matcher })
    }
}

impl Subject for Peer {
    fn first(&mut self) -> anyhow::Result<()> {
        black_box(self.matcher.compute_mask()?);
        Ok(())
    }

    /// Its lexer is shared with what was compiled, so what it learnt is kept.
    fn restart(&mut self) {
        self.matcher = self.fresh.clone();
    }

    fn step(&mut self, token: TokenId) -> bool {
        self.matcher.compute_mask().is_ok_and(|mask| black_box(mask).is_allowed(token))
            && self.matcher.consume_token(token).is_ok()
    }

    fn may_end(&mut self) -> bool {
        self.matcher.is_accepting().unwrap_or(false)
    }
}

/// In microseconds.
struct Times {
    first: f64,
    avg: f64,
    p99: f64,
    again: f64,
}

fn measure<S: Subject>(
    documents: &[Vec<TokenId>],
    mut compile: impl FnMut() -> anyhow::Result<S>,
    mut compile_anew: impl FnMut() -> anyhow::Result<S>,
) -> anyhow::Result<Times> {
    let mut firsts = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let mut subject = compile()?;
        subject.first()?;
        firsts.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    let mut runs: Vec<(f64, f64, f64)> = Vec::new();
    for _ in 0..3 {
        let mut subject = compile_anew()?;
        let mut times = run(&mut subject, &documents[0])?;
        subject.restart();
        let again = average(&run(&mut subject, &documents[1])?);
        let avg = average(&times);
        times.sort_by(f64::total_cmp);
        runs.push((avg, times[(times.len() - 1) * 99 / 100], again));
    }
    Ok(Times {
        first: median(firsts),
        avg: median(runs.iter().map(|run| run.0).collect()),
        p99: median(runs.iter().map(|run| run.1).collect()),
        again: median(runs.iter().map(|run| run.2).collect()),
    })
}

fn run(subject: &mut impl Subject, tokens: &[TokenId]) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::with_capacity(tokens.len());
    for (place, token) in tokens.iter().enumerate() {
        let begun = Instant::now();
        let taken = subject.step(*token);
        times.push(begun.elapsed().as_secs_f64() * 1e6);
        ensure!(taken, "token {place} of a valid document is refused");
    }
    ensure!(subject.may_end(), "a valid document is not accepted");
    Ok(times)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn average(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut plain)?;
    Ok(plain)
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

fn grammar(name: &str, text: &str, documents: [String; 2]) -> Case {
    let ours = Constraint::Written(Written::new(Notation::Lark, text));
    Case { name: name.to_owned(), ours, lark: text.to_owned(), documents }
}

fn cases() -> anyhow::Result<Vec<Case>> {
    let builtin =
        |name: &str| std::fs::read_to_string(format!("{}/grammars/lark/{name}.lark", env!("CARGO_MANIFEST_DIR")));
    let (json, arithmetic, pgn, csv) = (builtin("json")?, builtin("arithmetic")?, builtin("pgn")?, builtin("csv")?);
    let two = |make: fn(usize, u64) -> String, size| [make(size, 1), make(size, 2)];
    let mut all = vec![
        grammar("arithmetic, 10 kB", &arithmetic, two(sums, 10_000)),
        grammar("arithmetic, 100 kB", &arithmetic, two(sums, 100_000)),
        grammar("JSON, 10 kB", &json, two(records, 10_000)),
        grammar("JSON, 100 kB", &json, two(records, 100_000)),
        grammar("queries, 10 kB", QUERIES, two(queries, 10_000)),
        grammar("programs, 10 kB", PROGRAMS, two(programs, 10_000)),
        grammar("programs, 100 kB", PROGRAMS, two(programs, 100_000)),
        grammar("chess games, 10 kB", &pgn, two(games, 10_000)),
        grammar("CSV, 10 kB", &csv, two(tables, 10_000)),
    ];
    for (name, pattern, documents) in [
        ("an e-mail address", r"[a-z0-9._]{1,30}@[a-z0-9]{1,20}\.(com|org|net)", ["ann.b@example.com", "x_1@y.org"]),
        ("a bounded text", "[^\"\\n]{1,400}", ["It is a long way to the end of the pier, and back.", "No, thank you."]),
        (
            "a date and words",
            r"\d{4}-\d{2}-\d{2}: [A-Za-z ,]{10,200}\.",
            ["2024-05-17: we came late, as ever.", "1999-01-01: it rained all day."],
        ),
        ("hex words", "(0x[0-9a-f]{8} ){1,40}", ["0x00ff12ab 0xdeadbeef ", "0x12345678 "]),
    ] {
        all.push(Case {
            name: name.to_owned(),
            ours: Constraint::Written(Written::new(Notation::Regex(Dialect::Rust), pattern)),
            lark: format!("start: /{pattern}/"),
            documents: documents.map(str::to_owned),
        });
    }
    let mut dice = Dice(9);
    let texts: Vec<String> = (0..10_000)
        .map(|number| {
            format!(
                "{} {} {number}",
                dice.pick(&["red", "green", "dark blue"]),
                dice.pick(&["house", "boat", "bicycle"])
            )
        })
        .collect();
    let alternatives: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    all.push(Case {
        name: "10,000 choices".to_owned(),
        ours: Constraint::Written(Written::new(Notation::Choice, serde_json::to_string(&texts)?)),
        lark: format!("start: CHOICE\nCHOICE: {}", alternatives.join("\n  | ")),
        documents: [texts[4_711].clone(), texts[815].clone()],
    });
    Ok(all)
}

/// A language of queries, keywords in capitals.
const QUERIES: &str = r#"
start: query (";" query)* ";"
query: "SELECT" columns "FROM" source ("WHERE" condition)? ("GROUP" "BY" columns)? ("ORDER" "BY" order)? ("LIMIT" NUMBER)?
columns: column ("," column)*
column: expression ("AS" NAME)?
source: NAME NAME? join*
join: ("LEFT" | "INNER")? "JOIN" NAME NAME? "ON" condition
order: expression ("ASC" | "DESC")? ("," expression ("ASC" | "DESC")?)*
condition: conjunction ("OR" conjunction)*
conjunction: comparison ("AND" comparison)*
comparison: expression (("=" | "<>" | "<=" | ">=" | "<" | ">" | "LIKE") expression)? | "NOT" comparison
expression: term (("+" | "-") term)*
term: factor (("*" | "/") factor)*
factor: NUMBER | STRING | NAME ("." NAME)? | NAME "(" (expression ("," expression)*)? ")" | "(" condition ")" | "(" query ")"
NAME: /[a-z_][a-z0-9_]*/
NUMBER: /[0-9]+(\.[0-9]+)?/
STRING: /'([^'\n]|'')*'/
BLANK: /[ \t\n]+/
%ignore BLANK
"#;

/// A small language of programs, with blocks, functions, calls and comments.
const PROGRAMS: &str = r#"
start: statement*
statement: "let" NAME "=" expression ";" | "if" "(" expression ")" block ("else" block)? | "while" "(" expression ")" block
    | "fn" NAME "(" (NAME ("," NAME)*)? ")" block | "return" expression? ";" | expression ("=" expression)? ";"
block: "{" statement* "}"
expression: conjunction ("||" conjunction)*
conjunction: comparison ("&&" comparison)*
comparison: sum (("==" | "!=" | "<" | ">") sum)?
sum: product (("+" | "-") product)*
product: unary (("*" | "/" | "%") unary)*
unary: ("-" | "!") unary | postfix
postfix: primary ("(" (expression ("," expression)*)? ")" | "[" expression "]" | "." NAME)*
primary: NUMBER | STRING | NAME | "(" expression ")" | "[" (expression ("," expression)*)? "]" | "{" (NAME ":" expression ("," NAME ":" expression)*)? "}"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
NUMBER: /[0-9]+(\.[0-9]+)?/
STRING: /"([^"\\\n]|\\.)*"/
COMMENT: /\/\/[^\n]*\n/
BLANK: /[ \t\n]+/
%ignore BLANK
%ignore COMMENT
"#;

const NAMES: &[&str] = &["total", "price", "i", "count_of_items", "x1", "customer", "result", "left", "index", "name"];
const WORDS: &[&str] = &["a quiet day", "the old harbour", "nothing", "seven \\\"times\\\" over", "it was late", "ok"];

fn sum(dice: &mut Dice, depth: usize) -> String {
    match dice.roll(if depth == 0 { 2 } else { 6 }) {
        0 => dice.pick(NAMES).to_owned(),
        1 => format!("{}.{}", dice.roll(1_000), dice.roll(90)),
        2 => format!("({})", sum(dice, depth - 1)),
        3 => format!("max({}, {})", sum(dice, depth - 1), sum(dice, depth - 1)),
        _ => format!("{} {} {}", sum(dice, depth - 1), dice.pick(&["+", "-", "*", "/"]), sum(dice, depth - 1)),
    }
}

fn sums(size: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = sum(&mut dice, 4);
    while text.len() < size {
        text += &format!(" {} {}", dice.pick(&["+", "-", "*"]), sum(&mut dice, 5));
    }
    text
}

fn records(size: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let (mut items, mut length) = (Vec::new(), 0);
    while length < size {
        let item = format!(
            "{{\"id\": {}, \"{}\": \"{}\", \"tags\": [\"{}\", {}, true], \"at\": {{\"x\": -{}.5e3, \"y\": null}}}}",
            dice.roll(100_000),
            dice.pick(NAMES),
            dice.pick(WORDS),
            dice.pick(NAMES),
            dice.roll(10),
            dice.roll(99)
        );
        length += item.len();
        items.push(item);
    }
    format!("[{}]", items.join(",\n "))
}

fn queries(size: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = String::new();
    while text.len() < size {
        text += &format!(
            "SELECT {}, count({}) AS n FROM {} a LEFT JOIN {} b ON a.{} = b.{} WHERE {} > {} AND NOT b.{} LIKE '{}' GROUP BY {} ORDER BY {} DESC LIMIT {};\n",
            dice.pick(NAMES),
            dice.pick(NAMES),
            dice.pick(NAMES),
            dice.pick(NAMES),
            dice.pick(NAMES),
            dice.pick(NAMES),
            sum(&mut dice, 2),
            dice.roll(500),
            dice.pick(NAMES),
            dice.pick(&["%late%", "it''s", "x"]),
            dice.pick(NAMES),
            dice.pick(NAMES),
            dice.roll(100)
        );
    }
    text.trim_end().to_owned()
}

fn block(dice: &mut Dice, depth: usize, indent: usize, text: &mut String) {
    let pad = "    ".repeat(indent);
    for _ in 0..=dice.roll(4) {
        match dice.roll(if depth == 0 { 3 } else { 7 }) {
            0 => *text += &format!("{pad}let {} = {};\n", dice.pick(NAMES), sum(dice, 2)),
            1 => {
                *text += &format!(
                    "{pad}{}.{}(\"{}\", [{}, {}]);\n",
                    dice.pick(NAMES),
                    dice.pick(NAMES),
                    dice.pick(WORDS),
                    dice.roll(9),
                    sum(dice, 1)
                )
            }
            2 => {
                *text += &format!(
                    "{pad}{}[{}] = {{{}: {}}}; // {}\n",
                    dice.pick(NAMES),
                    dice.pick(NAMES),
                    dice.pick(NAMES),
                    sum(dice, 1),
                    dice.pick(&["why not", "see above"])
                )
            }
            3 | 4 => {
                *text += &format!("{pad}if ({} == {} && !{}) {{\n", dice.pick(NAMES), dice.roll(50), dice.pick(NAMES));
                block(dice, depth - 1, indent + 1, text);
                *text += &format!("{pad}}} else {{\n");
                block(dice, depth - 1, indent + 1, text);
                *text += &format!("{pad}}}\n");
            }
            5 => {
                *text += &format!("{pad}while ({} < {}) {{\n", dice.pick(NAMES), sum(dice, 1));
                block(dice, depth - 1, indent + 1, text);
                *text += &format!("{pad}}}\n");
            }
            _ => *text += &format!("{pad}return {};\n", sum(dice, 2)),
        }
    }
}

fn programs(size: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = String::new();
    while text.len() < size {
        text += &format!("fn {}({}, {}) {{\n", dice.pick(NAMES), dice.pick(NAMES), dice.pick(NAMES));
        block(&mut dice, 3, 1, &mut text);
        text += "}\n\n";
    }
    text.trim_end().to_owned()
}

fn games(size: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = "[Event \"Open\"]\n[Round \"3\"]\n\n".to_owned();
    let moves = ["e4", "Nf3", "Bxb5+", "O-O", "dxe5", "Qd8", "Rfe1", "e8=Q#", "Kg2", "Nbd7"];
    let mut number = 1;
    while text.len() < size {
        text += &format!("{number}. {} {} ", dice.pick(&moves), dice.pick(&moves));
        if dice.roll(8) == 0 {
            text += "{a quiet move} ";
        }
        number += 1;
    }
    text + "1-0"
}

fn tables(size: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = "id,name,remark\r\n".to_owned();
    while text.len() < size {
        text += &format!(
            "{},{},\"{}, \"\"{}\"\"\"\r\n",
            dice.roll(10_000),
            dice.pick(NAMES),
            dice.pick(NAMES),
            dice.pick(NAMES)
        );
    }
    text
}

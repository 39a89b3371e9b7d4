//! The official test suite, all drafts: each test's instance as text against its schema.
//!
//! Schemas without `$schema` get that of their draft; the suite's remote documents are registered under the URIs that
//! it uses for them. A schema that is refused as unsatisfiable is judged like one that accepts nothing.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use espalier::{
    frontend::{Constraint, DiagnosticKind, Formats, JsonSchema, Policy},
    matcher::{Engine, Program},
    schema::Documents,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{archive, bytes_engine, judge, ratchet, ratchet::Counts, shared};

const DRAFTS: &[(&str, &str)] = &[
    ("draft4", "http://json-schema.org/draft-04/schema#"),
    ("draft6", "http://json-schema.org/draft-06/schema#"),
    ("draft7", "http://json-schema.org/draft-07/schema#"),
    ("draft2019-09", "https://json-schema.org/draft/2019-09/schema"),
    ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
];

#[derive(Deserialize)]
struct Group {
    description: String,
    schema: Box<RawValue>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    description: String,
    data: Box<RawValue>,
    valid: bool,
}

/// The three parts of a draft's tests that are counted apart.
fn part(file: &str) -> &'static str {
    match file {
        file if file.starts_with("optional/format/") => "formats",
        file if file.starts_with("optional/") => "optional",
        _ => "required",
    }
}

/// The schema's text with its draft declared.
fn declared(schema: &RawValue, draft: &str) -> String {
    let text = schema.get();
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    match value.as_object() {
        Some(members) if members.is_empty() => format!("{{\"$schema\": \"{draft}\"}}"),
        Some(members) if !members.contains_key("$schema") => format!("{{\"$schema\": \"{draft}\",{}", &text[1..]),
        _ => text.to_owned(),
    }
}

struct Suite {
    files: BTreeMap<String, Vec<u8>>,
    documents: Documents,
    engine: Arc<Engine>,
    /// Why schemas were refused, with the number of tests that this took along.
    reasons: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Suite {
    fn open() -> Option<Self> {
        let files: BTreeMap<_, _> =
            archive::files(&shared("data/json-schema-test-suite.tar.gz")?).into_iter().collect();
        let remote = |(name, bytes): (&String, &Vec<u8>)| {
            let path = name.strip_prefix("remotes/")?;
            let text = String::from_utf8(bytes.clone()).unwrap();
            (path.ends_with(".json")).then(|| (format!("http://localhost:1234/{path}"), text))
        };
        let documents = Documents::new(files.iter().filter_map(remote));
        Some(Self { files, documents, engine: bytes_engine(), reasons: BTreeMap::new(), wrong: Vec::new() })
    }

    /// The suite's own `format.json` holds that formats are annotations; those that assert them stand apart.
    fn compile(&self, file: &str, schema: String) -> Result<Arc<Program>, espalier::frontend::Diagnostic> {
        let schema = JsonSchema { text: schema.into(), documents: self.documents.clone() };
        let annotate = file.ends_with("/format.json") && !file.contains("optional");
        let formats = if annotate { Formats::Annotate } else { Formats::Assert };
        self.engine.compile(&Constraint::JsonSchema(schema), Policy { formats, ..Policy::LENIENT })
    }

    fn run(&mut self, file: &str, groups: &[Group], draft: &str) -> Counts {
        let mut counts = Counts::default();
        for group in groups {
            let started = Instant::now();
            let program = match self.compile(file, declared(&group.schema, draft)) {
                Ok(program) => Some(program),
                Err(refusal) if refusal.kind == DiagnosticKind::Unsatisfiable => None,
                Err(refusal) => {
                    let place = refusal.pointer.unwrap_or_default();
                    let word = place.rsplit('/').next().unwrap_or_default();
                    let reason = format!("{word}: {}", refusal.message.chars().take(90).collect::<String>());
                    *self.reasons.entry(reason).or_default() += group.tests.len();
                    counts.not_compiled += group.tests.len() as u64;
                    continue;
                }
            };
            for test in &group.tests {
                let (accepted, taken) = program.as_ref().map_or((false, 0), |program| judge(program, test.data.get()));
                match (accepted, test.valid) {
                    (true, false) => counts.wrongly_accepted += 1,
                    (false, true) => counts.wrongly_refused += 1,
                    _ => counts.pass += 1,
                }
                if accepted != test.valid {
                    let verdict = if accepted { "wrongly accepted" } else { "wrongly refused" };
                    self.wrong.push(format!(
                        "{file}: {}: {}: {verdict} at {taken} of {}: {}",
                        group.description,
                        test.description,
                        test.data.get().len(),
                        test.data.get().chars().take(60).collect::<String>()
                    ));
                }
            }
            let took = started.elapsed();
            if took.as_millis() > 200 {
                println!("slow: {file}: {}: {took:?}", group.description);
            }
        }
        counts
    }
}

#[test]
fn official_suite() {
    let Some(mut suite) = Suite::open() else {
        println!("SKIPPED: no official JSON Schema test suite");
        return;
    };
    let files = std::mem::take(&mut suite.files);
    let mut counts = BTreeMap::new();
    let mut parts: BTreeMap<(usize, &str), Counts> = BTreeMap::new();
    for (number, (draft, uri)) in DRAFTS.iter().enumerate() {
        let folder = format!("tests/{draft}/");
        for (name, bytes) in files.range(folder.clone()..) {
            let Some(file) = name.strip_prefix(&folder) else { break };
            let groups: Vec<Group> = serde_json::from_slice(bytes).unwrap();
            let name = format!("{draft}/{file}");
            let now = suite.run(&name, &groups, uri);
            parts.entry((number, part(file))).or_default().add(now);
            counts.insert(name, now);
        }
    }
    println!("{:28}{:>7}{:>7}{:>9}{:>10}{:>10}{:>8}", "tests", "", "pass", "", "accepted", "refused", "not");
    println!("{:28}{:>7}{:>7}{:>9}{:>10}{:>10}{:>8}", "", "all", "", "", "wrongly", "wrongly", "compiled");
    for ((number, part), now) in &parts {
        let share = format!("{:.1} %", 100.0 * now.pass as f64 / now.total() as f64);
        let name = format!("{} {part}", DRAFTS[*number].0);
        let Counts { pass, wrongly_accepted, wrongly_refused, not_compiled } = now;
        println!(
            "{name:28}{:>7}{pass:>7}{share:>9}{wrongly_accepted:>10}{wrongly_refused:>10}{not_compiled:>8}",
            now.total()
        );
    }
    println!("not compiled, by reason: {:#?}", suite.reasons);
    println!("{} wrong verdicts:\n{}", suite.wrong.len(), suite.wrong.join("\n"));
    ratchet::hold("official suite", &counts);
}

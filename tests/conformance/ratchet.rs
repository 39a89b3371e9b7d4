//! Counts of verdicts, and the file that they are held against.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

/// What came of the tests of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub pass: u64,
    pub wrongly_accepted: u64,
    pub wrongly_refused: u64,
    /// The schema was refused.
    pub not_compiled: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.pass += other.pass;
        self.wrongly_accepted += other.wrongly_accepted;
        self.wrongly_refused += other.wrongly_refused;
        self.not_compiled += other.not_compiled;
    }

    pub fn total(self) -> u64 {
        self.pass + self.wrongly_accepted + self.wrongly_refused + self.not_compiled
    }

    fn from_json(value: &Value) -> Self {
        let count = |index: usize| value[index].as_u64().expect("expected.json holds four numbers for each file");
        Self { pass: count(0), wrongly_accepted: count(1), wrongly_refused: count(2), not_compiled: count(3) }
    }

    fn to_json(self) -> Value {
        json!([self.pass, self.wrongly_accepted, self.wrongly_refused, self.not_compiled])
    }

    fn worse_than(self, before: Self) -> bool {
        self.pass < before.pass
            || self.wrongly_accepted > before.wrongly_accepted
            || self.wrongly_refused > before.wrongly_refused
            || self.not_compiled > before.not_compiled
    }
}

/// Holds counts against a section of the file.
///
/// # Panics
/// If any is worse than recorded.
pub fn hold(section: &str, counts: &BTreeMap<String, Counts>) {
    // Sections are written by tests that run side by side.
    static FILE: Mutex<()> = Mutex::new(());
    let guard = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/expected.json");
    let mut expected: BTreeMap<String, BTreeMap<String, Value>> = match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => BTreeMap::new(),
    };
    let before = expected.remove(section).unwrap_or_default();
    let (mut worse, mut better) = (String::new(), String::new());
    for (file, now) in counts {
        let then = before.get(file).map(Counts::from_json);
        if then == Some(*now) {
            continue;
        }
        let list = if then.is_some_and(|then| now.worse_than(then)) { &mut worse } else { &mut better };
        writeln!(list, "  {section} {file}: {now:?}, recorded {then:?}").unwrap();
    }
    for file in before.keys().filter(|file| !counts.contains_key(*file)) {
        writeln!(worse, "  {section} {file} was not run").unwrap();
    }
    if worse.is_empty() && !better.is_empty() {
        if std::env::var_os("ESPALIER_RECORD").is_some() {
            let section_counts = counts.iter().map(|(file, now)| (file.clone(), now.to_json())).collect();
            expected.insert(section.to_owned(), section_counts);
            std::fs::write(&path, text(&expected)).unwrap();
            println!("recorded:\n{better}");
        } else {
            println!("better than recorded; ESPALIER_RECORD=1 writes it down:\n{better}");
        }
    }
    // Let go first, or the other sections fail with this one.
    drop(guard);
    assert!(worse.is_empty(), "worse than recorded (pass, wrongly accepted, wrongly refused, not compiled):\n{worse}");
}

/// A line for each file.
fn text(expected: &BTreeMap<String, BTreeMap<String, Value>>) -> String {
    let section = |(name, files): (&String, &BTreeMap<String, Value>)| {
        let lines: Vec<String> = files.iter().map(|(file, counts)| format!("    {}: {counts}", json!(file))).collect();
        format!("  {}: {{\n{}\n  }}", json!(name), lines.join(",\n"))
    };
    format!("{{\n{}\n}}\n", expected.iter().map(section).collect::<Vec<_>>().join(",\n"))
}

//! Grammars that come along, by name: `@csv` stands for the grammar of `grammars/lark/csv.lark`.
//!
//! A name may stand in the place of a Lark grammar, and within one in the place of a rule, as `%lark { .. }` does. In a rule,
//! where names have no `-`, `_` is as good.

use super::{Diagnostic, DiagnosticKind};

macro_rules! grammars {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../grammars/lark/", $name, ".lark")))),*]
    };
}

/// Names and grammars, in the order of the names.
pub const GRAMMARS: &[(&str, &str)] =
    grammars!["arithmetic", "csv", "ini", "iso-date", "json", "lua", "pgn", "python-literal", "toml", "uri",];

/// The grammar of this name.
pub fn find(name: &str) -> Option<&'static str> {
    let name = name.replace('_', "-");
    GRAMMARS.iter().find(|(known, _)| *known == name).map(|(_, grammar)| *grammar)
}

/// What a grammar is of, by the first sentence of its head.
pub fn about(grammar: &str) -> String {
    let head = grammar.lines().map_while(|line| line.strip_prefix("// "));
    let head: Vec<&str> = head.take_while(|line| !line.starts_with("accepts ")).collect();
    let head = head.join(" ");
    head.split_once(". ").map_or(&*head, |(sentence, _)| sentence).trim_end_matches('.').to_owned()
}

/// The name that a text consists of behind its `@`, if it is nothing else.
pub fn name_in(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix('@')?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// There is no such grammar: with the name that is nearest.
pub fn unknown(name: &str) -> Diagnostic {
    let why = Diagnostic::new(DiagnosticKind::Invalid, format!("there is no built-in grammar \"@{name}\""));
    let nearest = GRAMMARS.iter().map(|(known, _)| (distance(name, known), *known)).min();
    match nearest {
        Some((distance, known)) if distance <= 2.max(known.len() / 2) => why.hinted(format!("@{known} is the nearest")),
        _ => {
            let names: Vec<String> = GRAMMARS.iter().map(|(known, _)| format!("@{known}")).collect();
            why.hinted(format!("there are {}", names.join(", ")))
        }
    }
}

/// In how many letters two words differ.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let changed = corner + usize::from(letter != *other);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::{Notation, Written, membership};

    #[test]
    fn names_stand_for_grammars() {
        for (name, _) in GRAMMARS {
            Written::new(Notation::Lark, format!("@{name}\n")).read().unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        let table =
            Written::new(Notation::Lark, "start: \"<\" (@csv | @iso_date) \">\"").read().expect("both are there");
        assert!(membership::accepts(&table, b"<a,b>"));
        assert!(membership::accepts(&table, b"<2024-02-29>"));
        assert!(!membership::accepts(&table, b"<a\"b>"));
        assert_eq!(
            about(find("csv").expect("it is there")),
            "Comma-separated values as RFC 4180 has them; a line may end with a line feed alone"
        );
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest() {
        let refused = |text: &str| Written::new(Notation::Lark, text).read().expect_err("there is none").to_string();
        assert!(refused("@cvs").contains("@csv is the nearest"), "{}", refused("@cvs"));
        assert!(refused("@haskell").contains("@arithmetic, @csv"));
        assert!(refused("start: @tomll").contains("@toml is the nearest"));
    }
}

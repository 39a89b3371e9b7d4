//! SQL from its constraint to its verdicts, and walks through its mask.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::SqlDemand;
use crate::{
    automaton::{Recognizer, sql::Sql},
    budget::{Budget, Limits},
};

#[derive(Deserialize)]
struct Cases {
    catalog: String,
    accepted: Vec<String>,
    refused: Vec<String>,
    told: BTreeMap<String, String>,
}

fn cases() -> Cases {
    toml::from_str(include_str!("../../../tests/cases/sql.toml")).expect("the cases are well-formed")
}

fn machine(catalog: &str, narrow: bool) -> Sql {
    let demand = SqlDemand { dialect: "sqlite".into(), catalog: catalog.into() };
    let plan = demand.read().expect("the catalog is well-formed");
    Sql::new(Arc::new(plan.narrowed(narrow)), Budget::new(Limits::default()))
}

/// None: accepted. Otherwise why not.
fn refusal(sql: &mut Sql, text: &str) -> Option<String> {
    sql.begin();
    let mut state = sql.start();
    let taken = sql.read(&mut state, text.as_bytes());
    let is_accepted = taken == text.len() && sql.accepts(state);
    assert!(sql.fault().is_none());
    (!is_accepted).then(|| sql.explain(state))
}

#[test]
fn queries_are_accepted_as_the_database_does() {
    let cases = cases();
    let mut sql = machine(&cases.catalog, false);
    for text in &cases.accepted {
        assert_eq!(refusal(&mut sql, text), None, "{text}");
    }
    for text in &cases.refused {
        assert!(refusal(&mut sql, text).is_some(), "{text}");
    }
}

#[test]
fn a_refusal_names_the_name_and_one_like_it() {
    let cases = cases();
    let mut sql = machine(&cases.catalog, false);
    for (text, told) in &cases.told {
        let why = refusal(&mut sql, text).unwrap_or_default();
        assert!(why.contains(told), "{text}: {why}");
    }
}

/// Whatever generation may write, the check takes, and every place has a way home.
#[test]
fn random_queries_are_valid_and_come_home() {
    let catalog = cases().catalog;
    let (mut narrow, mut wide) = (machine(&catalog, true), machine(&catalog, false));
    let mut seed = 1_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 20) as usize
    };
    let mut came = 0;
    for _ in 0..25 {
        narrow.begin();
        let (mut state, mut text) = (narrow.start(), Vec::new());
        for _ in 0..50 {
            narrow.begin();
            let next: Vec<u8> = (b' '..=b'z').filter(|byte| narrow.step(state, *byte).is_some()).collect();
            if next.is_empty() {
                break;
            }
            let byte = next[random() % next.len()];
            let behind = narrow.step(state, byte).expect("it was offered");
            // As the matcher does where places without a way home may be met.
            if narrow.home(behind).is_some() {
                state = behind;
                text.push(byte);
            }
        }
        let rest = narrow.home(state).expect("a way was known before each byte");
        text.extend_from_slice(&rest);
        let text = String::from_utf8(text).expect("whole characters were read");
        assert_eq!(refusal(&mut narrow, &text), None, "{text}");
        assert_eq!(refusal(&mut wide, &text), None, "{text}");
        came += 1;
    }
    assert_eq!(came, 25);
}

#[test]
fn columns_before_from_are_owed() {
    let mut sql = machine(&cases().catalog, true);
    let mut takes = |text: &str| {
        let mut state = sql.start();
        sql.read(&mut state, text.as_bytes()) == text.len()
    };
    assert!(takes("SELECT T1.title, T1.id FROM dept AS T1 "));
    assert!(!takes("SELECT T1.title, T1.id FROM emp AS T1 "), "emp has no title");
    assert!(!takes("SELECT T1.title, T1.salary"), "no table has both");
    assert!(!takes("SELECT title FROM emp WHERE "), "title is still owed");
    assert!(takes("SELECT title FROM emp JOIN dept"));
    assert!(!takes("SELECT id FROM emp JOIN dept"), "id would be ambiguous");
    assert!(!takes("SELECT \"titel\""), "no text is meant");
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let why = |dialect: &str, catalog: &str| {
        let demand = SqlDemand { dialect: dialect.into(), catalog: catalog.into() };
        demand.read().err().map(|why| why.to_string()).unwrap_or_default()
    };
    assert!(why("mysql", "").contains("\"mysql\" is not built (those that are: sqlite)"), "{}", why("mysql", ""));
    assert!(why("sqlite", "SELECT 1;\nCREATE TABLE").contains("line 2"));
    assert_eq!(
        why("sqlite", "CREATE TABLE a (b INT DEFAULT '0'::bigint NOT NULL, c x.y(3), PRIMARY KEY (b)); DROP TABLE z"),
        ""
    );
}

//! Dialects as `grammars/sql` describes them.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::automaton::sql::{Dialect, Function, Kind, Names, Network, Table};

const BASE: &str = include_str!("../../../grammars/sql/base.toml");
/// The dialects that are built, by name.
const DIALECTS: &[(&str, &str)] = &[("sqlite", include_str!("../../../grammars/sql/sqlite.toml"))];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    rules: BTreeMap<Box<str>, Box<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlay {
    #[serde(rename = "name")]
    _name: Box<str>,
    features: Vec<Box<str>>,
    #[serde(default)]
    rules: BTreeMap<Box<str>, Box<str>>,
    reserved: Box<str>,
    no_alias: Box<str>,
    soft: Box<str>,
    quotes: Vec<Box<str>>,
    unknown_quoted_is_string: bool,
    rowid: Vec<Box<str>>,
    constants: Vec<Box<str>>,
    schemas: Vec<Box<str>>,
    collations: Vec<Box<str>>,
    types: Vec<Box<str>>,
    functions: BTreeMap<Box<str>, Box<str>>,
    aggregates: BTreeMap<Box<str>, Box<str>>,
    windows: BTreeMap<Box<str>, Box<str>>,
    table_functions: BTreeMap<Box<str>, Vec<Box<str>>>,
    system_tables: BTreeMap<Box<str>, Vec<Box<str>>>,
}

/// The names of the dialects that are built.
pub fn names() -> Vec<&'static str> {
    DIALECTS.iter().map(|(name, _)| *name).collect()
}

/// A dialect, and the tables that every catalog has. None: it is not built.
///
/// # Panics
/// If what is built in is malformed, which tests rule out.
pub fn read(name: &str) -> Option<(Dialect, Vec<Table>)> {
    let (_, text) = DIALECTS.iter().find(|(known, _)| *known == name)?;
    let overlay: Overlay = toml::from_str(text).expect("the dialects that are built in are well-formed");
    let base: Rules = toml::from_str(BASE).expect("the rules that are built in are well-formed");
    let mut names = Names::default();
    let features: FxHashSet<Box<str>> = overlay.features.iter().cloned().collect();
    let mut rules = base.rules;
    rules.extend(overlay.rules);
    let rules: Vec<(Box<str>, Box<str>)> = rules.into_iter().collect();
    let network = Network::new(&rules, &features, &mut names).expect("the rules that are built in are well-formed");
    let mut functions = Vec::new();
    let kinds =
        [(overlay.functions, Kind::Scalar), (overlay.aggregates, Kind::Aggregate), (overlay.windows, Kind::Window)];
    for (kind, arity) in kinds.iter().flat_map(|(all, kind)| all.iter().map(move |one| (*kind, one))) {
        let (least, most) = arguments(arity.1).expect("the functions that are built in are well-formed");
        functions.push(Function { name: names.folded(arity.0), kind, least, most });
    }
    let mut words = |text: &str| text.split_whitespace().map(|word| names.folded(word)).collect::<Vec<u32>>();
    let (reserved, no_alias, soft) = (words(&overlay.reserved), words(&overlay.no_alias), words(&overlay.soft));
    let mut all = |texts: &[Box<str>]| texts.iter().map(|text| names.folded(text)).collect::<Vec<u32>>();
    let lists = [&overlay.rowid, &overlay.constants, &overlay.schemas, &overlay.collations, &overlay.types];
    let [rowid, constants, schemas, collations, types] = lists.map(|list| all(list));
    let mut tables = |tables: &BTreeMap<Box<str>, Vec<Box<str>>>| {
        let mut read = Vec::new();
        for (name, columns) in tables {
            let columns = columns.iter().map(|column| names.folded(column)).collect();
            read.push(Table { name: names.folded(name), columns, rowid: true, hidden: true });
        }
        read
    };
    let table_functions = tables(&overlay.table_functions);
    let system = tables(&overlay.system_tables);
    let dialect = Dialect {
        names,
        network: Arc::new(network),
        functions,
        reserved: reserved.into_iter().collect(),
        no_alias: no_alias.into_iter().collect(),
        soft: soft.into_iter().collect(),
        rowid,
        constants,
        schemas,
        collations,
        types,
        quotes: overlay.quotes.iter().filter_map(|quote| quote.bytes().next()).collect(),
        unknown_quoted_is_string: overlay.unknown_quoted_is_string,
        table_functions,
    };
    Some((dialect, system))
}

/// Most arguments of a function that takes any number.
const MOST_ARGUMENTS: u16 = 127;

fn arguments(text: &str) -> Option<(u16, u16)> {
    match text.split_once('-') {
        None => text.parse().ok().map(|count| (count, count)),
        Some((least, "")) => least.parse().ok().map(|least| (least, MOST_ARGUMENTS)),
        Some((least, most)) => Some((least.parse().ok()?, most.parse().ok()?)),
    }
}

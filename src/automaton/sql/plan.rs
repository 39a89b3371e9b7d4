//! What a machine is made from: a dialect, and the tables of a catalog.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{intern::Names, network::Network};

/// What a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Scalar,
    /// May also be used over a window.
    Aggregate,
    /// May only be used over a window.
    Window,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub name: u32,
    pub kind: Kind,
    pub least: u16,
    pub most: u16,
}

/// A table or a view.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: u32,
    pub columns: Vec<u32>,
    pub rowid: bool,
    /// Known, but never offered.
    pub hidden: bool,
}

/// A dialect with all its names as numbers.
#[derive(Clone, Debug)]
pub struct Dialect {
    pub names: Names,
    pub network: std::sync::Arc<Network>,
    pub functions: Vec<Function>,
    pub reserved: FxHashSet<u32>,
    /// Words that are no alias unless AS stands before them.
    pub no_alias: FxHashSet<u32>,
    /// Keywords that may be names, but are not offered.
    pub soft: FxHashSet<u32>,
    pub rowid: Vec<u32>,
    pub constants: Vec<u32>,
    pub schemas: Vec<u32>,
    pub collations: Vec<u32>,
    pub types: Vec<u32>,
    pub quotes: Vec<u8>,
    /// A name between `"` that names nothing is a text.
    pub unknown_quoted_is_string: bool,
    /// Functions that stand in FROM, with their columns.
    pub table_functions: Vec<Table>,
}

/// A dialect and a catalog.
#[derive(Clone, Debug)]
pub struct Plan {
    pub dialect: Dialect,
    pub tables: Vec<Table>,
    pub table_numbers: FxHashMap<u32, u32>,
    /// The tables that have a column.
    pub having: FxHashMap<u32, Vec<u32>>,
    /// All columns that may be offered.
    pub columns: Vec<u32>,
    /// Only what can be completed with the tables of the catalog, as generation needs it; otherwise whatever the database
    /// accepts.
    pub narrow: bool,
}

impl Plan {
    pub fn new(dialect: Dialect, tables: Vec<Table>, narrow: bool) -> Self {
        let mut plan = Self {
            dialect,
            table_numbers: tables.iter().enumerate().map(|(number, table)| (table.name, number as u32)).collect(),
            tables,
            having: FxHashMap::default(),
            columns: Vec::new(),
            narrow,
        };
        for (number, table) in plan.tables.iter().enumerate().filter(|(_, table)| !table.hidden) {
            for column in &table.columns {
                plan.having.entry(*column).or_default().push(number as u32);
            }
        }
        plan.columns = plan.having.keys().copied().collect();
        plan
    }

    /// The same for checking or for generating.
    pub fn narrowed(&self, narrow: bool) -> Self {
        Self { narrow, ..self.clone() }
    }
}

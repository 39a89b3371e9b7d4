//! What is known where a text is read: scopes of queries, and the small values that frames keep.

/// What an expression is so far, where that matters: a term of ORDER BY may be a number of a column, and a result column
/// that is a plain column has its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lone {
    /// Something else, or nobody asks.
    #[default]
    Other,
    /// Nothing was read.
    Start,
    /// A sign was read.
    Signed,
    /// A whole number; the largest value stands for all from it on.
    Number(u16),
    /// A column, and what qualifies it.
    Column(u32, u32),
}

/// What changes from terminal to terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Env {
    pub scope: u32,
    /// See [`flag`].
    pub flags: u16,
    /// Arguments, columns or values so far.
    pub count: u16,
    /// The name that the next act is about.
    pub name: u32,
    /// Columns that were found; before a query the demand on it.
    pub cols: u32,
    pub lone: Lone,
    /// How much of the parser's stack is in use, where generation looks after it.
    pub load: u8,
    /// Levels of operators that wait for their right side.
    pub pending: u16,
}

/// Bits of [`Env::flags`].
pub mod flag {
    /// Aggregates may come.
    pub const AGGREGATE: u16 = 1;
    /// Window functions may come.
    pub const WINDOW: u16 = 1 << 1;
    /// Names of result columns are known.
    pub const ALIAS: u16 = 1 << 2;
    /// No columns may come.
    pub const NO_COLUMN: u16 = 1 << 3;
    /// Terms must be result columns of a compound query.
    pub const COMPOUND: u16 = 1 << 4;
    /// The relation is joined by all columns of the same name.
    pub const NATURAL: u16 = 1 << 5;
    /// The arguments are DISTINCT.
    pub const DISTINCT: u16 = 1 << 6;
    /// Columns of queries around are not known: GROUP BY and ORDER BY.
    pub const LOCAL: u16 = 1 << 8;
    /// The relation has row numbers.
    pub const ROWID: u16 = 1 << 7;
}

/// Where a rule returns to, and what is then as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    pub node: u32,
    pub flags: u16,
    pub count: u16,
    pub name: u32,
    pub load: u8,
    pub pending: u16,
    /// The frame below.
    pub below: u32,
    /// How many are below.
    pub depth: u16,
}

/// A relation of FROM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Relation {
    /// What qualifies its columns.
    pub name: u32,
    pub cols: u32,
    pub rowid: bool,
    /// Columns that are one with those of the same name before.
    pub using: Vec<u32>,
}

/// A column that was named before it could be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pending {
    pub qualifier: u32,
    /// None: all columns of the relation.
    pub column: u32,
    pub flags: u16,
    /// If it names nothing it is a text.
    pub quoted: bool,
}

/// A result column, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Item {
    pub alias: u32,
    pub qualifier: u32,
    pub column: u32,
    pub star: bool,
    pub aggregate: bool,
    pub window: bool,
}

/// What a query is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    #[default]
    Whole,
    /// An expression: columns of the query around are known.
    Expression,
    /// A relation of FROM.
    Derived,
    Cte,
}

/// A table that WITH defines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cte {
    pub name: u32,
    pub cols: u32,
    /// Its own query is being read.
    pub open: bool,
}

/// A query, while it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The scope that it stands in.
    pub up: u32,
    pub role: Role,
    /// What was allowed where it stands.
    pub outer_flags: u16,
    /// How many columns it must have; 0: any number.
    pub width: u16,
    pub ctes: Vec<Cte>,
    /// The table of WITH that it defines.
    pub defines: u32,
    /// What FROM names is not all known.
    pub open: bool,
    /// The last part is VALUES, behind which neither ORDER BY nor LIMIT may come.
    pub is_values: bool,
    /// FROM was read.
    pub from: bool,
    pub relations: Vec<Relation>,
    pub pending: Vec<Pending>,
    pub items: Vec<Item>,
    pub aggregate: bool,
    pub grouped: bool,
    pub item_aggregate: bool,
    pub item_window: bool,
    /// Windows that were named and are not defined.
    pub windows: Vec<u32>,
    /// Generation: names that result columns must not have, since the query around would then be ambiguous.
    pub forbidden: Vec<u32>,
    /// Result columns of the parts of a compound query.
    pub parts: Vec<Vec<Item>>,
}

impl Scope {
    /// How many columns there must be, where that is known.
    pub fn bound(&self) -> Option<usize> {
        match self.parts.first() {
            Some(first) => Some(first.len()),
            None => (self.width > 0).then_some(usize::from(self.width)),
        }
    }

    /// Adds an obligation.
    pub fn owe(&mut self, pending: Pending) {
        if let Err(at) = self.pending.binary_search(&pending) {
            self.pending.insert(at, pending);
        }
    }
}

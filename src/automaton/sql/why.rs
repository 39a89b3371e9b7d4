//! Why a text cannot go on: what a person is told.

use super::{intern::NONE, lex::State, machine::Sql};

/// A refusal, with the names that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// No relation in scope has the column: its name, what qualifies it.
    NoColumn {
        column: u32,
        qualifier: u32,
    },
    /// More than one has.
    Ambiguous {
        column: u32,
        qualifier: u32,
    },
    NoTable(u32),
    NoFunction(u32),
    /// The number of arguments is wrong.
    Arguments {
        function: u32,
        least: u16,
        most: u16,
    },
    /// An aggregate stands where none may.
    Aggregate(u32),
    /// A window function stands where none may, or without OVER.
    Window(u32),
    /// Not a window function, but OVER follows.
    NoWindow(u32),
    /// How many columns there are, and how many there must be.
    Width {
        found: usize,
        wanted: usize,
    },
    /// A term of ORDER BY or GROUP BY is no column of the result.
    Term {
        columns: usize,
    },
    /// HAVING without groups.
    Having,
    /// A column of USING that is not on both sides.
    Using(u32),
    NoCollation(u32),
    NoSuchWindow(u32),
    /// `*` without FROM.
    NoTables,
    /// A keyword stands where a name is due.
    Reserved(u32),
    /// Too deep for the database's parser.
    TooDeep,
}

impl Sql {
    /// Why the token that is being read may not stand here, or what holds back what would follow, in words; empty where
    /// nothing is known.
    pub fn explain(&mut self, state: State) -> String {
        self.notes.clear();
        let mut set = state.set;
        if let Ok(Some(token)) = self.token(state.lex) {
            set = self.advance_anew(set, token).unwrap_or(set);
        }
        self.explore_again(set);
        let mut notes = std::mem::take(&mut self.notes);
        notes.sort_unstable();
        notes.dedup();
        let words: Vec<String> = notes.iter().map(|why| self.words(why)).collect();
        words.join("; ")
    }

    /// The known name that is most like this one, if one is.
    fn nearest(&self, name: u32, known: &[u32]) -> String {
        let text = self.names.text(name);
        let near = known.iter().map(|other| (distance(text, self.names.text(*other)), self.names.text(*other)));
        match near.min() {
            Some((0, _)) => " (it is in no table that is in scope)".to_owned(),
            Some((distance, other)) if distance <= text.len() * 2 / 5 => format!("; did you mean {other}?"),
            _ => String::new(),
        }
    }

    fn column_name(&self, column: u32, qualifier: u32) -> String {
        match qualifier {
            NONE => self.names.text(column).to_owned(),
            _ => format!("{}.{}", self.names.text(qualifier), self.names.text(column)),
        }
    }

    fn words(&self, why: &Why) -> String {
        let text = |name: u32| self.names.text(name);
        match *why {
            Why::NoColumn { column, qualifier } => {
                let known: Vec<u32> = self.plan.columns.clone();
                format!("no such column: {}{}", self.column_name(column, qualifier), self.nearest(column, &known))
            }
            Why::Ambiguous { column, qualifier } => {
                format!("ambiguous column name: {}", self.column_name(column, qualifier))
            }
            Why::NoTable(name) => {
                let known: Vec<u32> = self.plan.tables.iter().filter(|one| !one.hidden).map(|one| one.name).collect();
                format!("no such table: {}{}", text(name), self.nearest(name, &known))
            }
            Why::NoFunction(name) => {
                let known: Vec<u32> = self.plan.dialect.functions.iter().map(|one| one.name).collect();
                format!("no such function: {}{}", text(name), self.nearest(name, &known))
            }
            Why::Arguments { function, least, most } => match (least, most) {
                (least, most) if least == most => format!("{}() takes {least} arguments", text(function)),
                _ => format!("{}() takes {least} to {most} arguments", text(function)),
            },
            Why::Aggregate(name) => format!("an aggregate may not stand here: {}", text(name)),
            Why::Window(name) => format!("a window function may not stand here: {}", text(name)),
            Why::NoWindow(name) => format!("not a window function: {}", text(name)),
            Why::Width { found, wanted } => format!("{found} columns where {wanted} are due"),
            Why::Term { columns } => format!("the term is none of the {columns} columns of the result"),
            Why::Having => "HAVING without GROUP BY and without an aggregate".to_owned(),
            Why::Using(name) => format!("not a column of both sides: {}", text(name)),
            Why::NoCollation(name) => format!("no such collation: {}", text(name)),
            Why::NoSuchWindow(name) => format!("no such window: {}", text(name)),
            Why::NoTables => "* without FROM".to_owned(),
            Why::Reserved(name) => format!("a keyword, not a name: {}", text(name)),
            Why::TooDeep => "nested too deeply".to_owned(),
        }
    }
}

/// How many characters must be changed, added or left out.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (count, c) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = count + 1;
        for (at, o) in other.iter().enumerate() {
            let changed = before + usize::from(c != *o);
            before = row[at + 1];
            row[at + 1] = changed.min(before + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

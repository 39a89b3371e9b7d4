//! SQL: a dialect, a catalog, and what may be said.
//!
//! Nouns: a [`SqlDemand`] is what a caller asks for; `dialect` reads what `grammars/sql` says of a dialect, `catalog` the
//! tables and views out of their definitions. Both become a [`Plan`], from which `automaton/sql` makes its machines.
//!
//! Invariants: a dialect that is not built and a definition that cannot be read are refused, with place and way out; nothing
//! of a catalog is dropped silently. The columns of a view come from the recogniser's own reading of its query.
//!
//! Built: SQLite's SELECT, whole: joins, subqueries, compound queries, WITH (recursive), windows, row values, VALUES. Not
//! built: other statements, other dialects, allow-lists of tables and columns, a LIMIT that is required.
//!
//! Cost: some milliseconds for the dialect, and about that of parsing for the catalog.
//!
//! Sources: SQLite's parse.y, resolve.c and select.c, versions 3.40 to 3.46, as its documentation describes them; what is
//! not documented was asked of the database itself (`tests/cases/sql.toml`, `tests/clients/sql`).

mod catalog;
mod dialect;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{
    automaton::sql::{Plan, Sql, Table},
    budget::{Budget, Limits},
    frontend::{Diagnostic, DiagnosticKind},
};

/// One statement of SQL that the database accepts against a catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SqlDemand {
    pub dialect: Arc<str>,
    /// Definitions of tables and views.
    pub catalog: Arc<str>,
}

impl SqlDemand {
    /// Reads dialect and catalog. Cost: about that of parsing the catalog.
    ///
    /// # Errors
    /// A dialect that is not built, and definitions that cannot be read, with their place.
    pub fn read(&self) -> Result<Plan, Diagnostic> {
        let Some((mut dialect, mut tables)) = dialect::read(&self.dialect) else {
            let message = format!("the SQL dialect {:?} is not built", self.dialect);
            let built = format!("those that are: {}", dialect::names().join(", "));
            return Err(Diagnostic::new(DiagnosticKind::Unsupported, message).hinted(built));
        };
        let defined = catalog::read(&self.catalog)
            .map_err(|why| Diagnostic::new(DiagnosticKind::Invalid, why.message).at(&self.catalog, why.at))?;
        for one in defined {
            let name = dialect.names.folded(&one.name);
            let columns = match &one.query {
                None => one.columns.iter().map(|column| dialect.names.folded(column)).collect(),
                Some(query) => {
                    let plan = Arc::new(Plan::new(dialect.clone(), tables.clone(), false));
                    let mut sql = Sql::new(plan, Budget::new(Limits::default()));
                    let Some(columns) = sql.columns_of_query(query) else {
                        let message = format!("the query of the view {:?} cannot be read", one.name);
                        return Err(Diagnostic::new(DiagnosticKind::Unsupported, message));
                    };
                    columns.iter().map(|column| dialect.names.folded(column)).collect()
                }
            };
            tables.retain(|table| table.name != name);
            tables.push(Table { name, columns, rowid: one.rowid, hidden: false });
        }
        Ok(Plan::new(dialect, tables, false))
    }
}

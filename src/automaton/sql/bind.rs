//! What names mean: in which scope a column is found, and what is owed where that is not known yet.
//!
//! As SQLite does it: the columns of FROM come first, then the names of result columns where they are known, then the
//! query around. Before the end of FROM a name is owed: it is looked up when FROM ends.

use super::{
    intern::NONE,
    machine::Sql,
    scope::{Env, Item, Lone, Pending, Relation, Role, Scope, flag},
    why::Why,
};

/// Most columns of a result.
const MOST_COLUMNS: usize = 2000;
/// Most relations of a FROM.
const MOST_RELATIONS: usize = 64;
/// Most names that generation owes at once: each may need a relation of its own.
const MOST_OWED: usize = 40;

/// A column as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    pub qualifier: u32,
    pub column: u32,
    pub quoted: bool,
}

/// Where a name is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Found,
    /// In this many scopes further up, by [`Sql::outer`], it is owed.
    Owed(usize),
}

impl Sql {
    /// How often a column is found in the relations of a scope.
    fn count(&self, scope: &Scope, name: Name) -> usize {
        let mut found = 0;
        let mut with_rowid = 0;
        for relation in &scope.relations {
            if name.qualifier != NONE && relation.name != name.qualifier {
                continue;
            }
            with_rowid += usize::from(relation.rowid);
            if self.cols.get(relation.cols).contains(&name.column)
                && !(found > 0 && relation.using.contains(&name.column))
            {
                found += 1;
            }
        }
        if found == 0 && with_rowid == 1 && self.plan.dialect.rowid.contains(&name.column) {
            return 1;
        }
        found
    }

    /// The scope in which a name is looked for next, and what is allowed there.
    pub(super) fn outer(&self, scope: &Scope) -> (u32, u16) {
        match scope.role {
            Role::Expression => (scope.up, scope.outer_flags),
            Role::Whole => (NONE, 0),
            Role::Derived | Role::Cte => {
                let up = self.scopes.get(scope.up);
                match up.role {
                    Role::Whole => (NONE, 0),
                    Role::Expression => (up.up, up.outer_flags),
                    Role::Derived | Role::Cte => self.outer(up),
                }
            }
        }
    }

    fn place(&self, start: u32, name: Name, start_flags: u16) -> Result<Place, Why> {
        let Name { qualifier, column, quoted } = name;
        let (mut at, mut flags, mut ups) = (start, start_flags, 0);
        while at != NONE {
            let scope = self.scopes.get(at);
            if scope.open && !(self.plan.narrow && scope.from) {
                return match self.plan.narrow && !self.fits(scope, name) {
                    true => Err(Why::NoColumn { column, qualifier }),
                    false => Ok(Place::Owed(ups)),
                };
            }
            match self.count(scope, name) {
                // A relation that is joined later must not make it ambiguous.
                1 if scope.open && qualifier == NONE => return Ok(Place::Owed(ups)),
                1 => return Ok(Place::Found),
                0 if scope.open && qualifier == NONE => return Err(Why::NoColumn { column, qualifier }),
                0 => {}
                _ => return Err(Why::Ambiguous { column, qualifier }),
            }
            if qualifier == NONE
                && flags & flag::ALIAS != 0
                && let Some(item) = scope.items.iter().find(|item| item.alias == column)
            {
                if item.aggregate && flags & flag::AGGREGATE == 0 {
                    return Err(Why::Aggregate(column));
                }
                let may_stand = !item.window || flags & flag::WINDOW != 0;
                return may_stand.then_some(Place::Found).ok_or(Why::Window(column));
            }
            if flags & flag::LOCAL != 0 {
                break;
            }
            (at, flags) = self.outer(scope);
            ups += 1;
        }
        let is_text = quoted && qualifier == NONE && self.plan.dialect.unknown_quoted_is_string && !self.plan.narrow;
        let is_constant = qualifier == NONE && self.plan.dialect.constants.contains(&column) && !quoted;
        match is_text || is_constant {
            true => Ok(Place::Found),
            false => Err(Why::NoColumn { column, qualifier }),
        }
    }

    /// The name may be used here.
    pub(super) fn knows(&self, env: &Env, name: Name) -> bool {
        self.place(env.scope, name, env.flags).is_ok()
    }

    /// Looks a column up, or has it owed. The scope is then another.
    pub(super) fn resolve(&mut self, scope: u32, name: Name, flags: u16) -> Option<u32> {
        match self.place(scope, name, flags) {
            Ok(Place::Found) => Some(scope),
            Ok(Place::Owed(ups)) => {
                let Name { qualifier, column, quoted } = name;
                // Whether result columns are known is for the scope in which it is owed to say.
                let mut at = scope;
                let mut flags = flags;
                for _ in 0..ups {
                    (at, flags) = self.outer(&self.scopes.get(at).clone());
                }
                let flags = flags & (flag::ALIAS | flag::AGGREGATE | flag::WINDOW);
                let pending = Pending { qualifier, column, flags, quoted };
                Some(self.owe(scope, at, pending))
            }
            Err(why) => {
                self.note(why);
                None
            }
        }
    }

    /// The scope with an obligation in the scope `owing`, which is it or one around it.
    fn owe(&mut self, scope: u32, owing: u32, pending: Pending) -> u32 {
        let mut new = Scope::clone(self.scopes.get(scope));
        if scope == owing {
            new.owe(pending);
        } else {
            new.up = self.owe(new.up, owing, pending);
        }
        self.scopes.put(new)
    }

    /// Generation: the tables of the catalog can supply the column.
    fn fits(&self, scope: &Scope, name: Name) -> bool {
        let Name { qualifier, column, .. } = name;
        let known = |pending: &Pending| pending.qualifier == qualifier && pending.column == column;
        if scope.pending.iter().any(known) {
            return true;
        }
        if scope.pending.len() >= MOST_OWED {
            return false;
        }
        if qualifier == NONE {
            return self.plan.having.contains_key(&column)
                || scope.ctes.iter().any(|cte| !cte.open && self.cols.get(cte.cols).contains(&column));
        }
        let owed = scope.pending.iter().filter(|pending| pending.qualifier == qualifier);
        let mut wanted: Vec<u32> = owed.map(|pending| pending.column).filter(|column| *column != NONE).collect();
        wanted.extend((column != NONE).then_some(column));
        self.has_source(scope, &wanted)
    }

    /// Some table has all these columns.
    fn has_source(&self, scope: &Scope, wanted: &[u32]) -> bool {
        let covers = |columns: &[u32]| wanted.iter().all(|column| columns.contains(column));
        let in_ctes = scope.ctes.iter().any(|cte| !cte.open && covers(self.cols.get(cte.cols)));
        let Some(first) = wanted.first() else { return in_ctes || !self.plan.having.is_empty() };
        let tables = self.plan.having.get(first).map_or(&[][..], Vec::as_slice);
        in_ctes || tables.iter().any(|table| covers(&self.plan.tables[*table as usize].columns))
    }

    /// A relation is complete. Generation takes only one that leaves nothing owed ambiguous or out of reach.
    pub(super) fn add_relation(&mut self, env: Env) -> Option<Env> {
        let mut scope = Scope::clone(self.scopes.get(env.scope));
        let mut relation =
            Relation { name: env.name, cols: env.cols, rowid: env.flags & flag::ROWID != 0, using: Vec::new() };
        if scope.relations.len() >= MOST_RELATIONS {
            self.note(Why::TooDeep);
            return None;
        }
        let columns = self.cols.get(env.cols).clone();
        if env.flags & flag::NATURAL != 0 {
            let before =
                |column: &&u32| scope.relations.iter().any(|relation| self.cols.get(relation.cols).contains(column));
            relation.using = columns.iter().filter(before).copied().collect();
        }
        if self.plan.narrow {
            let is_double = relation.name != NONE && scope.relations.iter().any(|other| other.name == relation.name);
            if is_double {
                return None;
            }
            let mut owed = scope.pending.iter().filter(|owed| owed.qualifier == relation.name && owed.column != NONE);
            if relation.name != NONE && !owed.all(|owed| columns.contains(&owed.column)) {
                return None;
            }
        }
        scope.relations.push(relation);
        if self.plan.narrow {
            let bare = scope.pending.iter().filter(|owed| owed.qualifier == NONE);
            for owed in bare {
                let name = Name { qualifier: NONE, column: owed.column, quoted: false };
                if self.count(&scope, name) > 1 {
                    return None;
                }
            }
        }
        Some(Env { scope: self.scopes.put(scope), name: NONE, cols: NONE, ..env })
    }

    /// USING names a column: it is on both sides.
    pub(super) fn join_using(&mut self, env: Env, column: u32) -> Option<Env> {
        let mut scope = Scope::clone(self.scopes.get(env.scope));
        let has = |relation: &Relation| self.cols.get(relation.cols).contains(&column);
        let [before @ .., last] = &mut scope.relations[..] else { return None };
        if !has(last) || !before.iter().any(has) || (self.plan.narrow && last.using.contains(&column)) {
            self.note(Why::Using(column));
            return None;
        }
        last.using.push(column);
        Some(Env { scope: self.scopes.put(scope), ..env })
    }

    /// FROM ends: stars are written out, and what is owed is looked up here and then further out.
    pub(super) fn end_from(&mut self, env: Env) -> Option<Env> {
        let mut scope = Scope::clone(self.scopes.get(env.scope));
        (scope.open, scope.from) = (false, true);
        let pending = std::mem::take(&mut scope.pending);
        let items = std::mem::take(&mut scope.items);
        for item in items {
            match item.star {
                false => scope.items.push(item),
                true => self.write_out(&mut scope, item.qualifier)?,
            }
        }
        if scope.items.len() > MOST_COLUMNS {
            self.note(Why::Width { found: scope.items.len(), wanted: MOST_COLUMNS });
            return None;
        }
        let mut id = self.scopes.put(scope);
        for owed in pending.iter().filter(|owed| owed.column != NONE) {
            let name = Name { qualifier: owed.qualifier, column: owed.column, quoted: owed.quoted };
            id = self.resolve(id, name, owed.flags)?;
        }
        Some(Env { scope: id, lone: Lone::Other, ..env })
    }

    /// The columns that a star stands for.
    fn write_out(&mut self, scope: &mut Scope, qualifier: u32) -> Option<()> {
        let before = scope.items.len();
        let mut seen = Vec::new();
        for relation in &scope.relations {
            if qualifier != NONE && relation.name != qualifier {
                continue;
            }
            if relation.name != NONE && seen.contains(&relation.name) {
                let column = self.cols.get(relation.cols).first().copied().unwrap_or(NONE);
                self.notes.push(Why::Ambiguous { column, qualifier: relation.name });
                return None;
            }
            seen.push(relation.name);
            for column in self.cols.get(relation.cols).iter() {
                if qualifier != NONE || !relation.using.contains(column) {
                    scope.items.push(Item { qualifier: relation.name, column: *column, ..Item::default() });
                }
            }
        }
        if scope.items.len() == before && seen.is_empty() {
            self.note(if qualifier == NONE { Why::NoTables } else { Why::NoTable(qualifier) });
            return None;
        }
        Some(())
    }

    /// The columns of a table as the text names it: of WITH first, then of the catalog. Whether it has row numbers.
    pub(super) fn table(&mut self, scope: u32, name: u32) -> Option<(u32, bool)> {
        let here = self.scopes.get(scope).clone();
        if let Some(cte) = here.ctes.iter().rev().find(|cte| cte.name == name).cloned() {
            if !cte.open {
                return Some((cte.cols, false));
            }
            // Its own query: only a later part of it may read what it has so far.
            if here.defines == name
                && here.role == Role::Cte
                && let Some(first) = here.parts.first()
            {
                let cols = if cte.cols == NONE { self.columns_of(first) } else { cte.cols };
                return Some((cols, false));
            }
            self.note(Why::NoTable(name));
            return None;
        }
        match self.plan.table_numbers.get(&name) {
            Some(number) => {
                let table = &self.plan.tables[*number as usize];
                let (cols, rowid) = (table.columns.clone(), table.rowid);
                Some((self.cols.put(cols), rowid))
            }
            None => {
                self.note(Why::NoTable(name));
                None
            }
        }
    }

    /// The names of result columns, as a query around reads them.
    pub(super) fn columns_of(&mut self, items: &[Item]) -> u32 {
        let names: Vec<u32> =
            items.iter().map(|item| if item.alias == NONE { item.column } else { item.alias }).collect();
        self.cols.put(names)
    }
}

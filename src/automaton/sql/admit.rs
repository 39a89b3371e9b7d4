//! Names and literals as they are read: what each class takes, and what is known behind it.

use super::{
    bind::Name,
    class::Class,
    intern::NONE,
    machine::Sql,
    plan::{Function, Kind},
    scope::{Env, Item, Lone, Pending, Scope, flag},
    why::Why,
};

/// A token of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// A name without quotes, or a keyword.
    Word(u32),
    /// A name between quotes of this kind.
    Quoted(u8, u32),
    /// A text between single quotes; its value where that may be a name.
    Text(u32),
    /// The value of a whole number where that matters, or as large as can be.
    Number(u16),
    Blob,
    Parameter,
    Sign(u8),
}

impl Sql {
    /// Reads a name or a literal.
    pub(super) fn admit(&mut self, class: Class, env: Env, token: Token) -> Option<Env> {
        let plain = Env { lone: Lone::Other, ..env };
        match (class, token) {
            (Class::Number, Token::Number(value)) => Some(Env { lone: Self::lone_number(env.lone, value), ..env }),
            (Class::String, Token::Text(_)) | (Class::Blob, Token::Blob) | (Class::Parameter, Token::Parameter) => {
                Some(plain)
            }
            (_, Token::Text(name)) if class.takes_string() && name != NONE => self.admit_name(class, env, name, token),
            (_, Token::Word(name) | Token::Quoted(_, name)) if !class.is_literal() && name != NONE => {
                self.admit_name(class, env, name, token)
            }
            _ => None,
        }
    }

    fn admit_name(&mut self, class: Class, env: Env, name: u32, token: Token) -> Option<Env> {
        let quoted = matches!(token, Token::Quoted(b'"', _));
        match class {
            Class::Column => self.column(env, Name { qualifier: NONE, column: name, quoted }),
            Class::Qualifier => self.qualifier(env, name).then_some(Env { name, ..env }),
            Class::Member => self.column(env, Name { qualifier: env.name, column: name, quoted: false }),
            Class::Schema => self.plan.dialect.schemas.contains(&name).then_some(env),
            Class::Scalar | Class::Aggregate | Class::Window => self.function(class, env, name),
            Class::WindowName => {
                if self.plan.narrow {
                    return None;
                }
                let mut scope = Scope::clone(self.scopes.get(env.scope));
                scope.windows.push(name);
                Some(Env { scope: self.scopes.put(scope), ..env })
            }
            Class::WindowDef => {
                let mut scope = Scope::clone(self.scopes.get(env.scope));
                scope.windows.retain(|window| *window != name);
                Some(Env { scope: self.scopes.put(scope), ..env })
            }
            Class::Collation => {
                let known = self.plan.dialect.collations.contains(&name);
                if !known {
                    self.note(Why::NoCollation(name));
                }
                known.then_some(env)
            }
            Class::Type => (!self.plan.narrow || self.plan.dialect.types.contains(&name)).then_some(env),
            Class::AnyType | Class::Any => Some(env),
            Class::Table => self.relation(env, name),
            Class::InTable => {
                let (cols, _) = self.table(env.scope, name)?;
                let found = self.cols.get(cols).len();
                if found != 1 {
                    self.note(Why::Width { found, wanted: 1 });
                }
                (found == 1).then_some(env)
            }
            Class::TableFunction => {
                let known = self.plan.dialect.table_functions.iter().any(|function| function.name == name);
                (known && !self.plan.narrow).then_some(Env { name, ..env })
            }
            Class::UsingColumn => self.join_using(env, name),
            Class::Starred => self.starred(env, name),
            _ => self.define(class, env, name, token),
        }
    }

    fn column(&mut self, env: Env, name: Name) -> Option<Env> {
        let lone = match env.lone {
            Lone::Start => Lone::Column(name.qualifier, name.column),
            _ => Lone::Other,
        };
        if env.flags & flag::COMPOUND != 0 {
            let wanted = self.is_result(&env, name);
            if !wanted {
                let columns = self.scopes.get(env.scope).parts.first().map_or(0, Vec::len);
                self.note(Why::Term { columns });
            }
            return wanted.then_some(Env { lone, ..env });
        }
        if env.flags & flag::NO_COLUMN != 0 {
            self.resolve(NONE, name, 0)?;
            return Some(Env { lone, ..env });
        }
        let scope = self.resolve(env.scope, name, env.flags)?;
        Some(Env { scope, lone, ..env })
    }

    /// Something may be qualified so.
    pub(super) fn qualifier(&self, env: Env, name: u32) -> bool {
        if env.flags & (flag::COMPOUND | flag::NO_COLUMN) != 0 {
            return !self.plan.narrow;
        }
        let mut at = env.scope;
        while at != NONE {
            let scope = self.scopes.get(at);
            if scope.relations.iter().any(|relation| relation.name == name && !self.cols.get(relation.cols).is_empty())
            {
                return true;
            }
            if scope.open && !self.plan.narrow {
                return true;
            }
            if scope.open && !scope.from {
                return self.qualifiable(scope, name);
            }
            (at, _) = self.outer(scope);
        }
        false
    }

    fn function(&mut self, class: Class, env: Env, name: u32) -> Option<Env> {
        let numbers = self.functions.get(&name).cloned();
        let Some(numbers) = numbers else {
            self.note(Why::NoFunction(name));
            return None;
        };
        for number in numbers {
            if let Some(why) = self.misused(class, env, number) {
                self.note(why);
                continue;
            }
            let mut scope = env.scope;
            if class == Class::Aggregate {
                let mut counted = Scope::clone(self.scopes.get(scope));
                (counted.aggregate, counted.item_aggregate) = (true, true);
                scope = self.scopes.put(counted);
            }
            return Some(Env { scope, name: number, lone: Lone::Other, ..env });
        }
        None
    }

    /// Why the function may not be called as that here.
    pub(super) fn misused(&self, class: Class, env: Env, number: u32) -> Option<Why> {
        let Function { name, kind, .. } = self.plan.dialect.functions[number as usize];
        match (class, kind) {
            (Class::Scalar, Kind::Scalar) => None,
            (Class::Aggregate, Kind::Aggregate) if env.flags & flag::AGGREGATE != 0 => None,
            (Class::Window, Kind::Aggregate | Kind::Window) if env.flags & flag::WINDOW != 0 => None,
            (Class::Window, Kind::Scalar) => Some(Why::NoWindow(name)),
            (_, Kind::Window) | (Class::Window, _) => Some(Why::Window(name)),
            _ => Some(Why::Aggregate(name)),
        }
    }

    fn relation(&mut self, env: Env, name: u32) -> Option<Env> {
        let (cols, rowid) = self.table(env.scope, name)?;
        if self.plan.narrow && !self.joinable(env, name, cols) {
            return None;
        }
        let flags = if rowid { env.flags | flag::ROWID } else { env.flags & !flag::ROWID };
        Some(Env { name, cols, flags, ..env })
    }

    /// Generation: the relation leaves nothing that is owed ambiguous.
    pub(super) fn joinable(&self, env: Env, name: u32, cols: u32) -> bool {
        let hidden = self.plan.table_numbers.get(&name).is_some_and(|number| self.plan.tables[*number as usize].hidden);
        let is_cte = self.scopes.get(env.scope).ctes.iter().any(|cte| cte.name == name);
        let scope = self.scopes.get(env.scope);
        let columns = self.cols.get(cols);
        let ambiguous = scope.pending.iter().filter(|owed| owed.qualifier == NONE).any(|owed| {
            columns.contains(&owed.column)
                && scope.relations.iter().any(|relation| self.cols.get(relation.cols).contains(&owed.column))
        });
        !ambiguous && (!hidden || is_cte)
    }

    fn starred(&mut self, env: Env, name: u32) -> Option<Env> {
        let mut scope = Scope::clone(self.scopes.get(env.scope));
        if self.plan.narrow {
            let stars = scope.items.iter().filter(|item| item.star).count();
            if scope.bound().is_some() || stars > 1 || !scope.forbidden.is_empty() || !self.qualifiable(&scope, name) {
                return None;
            }
            scope.owe(Pending { qualifier: name, column: NONE, flags: 0, quoted: false });
        }
        scope.items.push(Item { star: true, qualifier: name, ..Item::default() });
        Some(Env { scope: self.scopes.put(scope), lone: Lone::Other, ..env })
    }

    /// A name that the text gives to something.
    fn define(&mut self, class: Class, env: Env, name: u32, token: Token) -> Option<Env> {
        let bare = matches!(token, Token::Word(_));
        if bare && matches!(class, Class::Ids | Class::RelIds) && self.plan.dialect.no_alias.contains(&name) {
            self.note(Why::Reserved(name));
            return None;
        }
        if self.plan.narrow && (!bare || self.is_keyword(name)) {
            return None;
        }
        let scope = self.scopes.get(env.scope);
        match class {
            Class::Cte => {
                let twice = scope.ctes.iter().any(|cte| cte.open && cte.name == name) && self.plan.narrow;
                let known = self.plan.narrow && self.plan.table_numbers.contains_key(&name);
                (!twice && !known).then_some(Env { name, cols: NONE, ..env })
            }
            Class::CteColumn => {
                let mut columns = Vec::clone(self.cols.get(env.cols));
                if self.plan.narrow && columns.contains(&name) {
                    return None;
                }
                columns.push(name);
                Some(Env { cols: self.cols.put(columns), ..env })
            }
            Class::RelAs | Class::RelIds => {
                (!self.plan.narrow || self.may_be_called(scope, name, env.cols)).then_some(Env { name, ..env })
            }
            Class::As | Class::Ids if self.plan.narrow && scope.forbidden.contains(&name) => None,
            _ => Some(Env { name, ..env }),
        }
    }

    /// Generation: a relation with these columns may have this name.
    pub(super) fn may_be_called(&self, scope: &Scope, name: u32, cols: u32) -> bool {
        let columns = self.cols.get(cols);
        let mut owed = scope.pending.iter().filter(|owed| owed.qualifier == name && owed.column != NONE);
        owed.all(|owed| columns.contains(&owed.column)) && scope.relations.iter().all(|relation| relation.name != name)
    }

    pub(super) fn is_keyword(&self, name: u32) -> bool {
        let dialect = &self.plan.dialect;
        dialect.reserved.contains(&name) || dialect.soft.contains(&name) || dialect.no_alias.contains(&name)
    }
}

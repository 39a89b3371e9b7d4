//! Which names may come: what generation offers. A check takes a name as it comes and looks it up then.

use std::sync::Arc;

use super::{
    bind::Name,
    class::Class,
    intern::{NONE, Names},
    machine::Sql,
    scope::{Env, Scope, flag},
};

/// Most obligations behind which a new qualifier may still come.
const MOST_QUALIFIED: usize = 30;

/// The names that a class takes in some place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Whatever is a name.
    Any,
    These(Arc<Listed>),
}

/// Names in the order of their bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Those that can be written without quotes.
    pub bare: Vec<u32>,
    pub all: Vec<u32>,
}

impl Listed {
    /// Some name begins with this text.
    pub fn begins(&self, names: &Names, text: &[u8], bare: bool) -> bool {
        let list = if bare { &self.bare } else { &self.all };
        let at = list.partition_point(|name| names.text(*name).as_bytes() < text);
        list.get(at).is_some_and(|name| names.text(*name).as_bytes().starts_with(text))
    }
}

impl Sql {
    pub(super) fn offered(&mut self, class: Class, env: Env) -> Offered {
        if !self.plan.narrow || class.defines() {
            return Offered::Any;
        }
        let key = (class, env.scope, env.flags, if class == Class::Member { env.name } else { NONE });
        if let Some(known) = self.lists.get(&key) {
            return known.clone();
        }
        let offered = self.list(class, env);
        self.lists.insert(key, offered.clone());
        offered
    }

    fn list(&self, class: Class, env: Env) -> Offered {
        let Some(mut names) = self.candidates(class, env) else { return Offered::Any };
        names.sort_unstable();
        names.dedup();
        names.retain(|name| self.is_offered(class, env, *name));
        let texts = &self.names;
        names.sort_unstable_by(|one, other| texts.text(*one).as_bytes().cmp(texts.text(*other).as_bytes()));
        let bare = names.iter().copied().filter(|name| self.is_bare(*name)).collect();
        Offered::These(Arc::new(Listed { bare, all: names }))
    }

    /// The name can be written without quotes.
    pub(super) fn is_bare(&self, name: u32) -> bool {
        let text = self.names.text(name).as_bytes();
        let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80;
        text.first().is_some_and(|byte| starts(*byte))
            && text.iter().all(|byte| starts(*byte) || byte.is_ascii_digit() || *byte == b'$')
            && !self.plan.dialect.reserved.contains(&name)
    }

    /// Names that may be meant, and perhaps others. None: any name.
    fn candidates(&self, class: Class, env: Env) -> Option<Vec<u32>> {
        let dialect = &self.plan.dialect;
        Some(match class {
            Class::Column | Class::Member => self.columns_around(class, env),
            Class::Qualifier | Class::Starred => return self.qualifiers_around(class, env),
            Class::Scalar | Class::Aggregate | Class::Window => {
                dialect.functions.iter().map(|function| function.name).collect()
            }
            Class::Collation => dialect.collations.clone(),
            Class::Type => dialect.types.clone(),
            Class::Table => {
                let scope = self.scopes.get(env.scope);
                self.plan.tables.iter().map(|table| table.name).chain(scope.ctes.iter().map(|cte| cte.name)).collect()
            }
            Class::UsingColumn => {
                let scope = self.scopes.get(env.scope);
                scope.relations.last().map_or_else(Vec::new, |last| Vec::clone(self.cols.get(last.cols)))
            }
            _ => Vec::new(),
        })
    }

    fn columns_around(&self, class: Class, env: Env) -> Vec<u32> {
        let qualifier = if class == Class::Member { env.name } else { NONE };
        let mut names = if qualifier == NONE { self.plan.dialect.constants.clone() } else { Vec::new() };
        let mut at = env.scope;
        while at != NONE {
            let scope = self.scopes.get(at);
            for relation in scope.relations.iter().filter(|one| qualifier == NONE || one.name == qualifier) {
                names.extend_from_slice(self.cols.get(relation.cols));
            }
            let items = scope.items.iter().chain(scope.parts.iter().flatten());
            names.extend(items.flat_map(|item| [item.alias, item.column]).filter(|name| *name != NONE));
            if scope.open && !scope.from {
                names.extend_from_slice(&self.plan.columns);
                for cte in scope.ctes.iter().filter(|cte| !cte.open) {
                    names.extend_from_slice(self.cols.get(cte.cols));
                }
                break;
            }
            (at, _) = self.outer(scope);
        }
        names
    }

    fn qualifiers_around(&self, class: Class, env: Env) -> Option<Vec<u32>> {
        let mut names = Vec::new();
        let mut at = env.scope;
        while at != NONE {
            let scope = self.scopes.get(at);
            names.extend(scope.relations.iter().map(|relation| relation.name));
            if scope.open && !scope.from {
                if scope.pending.len() < MOST_QUALIFIED && !self.plan.having.is_empty() {
                    return None;
                }
                names.extend(scope.pending.iter().map(|owed| owed.qualifier));
                break;
            }
            if class == Class::Starred {
                break;
            }
            (at, _) = self.outer(scope);
        }
        names.retain(|name| *name != NONE);
        Some(names)
    }

    /// A scope whose FROM is to come may have a relation of this name.
    pub(super) fn qualifiable(&self, scope: &Scope, name: u32) -> bool {
        let known = scope.pending.iter().any(|owed| owed.qualifier == name);
        known || (scope.pending.len() < MOST_QUALIFIED && !self.plan.having.is_empty() && !self.is_keyword(name))
    }

    fn is_offered(&self, class: Class, env: Env, name: u32) -> bool {
        match class {
            Class::Column | Class::Member => {
                let qualifier = if class == Class::Member { env.name } else { NONE };
                let name = Name { qualifier, column: name, quoted: false };
                match env.flags {
                    flags if flags & flag::COMPOUND != 0 => self.is_result(&env, name),
                    flags if flags & flag::NO_COLUMN != 0 => self.plan.dialect.constants.contains(&name.column),
                    _ => self.knows(&env, name),
                }
            }
            Class::Qualifier => self.qualifier(env, name),
            Class::Starred => self.qualifiable(self.scopes.get(env.scope), name),
            Class::Scalar | Class::Aggregate | Class::Window => {
                let numbers = self.functions.get(&name).map_or(&[][..], Vec::as_slice);
                numbers.iter().any(|number| self.misused(class, env, *number).is_none())
            }
            Class::Table => {
                let scope = self.scopes.get(env.scope);
                let cte = scope.ctes.iter().rev().find(|cte| cte.name == name);
                let cols = match cte {
                    // A table that is being defined is not offered within its own query.
                    Some(cte) if cte.open => return false,
                    Some(cte) => self.cols.get(cte.cols).clone(),
                    None => {
                        let Some(number) = self.plan.table_numbers.get(&name) else { return false };
                        let table = &self.plan.tables[*number as usize];
                        if table.hidden {
                            return false;
                        }
                        Arc::new(table.columns.clone())
                    }
                };
                !self.makes_ambiguous(scope, &cols)
            }
            Class::UsingColumn => {
                let scope = self.scopes.get(env.scope);
                scope.relations.split_last().is_some_and(|(last, before)| {
                    let has = |cols: u32| self.cols.get(cols).contains(&name);
                    has(last.cols) && !last.using.contains(&name) && before.iter().any(|one| has(one.cols))
                })
            }
            _ => true,
        }
    }

    /// A relation with these columns makes a column ambiguous that is owed without a qualifier.
    pub(super) fn makes_ambiguous(&self, scope: &Scope, columns: &[u32]) -> bool {
        scope.pending.iter().filter(|owed| owed.qualifier == NONE).any(|owed| {
            columns.contains(&owed.column)
                && scope.relations.iter().any(|relation| self.cols.get(relation.cols).contains(&owed.column))
        })
    }
}

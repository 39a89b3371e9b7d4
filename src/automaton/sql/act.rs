//! What the rules do besides reading: acts between terminals. An act may refuse, and then no text leads through it.

use super::{
    bind::Name,
    intern::NONE,
    machine::Sql,
    plan::Kind,
    scope::{Cte, Env, Item, Lone, Role, Scope, flag},
    why::Why,
};

macro_rules! acts {
    ($($act:ident $name:literal,)*) => {
        /// An act of a rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Act { $($act,)* }

        impl Act {
            /// By its name in the rules.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$act),)*
                    _ => None,
                }
            }
        }
    };
}

acts! {
    Lenient "lenient",
    // Queries.
    SubAny "sub_any", SubOne "sub_one", SubRow "sub_row", SubFrom "sub_from", SubCte "sub_cte",
    Open "open", Close "close", Set "set", Compound "compound", Cte "cte", CteColumns "ctecols", CteEnd "cte_end",
    // Parts of one.
    Core "core", CoreEnd "core_end", Item "item", Star "star", ItemEnd "item_end", More "more", Items "items",
    From "from", FromEnd "from_end", Where "where", Group "group", Grouped "grouped", GroupEnd "group_end",
    Having "having", Ordered "ordered", Order "order", Sorted "sorted", Limit "limit", Term "term",
    Values "values", Value "value", MoreValues "more_values", Row "row", NextRow "next_row", ValuesEnd "values_end",
    RowStart "row_start", RowIs "row_is", RowSet "row_set", RowAs "row_as",
    // Joins.
    Natural "natural", On "on", Using "using", UsingColumn "ucol", Relation "rel", Derived "derived",
    TableArguments "tableargs", TableArgumentsEnd "tableargs_end",
    // Calls.
    Arguments "args", Argument "arg", MoreArguments "more_args", All "all", Distinct "distinct", Call "call", Aggregate "aggregate",
    OverArguments "over_args", PlainAggregate "plain_aggregate", Over "over",
    // What the database's parser has on its stack.
    Nested "nested", OpOr "op_or", OpAnd "op_and", OpNot "op_not", OpEqual "op_eq", OpLess "op_lt", OpEscape "op_escape",
    OpBit "op_bit", OpAdd "op_add", OpMultiply "op_mul", OpConcatenate "op_cat", OpUnary "op_unary",
}

/// A whole number that is no column of any result.
const NO_COLUMN: u16 = u16::MAX;
/// What a query expects of a query within it, in [`Env::cols`]: the width, and above it the role.
const ROLE: u32 = 16;
/// Most signs before one operand that generation writes.
const MOST_SIGNS: u16 = 3;
/// Entries that nested expressions may have on the stack of the database's parser, of 100, and what each level takes
/// beside its operators; a query in an expression takes as much again.
const MOST_LOAD: u32 = 80;
const LEVEL: u32 = 8;
const UNARY: u16 = 11;
/// Most stars of a result that generation writes.
const MOST_STARS: usize = 2;

impl Sql {
    pub(super) fn act(&mut self, act: Act, env: Env) -> Option<Env> {
        match act {
            Act::Lenient => (!self.plan.narrow).then_some(env),
            Act::SubAny => Some(demand(env, Role::Expression, 0)),
            Act::SubOne => Some(demand(env, Role::Expression, 1)),
            Act::SubRow => Some(demand(env, Role::Expression, env.name as u16)),
            Act::SubFrom => Some(demand(env, Role::Derived, 0)),
            Act::SubCte => {
                let explicit = self.scopes.get(env.scope).ctes.last().map_or(NONE, |cte| cte.cols);
                let width = if self.plan.narrow { self.cols.get(explicit).len() as u16 } else { 0 };
                Some(demand(env, Role::Cte, width))
            }
            Act::Open | Act::Close | Act::Set | Act::Compound | Act::Cte | Act::CteColumns | Act::CteEnd => {
                self.act_on_query(act, env)
            }
            Act::Values | Act::Value | Act::MoreValues | Act::Row | Act::NextRow | Act::ValuesEnd => {
                self.act_on_values(act, env)
            }
            Act::RowStart => Some(Env { count: 0, ..env }),
            Act::RowIs => Some(Env { cols: u32::from(env.count), ..env }),
            Act::RowSet => Some(Env { name: env.cols, cols: NONE, ..env }),
            Act::RowAs => self.same_width(usize::from(env.count), env.name as usize).then_some(env),
            Act::Natural => Some(Env { flags: env.flags | flag::NATURAL, ..env }),
            Act::On => Some(Env { flags: flag::ALIAS, ..env }),
            Act::Using => {
                let scope = self.scopes.get(env.scope);
                (scope.relations.len() > 1 && (!self.plan.narrow || self.shares(scope))).then_some(env)
            }
            Act::UsingColumn => {
                let scope = self.scopes.get(env.scope);
                (!self.plan.narrow || self.shares(scope)).then_some(env)
            }
            Act::Relation => self.add_relation(env),
            Act::Derived => Some(Env { name: NONE, flags: env.flags | flag::ROWID, ..env }),
            Act::TableArguments => Some(Env { flags: flag::ALIAS, ..env }),
            Act::TableArgumentsEnd => self.end_table_function(env),
            Act::Arguments
            | Act::Argument
            | Act::MoreArguments
            | Act::All
            | Act::Distinct
            | Act::Call
            | Act::Aggregate
            | Act::OverArguments
            | Act::PlainAggregate
            | Act::Over => self.act_on_call(act, env),
            Act::Nested
            | Act::OpOr
            | Act::OpAnd
            | Act::OpNot
            | Act::OpEqual
            | Act::OpLess
            | Act::OpEscape
            | Act::OpBit
            | Act::OpAdd
            | Act::OpMultiply
            | Act::OpConcatenate
            | Act::OpUnary => self.act_on_operator(act, env),
            _ => self.act_on_part(act, env),
        }
    }

    fn edit(&mut self, env: Env, edit: impl FnOnce(&mut Scope)) -> Env {
        let mut scope = Scope::clone(self.scopes.get(env.scope));
        edit(&mut scope);
        Env { scope: self.scopes.put(scope), ..env }
    }

    fn same_width(&mut self, found: usize, wanted: usize) -> bool {
        if found != wanted {
            self.note(Why::Width { found, wanted });
        }
        found == wanted
    }

    fn act_on_query(&mut self, act: Act, env: Env) -> Option<Env> {
        match act {
            Act::Open => {
                let load = env.load + if self.plan.narrow { LEVEL as u8 } else { 0 };
                let role = match env.cols >> ROLE {
                    1 => Role::Expression,
                    2 => Role::Derived,
                    3 => Role::Cte,
                    _ => Role::Whole,
                };
                let up = self.scopes.get(env.scope);
                let owed = up.pending.iter().filter(|owed| owed.qualifier == NONE && self.plan.narrow);
                let is_found = |column: &u32| up.relations.iter().any(|one| self.cols.get(one.cols).contains(column));
                let forbidden = owed.map(|owed| owed.column).filter(is_found).collect();
                let scope = Scope {
                    up: env.scope,
                    role,
                    outer_flags: env.flags,
                    width: env.cols as u16,
                    ctes: up.ctes.clone(),
                    defines: if role == Role::Cte { env.name } else { NONE },
                    open: true,
                    forbidden: if role == Role::Derived { forbidden } else { Vec::new() },
                    ..Scope::default()
                };
                let scope = self.scopes.put(scope);
                Some(Env { scope, flags: 0, cols: NONE, count: 0, name: NONE, lone: Lone::Other, load, pending: 0 })
            }
            Act::Close => {
                let scope = self.scopes.get(env.scope).clone();
                let first = scope.parts.first()?.clone();
                let cols = self.columns_of(&first);
                Some(Env { scope: scope.up, cols, lone: Lone::Other, ..env })
            }
            Act::Set => Some(self.edit(env, |scope| {
                *scope = Scope {
                    up: scope.up,
                    role: scope.role,
                    outer_flags: scope.outer_flags,
                    width: scope.width,
                    ctes: std::mem::take(&mut scope.ctes),
                    defines: scope.defines,
                    open: true,
                    forbidden: std::mem::take(&mut scope.forbidden),
                    parts: std::mem::take(&mut scope.parts),
                    ..Scope::default()
                }
            })),
            Act::Compound => {
                let scope = self.scopes.get(env.scope).clone();
                let wanted = usize::from(scope.width);
                let found = scope.parts.first()?.len();
                (wanted == 0 || self.same_width(found, wanted)).then_some(env)
            }
            Act::Cte => {
                let name = env.name;
                Some(self.edit(env, |scope| scope.ctes.push(Cte { name, cols: NONE, open: true })))
            }
            Act::CteColumns => {
                let cols = env.cols;
                Some(self.edit(env, |scope| {
                    if let Some(cte) = scope.ctes.last_mut() {
                        cte.cols = cols;
                    }
                }))
            }
            Act::CteEnd => {
                let cte = self.scopes.get(env.scope).ctes.last()?.clone();
                if cte.cols != NONE {
                    let (found, wanted) = (self.cols.get(env.cols).len(), self.cols.get(cte.cols).len());
                    if !self.same_width(found, wanted) {
                        return None;
                    }
                }
                let cols = if cte.cols == NONE { env.cols } else { cte.cols };
                let env = self.edit(env, |scope| {
                    if let Some(cte) = scope.ctes.last_mut() {
                        (cte.cols, cte.open) = (cols, false);
                    }
                });
                Some(Env { cols: NONE, name: NONE, ..env })
            }
            _ => None,
        }
    }

    fn act_on_values(&mut self, act: Act, env: Env) -> Option<Env> {
        match act {
            Act::Values if !self.scopes.get(env.scope).forbidden.is_empty() => None,
            Act::Values => {
                let env = self.edit(env, |scope| (scope.open, scope.is_values) = (false, true));
                Some(Env { count: 0, name: 0, flags: 0, ..env })
            }
            Act::Value => Some(Env { count: env.count + 1, ..env }),
            Act::MoreValues => {
                let scope = self.scopes.get(env.scope);
                let bound = if env.name > 0 { Some(env.name as usize) } else { scope.bound() };
                let is_full = bound.is_some_and(|bound| usize::from(env.count) >= bound);
                (!is_full || !self.plan.narrow).then_some(env)
            }
            Act::Row => {
                let bound = match env.name {
                    0 if self.plan.narrow => self.scopes.get(env.scope).bound(),
                    0 => None,
                    name => Some(name as usize),
                };
                let count = usize::from(env.count);
                if bound.is_some_and(|bound| !self.same_width(count, bound)) {
                    return None;
                }
                Some(Env { name: u32::from(env.count), ..env })
            }
            Act::NextRow => Some(Env { count: 0, ..env }),
            _ => {
                let width = env.name;
                let items: Vec<Item> = (1..=width)
                    .map(|number| Item { column: self.names.exact(&format!("column{number}")), ..Item::default() })
                    .collect();
                let env = self.end_from(env)?;
                let env = self.edit(env, |scope| scope.items = items);
                self.end_core(env)
            }
        }
    }

    /// A part of a compound query is complete.
    fn end_core(&mut self, env: Env) -> Option<Env> {
        let scope = self.scopes.get(env.scope).clone();
        if let Some(window) = scope.windows.first() {
            self.note(Why::NoSuchWindow(*window));
            return None;
        }
        let wanted = scope.parts.first().map_or(scope.items.len(), Vec::len);
        if !self.same_width(scope.items.len(), wanted) {
            return None;
        }
        let env = self.edit(env, |scope| scope.parts.push(scope.items.clone()));
        Some(Env { lone: Lone::Other, ..env })
    }

    fn act_on_part(&mut self, act: Act, env: Env) -> Option<Env> {
        let narrow = self.plan.narrow;
        let scope = self.scopes.get(env.scope).clone();
        match act {
            Act::Core => Some(Env { flags: flag::AGGREGATE | flag::WINDOW, ..env }),
            Act::Item => {
                let env = self.edit(env, |scope| (scope.item_aggregate, scope.item_window) = (false, false));
                Some(Env { lone: Lone::Start, name: NONE, cols: NONE, ..env })
            }
            Act::Star => {
                let stars = scope.items.iter().filter(|item| item.star).count();
                if narrow && (scope.bound().is_some() || stars >= MOST_STARS || !scope.forbidden.is_empty()) {
                    return None;
                }
                let env = self.edit(env, |scope| scope.items.push(Item { star: true, ..Item::default() }));
                Some(Env { lone: Lone::Other, ..env })
            }
            Act::ItemEnd => {
                let (qualifier, column) = match env.lone {
                    Lone::Column(qualifier, column) => (qualifier, column),
                    _ => (NONE, NONE),
                };
                let (aggregate, window) = (scope.item_aggregate, scope.item_window);
                let name = if env.name == NONE { column } else { env.name };
                if narrow && scope.parts.is_empty() && scope.forbidden.contains(&name) {
                    return None;
                }
                let item = Item { alias: env.name, qualifier, column, star: false, aggregate, window };
                let env = self.edit(env, |scope| scope.items.push(item));
                Some(Env { lone: Lone::Other, name: NONE, ..env })
            }
            Act::More => {
                let full = scope.bound().is_some_and(|bound| scope.items.len() >= bound);
                (!(narrow && full)).then_some(env)
            }
            Act::Items => {
                let wrong = scope.bound().is_some_and(|bound| scope.items.len() != bound);
                let starless = scope.items.iter().all(|item| !item.star);
                if wrong && (narrow || starless) {
                    self.note(Why::Width { found: scope.items.len(), wanted: scope.bound().unwrap_or_default() });
                    return None;
                }
                Some(env)
            }
            Act::From => {
                let env = self.edit(env, |scope| scope.from = true);
                Some(Env { flags: flag::ALIAS, ..env })
            }
            Act::FromEnd => self.end_from(env),
            Act::Where => Some(Env { flags: flag::ALIAS, ..env }),
            Act::Group => Some(Env { flags: flag::ALIAS | flag::LOCAL, ..env }),
            Act::Term => Some(Env { lone: Lone::Start, ..env }),
            Act::Grouped | Act::Sorted => {
                let columns = scope.parts.first().map_or(scope.items.len(), Vec::len);
                match env.lone {
                    Lone::Number(number) if number == 0 || usize::from(number) > columns => {
                        self.note(Why::Term { columns });
                        return None;
                    }
                    Lone::Other if env.flags & flag::COMPOUND != 0 => {
                        self.note(Why::Term { columns });
                        return None;
                    }
                    _ => {}
                }
                Some(Env { lone: Lone::Other, ..env })
            }
            Act::GroupEnd => Some(self.edit(env, |scope| scope.grouped = true)),
            Act::Having => {
                if !scope.grouped && !scope.aggregate {
                    self.note(Why::Having);
                    return None;
                }
                Some(Env { flags: flag::ALIAS | flag::AGGREGATE, ..env })
            }
            Act::CoreEnd => self.end_core(env),
            Act::Ordered => (!scope.is_values).then_some(env),
            Act::Order => {
                let aggregates = if scope.grouped || scope.aggregate { flag::AGGREGATE } else { 0 };
                let flags = match scope.parts.len() > 1 {
                    true => flag::COMPOUND,
                    false => flag::ALIAS | flag::WINDOW | flag::LOCAL | aggregates,
                };
                Some(Env { flags, ..env })
            }
            Act::Limit => Some(Env { flags: flag::NO_COLUMN, ..env }),
            _ => None,
        }
    }

    /// The last relation has a column in common with one before it.
    fn shares(&self, scope: &Scope) -> bool {
        let Some((last, before)) = scope.relations.split_last() else { return false };
        let columns = self.cols.get(last.cols);
        before.iter().any(|relation| {
            self.cols.get(relation.cols).iter().any(|column| columns.contains(column) && !last.using.contains(column))
        })
    }

    fn end_table_function(&mut self, env: Env) -> Option<Env> {
        let function = self.plan.dialect.table_functions.iter().find(|function| function.name == env.name)?;
        let columns = function.columns.clone();
        Some(Env { cols: self.cols.put(columns), flags: flag::ALIAS, ..env })
    }

    fn act_on_call(&mut self, act: Act, env: Env) -> Option<Env> {
        let flags = env.flags & !flag::DISTINCT;
        match act {
            Act::Arguments => return Some(Env { count: 0, flags, ..env }),
            Act::Aggregate => {
                return Some(Env { count: 0, flags: flags & !(flag::AGGREGATE | flag::WINDOW), ..env });
            }
            Act::OverArguments => return Some(Env { count: 0, flags: flags & !flag::WINDOW, ..env }),
            Act::Over => return Some(self.edit(env, |scope| scope.item_window = true)),
            Act::Distinct => return Some(Env { flags: env.flags | flag::DISTINCT, ..env }),
            _ => {}
        }
        let function = self.plan.dialect.functions[env.name as usize].clone();
        let (name, least, most) = (function.name, function.least, function.most);
        let most_here = if env.flags & flag::DISTINCT == 0 { most } else { most.min(1) };
        let wrong = Why::Arguments { function: name, least, most };
        match act {
            Act::MoreArguments | Act::Argument if env.count >= most_here => {
                self.note(wrong);
                None
            }
            Act::Argument => Some(Env { count: env.count + 1, ..env }),
            Act::All | Act::Call if env.count < least => {
                self.note(wrong);
                None
            }
            Act::PlainAggregate if function.kind != Kind::Aggregate => {
                self.note(Why::Window(name));
                None
            }
            _ => Some(env),
        }
    }

    /// One level deeper, as the database's parser counts.
    fn deeper(&mut self, env: Env) -> Option<Env> {
        if !self.plan.narrow {
            return Some(env);
        }
        let load = u32::from(env.load) + 2 * env.pending.count_ones() + LEVEL;
        if load > MOST_LOAD {
            self.note(Why::TooDeep);
            return None;
        }
        Some(Env { load: load as u8, pending: 0, ..env })
    }

    fn act_on_operator(&mut self, act: Act, env: Env) -> Option<Env> {
        if !self.plan.narrow {
            return Some(env);
        }
        let level = match act {
            Act::Nested => return self.deeper(env),
            Act::OpNot => {
                // NOT behind another operator takes in what follows, which is then not of the order of levels.
                return (env.pending < 1 << 3).then_some(Env { pending: env.pending | 1 << 3, ..env });
            }
            Act::OpUnary => {
                let free = (UNARY..UNARY + MOST_SIGNS).find(|bit| env.pending >> bit & 1 == 0)?;
                return Some(Env { pending: env.pending | 1 << free, ..env });
            }
            Act::OpOr => 1,
            Act::OpAnd => 2,
            Act::OpEqual => 4,
            Act::OpLess => 5,
            Act::OpEscape => 6,
            Act::OpBit => 7,
            Act::OpAdd => 8,
            Act::OpMultiply => 9,
            _ => 10,
        };
        Some(Env { pending: env.pending & ((1 << level) - 1) | 1 << level, ..env })
    }

    /// A term of ORDER BY of a compound query names a column of one of its parts.
    pub(super) fn is_result(&self, env: &Env, name: Name) -> bool {
        let scope = self.scopes.get(env.scope);
        scope.parts.iter().flatten().any(|item| {
            let alias = name.qualifier == NONE && item.alias == name.column;
            let same = item.qualifier == name.qualifier || name.qualifier == NONE || item.qualifier == NONE;
            alias || (item.column == name.column && same)
        })
    }

    /// What a number says, where that matters.
    pub(super) fn lone_number(lone: Lone, value: u16) -> Lone {
        match lone {
            Lone::Start => Lone::Number(value),
            Lone::Signed => Lone::Number(NO_COLUMN),
            _ => Lone::Other,
        }
    }
}

fn demand(env: Env, role: Role, width: u16) -> Env {
    let role = match role {
        Role::Whole => 0,
        Role::Expression => 1,
        Role::Derived => 2,
        Role::Cte => 3,
    };
    Env { cols: role << ROLE | u32::from(width), ..env }
}

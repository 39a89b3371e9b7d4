//! Making a grammar, rule by rule, in any order.

use rustc_hash::FxHashMap;

use super::{Expr, Grammar, Rule, RuleId};

/// Collects rules; names may be used before they are defined.
///
/// ```
/// use espalier::grammar::{Builder, Expr};
/// let mut builder = Builder::default();
/// let (list, item) = (builder.rule("list"), builder.rule("item"));
/// builder.define(list, Expr::Seq(vec![Expr::Rule(item), Expr::Rule(list).repeat(0, Some(1))]));
/// assert_eq!(builder.undefined().collect::<Vec<_>>(), ["item"]);
/// builder.define(item, Expr::text("x"));
/// let grammar = builder.finish(list);
/// assert_eq!(grammar.rules().len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    rules: Vec<(Box<str>, Option<Expr>)>,
    names: FxHashMap<Box<str>, RuleId>,
}

impl Builder {
    /// The rule of this name, be it defined yet or not.
    pub fn rule(&mut self, name: &str) -> RuleId {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        let id = self.unnamed(name);
        self.names.insert(name.into(), id);
        id
    }

    /// A rule of its own that no name finds; `name` is for messages.
    pub fn unnamed(&mut self, name: &str) -> RuleId {
        self.rules.push((name.into(), None));
        RuleId(self.rules.len() as u32 - 1)
    }

    /// The rule of this name, if it was spoken of.
    pub fn find(&self, name: &str) -> Option<RuleId> {
        self.names.get(name).copied()
    }

    /// Whether the rule has a body.
    pub fn is_defined(&self, id: RuleId) -> bool {
        self.rules[id.0 as usize].1.is_some()
    }

    /// Gives the rule its body; a later one takes the place of an earlier one.
    pub fn define(&mut self, id: RuleId, body: Expr) {
        self.rules[id.0 as usize].1 = Some(body);
    }

    /// The rules that have a body.
    pub fn bodies(&self) -> impl Iterator<Item = (RuleId, &Expr)> {
        self.rules.iter().enumerate().filter_map(|(id, rule)| Some((RuleId(id as u32), rule.1.as_ref()?)))
    }

    /// Takes in the rules of another grammar, which no name finds here; its first one.
    pub fn include(&mut self, other: &Grammar) -> RuleId {
        let base = self.rules.len() as u32;
        for rule in other.rules() {
            self.rules.push((rule.name.clone(), Some(rule.body.shifted(base))));
        }
        RuleId(other.start().0 + base)
    }

    /// Names that were used and never defined.
    pub fn undefined(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter(|(_, body)| body.is_none()).map(|(name, _)| &**name)
    }

    /// # Panics
    /// If a rule has no body: ask [`Builder::undefined`] first.
    pub fn finish(self, start: RuleId) -> Grammar {
        let rule = |(name, body): (Box<str>, Option<Expr>)| Rule { name, body: body.expect("every rule has a body") };
        Grammar { rules: self.rules.into_iter().map(rule).collect(), start }
    }
}

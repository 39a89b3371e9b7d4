//! Rules as regular expressions, where they are such, and what their attributes make of their texts.

use rustc_hash::FxHashMap;

use crate::grammar::{CharSet, Expr, Regex, RuleId};

/// Parts of all expressions that one grammar's attributes may need.
const MAX_PARTS: usize = 200_000;

/// A rule, and what its attributes ask of it.
#[derive(Clone, Copy)]
pub struct Rule<'a> {
    pub body: &'a Expr,
    /// The shortest matches only.
    pub lazy: bool,
    /// See [`cut`].
    pub max_chars: Option<u32>,
    /// Its texts alone do not tell where it ends.
    pub counts_tokens: bool,
}

/// Rules as regular expressions.
pub struct Regular<'a> {
    rules: FxHashMap<RuleId, Rule<'a>>,
    /// None: it is none, or is being looked at.
    known: FxHashMap<RuleId, Option<Regex>>,
    left: usize,
    /// The rule whose texts are asked for.
    outer: Option<RuleId>,
}

impl<'a> Regular<'a> {
    pub fn new(rules: FxHashMap<RuleId, Rule<'a>>) -> Self {
        Self { rules, known: FxHashMap::default(), left: MAX_PARTS, outer: None }
    }

    /// The texts of a rule, whose own tokens are not counted. None: it is no regular expression, or too large a one.
    pub fn texts(&mut self, id: RuleId) -> Option<Regex> {
        self.outer = Some(id);
        self.rule(id)
    }

    fn rule(&mut self, id: RuleId) -> Option<Regex> {
        if self.outer != Some(id) && self.rules.get(&id).is_some_and(|rule| rule.counts_tokens) {
            return None;
        }
        if let Some(known) = self.known.get(&id) {
            let known = known.clone()?;
            self.left = self.left.checked_sub(parts_of(&known))?;
            return Some(known);
        }
        self.known.insert(id, None);
        let rule = *self.rules.get(&id)?;
        let (mut turns, mut ends) = (Vec::new(), Vec::new());
        self.ways(id, rule.body, &mut turns, &mut ends)?;
        let mut regex = Regex::alternation(ends);
        if !turns.is_empty() {
            regex = Regex::Concat(vec![Regex::alternation(turns).repeat(0, None), regex]);
        }
        if rule.lazy {
            regex = Regex::Shortest(Box::new(regex));
        }
        if let Some(most) = rule.max_chars {
            regex = cut(regex, most)?;
        }
        self.known.insert(id, Some(regex.clone()));
        Some(regex)
    }

    /// The alternatives of a rule: those that end in the rule itself, without that, and the others.
    fn ways(&mut self, id: RuleId, body: &Expr, turns: &mut Vec<Regex>, ends: &mut Vec<Regex>) -> Option<()> {
        match body {
            Expr::Alt(ways) => ways.iter().try_for_each(|way| self.ways(id, way, turns, ends)),
            Expr::Rule(callee) if *callee == id => Some(()),
            Expr::Seq(parts) if parts.last() == Some(&Expr::Rule(id)) => {
                turns.push(self.sequence(&parts[..parts.len() - 1])?);
                Some(())
            }
            other => {
                ends.push(self.expr(other)?);
                Some(())
            }
        }
    }

    fn sequence(&mut self, parts: &[Expr]) -> Option<Regex> {
        parts.iter().map(|part| self.expr(part)).collect::<Option<_>>().map(Regex::concat)
    }

    fn expr(&mut self, body: &Expr) -> Option<Regex> {
        self.left = self.left.checked_sub(1)?;
        match body {
            Expr::Empty => Some(Regex::Empty),
            Expr::Lexeme(regex) => {
                self.left = self.left.checked_sub(parts_of(regex))?;
                Some(regex.clone())
            }
            Expr::Rule(callee) => self.rule(*callee),
            Expr::Seq(parts) => self.sequence(parts),
            Expr::Alt(ways) => ways.iter().map(|way| self.expr(way)).collect::<Option<_>>().map(Regex::alternation),
            Expr::Repeat { body, min, max } => Some(self.expr(body)?.repeat(*min, *max)),
            Expr::Token(_)
            | Expr::Pattern(_)
            | Expr::Json(_)
            | Expr::Ignore(_)
            | Expr::Edge(_)
            | Expr::Counted { .. } => None,
        }
    }
}

/// The texts of at most so many characters, and those that have been cut there, wherever they were. None: what they begin
/// with is not known.
pub fn cut(regex: Regex, most: u32) -> Option<Regex> {
    let any = || Regex::Class(CharSet::all());
    let begun = beginnings(&regex)?;
    if begun == regex {
        return Some(Regex::And(vec![regex, any().repeat(0, Some(most))]));
    }
    let cut = Regex::And(vec![begun, any().repeat(most, Some(most))]);
    Some(Regex::Alternation(vec![Regex::And(vec![regex, any().repeat(0, Some(most))]), cut]))
}

/// All that texts of an expression begin with; of one that has texts.
fn beginnings(regex: &Regex) -> Option<Regex> {
    Some(match regex {
        Regex::Empty => Regex::Empty,
        Regex::Class(set) if !set.is_empty() => regex.clone().repeat(0, Some(1)),
        Regex::Alternation(ways) if !ways.is_empty() => {
            Regex::alternation(ways.iter().map(beginnings).collect::<Option<_>>()?)
        }
        Regex::Concat(parts) => {
            let upto = |at: usize| Some(Regex::concat([&parts[..at], &[beginnings(&parts[at])?]].concat()));
            Regex::alternation((0..parts.len()).map(upto).collect::<Option<_>>()?)
        }
        Regex::Repeat { max: Some(0), .. } => Regex::Empty,
        Regex::Repeat { body, min: 0, .. } if matches!(**body, Regex::Class(_)) => regex.clone(),
        // The same, written with every character as an alternative of its own.
        Regex::Repeat { body, min: 0, .. } if is_character(body) => regex.clone(),
        Regex::Repeat { body, max, .. } => {
            Regex::Concat(vec![(**body).clone().repeat(0, max.map(|max| max - 1)), beginnings(body)?])
        }
        // A text and no proper beginning of it matches: then no more can be said of what it begins with.
        Regex::Shortest(body) => {
            let some = Regex::Class(CharSet::all()).repeat(1, None);
            let late = Regex::Concat(vec![(**body).clone(), some]);
            Regex::And(vec![beginnings(body)?, Regex::Not(Box::new(late))])
        }
        // What they begin with is among them, so it is among what all of them have.
        Regex::And(parts) if parts.iter().all(|part| beginnings(part).as_ref() == Some(part)) => regex.clone(),
        // Nothing, or what hangs on more than one part.
        Regex::Class(_) | Regex::Alternation(_) => return None,
        Regex::Bytes(..) | Regex::And(_) | Regex::Not(_) | Regex::Look(_) => return None,
    })
}

/// Each of its texts is one character.
fn is_character(regex: &Regex) -> bool {
    match regex {
        Regex::Class(_) => true,
        Regex::Alternation(ways) => ways.iter().all(is_character),
        Regex::Concat(parts) => matches!(&parts[..], [part] if is_character(part)),
        _ => false,
    }
}

fn parts_of(regex: &Regex) -> usize {
    match regex {
        Regex::Empty | Regex::Class(_) | Regex::Bytes(..) | Regex::Look(_) => 1,
        Regex::Concat(parts) | Regex::Alternation(parts) | Regex::And(parts) => {
            1 + parts.iter().map(parts_of).sum::<usize>()
        }
        Regex::Not(body) | Regex::Shortest(body) | Regex::Repeat { body, .. } => 1 + parts_of(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frontend::{membership::accepts, regex},
        grammar::Builder,
    };

    #[test]
    fn texts_are_cut() {
        for (pattern, most, yes, no) in [
            ("[a-c]*", 2, vec!["", "ab"], vec!["abc", "x"]),
            ("(ab|cd)+e", 3, vec!["abe", "aba", "cdc"], vec!["", "ab", "abab", "abex", "acd"]),
            ("x{3}y?", 2, vec!["xx"], vec!["x", "xxx", "xy"]),
            ("äö", 1, vec!["ä"], vec!["ö", "äö", ""]),
            ("a*b", 0, vec![""], vec!["a", "b"]),
            ("x[a-c]{0,5}", 3, vec!["x", "xab"], vec!["", "xabc"]),
        ] {
            let regex = cut(regex::read(pattern, regex::Dialect::Rust).expect(pattern), most).expect(pattern);
            let mut builder = Builder::default();
            let rule = builder.rule("root");
            builder.define(rule, Expr::Lexeme(regex));
            let grammar = builder.finish(rule);
            yes.iter().for_each(|text| assert!(accepts(&grammar, text.as_bytes()), "{text:?} of {pattern}"));
            no.iter().for_each(|text| assert!(!accepts(&grammar, text.as_bytes()), "{text:?} not of {pattern}"));
        }
    }
}

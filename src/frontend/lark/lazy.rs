//! Where a lazy lexeme may stand, nothing else goes on past its end: free text beside `head[lazy]: TEXT "<tool>"` has no
//! `<tool>` in it, so that what follows there is a call.
//!
//! Beside each other are lexemes that may begin in one place: in alternatives, in a part that may be left out and what
//! follows it, in the next turn of a repeat and what follows the last one. Each rule is made once for each set of lazy
//! lexemes beside it. JSON and expressions with conditions on the text around stay as they are.
//!
//! Source: llguidance's `docs/syntax.md`, on tool calls.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Parsed, too_large};
use crate::{
    frontend::regex,
    grammar::{Builder, CharSet, Expr, Grammar, Regex, RuleId},
};

/// Lazy lexemes of a grammar.
const MAX_LAZY: usize = 1_000;
/// Rules that are made.
const MAX_RULES: usize = 200_000;
/// What all lexemes that are made weigh.
const MAX_WEIGHT: u64 = 2_000_000;
/// Parts of one sequence that are looked at with and without.
const MAX_SPLITS: usize = 8;

/// Numbers of lazy lexemes, sorted.
type Set = Rc<[u32]>;

/// The grammar whose lexemes end where the lazy ones beside them do.
pub fn committed(grammar: Grammar) -> Parsed<Grammar> {
    let Some(mut making) = Making::new(&grammar)? else { return Ok(grammar) };
    let start = making.rule(grammar.start(), &Set::default());
    while let Some((rule, beside, id)) = making.todo.pop() {
        let body = making.expr(&grammar.rule(rule).body, &beside);
        making.builder.define(id, body);
        if making.made.len() > MAX_RULES || making.weight > MAX_WEIGHT {
            return Err(too_large((1, 1), "there are too many lazy lexemes beside too many others"));
        }
    }
    Ok(making.builder.finish(start))
}

/// What is known of a rule, and of an expression.
#[derive(Clone, Default, PartialEq, Eq)]
struct Facts {
    nullable: bool,
    /// Lazy lexemes that it may begin with.
    first: Set,
    /// Those that may stand where it could end.
    again: Set,
}

struct Making<'a> {
    grammar: &'a Grammar,
    /// The lazy lexemes, without being lazy, by number.
    lazy: Vec<&'a Regex>,
    numbers: FxHashMap<&'a Regex, u32>,
    facts: Vec<Facts>,
    builder: Builder,
    made: FxHashMap<(RuleId, Set), RuleId>,
    todo: Vec<(RuleId, Set, RuleId)>,
    weight: u64,
}

impl<'a> Making<'a> {
    /// None: there is nothing to do.
    fn new(grammar: &'a Grammar) -> Parsed<Option<Self>> {
        let mut making = Self {
            grammar,
            lazy: Vec::new(),
            numbers: FxHashMap::default(),
            facts: vec![Facts::default(); grammar.rules().len()],
            builder: Builder::default(),
            made: FxHashMap::default(),
            todo: Vec::new(),
            weight: 0,
        };
        for rule in grammar.rules() {
            rule.body.visit(&mut |part| {
                if let Expr::Lexeme(Regex::Shortest(body)) = part
                    && !body.is_nullable()
                    && !making.numbers.contains_key(&**body)
                {
                    making.numbers.insert(body, making.lazy.len() as u32);
                    making.lazy.push(body);
                }
            });
        }
        if making.lazy.len() > MAX_LAZY {
            return Err(too_large((1, 1), format!("there are more than {MAX_LAZY} lazy lexemes")));
        }
        if making.lazy.is_empty() {
            return Ok(None);
        }
        making.learn();
        Ok(Some(making))
    }

    /// Finds the facts of all rules: from less to more, until nothing changes.
    fn learn(&mut self) {
        let rules = self.grammar.rules();
        let mut callers: Vec<FxHashSet<usize>> = vec![FxHashSet::default(); rules.len()];
        for (caller, rule) in rules.iter().enumerate() {
            rule.body.visit(&mut |part| {
                if let Expr::Rule(callee) = part {
                    callers[callee.0 as usize].insert(caller);
                }
            });
        }
        let mut open: Vec<usize> = (0..rules.len()).collect();
        let mut waits = vec![true; rules.len()];
        while let Some(rule) = open.pop() {
            waits[rule] = false;
            let facts = self.of(&rules[rule].body);
            if facts == self.facts[rule] {
                continue;
            }
            self.facts[rule] = facts;
            for caller in &callers[rule] {
                if !std::mem::replace(&mut waits[*caller], true) {
                    open.push(*caller);
                }
            }
        }
    }

    fn number(&self, regex: &Regex) -> Option<u32> {
        match regex {
            Regex::Shortest(body) => self.numbers.get(&**body).copied(),
            _ => None,
        }
    }

    fn of(&self, body: &Expr) -> Facts {
        let nullable = |nullable| Facts { nullable, ..Facts::default() };
        match body {
            Expr::Empty | Expr::Edge(_) | Expr::Ignore(_) => nullable(true),
            Expr::Token(_) | Expr::Pattern(_) | Expr::Json(_) => nullable(false),
            Expr::Lexeme(regex) => {
                let first = self.number(regex).into_iter().collect();
                Facts { nullable: regex.is_nullable(), first, again: Set::default() }
            }
            Expr::Rule(rule) => self.facts[rule.0 as usize].clone(),
            Expr::Counted { body, .. } => self.of(body),
            Expr::Seq(parts) => parts.iter().fold(nullable(true), |before, part| {
                let part = self.of(part);
                Facts {
                    nullable: before.nullable && part.nullable,
                    first: if before.nullable { union(&before.first, &part.first) } else { before.first },
                    again: if part.nullable {
                        union(&union(&before.again, &part.first), &part.again)
                    } else {
                        part.again
                    },
                }
            }),
            Expr::Alt(ways) => ways.iter().fold(nullable(false), |all, way| {
                let way = self.of(way);
                Facts {
                    nullable: all.nullable || way.nullable,
                    first: union(&all.first, &way.first),
                    again: union(&all.again, &way.again),
                }
            }),
            Expr::Repeat { body, min, max } => {
                let once = self.of(body);
                let goes_on = !matches!(max, Some(0 | 1));
                Facts {
                    nullable: *min == 0 || once.nullable,
                    again: if goes_on { union(&once.again, &once.first) } else { once.again },
                    first: once.first,
                }
            }
        }
    }

    /// The rule with these lexemes beside it.
    fn rule(&mut self, rule: RuleId, beside: &Set) -> RuleId {
        if let Some(made) = self.made.get(&(rule, beside.clone())) {
            return *made;
        }
        let id = self.builder.unnamed(&self.grammar.rule(rule).name);
        self.made.insert((rule, beside.clone()), id);
        self.todo.push((rule, beside.clone(), id));
        id
    }

    /// The expression with these lexemes beside it.
    fn expr(&mut self, body: &Expr, beside: &Set) -> Expr {
        match body {
            Expr::Lexeme(regex) => Expr::Lexeme(self.lexeme(regex, beside)),
            Expr::Rule(rule) => Expr::Rule(self.rule(*rule, beside)),
            Expr::Ignore(rule) => Expr::Ignore(self.rule(*rule, &Set::default())),
            Expr::Counted { body, tokens } => {
                Expr::Counted { body: Box::new(self.expr(body, beside)), tokens: *tokens }
            }
            Expr::Seq(parts) => {
                let mut made = Vec::with_capacity(parts.len());
                self.sequence(parts, beside.clone(), MAX_SPLITS, &mut made);
                Expr::seq(made)
            }
            Expr::Alt(ways) => self.ways(ways, beside),
            Expr::Repeat { body, min, max } => {
                let facts = self.of(body);
                let goes_on = !matches!(max, Some(0 | 1));
                let beside = if goes_on { union(beside, &facts.again) } else { beside.clone() };
                self.expr(body, &beside).repeat(*min, *max)
            }
            Expr::Empty | Expr::Token(_) | Expr::Pattern(_) | Expr::Json(_) | Expr::Edge(_) => body.clone(),
        }
    }

    /// Each alternative has beside it what the others begin with.
    fn ways(&mut self, ways: &[Expr], beside: &Set) -> Expr {
        let firsts: Vec<Set> = ways.iter().map(|way| self.of(way).first).collect();
        let mut times: FxHashMap<u32, usize> = FxHashMap::default();
        firsts.iter().flat_map(|first| first.iter()).for_each(|lazy| *times.entry(*lazy).or_default() += 1);
        let mut all: Vec<u32> = times.keys().copied().collect();
        all.sort_unstable();
        let mut made = Vec::with_capacity(ways.len());
        for (way, first) in ways.iter().zip(&firsts) {
            let others = all.iter().copied().filter(|lazy| times[lazy] > 1 || first.binary_search(lazy).is_err());
            let beside = union(beside, &others.collect());
            made.push(self.expr(way, &beside));
        }
        Expr::alt(made)
    }

    fn sequence(&mut self, parts: &[Expr], beside: Set, splits: usize, made: &mut Vec<Expr>) {
        let Some((part, rest)) = parts.split_first() else { return };
        let facts = self.of(part);
        if let Expr::Repeat { body, min: 0, max: Some(1) } = part
            && !facts.first.is_empty()
            && splits > 0
            && !self.of(body).nullable
        {
            let mut with = vec![self.expr(body, &union(&beside, &self.first_of(rest)))];
            let mut without = Vec::new();
            self.sequence(rest, facts.again.clone(), splits - 1, &mut with);
            self.sequence(rest, union(&beside, &facts.first), splits - 1, &mut without);
            made.push(Expr::Alt(vec![Expr::seq(with), Expr::seq(without)]));
            return;
        }
        let repeats = matches!(part, Expr::Repeat { max, .. } if !matches!(max, Some(0 | 1)));
        let around = match facts.nullable || repeats {
            true => union(&beside, &self.first_of(rest)),
            false => beside.clone(),
        };
        made.push(self.expr(part, &around));
        let mut next = facts.again;
        if facts.nullable {
            next = union(&next, &union(&facts.first, &beside));
        }
        self.sequence(rest, next, splits, made);
    }

    fn first_of(&self, parts: &[Expr]) -> Set {
        let mut first = Set::default();
        for part in parts {
            let facts = self.of(part);
            first = union(&first, &facts.first);
            if !facts.nullable {
                break;
            }
        }
        first
    }

    fn lexeme(&mut self, regex: &Regex, beside: &Set) -> Regex {
        let own = self.number(regex);
        let others: Vec<u32> = beside.iter().copied().filter(|lazy| Some(*lazy) != own).collect();
        if others.is_empty() {
            return regex.clone();
        }
        let ends = Regex::alternation(others.iter().map(|lazy| self.lazy[*lazy as usize].clone()).collect());
        // A lazy one may end where another does.
        let some = Regex::Class(CharSet::all()).repeat(u32::from(own.is_some()), None);
        let past = Regex::Concat(vec![ends, some]);
        let whole = Regex::And(vec![regex.clone(), Regex::Not(Box::new(past))]);
        self.weight = self.weight.saturating_add(regex::weight(&whole));
        whole
    }
}

fn union(left: &Set, right: &Set) -> Set {
    if right.is_empty() || left == right {
        return left.clone();
    }
    if left.is_empty() {
        return right.clone();
    }
    let mut all: Vec<u32> = left.iter().chain(right.iter()).copied().collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}

//! From the bodies of rules to fragments: automata whose edges read lexemes or call rules.

use rustc_hash::FxHashMap;

use super::{
    Embedded,
    lexeme::{EMPTY, Lexemes, NOTHING, Rx},
    network::Symbol,
};
use crate::{
    budget::Budget,
    grammar::{Expr, Grammar, Regex, RuleId, TokenClass, Tokens},
};

/// One rule: `edges` by node, an edge without a symbol reads nothing.
#[derive(Debug, Default)]
pub struct Fragment {
    pub edges: Vec<Vec<(Option<Symbol>, u32)>>,
    pub start: u32,
    pub end: u32,
}

/// A lexeme may be as large as this, in nodes of its tree, to be put together with others.
const MAX_WEIGHT: u32 = 2_000;
/// Repeats of what is no lexeme are laid out up to this many times; beyond, they are halved into rules.
const MAX_LAID_OUT: u32 = 1_024;
/// A character class with more members than this is wide: many tokens lie within a loop over it.
const WIDE: u32 = 48;
/// Counted repeats up to this are no loops.
const SHORT: u32 = 16;

/// What an expression comes to as a lexeme.
#[derive(Clone, Copy)]
struct Lexical {
    rx: Rx,
    size: Size,
}

/// How large a lexeme is.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Nodes of the tree.
    weight: u32,
    /// Loops over wide classes. Tables of tokens are made by what is left of a lexeme, and those of wide loops are
    /// dear: so that they are shared, a lexeme has one such loop at most.
    wide: u32,
    /// A wide class is in it: repeated, it is a wide loop.
    is_broad: bool,
}

impl Size {
    fn plus(self, other: Self) -> Self {
        let (weight, wide) = (self.weight.saturating_add(other.weight), self.wide + other.wide);
        Self { weight, wide, is_broad: self.is_broad || other.is_broad }
    }

    fn repeated(self, max: Option<u32>) -> Self {
        let is_loop = max.is_none_or(|max| max > SHORT);
        // A loop over something with a wide loop in it has two of them, one behind the other.
        let wide = match (is_loop, self.wide) {
            (true, 0) => u32::from(self.is_broad),
            (true, wide) => wide + 1,
            (false, wide) => wide,
        };
        Self { weight: self.weight + 1, wide, is_broad: self.is_broad }
    }
}

impl Lexical {
    fn is_fit(&self) -> bool {
        self.size.weight <= MAX_WEIGHT && self.size.wide <= 1
    }
}

/// All rules of a grammar as fragments, those that were made on the way behind them; what is embedded; and the rules
/// whose tokens are counted.
pub fn draft(
    grammar: &Grammar,
    lexemes: &mut Lexemes,
    budget: &Budget,
) -> (Vec<Fragment>, Vec<Embedded>, FxHashMap<RuleId, Tokens>) {
    let draft = Draft::new(grammar, lexemes, budget);
    (draft.fragments, draft.parts, draft.counts)
}

struct Draft<'a> {
    grammar: &'a Grammar,
    lexemes: &'a mut Lexemes,
    budget: &'a Budget,
    fragments: Vec<Fragment>,
    /// Per rule: None until it was looked at.
    lexical: Vec<Option<Option<Lexical>>>,
    /// Bodies that were made rules.
    made: FxHashMap<Expr, RuleId>,
    bodies: Vec<Expr>,
    parts: Vec<Embedded>,
    counts: FxHashMap<RuleId, Tokens>,
}

impl<'a> Draft<'a> {
    fn new(grammar: &'a Grammar, lexemes: &'a mut Lexemes, budget: &'a Budget) -> Self {
        let count = grammar.rules().len();
        let mut draft = Self {
            grammar,
            lexemes,
            budget,
            fragments: Vec::new(),
            lexical: vec![None; count],
            made: FxHashMap::default(),
            bodies: Vec::new(),
            parts: Vec::new(),
            counts: FxHashMap::default(),
        };
        draft.find_lexical();
        for rule in grammar.rules() {
            draft.add(&rule.body);
        }
        let mut next = 0;
        while let Some(body) = draft.bodies.get(next).cloned() {
            next += 1;
            draft.add(&body);
        }
        draft
    }

    /// Which rules are lexemes: callees first, without recursion. Who calls itself is none.
    fn find_lexical(&mut self) {
        let mut entered = vec![false; self.lexical.len()];
        for root in 0..self.lexical.len() as u32 {
            let mut open = vec![(root, false)];
            while let Some((rule, is_ready)) = open.pop() {
                let at = rule as usize;
                if is_ready {
                    let grammar = self.grammar;
                    let found = self.lexical_of(&grammar.rules()[at].body).filter(Lexical::is_fit);
                    self.lexical[at] = Some(found);
                } else if !std::mem::replace(&mut entered[at], true) {
                    open.push((rule, true));
                    calls_of(&self.grammar.rules()[at].body, &mut |callee| open.push((callee.0, false)));
                }
            }
        }
    }

    fn add(&mut self, body: &Expr) {
        let mut fragment = Fragment { edges: vec![Vec::new(), Vec::new()], start: 0, end: 1 };
        self.emit(body, &mut fragment, 0, 1);
        self.fragments.push(fragment);
    }

    /// An expression as one lexeme, be it fit or not; None if it is none.
    fn lexical_of(&mut self, body: &Expr) -> Option<Lexical> {
        if !self.budget.spend(1) {
            return None;
        }
        match body {
            Expr::Empty => Some(Lexical { rx: EMPTY, size: Size::default() }),
            Expr::Lexeme(regex) => Some(Lexical { rx: self.lexemes.read(regex), size: measure(regex) }),
            Expr::Token(class) => {
                let regex = token(class);
                Some(Lexical { rx: self.lexemes.read(&regex), size: Size { weight: 1, ..Size::default() } })
            }
            // A rule that is not known yet calls itself.
            Expr::Rule(rule) => self.lexical[rule.0 as usize].flatten(),
            Expr::Json(_) | Expr::Pattern(_) | Expr::Ignore(_) | Expr::Edge(_) | Expr::Counted { .. } => None,
            Expr::Seq(parts) => {
                let parts = parts.iter().map(|part| self.lexical_of(part)).collect::<Option<Vec<_>>>()?;
                Some(self.joined(&parts))
            }
            Expr::Alt(parts) => {
                let parts = parts.iter().map(|part| self.lexical_of(part)).collect::<Option<Vec<_>>>()?;
                Some(self.either(&parts))
            }
            Expr::Repeat { body, min, max } => {
                let once = self.lexical_of(body)?;
                Some(Lexical { rx: self.lexemes.repeat(once.rx, *min, *max), size: once.size.repeated(*max) })
            }
        }
    }

    fn joined(&mut self, parts: &[Lexical]) -> Lexical {
        let rx = parts.iter().rev().fold(EMPTY, |rest, part| self.lexemes.concat(part.rx, rest));
        Lexical { rx, size: parts.iter().fold(Size::default(), |all, part| all.plus(part.size)) }
    }

    fn either(&mut self, parts: &[Lexical]) -> Lexical {
        let rx = self.lexemes.alt(parts.iter().map(|part| part.rx).collect());
        Lexical { rx, size: parts.iter().fold(Size::default(), |all, part| all.plus(part.size)) }
    }

    fn emit(&mut self, body: &Expr, fragment: &mut Fragment, from: u32, to: u32) {
        if !self.budget.spend(1) {
            return;
        }
        if let Some(lexical) = self.lexical_of(body) {
            // What stands alone is a lexeme, whatever it is like.
            if lexical.is_fit() || matches!(body, Expr::Lexeme(_) | Expr::Token(_)) {
                return self.read(lexical.rx, fragment, from, to);
            }
        }
        match body {
            Expr::Empty => fragment.edges[from as usize].push((None, to)),
            // Edges are taken out of a grammar before; one that is left has no text, which is the safe side.
            Expr::Lexeme(_) | Expr::Token(_) | Expr::Edge(_) => {}
            Expr::Json(_) | Expr::Pattern(_) => {
                let part = self.part(body);
                fragment.edges[from as usize].push((Some(Symbol::Part(part)), to));
            }
            Expr::Rule(rule) => fragment.edges[from as usize].push((Some(Symbol::Call(*rule)), to)),
            Expr::Ignore(rule) => {
                fragment.edges[from as usize].push((None, to));
                fragment.edges[from as usize].push((Some(Symbol::Skip(*rule)), to));
            }
            Expr::Counted { body: inner, tokens } => {
                let rule = self.counted(body, inner, *tokens);
                fragment.edges[from as usize].push((Some(Symbol::Call(rule)), to));
            }
            Expr::Seq(parts) => self.emit_sequence(parts, fragment, from, to),
            Expr::Alt(parts) => self.emit_choice(parts, fragment, from, to),
            Expr::Repeat { body, min, max } => self.emit_repeat(body, *min, *max, fragment, from, to),
        }
    }

    fn read(&mut self, rx: Rx, fragment: &mut Fragment, from: u32, to: u32) {
        if rx == NOTHING {
            return;
        }
        if self.lexemes.is_nullable(rx) {
            fragment.edges[from as usize].push((None, to));
        }
        if rx != EMPTY {
            fragment.edges[from as usize].push((Some(Symbol::Lexeme(rx)), to));
        }
    }

    /// Neighbours that are fit to be one lexeme are put together.
    fn emit_sequence(&mut self, parts: &[Expr], fragment: &mut Fragment, from: u32, to: u32) {
        let (mut at, mut run): (u32, Option<Lexical>) = (from, None);
        let flush = |draft: &mut Self, fragment: &mut Fragment, at: &mut u32, run: &mut Option<Lexical>| {
            if let Some(lexical) = run.take() {
                let next = fragment.node();
                draft.read(lexical.rx, fragment, *at, next);
                *at = next;
            }
        };
        for part in parts {
            let lexical = self.lexical_of(part).filter(Lexical::is_fit);
            if let Some(lexical) = lexical {
                let longer = run.map_or(lexical, |run| self.joined(&[run, lexical]));
                if longer.is_fit() {
                    run = Some(longer);
                } else {
                    flush(self, fragment, &mut at, &mut run);
                    run = Some(lexical);
                }
                continue;
            }
            flush(self, fragment, &mut at, &mut run);
            let next = fragment.node();
            self.emit(part, fragment, at, next);
            at = next;
        }
        flush(self, fragment, &mut at, &mut run);
        fragment.edges[at as usize].push((None, to));
    }

    fn emit_choice(&mut self, parts: &[Expr], fragment: &mut Fragment, from: u32, to: u32) {
        let mut together: Option<Lexical> = None;
        for part in parts {
            let lexical = self.lexical_of(part).filter(Lexical::is_fit);
            let wider = lexical.map(|lexical| together.map_or(lexical, |all| self.either(&[all, lexical])));
            match wider.filter(Lexical::is_fit) {
                Some(wider) => together = Some(wider),
                None => self.emit(part, fragment, from, to),
            }
        }
        if let Some(lexical) = together {
            self.read(lexical.rx, fragment, from, to);
        }
    }

    fn emit_repeat(&mut self, body: &Expr, min: u32, max: Option<u32>, fragment: &mut Fragment, from: u32, to: u32) {
        if max.is_some_and(|max| max < min) {
            return;
        }
        let most = max.unwrap_or(min);
        if most > MAX_LAID_OUT {
            let whole = self.halved(body, min, max);
            return self.emit(&whole, fragment, from, to);
        }
        // More than a few copies share a rule.
        let shared = (most > 2).then(|| Expr::Rule(self.rule_of(body.clone())));
        let body = shared.as_ref().unwrap_or(body);
        let mut at = from;
        for _ in 0..min {
            let next = fragment.node();
            self.emit(body, fragment, at, next);
            at = next;
        }
        match max {
            None => {
                let turn = fragment.node();
                fragment.edges[at as usize].push((None, turn));
                let back = fragment.node();
                self.emit(body, fragment, turn, back);
                fragment.edges[back as usize].push((None, turn));
                fragment.edges[turn as usize].push((None, to));
            }
            Some(max) => {
                for _ in min..max {
                    fragment.edges[at as usize].push((None, to));
                    let next = fragment.node();
                    self.emit(body, fragment, at, next);
                    at = next;
                }
                fragment.edges[at as usize].push((None, to));
            }
        }
    }

    /// A repeat of many times as rules of which each is twice the one before.
    fn halved(&mut self, body: &Expr, min: u32, max: Option<u32>) -> Expr {
        let once = Expr::Rule(self.rule_of(body.clone()));
        let most = max.map_or(min, |max| max.max(min));
        let mut powers = vec![once.clone()];
        while powers.len() < 32 && 1_u64 << powers.len() <= u64::from(most) {
            let half = powers.last().expect("it begins with one").clone();
            powers.push(Expr::Rule(self.rule_of(Expr::Seq(vec![half.clone(), half]))));
        }
        let exactly = |count: u32| (0..32).filter(move |bit| count >> bit & 1 == 1);
        let mut parts: Vec<Expr> = exactly(min).map(|bit| powers[bit].clone()).collect();
        match max {
            None => parts.push(once.repeat(0, None)),
            Some(max) => {
                // Up to 2^k - 1 by the k smaller powers, each or not; then what is left over in the same way.
                let mut left = max - min;
                while left > 0 {
                    let bits = (left + 1).ilog2();
                    parts.extend((0..bits).map(|bit| powers[bit as usize].clone().repeat(0, Some(1))));
                    left -= (1 << bits) - 1;
                }
            }
        }
        Expr::seq(parts)
    }

    fn part(&mut self, body: &Expr) -> u32 {
        let part = match body {
            Expr::Json(json) => Embedded::Json(json.clone()),
            Expr::Pattern(pattern) => Embedded::Pattern(pattern.clone()),
            _ => unreachable!("asked for these two"),
        };
        let known = self.parts.iter().position(|other| *other == part);
        known.unwrap_or_else(|| {
            self.parts.push(part);
            self.parts.len() - 1
        }) as u32
    }

    /// The rule whose texts are those of `inner`, its tokens counted.
    fn counted(&mut self, whole: &Expr, inner: &Expr, tokens: Tokens) -> RuleId {
        if let Some(rule) = self.made.get(whole) {
            return *rule;
        }
        let rule = RuleId((self.grammar.rules().len() + self.bodies.len()) as u32);
        self.lexical.push(None);
        self.bodies.push(inner.clone());
        self.made.insert(whole.clone(), rule);
        self.counts.insert(rule, tokens);
        rule
    }

    /// A rule with this body.
    fn rule_of(&mut self, body: Expr) -> RuleId {
        if let Expr::Rule(rule) = body {
            return rule;
        }
        if let Some(rule) = self.made.get(&body) {
            return *rule;
        }
        let rule = RuleId((self.grammar.rules().len() + self.bodies.len()) as u32);
        self.lexical.push(None);
        self.bodies.push(body.clone());
        self.made.insert(body, rule);
        rule
    }
}

impl Fragment {
    fn node(&mut self) -> u32 {
        self.edges.push(Vec::new());
        self.edges.len() as u32 - 1
    }
}

/// The rules that a body calls.
fn calls_of(body: &Expr, visit: &mut impl FnMut(RuleId)) {
    match body {
        Expr::Rule(rule) | Expr::Ignore(rule) => visit(*rule),
        Expr::Seq(parts) | Expr::Alt(parts) => parts.iter().for_each(|part| calls_of(part, visit)),
        Expr::Repeat { body, .. } | Expr::Counted { body, .. } => calls_of(body, visit),
        Expr::Empty | Expr::Lexeme(_) | Expr::Token(_) | Expr::Json(_) | Expr::Pattern(_) | Expr::Edge(_) => {}
    }
}

fn measure(regex: &Regex) -> Size {
    let one = |is_broad| Size { weight: 1, wide: 0, is_broad };
    match regex {
        Regex::Empty | Regex::Look(_) => one(false),
        Regex::Class(set) => one(set.ranges().iter().map(|(low, high)| high - low + 1).sum::<u32>() > WIDE),
        Regex::Bytes(low, high) => one(u32::from(high.saturating_sub(*low)) > WIDE),
        Regex::Concat(parts) | Regex::Alternation(parts) => parts.iter().map(measure).fold(Size::default(), Size::plus),
        // What is left of these is not seen from their form.
        Regex::And(parts) => {
            let size = parts.iter().map(measure).fold(Size::default(), Size::plus);
            Size { wide: 1, is_broad: true, ..size }
        }
        Regex::Not(body) => Size { wide: 1, is_broad: true, ..measure(body) },
        Regex::Shortest(body) => measure(body),
        Regex::Repeat { body, max, .. } => measure(body).repeated(*max),
    }
}

/// The byte that stands around a token that is read as such: no text has it.
pub const MARK: u8 = 0xFF;
/// Behind the first [`MARK`]: a special token, one that ends an answer, or one that has a text.
pub const SPECIAL: u8 = b'S';
pub const ENDING: u8 = b'E';
pub const TEXT: u8 = b'T';

/// How a token is spelt where a grammar asks for tokens: one way only, so that one may ask for any other. Special ones
/// and ending ones have a name.
pub fn spelling(kind: u8, id: u32, name: &[u8]) -> Vec<u8> {
    let mut spelt = vec![MARK, kind];
    spelt.extend_from_slice(format!("[{id}]").as_bytes());
    spelt.extend_from_slice(name);
    spelt.push(MARK);
    spelt
}

/// The spellings of the tokens of a class.
fn token(class: &TokenClass) -> Regex {
    let byte = |byte| Regex::Bytes(byte, byte);
    let any = || Regex::Class(crate::grammar::CharSet::all());
    let digit = Regex::Bytes(b'0', b'9').repeat(1, None);
    let numbered = Regex::Concat(vec![byte(b'['), digit, byte(b']')]);
    let kinds = |kinds: &[u8]| Regex::Alternation(kinds.iter().map(|kind| byte(*kind)).collect());
    let named = |name: &str| Regex::Concat(vec![kinds(&[SPECIAL, ENDING]), numbered.clone(), Regex::text(name)]);
    let by_id = |ranges: &[(u32, u32)], kinds: Regex| {
        let ids = ranges.iter().flat_map(|(low, high)| *low..=*high);
        let ids = Regex::Alternation(ids.map(|id| Regex::text(&format!("[{id}]"))).collect());
        Regex::Concat(vec![kinds, ids, any().repeat(0, None)])
    };
    let marked = |body: Regex| Regex::Concat(vec![byte(MARK), body, byte(MARK)]);
    match class {
        TokenClass::Named(name) => marked(named(name)),
        TokenClass::Ids(ranges) => marked(by_id(ranges, kinds(&[SPECIAL, ENDING, TEXT]))),
        TokenClass::Other { names, ids, whole } => {
            let may_be = kinds(if *whole { &[SPECIAL, TEXT] } else { &[SPECIAL] });
            let other = Regex::Concat(vec![may_be.clone(), numbered.clone(), any().repeat(0, None)]);
            let mut excluded: Vec<Regex> = names.iter().map(|name| named(name)).collect();
            excluded.push(by_id(ids, may_be));
            let left = Regex::And(vec![other, Regex::Not(Box::new(Regex::Alternation(excluded)))]);
            Regex::Alternation(vec![any(), marked(left)])
        }
    }
}

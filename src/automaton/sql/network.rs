//! Rules as written in `grammars/sql`, and as a network of nodes that the machine walks.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{act::Act, class::Class, intern::Names};

/// What is read at an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Term {
    /// A keyword, by its name in lower case.
    Word(u32),
    /// An index into [`Network::signs`].
    Sign(u8),
    Class(Class),
}

#[derive(Clone, Copy, Debug)]
pub enum Edge {
    Free(u32),
    Act(Act, u32),
    /// A rule, and the node behind it.
    Call(u32, u32),
    Term(Term, u32),
}

#[derive(Debug, Default)]
pub struct Node {
    pub edges: Vec<Edge>,
}

/// All rules of a dialect.
#[derive(Debug)]
pub struct Network {
    pub nodes: Vec<Node>,
    /// The first node of each rule and its last one, which has no edges.
    pub rules: Vec<(u32, u32)>,
    /// The rule that a node is the end of.
    pub ends: Vec<bool>,
    /// The spellings of the signs, without the quotes.
    pub signs: Vec<Box<str>>,
    /// All keywords that some rule reads.
    pub keywords: FxHashSet<u32>,
    /// For every node the length of about the shortest text to the end of its rule.
    pub short: Vec<u32>,
    /// The same for every rule from its beginning.
    pub rule_short: Vec<u32>,
    pub start: u32,
    /// Nodes of rules that only make an expression longer.
    pub idle: Vec<bool>,
}

/// Rules that make an expression longer, and do nothing else.
const IDLE: [&str; 5] = ["prefix", "postfix", "binary", "compare", "tighter"];

/// No text leads from here to the end of the rule.
pub const FAR: u32 = 1 << 20;

struct Builder<'a> {
    network: Network,
    names: &'a mut Names,
    numbers: FxHashMap<&'a str, u32>,
    features: &'a FxHashSet<Box<str>>,
    tokens: Vec<&'a str>,
    at: usize,
}

impl Network {
    /// Reads rules.
    ///
    /// # Errors
    /// What is wrong with them, in words for whoever wrote them.
    pub fn new(
        rules: &[(Box<str>, Box<str>)],
        features: &FxHashSet<Box<str>>,
        names: &mut Names,
    ) -> Result<Self, String> {
        let numbers = rules.iter().enumerate().map(|(number, (name, _))| (&**name, number as u32)).collect();
        let network = Self {
            nodes: Vec::new(),
            rules: Vec::new(),
            ends: Vec::new(),
            signs: Vec::new(),
            keywords: FxHashSet::default(),
            short: Vec::new(),
            rule_short: Vec::new(),
            start: 0,
            idle: Vec::new(),
        };
        let mut builder = Builder { network, names, numbers, features, tokens: Vec::new(), at: 0 };
        for _ in rules {
            let ends = (builder.node(), builder.node());
            builder.network.rules.push(ends);
        }
        for (number, (name, text)) in rules.iter().enumerate() {
            builder.tokens = text.split_whitespace().flat_map(split).collect();
            builder.at = 0;
            let first = builder.network.nodes.len();
            let (start, end) = builder.network.rules[number];
            builder.alternatives(start, end).map_err(|why| format!("rule {name}: {why}"))?;
            builder.network.idle.resize(first, false);
            builder.network.idle.resize(builder.network.nodes.len(), IDLE.contains(&&**name));
            if builder.at < builder.tokens.len() {
                return Err(format!("rule {name}: {:?} closes nothing", builder.tokens[builder.at]));
            }
        }
        let Some(start) = builder.numbers.get("statement").copied() else {
            return Err("there is no rule named statement".into());
        };
        let mut network = builder.network;
        network.start = start;
        network.ends = vec![false; network.nodes.len()];
        for (_, end) in &network.rules {
            network.ends[*end as usize] = true;
        }
        network.measure(names);
        Ok(network)
    }

    /// Finds the shortest texts, by Bellman and Ford.
    fn measure(&mut self, names: &Names) {
        self.short = vec![FAR; self.nodes.len()];
        for (_, end) in &self.rules {
            self.short[*end as usize] = 0;
        }
        self.rule_short = vec![FAR; self.rules.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for node in 0..self.nodes.len() {
                let way = |edge: &Edge| match *edge {
                    Edge::Free(to) | Edge::Act(_, to) => self.short[to as usize],
                    Edge::Call(rule, to) => self.rule_short[rule as usize] + self.short[to as usize],
                    Edge::Term(term, to) => self.length(term, names) + self.short[to as usize],
                };
                let best = self.nodes[node].edges.iter().map(way).min().unwrap_or(FAR).min(FAR);
                if best < self.short[node] {
                    self.short[node] = best;
                    changed = true;
                }
            }
            for (rule, (start, _)) in self.rules.iter().enumerate() {
                self.rule_short[rule] = self.short[*start as usize];
            }
        }
    }

    /// About the length of a terminal and the blank behind it.
    pub fn length(&self, term: Term, names: &Names) -> u32 {
        match term {
            Term::Word(name) => names.text(name).len() as u32 + 1,
            Term::Sign(sign) => self.signs[usize::from(sign)].len() as u32,
            Term::Class(class) => class.length(),
        }
    }
}

/// Brackets need no blanks around them, except in signs between quotes.
fn split(word: &str) -> Vec<&str> {
    if word.starts_with('\'') || word.len() == 1 {
        return vec![word];
    }
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find(['(', ')', '[', ']', '{', '}', '|']) {
        if at > 0 {
            parts.push(&rest[..at]);
        }
        parts.push(&rest[at..=at]);
        rest = &rest[at + 1..];
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

impl<'a> Builder<'a> {
    fn node(&mut self) -> u32 {
        self.network.nodes.push(Node::default());
        self.network.nodes.len() as u32 - 1
    }

    fn edge(&mut self, from: u32, edge: Edge) {
        self.network.nodes[from as usize].edges.push(edge);
    }

    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    /// Alternatives up to a closing bracket or the end.
    fn alternatives(&mut self, from: u32, to: u32) -> Result<(), String> {
        loop {
            self.sequence(from, to)?;
            match self.peek() {
                Some("|") => self.at += 1,
                _ => return Ok(()),
            }
        }
    }

    /// One alternative; it is left out where the dialect lacks what it is marked with.
    fn sequence(&mut self, from: u32, to: u32) -> Result<(), String> {
        let mut at = self.node();
        let mut wanted = true;
        let first = at;
        while let Some(token) = self.peek() {
            if matches!(token, "|" | ")" | "]" | "}") {
                break;
            }
            self.at += 1;
            let next = self.node();
            match token {
                "(" => {
                    self.alternatives(at, next)?;
                    self.close(")")?;
                }
                "[" => {
                    self.alternatives(at, next)?;
                    self.close("]")?;
                    self.edge(at, Edge::Free(next));
                }
                "{" => {
                    let back = self.node();
                    self.alternatives(at, back)?;
                    self.close("}")?;
                    self.edge(back, Edge::Free(at));
                    self.edge(at, Edge::Free(next));
                }
                _ => match token.strip_prefix('?') {
                    Some(feature) => {
                        wanted &= self.features.contains(feature);
                        self.edge(at, Edge::Free(next));
                    }
                    None => {
                        let edge = self.leaf(token, next)?;
                        self.edge(at, edge);
                    }
                },
            }
            at = next;
        }
        if wanted {
            self.edge(from, Edge::Free(first));
            self.edge(at, Edge::Free(to));
        }
        Ok(())
    }

    fn close(&mut self, bracket: &str) -> Result<(), String> {
        if self.peek() != Some(bracket) {
            return Err(format!("{bracket:?} is missing"));
        }
        self.at += 1;
        Ok(())
    }

    fn leaf(&mut self, token: &'a str, to: u32) -> Result<Edge, String> {
        if let Some(act) = token.strip_prefix('@') {
            let act = Act::named(act).ok_or_else(|| format!("there is no act named {act:?}"))?;
            return Ok(Edge::Act(act, to));
        }
        if let Some(sign) = token.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return Ok(Edge::Term(Term::Sign(self.sign(sign)), to));
        }
        if let Some(class) = token.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            let class = Class::named(class).ok_or_else(|| format!("there is no class named {class:?}"))?;
            return Ok(Edge::Term(Term::Class(class), to));
        }
        if token.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            let name = self.names.folded(token);
            self.network.keywords.insert(name);
            return Ok(Edge::Term(Term::Word(name), to));
        }
        let rule = self.numbers.get(token).ok_or_else(|| format!("there is no rule named {token:?}"))?;
        Ok(Edge::Call(*rule, to))
    }

    fn sign(&mut self, sign: &str) -> u8 {
        let signs = &mut self.network.signs;
        let known = signs.iter().position(|known| **known == *sign);
        known.unwrap_or_else(|| {
            signs.push(sign.into());
            signs.len() - 1
        }) as u8
    }
}

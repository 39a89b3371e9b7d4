//! The machine over terminals: sets of readings, what they offer, and how a token moves them.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    admit::Token,
    class::Class,
    intern::{Interner, NONE, Names},
    network::{Edge, Term},
    offered::Offered,
    plan::Plan,
    scope::{Env, Frame, Lone, Scope},
    why::Why,
};
use crate::{
    automaton::Recognizer,
    budget::{Budget, Overrun},
};

/// A reading: where it is in the rules, where they return to, and what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Config {
    pub node: u32,
    pub frame: u32,
    pub env: Env,
}

/// What may come in a set of readings.
#[derive(Debug, Default)]
pub struct Offer {
    /// The terminals, and the reading behind each as it is before the terminal has had its say.
    pub edges: Vec<(Term, Config)>,
    /// The text may end.
    pub ends: bool,
    /// The columns of the whole query, if it does.
    pub result: u32,
    /// The value of a number matters.
    pub counts: bool,
    /// A text between single quotes may be a name.
    pub names_in_quotes: bool,
    pub takes_text: bool,
    pub takes_number: bool,
    pub takes_blob: bool,
    pub takes_parameter: bool,
    /// Keywords, in the order of their bytes.
    pub words: Vec<u32>,
}

/// A recogniser of SQL. See [`super`].
pub struct Sql {
    pub(super) plan: Arc<Plan>,
    pub(super) names: Names,
    pub(super) functions: FxHashMap<u32, Vec<u32>>,
    pub(super) scopes: Interner<Scope>,
    pub(super) cols: Interner<Vec<u32>>,
    pub(super) frames: Interner<Frame>,
    pub(super) sets: Interner<Vec<Config>>,
    offers: FxHashMap<u32, Arc<Offer>>,
    moves: FxHashMap<(u32, Token), Option<u32>>,
    listed: FxHashMap<u32, Arc<Vec<(Class, Offered)>>>,
    /// What is offered, by all that it hangs on: class, scope, flags and the name before.
    pub(super) lists: FxHashMap<(Class, u32, u16, u32), Offered>,
    /// Short texts to the end.
    pub(super) ways: FxHashMap<u32, Option<Arc<str>>>,
    pub(super) extended: FxHashMap<(u32, u8), u32>,
    pub(super) budget: Budget,
    /// Why readings ended, of late.
    pub(super) notes: Vec<Why>,
    pub(super) start: u32,
}

/// Notes that are kept.
const MOST_NOTES: usize = 64;
/// Readings that may be open at once.
const MOST_READINGS: usize = 4096;
/// Levels of rules within rules.
const MOST_DEPTH: u16 = 2000;

impl Sql {
    pub fn new(plan: Arc<Plan>, budget: Budget) -> Self {
        let mut functions: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for (number, function) in plan.dialect.functions.iter().enumerate() {
            functions.entry(function.name).or_default().push(number as u32);
        }
        let names = plan.dialect.names.clone();
        let node = plan.dialect.network.rules[plan.dialect.network.start as usize].0;
        let mut sql = Self {
            plan,
            names,
            functions,
            scopes: Interner::default(),
            cols: Interner::default(),
            frames: Interner::default(),
            sets: Interner::default(),
            offers: FxHashMap::default(),
            moves: FxHashMap::default(),
            listed: FxHashMap::default(),
            lists: FxHashMap::default(),
            ways: FxHashMap::default(),
            extended: FxHashMap::default(),
            budget,
            notes: Vec::new(),
            start: NONE,
        };
        sql.start = sql.sets.put(vec![Config { node, frame: NONE, env: Env::default() }]);
        sql
    }

    /// The names of the columns of a query; an empty one where a column has none. None if the query is refused.
    pub fn columns_of_query(&mut self, query: &str) -> Option<Vec<String>> {
        let mut state = self.start();
        if self.read(&mut state, query.as_bytes()) < query.len() || !self.accepts(state) {
            return None;
        }
        let set = self.complete(state)?;
        let cols = self.offer(set).result;
        Some(self.cols.get(cols).iter().map(|name| self.names.text(*name).to_owned()).collect())
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// About the memory held, in bytes.
    pub fn size(&self) -> usize {
        self.names.bytes()
            + self.scopes.len() * 512
            + self.frames.len() * 64
            + self.sets.len() * 160
            + self.offers.len() * 4096
            + (self.moves.len() + self.extended.len() + self.ways.len() + self.lists.len()) * 64
    }

    /// To be called when a piece of work is done: what is held is measured. What could be found out again is forgotten when
    /// it is most of what may be held.
    pub fn settle(&mut self) {
        if self.size() > self.budget.limits().bytes / 2 {
            self.offers.clear();
            self.listed.clear();
            self.lists.clear();
            self.moves.clear();
        }
        self.budget.hold(self.size());
    }

    /// It has grown so far that the next answer had better begin with a new one.
    pub fn is_worn(&self) -> bool {
        self.budget.is_spent() || self.size() > self.budget.limits().bytes / 2
    }

    pub(super) fn note(&mut self, why: Why) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(why);
        }
    }

    /// What may come; None after an overrun.
    pub(super) fn offer(&mut self, set: u32) -> Arc<Offer> {
        if let Some(offer) = self.offers.get(&set) {
            return offer.clone();
        }
        let offer = Arc::new(self.explore(set));
        self.offers.insert(set, offer.clone());
        offer
    }

    /// The names that may come, by the classes that take them.
    pub(super) fn names_of(&mut self, set: u32) -> Arc<Vec<(Class, Offered)>> {
        if let Some(names) = self.listed.get(&set) {
            return names.clone();
        }
        let mut names: Vec<(Class, Offered)> = Vec::new();
        for (term, config) in &self.offer(set).edges {
            let Term::Class(class) = *term else { continue };
            if class.is_literal() {
                continue;
            }
            let offered = self.offered(class, config.env);
            if !names.iter().any(|(other, known)| *other == class && *known == offered) {
                names.push((class, offered));
            }
        }
        let names = Arc::new(names);
        self.listed.insert(set, names.clone());
        names
    }

    /// Follows the rules up to the next terminals.
    fn explore(&mut self, set: u32) -> Offer {
        let network = self.plan.dialect.network.clone();
        let mut offer = Offer::default();
        let mut todo: Vec<Config> = Vec::clone(self.sets.get(set));
        let mut seen: FxHashSet<Config> = todo.iter().copied().collect();
        while let Some(config) = todo.pop() {
            if !self.budget.spend(4) {
                break;
            }
            let Config { node, frame, env } = config;
            let mut found = Vec::new();
            if network.ends[node as usize] {
                if frame == NONE {
                    (offer.ends, offer.result) = (true, env.cols);
                } else {
                    let frame = **self.frames.get(frame);
                    let Frame { node, flags, count, name, load, pending, below, .. } = frame;
                    // Operators wait on until something around them closes.
                    let pending = if load == env.load { env.pending } else { pending };
                    let env = Env { flags, count, name, load, pending, ..env };
                    found.push(Config { node, frame: below, env });
                }
            }
            for edge in &network.nodes[node as usize].edges {
                match *edge {
                    Edge::Free(to) => found.push(Config { node: to, ..config }),
                    Edge::Act(act, to) => {
                        if let Some(env) = self.act(act, env) {
                            found.push(Config { node: to, frame, env });
                        }
                    }
                    Edge::Call(rule, to) => {
                        let Env { flags, count, name, load, pending, .. } = env;
                        let depth = self.frames.get(frame).depth + 1;
                        if depth > MOST_DEPTH {
                            self.budget.fail(Overrun::Part("the query is nested too deeply".into()));
                            break;
                        }
                        let below = frame;
                        let frame = Frame { node: to, flags, count, name, load, pending, below, depth };
                        let frame = self.frames.put(frame);
                        found.push(Config { node: network.rules[rule as usize].0, frame, env });
                    }
                    Edge::Term(term, to) => offer.edges.push((term, Config { node: to, frame, env })),
                }
            }
            todo.extend(found.into_iter().filter(|config| seen.insert(*config)));
            if seen.len() > MOST_READINGS {
                self.budget.fail(Overrun::Part("the query has too many readings".into()));
                break;
            }
        }
        self.finish_offer(&mut offer);
        offer
    }

    fn finish_offer(&mut self, offer: &mut Offer) {
        offer.edges.sort_unstable();
        offer.edges.dedup();
        for (term, config) in offer.edges.clone() {
            match term {
                Term::Word(word) => offer.words.push(word),
                Term::Sign(_) => {}
                Term::Class(class) => {
                    offer.takes_text |= class == Class::String;
                    offer.takes_blob |= class == Class::Blob;
                    offer.takes_parameter |= class == Class::Parameter;
                    offer.takes_number |= class == Class::Number;
                    offer.counts |= class == Class::Number && config.env.lone != Lone::Other;
                    offer.names_in_quotes |= class.takes_string() && !self.plan.narrow;
                }
            }
        }
        let texts = &self.names;
        offer.words.sort_unstable_by(|one, other| texts.text(*one).cmp(texts.text(*other)));
        offer.words.dedup();
    }

    /// Follows the rules again, for the notes.
    pub(super) fn explore_again(&mut self, set: u32) {
        self.explore(set);
    }

    /// One token further.
    pub(super) fn advance(&mut self, set: u32, token: Token) -> Option<u32> {
        if let Some(known) = self.moves.get(&(set, token)) {
            return *known;
        }
        let next = self.advance_anew(set, token);
        self.moves.insert((set, token), next);
        next
    }

    pub(super) fn advance_anew(&mut self, set: u32, token: Token) -> Option<u32> {
        let offer = self.offer(set);
        let mut next: Vec<Config> = Vec::new();
        let is_keyword = matches!(token, Token::Word(word) if offer.words.contains(&word));
        if let Token::Word(word) = token {
            // A keyword is a name only where no keyword can stand.
            if !is_keyword && self.plan.dialect.reserved.contains(&word) {
                self.note(Why::Reserved(word));
                return None;
            }
        }
        for (term, config) in &offer.edges {
            if !self.budget.spend(2) {
                return None;
            }
            let env = match (*term, token) {
                (Term::Word(word), Token::Word(read)) if word == read => self.touch(config.env, *term),
                (Term::Sign(sign), Token::Sign(read)) if sign == read => self.touch(config.env, *term),
                (Term::Class(class), _) if !is_keyword => match self.admit(class, config.env, token) {
                    Some(env) => env,
                    None => continue,
                },
                _ => continue,
            };
            next.push(Config { env, ..*config });
        }
        if next.is_empty() {
            return None;
        }
        next.sort_unstable();
        next.dedup();
        Some(self.sets.put(next))
    }

    /// Most keywords and signs make of a column or a number something else.
    fn touch(&self, env: Env, term: Term) -> Env {
        let keeps = match term {
            Term::Word(word) => matches!(self.names.text(word), "as" | "collate"),
            Term::Sign(sign) => match &*self.plan.dialect.network.signs[usize::from(sign)] {
                "." | "(" | ")" | "*" => true,
                "-" | "+" if env.lone == Lone::Start => return Env { lone: Lone::Signed, ..env },
                _ => false,
            },
            Term::Class(_) => true,
        };
        if keeps { env } else { Env { lone: Lone::Other, ..env } }
    }
}

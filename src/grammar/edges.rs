//! Conditions on the next character, taken out of a grammar.
//!
//! An edge stands behind a word that must not run on: what comes next begins with none of its characters, or the text ends.
//! Which edge is still to be kept is a state, so a grammar with edges is a grammar of rules by the state before and the
//! state behind them. What follows an edge is held to the other characters in its first lexeme.
//!
//! Cost: each rule once for each pair of states in which it occurs. A state that excludes nothing that a rule could begin with
//! does not matter to it, so for most rules there are few.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::{Builder, CharSet, Expr, Grammar, Regex, RuleId, TokenClass};

/// Why edges cannot be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeFault {
    #[error("there are more than {MAX_STATES} kinds of conditions on what comes next")]
    Kinds,
    #[error("a repeat of more than {MAX_COUNT} times has conditions on what comes next in it")]
    Count,
    #[error("conditions on what comes next make too many rules of the grammar's")]
    Size,
    #[error("{0} follows a word that must not run on: what it begins with cannot be held to")]
    Part(&'static str),
}

/// Sets of characters that may be excluded, the empty one among them.
const MAX_STATES: usize = 32;
/// Parts of bodies that are looked at, all together.
const MAX_STEPS: u32 = 3_000_000;
/// A repeat in which edges change from one time to the next is written out.
const MAX_COUNT: u32 = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    Some,
    All,
}

/// Which characters must not come next: a place in the list of sets.
type State = u8;
/// A set of states.
type States = u32;

impl Grammar {
    /// The same texts without [`Expr::Edge`].
    ///
    /// # Errors
    /// What follows an edge cannot be held to it.
    pub fn without_edges(&self) -> Result<Option<Self>, EdgeFault> {
        if !self.has(is_edge) {
            return Ok(None);
        }
        let mut edges = Edges {
            grammar: self,
            beginnings: beginnings(self),
            lexemes: FxHashMap::default(),
            steps: 0,
            sets: vec![CharSet::default()],
            ends: FxHashMap::default(),
            builder: Builder::default(),
            variants: FxHashMap::default(),
            shared: FxHashMap::default(),
            queue: Vec::new(),
        };
        edges.settle()?;
        let start = edges.builder.unnamed(&self.rule(self.start()).name);
        let ends = each(edges.ends_of_rule(self.start(), 0));
        let ways = ends.map(|end| Expr::Rule(edges.variant((self.start(), 0, end)))).collect();
        edges.builder.define(start, Expr::alt(ways));
        while let Some((rule, from, to)) = edges.queue.pop() {
            let body = edges.between(&self.rule(rule).body, from, to)?;
            let id = edges.variant((rule, from, to));
            edges.builder.define(id, body);
        }
        Ok(Some(edges.builder.finish(start)))
    }
}

fn is_edge(part: &Expr) -> bool {
    matches!(part, Expr::Edge(_))
}

struct Edges<'a> {
    grammar: &'a Grammar,
    /// Of each rule, what its texts may begin with, and whether one is empty.
    beginnings: Vec<(CharSet, bool)>,
    /// The same of lexemes, by where they stand.
    lexemes: FxHashMap<*const Regex, (CharSet, bool)>,
    steps: u32,
    sets: Vec<CharSet>,
    /// Where a rule that begins in a state may end.
    ends: FxHashMap<(RuleId, State), States>,
    builder: Builder,
    /// A rule from one state to another.
    variants: FxHashMap<(RuleId, State, State), RuleId>,
    /// Pieces of bodies that more than one way leads through: where they stand, how often, and from where to where.
    shared: FxHashMap<(*const Expr, u32, u32, State, State), RuleId>,
    queue: Vec<(RuleId, State, State)>,
}

fn each(states: States) -> impl Iterator<Item = State> {
    (0..MAX_STATES as State).filter(move |state| states >> state & 1 == 1)
}

const FREE: State = 0;

impl Edges<'_> {
    /// Finds out where every rule may end.
    fn settle(&mut self) -> Result<(), EdgeFault> {
        self.ends.insert((self.grammar.start(), FREE), 0);
        loop {
            let known: Vec<(RuleId, State)> = self.ends.keys().copied().collect();
            let mut changed = false;
            let grammar = self.grammar;
            for (rule, from) in &known {
                let ends = self.ends_of(&grammar.rule(*rule).body, *from)?;
                changed |= self.ends.insert((*rule, *from), ends) != Some(ends);
            }
            if !changed && self.ends.len() == known.len() {
                return Ok(());
            }
        }
    }

    /// A rule that was not asked about yet has no ends until it is looked at.
    fn ends_of_rule(&mut self, rule: RuleId, from: State) -> States {
        *self.ends.entry((rule, from)).or_insert(0)
    }

    fn behind_edge(&mut self, from: State, set: &CharSet) -> Result<State, EdgeFault> {
        self.state_of(self.sets[usize::from(from)].union(set))
    }

    /// What of a state matters to a rule: nothing, if the rule begins with none of its characters.
    fn before_rule(&self, rule: RuleId, from: State) -> State {
        let (first, may_be_empty) = &self.beginnings[rule.0 as usize];
        let excluded = &self.sets[usize::from(from)];
        let matters = first.ranges().iter().any(|(low, high)| excluded.meets(*low, *high));
        if *may_be_empty || matters { from } else { FREE }
    }

    fn state_of(&mut self, set: CharSet) -> Result<State, EdgeFault> {
        let place = self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        if place < MAX_STATES { Ok(place as State) } else { Err(EdgeFault::Kinds) }
    }

    fn ends_of(&mut self, body: &Expr, from: State) -> Result<States, EdgeFault> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(EdgeFault::Size);
        }
        Ok(match body {
            Expr::Empty => 1 << from,
            Expr::Edge(set) => 1 << self.behind_edge(from, set)?,
            Expr::Lexeme(regex) => {
                let (held, is_nullable) = self.held_ways(regex, from);
                let some = if held == Held::Nothing { 0 } else { 1 << FREE };
                if is_nullable { some | 1 << from } else { some }
            }
            Expr::Token(_) | Expr::Pattern(_) | Expr::Json(_) => 1 << FREE,
            Expr::Rule(rule) => {
                let entry = self.before_rule(*rule, from);
                self.ends_of_rule(*rule, entry)
            }
            Expr::Ignore(rule) => {
                let entry = self.before_rule(*rule, from);
                self.ends_of_rule(*rule, entry) | 1 << from
            }
            Expr::Seq(parts) => {
                let mut states = 1 << from;
                for part in parts {
                    states = self.ends_from(part, states)?;
                }
                states
            }
            Expr::Alt(parts) => {
                let mut states = 0;
                for part in parts {
                    states |= self.ends_of(part, from)?;
                }
                states
            }
            // Where it is cut short, it ends within a text, and no edge is left.
            Expr::Counted { body, .. } => self.ends_of(body, from)? | 1 << FREE,
            Expr::Repeat { body, min, max } => {
                let mut states: States = 1 << from;
                // After each number of times: what comes after fewer is among it, but for the beginning.
                let once = if *max == Some(0) { 0 } else { self.ends_from(body, states)? };
                let mut all = once;
                loop {
                    let more = if max.is_some_and(|max| max < 2) { all } else { all | self.ends_from(body, all)? };
                    if more == all {
                        break;
                    }
                    all = more;
                }
                states = if *min == 0 { states } else { 0 };
                states | all
            }
        })
    }

    fn ends_from(&mut self, body: &Expr, from: States) -> Result<States, EdgeFault> {
        each(from).try_fold(0, |all, state| Ok(all | self.ends_of(body, state)?))
    }

    fn variant(&mut self, key: (RuleId, State, State)) -> RuleId {
        if let Some(id) = self.variants.get(&key) {
            return *id;
        }
        let id = self.builder.unnamed(&self.grammar.rule(key.0).name);
        self.variants.insert(key, id);
        self.queue.push(key);
        id
    }

    /// The texts of a body that lead from one state to another.
    fn between(&mut self, body: &Expr, from: State, to: State) -> Result<Expr, EdgeFault> {
        let held = from != FREE;
        let nothing = || Expr::Alt(Vec::new());
        let is_free = to == FREE;
        Ok(match body {
            Expr::Empty if from == to => Expr::Empty,
            Expr::Edge(set) if self.behind_edge(from, set)? == to => Expr::Empty,
            Expr::Empty | Expr::Edge(_) => nothing(),
            Expr::Lexeme(regex) if is_free => match self.held_ways(regex, from).0 {
                Held::Nothing => nothing(),
                Held::All => body.clone(),
                Held::Some => {
                    let first = Regex::Class(self.sets[usize::from(from)].complement());
                    Expr::Lexeme(Regex::And(vec![regex.clone(), Regex::Concat(vec![first, Regex::anything()])]))
                }
            },
            Expr::Lexeme(regex) if from == to && self.held_ways(regex, from).1 => Expr::Empty,
            Expr::Lexeme(_) => nothing(),
            Expr::Token(TokenClass::Other { .. }) if held && is_free => return Err(EdgeFault::Part("a token")),
            Expr::Pattern(_) if held && is_free => return Err(EdgeFault::Part("an expression with conditions")),
            Expr::Json(_)
                if held && is_free && JSON.chars().any(|c| self.sets[usize::from(from)].meets(c as u32, c as u32)) =>
            {
                return Err(EdgeFault::Part("JSON"));
            }
            Expr::Token(_) | Expr::Pattern(_) | Expr::Json(_) if is_free => body.clone(),
            Expr::Token(_) | Expr::Pattern(_) | Expr::Json(_) => nothing(),
            Expr::Rule(rule) => {
                let entry = self.before_rule(*rule, from);
                match self.ends_of_rule(*rule, entry) >> to & 1 {
                    1 => Expr::Rule(self.variant((*rule, entry, to))),
                    _ => nothing(),
                }
            }
            Expr::Ignore(rule) => {
                let entry = self.before_rule(*rule, from);
                let is_end = self.ends_of_rule(*rule, entry) >> to & 1 == 1;
                match (is_end, from == to) {
                    (true, true) if !held => Expr::Ignore(self.variant((*rule, entry, to))),
                    (true, true) => Expr::Rule(self.variant((*rule, entry, to))).repeat(0, Some(1)),
                    (true, false) => Expr::Rule(self.variant((*rule, entry, to))),
                    (false, true) => Expr::Empty,
                    (false, false) => nothing(),
                }
            }
            Expr::Seq(parts) => self.sequence(parts, from, to)?,
            Expr::Alt(parts) => {
                let ways = parts.iter().map(|part| self.between(part, from, to)).collect::<Result<Vec<_>, _>>()?;
                Expr::alt(ways.into_iter().filter(|way| *way != nothing()).collect())
            }
            Expr::Repeat { body, min, max } => self.repeat(body, (*min, *max), from, to)?,
            Expr::Counted { body, tokens } => {
                Expr::Counted { body: Box::new(self.between(body, from, to)?), tokens: *tokens }
            }
        })
    }

    /// Which of a lexeme's texts, but for the empty one, keep to the edge before them; and whether it has an empty one.
    fn held_ways(&mut self, regex: &Regex, from: State) -> (Held, bool) {
        let known = self.lexemes.entry(std::ptr::from_ref(regex));
        let (first, is_nullable) = known.or_insert_with(|| (first_of(regex), regex.is_nullable()));
        if from == FREE {
            return (Held::All, *is_nullable);
        }
        let excluded = &self.sets[usize::from(from)];
        let held = match first.ranges().iter().any(|(low, high)| excluded.meets(*low, *high)) {
            _ if first.union(excluded) == *excluded => Held::Nothing,
            // The empty text is told apart, so it is taken out.
            meets if meets || *is_nullable => Held::Some,
            _ => Held::All,
        };
        (held, *is_nullable)
    }

    fn sequence(&mut self, parts: &[Expr], from: State, to: State) -> Result<Expr, EdgeFault> {
        let [first, rest @ ..] = parts else {
            return Ok(if from == to { Expr::Empty } else { Expr::Alt(Vec::new()) });
        };
        if rest.is_empty() {
            return self.between(first, from, to);
        }
        let mut middles = BTreeSet::new();
        for middle in each(self.ends_of(first, from)?) {
            let mut states = 1 << middle;
            for part in rest {
                states = self.ends_from(part, states)?;
            }
            if states >> to & 1 == 1 {
                middles.insert(middle);
            }
        }
        let mut ways = Vec::new();
        let is_fork = middles.len() > 1;
        for middle in middles {
            let head = self.between(first, from, middle)?;
            let tail = match is_fork && rest.len() > 1 {
                true => self.share((rest.as_ptr(), 0, 0, middle, to), |edges| edges.sequence(rest, middle, to))?,
                false => self.sequence(rest, middle, to)?,
            };
            let mut whole = vec![head];
            match tail {
                Expr::Seq(parts) => whole.extend(parts),
                other => whole.push(other),
            }
            ways.push(Expr::Seq(whole));
        }
        Ok(Expr::alt(ways))
    }

    /// A piece as a rule of its own, made once.
    fn share(
        &mut self,
        key: (*const Expr, u32, u32, State, State),
        make: impl FnOnce(&mut Self) -> Result<Expr, EdgeFault>,
    ) -> Result<Expr, EdgeFault> {
        if let Some(id) = self.shared.get(&key) {
            return Ok(Expr::Rule(*id));
        }
        let id = self.builder.unnamed("behind");
        self.shared.insert(key, id);
        let body = make(self)?;
        self.builder.define(id, body);
        Ok(Expr::Rule(id))
    }

    fn repeat(
        &mut self,
        body: &Expr,
        (min, max): (u32, Option<u32>),
        from: State,
        to: State,
    ) -> Result<Expr, EdgeFault> {
        let nothing = || Expr::Alt(Vec::new());
        let once = self.ends_of(body, from)?;
        // It stays where it is, or goes to one place and stays there.
        let stays = each(once).next().filter(|_| once.count_ones() == 1);
        if let Some(behind) = stays
            && (behind == from || self.ends_of(body, behind)? == 1 << behind)
        {
            if behind == from {
                return Ok(if to == from { self.between(body, from, from)?.repeat(min, max) } else { nothing() });
            }
            let none = (min == 0 && to == from).then_some(Expr::Empty);
            let some = match to == behind && max != Some(0) {
                true => {
                    let first = self.between(body, from, behind)?;
                    let more = self.between(body, behind, behind)?;
                    let more = more.repeat(min.saturating_sub(1), max.map(|max| max - 1));
                    Some(Expr::Seq(vec![first, more]))
                }
                false => None,
            };
            return Ok(Expr::alt(none.into_iter().chain(some).collect()));
        }
        if min.max(max.unwrap_or(0)) > MAX_COUNT {
            return Err(EdgeFault::Count);
        }
        self.written_out(body, (min, max), from, to)
    }

    /// A repeat in which the state changes from one time to the next.
    fn written_out(
        &mut self,
        body: &Expr,
        (min, max): (u32, Option<u32>),
        from: State,
        to: State,
    ) -> Result<Expr, EdgeFault> {
        let mut ways = Vec::new();
        if min == 0 && from == to {
            ways.push(Expr::Empty);
        }
        if max != Some(0) {
            let rest = (min.saturating_sub(1), max.map(|max| max - 1));
            for middle in each(self.ends_of(body, from)?) {
                let first = self.between(body, from, middle)?;
                // Endless ones have no end but zero, so it stands for none.
                let key = (std::ptr::from_ref(body), rest.0, rest.1.map_or(0, |max| max + 1), middle, to);
                let more = self.share(key, |edges| edges.written_out(body, rest, middle, to))?;
                ways.push(Expr::Seq(vec![first, more]));
            }
        }
        Ok(Expr::alt(ways))
    }
}

/// What a JSON text may begin with.
const JSON: &str = "-0123456789tfn\"[{ \t\r\n";

/// Of each rule, what its texts may begin with, at most, and whether one may be empty.
fn beginnings(grammar: &Grammar) -> Vec<(CharSet, bool)> {
    let mut known = vec![(CharSet::default(), false); grammar.rules().len()];
    loop {
        let mut changed = false;
        for (at, rule) in grammar.rules().iter().enumerate() {
            let now = beginning(&rule.body, &known);
            changed |= now != known[at];
            known[at] = now;
        }
        if !changed {
            return known;
        }
    }
}

fn beginning(body: &Expr, known: &[(CharSet, bool)]) -> (CharSet, bool) {
    match body {
        Expr::Empty | Expr::Edge(_) => (CharSet::default(), true),
        Expr::Lexeme(regex) => (first_of(regex), regex.is_nullable()),
        Expr::Token(TokenClass::Other { .. }) | Expr::Pattern(_) => (CharSet::all(), true),
        Expr::Token(_) => (CharSet::default(), false),
        Expr::Json(_) => (CharSet::new(JSON.chars().map(|c| (c as u32, c as u32))), false),
        Expr::Rule(rule) => known[rule.0 as usize].clone(),
        Expr::Ignore(rule) => (known[rule.0 as usize].0.clone(), true),
        Expr::Seq(parts) => {
            let mut all = CharSet::default();
            for part in parts {
                let (first, is_empty) = beginning(part, known);
                all = all.union(&first);
                if !is_empty {
                    return (all, false);
                }
            }
            (all, true)
        }
        Expr::Alt(parts) => parts
            .iter()
            .map(|part| beginning(part, known))
            .fold((CharSet::default(), false), |all, one| (all.0.union(&one.0), all.1 || one.1)),
        Expr::Counted { body, .. } => beginning(body, known),
        Expr::Repeat { body, min, .. } => {
            let (first, is_empty) = beginning(body, known);
            (first, is_empty || *min == 0)
        }
    }
}

/// What the texts of an expression may begin with, at most.
fn first_of(regex: &Regex) -> CharSet {
    match regex {
        Regex::Empty | Regex::Look(_) => CharSet::default(),
        Regex::Class(class) => class.clone(),
        Regex::Bytes(..) | Regex::Not(_) => CharSet::all(),
        Regex::Concat(parts) => {
            let reached = parts.iter().position(|part| !part.is_nullable()).map_or(parts.len(), |last| last + 1);
            parts[..reached].iter().fold(CharSet::default(), |all, part| all.union(&first_of(part)))
        }
        Regex::Alternation(parts) => parts.iter().fold(CharSet::default(), |all, part| all.union(&first_of(part))),
        Regex::And(parts) => {
            let excluded = parts.iter().fold(CharSet::default(), |all, part| all.union(&first_of(part).complement()));
            excluded.complement()
        }
        Regex::Repeat { body, .. } | Regex::Shortest(body) => first_of(body),
    }
}

#[cfg(test)]
mod tests {
    use rustc_hash::FxHashSet;

    use super::*;

    /// Where a body that begins at a place of the text may end, by the definition.
    struct Naive<'a> {
        text: &'a [u8],
        ends: FxHashMap<(RuleId, usize), FxHashSet<usize>>,
    }

    impl Naive<'_> {
        fn accepts(grammar: &Grammar, text: &[u8]) -> bool {
            let mut naive = Naive { text, ends: FxHashMap::default() };
            naive.ends.insert((grammar.start(), 0), FxHashSet::default());
            loop {
                let before = (naive.ends.len(), naive.ends.values().map(FxHashSet::len).sum::<usize>());
                for (rule, at) in naive.ends.keys().copied().collect::<Vec<_>>() {
                    let ends = naive.ends_of(&grammar.rule(rule).body, at);
                    naive.ends.insert((rule, at), ends);
                }
                if before == (naive.ends.len(), naive.ends.values().map(FxHashSet::len).sum()) {
                    return naive.ends[&(grammar.start(), 0)].contains(&text.len());
                }
            }
        }

        fn ends_of(&mut self, body: &Expr, at: usize) -> FxHashSet<usize> {
            let from_all = |naive: &mut Self, body: &Expr, from: &FxHashSet<usize>| {
                from.iter().flat_map(|at| naive.ends_of(body, *at)).collect::<FxHashSet<usize>>()
            };
            match body {
                Expr::Empty => [at].into_iter().collect(),
                Expr::Edge(set) => {
                    let next = self.text.get(at).copied().map(u32::from);
                    (!next.is_some_and(|c| set.meets(c, c))).then_some(at).into_iter().collect()
                }
                Expr::Lexeme(regex) => {
                    (at..=self.text.len()).filter(|end| matches(regex, &self.text[at..*end])).collect()
                }
                Expr::Rule(rule) => self.ends.entry((*rule, at)).or_default().clone(),
                Expr::Ignore(rule) => {
                    let mut ends = self.ends.entry((*rule, at)).or_default().clone();
                    ends.insert(at);
                    ends
                }
                Expr::Seq(parts) => {
                    let mut places: FxHashSet<usize> = [at].into_iter().collect();
                    for part in parts {
                        places = from_all(self, part, &places);
                    }
                    places
                }
                Expr::Alt(parts) => parts.iter().flat_map(|part| self.ends_of(part, at)).collect(),
                Expr::Repeat { body, min, max } => {
                    let mut places: FxHashSet<usize> = [at].into_iter().collect();
                    let mut all = FxHashSet::default();
                    for times in 0..=max.unwrap_or(min + 8) {
                        if times >= *min {
                            all.extend(places.iter().copied());
                        }
                        places = from_all(self, body, &places);
                    }
                    all
                }
                Expr::Token(_) | Expr::Pattern(_) | Expr::Json(_) | Expr::Counted { .. } => {
                    unreachable!("none is made here")
                }
            }
        }
    }

    fn matches(regex: &Regex, text: &[u8]) -> bool {
        match regex {
            Regex::Empty => text.is_empty(),
            Regex::Class(set) => matches!(text, [c] if set.meets(u32::from(*c), u32::from(*c))),
            Regex::Concat(parts) => match &parts[..] {
                [] => text.is_empty(),
                [first, rest @ ..] => (0..=text.len())
                    .any(|at| matches(first, &text[..at]) && matches(&Regex::Concat(rest.to_vec()), &text[at..])),
            },
            Regex::Alternation(parts) => parts.iter().any(|part| matches(part, text)),
            Regex::And(parts) => parts.iter().all(|part| matches(part, text)),
            Regex::Repeat { body, min, max } => {
                (text.is_empty() && *min == 0)
                    || (*max != Some(0)
                        && (1..=text.len()).any(|at| {
                            let rest = body.clone().repeat(min.saturating_sub(1), max.map(|max| max - 1));
                            matches(body, &text[..at]) && matches(&rest, &text[at..])
                        }))
            }
            Regex::Bytes(..) | Regex::Not(_) | Regex::Shortest(_) | Regex::Look(_) => unreachable!("none is made here"),
        }
    }

    struct Dice(u64);

    impl Dice {
        fn below(&mut self, count: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % count
        }

        fn letter(&mut self) -> CharSet {
            CharSet::single(u32::from(b"ab "[self.below(3) as usize]))
        }

        fn lexeme(&mut self) -> Regex {
            let class = Regex::Class(self.letter());
            match self.below(4) {
                0 => class.repeat(self.below(2) as u32, None),
                1 => Regex::Concat(vec![class, Regex::Class(self.letter())]),
                _ => class,
            }
        }

        fn body(&mut self, rules: u32, depth: u32) -> Expr {
            let all = |dice: &mut Self| (0..2 + dice.below(2)).map(|_| dice.body(rules, depth - 1)).collect();
            match self.below(if depth == 0 { 6 } else { 11 }) {
                0 => Expr::Empty,
                1 => Expr::Edge(self.letter()),
                2 => Expr::Rule(RuleId(self.below(u64::from(rules)) as u32)),
                3..6 => Expr::Lexeme(self.lexeme()),
                6 => Expr::Alt(all(self)),
                7 => {
                    let (min, more) = (self.below(3) as u32, self.below(3) as u32);
                    let max = (more < 2).then_some(min + more);
                    self.body(rules, depth - 1).repeat(min, max)
                }
                8 => Expr::Ignore(RuleId(self.below(u64::from(rules)) as u32)),
                _ => Expr::Seq(all(self)),
            }
        }

        fn grammar(&mut self) -> Grammar {
            let mut builder = Builder::default();
            let rules = 1 + self.below(3) as u32;
            let ids: Vec<RuleId> = (0..rules).map(|_| builder.unnamed("rule")).collect();
            for id in &ids {
                let body = self.body(rules, 3);
                builder.define(*id, body);
            }
            builder.finish(ids[0])
        }
    }

    #[test]
    fn the_same_texts_with_and_without() {
        let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
        for from in 0.. {
            if texts[from].len() == 4 {
                break;
            }
            texts.extend(b"ab ".map(|c| [&texts[from][..], &[c]].concat()));
        }
        let (mut dice, mut with, mut accepted) = (Dice(7), 0, 0);
        for number in 0..1500 {
            let grammar = dice.grammar();
            let Some(plain) = grammar.without_edges().expect("it can be held to") else { continue };
            with += 1;
            assert!(!plain.has(is_edge));
            for text in &texts {
                let expected = Naive::accepts(&grammar, text);
                accepted += usize::from(expected);
                assert_eq!(Naive::accepts(&plain, text), expected, "{number}: {text:?}\n{grammar:?}\n{plain:?}");
            }
        }
        assert!(with > 500 && accepted > 1000, "{with} grammars, {accepted} texts");
    }
}

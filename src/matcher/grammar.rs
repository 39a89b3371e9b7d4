//! Masks for grammars, put together from pieces that know nothing of where they stand.
//!
//! A token either lies within what is being read, or it ends it and its rest is read by what comes behind. So for each
//! lexeme, as far as it was read, a [`Leaf`] has the tokens that lie within it, and the ends of the others as a trie of
//! their own. Those ends are asked of the places that are returned to, in the same way: the [`Passage`] of a node has
//! what of a trie is read in its rule, and what is left over when the rule is through. Both depend on nothing else, so
//! they are made once; a mask is their union over what may be read in a state and over what that returns to.
//!
//! Cost: a leaf walks the part of the trie that its lexeme goes along with: 1 to 2 ms for 128,000 tokens if that is any
//! text, microseconds for a keyword. A mask from known pieces is a union of sets for each place that may be read.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    crossings::Crossings,
    walk::{self, VocabularyTables},
};
use crate::{
    automaton::{
        chart::{BEYOND, Chart, END, MARK, NodeId, Place, ReturnId, StateId},
        json::{Lex, Machine, State},
    },
    vocab::{TokenId, TokenMask, TokenTrie, Vocabulary},
};

/// A trie's number: 0 is the vocabulary's.
type TrieId = u32;

const WHOLE: TrieId = 0;

/// Sets with fewer tokens are lists.
const FEW: usize = 256;
/// More memory than this the pieces of one automaton do not take; then they are made anew.
const MAX_BYTES: usize = 48 << 20;

/// Tokens, as a list or as a mask.
#[derive(Debug)]
enum Set {
    Few(Box<[TokenId]>),
    Many(TokenMask),
}

/// What becomes of the tokens of a trie in a lexeme or value that was read so far.
#[derive(Debug)]
struct Leaf {
    within: Set,
    /// What is left of the others behind each place where it may end.
    ends: Option<TrieId>,
}

/// What becomes of the tokens of a trie from a node on.
#[derive(Debug)]
struct Passage {
    within: Set,
    /// The tries of what is left when the node's rule is through.
    through: Box<[TrieId]>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Pieces {
    /// From number 1 on.
    tries: Vec<Arc<TokenTrie>>,
    leaves: FxHashMap<(Place, TrieId), Arc<Leaf>>,
    passages: FxHashMap<(NodeId, TrieId), Arc<Passage>>,
    /// Of each embedded JSON automaton.
    crossings: Vec<Crossings>,
    /// The tokens that have a closing character of JSON before their last byte.
    closing: Option<Arc<TokenTrie>>,
    /// The tokens that have a quote in them.
    quoted: Option<Arc<TokenTrie>>,
    /// The tokens that are no whole characters.
    ragged: Option<Arc<[TokenId]>>,
    bytes: usize,
}

/// A vocabulary, and what its constraints share.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    pub vocabulary: &'a Vocabulary,
    pub tables: &'a VocabularyTables<'a>,
}

/// What is being put together.
struct Sum {
    mask: TokenMask,
    through: Vec<TrieId>,
    seen: FxHashSet<(NodeId, ReturnId, TrieId)>,
}

impl Sum {
    fn new(vocabulary: &Vocabulary) -> Self {
        Self { mask: TokenMask::new(vocabulary.len()), through: Vec::new(), seen: FxHashSet::default() }
    }
}

impl Set {
    fn of(mask: TokenMask) -> Self {
        let few: Vec<TokenId> = mask.iter().take(FEW).collect();
        if few.len() < FEW { Self::Few(few.into()) } else { Self::Many(mask) }
    }

    fn add_to(&self, mask: &mut TokenMask) {
        match self {
            Self::Few(tokens) => tokens.iter().for_each(|token| mask.insert(*token)),
            Self::Many(other) => mask.union(other),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Few(tokens) => tokens.len() * 4,
            Self::Many(mask) => mask.words().len() * 8,
        }
    }
}

impl Pieces {
    /// Adds the text tokens that may come next in a state.
    pub fn allowed(&mut self, chart: &mut Chart, tokens: Tokens, state: StateId, mask: &mut TokenMask) {
        if self.bytes > MAX_BYTES {
            *self = Self::default();
        }
        let mut sum = Sum::new(tokens.vocabulary);
        let expanded = chart.expanded(state);
        self.follow(chart, tokens, &expanded.ready, WHOLE, &mut sum);
        mask.union(&sum.mask);
    }

    /// What becomes of a trie's tokens in each of the places.
    fn follow(&mut self, chart: &mut Chart, tokens: Tokens, ready: &[(Place, ReturnId)], trie: TrieId, sum: &mut Sum) {
        let mut open: Vec<(NodeId, ReturnId, TrieId)> = Vec::new();
        for &(place, back) in ready {
            let leaf = self.leaf(chart, tokens, place, trie);
            leaf.within.add_to(&mut sum.mask);
            if let Some(ends) = leaf.ends {
                open.extend(chart.places(back).iter().map(|(node, back)| (*node, *back, ends)));
            }
            while let Some((node, back, trie)) = open.pop() {
                if !sum.seen.insert((node, back, trie)) || !chart.budget().spend(1) {
                    continue;
                }
                match node {
                    END => {}
                    BEYOND => sum.through.push(trie),
                    _ => {
                        let passage = self.passage(chart, tokens, node, trie);
                        passage.within.add_to(&mut sum.mask);
                        if !passage.through.is_empty() {
                            let places = chart.places(back);
                            let left = passage.through.iter();
                            open.extend(left.flat_map(|trie| places.iter().map(|(node, back)| (*node, *back, *trie))));
                        }
                    }
                }
            }
        }
    }

    fn passage(&mut self, chart: &mut Chart, tokens: Tokens, node: NodeId, trie: TrieId) -> Arc<Passage> {
        if let Some(passage) = self.passages.get(&(node, trie)) {
            return passage.clone();
        }
        let state = chart.alone(Place::node(node));
        let expanded = chart.expanded(state);
        let mut sum = Sum::new(tokens.vocabulary);
        if expanded.is_through {
            sum.through.push(trie);
        }
        self.follow(chart, tokens, &expanded.ready, trie, &mut sum);
        sum.through.sort_unstable();
        sum.through.dedup();
        let passage = Passage { within: Set::of(sum.mask), through: sum.through.into() };
        self.bytes += 96 + passage.within.bytes() + passage.through.len() * 4;
        let passage = Arc::new(passage);
        self.passages.insert((node, trie), passage.clone());
        passage
    }

    /// The tokens of the vocabulary within a JSON value: its own masks know them. What is left of others behind the value
    /// is looked for among those that can close it.
    fn json_leaf(&mut self, tokens: Tokens, part: usize, machine: &mut Machine, state: State) -> (TokenMask, Vec<End>) {
        if self.crossings.len() <= part {
            self.crossings.resize_with(part + 1, Crossings::default);
        }
        let mut mask = TokenMask::new(tokens.vocabulary.len());
        let mark = machine.mark();
        walk::allowed(machine, tokens.tables, &mut self.crossings[part], state, &mut mask);
        machine.forget_since(mark);
        // A scalar that is all of the value ends without any such character.
        let is_open = state.frame != machine.start().frame || matches!(state.lex, Lex::String { .. });
        let closing = is_open.then(|| self.closing(tokens.vocabulary));
        let trie = closing.as_deref().unwrap_or(tokens.vocabulary.trie());
        let mark = machine.mark();
        let within = TokenMask::new(tokens.vocabulary.len());
        let mut walk = Walk { language: Json { machine: &mut *machine }, trie, mask: within, ends: Vec::new() };
        walk.go(state);
        let ends = walk.ends;
        machine.forget_since(mark);
        (mask, ends)
    }

    fn closing(&mut self, vocabulary: &Vocabulary) -> Arc<TokenTrie> {
        let is_closing = |token: &TokenId| {
            let bytes = vocabulary.bytes(*token);
            bytes[..bytes.len().saturating_sub(1)].iter().any(|byte| matches!(byte, b'"' | b'}' | b']'))
        };
        let make = || {
            let tokens = vocabulary.trie().all_tokens().iter().filter(|token| is_closing(token));
            Arc::new(TokenTrie::new(tokens.map(|token| (*token, vocabulary.bytes(*token)))))
        };
        self.closing.get_or_insert_with(make).clone()
    }

    /// As [`Pieces::json_leaf`], inside a string of a value that is laid out in its own way: behind the quote, nothing is as
    /// in JSON, so the tokens with quotes are read one by one.
    fn laid_leaf(&mut self, chart: &mut Chart, tokens: Tokens, place: Place) -> Option<(TokenMask, Vec<End>)> {
        let (part, machine, state) = chart.laid_text(place)?;
        if self.crossings.len() <= part {
            self.crossings.resize_with(part + 1, Crossings::default);
        }
        let quoted = self.quoted(tokens.vocabulary);
        let mut mask = TokenMask::new(tokens.vocabulary.len());
        let mark = machine.mark();
        walk::allowed(machine, tokens.tables, &mut self.crossings[part], state, &mut mask);
        machine.forget_since(mark);
        quoted.all_tokens().iter().for_each(|token| mask.remove(*token));
        let mut walk = Walk { language: Lexemes { chart }, trie: &quoted, mask, ends: Vec::new() };
        walk.go(place);
        Some((walk.mask, walk.ends))
    }

    pub fn ragged(&mut self, vocabulary: &Vocabulary) -> Arc<[TokenId]> {
        let make = || {
            let tokens = vocabulary.trie().all_tokens().iter().copied();
            tokens.filter(|token| std::str::from_utf8(vocabulary.bytes(*token)).is_err()).collect()
        };
        self.ragged.get_or_insert_with(make).clone()
    }

    fn quoted(&mut self, vocabulary: &Vocabulary) -> Arc<TokenTrie> {
        let make = || {
            let tokens =
                vocabulary.trie().all_tokens().iter().filter(|token| vocabulary.bytes(**token).contains(&b'"'));
            Arc::new(TokenTrie::new(tokens.map(|token| (*token, vocabulary.bytes(*token)))))
        };
        self.quoted.get_or_insert_with(make).clone()
    }

    fn leaf(&mut self, chart: &mut Chart, tokens: Tokens, place: Place, trie: TrieId) -> Arc<Leaf> {
        // Tokens are short: most of a long repeat is alike to them.
        let longest = match trie {
            WHOLE => tokens.vocabulary.trie().max_depth(),
            _ => self.tries[trie as usize - 1].max_depth(),
        };
        let place = chart.within(place, u32::try_from(longest).unwrap_or(u32::MAX));
        if let Some(leaf) = self.leaves.get(&(place, trie)) {
            return leaf.clone();
        }
        let laid = if trie == WHOLE { self.laid_leaf(chart, tokens, place) } else { None };
        let (mask, mut ends) = match (laid, chart.json(place)) {
            (Some(leaf), _) => leaf,
            (None, Some((part, machine, state))) if trie == WHOLE => self.json_leaf(tokens, part, machine, state),
            _ => {
                let of = (trie != WHOLE).then(|| self.tries[trie as usize - 1].clone());
                let walked = of.as_deref().unwrap_or(tokens.vocabulary.trie());
                let mask = TokenMask::new(tokens.vocabulary.len());
                let mut walk = Walk { language: Lexemes { chart }, trie: walked, mask, ends: Vec::new() };
                walk.go(place);
                (walk.mask, walk.ends)
            }
        };
        ends.sort_unstable();
        ends.dedup();
        let ends = (!ends.is_empty()).then(|| {
            let trie = TokenTrie::new(ends.iter().map(|(text, token)| (*token, &**text)));
            self.bytes += trie.nodes().len() * 12 + trie.all_tokens().len() * 4;
            self.tries.push(Arc::new(trie));
            self.tries.len() as TrieId
        });
        let leaf = Leaf { within: Set::of(mask), ends };
        self.bytes += 64 + leaf.within.bytes();
        let leaf = Arc::new(leaf);
        self.leaves.insert((place, trie), leaf.clone());
        leaf
    }
}

/// What a walk goes along with.
trait Language {
    type At: Copy;

    fn step(&mut self, at: Self::At, byte: u8) -> Option<Self::At>;

    /// It may end here.
    fn is_through(&mut self, at: Self::At) -> bool;

    /// False: no more steps may be taken.
    fn spend(&mut self, steps: usize) -> bool;
}

struct Lexemes<'a> {
    chart: &'a mut Chart,
}

impl Language for Lexemes<'_> {
    type At = Place;

    fn step(&mut self, at: Place, byte: u8) -> Option<Place> {
        // No text is a mark.
        if byte == MARK { None } else { self.chart.derive(at, byte) }
    }

    fn is_through(&mut self, at: Place) -> bool {
        self.chart.is_through(at)
    }

    fn spend(&mut self, steps: usize) -> bool {
        self.chart.budget().spend(steps)
    }
}

struct Json<'a> {
    machine: &'a mut Machine,
}

impl Language for Json<'_> {
    type At = State;

    fn step(&mut self, at: State, byte: u8) -> Option<State> {
        self.machine.step(at, byte)
    }

    fn is_through(&mut self, at: State) -> bool {
        self.machine.accepts(at)
    }

    fn spend(&mut self, steps: usize) -> bool {
        self.machine.budget().spend(steps)
    }
}

/// What is left of a token, and the token.
type End = (Box<[u8]>, TokenId);

/// A walk through the part of a trie that a language goes along with.
struct Walk<'a, L> {
    language: L,
    trie: &'a TokenTrie,
    mask: TokenMask,
    ends: Vec<End>,
}

impl<L: Language> Walk<'_, L> {
    fn go(&mut self, start: L::At) {
        let nodes = self.trie.nodes();
        let mut path = vec![start; self.trie.max_depth() + 1];
        let mut text: Vec<u8> = Vec::with_capacity(self.trie.max_depth());
        // Depths of the path at which what is read may end.
        let mut ends: Vec<usize> = Vec::new();
        let (mut at, mut visits) = (0, 0_usize);
        while let Some(node) = nodes.get(at as usize) {
            let depth = usize::from(node.depth);
            text.truncate(depth - 1);
            text.push(node.byte);
            while ends.last().is_some_and(|end| *end >= depth) {
                ends.pop();
            }
            match self.language.step(path[depth - 1], node.byte) {
                Some(next) => {
                    self.trie.tokens_at(at).iter().for_each(|token| self.mask.insert(*token));
                    path[depth] = next;
                    if self.language.is_through(next) {
                        ends.push(depth);
                    }
                    at += 1;
                }
                None => {
                    if !ends.is_empty() {
                        self.note_ends(at, &mut text, &ends);
                    }
                    at = node.next;
                }
            }
            visits += 1;
            // A node costs less than a step.
            if visits.is_multiple_of(64) && !self.language.spend(16) {
                return;
            }
        }
    }

    /// The tokens below a node to which the walk does not go: what is left of each behind every end.
    fn note_ends(&mut self, from: u32, text: &mut Vec<u8>, ends: &[usize]) {
        let nodes = self.trie.nodes();
        for at in from..nodes[from as usize].next {
            let depth = usize::from(nodes[at as usize].depth);
            text.truncate(depth - 1);
            text.push(nodes[at as usize].byte);
            for token in self.trie.tokens_at(at) {
                for end in ends {
                    self.ends.push((text[*end..].into(), *token));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        automaton::chart::tests::{grammar, texts},
        frontend::{Constraint, Policy},
        grammar::{Builder, CharSet, Expr, Regex, RuleId, TokenClass},
        matcher::{Engine, Matcher},
        vocab::{Token, TokenKind},
    };

    fn engine() -> Arc<Engine> {
        let text = |bytes: &[u8]| Token { bytes: bytes.into(), kind: TokenKind::Text };
        let mut tokens: Vec<Token> = texts().iter().filter(|text| !text.is_empty()).map(|bytes| text(bytes)).collect();
        tokens.push(text(&[MARK]));
        tokens.push(Token { bytes: b"<end>"[..].into(), kind: TokenKind::EndOfGeneration });
        tokens.push(Token { bytes: b"<tool>"[..].into(), kind: TokenKind::Special });
        Engine::new(Arc::new(Vocabulary::new("letters", tokens)))
    }

    fn check(matcher: &mut Matcher) {
        let (mask, oracle) = (matcher.mask(), matcher.oracle());
        assert!(matcher.fault().is_none());
        assert_eq!(*mask, oracle);
    }

    proptest! {
        #[test]
        fn equals_the_oracle(grammar in grammar(), choices in prop::collection::vec(any::<prop::sample::Index>(), 6)) {
            let engine = engine();
            let Ok(program) = engine.compile(&Constraint::Built(Arc::new(grammar)), Policy::default()) else {
                return Ok(());
            };
            let mut matcher = program.matcher();
            check(&mut matcher);
            for choice in choices {
                let allowed: Vec<TokenId> = matcher.mask().iter().collect();
                prop_assert!(!allowed.is_empty(), "a dead end");
                let token = allowed[choice.index(allowed.len())];
                matcher.accept(token).expect("the mask allows it");
                if matcher.is_finished() {
                    break;
                }
                check(&mut matcher);
            }
        }
    }

    #[test]
    fn special_tokens_come_by_name_and_by_number() {
        let engine = engine();
        let count = engine.vocabulary().len() as TokenId;
        let mut builder = Builder::default();
        let start = builder.rule("start");
        let word = Expr::Lexeme(Regex::Class(CharSet::new([(0x61, 0x63)])).repeat(1, None));
        let named = Expr::Token(TokenClass::Named("<tool>".into()));
        let numbered = Expr::Token(TokenClass::Ids(vec![(count - 1, count - 1)]));
        builder.define(start, Expr::Seq(vec![word.clone(), named, word, numbered]));
        let grammar = Arc::new(builder.finish(RuleId(0)));
        let program = engine.compile(&Constraint::Built(grammar), Policy::default()).expect("it has texts");
        let mut matcher = program.matcher();
        assert!(!matcher.mask().contains(count - 1), "a word comes first");
        for token in [0, count - 1, 1, count - 1] {
            check(&mut matcher);
            assert!(matcher.mask().contains(token));
            assert!(!matcher.mask().contains(count - 3), "a byte that looks like a mark is none");
            matcher.accept(token).expect("it is allowed");
        }
        assert!(matcher.is_accepting());
        assert_eq!(matcher.mask().single(), Some(count - 2), "the end and nothing else");
    }

    #[test]
    fn counts_beyond_the_tokens_are_counted_all_the_same() {
        let engine = engine();
        for pattern in ["[ab]{3,9}c?", "(?:ab?){0,14}", "(?:a|bb){7}c{1,8}", "(?:[ab]{2,20}c){1,3}"] {
            let written = crate::frontend::Written::new(
                crate::frontend::Notation::Regex(crate::frontend::Dialect::Rust),
                pattern,
            );
            let program = engine.compile(&Constraint::Written(written), Policy::default()).expect("it has texts");
            for stride in [1_usize, 3, 7] {
                let mut matcher = program.matcher();
                for turn in 0..30 {
                    check(&mut matcher);
                    let allowed: Vec<TokenId> = matcher.mask().iter().collect();
                    matcher.accept(allowed[turn * stride % allowed.len()]).expect("the mask allows it");
                    if matcher.is_finished() {
                        break;
                    }
                }
            }
        }
    }

    /// JSON values and patterns within a grammar, with tokens that cross their ends.
    fn embedding(layout: Option<crate::grammar::Layout>) -> (Arc<Engine>, Arc<crate::grammar::Grammar>) {
        let pieces = [
            "<",
            ">",
            "><",
            "{",
            "}",
            "}>",
            "}><",
            "[",
            "]",
            "\"",
            "a",
            "ab",
            "\":",
            "\"a\":",
            "1",
            "12",
            "12>",
            "-",
            "true",
            "tru",
            "e>",
            "\"}",
            "\"}>",
            "\"]>",
            "]>",
            ",",
            ",\"",
            "null>x",
            "x",
            "xy",
            "xyz",
            "y",
            "yz",
            "z",
            "z<",
            " ",
            "1,",
            "{\"a\":1}>",
            "[]",
            "[]>xy",
            "\"><",
            "\"_",
            "\"_ ",
            "1--",
            "--1",
            "--\"",
            " --",
            "\"--\"",
        ];
        let token = |text: &&str| Token { bytes: text.as_bytes().into(), kind: TokenKind::Text };
        let mut tokens: Vec<Token> = pieces.iter().map(token).collect();
        tokens.extend((0..=u8::MAX).map(|byte| Token { bytes: [byte].into(), kind: TokenKind::Text }));
        tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
        let engine = Engine::new(Arc::new(Vocabulary::new("pieces", tokens)));
        let schema = r#"{"anyOf":[{"type":["integer","boolean","null"]},{"type":"string","maxLength":3},
            {"type":"array","items":{"type":"integer"}},{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}}]}"#;
        let mut builder = Builder::default();
        let start = builder.rule("start");
        let json = crate::grammar::Json { schema: schema.into(), layout: layout.map(Box::new) };
        let value = Expr::Seq(vec![Expr::text("<"), Expr::Json(json), Expr::text(">")]);
        let words = Expr::Pattern(r"^(?:[x-z]+(?<!z)y?)$".into());
        builder.define(start, Expr::Seq(vec![value, words.repeat(0, Some(1))]).repeat(1, Some(3)));
        (engine, Arc::new(builder.finish(start)))
    }

    fn layouts() -> [Option<crate::grammar::Layout>; 4] {
        let blank = Regex::Class(CharSet::new([(0x20, 0x20), (0x0A, 0x0A)]));
        let layout =
            |item, key, blank| Some(crate::grammar::Layout { item: Regex::text(item), key: Regex::text(key), blank });
        [
            None,
            layout(", ", ": ", None),
            layout("--", "_ ", Some(blank.clone().repeat(1, Some(2)))),
            layout(" -", ":", Some(blank.repeat(1, None))),
        ]
    }

    proptest! {
        #[test]
        fn equals_the_oracle_around_what_is_embedded(
            layout in 0..4_usize,
            choices in prop::collection::vec(any::<prop::sample::Index>(), 24),
        ) {
            let (engine, grammar) = embedding(layouts()[layout].clone());
            for policy in [Policy::default(), Policy::LENIENT] {
                let program = engine.compile(&Constraint::Built(grammar.clone()), policy).expect("it has texts");
                let mut matcher = program.matcher();
                check(&mut matcher);
                for choice in &choices {
                    let allowed: Vec<TokenId> = matcher.mask().iter().collect();
                    prop_assert!(!allowed.is_empty(), "a dead end");
                    matcher.accept(allowed[choice.index(allowed.len())]).expect("the mask allows it");
                    if matcher.is_finished() {
                        break;
                    }
                    check(&mut matcher);
                    let home = matcher.home();
                    prop_assert!(home.is_some());
                    let (home, mut fork) = (home.unwrap_or_default(), matcher.clone());
                    prop_assert_eq!(fork.accept_bytes(&home), home.len());
                    prop_assert!(fork.is_accepting());
                }
            }
        }
    }
}

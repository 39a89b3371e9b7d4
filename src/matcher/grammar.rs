//! Masks for grammars, put together from pieces that know nothing of where they stand.
//!
//! A token either lies within what is being read, or it ends it and its rest is read by what comes behind. So for each
//! lexeme, as far as it was read, a [`Leaf`] has the tokens that lie within it, and where it may end within the others.
//! What is left of those is asked of the places that are returned to, in the same way, as tries of their own: the
//! [`Passage`] of a node has what of a trie is read in its rule, and what is left over when the rule is through. Both
//! depend on nothing else, so they are made once; a mask is their union over what may be read in a state and over what
//! that returns to. What is left and begins with a byte that nothing there begins with is not looked at.
//!
//! What is left behind a node of a trie with much below it, as behind a blank, is that part of the trie as it is.
//!
//! Cost: a leaf walks the part of the trie that its lexeme goes along with: some 0.3 ms for 128,000 tokens if that is any
//! text, microseconds for a keyword. A mask from known pieces is a union of sets for each place that may be read.

use std::{ops::Range, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    crossings::Crossings,
    gather::{Gather, Set},
    leaf::{Branch, Ends, Json, Lexemes, Walk},
    text::Tree,
    walk::{self, VocabularyTables},
    wholes::{self, Piece, Wholes, is_wide, kinds},
};
use crate::{
    automaton::{
        chart::{BEYOND, ByteSet, Chart, END, NodeId, Place, ReturnId, StateId},
        json::{Lex, Machine, State},
    },
    vocab::{TokenId, TokenMask, TokenTrie, Vocabulary},
};

/// The number of a [`Tail`]: 0 is all of the vocabulary.
type TrieId = u32;

const WHOLE: TrieId = 0;

/// More memory than this the pieces of one automaton do not take; then they are made anew.
const MAX_BYTES: usize = 48 << 20;

/// What becomes of the tokens of a trie in a lexeme or value that was read so far.
#[derive(Debug)]
struct Leaf {
    number: u32,
    piece: Arc<Piece>,
    /// The trie that the ends are in.
    base: BaseId,
}

/// A trie's number: 0 is the vocabulary's.
type BaseId = u32;

/// A trie, or what is below a node of one.
#[derive(Clone, Debug)]
struct Tail {
    base: BaseId,
    nodes: Range<u32>,
    above: u16,
}

/// What becomes of the tokens of a trie from a node on.
#[derive(Debug)]
struct Passage {
    within: Set,
    /// The tries of what is left when the node's rule is through.
    through: Box<[TrieId]>,
}

/// Bytes, and the tries of what begins with them.
type Left = (ByteSet, Arc<[TrieId]>);

/// See the module's head.
#[derive(Debug, Default)]
pub struct Pieces {
    /// From number 1 on, like `tails`.
    bases: Vec<Arc<TokenTrie>>,
    tails: Vec<Tail>,
    below: FxHashMap<(BaseId, u32), TrieId>,
    leaves: FxHashMap<(Place, TrieId), Arc<Leaf>>,
    /// What is left behind a leaf and begins with one of these bytes: by the leaf's number, ever more bytes.
    left: FxHashMap<u32, Vec<Left>>,
    passages: FxHashMap<(NodeId, TrieId), Arc<Passage>>,
    /// Of each embedded JSON automaton.
    crossings: Vec<Crossings>,
    /// The tokens that have a closing character of JSON before their last byte.
    closing: Option<BaseId>,
    /// The tokens that have a quote in them.
    quoted: Option<BaseId>,
    /// The tokens that are no whole characters.
    ragged: Option<Arc<[TokenId]>>,
    bytes: usize,
}

/// A vocabulary, and what its constraints share.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    pub vocabulary: &'a Vocabulary,
    pub tables: &'a VocabularyTables<'a>,
    pub wholes: &'a Wholes,
}

/// What is being put together.
struct Sum {
    mask: Gather,
    through: Vec<TrieId>,
    seen: FxHashSet<(NodeId, ReturnId, TrieId)>,
    /// The bytes with which reading may go on outside of what is put together.
    beyond: ByteSet,
}

impl Sum {
    fn new(vocabulary: &Vocabulary, beyond: ByteSet) -> Self {
        Self { mask: Gather::new(vocabulary.len()), through: Vec::new(), seen: FxHashSet::default(), beyond }
    }
}

impl Pieces {
    /// Adds the text tokens that may come next in a state.
    pub fn allowed(&mut self, chart: &mut Chart, tokens: Tokens, state: StateId, mask: &mut TokenMask) {
        if self.bytes > MAX_BYTES {
            *self = Self::default();
        }
        let mut sum = Sum::new(tokens.vocabulary, [0; 4]);
        sum.mask = TokenMask::new(tokens.vocabulary.len()).into();
        let expanded = chart.expanded(state);
        self.follow(chart, tokens, &expanded.ready, WHOLE, &mut sum);
        sum.mask.add_to(mask);
    }

    /// What becomes of a trie's tokens in each of the places.
    fn follow(&mut self, chart: &mut Chart, tokens: Tokens, ready: &[(Place, ReturnId)], trie: TrieId, sum: &mut Sum) {
        let mut open: Vec<(NodeId, ReturnId, TrieId)> = Vec::new();
        for &(place, back) in ready {
            let leaf = self.leaf(chart, tokens, place, trie);
            sum.mask.add(&leaf.piece.within);
            if !leaf.piece.ends.is_empty() {
                let bytes = chart.bytes_behind(back, sum.beyond);
                let left = self.left(tokens, &leaf, bytes);
                let places = chart.places(back);
                open.extend(left.iter().flat_map(|trie| places.iter().map(|(node, back)| (*node, *back, *trie))));
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
                        sum.mask.add(&passage.within);
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
        let mut sum = Sum::new(tokens.vocabulary, chart.bytes_behind_rule(node));
        if expanded.is_through {
            sum.through.push(trie);
        }
        self.follow(chart, tokens, &expanded.ready, trie, &mut sum);
        sum.through.sort_unstable();
        sum.through.dedup();
        let passage = Passage { within: sum.mask.set(), through: sum.through.into() };
        self.bytes += 96 + passage.within.bytes() + passage.through.len() * 4;
        let passage = Arc::new(passage);
        self.passages.insert((node, trie), passage.clone());
        passage
    }

    /// The tries of what is left behind a leaf and begins with one of these bytes.
    fn left(&mut self, tokens: Tokens, leaf: &Leaf, mut bytes: ByteSet) -> Arc<[TrieId]> {
        bytes.iter_mut().zip(&leaf.piece.ends.bytes).for_each(|(word, known)| *word &= known);
        if bytes == [0; 4] {
            return Arc::default();
        }
        let known = self.left.get(&leaf.number).map_or(&[][..], Vec::as_slice);
        let is_enough = |known: &ByteSet| bytes.iter().zip(known).all(|(wanted, known)| wanted & !known == 0);
        if let Some((_, left)) = known.iter().find(|(known, _)| is_enough(known)) {
            return left.clone();
        }
        // Few tries, and so few pieces: what is made will do for those before.
        let before = known.last().map_or([0; 4], |(known, _)| *known);
        bytes.iter_mut().zip(before).for_each(|(word, known)| *word |= known);
        let mut tries = Vec::new();
        let begins = |of: &ByteSet| of.iter().zip(&bytes).any(|(of, wanted)| of & wanted != 0);
        if let Some(end) = leaf.piece.ends.large.as_ref().filter(|end| begins(&end.bytes)) {
            tries.push(self.below(tokens, leaf.base, end.node));
        }
        let base = self.base(leaf.base);
        let left = leaf.piece.ends.left(base.as_deref().unwrap_or(tokens.vocabulary.trie()), tokens.vocabulary, &bytes);
        if !left.is_empty() {
            let base = self.add_base(TokenTrie::new(left.into_iter()));
            let nodes = 0..self.bases[base as usize - 1].nodes().len() as u32;
            tries.push(self.add_tail(Tail { base, nodes, above: 0 }));
        }
        let tries: Arc<[TrieId]> = tries.into();
        self.bytes += 80 + tries.len() * 4;
        self.left.entry(leaf.number).or_default().push((bytes, tries.clone()));
        tries
    }

    /// None: the vocabulary's.
    fn base(&self, base: BaseId) -> Option<Arc<TokenTrie>> {
        base.checked_sub(1).map(|index| self.bases[index as usize].clone())
    }

    fn add_base(&mut self, trie: TokenTrie) -> BaseId {
        self.bytes += trie.bytes();
        self.bases.push(Arc::new(trie));
        self.bases.len() as BaseId
    }

    fn add_tail(&mut self, tail: Tail) -> TrieId {
        self.tails.push(tail);
        self.bytes += 24;
        self.tails.len() as TrieId
    }

    /// What is below a node.
    fn below(&mut self, tokens: Tokens, base: BaseId, node: u32) -> TrieId {
        if let Some(known) = self.below.get(&(base, node)) {
            return *known;
        }
        let trie = self.base(base);
        let at = trie.as_deref().unwrap_or(tokens.vocabulary.trie()).nodes()[node as usize];
        let tail = self.add_tail(Tail { base, nodes: node + 1..at.next, above: at.depth });
        self.below.insert((base, node), tail);
        tail
    }

    /// The tokens of the vocabulary within a JSON value: its own masks know them. What is left of others behind the value
    /// is looked for among those that can close it.
    fn json_leaf(
        &mut self,
        tokens: Tokens,
        (part, machine, state): (usize, &mut Machine, State),
        wanted: ByteSet,
    ) -> (Gather, Ends, BaseId) {
        let mask = self.value_mask(tokens, part, machine, state);
        // A scalar that is all of the value ends without any such character.
        let is_open = state.frame != machine.start().frame || matches!(state.lex, Lex::String { .. });
        let base = if is_open { self.closing(tokens.vocabulary) } else { 0 };
        let trie = self.base(base);
        let trie = trie.as_deref().unwrap_or(tokens.vocabulary.trie());
        let branch = Branch { trie, text: None, nodes: 0..trie.nodes().len() as u32, above: 0 };
        let mark = machine.mark();
        let within = Gather::new(tokens.vocabulary.len());
        let language = Json { machine: &mut *machine };
        let mut walk = Walk { language, branch, mask: within, ends: Ends::default(), wanted };
        walk.go(state);
        let ends = walk.ends;
        machine.forget_since(mark);
        (mask.into(), ends, base)
    }

    /// The tokens that an embedded JSON automaton allows.
    fn value_mask(&mut self, tokens: Tokens, part: usize, machine: &mut Machine, state: State) -> TokenMask {
        if self.crossings.len() <= part {
            self.crossings.resize_with(part + 1, Crossings::default);
        }
        let mut mask = TokenMask::new(tokens.vocabulary.len());
        let mark = machine.mark();
        walk::allowed(machine, tokens.tables, &mut self.crossings[part], state, &mut mask);
        machine.forget_since(mark);
        mask
    }

    fn closing(&mut self, vocabulary: &Vocabulary) -> BaseId {
        if let Some(closing) = self.closing {
            return closing;
        }
        let is_closing = |token: &TokenId| {
            let bytes = vocabulary.bytes(*token);
            bytes[..bytes.len().saturating_sub(1)].iter().any(|byte| matches!(byte, b'"' | b'}' | b']'))
        };
        let tokens = vocabulary.trie().all_tokens().iter().filter(|token| is_closing(token));
        let closing = self.add_base(TokenTrie::new(tokens.map(|token| (*token, vocabulary.bytes(*token)))));
        self.closing = Some(closing);
        closing
    }

    /// As [`Pieces::json_leaf`], inside a string of a value that is laid out in its own way: behind the quote, nothing is as
    /// in JSON, so the tokens with quotes are read one by one.
    fn laid_leaf(
        &mut self,
        chart: &mut Chart,
        tokens: Tokens,
        place: Place,
        wanted: ByteSet,
    ) -> Option<(Gather, Ends, BaseId)> {
        let (part, machine, state) = chart.laid_text(place)?;
        let mut mask = self.value_mask(tokens, part, machine, state);
        let base = self.quoted(tokens.vocabulary);
        let quoted = self.bases[base as usize - 1].clone();
        quoted.all_tokens().iter().for_each(|token| mask.remove(*token));
        let branch = Branch { trie: &quoted, text: None, nodes: 0..quoted.nodes().len() as u32, above: 0 };
        let mask = mask.into();
        let mut walk = Walk { language: Lexemes { chart }, branch, mask, ends: Ends::default(), wanted };
        walk.go(place);
        Some((walk.mask, walk.ends, base))
    }

    pub fn ragged(&mut self, vocabulary: &Vocabulary) -> Arc<[TokenId]> {
        let make = || {
            let tokens = vocabulary.trie().all_tokens().iter().copied();
            tokens.filter(|token| std::str::from_utf8(vocabulary.bytes(*token)).is_err()).collect()
        };
        self.ragged.get_or_insert_with(make).clone()
    }

    fn quoted(&mut self, vocabulary: &Vocabulary) -> BaseId {
        if let Some(quoted) = self.quoted {
            return quoted;
        }
        let tokens = vocabulary.trie().all_tokens().iter().filter(|token| vocabulary.bytes(**token).contains(&b'"'));
        let quoted = self.add_base(TokenTrie::new(tokens.map(|token| (*token, vocabulary.bytes(*token)))));
        self.quoted = Some(quoted);
        quoted
    }

    fn tail(&self, tokens: Tokens, trie: TrieId) -> Tail {
        match trie.checked_sub(1) {
            Some(index) => self.tails[index as usize].clone(),
            None => Tail { base: 0, nodes: 0..tokens.vocabulary.trie().nodes().len() as u32, above: 0 },
        }
    }

    fn leaf(&mut self, chart: &mut Chart, tokens: Tokens, mut place: Place, trie: TrieId) -> Arc<Leaf> {
        let Tail { base, above, .. } = self.tail(tokens, trie);
        let of = self.base(base);
        let of = of.as_deref().unwrap_or(tokens.vocabulary.trie());
        // Tokens are short: most of a long repeat is alike to them.
        place = chart.within(place, (of.max_depth() - usize::from(above)).try_into().unwrap_or(u32::MAX));
        if base == 0 {
            place = chart.alike(place);
        }
        if let Some(leaf) = self.leaves.get(&(place, trie)) {
            return leaf.clone();
        }
        let (piece, base) = self.piece(chart, tokens, place, trie);
        let leaf = Leaf { number: self.leaves.len() as u32, piece, base };
        self.bytes += leaf.piece.bytes();
        let leaf = Arc::new(leaf);
        self.leaves.insert((place, trie), leaf.clone());
        leaf
    }

    fn piece(&mut self, chart: &mut Chart, tokens: Tokens, place: Place, trie: TrieId) -> (Arc<Piece>, BaseId) {
        let wanted = chart.bytes_behind_any();
        if trie == WHOLE {
            if let Some((mask, ends, base)) = self.laid_leaf(chart, tokens, place, wanted) {
                return (Arc::new(Piece { within: mask.set(), ends }), base);
            }
            if let Some(value) = chart.json(place) {
                let (mask, ends, base) = self.json_leaf(tokens, value, wanted);
                return (Arc::new(Piece { within: mask.set(), ends }), base);
            }
            let form = is_wide(&chart.next_bytes(place)).then(|| chart.form(place)).flatten();
            if let Some(form) = form {
                return (self.whole(chart, tokens, place, (form, kinds(&wanted))), 0);
            }
        }
        (Arc::new(self.walked(chart, tokens, place, trie, wanted)), self.tail(tokens, trie).base)
    }

    /// What becomes of all of the vocabulary in a lexeme, which other grammars may have, too.
    fn whole(&mut self, chart: &mut Chart, tokens: Tokens, place: Place, key: wholes::Key) -> Arc<Piece> {
        if let Some((piece, steps)) = tokens.wholes.get(&key) {
            chart.budget().spend(steps);
            return piece;
        }
        let before = chart.budget().left();
        let piece = Arc::new(self.walked(chart, tokens, place, WHOLE, key.1));
        // What was cut short by an overrun is not whole.
        if !chart.budget().is_spent() {
            let steps = usize::try_from(before - chart.budget().left()).unwrap_or(usize::MAX);
            tokens.wholes.insert(key, piece.clone(), steps);
        }
        piece
    }

    fn walked(&mut self, chart: &mut Chart, tokens: Tokens, place: Place, trie: TrieId, wanted: ByteSet) -> Piece {
        let Tail { base, nodes, above } = self.tail(tokens, trie);
        let of = self.base(base);
        let of = of.as_deref().unwrap_or(tokens.vocabulary.trie());
        let text = (base == 0).then(|| tokens.tables.pack.forest().text(Tree::Whole));
        let branch = Branch { trie: of, text, nodes, above: above.into() };
        let mask = Gather::new(tokens.vocabulary.len());
        let mut walk = Walk { language: Lexemes { chart }, branch, mask, ends: Ends::default(), wanted };
        walk.go(place);
        let (mask, mut ends) = (walk.mask, walk.ends);
        // A rest of a rest is small, or is small soon: as one trie, it has fewer pieces.
        if trie != WHOLE {
            ends.large = None;
        }
        Piece { within: mask.set(), ends }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        automaton::chart::{
            MARK,
            tests::{grammar, texts},
        },
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

    /// Expressions over characters of one to four bytes, with bounds.
    fn expression() -> impl Strategy<Value = String> {
        let class = vec!["a", "b", "é", "[a-c]", "[^b]", "[^é]", ".", r"\w", "[à-ÿ€]", "[^ -~]", "😀", r"\n", r"[\s,]"];
        let count = vec!["", "", "*", "+", "?", "{2}", "{1,3}", "{0,9}", "{3,}", "*?"];
        let atom = (prop::sample::select(class), prop::sample::select(count));
        let group = prop::collection::vec(atom.prop_map(|(class, count)| format!("{class}{count}")), 1..4);
        let group = (group, prop::sample::select(&["", "+", "{1,2}", "{2,6}"][..]));
        let group = group.prop_map(|(parts, count)| format!("(?:{}){count}", parts.concat()));
        (prop::collection::vec(group, 1..3), prop::sample::select(&["", "|"][..])).prop_map(|(all, by)| all.join(by))
    }

    /// Every piece of some texts, characters cut in two among them.
    fn characters() -> Arc<Engine> {
        let mut pieces: Vec<Box<[u8]>> = (0..=u8::MAX).map(|byte| [byte].into()).collect();
        for text in ["abé€c 😀,\nbaé", "aaaaaaaaaa", "éééàÿé", "cab,a\n\nb.", "€😀€b", "bbbbb bbb"] {
            let bytes = text.as_bytes();
            let ends =
                (0..bytes.len()).flat_map(|from| (from + 2..=bytes.len().min(from + 11)).map(move |to| (from, to)));
            pieces.extend(ends.map(|(from, to)| bytes[from..to].into()));
        }
        pieces.extend([b"a\xC3\xC3"[..].into(), b"\xA9\xA9"[..].into(), b"b\xED\xA0\x80"[..].into()]);
        let mut tokens: Vec<Token> = pieces.into_iter().map(|bytes| Token { bytes, kind: TokenKind::Text }).collect();
        tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
        Engine::new(Arc::new(Vocabulary::new("characters", tokens)))
    }

    proptest! {
        #[test]
        fn equals_the_oracle_with_characters(
            (one, other, shape) in (expression(), expression(), 0..5_usize),
            choices in prop::collection::vec(any::<prop::sample::Index>(), 8),
        ) {
            let shape = ["A", "A B", r#"(A | "," B)+"#, "A (B A)*", "(A & B) | (A & ~B) A"][shape];
            let text = match shape.contains('&') {
                true => format!("start: C A\nC: {shape}\nA: /{one}/\nB: /{other}/"),
                false => format!("start: {shape}\nA: /{one}/\nB: /{other}/"),
            };
            let written = crate::frontend::Written::new(crate::frontend::Notation::Lark, text);
            let Ok(program) = characters().compile(&Constraint::Written(written), Policy::default()) else {
                return Ok(());
            };
            let mut matcher = program.matcher();
            for choice in choices {
                let (mask, oracle) = (matcher.mask(), matcher.oracle());
                // Counts within counts may take too much.
                if matcher.fault().is_some() {
                    break;
                }
                prop_assert_eq!(&*mask, &oracle);
                let allowed: Vec<TokenId> = mask.iter().collect();
                prop_assert!(!allowed.is_empty(), "a dead end");
                matcher.accept(allowed[choice.index(allowed.len())]).expect("the mask allows it");
                if matcher.is_finished() {
                    break;
                }
            }
        }
    }

    /// What one grammar has found out of a lexeme serves others, whatever comes behind it there.
    #[test]
    fn grammars_have_lexemes_in_common() {
        let engine = characters();
        let lexemes = "W: /[^b,]+/\nN: /[a-zà-ÿ][a-z0-9à-ÿ]*/";
        for (turn, rules) in [
            "start: W \",\"",
            "start: N \",\" N",
            "start: (W \"b\")+",
            "start: N (\"b\" | \"\\n\\n\") W",
            "start: N N \"€\"",
            "start: W",
            "start: (N | W \"a\")*",
        ]
        .iter()
        .enumerate()
        {
            let text = format!("{rules}\n{lexemes}");
            let written = crate::frontend::Written::new(crate::frontend::Notation::Lark, text);
            let program = engine.compile(&Constraint::Written(written), Policy::default()).expect("it has texts");
            for stride in [1, 5, 11] {
                let mut matcher = program.matcher();
                for step in 0..8 {
                    check(&mut matcher);
                    let allowed: Vec<TokenId> = matcher.mask().iter().collect();
                    matcher.accept(allowed[(step + turn) * stride % allowed.len()]).expect("the mask allows it");
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

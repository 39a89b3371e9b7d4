//! Tokens in trees, and read as plain text: how many code points each begins, what each subtree is made of.

use std::sync::{Arc, OnceLock};

use crate::{
    automaton::lexical::{
        Loops,
        unescape::{self, Unescaped},
    },
    vocab::{TokenId, TokenMask, TokenTrie, Vocabulary},
};

/// A tree of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tree {
    /// All of the vocabulary, by their bytes.
    Whole,
    /// Those that begin with a byte of JSON's structure, by their bytes without the whitespace before it. Where
    /// whitespace changes nothing, tokens that differ in it alone are one.
    Bare,
}

/// A node of a tree, or [`ROOT`].
pub type Node = (Tree, u32);

/// In place of a node: the whole tree.
pub const ROOT: u32 = u32::MAX;

/// The trees of one vocabulary.
#[derive(Debug)]
pub struct Forest {
    vocabulary: Arc<Vocabulary>,
    bare: TokenTrie,
    texts: [TextTables; 2],
    /// Tokens of whitespace alone.
    pub blank: Inside,
}

impl Forest {
    pub fn new(vocabulary: Arc<Vocabulary>) -> Self {
        let tokens = vocabulary.trie().all_tokens();
        let stripped = tokens.iter().map(|token| (*token, strip(vocabulary.bytes(*token))));
        let (blank, others): (Vec<_>, Vec<_>) = stripped.partition(|(_, bytes)| bytes.is_empty());
        let blank = blank.into_iter().map(|(token, _)| token).filter(|token| !vocabulary.bytes(*token).is_empty());
        let blank = Inside::new(blank.collect(), vocabulary.len());
        let bare = TokenTrie::new(others.into_iter().filter(|(_, bytes)| is_structure(bytes[0])));
        let texts = [
            TextTables::new(vocabulary.len(), vocabulary.trie(), |token| vocabulary.bytes(token)),
            TextTables::new(vocabulary.len(), &bare, |token| strip(vocabulary.bytes(token))),
        ];
        Self { vocabulary, bare, texts, blank }
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    pub fn trie(&self, tree: Tree) -> &TokenTrie {
        match tree {
            Tree::Whole => self.vocabulary.trie(),
            Tree::Bare => &self.bare,
        }
    }

    pub fn text(&self, tree: Tree) -> &TextTables {
        &self.texts[tree as usize]
    }

    /// A token's bytes as a tree has them.
    pub fn bytes(&self, tree: Tree, token: TokenId) -> &[u8] {
        let bytes = self.vocabulary.bytes(token);
        if tree == Tree::Bare { strip(bytes) } else { bytes }
    }

    /// Code points that begin before or at a node.
    pub fn read(&self, (tree, node): Node) -> u16 {
        if node == ROOT {
            return 0;
        }
        let trie = self.trie(tree);
        let depth = usize::from(trie.nodes()[node as usize].depth);
        code_points(&self.bytes(tree, trie.tokens_below(node)[0])[..depth])
    }

    /// The nodes below a node as a range, and its depth.
    pub fn below(&self, (tree, node): Node) -> (std::ops::Range<u32>, usize) {
        let nodes = self.trie(tree).nodes();
        match node {
            ROOT => (0..nodes.len() as u32, 0),
            node => (node + 1..nodes[node as usize].next, usize::from(nodes[node as usize].depth)),
        }
    }
}

fn strip(bytes: &[u8]) -> &[u8] {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    &bytes[blank..]
}

/// Whether this may come after the closing quote of some string or key.
pub fn may_follow_text(bytes: &[u8]) -> bool {
    strip(bytes).first().is_none_or(|byte| matches!(byte, b':' | b',' | b']' | b'}'))
}

/// Whether a value, a key or a sign of JSON may begin so.
fn is_structure(byte: u8) -> bool {
    matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b',' | b':' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
}

/// Tokens that cross a closing quote.
#[derive(Debug)]
pub struct Endings {
    tree: Tree,
    /// With the number of bytes up to the quote and with it, of a token's bytes in the tree.
    tokens: Box<[(TokenId, u16)]>,
    /// What comes after the quote, by token: made when it is first asked for, as most texts cannot end in most places.
    trie: OnceLock<Arc<TokenTrie>>,
}

impl Endings {
    pub fn new(tree: Tree, tokens: impl Iterator<Item = (TokenId, u16)>) -> Self {
        Self { tree, tokens: tokens.collect(), trie: OnceLock::new() }
    }

    pub fn tokens(&self) -> impl Iterator<Item = TokenId> {
        self.tokens.iter().map(|(token, _)| *token)
    }

    /// What comes after the quote, by token.
    pub fn trie(&self, forest: &Forest) -> &Arc<TokenTrie> {
        self.trie.get_or_init(|| {
            let rest =
                |(token, quote): &(TokenId, u16)| (*token, &forest.bytes(self.tree, *token)[usize::from(*quote)..]);
            Arc::new(TokenTrie::new(self.tokens.iter().map(rest)))
        })
    }

    /// About the memory held, once the tree is made.
    pub fn bytes(&self) -> usize {
        64 + self.tokens.len() * 28
    }
}

/// A set of tokens, in the form that is cheaper to add to a mask.
#[derive(Debug)]
pub enum Inside {
    Many(TokenMask),
    Few(Vec<TokenId>),
}

impl Inside {
    pub fn new(tokens: Vec<TokenId>, vocabulary: usize) -> Self {
        if tokens.len() <= vocabulary / 256 {
            return Self::Few(tokens);
        }
        let mut mask = TokenMask::new(vocabulary);
        tokens.iter().for_each(|token| mask.insert(*token));
        Self::Many(mask)
    }

    /// About the memory held.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Many(tokens) => tokens.len() / 8,
            Self::Few(tokens) => tokens.len() * 4,
        }
    }

    pub fn for_each(&self, mut take: impl FnMut(TokenId)) {
        match self {
            Self::Many(tokens) => tokens.iter().for_each(take),
            Self::Few(tokens) => tokens.iter().for_each(|token| take(*token)),
        }
    }

    pub fn add_to(&self, mask: &mut TokenMask) {
        match self {
            Self::Many(tokens) => mask.union(tokens),
            Self::Few(tokens) => tokens.iter().for_each(|token| mask.insert(*token)),
        }
    }
}

/// Tables of one tree.
#[derive(Debug)]
pub struct TextTables {
    subtrees: Vec<Subtree>,
    /// Code points that each token begins.
    counts: Vec<u16>,
    /// At index n: the tokens with at most n.
    up_to: Vec<TokenMask>,
    /// The tokens with more than any of these.
    longer: Vec<TokenId>,
}

/// Sets of tokens with at most so many code points are kept ready.
const READY: u16 = 40;

/// What lies below a node of the trie.
#[derive(Clone, Copy, Debug, Default)]
struct Subtree {
    /// Bit `b`: the byte `b`, below 128, comes in it.
    ascii: u128,
    /// Bit `b - 0xc0`: so does the byte `b`.
    others: u64,
    /// Every path through it is UTF-8, if perhaps cut off, wherever in a character the node stands.
    valid: bool,
    /// The same, and the node ends a character.
    text: bool,
    /// The most characters that a path below the node begins.
    most: u16,
}

impl TextTables {
    fn new<'a>(vocabulary: usize, trie: &TokenTrie, bytes: impl Fn(TokenId) -> &'a [u8]) -> Self {
        let mut counts = vec![0; vocabulary];
        let mut sorted = trie.all_tokens().to_vec();
        sorted.iter().for_each(|token| counts[*token as usize] = code_points(bytes(*token)));
        sorted.sort_by_key(|token| counts[*token as usize]);
        let (mut rest, mut mask) = (&sorted[..], TokenMask::new(vocabulary));
        let mut up_to = Vec::with_capacity(usize::from(READY) + 1);
        for most in 0..=READY {
            let fitting = rest.partition_point(|token| counts[*token as usize] <= most);
            rest[..fitting].iter().for_each(|token| mask.insert(*token));
            rest = &rest[fitting..];
            up_to.push(mask.clone());
        }
        let longer = rest.to_vec();
        Self { subtrees: subtrees(trie), counts, up_to, longer }
    }

    /// Whether everything below a node that ends a character consists of characters that loop.
    pub fn loops_below(&self, node: u32, loops: Loops) -> bool {
        let Subtree { ascii, others, text, .. } = self.subtrees[node as usize];
        text && ascii & !loops.ascii == 0 && others & !loops.others == 0
    }

    /// Whether a node that begins a character with `byte`, and everything below, consists of characters that loop.
    pub fn loops_at(&self, node: u32, byte: u8, loops: Loops) -> bool {
        let Subtree { ascii, others, valid, .. } = self.subtrees[node as usize];
        let here = match byte {
            0..128 => loops.ascii >> byte & 1 == 1,
            _ => byte >= 0xc0 && loops.others >> (byte - 0xc0) & 1 == 1,
        };
        here && valid && ascii & !loops.ascii == 0 && others & !loops.others == 0
    }

    /// The most characters that a path below a node begins.
    pub fn most_below(&self, node: u32) -> u32 {
        self.subtrees[node as usize].most.into()
    }

    /// The least and the greatest number of code points of some tokens.
    pub fn span(&self, tokens: &[TokenId]) -> (u16, u16) {
        let counts = tokens.iter().map(|token| self.counts[*token as usize]);
        counts.fold((u16::MAX, 0), |(least, most), count| (least.min(count), most.max(count)))
    }

    /// Adds the tokens of a set whose number of code points, which is within `span`, is taken by `fits`.
    pub fn add(&self, tokens: &Inside, (least, most): (u16, u16), fits: impl FnMut(u16) -> bool, mask: &mut TokenMask) {
        let fits: Vec<bool> = (least..=most).map(fits).collect();
        let fitting = fits.iter().take_while(|fits| **fits).count();
        let many = match tokens {
            _ if fitting == fits.len() => return tokens.add_to(mask),
            _ if !fits.contains(&true) => return,
            Inside::Many(tokens) if !fits[fitting..].contains(&true) => tokens,
            tokens => {
                return tokens.for_each(|token| {
                    if fits[usize::from(self.counts[token as usize] - least)] {
                        mask.insert(token);
                    }
                });
            }
        };
        let most = least + fitting as u16 - 1;
        mask.union_within(many, &self.up_to[usize::from(most.min(READY))]);
        let fits = |token: &&TokenId| self.counts[**token as usize] <= most && many.contains(**token);
        self.longer.iter().filter(fits).for_each(|token| mask.insert(*token));
    }
}

/// Code points that begin in these bytes.
pub fn code_points(bytes: &[u8]) -> u16 {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count().try_into().unwrap_or(u16::MAX)
}

fn subtrees(trie: &TokenTrie) -> Vec<Subtree> {
    let nodes = trie.nodes();
    let mut subtrees = vec![Subtree::default(); nodes.len()];
    // Where each node stands in a character; None where no character goes on with its byte. Behind such a node
    // characters begin anew: a string that takes it has come from inside a character.
    let mut positions: Vec<Option<u32>> = Vec::with_capacity(16);
    let mut is_text = vec![false; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        positions.truncate(usize::from(node.depth) - 1);
        let before = positions.last().copied().flatten().unwrap_or(0);
        let at = match (before, node.byte) {
            // They mean more to a string, or do not occur in one; no set of characters that loop there has them.
            (0, b'"' | b'\\' | 0..0x20) => Some(0),
            (before, byte) => match unescape::step(before, byte) {
                Unescaped::Bytes { at, .. } => Some(at),
                _ => None,
            },
        };
        is_text[index] = at.is_some();
        subtrees[index].text = at == Some(0);
        positions.push(at);
    }
    // Children come after their parents, so a pass backwards has them ready.
    let mut open: Vec<usize> = Vec::new();
    for at in (0..nodes.len()).rev() {
        let mut below = Subtree { text: true, ..Subtree::default() };
        while let Some(&child) = open.last().filter(|child| nodes[**child].depth > nodes[at].depth) {
            let (subtree, byte) = (subtrees[child], nodes[child].byte);
            below.ascii |= subtree.ascii | if byte < 128 { 1 << byte } else { 0 };
            below.others |= subtree.others | if byte < 0xc0 { 0 } else { 1 << (byte - 0xc0) };
            below.text &= is_text[child];
            below.most = below.most.max(subtree.most.saturating_add(u16::from(byte & 0xc0 != 0x80)));
            open.pop();
        }
        is_text[at] &= below.text;
        subtrees[at] = Subtree { valid: is_text[at], text: subtrees[at].text && below.text, ..below };
        open.push(at);
    }
    subtrees
}

//! Context-free grammars: what every dialect is read into.
//!
//! Nouns: a [`Grammar`] is a list of rules with a first one; a rule's body is an [`Expr`] over lexemes, other rules and
//! embedded schemas; a lexeme is a [`Regex`]. A grammar is made by a [`Builder`], the only door.
//!
//! Invariants: every rule that is named has a body. Nothing is promised beyond that: rules may be recursive in any way,
//! ambiguous, empty, never reached or without any text.
//!
//! A grammar means its texts, and no more: a lexeme may end wherever it has matched, whether or not it could go on
//! (longest match is a habit of lexers), and precedence between rules chooses among readings, not among texts.

mod builder;
pub mod charset;
mod edges;
mod regex;

pub use builder::Builder;
pub use charset::CharSet;
pub use edges::EdgeFault;
pub use regex::{Look, Regex};

/// A rule's number in its grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

/// The texts of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// The empty text.
    Empty,
    /// A lexeme. It must not have a [`Look`] in it.
    Lexeme(Regex),
    /// A special token of the model's, which has no text.
    Token(TokenClass),
    /// A text that this pattern of ECMA 262 matches as a whole: for conditions on what stands around, which no lexeme has.
    Pattern(Box<str>),
    Json(Json),
    /// No text: the next character is none of these, or there is none.
    Edge(CharSet),
    Rule(RuleId),
    /// A text of this rule or nothing; but nothing at the very beginning of the answer.
    Ignore(RuleId),
    Seq(Vec<Expr>),
    /// Any of them: no text at all, if there are none.
    Alt(Vec<Expr>),
    Repeat {
        body: Box<Expr>,
        min: u32,
        max: Option<u32>,
    },
    /// A text of the body that lies in so many tokens of the model's.
    Counted {
        body: Box<Expr>,
        tokens: Tokens,
    },
}

/// In how many of a model's tokens a text lies, be it only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tokens {
    /// At most so many, at least one: where so many have come, the text ends, wherever it is.
    Cut(u32),
    /// From the first to the second number. For the whole answer only.
    Within(u32, Option<u32>),
    /// Exactly so many, at least one, the last of which ends where the text does. For a part whose texts are not empty, and
    /// beside others like it, so that all of them together have every text.
    First(u32),
}

impl Tokens {
    /// Numbers of tokens from this one on are alike.
    pub fn last(self) -> u32 {
        match self {
            Self::Cut(most) | Self::First(most) => most,
            Self::Within(_, Some(most)) => most.saturating_add(1),
            Self::Within(least, None) => least,
        }
    }
}

/// A JSON text that satisfies a schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Json {
    pub schema: Box<str>,
    /// None: as JSON has it.
    pub layout: Option<Box<Layout>>,
}

/// What stands between the parts of a JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Instead of `,` and of `:`.
    pub item: Regex,
    pub key: Regex,
    /// May stand once wherever whitespace may, but not around the whole text. None: nothing may.
    pub blank: Option<Regex>,
}

impl<T: Into<Box<str>>> From<T> for Json {
    fn from(schema: T) -> Self {
        Self { schema: schema.into(), layout: None }
    }
}

/// Which special tokens may stand in a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TokenClass {
    /// By its written form, such as `<|im_end|>`.
    Named(Box<str>),
    /// By ids, both ends of each range included.
    Ids(Vec<(u32, u32)>),
    /// One character of text, or any special token but these, unless it ends an answer: what may come before them. If it
    /// is `whole`, also one token of text but these.
    Other { names: Vec<Box<str>>, ids: Vec<(u32, u32)>, whole: bool },
}

/// A rule: its name is for messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    pub name: Box<str>,
    pub body: Expr,
}

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grammar {
    rules: Vec<Rule>,
    start: RuleId,
}

impl Grammar {
    pub fn start(&self) -> RuleId {
        self.start
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether its texts are told by a model's tokens only.
    pub fn counts_tokens(&self) -> bool {
        self.has(|part| matches!(part, Expr::Counted { .. }))
    }

    pub fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.0 as usize]
    }

    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Expr)) {
        self.rules.iter().for_each(|rule| rule.body.visit(see));
    }

    /// Some part of a rule is such.
    pub fn has(&self, is_such: impl Fn(&Expr) -> bool) -> bool {
        let mut found = false;
        self.visit(&mut |part| found |= is_such(part));
        found
    }

    /// The special tokens that it asks for by name.
    pub fn named_tokens(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.visit(&mut |part| {
            if let Expr::Token(TokenClass::Named(name)) = part {
                names.push(&**name);
            }
        });
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Some rule names tokens.
    pub fn has_tokens(&self) -> bool {
        self.has(|part| matches!(part, Expr::Token(_)))
    }

    /// With something else in the place of every [`Expr::Token`].
    ///
    /// # Errors
    /// That of the replacement.
    pub fn with_tokens<E>(&self, replace: &mut impl FnMut(&TokenClass) -> Result<Expr, E>) -> Result<Self, E> {
        let rule = |rule: &Rule| Ok(Rule { name: rule.name.clone(), body: rule.body.with_tokens(replace)? });
        Ok(Self { rules: self.rules.iter().map(rule).collect::<Result<_, E>>()?, start: self.start })
    }
}

impl Expr {
    /// One after the other; without needless nesting.
    pub fn seq(mut parts: Vec<Self>) -> Self {
        match parts.len() {
            0 => Self::Empty,
            1 => parts.pop().expect("there is one"),
            _ => Self::Seq(parts),
        }
    }

    /// Any of them; without needless nesting.
    pub fn alt(mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 { parts.pop().expect("there is one") } else { Self::Alt(parts) }
    }

    /// From `min` to `max` times.
    pub fn repeat(mut self, min: u32, max: Option<u32>) -> Self {
        // Any number of tokens is any number of characters: then it need not be told where one ends.
        if let Self::Token(TokenClass::Other { whole, .. }) = &mut self
            && min <= 1
            && max.is_none()
        {
            *whole = false;
        }
        Self::Repeat { body: Box::new(self), min, max }
    }

    /// With every rule's number raised.
    fn shifted(&self, by: u32) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|part| part.shifted(by)).collect();
        match self {
            Self::Rule(rule) => Self::Rule(RuleId(rule.0 + by)),
            Self::Ignore(rule) => Self::Ignore(RuleId(rule.0 + by)),
            Self::Seq(parts) => Self::Seq(all(parts)),
            Self::Alt(parts) => Self::Alt(all(parts)),
            Self::Repeat { body, min, max } => body.shifted(by).repeat(*min, *max),
            Self::Counted { body, tokens } => Self::Counted { body: Box::new(body.shifted(by)), tokens: *tokens },
            Self::Empty | Self::Lexeme(_) | Self::Token(_) | Self::Pattern(_) | Self::Json(_) | Self::Edge(_) => {
                self.clone()
            }
        }
    }

    /// The expression and all that it is made of, outermost first.
    pub fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        see(self);
        match self {
            Self::Seq(parts) | Self::Alt(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Repeat { body, .. } | Self::Counted { body, .. } => body.visit(see),
            Self::Empty
            | Self::Lexeme(_)
            | Self::Token(_)
            | Self::Pattern(_)
            | Self::Json(_)
            | Self::Edge(_)
            | Self::Rule(_)
            | Self::Ignore(_) => {}
        }
    }

    fn with_tokens<E>(&self, replace: &mut impl FnMut(&TokenClass) -> Result<Self, E>) -> Result<Self, E> {
        let mut all = |parts: &[Self]| parts.iter().map(|part| part.with_tokens(replace)).collect::<Result<_, E>>();
        Ok(match self {
            Self::Seq(parts) => Self::Seq(all(parts)?),
            Self::Alt(parts) => Self::Alt(all(parts)?),
            Self::Token(class) => replace(class)?,
            Self::Repeat { body, min, max } => body.with_tokens(replace)?.repeat(*min, *max),
            Self::Counted { body, tokens } => {
                Self::Counted { body: Box::new(body.with_tokens(replace)?), tokens: *tokens }
            }
            Self::Empty
            | Self::Lexeme(_)
            | Self::Pattern(_)
            | Self::Json(_)
            | Self::Edge(_)
            | Self::Rule(_)
            | Self::Ignore(_) => self.clone(),
        })
    }

    /// The same, ended where so many tokens have come.
    pub fn cut_at(self, tokens: u32) -> Self {
        match tokens {
            0 => Self::Empty,
            _ => Self::Counted { body: Box::new(self), tokens: Tokens::Cut(tokens) },
        }
    }

    /// Exactly this text.
    pub fn text(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Lexeme(Regex::text(text)) }
    }
}

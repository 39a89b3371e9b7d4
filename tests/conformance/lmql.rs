//! What LMQL's own tests state of its operators, token by token: values of conditions (`digest`) and what may follow
//! (`follow`), read as they are written in its test files.
//!
//! There, a value is true or false, and final or not. Here an automaton has that: a condition is finally true where every
//! text that follows is accepted, finally false where nothing may follow, and true for now where the answer may end. A
//! follow map is held against every token of a small vocabulary, made of the tokens that the test is about: with parts of
//! them in it, an exact mask allows those as well. Where an answer cannot be completed any more, a mask allows less than
//! LMQL, which looks one token ahead. What has no counterpart is listed in [`APART`], and each entry must be needed.

use std::{collections::BTreeMap, sync::Arc};

use espalier::{
    frontend::{Constraint, Notation, Policy, Written},
    matcher::{Engine, Matcher},
    vocab::{Token, TokenId, TokenKind, Vocabulary},
};

use super::{archive, shared};

/// Statements that are not compared: a file, a part of the statement with the condition that it is about, and why.
const APART: &[(&str, &str, &str)] = &[
    ("monotonicity.py", "SEQ: ", "the value is the text itself, which is no condition"),
    ("monotonicity.py", "len(SEQ): ", "the value is a number, which is no condition"),
    ("monotonicity.py", "SELECT(SEQ, 1): ", "the value is a word, which is no condition"),
    ("monotonicity.py", "fin(4) > fin(3): ", "it compares numbers with each other, which says nothing of an answer"),
    ("monotonicity.py", "len(SEQ) < var(3): ", "the bound is a value that may change, which a clause has none of"),
    (
        "monotonicity.py",
        "len(SEQ) > 5 and len(SEQ) < 2: ",
        "no answer satisfies it, so it is refused before the first token; LMQL finds that out at the second",
    ),
    (
        "stops_at.py",
        "STOPS_AT(SEQ, \"abc her\"): ",
        "its tokens run past the phrase: LMQL cuts them, and goes on behind; here an answer ends with the phrase, so such a \
         token is not allowed, and nothing follows",
    ),
    ("mask_product_test.py", "", "it is about follow maps as data, and about no operator"),
    ("token_set_test.py", "", "it is about sets of tokens as data, and about no operator"),
    ("test_multi_head.py", "", "it is about running several programs at once, and about no operator"),
];

/// Something that a test states of a condition.
struct Statement {
    condition: String,
    /// The tokens up to where it is stated.
    tokens: Vec<String>,
    stated: Stated,
}

#[derive(Debug)]
enum Stated {
    /// `fin(True)`, `var(False)`, ..; with `!=` before it, that it is another.
    Value(String, bool),
    /// What becomes of the next token, by the tokens that it may be: `* -> fin(True)`.
    Follow(String),
}

/// Words with the blank before them: as GPT-2 takes such texts apart.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for c in text.chars() {
        let begins = pieces.last().is_none_or(|last| c == ' ' && last != " ");
        if begins {
            pieces.push(String::new());
        }
        pieces.last_mut().unwrap().push(c);
    }
    pieces
}

/// What stands between the first `from` and the last `to`.
fn between<'a>(line: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let begin = line.find(from)? + from.len();
    let end = line.rfind(to)?;
    (begin <= end).then(|| &line[begin..end])
}

/// The parts of a tuple of values, which have commas in brackets only.
fn items(tuple: &str) -> Vec<String> {
    let (mut items, mut depth) = (vec![String::new()], 0);
    for c in tuple.chars() {
        depth += i32::from("({".contains(c)) - i32::from(")}".contains(c));
        if c == ',' && depth == 0 {
            items.push(String::new());
        } else {
            items.last_mut().unwrap().push(c);
        }
    }
    items.iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// Lines that are no comments, those that go on in the next put together; and of functions with one name the last.
fn functions(source: &str) -> BTreeMap<String, Vec<String>> {
    let mut functions = BTreeMap::<String, Vec<String>>::new();
    let mut name = String::new();
    let source = source.replace("\\\n", " ");
    for line in source.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if let Some(defined) = between(line, "def ", "(") {
            name = defined.to_owned();
            functions.insert(name.clone(), Vec::new());
        } else if line.starts_with(' ') {
            functions.entry(name.clone()).or_default().push(line.trim().to_owned());
        }
    }
    functions
}

/// What the lines of a function state.
fn statements(lines: &[String]) -> Vec<Statement> {
    let mut all = Vec::new();
    let (mut condition, mut tokens, mut next) = (String::new(), Vec::new(), 0);
    // An operator that is asked by itself, and what it was last asked.
    let mut operator = String::new();
    for line in lines {
        if let Some(source) = between(line, "LMQLExpr(", ")") {
            condition = source.to_owned();
        } else if let Some(text) = between(line, ".digest(\"", "\"") {
            let is_split = line.contains(".split(\" \")");
            let text = text.split('"').next().unwrap_or_default();
            tokens = if is_split { text.split(' ').map(str::to_owned).collect() } else { pieces(text) };
            next = 0;
        } else if let Some(text) = between(line, "expr.follow(\"", "\"") {
            (tokens, next) = (pieces(text), 0);
        } else if let Some(name) = between(line, "= ", "([])") {
            operator = name.to_owned();
        }
        if let Some(call) = between(line, ".follow(", ")").filter(|call| call.contains("NextToken")) {
            let call = call.split(" == ").next().unwrap_or_default().trim_end_matches(')');
            (condition, tokens) = asked(&operator, call);
            next = 0;
        }
        let Some(assertion) = line.strip_prefix("assert ") else { continue };
        let (differs, parts) = match assertion.split_once(" != ") {
            Some(parts) => (true, Some(parts)),
            None => (false, assertion.split_once(" == ")),
        };
        let Some((left, right)) = parts else { continue };
        let mut state = |at: usize, stated: Stated| {
            all.push(Statement { condition: condition.clone(), tokens: tokens[..at].to_vec(), stated });
        };
        let text = right.trim().trim_matches('"');
        let tuple = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        if left.contains(".forward(") {
            let text = between(left, ".forward(\"", "\"").unwrap_or_default();
            (condition, tokens) = (format!("len({}(X))", operator.to_uppercase()), vec![text.to_owned()]);
            all.push(Statement {
                condition: condition.clone(),
                tokens: tokens.clone(),
                stated: Stated::Value(right.to_owned(), false),
            });
        } else if left.contains("NextToken") || left == "str(result)" {
            state(tokens.len(), Stated::Follow(text.to_owned()));
        } else if left.starts_with("str(next(") {
            next += 1;
            state(next, Stated::Follow(text.to_owned()));
        } else if let ("str(follow)", Some(tuple)) = (left, tuple) {
            for (at, item) in items(&tuple.replace(" and ", " & ")).into_iter().enumerate() {
                state(at + 1, Stated::Follow(item.replace(" & ", " and ")));
            }
        } else if left.starts_with("next(") {
            next += 1;
            state(next, Stated::Value(right.split('#').next().unwrap_or_default().trim().to_owned(), differs));
        } else if let Some(tuple) = tuple {
            for (at, item) in items(tuple).into_iter().enumerate() {
                state(at + 1, Stated::Value(item, differs));
            }
        }
    }
    all
}

/// The condition that an operator stands for which is asked by itself, and what it was asked about.
fn asked(operator: &str, call: &str) -> (String, Vec<String>) {
    let arguments: Vec<&str> = match operator {
        "OneOf" => call.splitn(2, ',').collect(),
        _ => call.rsplitn(2, ',').collect(),
    };
    let text = between(arguments[0], "\"", "\"").unwrap_or_default().to_owned();
    let other = arguments.get(1).map_or("", |other| other.trim());
    let condition = match operator {
        "OneOf" => format!("X in {}", between(other, "set(", "]").map(|list| format!("{list}]")).unwrap_or_default()),
        "InOpStrInStr" => format!("{other} in X"),
        other => format!("len({}(X))", other.to_uppercase()),
    };
    (condition, if text.is_empty() { Vec::new() } else { vec![text] })
}

/// The tokens of a follow map's keys.
fn named(map: &str) -> Vec<String> {
    let Some(keys) = between(map, "{", "}") else { return Vec::new() };
    let keys = keys.split('}').next().unwrap_or_default();
    keys.split(", ").filter(|key| *key != "eos").map(str::to_owned).collect()
}

struct Held {
    engine: Arc<Engine>,
    texts: Vec<String>,
}

impl Held {
    /// A vocabulary of these, and of some that no test is about; one is the byte that the way home begins with where any
    /// will do.
    fn new(texts: impl Iterator<Item = String>) -> Self {
        let mut texts: Vec<String> = texts.chain(["x", " y", "?", "\0"].map(str::to_owned)).collect();
        texts.sort();
        texts.dedup();
        let token = |text: &String| Token { bytes: text.as_bytes().into(), kind: TokenKind::Text };
        let mut tokens: Vec<Token> = texts.iter().map(token).collect();
        tokens.push(Token { bytes: Box::default(), kind: TokenKind::EndOfGeneration });
        Self { engine: Engine::new(Arc::new(Vocabulary::new("a test's", tokens))), texts }
    }

    fn matcher(&self, condition: &str) -> Result<Matcher, String> {
        // A list of tokens is what is counted there.
        let clause = condition.replace("len(SEQ)", "len(TOKENS(SEQ))");
        let constraint = Constraint::Written(Written::new(Notation::Where, clause));
        let program = self.engine.compile(&constraint, Policy::default()).map_err(|why| why.to_string())?;
        Ok(program.matcher())
    }

    /// None: they may not come.
    fn behind(&self, matcher: &Matcher, tokens: &[String]) -> Option<Matcher> {
        let mut matcher = matcher.clone();
        for token in tokens {
            let id = self.texts.iter().position(|text| text == token).unwrap() as TokenId;
            if !matcher.mask().contains(id) || matcher.accept(id).is_err() {
                return None;
            }
        }
        Some(matcher)
    }

    /// Whether the answer may end, here and behind all that follows: for so many tokens that no test counts further.
    fn always_ends(&self, matcher: &Matcher, depth: usize) -> bool {
        matcher.clone().is_accepting()
            && (depth == 0
                || self.texts.iter().all(|token| {
                    let next = self.behind(matcher, std::slice::from_ref(token));
                    next.is_some_and(|next| self.always_ends(&next, depth - 1))
                }))
    }

    /// As LMQL writes it.
    fn value(&self, matcher: Option<&Matcher>) -> String {
        match matcher {
            None => "fin(False)".into(),
            Some(matcher) if self.always_ends(matcher, 3) => "fin(True)".into(),
            Some(matcher) if matcher.clone().is_accepting() => "var(True)".into(),
            Some(_) => "var(False)".into(),
        }
    }

    /// What a statement says against what is so; None: they agree.
    fn differ(&self, statement: &Statement) -> Option<String> {
        let Statement { condition, tokens, stated } = statement;
        if let Some(kind) = condition.strip_prefix("len(").filter(|rest| rest.starts_with("SENTENCES(X)")) {
            return self.differ_in_count(kind, tokens, stated);
        }
        let start = match self.matcher(condition) {
            Ok(start) => start,
            Err(why) => return Some(why),
        };
        let here = self.behind(&start, tokens);
        match stated {
            Stated::Value(value, differs) => {
                let found = self.value(here.as_ref());
                ((found == *value) == *differs).then(|| format!("{found}, and {value} is stated"))
            }
            Stated::Follow(map) => {
                let keys = named(map);
                let listed = value_of(map, "{").unwrap_or_default();
                let others = map.rsplit_once("-> ").map_or("", |(_, value)| value);
                self.texts.iter().find_map(|token| {
                    let stated = if keys.contains(token) { listed } else { others };
                    let next = here.as_ref().and_then(|here| self.behind(here, std::slice::from_ref(token)));
                    let found = self.value(next.as_ref());
                    // Without a word on whether it may change, only the value is stated.
                    let agrees = found == stated || found.contains(&format!("({stated})"));
                    (!agrees).then(|| format!("{found} behind {token:?}, and {stated} is stated"))
                })
            }
        }
    }

    /// How many there are, for operators whose value is a list.
    fn differ_in_count(&self, kind: &str, tokens: &[String], stated: &Stated) -> Option<String> {
        let text = tokens.concat();
        let counted = |text: &str, count: usize| {
            let clause = format!("len({kind} == {count}");
            self.matcher(&clause)
                .is_ok_and(|mut matcher| matcher.accept_bytes(text.as_bytes()) == text.len() && matcher.is_accepting())
        };
        let cases: Vec<(String, String)> = match stated {
            Stated::Value(list, _) => vec![(text, list.clone())],
            Stated::Follow(map) => map
                .split(" and ")
                .filter_map(|part| part.split_once(" -> "))
                .map(|(key, list)| (if key == "{eos}" { text.clone() } else { format!("{text} x") }, list.to_owned()))
                .collect(),
        };
        cases.iter().find_map(|(text, list)| {
            let count = list.matches('\'').count() / 2;
            (!counted(text, count)).then(|| format!("{text:?} has not {count}"))
        })
    }
}

/// The value of the key that begins so.
fn value_of<'a>(map: &'a str, key: &str) -> Option<&'a str> {
    map.split(" and ").find(|part| part.starts_with(key))?.split_once("-> ").map(|(_, value)| value)
}

#[test]
fn lmql_operators() {
    let Some(path) = shared("data/where/lmql-operator-expectations.tar.gz") else {
        println!("SKIPPED: no expectations of LMQL's operators");
        return;
    };
    let (mut agree, mut wrong, mut needed) = (0, Vec::new(), vec![false; APART.len()]);
    for (file, bytes) in archive::files(&path) {
        let source = String::from_utf8(bytes).unwrap();
        let all: Vec<Statement> = functions(&source).values().flat_map(|lines| statements(lines)).collect();
        let whole = APART.iter().position(|(name, of, _)| *name == file && of.is_empty());
        if let Some(entry) = whole {
            needed[entry] = true;
            continue;
        }
        assert!(!all.is_empty(), "{file} states nothing");
        for statement in &all {
            let keys = match &statement.stated {
                Stated::Follow(map) => named(map),
                Stated::Value(..) => Vec::new(),
            };
            let held = Held::new(statement.tokens.iter().cloned().chain(keys));
            let name = format!("{}: {:?} {:?}", statement.condition, statement.tokens, statement.stated);
            match (
                held.differ(statement),
                APART.iter().position(|(of, begin, _)| *of == file && name.starts_with(begin)),
            ) {
                (None, _) => agree += 1,
                (Some(_), Some(entry)) => needed[entry] = true,
                (Some(why), None) => wrong.push(format!("{file}: {name}: {why}")),
            }
        }
    }
    println!("{agree} statements of LMQL's tests hold");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for ((file, of, _), needed) in APART.iter().zip(needed) {
        assert!(needed, "{file} {of}: listed, and as stated");
    }
    assert!(agree > 40, "{agree}");
}

//! Tables and views out of the text that defines them.
//!
//! Statements are read one by one: with `sqlparser` where it can, and by a scan of our own where it cannot, since files
//! that a database wrote itself have types and options that no parser of another database knows. What defines neither a
//! table nor a view is passed over.

use sqlparser::{
    ast::{CreateTable, ObjectName, Statement},
    dialect::SQLiteDialect,
    parser::Parser,
};

/// A table as it is defined.
#[derive(Debug, PartialEq, Eq)]
pub struct Defined {
    pub name: String,
    pub columns: Vec<String>,
    pub rowid: bool,
    /// The query that gives its columns, where they are not named.
    pub query: Option<String>,
}

/// Why a definition cannot be read, and where it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub at: usize,
    pub message: String,
}

/// All tables and views, in their order; of two with the same name the first counts if it says IF NOT EXISTS.
///
/// # Errors
/// Where a table or a view is defined, but it cannot be read how.
pub fn read(ddl: &str) -> Result<Vec<Defined>, Unreadable> {
    let mut found = Vec::new();
    for (at, statement) in statements(ddl) {
        let words = first_words(statement);
        let is_view = words.iter().any(|word| word == "VIEW");
        if words.first().is_none_or(|word| word != "CREATE") || !(is_view || words.iter().any(|word| word == "TABLE")) {
            continue;
        }
        let parsed = if is_view { scan_view(statement) } else { parse(statement).or_else(|| scan(statement)) };
        match parsed {
            Some(defined) => found.push(defined),
            None => {
                let line = statement.lines().next().unwrap_or_default().trim();
                return Err(Unreadable { at, message: format!("the definition cannot be read that begins {line:?}") });
            }
        }
    }
    Ok(found)
}

/// The first words of a statement up to what it creates, in capitals.
fn first_words(statement: &str) -> Vec<String> {
    let mut words = Vec::new();
    for token in tokens(statement) {
        let Token::Word(word) = token.1 else { break };
        let word = word.to_ascii_uppercase();
        let known =
            ["CREATE", "TEMP", "TEMPORARY", "OR", "REPLACE", "VIRTUAL", "TABLE", "VIEW", "UNLOGGED", "MATERIALIZED"];
        if !known.contains(&&*word) {
            break;
        }
        words.push(word);
    }
    words
}

fn parse(statement: &str) -> Option<Defined> {
    let parsed = Parser::parse_sql(&SQLiteDialect {}, statement).ok()?;
    let [Statement::CreateTable(CreateTable { name, columns, query, .. })] = &parsed[..] else {
        return None;
    };
    if columns.is_empty() && query.is_none() {
        return None;
    }
    Some(Defined {
        name: last(name)?,
        columns: columns.iter().map(|column| column.name.value.clone()).collect(),
        rowid: has_rowid(&tokens(statement)),
        query: query.as_ref().map(ToString::to_string),
    })
}

fn last(name: &ObjectName) -> Option<String> {
    name.0.last()?.as_ident().map(|ident| ident.value.clone())
}

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Quoted(String),
    Sign(char),
}

/// Where each token begins, and the token. Comments are none.
fn tokens(text: &str) -> Vec<(usize, Token<'_>)> {
    let mut found = Vec::new();
    let mut rest = text;
    let at = |rest: &str| text.len() - rest.len();
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if rest.starts_with("--") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else if matches!(c, '"' | '`' | '\'' | '[') {
            let (value, behind) = quoted(rest, c);
            found.push((at(rest), Token::Quoted(value)));
            rest = behind;
        } else if c.is_alphanumeric() || c == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            found.push((at(rest), Token::Word(&rest[..end])));
            rest = &rest[end..];
        } else {
            found.push((at(rest), Token::Sign(c)));
            rest = &rest[c.len_utf8()..];
        }
    }
    found
}

/// What stands between quotes, and what follows.
fn quoted(text: &str, open: char) -> (String, &str) {
    let close = if open == '[' { ']' } else { open };
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != close {
            value.push(c);
        } else if open != '[' && chars.peek().is_some_and(|(_, next)| *next == close) {
            value.push(c);
            chars.next();
        } else {
            return (value, &text[at + c.len_utf8()..]);
        }
    }
    (value, "")
}

/// Statements with their places: parted by `;` outside of quotes, comments and triggers.
fn statements(ddl: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut begun = None;
    let mut depth = 0_usize;
    let mut words: Vec<String> = Vec::new();
    for (at, token) in tokens(ddl) {
        let start = *begun.get_or_insert(at);
        match token {
            Token::Word(word) => {
                let word = word.to_ascii_uppercase();
                match &*word {
                    "BEGIN" | "CASE" if words.iter().any(|word| word == "TRIGGER") => depth += 1,
                    "END" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                words.push(word);
            }
            Token::Sign(';') if depth == 0 => {
                found.push((start, &ddl[start..at]));
                begun = None;
                words.clear();
            }
            _ => {}
        }
    }
    found.extend(begun.map(|begun| (begun, &ddl[begun..])));
    found
}

fn text_of(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) => Some((*word).to_owned()),
        Token::Quoted(text) => Some(text.clone()),
        Token::Sign(_) => None,
    }
}

fn is_word(token: Option<&(usize, Token)>, wanted: &[&str]) -> bool {
    matches!(token, Some((_, Token::Word(word))) if wanted.iter().any(|wanted| word.eq_ignore_ascii_case(wanted)))
}

/// The name behind CREATE TABLE or CREATE VIEW, and where what follows begins.
fn name_of(all: &[(usize, Token)]) -> Option<(String, usize)> {
    let mut at = all.iter().position(|token| is_word(Some(token), &["TABLE", "VIEW"]))? + 1;
    while is_word(all.get(at), &["IF", "NOT", "EXISTS"]) {
        at += 1;
    }
    let mut name = text_of(&all.get(at)?.1)?;
    at += 1;
    while all.get(at).is_some_and(|(_, token)| *token == Token::Sign('.')) {
        name = text_of(&all.get(at + 1)?.1)?;
        at += 2;
    }
    Some((name, at))
}

/// A table by its commas.
fn scan(statement: &str) -> Option<Defined> {
    const CONSTRAINTS: &[&str] = &["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "KEY", "INDEX"];
    let all = tokens(statement);
    let (name, mut at) = name_of(&all)?;
    if is_word(all.get(at), &["AS"]) {
        let query = statement[all.get(at + 1)?.0..].trim().to_owned();
        return Some(Defined { name, columns: Vec::new(), rowid: true, query: Some(query) });
    }
    if all.get(at)?.1 != Token::Sign('(') {
        return None;
    }
    let mut columns = Vec::new();
    let (mut depth, mut first) = (0, true);
    while let Some((_, token)) = all.get(at) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            Token::Sign(',') if depth == 1 => first = true,
            Token::Word(_) | Token::Quoted(_) if depth == 1 && first => {
                first = false;
                let constrains = !columns.is_empty() && is_word(all.get(at), CONSTRAINTS);
                if !constrains {
                    columns.extend(text_of(token));
                }
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    (!columns.is_empty()).then_some(Defined { name, columns, rowid: has_rowid(&all[at..]), query: None })
}

/// Without WITHOUT ROWID.
fn has_rowid(all: &[(usize, Token)]) -> bool {
    !all.windows(2).any(|two| is_word(two.first(), &["WITHOUT"]) && is_word(two.get(1), &["ROWID"]))
}

fn scan_view(statement: &str) -> Option<Defined> {
    let all = tokens(statement);
    let (name, mut at) = name_of(&all)?;
    let mut columns = Vec::new();
    if all.get(at)?.1 == Token::Sign('(') {
        while all.get(at)?.1 != Token::Sign(')') {
            columns.extend(text_of(&all[at].1));
            at += 1;
        }
        at += 1;
    }
    if !is_word(all.get(at), &["AS"]) {
        return None;
    }
    let query = statement[all.get(at + 1)?.0..].trim().to_owned();
    Some(Defined { name, query: columns.is_empty().then_some(query), columns, rowid: true })
}

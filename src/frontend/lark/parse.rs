//! From tokens to the tree.

use std::rc::Rc;

use super::{
    MAX_DEPTH, Parsed, Place, attributes, invalid,
    scan::{Kind, Token, scan},
    special,
    syntax::{Atom, Choice, Definition, Document, Statement, Term, Way, is_terminal},
    unsupported,
};

/// Larger counts of repeats are refused.
const MAX_TIMES: u32 = 1_000_000;

pub fn parse(source: &str) -> Parsed<Document> {
    let mut parser = Parser { tokens: scan(source)?, at: 0, open: false, depth: 0 };
    let document = parser.document(&Kind::End)?;
    Ok(document)
}

pub struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// Within brackets, where a line's end means nothing.
    open: bool,
    depth: usize,
}

impl Parser {
    fn skip_lines(&mut self) {
        while self.tokens[self.at].kind == Kind::Newline {
            self.at += 1;
        }
    }

    pub fn peek(&mut self) -> &Kind {
        if self.open {
            self.skip_lines();
        }
        &self.tokens[self.at].kind
    }

    pub fn place(&mut self) -> Place {
        self.peek();
        self.tokens[self.at].place
    }

    pub fn next(&mut self) -> Kind {
        self.peek();
        let kind = self.tokens[self.at].kind.clone();
        // The last token stays.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        kind
    }

    pub fn is(&mut self, mark: &str) -> bool {
        matches!(self.peek(), Kind::Mark(found) if *found == mark)
    }

    pub fn eat(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        if found {
            self.next();
        }
        found
    }

    pub fn expect(&mut self, mark: &str) -> Parsed<()> {
        if self.eat(mark) {
            return Ok(());
        }
        Err(self.unexpected(&format!("\"{mark}\"")))
    }

    pub fn unexpected(&mut self, wanted: &str) -> super::Diagnostic {
        let place = self.place();
        let found = match self.peek() {
            Kind::Name(name) => format!("\"{name}\""),
            Kind::Mark(mark) => format!("\"{mark}\""),
            Kind::Number(number) => format!("\"{number}\""),
            Kind::Directive(name) => format!("\"%{name}\""),
            Kind::Text { .. } => "a text in quotes".into(),
            Kind::Regex { .. } => "a regular expression".into(),
            Kind::Special(name) => format!("\"<{name}>\""),
            Kind::Grammar(name) => format!("\"@{name}\""),
            Kind::Json(_) => "a JSON value".into(),
            Kind::Newline => "the end of the line".into(),
            Kind::End => "the end of the grammar".into(),
        };
        invalid(place, format!("{wanted} should stand where {found} stands"))
    }

    pub fn name(&mut self, wanted: &str) -> Parsed<Box<str>> {
        match self.peek() {
            Kind::Name(_) => {}
            _ => return Err(self.unexpected(wanted)),
        }
        let place = self.place();
        let Kind::Name(name) = self.next() else { return Err(self.unexpected(wanted)) };
        let letters = || name.chars().filter(char::is_ascii_alphabetic);
        if letters().any(|c| c.is_ascii_uppercase()) && letters().any(|c| c.is_ascii_lowercase()) {
            let hint = "small letters for a rule, large ones for a terminal";
            return Err(super::hinted(invalid(place, format!("the name \"{name}\" has letters of both cases")), hint));
        }
        Ok(name)
    }

    /// One level deeper, if that is allowed.
    pub fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let place = self.place();
            return Err(super::too_large(place, format!("brackets are nested more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }

    pub fn up(&mut self) {
        self.depth -= 1;
    }

    /// Statements up to the closing token.
    fn document(&mut self, close: &Kind) -> Parsed<Document> {
        let mut document = Document::default();
        loop {
            self.skip_lines();
            if self.peek() == close {
                return Ok(document);
            }
            document.statements.push(self.statement()?);
            if !matches!(self.peek(), Kind::Newline | Kind::End) && self.peek() != close {
                return Err(self.unexpected("the end of the line"));
            }
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let place = self.place();
        let Kind::Directive(directive) = self.peek() else { return Ok(Statement::Define(self.definition()?)) };
        match &*directive.clone() {
            "ignore" => {
                self.next();
                let choice = self.choice()?;
                let is_empty = choice.ways.iter().all(|way| way.parts.iter().all(Vec::is_empty));
                if is_empty {
                    return Err(self.unexpected("what is ignored"));
                }
                Ok(Statement::Ignore(place, choice))
            }
            "import" => self.import(),
            "override" => {
                self.next();
                Ok(Statement::Override(self.definition()?))
            }
            "extend" => {
                self.next();
                Ok(Statement::Extend(self.definition()?))
            }
            "llguidance" | "grammar_options" => {
                self.next();
                match self.next() {
                    Kind::Json(json) => Ok(Statement::Options(place, json)),
                    _ => Err(self.unexpected("a JSON object")),
                }
            }
            "declare" => {
                let hint = "define the terminal: nothing but the grammar says what its texts are";
                Err(super::hinted(unsupported(place, "%declare is not supported"), hint))
            }
            other => {
                let hint = "directives are %ignore, %import, %override, %extend and %llguidance";
                Err(super::hinted(invalid(place, format!("a statement cannot begin with \"%{other}\"")), hint))
            }
        }
    }

    fn import(&mut self) -> Parsed<Statement> {
        self.next();
        let place = self.place();
        if self.is(".") {
            let message = "grammars in other files cannot be imported";
            return Err(super::hinted(unsupported(place, message), "put their rules into this grammar"));
        }
        let mut path = vec![self.name("a library's name")?];
        while self.eat(".") {
            path.push(self.name("what is imported")?);
        }
        let mut names = Vec::new();
        if self.eat("(") {
            self.open = true;
            loop {
                let name = self.name("what is imported")?;
                names.push((name.clone(), name));
                if !self.eat(",") || self.is(")") {
                    break;
                }
            }
            self.expect(")")?;
            self.open = false;
        } else {
            if path.len() < 2 {
                return Err(self.unexpected("\".\" and what is imported"));
            }
            let name = path.pop().unwrap_or_default();
            let alias = if self.eat("->") { self.name("the name that it gets")? } else { name.clone() };
            names.push((name, alias));
        }
        Ok(Statement::Import { place, library: path.join(".").into(), names })
    }

    fn definition(&mut self) -> Parsed<Rc<Definition>> {
        let mut modifiers = (false, false);
        loop {
            match () {
                () if self.eat("!") => modifiers.0 = true,
                () if self.eat("?") => modifiers.1 = true,
                () => break,
            }
        }
        let place = self.place();
        let name = self.name("a rule or a terminal")?;
        if is_terminal(&name) && (modifiers.0 || modifiers.1) {
            return Err(invalid(place, "\"!\" and \"?\" are for rules, not for terminals"));
        }
        if name.starts_with('_') && modifiers.1 {
            return Err(invalid(place, "a rule whose name begins with \"_\" cannot have \"?\" before it"));
        }
        let mut parameters = Vec::new();
        if self.eat("{") {
            loop {
                parameters.push(self.name("a parameter's name")?);
                if !self.eat(",") {
                    break;
                }
            }
            self.expect("}")?;
        }
        let takes_number = self.eat("::");
        if takes_number {
            match self.peek() {
                Kind::Name(name) if &**name == "_" && !is_terminal(name) => {}
                _ => return Err(self.unexpected("\"_\"")),
            }
            self.next();
        }
        // Which reading is preferred does not change what is a text.
        if self.eat(".") {
            match self.peek() {
                Kind::Number(_) => {}
                _ => return Err(self.unexpected("a priority")),
            }
            self.next();
        }
        let attributes_at = self.place();
        let attributes = if self.is("[") { attributes::read(self)? } else { Default::default() };
        if is_terminal(&name) && (takes_number || !parameters.is_empty() || attributes_at != self.place()) {
            return Err(invalid(
                attributes_at,
                format!("the terminal \"{name}\" can have no attributes or parameters"),
            ));
        }
        if takes_number && (attributes.lazy || attributes.stop.is_some() || attributes.suffix.is_some()) {
            let message = "a rule with a number cannot be lazy or have a stop or suffix";
            return Err(invalid(attributes_at, message));
        }
        self.expect(":")?;
        let body = self.choice()?;
        Ok(Rc::new(Definition { name, place, parameters, takes_number, attributes, body }))
    }

    fn choice(&mut self) -> Parsed<Choice> {
        let mut ways = vec![self.way()?];
        loop {
            let line = self.at;
            if !self.open {
                self.skip_lines();
            }
            if !self.eat("|") {
                self.at = line;
                return Ok(Choice { ways });
            }
            ways.push(self.way()?);
        }
    }

    fn way(&mut self) -> Parsed<Way> {
        let place = self.place();
        let (mut parts, mut part) = (Vec::new(), Vec::new());
        loop {
            let closed = ["|", ")", "]", "}", "->"].iter().any(|mark| self.is(mark));
            let is_condition = matches!(self.peek(), Kind::Directive(name) if &**name == "if");
            if closed || is_condition || matches!(self.peek(), Kind::Newline | Kind::End) {
                break;
            }
            if self.is("&") {
                if part.is_empty() {
                    return Err(self.unexpected("what comes before \"&\""));
                }
                self.next();
                parts.push(std::mem::take(&mut part));
                if ["|", ")", "]", "}", "&"].iter().any(|mark| self.is(mark)) {
                    return Err(self.unexpected("what comes after \"&\""));
                }
                continue;
            }
            part.push(self.term()?);
        }
        parts.push(part);
        if self.eat("->") {
            let name = self.name("an alias")?;
            if is_terminal(&name) {
                return Err(invalid(place, format!("the alias \"{name}\" is not written in small letters")));
            }
        }
        let is_condition = matches!(self.peek(), Kind::Directive(name) if &**name == "if");
        let condition = if is_condition {
            self.next();
            Some(attributes::condition(self)?)
        } else {
            None
        };
        Ok(Way { place, parts, condition })
    }

    fn term(&mut self) -> Parsed<Term> {
        let place = self.place();
        let atom = self.atom()?;
        let times = self.times()?;
        Ok(Term { place, atom, times })
    }

    /// How often what stands before is repeated.
    fn times(&mut self) -> Parsed<Option<(u32, Option<u32>)>> {
        for (mark, times) in [("*", (0, None)), ("+", (1, None)), ("?", (0, Some(1)))] {
            if self.eat(mark) {
                return Ok(Some(times));
            }
        }
        let place = self.place();
        let follows_number = |parser: &Self| matches!(parser.tokens[parser.at + 1].kind, Kind::Number(_));
        let (min, max) = if self.is("~") && follows_number(self) {
            self.next();
            let min = self.count()?;
            (min, Some(if self.eat("..") { self.count()? } else { min }))
        } else if self.is("{") {
            self.next();
            let min = if self.is(",") { 0 } else { self.count()? };
            let max = match self.eat(",") {
                false => Some(min),
                true if self.is("}") => None,
                true => Some(self.count()?),
            };
            self.expect("}")?;
            (min, max)
        } else {
            return Ok(None);
        };
        if max.is_some_and(|max| max < min) {
            return Err(invalid(place, "a repeat goes from the smaller count to the larger one"));
        }
        Ok(Some((min, max)))
    }

    fn count(&mut self) -> Parsed<u32> {
        let place = self.place();
        match self.next() {
            Kind::Number(number) => match number.parse() {
                Ok(count) if count <= MAX_TIMES => Ok(count),
                _ => Err(invalid(place, format!("a count is a whole number from 0 to {MAX_TIMES}"))),
            },
            _ => Err(invalid(place, "the count of a repeat is missing")),
        }
    }

    /// A thing in brackets, with ends of lines between its parts.
    fn bracketed(&mut self, close: &str) -> Parsed<Choice> {
        self.deeper()?;
        self.next();
        let outer = std::mem::replace(&mut self.open, true);
        let choice = self.choice()?;
        if !self.is(close) {
            return Err(self.unexpected(&format!("\"{close}\"")));
        }
        self.open = outer;
        self.at += 1;
        self.up();
        Ok(choice)
    }

    pub fn atom(&mut self) -> Parsed<Atom> {
        let place = self.place();
        match self.peek().clone() {
            Kind::Mark("(") => Ok(Atom::Group(self.bracketed(")")?)),
            Kind::Mark("[") => Ok(Atom::Optional(self.bracketed("]")?)),
            Kind::Mark("~") => {
                self.deeper()?;
                self.next();
                let place = self.place();
                let atom = self.atom()?;
                self.up();
                Ok(Atom::Not(Box::new(Term { place, atom, times: None })))
            }
            Kind::Text { text, ignore_case } => {
                self.next();
                if self.eat("..") {
                    self.range(place, &text, ignore_case)
                } else {
                    Ok(Atom::Text { text, ignore_case })
                }
            }
            Kind::Regex { pattern, flags } => {
                self.next();
                Ok(Atom::Regex { pattern, flags })
            }
            Kind::Special(name) => {
                self.next();
                Ok(Atom::Token(special::class(place, &name)?))
            }
            Kind::Grammar(name) => {
                self.next();
                Ok(Atom::Grammar(name))
            }
            Kind::Name(_) => self.named(),
            Kind::Directive(name) => self.embedded(&name),
            _ => Err(self.unexpected("a rule, a terminal, a text or a regular expression")),
        }
    }

    fn range(&mut self, place: Place, low: &str, ignore_case: bool) -> Parsed<Atom> {
        let Kind::Text { text: high, ignore_case: also } = self.next() else {
            return Err(invalid(place, "a range goes from one character in quotes to another"));
        };
        let one = |text: &str| {
            let mut chars = text.chars();
            chars.next().filter(|_| chars.next().is_none())
        };
        match (one(low), one(&high)) {
            _ if ignore_case || also => Err(invalid(place, "a range of characters has no flags")),
            (Some(low), Some(high)) if low <= high => Ok(Atom::Range(low, high)),
            (Some(_), Some(_)) => Err(invalid(place, "a range goes from the smaller character to the larger one")),
            _ => Err(invalid(place, "both ends of a range are one character each")),
        }
    }

    /// A name, alone, with a number or with arguments.
    fn named(&mut self) -> Parsed<Atom> {
        let name = self.name("a rule or a terminal")?;
        if self.eat("::") {
            return Ok(Atom::Name { name, number: Some(attributes::number(self)?) });
        }
        let after = &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind;
        let is_repeat = matches!(after, Kind::Number(_) | Kind::Mark(","));
        if !self.is("{") || is_repeat {
            return Ok(Atom::Name { name, number: None });
        }
        self.deeper()?;
        self.next();
        let outer = std::mem::replace(&mut self.open, true);
        let mut arguments = Vec::new();
        loop {
            let place = self.place();
            arguments.push(Term { place, atom: self.atom()?, times: None });
            if !self.eat(",") {
                break;
            }
        }
        if !self.is("}") {
            return Err(self.unexpected("\"}\""));
        }
        self.open = outer;
        self.at += 1;
        self.up();
        Ok(Atom::Call { name, arguments })
    }

    /// What a directive within a rule stands for.
    fn embedded(&mut self, directive: &str) -> Parsed<Atom> {
        let place = self.place();
        match directive {
            "json" | "regex" => {
                self.next();
                let at = self.place();
                let Kind::Json(json) = self.next() else { return Err(self.unexpected("a JSON value")) };
                if directive == "regex" {
                    return Ok(Atom::Chunks(super::substring::chunks(at, &json)?));
                }
                if !json.starts_with('{') && !matches!(&*json, "true" | "false") {
                    return Err(invalid(at, "a schema is a JSON object or a Boolean"));
                }
                Ok(Atom::Json(json))
            }
            "lark" => {
                self.deeper()?;
                self.next();
                let outer = std::mem::replace(&mut self.open, false);
                self.expect("{")?;
                let document = self.document(&Kind::Mark("}"))?;
                self.open = outer;
                self.at += 1;
                self.up();
                Ok(Atom::Nested(Rc::new(document)))
            }
            other => Err(invalid(place, format!("\"%{other}\" does not belong into a rule"))),
        }
    }
}

//! Arguments of tools that are not JSON: one marked text for each property.

use rustc_hash::FxHashSet;

use super::{
    super::{DiagnosticKind, dispatch, regex},
    format::{Read, Reader},
    object::{Object, Value},
    values::{Schema, Way},
};
use crate::grammar::{CharSet, Expr, Regex};

/// How a family marks a parameter: `open name named attribute value ... close`.
pub struct Style {
    name: &'static str,
    open: &'static str,
    named: &'static str,
    value: &'static str,
    pub close: &'static str,
    pub types: Types,
}

/// What stands beside the name of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Types {
    None,
    /// Whether the value is a text as it stands.
    IsText,
    /// The type of the value in JSON.
    Json,
    /// Texts are raw; objects and lists are parameters again.
    Nested,
}

const STYLES: [Style; 6] = [
    Style { name: "qwen_xml", open: "<parameter=", named: ">", value: "", close: "</parameter>", types: Types::None },
    Style {
        name: "minimax_xml",
        open: "<parameter name=\"",
        named: "\">",
        value: "",
        close: "</parameter>",
        types: Types::None,
    },
    Style {
        name: "deepseek_xml",
        open: "<｜DSML｜parameter name=\"",
        named: "\" string=\"",
        value: "\">",
        close: "</｜DSML｜parameter>",
        types: Types::IsText,
    },
    Style {
        name: "glm_xml",
        open: "<arg_key>",
        named: "</arg_key>",
        value: "<arg_value>",
        close: "</arg_value>",
        types: Types::None,
    },
    Style {
        name: "kimi_k3_xml",
        open: "<|open|>argument key=\"",
        named: "\" type=\"",
        value: "\"<|sep|>",
        close: "<|close|>argument<|sep|>",
        types: Types::Json,
    },
    Style {
        name: "cohere_xml",
        open: "<cofl:value name=\"",
        named: "\" type=\"",
        value: "\">",
        close: "</cofl:value>",
        types: Types::Nested,
    },
];

/// What opens an item of a list, which has no name.
const UNNAMED: &str = "<cofl:value type=\"";

/// Objects that may have their keys in any order have at most so many: each set of them is a rule.
const MAX_UNORDERED: usize = 8;

/// Each pattern of names is held against all others.
const MAX_PATTERNS: usize = 64;

/// What one schema's parameters are read with.
pub struct Parameters<'a, 'b> {
    pub reader: &'b mut Reader,
    pub style: &'static Style,
    pub root: Schema<'a>,
    pub any_order: bool,
    /// What a text has not in it, its end among it; sorted.
    pub marks: Vec<String>,
    pub depth: usize,
    /// Values that were looked at.
    pub values: usize,
}

/// What may be said of an object.
const KNOWN: [&str; 17] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "$defs",
    "definitions",
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];

pub fn read(
    reader: &mut Reader,
    style: &Value,
    schema: &Value,
    any_order: bool,
    mut excludes: Vec<String>,
) -> Read<Expr> {
    let name = style.string()?;
    let Some(style) = STYLES.iter().find(|known| known.name == name) else {
        return Err(style.refused(DiagnosticKind::Invalid, format!("\"{name}\" is no style")));
    };
    excludes.push(style.close.into());
    excludes.sort_unstable();
    let root = Schema::root(schema);
    let mut parameters = Parameters { reader, style, root, any_order, marks: excludes, depth: 0, values: 0 };
    parameters.object(schema)
}

impl<'a> Parameters<'a, '_> {
    /// The parameters of an object.
    pub fn object(&mut self, schema: &Value<'a>) -> Read<Expr> {
        if !schema.is_object() {
            let any = self.free(None, &[])?;
            return Ok(Expr::seq(vec![any.repeat(0, None), blanks()]));
        }
        let object = schema.object()?;
        if let Some(reference) = object.get("$ref") {
            object.only(&["$ref", "$defs", "definitions", "$schema", "$id", "title", "description"])?;
            let target = self.root.find(&reference)?;
            return self.nested(&reference, |parameters| parameters.object(&target));
        }
        if let Some((key, value)) = object.members().find(|(key, _)| !KNOWN.contains(key)) {
            let message = format!("\"{key}\" of an object cannot be held to where it is written as parameters");
            return Err(value.refused(DiagnosticKind::Unsupported, message));
        }
        if let Some(name) = object.get("type")
            && name.string()? != "object"
        {
            return Err(name.refused(DiagnosticKind::Invalid, "parameters are an object"));
        }
        let required: FxHashSet<String> = object.texts("required")?.into_iter().collect();
        let (mut declared, mut fixed) = (FxHashSet::default(), Vec::new());
        if let Some(properties) = object.get("properties") {
            for (name, value) in properties.object()?.members() {
                let ways = self.ways(&value)?;
                let parameter = self.parameter(&Expr::text(&self.spelt(name)), &ways);
                fixed.push((self.reader.shared(name, parameter), required.contains(name)));
                declared.insert(name.to_owned());
            }
        }
        if let Some(name) = required.iter().find(|name| !declared.contains(*name)) {
            let message = format!("\"{name}\" is required and not declared");
            return Err(object.refused(DiagnosticKind::Unsupported, message).hinted("declare it in properties"));
        }
        let others = self.others(&object, &declared)?;
        let all = if self.any_order { self.unordered(&object, &fixed, others)? } else { ordered(&fixed, others) };
        Ok(Expr::seq(vec![all, blanks()]))
    }

    /// One level further in.
    pub fn nested<T>(&mut self, at: &Value, then: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        /// References and values within one another.
        const MAX_DEPTH: usize = 32;
        /// Each way to a value counts.
        const MAX_VALUES: usize = 20_000;
        self.depth += 1;
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(at.refused(DiagnosticKind::TooLarge, "there are too many ways to write the parameters"));
        }
        if self.depth > MAX_DEPTH {
            let message = "the value is nested too deeply, or refers to itself";
            return Err(at.refused(DiagnosticKind::Unsupported, message));
        }
        let found = then(self);
        self.depth -= 1;
        found
    }

    /// A property that is not declared: of patterns, and of any other name.
    fn others(&mut self, object: &Object<'a>, declared: &FxHashSet<String>) -> Read<Vec<Expr>> {
        let mut patterns = Vec::new();
        if let Some(properties) = object.get("patternProperties") {
            for (pattern, value) in properties.object()?.members() {
                patterns.push((matches(pattern, &value)?, value));
            }
            if patterns.len() > MAX_PATTERNS {
                let message = format!("more than {MAX_PATTERNS} patterns of names are not taken");
                return Err(properties.refused(DiagnosticKind::TooLarge, message));
            }
        }
        let mut taken: Vec<Regex> = declared.iter().map(|name| Regex::text(name)).collect();
        let mut others = Vec::new();
        for (at, (pattern, value)) in patterns.iter().enumerate() {
            // A name that fits two patterns would have to satisfy both: it is left out.
            let rest = patterns.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, (rest, _))| rest.clone());
            let not: Vec<Regex> = taken.iter().cloned().chain(rest).collect();
            let names = vec![name_characters().repeat(1, None), pattern.clone(), none_of(not)];
            let ways = self.ways(value)?;
            others.push(self.parameter(&Expr::Lexeme(Regex::And(names)), &ways));
        }
        taken.extend(patterns.into_iter().map(|(pattern, _)| pattern));
        match object.get("additionalProperties") {
            Some(value) if value.text == "false" => {}
            value => others.push(self.free(value.as_ref(), &taken)?),
        }
        Ok(others)
    }

    /// A parameter with a name that is none of these.
    fn free(&mut self, value: Option<&Value<'a>>, taken: &[Regex]) -> Read<Expr> {
        let ascii =
            |ranges: &[(char, char)]| CharSet::new(ranges.iter().map(|(low, high)| (*low as u32, *high as u32)));
        let first = Regex::Class(ascii(&[('a', 'z'), ('A', 'Z'), ('_', '_')]));
        let next = Regex::Class(ascii(&[('a', 'z'), ('A', 'Z'), ('_', '_'), ('0', '9')]));
        let name = Regex::Concat(vec![first, next.repeat(0, None)]);
        let name = if taken.is_empty() { name } else { Regex::And(vec![name, none_of(taken.to_vec())]) };
        let ways = match value {
            Some(value) => self.ways(value)?,
            None => self.any_value()?,
        };
        Ok(self.parameter(&Expr::Lexeme(name), &ways))
    }

    /// A parameter of this name with a value in one of these ways.
    pub fn parameter(&self, name: &Expr, ways: &[Way]) -> Expr {
        let Style { open, named, value, close, .. } = self.style;
        let begin = [blanks(), Expr::text(open), name.clone(), Expr::text(named)];
        let ways = ways.iter().map(|way| {
            let parts = [Expr::text(self.attribute(way)), Expr::text(value), way.content.clone(), Expr::text(close)];
            Expr::seq(parts.into())
        });
        Expr::seq(begin.into_iter().chain([Expr::alt(ways.collect())]).collect())
    }

    /// An item of a list.
    pub fn item(&self, ways: &[Way]) -> Expr {
        let ways = ways.iter().map(|way| {
            let parts = [Expr::text(self.attribute(way)), Expr::text(self.style.value), way.content.clone()];
            Expr::seq(parts.into())
        });
        Expr::seq(vec![blanks(), Expr::text(UNNAMED), Expr::alt(ways.collect()), Expr::text(self.style.close)])
    }

    fn attribute(&self, way: &Way) -> &'static str {
        match (self.style.types, way.type_name) {
            (Types::None, _) => "",
            (Types::IsText, "string") => "true",
            (Types::IsText, _) => "false",
            (Types::Json, name) => name,
            (Types::Nested, "string") => "raw",
            (Types::Nested, "object") => "dict",
            (Types::Nested, "array") => "list",
            (Types::Nested, _) => "json",
        }
    }

    /// A name as the markers have it.
    fn spelt(&self, name: &str) -> String {
        match self.style.types {
            Types::None | Types::IsText => name.into(),
            Types::Json => name.replace('&', "&amp;").replace('"', "&quot;"),
            Types::Nested => {
                let name = name.replace('&', "&amp;").replace('<', "&lt;");
                name.replace('>', "&gt;").replace('"', "&quot;")
            }
        }
    }

    fn unordered(&mut self, object: &Object, fixed: &[(Expr, bool)], others: Vec<Expr>) -> Read<Expr> {
        if fixed.len() > MAX_UNORDERED {
            let message = format!("more than {MAX_UNORDERED} parameters in any order are not taken");
            return Err(object.refused(DiagnosticKind::Unsupported, message));
        }
        let sets = 1_usize << fixed.len();
        let rules: Vec<_> = (0..sets).map(|_| self.reader.builder.unnamed("parameters")).collect();
        for seen in 0..sets {
            let mut ways: Vec<Expr> = Vec::new();
            let is_whole = fixed.iter().enumerate().all(|(at, (_, required))| !required || seen >> at & 1 == 1);
            if is_whole {
                ways.push(Expr::Empty);
            }
            for (at, (parameter, _)) in fixed.iter().enumerate().filter(|(at, _)| seen >> at & 1 == 0) {
                ways.push(Expr::seq(vec![parameter.clone(), Expr::Rule(rules[seen | 1 << at])]));
            }
            ways.extend(others.iter().map(|other| Expr::seq(vec![other.clone(), Expr::Rule(rules[seen])])));
            self.reader.builder.define(rules[seen], Expr::alt(ways));
        }
        Ok(Expr::Rule(rules[0]))
    }

    /// Text that stands for itself.
    pub fn raw(&self) -> Regex {
        let marks: Vec<&str> = self.marks.iter().map(|mark| &**mark).collect();
        dispatch::without(&marks)
    }
}

/// Declared ones in their order, then others.
fn ordered(fixed: &[(Expr, bool)], others: Vec<Expr>) -> Expr {
    let fixed = fixed.iter().map(
        |(parameter, required)| {
            if *required { parameter.clone() } else { parameter.clone().repeat(0, Some(1)) }
        },
    );
    let mut parts: Vec<Expr> = fixed.collect();
    if !others.is_empty() {
        parts.push(Expr::alt(others).repeat(0, None));
    }
    Expr::seq(parts)
}

/// Whitespace of JSON.
pub fn blanks() -> Expr {
    let blank = CharSet::new([' ', '\n', '\t', '\r'].map(|c| (c as u32, c as u32)));
    Expr::Lexeme(Regex::Class(blank).repeat(0, None))
}

/// What a name may be made of where a pattern says what it is like.
fn name_characters() -> Regex {
    let marks = ['<', '>', '"', '&', '=', '|'].map(|c| (c as u32, c as u32));
    Regex::Class(CharSet::new(marks.into_iter().chain([(0, 0x20)])).complement())
}

fn none_of(texts: Vec<Regex>) -> Regex {
    Regex::Not(Box::new(Regex::Alternation(texts)))
}

/// Texts in which the pattern of a schema occurs.
pub fn matches(pattern: &str, at: &Value) -> Read<Regex> {
    let (from_start, to_end) = anchored(pattern);
    let any = |is_bound: bool| if is_bound { "" } else { "[^]*" };
    let whole = format!("{}(?:{pattern}){}", any(from_start), any(to_end));
    let regex = regex::read(pattern, regex::Dialect::Ecma).and_then(|_| regex::read(&whole, regex::Dialect::Ecma));
    match regex {
        Ok(regex) if !regex.has_look() => Ok(regex),
        Ok(_) => Err(at.refused(DiagnosticKind::Unsupported, "conditions on the text around cannot be held to here")),
        Err(why) => Err(at.refused(why.kind, why.message)),
    }
}

/// Whether every match begins at the text's start, and ends at its end; where alternatives make that hard to see, no.
fn anchored(pattern: &str) -> (bool, bool) {
    let (mut depth, mut in_class, mut is_escaped, mut ends) = (0_i32, false, false, false);
    for c in pattern.chars() {
        ends = c == '$' && !is_escaped && !in_class && depth == 0;
        match c {
            _ if is_escaped => {}
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth -= 1,
            '|' if !in_class && depth == 0 => return (false, false),
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    (pattern.starts_with('^'), ends)
}

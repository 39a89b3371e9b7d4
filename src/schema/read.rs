//! From a document to keywords: which subschemas the root reaches, and what each of them demands.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    Decimal, Document, Draft, Keyword, Literals, Schema, SchemaError, SchemaErrorKind, SchemaId, SchemaSet, TypeSet,
    Value, ValueId, cycle, escape_pointer,
};

/// Words that demand nothing of a value, in any draft.
const ANNOTATIONS: &[&str] = &[
    "$comment",
    "$defs",
    "$id",
    "$schema",
    "$vocabulary",
    "$anchor",
    "$dynamicAnchor",
    "$recursiveAnchor",
    "id",
    "title",
    "description",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "definitions",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
];

impl SchemaSet {
    /// Reads a schema's text.
    ///
    /// # Errors
    /// What is malformed, and by name and place what cannot be enforced.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let document = Document::parse(text)?;
        let root = document.root();
        let draft = declared_draft(&document, root)?;
        let set = Self { document, draft, schemas: Vec::new(), places: Vec::new(), root: 0, annotations: Vec::new() };
        let mut reader = Reader { set, by_value: FxHashMap::default(), waiting: Vec::new() };
        reader.set.root = reader.reach(root);
        while let Some(id) = reader.waiting.pop() {
            reader.set.schemas[id as usize] = reader.read(id)?;
        }
        cycle::refuse_cycles(&reader.set)?;
        Ok(reader.set)
    }
}

fn declared_draft(document: &Document, root: ValueId) -> Result<Draft, SchemaError> {
    let Some(declared) = document.get(root, "$schema") else { return Ok(Draft::Undeclared) };
    let Value::String(uri) = document.value(declared) else {
        return Err(SchemaError::new(SchemaErrorKind::Invalid, "$schema must be a string").at("/$schema"));
    };
    // A dialect of somebody's own is read like no declaration: everything that any draft knows is enforced.
    Ok(Draft::from_uri(uri).unwrap_or(Draft::Undeclared))
}

struct Reader {
    set: SchemaSet,
    by_value: FxHashMap<ValueId, SchemaId>,
    waiting: Vec<SchemaId>,
}

/// The members of one schema object, while it is read.
struct Members<'a> {
    document: &'a Document,
    draft: Draft,
    at: ValueId,
    members: &'a [(Box<str>, ValueId)],
}

impl<'a> Members<'a> {
    /// The value of a keyword that the draft knows.
    fn get(&self, keyword: &str) -> Option<ValueId> {
        let found = self.members.iter().find(|(name, _)| **name == *keyword)?;
        self.draft.knows(keyword).then_some(found.1)
    }

    fn error(&self, kind: SchemaErrorKind, keyword: &str, message: impl Into<String>) -> SchemaError {
        let pointer = self.document.pointer(self.at) + "/" + &escape_pointer(keyword);
        SchemaError::new(kind, message).at(pointer)
    }

    fn invalid(&self, keyword: &str, what: &str) -> SchemaError {
        self.error(SchemaErrorKind::Invalid, keyword, format!("{keyword} must be {what}"))
    }

    fn count(&self, keyword: &str) -> Result<Option<u32>, SchemaError> {
        let Some(id) = self.get(keyword) else { return Ok(None) };
        let Value::Number(number) = self.document.value(id) else {
            return Err(self.invalid(keyword, "a whole number that is not negative"));
        };
        if !number.is_integer() || number.is_negative() {
            return Err(self.invalid(keyword, "a whole number that is not negative"));
        }
        // No value comes near 2^32 of anything; a bound beyond is as good as this one.
        Ok(Some(whole(number).unwrap_or(u32::MAX)))
    }

    fn number(&self, keyword: &str) -> Result<Option<&'a Decimal>, SchemaError> {
        match self.get(keyword).map(|id| self.document.value(id)) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(_) => Err(self.invalid(keyword, "a number")),
        }
    }

    fn text(&self, keyword: &str) -> Result<Option<&'a str>, SchemaError> {
        match self.get(keyword).map(|id| self.document.value(id)) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(keyword, "a string")),
        }
    }

    fn list(&self, keyword: &str) -> Result<Option<&'a [ValueId]>, SchemaError> {
        match self.get(keyword).map(|id| self.document.value(id)) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(self.invalid(keyword, "an array")),
        }
    }

    fn object(&self, keyword: &str) -> Result<&'a [(Box<str>, ValueId)], SchemaError> {
        match self.get(keyword).map(|id| self.document.value(id)) {
            None => Ok(&[]),
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(self.invalid(keyword, "an object")),
        }
    }

    /// A list of strings, wherever it stands.
    fn names(&self, keyword: &str, id: ValueId) -> Result<Vec<Box<str>>, SchemaError> {
        let fault = || self.invalid(keyword, "an array of strings");
        let Value::Array(items) = self.document.value(id) else { return Err(fault()) };
        let name = |item: &ValueId| match self.document.value(*item) {
            Value::String(name) => Ok(name.clone()),
            _ => Err(fault()),
        };
        items.iter().map(name).collect()
    }
}

impl Reader {
    /// The id of the subschema at a place of the document; it is read later.
    fn reach(&mut self, value: ValueId) -> SchemaId {
        if let Some(id) = self.by_value.get(&value) {
            return *id;
        }
        let id = self.add(value, Schema::Any);
        self.by_value.insert(value, id);
        self.waiting.push(id);
        id
    }

    fn add(&mut self, place: ValueId, schema: Schema) -> SchemaId {
        self.set.schemas.push(schema);
        self.set.places.push(place);
        self.set.schemas.len() as SchemaId - 1
    }

    fn read(&mut self, id: SchemaId) -> Result<Schema, SchemaError> {
        // The document is lent out while subschemas are added beside it.
        let document = std::mem::take(&mut self.set.document);
        let schema = self.read_from(&document, self.set.places[id as usize]);
        self.set.document = document;
        schema
    }

    fn read_from(&mut self, document: &Document, at: ValueId) -> Result<Schema, SchemaError> {
        let members = match document.value(at) {
            Value::Bool(true) => return Ok(Schema::Any),
            Value::Bool(false) => return Ok(Schema::Never),
            Value::Object(members) => members,
            _ => {
                let message = "a schema must be an object, true or false";
                return Err(SchemaError::new(SchemaErrorKind::Invalid, message).at(document.pointer(at)));
            }
        };
        let members = Members { document, draft: self.set.draft, at, members };
        let mut keywords = Vec::new();
        if let Some(target) = members.text("$ref")? {
            keywords.push(Keyword::Ref(self.resolve(&members, target)?));
            if members.draft.ref_hides_siblings() {
                return Ok(Schema::All(keywords.into()));
            }
        }
        self.general(&members, &mut keywords)?;
        numeric(&members, &mut keywords)?;
        self.strings(&members, &mut keywords)?;
        self.objects(&members, &mut keywords)?;
        self.arrays(&members, &mut keywords)?;
        self.combinators(&members, &mut keywords)?;
        self.note_annotations(&members)?;
        Ok(Schema::All(keywords.into()))
    }

    fn resolve(&mut self, members: &Members, target: &str) -> Result<SchemaId, SchemaError> {
        let document = members.document;
        let unresolved = || {
            let message = format!("the reference {target:?} leads nowhere");
            members.error(SchemaErrorKind::Invalid, "$ref", message)
        };
        let (uri, fragment) = target.split_once('#').unwrap_or((target, ""));
        let fragment = percent_decode(fragment).ok_or_else(unresolved)?;
        let base = if uri.is_empty() {
            document.root()
        } else {
            find(document, &["$id", "id"], |id| id.trim_end_matches('#') == uri).ok_or_else(|| {
                let message = format!("the reference {target:?} leads out of this document");
                let error = members.error(SchemaErrorKind::Unsupported, "$ref", message);
                error.hint("put the schema that it names into $defs and refer to it there")
            })?
        };
        let value = if fragment.is_empty() || fragment.starts_with('/') {
            document.follow(base, &fragment)
        } else {
            let hash = format!("#{fragment}");
            find(document, &["$anchor", "$dynamicAnchor"], |anchor| anchor == fragment)
                .or_else(|| find(document, &["$id", "id"], |id| id == hash))
        };
        Ok(self.reach(value.ok_or_else(unresolved)?))
    }

    fn general(&mut self, members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
        if let Some(id) = members.get("type") {
            let named = |id: ValueId| match members.document.value(id) {
                Value::String(name) => TypeSet::named(name).ok_or_else(|| {
                    let message = format!("{name:?} is not a type");
                    let error = members.error(SchemaErrorKind::Invalid, "type", message);
                    error.hint("null, boolean, integer, number, string, array, object")
                }),
                _ => Err(members.invalid("type", "a type's name or an array of them")),
            };
            let types = match members.document.value(id) {
                Value::Array(names) => {
                    let mut types = TypeSet::default();
                    for name in names.iter() {
                        types = types.union(named(*name)?);
                    }
                    types
                }
                _ => named(id)?,
            };
            keywords.push(Keyword::Type(types));
        }
        if let Some(values) = members.list("enum")? {
            let literals = self.literals(members.document, values);
            keywords.push(Keyword::Literals(literals));
        }
        if let Some(value) = members.get("const") {
            let literals = self.literals(members.document, &[value]);
            keywords.push(Keyword::Literals(literals));
        }
        Ok(())
    }

    fn literals(&mut self, document: &Document, values: &[ValueId]) -> Literals {
        let mut literals = Literals::default();
        let (mut numbers, mut strings) = (Vec::new(), Vec::new());
        for &value in values {
            match document.value(value) {
                Value::Null => literals.null = true,
                Value::Bool(bool) => literals.bools[usize::from(*bool)] = true,
                Value::Number(number) => numbers.push(number.clone()),
                Value::String(string) => strings.push(string.clone()),
                Value::Array(_) | Value::Object(_) => literals.composites.push(self.exactly(document, value)),
            }
        }
        literals.numbers = numbers.into();
        literals.strings = strings.into();
        literals
    }

    /// The schema that admits one value alone.
    fn exactly(&mut self, document: &Document, value: ValueId) -> SchemaId {
        let keywords = match document.value(value) {
            Value::Array(items) => {
                let prefix = items.iter().map(|item| self.exactly(document, *item)).collect();
                let count = items.len() as u32;
                vec![
                    Keyword::Type(TypeSet::ARRAY),
                    Keyword::Items { prefix, rest: None },
                    Keyword::ItemCount { min: count, max: Some(count) },
                ]
            }
            Value::Object(members) => {
                let named = members.iter().map(|(key, value)| (key.clone(), self.exactly(document, *value))).collect();
                let count = members.len() as u32;
                vec![
                    Keyword::Type(TypeSet::OBJECT),
                    Keyword::Properties { named, patterns: Vec::new(), rest: None },
                    Keyword::Required(members.iter().map(|(key, _)| key.clone()).collect()),
                    Keyword::PropertyCount { min: count, max: Some(count) },
                ]
            }
            _ => vec![Keyword::Literals(self.literals(document, &[value]))],
        };
        self.add(value, Schema::All(keywords.into()))
    }

    fn strings(&mut self, members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
        let (min, max) = (members.count("minLength")?, members.count("maxLength")?);
        if min.is_some() || max.is_some() {
            keywords.push(Keyword::Length { min: min.unwrap_or(0), max });
        }
        if let Some(pattern) = members.text("pattern")? {
            keywords.push(Keyword::Pattern(pattern.into()));
        }
        // A `format` that is no string demands nothing.
        if let Some(Value::String(format)) = members.get("format").map(|id| members.document.value(id)) {
            keywords.push(Keyword::Format((&**format).into()));
        }
        Ok(())
    }

    fn objects(&mut self, members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
        let mut named = Vec::new();
        for (key, schema) in members.object("properties")? {
            named.push((key.clone(), self.reach(*schema)));
        }
        let mut patterns: Vec<(Arc<str>, SchemaId)> = Vec::new();
        for (pattern, schema) in members.object("patternProperties")? {
            patterns.push(((**pattern).into(), self.reach(*schema)));
        }
        let rest = members.get("additionalProperties").map(|schema| self.reach(schema));
        if !named.is_empty() || !patterns.is_empty() || rest.is_some() {
            keywords.push(Keyword::Properties { named, patterns, rest });
        }
        if let Some(names) = members.get("required") {
            match members.document.value(names) {
                // Draft 3's `"required": true` inside a property still circulates; no later draft gives it a meaning.
                Value::Bool(_) => self.set.annotations.push(members.document.pointer(members.at) + "/required"),
                _ => keywords.push(Keyword::Required(members.names("required", names)?)),
            }
        }
        let (min, max) = (members.count("minProperties")?, members.count("maxProperties")?);
        if min.is_some() || max.is_some() {
            keywords.push(Keyword::PropertyCount { min: min.unwrap_or(0), max });
        }
        if let Some(names) = members.get("propertyNames") {
            keywords.push(Keyword::PropertyNames(self.reach(names)));
        }
        self.dependencies(members, keywords)
    }

    fn dependencies(&mut self, members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
        let (mut required, mut schemas) = (Vec::new(), Vec::new());
        for keyword in ["dependencies", "dependentRequired", "dependentSchemas"] {
            for (key, value) in members.object(keyword)? {
                match members.document.value(*value) {
                    Value::Array(_) if keyword != "dependentSchemas" => {
                        required.push((key.clone(), members.names(keyword, *value)?));
                    }
                    Value::String(name) if keyword == "dependencies" => {
                        required.push((key.clone(), vec![name.clone()]))
                    }
                    _ if keyword == "dependentRequired" => {
                        return Err(members.invalid(keyword, "an object of arrays of strings"));
                    }
                    _ => schemas.push((key.clone(), self.reach(*value))),
                }
            }
        }
        if !required.is_empty() {
            keywords.push(Keyword::DependentRequired(required));
        }
        if !schemas.is_empty() {
            keywords.push(Keyword::DependentSchemas(schemas));
        }
        Ok(())
    }

    fn arrays(&mut self, members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
        let mut prefix = Vec::new();
        for schema in members.list("prefixItems")?.unwrap_or_default() {
            prefix.push(self.reach(*schema));
        }
        let mut rest = None;
        match members.get("items").map(|id| (id, members.document.value(id))) {
            Some((_, Value::Array(items))) if members.get("prefixItems").is_none() => {
                prefix = items.iter().map(|item| self.reach(*item)).collect();
                rest = members.get("additionalItems").map(|schema| self.reach(schema));
            }
            Some((id, _)) => rest = Some(self.reach(id)),
            None => {}
        }
        if !prefix.is_empty() || rest.is_some() {
            keywords.push(Keyword::Items { prefix, rest });
        }
        let (min, max) = (members.count("minItems")?, members.count("maxItems")?);
        if min.is_some() || max.is_some() {
            keywords.push(Keyword::ItemCount { min: min.unwrap_or(0), max });
        }
        if let Some(schema) = members.get("contains") {
            let (min, max) = (members.count("minContains")?.unwrap_or(1), members.count("maxContains")?);
            keywords.push(Keyword::Contains { schema: self.reach(schema), min, max });
        }
        match members.get("uniqueItems").map(|id| members.document.value(id)) {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => keywords.push(Keyword::UniqueItems),
            Some(_) => return Err(members.invalid("uniqueItems", "true or false")),
        }
        Ok(())
    }

    fn combinators(&mut self, members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            if let Some(schemas) = members.list(keyword)? {
                let schemas = schemas.iter().map(|schema| self.reach(*schema)).collect();
                keywords.push(match keyword {
                    "allOf" => Keyword::AllOf(schemas),
                    "anyOf" => Keyword::AnyOf(schemas),
                    _ => Keyword::OneOf(schemas),
                });
            }
        }
        if let Some(schema) = members.get("not") {
            keywords.push(Keyword::Not(self.reach(schema)));
        }
        if let Some(condition) = members.get("if") {
            let (then, otherwise) = (members.get("then"), members.get("else"));
            if then.is_some() || otherwise.is_some() {
                let condition = self.reach(condition);
                let (then, otherwise) = (then.map(|id| self.reach(id)), otherwise.map(|id| self.reach(id)));
                keywords.push(Keyword::If { condition, then, otherwise });
            }
        }
        Ok(())
    }

    fn note_annotations(&mut self, members: &Members) -> Result<(), SchemaError> {
        for (name, _) in members.members {
            if UNENFORCED.contains(&&**name) && members.draft.knows(name) {
                let message = format!("{name} is not enforced yet");
                return Err(members.error(SchemaErrorKind::Unsupported, name, message));
            }
            if (!KNOWN.contains(&&**name) || !members.draft.knows(name)) && !ANNOTATIONS.contains(&&**name) {
                let pointer = members.document.pointer(members.at);
                self.set.annotations.push(pointer + "/" + &escape_pointer(name));
            }
        }
        Ok(())
    }
}

/// Keywords with a meaning that nobody here enforces yet: refused by name.
const UNENFORCED: &[&str] =
    &["unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "x-espalier"];

/// Keywords that are enforced.
const KNOWN: &[&str] = &[
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "properties",
    "patternProperties",
    "additionalProperties",
    "required",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "prefixItems",
    "items",
    "additionalItems",
    "minItems",
    "maxItems",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "$ref",
];

fn numeric(members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
    let bounds = [("minimum", "exclusiveMinimum", true), ("maximum", "exclusiveMaximum", false)];
    for (inclusive, exclusive, lower) in bounds {
        let mut push = |value: &Decimal, exclusive| {
            let value = value.clone();
            keywords.push(match lower {
                true => Keyword::Minimum { value, exclusive },
                false => Keyword::Maximum { value, exclusive },
            });
        };
        let bound = members.number(inclusive)?;
        match members.get(exclusive).map(|id| members.document.value(id)) {
            // Draft 4: a flag on the bound beside it.
            Some(Value::Bool(strict)) => {
                if let Some(bound) = bound {
                    push(bound, *strict);
                }
                continue;
            }
            Some(Value::Number(value)) => push(value, true),
            Some(_) => return Err(members.invalid(exclusive, "a number")),
            None => {}
        }
        if let Some(bound) = bound {
            push(bound, false);
        }
    }
    if let Some(divisor) = members.number("multipleOf")? {
        if divisor.is_zero() || divisor.is_negative() {
            return Err(members.invalid("multipleOf", "a number above 0"));
        }
        keywords.push(Keyword::MultipleOf(divisor.clone()));
    }
    Ok(())
}

/// A whole number that fits.
fn whole(number: &Decimal) -> Option<u32> {
    let zeros = u32::try_from(number.exponent()).ok()?;
    let digits =
        number.digits().iter().try_fold(0u32, |value, digit| value.checked_mul(10)?.checked_add(u32::from(*digit)));
    digits?.checked_mul(10u32.checked_pow(zeros)?)
}

/// The first object of the document with one of `keys` whose text passes.
fn find(document: &Document, keys: &[&str], pass: impl Fn(&str) -> bool) -> Option<ValueId> {
    let named = |id: &ValueId| {
        keys.iter().any(|key| {
            matches!(document.get(*id, key).map(|id| document.value(id)), Some(Value::String(text)) if pass(text))
        })
    };
    (0..document.len() as ValueId).find(named)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(match byte {
            b'%' => (digit(rest.next()?)? * 16 + digit(rest.next()?)?) as u8,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

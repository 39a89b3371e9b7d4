//! From a document to keywords: which subschemas the root reaches, and what each of them demands.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{
    Decimal, Dialect, Document, Documents, Draft, Keyword, Literals, Schema, SchemaError, SchemaErrorKind, SchemaId,
    SchemaSet, TypeSet, Value, ValueId, cycle, escape_pointer, inside,
    keyword::Place,
    resource::{Library, pointer_in},
    scope::{ScopeId, Scopes},
    unevaluated, uri,
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

/// Subschemas beyond one for each value of the documents: copies for dynamic scopes, and parts of constants.
const MAX_COPIES: usize = 100_000;

impl SchemaSet {
    /// Reads a schema's text that refers to nothing outside, published metaschemas excepted.
    ///
    /// # Errors
    /// What is malformed, and by name and place what cannot be enforced.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        Self::parse_with(text, &Documents::default())
    }

    /// Reads a schema's text that may refer to these documents.
    ///
    /// # Errors
    /// What is malformed, and by name and place what cannot be enforced.
    pub fn parse_with(text: &str, documents: &Documents) -> Result<Self, SchemaError> {
        let library = Library::open(text, documents.clone())?;
        let root = library.resource(0).root;
        let mut reader = Reader {
            library,
            scopes: Scopes::default(),
            schemas: Vec::new(),
            places: Vec::new(),
            annotations: Vec::new(),
            written: Vec::new(),
            known: FxHashMap::default(),
            waiting: Vec::new(),
            unevaluated: unevaluated::Found::default(),
            schema: 0,
            document: root.document,
            scope: 0,
        };
        let root = reader.reach_at(root)?;
        while let Some((id, scope)) = reader.waiting.pop() {
            reader.schema = id;
            reader.schemas[id as usize] = reader.read(reader.places[id as usize], scope)?;
        }
        let Reader { library, schemas, places, annotations, written, unevaluated, .. } = reader;
        let (documents, written) = (library.into_documents(), written.into());
        let mut set = Self { documents, schemas, places, root, annotations, written };
        cycle::refuse_cycles(&set)?;
        unevaluated::rewrite(&mut set, &unevaluated)?;
        Ok(set)
    }
}

struct Reader {
    library: Library,
    scopes: Scopes,
    schemas: Vec<Schema>,
    places: Vec<Place>,
    annotations: Vec<String>,
    written: Vec<inside::Inside>,
    known: FxHashMap<(Place, ScopeId), SchemaId>,
    waiting: Vec<(SchemaId, ScopeId)>,
    unevaluated: unevaluated::Found,
    /// The subschema that is being read, its document and its scope.
    schema: SchemaId,
    document: u32,
    scope: ScopeId,
}

/// The members of one schema object, while it is read.
struct Members<'a> {
    document: &'a Document,
    /// The document's; empty for the first.
    uri: &'a str,
    dialect: Dialect,
    at: ValueId,
    members: &'a [(Box<str>, ValueId)],
}

impl<'a> Members<'a> {
    /// The value of a keyword that the draft knows.
    fn get(&self, keyword: &str) -> Option<ValueId> {
        let found = self.document.get(self.at, keyword)?;
        self.dialect.knows(keyword).then_some(found)
    }

    fn error(&self, kind: SchemaErrorKind, keyword: &str, message: impl Into<String>) -> SchemaError {
        SchemaError::new(kind, message).at(self.pointer(keyword))
    }

    /// Where a keyword stands.
    fn pointer(&self, keyword: &str) -> String {
        pointer_in(self.uri, self.document, self.at) + "/" + &escape_pointer(keyword)
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
    /// The id of a subschema inside the one that is being read; it is read later.
    fn reach(&mut self, value: ValueId) -> Result<SchemaId, SchemaError> {
        self.reach_at(Place { document: self.document, value })
    }

    /// The id of the subschema at a place, entered from the one that is being read.
    fn reach_at(&mut self, place: Place) -> Result<SchemaId, SchemaError> {
        let resource = self.library.resource(self.library.home(place));
        let scope = self.scopes.enter(self.scope, &resource.dynamic)?;
        if let Some(id) = self.known.get(&(place, scope)) {
            return Ok(*id);
        }
        let most = 2 * self.library.values() + MAX_COPIES;
        if self.schemas.len() > most {
            let message = format!("the dynamic references lead to more than {most} readings of the subschemas");
            return Err(SchemaError::new(SchemaErrorKind::TooLarge, message).at(self.library.pointer(place)));
        }
        let id = self.add(place, Schema::Any);
        self.known.insert((place, scope), id);
        self.waiting.push((id, scope));
        Ok(id)
    }

    fn add(&mut self, place: Place, schema: Schema) -> SchemaId {
        self.schemas.push(schema);
        self.places.push(place);
        self.schemas.len() as SchemaId - 1
    }

    fn read(&mut self, place: Place, scope: ScopeId) -> Result<Schema, SchemaError> {
        (self.document, self.scope) = (place.document, scope);
        let document = self.library.document(place.document).clone();
        let members = match document.value(place.value) {
            Value::Bool(true) => return Ok(Schema::Any),
            Value::Bool(false) => return Ok(Schema::Never),
            Value::Object(members) => members,
            _ => {
                let message = "a schema must be an object, true or false";
                return Err(SchemaError::new(SchemaErrorKind::Invalid, message).at(self.library.pointer(place)));
            }
        };
        let dialect = self.library.resource(self.library.home(place)).dialect;
        let uri = self.library.uri(place.document).clone();
        let members = Members { document: &document, uri: &uri, dialect, at: place.value, members };
        let mut keywords = Vec::new();
        for word in ["$ref", "$dynamicRef", "$recursiveRef"] {
            let Some(target) = members.text(word)? else { continue };
            let target = self.resolve(&members, word, target)?;
            keywords.push(Keyword::Ref(self.reach_at(target)?));
            if members.dialect.draft.ref_hides_siblings() {
                if document.get(place.value, inside::WORD).is_some() {
                    let message = format!("in this draft, {} means nothing beside {word}", inside::WORD);
                    let error = members.error(SchemaErrorKind::Unsupported, inside::WORD, message);
                    return Err(error.hint("put each into a schema of its own, under allOf"));
                }
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

    /// Where a reference leads, from the scope of the subschema that is being read.
    fn resolve(&mut self, members: &Members, word: &str, target: &str) -> Result<Place, SchemaError> {
        let (reference, fragment) = uri::split(target);
        let fragment = uri::percent_decode(fragment).ok_or_else(|| {
            let message = format!("the reference {target:?} is not a URI: a % without two hexadecimal digits");
            members.error(SchemaErrorKind::Invalid, word, message)
        })?;
        let home = self.library.home(Place { document: self.document, value: members.at });
        let base = self.library.resource(home).base.clone();
        let whole = uri::resolve(&base, reference);
        let found = if *whole == *base { Some(home) } else { self.library.find(&whole)? };
        let place = match found {
            Some(resource) => self.in_resource(resource, word, &fragment),
            None => self.library.alias(&whole).and_then(|root| self.below(root, &fragment)),
        };
        let name = if fragment.is_empty() { whole } else { format!("{whole}#{fragment}") };
        let Some(place) = place.or_else(|| self.library.alias(&name)) else {
            if found.is_some() {
                let message = format!("the reference {target:?} leads nowhere");
                return Err(members.error(SchemaErrorKind::Invalid, word, message));
            }
            let message = format!("the reference {target:?} leads to a document that was not given: {name:?}");
            let error = members.error(SchemaErrorKind::Unsupported, word, message);
            return Err(error.hint("give the document with its URI, or put the schema into $defs; nothing is fetched"));
        };
        self.library.refer(place)?;
        Ok(place)
    }

    /// The value that a fragment names; for a dynamic reference, its namesake in the outermost resource of the scope.
    fn in_resource(&self, resource: u32, word: &str, fragment: &str) -> Option<Place> {
        let resource = self.library.resource(resource);
        if fragment.is_empty() || fragment.starts_with('/') {
            let recursive = word == "$recursiveRef" && resource.dynamic.iter().any(|(name, _)| name.is_empty());
            let outermost = recursive.then(|| self.scopes.outermost(self.scope, "")).flatten();
            return outermost.or_else(|| self.below(resource.root, fragment));
        }
        let place = Place { value: *resource.anchors.get(fragment)?, ..resource.root };
        let dynamic = resource.dynamic.iter().any(|(name, at)| **name == *fragment && *at == place);
        let outermost = (dynamic && word == "$dynamicRef").then(|| self.scopes.outermost(self.scope, fragment));
        Some(outermost.flatten().unwrap_or(place))
    }

    fn below(&self, root: Place, pointer: &str) -> Option<Place> {
        let value = self.library.document(root.document).follow(root.value, pointer)?;
        (pointer.is_empty() || pointer.starts_with('/')).then_some(Place { value, ..root })
    }

    fn general(&mut self, members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
        if let Some(id) = members.get("type") {
            let named = |id: ValueId| match members.document.value(id) {
                Value::String(name) if **name == *"integer" && members.dialect.draft.integers_by_form() => {
                    Ok(TypeSet::INTEGER_AS_WRITTEN)
                }
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
        self.add(Place { document: self.document, value }, Schema::All(keywords.into()))
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
        // No draft's word, and of every draft.
        if let Some(value) = members.document.get(members.at, inside::WORD) {
            let inside = inside::read(members.document, value, self.schema, &members.pointer(inside::WORD))?;
            keywords.push(Keyword::Written(self.written.len() as u32));
            self.written.push(inside);
        }
        Ok(())
    }

    fn objects(&mut self, members: &Members, keywords: &mut Vec<Keyword>) -> Result<(), SchemaError> {
        let mut named = Vec::new();
        for (key, schema) in members.object("properties")? {
            named.push((key.clone(), self.reach(*schema)?));
        }
        let mut patterns: Vec<(Arc<str>, SchemaId)> = Vec::new();
        for (pattern, schema) in members.object("patternProperties")? {
            patterns.push(((**pattern).into(), self.reach(*schema)?));
        }
        let rest = members.get("additionalProperties").map(|schema| self.reach(schema)).transpose()?;
        if !named.is_empty() || !patterns.is_empty() || rest.is_some() {
            keywords.push(Keyword::Properties { named, patterns, rest });
        }
        if let Some(names) = members.get("required") {
            match members.document.value(names) {
                // Draft 3's `"required": true` inside a property still circulates; no later draft gives it a meaning.
                Value::Bool(_) => self.annotations.push(members.pointer("required")),
                _ => keywords.push(Keyword::Required(members.names("required", names)?)),
            }
        }
        let (min, max) = (members.count("minProperties")?, members.count("maxProperties")?);
        if min.is_some() || max.is_some() {
            keywords.push(Keyword::PropertyCount { min: min.unwrap_or(0), max });
        }
        if let Some(names) = members.get("propertyNames") {
            keywords.push(Keyword::PropertyNames(self.reach(names)?));
        }
        if let Some(schema) = members.get(unevaluated::PROPERTIES) {
            let schema = self.reach(schema)?;
            self.unevaluated.properties.insert(self.schema, schema);
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
                    _ => schemas.push((key.clone(), self.reach(*value)?)),
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
            prefix.push(self.reach(*schema)?);
        }
        let mut rest = None;
        match members.get("items").map(|id| (id, members.document.value(id))) {
            Some((_, Value::Array(items))) if members.get("prefixItems").is_none() => {
                prefix = items.iter().map(|item| self.reach(*item)).collect::<Result<_, _>>()?;
                rest = members.get("additionalItems").map(|schema| self.reach(schema)).transpose()?;
            }
            Some((id, _)) => rest = Some(self.reach(id)?),
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
            keywords.push(Keyword::Contains { schema: self.reach(schema)?, min, max });
            if members.dialect.draft >= Draft::V2020 {
                self.unevaluated.contains.insert(self.schema);
            }
        }
        if let Some(schema) = members.get(unevaluated::ITEMS) {
            let schema = self.reach(schema)?;
            self.unevaluated.items.insert(self.schema, schema);
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
                let schemas = schemas.iter().map(|schema| self.reach(*schema)).collect::<Result<_, _>>()?;
                keywords.push(match keyword {
                    "allOf" => Keyword::AllOf(schemas),
                    "anyOf" => Keyword::AnyOf(schemas),
                    _ => Keyword::OneOf(schemas),
                });
            }
        }
        if let Some(schema) = members.get("not") {
            keywords.push(Keyword::Not(self.reach(schema)?));
        }
        if let Some(condition) = members.get("if") {
            let (then, otherwise) = (members.get("then"), members.get("else"));
            // Alone it demands nothing, but it evaluates.
            if then.is_some() || otherwise.is_some() || members.dialect.knows(unevaluated::PROPERTIES) {
                let condition = self.reach(condition)?;
                let then = then.map(|id| self.reach(id)).transpose()?;
                let otherwise = otherwise.map(|id| self.reach(id)).transpose()?;
                keywords.push(Keyword::If { condition, then, otherwise });
            }
        }
        Ok(())
    }

    fn note_annotations(&mut self, members: &Members) -> Result<(), SchemaError> {
        for (name, _) in members.members {
            if **name == *inside::WORD {
                continue;
            }
            if (!KNOWN.contains(&&**name) || !members.dialect.knows(name)) && !ANNOTATIONS.contains(&&**name) {
                self.annotations.push(members.pointer(name));
            }
        }
        Ok(())
    }
}

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
    "unevaluatedProperties",
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
    "unevaluatedItems",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
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

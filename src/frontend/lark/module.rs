//! Which name means what.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::{
    Parsed, Place, hinted, invalid, parse,
    syntax::{Atom, Choice, Definition, Document, Statement, Term, Way, is_terminal},
};

/// Terminals to import, by library.
const LIBRARIES: &[(&str, &str)] = &[
    ("common", include_str!("library/common.lark")),
    ("python", include_str!("library/python.lark")),
    ("unicode", include_str!("library/unicode.lark")),
];

/// A file, a nested grammar or a library: names mean something within it.
#[derive(Default)]
pub struct Module {
    definitions: FxHashMap<Box<str>, Rc<Definition>>,
    /// What has its definition elsewhere.
    imports: FxHashMap<Box<str>, (usize, Box<str>)>,
    pub ignored: Vec<(Place, Choice)>,
    pub initial_skip: bool,
    pub skips_once: bool,
}

#[derive(Default)]
pub struct Modules(pub Vec<Module>);

impl Modules {
    /// Adds a document; gives its number.
    pub fn add(&mut self, document: &Document) -> Parsed<usize> {
        let number = self.0.len();
        self.0.push(Module::default());
        let mut libraries: FxHashMap<&str, usize> = FxHashMap::default();
        for statement in &document.statements {
            match statement {
                Statement::Import { place, library, names } => {
                    let from = match libraries.get(&**library) {
                        Some(from) => *from,
                        None => {
                            let from = self.add_library(*place, library)?;
                            libraries.insert(library, from);
                            from
                        }
                    };
                    for (name, alias) in names {
                        self.import(number, *place, (from, library, name), alias)?;
                    }
                }
                Statement::Define(definition) => {
                    if self.has(number, &definition.name) {
                        let message = format!("\"{}\" is defined a second time", definition.name);
                        return Err(hinted(
                            invalid(definition.place, message),
                            "put its alternatives together with \"|\"",
                        ));
                    }
                    self.0[number].definitions.insert(definition.name.clone(), definition.clone());
                }
                Statement::Ignore(place, choice) => self.0[number].ignored.push((*place, choice.clone())),
                Statement::Options(place, json) => self.set_options(number, *place, json)?,
                Statement::Override(_) | Statement::Extend(_) => {}
            }
        }
        for statement in &document.statements {
            match statement {
                Statement::Override(definition) => self.replace(number, definition, false)?,
                Statement::Extend(definition) => self.replace(number, definition, true)?,
                _ => {}
            }
        }
        self.check(number)?;
        Ok(number)
    }

    fn add_library(&mut self, place: Place, name: &str) -> Parsed<usize> {
        let Some((_, source)) = LIBRARIES.iter().find(|(known, _)| *known == name) else {
            let hint = "libraries are common, python and unicode";
            return Err(hinted(invalid(place, format!("there is no library \"{name}\"")), hint));
        };
        let document = parse::parse(source)?;
        self.add(&document)
    }

    fn import(&mut self, to: usize, place: Place, from: (usize, &str, &str), alias: &str) -> Parsed<()> {
        let (module, library, name) = from;
        if !self.has(module, name) {
            let refusal = invalid(place, format!("the library \"{library}\" has no \"{name}\""));
            return Err(self.suggested(refusal, module, name));
        }
        if self.has(to, alias) {
            return Err(invalid(place, format!("\"{alias}\" is defined a second time")));
        }
        if is_terminal(alias) != is_terminal(name) {
            return Err(invalid(place, "a terminal is imported under a name of a terminal"));
        }
        self.0[to].imports.insert(alias.into(), (module, name.into()));
        Ok(())
    }

    /// A definition in the place of another one, also for those who imported it, or beside it.
    fn replace(&mut self, module: usize, definition: &Rc<Definition>, beside: bool) -> Parsed<()> {
        let name = &definition.name;
        let Some((origin, old)) = self.find(module, name) else {
            let verb = if beside { "extended" } else { "overridden" };
            let refusal = invalid(definition.place, format!("\"{name}\" is {verb}, but it is not defined"));
            return Err(self.suggested(refusal, module, name));
        };
        let mut new = definition.clone();
        if beside {
            // No name in a grammar has a blank.
            let former: Box<str> = format!("{} before", old.name).into();
            let mut ways = vec![Way {
                place: definition.place,
                parts: vec![vec![Term {
                    place: definition.place,
                    atom: Atom::Name { name: former.clone(), number: None },
                    times: None,
                }]],
                condition: None,
            }];
            ways.extend(definition.body.ways.iter().cloned());
            new = Rc::new(Definition {
                name: name.clone(),
                place: definition.place,
                parameters: old.parameters.clone(),
                takes_number: old.takes_number,
                attributes: Default::default(),
                body: Choice { ways },
            });
            if !old.parameters.is_empty() || old.takes_number {
                return Err(invalid(definition.place, "a rule with parameters cannot be extended"));
            }
            self.0[origin].definitions.insert(former.clone(), old.clone());
            if origin != module {
                self.0[module].imports.insert(former.clone(), (origin, former));
            }
        }
        if origin != module {
            self.0[module].imports.remove(name);
            self.0[origin].definitions.remove(&old.name);
            self.0[origin].imports.insert(old.name.clone(), (module, name.clone()));
        }
        self.0[module].definitions.insert(name.clone(), new);
        Ok(())
    }

    fn set_options(&mut self, module: usize, place: Place, json: &str) -> Parsed<()> {
        let malformed = |what: String| invalid(place, format!("options of a grammar are a JSON object: {what}"));
        let options: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|error| malformed(error.to_string()))?;
        for (name, value) in options {
            let module = &mut self.0[module];
            match (&*name, &value) {
                ("allow_initial_skip", serde_json::Value::Bool(set)) => module.initial_skip = *set,
                ("no_forcing", serde_json::Value::Bool(_)) => {}
                ("allow_invalid_utf8", serde_json::Value::Bool(false)) => {}
                ("skip_repetition", serde_json::Value::String(how)) if how == "once" => module.skips_once = true,
                ("skip_repetition", serde_json::Value::String(how)) if how == "repeat" => module.skips_once = false,
                ("allow_invalid_utf8", serde_json::Value::Bool(true)) => {
                    return Err(super::unsupported(place, "allow_invalid_utf8 is not supported: answers are UTF-8"));
                }
                _ => return Err(malformed(format!("\"{name}\" cannot be {value}"))),
            }
        }
        Ok(())
    }

    fn has(&self, module: usize, name: &str) -> bool {
        self.0[module].definitions.contains_key(name) || self.0[module].imports.contains_key(name)
    }

    /// What a name means in a module, and where that has its home.
    pub fn find(&self, mut module: usize, name: &str) -> Option<(usize, Rc<Definition>)> {
        let mut name = name;
        loop {
            if let Some(definition) = self.0[module].definitions.get(name) {
                return Some((module, definition.clone()));
            }
            let (home, original) = self.0[module].imports.get(name)?;
            (module, name) = (*home, original);
        }
    }

    /// Every name that is used has a meaning, and terminals call no rules.
    fn check(&self, module: usize) -> Parsed<()> {
        let mut definitions: Vec<&Rc<Definition>> = self.0[module].definitions.values().collect();
        definitions.sort_unstable_by_key(|definition| definition.place);
        for definition in definitions {
            let within = is_terminal(&definition.name) || definition.attributes.is_lexical();
            self.check_choice(module, &definition.body, &definition.parameters, within)?;
            let markers = [&definition.attributes.stop, &definition.attributes.suffix];
            for (place, atom) in markers.into_iter().flatten() {
                self.check_name(module, *place, atom, &[], true)?;
            }
        }
        self.0[module].ignored.iter().try_for_each(|(_, choice)| self.check_choice(module, choice, &[], true))
    }

    fn check_choice(&self, module: usize, choice: &Choice, parameters: &[Box<str>], within: bool) -> Parsed<()> {
        let mut result = Ok(());
        choice.atoms(&mut |term| {
            if result.is_ok() {
                result = self.check_name(module, term.place, &term.atom, parameters, within);
            }
        });
        result
    }

    fn check_name(
        &self,
        module: usize,
        place: Place,
        atom: &Atom,
        parameters: &[Box<str>],
        within: bool,
    ) -> Parsed<()> {
        let (name, called) = match atom {
            Atom::Name { name, .. } => (name, false),
            Atom::Call { name, .. } => (name, true),
            _ => return Ok(()),
        };
        if parameters.contains(name) {
            return Ok(());
        }
        let Some((_, definition)) = self.find(module, name) else {
            let refusal = invalid(place, format!("there is no rule or terminal \"{name}\""));
            return Err(self.suggested(refusal, module, name));
        };
        if within && (called || !is_terminal(&definition.name)) {
            return Err(invalid(place, format!("\"{name}\" is a rule, and rules cannot be used in terminals")));
        }
        Ok(())
    }

    /// The refusal with the nearest name of the module as its hint.
    pub fn suggested(&self, refusal: super::Diagnostic, module: usize, name: &str) -> super::Diagnostic {
        let module = &self.0[module];
        let names = module.definitions.keys().chain(module.imports.keys());
        let far = |known: &str| distance(known, name);
        let nearest = names.map(|known| (far(known), known)).min();
        match nearest.filter(|(distance, known)| *distance <= 2.min(known.len() / 2)) {
            Some((_, known)) => hinted(refusal, format!("did you mean \"{known}\"?")),
            None => refusal,
        }
    }
}

/// How many letters must be changed, added or taken away; more than three are not counted.
fn distance(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > 3 {
        return 4;
    }
    let right: Vec<u8> = right.to_ascii_lowercase().into_bytes();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, byte) in left.to_ascii_lowercase().bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for column in 0..right.len() {
            let changed = before + usize::from(byte != right[column]);
            before = row[column + 1];
            row[column + 1] = changed.min(before + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

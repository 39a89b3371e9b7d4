//! The examples of the data file, and what building costs.

use super::*;
use crate::automaton::lexical::{StringCache, StringLanguage};

/// The examples of the file.
#[derive(Deserialize)]
struct Examples {
    format: FxHashMap<String, Tried>,
}

#[derive(Deserialize)]
struct Tried {
    source: String,
    #[serde(default)]
    accepts: Vec<String>,
    #[serde(default)]
    rejects: Vec<String>,
}

fn examples() -> FxHashMap<String, Tried> {
    toml::from_str::<Examples>(DATA).unwrap().format
}

fn language(cache: &StringCache, name: &str) -> Arc<StringLanguage> {
    cache.language(&Expr::Atom(StringAtom::Format(name.into())), &[]).unwrap()
}

fn accepted(language: &StringLanguage, text: &str) -> bool {
    let mut dfa = language.lock();
    let mut state = dfa.start();
    for byte in text.bytes() {
        state = state.and_then(|state| dfa.step(state, byte));
    }
    state.is_some_and(|state| dfa.accepts(state))
}

#[test]
fn the_examples_of_the_file() {
    let cache = StringCache::default();
    for (name, tried) in examples() {
        assert!(!tried.source.is_empty());
        if let Some(Known::Refused(reason)) = cache.formats().get(&name) {
            assert!(!reason.is_empty());
            continue;
        }
        assert!(tried.accepts.len() > 1 && tried.rejects.len() > 1, "{name} lacks examples");
        let language = language(&cache, &name);
        for text in &tried.accepts {
            assert!(accepted(&language, text), "{name}: {text:?} is valid");
        }
        for text in &tried.rejects {
            assert!(!accepted(&language, text), "{name}: {text:?} is not valid");
        }
        assert!(!language.lock().is_soft(), "{name} cannot tell what is live");
    }
}

/// How long a format takes from nothing to its first state, and to walk an example.
#[test]
fn building_is_cheap() {
    let cache = StringCache::default();
    let started = std::time::Instant::now();
    cache.formats();
    println!("the file: {:?}", started.elapsed());
    for (name, tried) in examples() {
        if cache.formats().get(&name) != Some(Known::Exact) {
            continue;
        }
        let started = std::time::Instant::now();
        let language = language(&cache, &name);
        assert!(language.lock().start().is_some());
        let built = started.elapsed();
        let started = std::time::Instant::now();
        tried.accepts.iter().for_each(|text| assert!(accepted(&language, text)));
        let walked = started.elapsed() / tried.accepts.len() as u32;
        let (states, bytes) = language.lock().size();
        println!("{name}: {built:?} to the first state, {walked:?} for each example, {states} states, {bytes} bytes");
        assert!(states < 5_000, "{name} has {states} states");
    }
}

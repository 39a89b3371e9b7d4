//! House rules that the compiler cannot check: arrows between rooms, module headers, lengths, words that must not stand
//! in the code.
//!
//! It reads source text. Arrows are looked for in comments too: a lower room does not name an upper one, not even in its
//! documentation. The plan that it holds is the one of ARCHITECTURE.md.

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// Longest file, in lines, unless the file says `// Long because: ..`.
const FILE_WALL: usize = 1000;
/// Longest function, in lines, from `fn` to its closing brace.
const FUNCTION_WALL: usize = 100;

const ENGINE: &str = "budget vocab schema grammar automaton frontend matcher guard";

/// Room -> rooms that it may import. A new arrow is a change of the plan: add it here and in ARCHITECTURE.md, in its own
/// commit.
const MAY_IMPORT: &[(&str, &str)] = &[
    ("budget", ""),
    ("vocab", ""),
    ("schema", "budget vocab"),
    ("grammar", "budget vocab"),
    ("automaton", "schema grammar budget vocab"),
    ("frontend", "automaton schema grammar budget vocab"),
    ("matcher", "frontend automaton schema grammar budget vocab"),
    ("guard", "frontend automaton schema grammar budget vocab"),
    ("inference", "frontend"),
    ("wire", "inference frontend"),
    ("route", "inference"),
    ("backend", "inference matcher wire frontend vocab"),
    ("gateway", "inference frontend guard matcher route backend wire budget vocab"),
    ("ledger", "inference route budget"),
    ("config", "inference route budget"),
    ("server", "gateway wire ledger config inference"),
    ("cli", "server gateway backend config inference guard matcher frontend automaton schema vocab budget"),
];

/// Words that may stand only in files that begin with one of these, and why.
const KEPT_IN: &[(&str, &[&str], &str)] = &[
    ("llama_cpp_2", &["backend/llama"], "FFI is seen in backend/llama alone"),
    ("llama_cpp_sys_2", &["backend/llama"], "FFI is seen in backend/llama alone"),
    ("axum", &["server"], "HTTP answers are made in server alone"),
    ("reqwest", &["backend/provider"], "the only HTTP client is backend/provider"),
    ("anyhow", &["main.rs", "cli"], "anyhow is for main.rs, its commands and tests"),
    ("unsafe", &["backend/llama"], "unsafe code stands in backend/llama alone"),
];

/// What must not stand in code outside tests.
const NEVER: &[(&str, &str)] = &[
    (".unwrap()", "unwrap outside tests: use expect and say why it cannot fail"),
    ("todo!", "unfinished work"),
    ("unimplemented!", "unfinished work"),
    ("dbg!", "left over from debugging"),
];

const NO_ROOM_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "misc"];

/// Source text with comments, strings and characters blanked out, byte for byte, lines kept.
fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => find(bytes, at, b"\n"),
            b'/' if bytes[at..].starts_with(b"/*") => find(bytes, at + 2, b"*/") + 2,
            b'"' => quoted_end(bytes, at),
            b'r' if !at.checked_sub(1).is_some_and(|before| is_word(bytes[before])) => raw_end(bytes, at).unwrap_or(at),
            b'\'' => character_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        let end = end.min(bytes.len());
        out[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("whole tokens were blanked, so no code point was cut")
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    (from..bytes.len()).find(|&at| bytes[at..].starts_with(what)).unwrap_or(bytes.len())
}

fn quoted_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw_end(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[start + 1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(start + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), "#".repeat(hashes).as_bytes()].concat();
    Some(find(bytes, start + 2 + hashes, &close) + close.len())
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime.
fn character_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start + 1) == Some(&b'\\') {
        return Some(find(bytes, start + 3, b"'") + 1);
    }
    let text = std::str::from_utf8(&bytes[start + 1..]).ok()?;
    let width = text.chars().next()?.len_utf8();
    (bytes.get(start + 1 + width) == Some(&b'\'')).then_some(start + 2 + width)
}

/// From the first `{` after `from` to its partner; nothing if a `;` ends the item before.
fn braces(code: &str, from: usize) -> Option<Range<usize>> {
    let open = from + code[from..].find(['{', ';'])?;
    if code.as_bytes()[open] == b';' {
        return None;
    }
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(open..at + 1);
        }
    }
    None
}

/// The code without what stands under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let end = braces(&out, start).map_or(start + "#[cfg(test)]".len(), |range| range.end);
        let blank: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    out
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The first path segment after each `crate::`, groups (`crate::{a::B, c}`) included.
fn imports(text: &str) -> BTreeSet<&str> {
    let mut paths = Vec::new();
    for tail in text.split("crate::").skip(1) {
        match tail.strip_prefix('{') {
            Some(group) => paths.extend(group_members(group)),
            None => paths.push(tail),
        }
    }
    let end = |path: &str| path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    paths.into_iter().map(|path| &path[..end(path)]).filter(|segment| !segment.is_empty()).collect()
}

/// The members of a `{..}` group of paths, from behind its opening brace.
fn group_members(group: &str) -> Vec<&str> {
    let (mut members, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b',' | b'}' if depth == 0 => {
                members.push(group[start..at].trim());
                start = at + 1;
                if byte == b'}' {
                    break;
                }
            }
            _ => {}
        }
    }
    members
}

fn is_in(file: &str, place: &str) -> bool {
    file.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest == ".rs")
}

fn check_arrows(file: &str, text: &str, faults: &mut Vec<String>) {
    if file == "main.rs" || file == "lib.rs" {
        return;
    }
    let Some((room, allowed)) = MAY_IMPORT.iter().find(|(room, _)| is_in(file, room)) else {
        faults.push(format!("{file}: no such room in the plan"));
        return;
    };
    for target in imports(text) {
        let is_room = MAY_IMPORT.iter().any(|(name, _)| *name == target);
        if is_room && target != *room && !allowed.split(' ').any(|name| name == target) {
            faults.push(format!("{file}: {room} must not import {target}"));
        }
    }
}

fn check_words(file: &str, code: &str, faults: &mut Vec<String>) {
    for (word, places, why) in KEPT_IN {
        let stands = code.match_indices(word).find(|(at, _)| {
            let around = [at.checked_sub(1), Some(at + word.len())];
            around.into_iter().flatten().all(|i| code.as_bytes().get(i).is_none_or(|byte| !is_word(*byte)))
        });
        if let Some((at, _)) = stands
            && !places.iter().any(|place| is_in(file, place))
        {
            faults.push(format!("{file}:{}: {word}: {why}", line_of(code, at)));
        }
    }
    for (word, why) in NEVER {
        for (at, _) in code.match_indices(word) {
            faults.push(format!("{file}:{}: {why}", line_of(code, at)));
        }
    }
    let engine = ENGINE.split(' ').any(|room| is_in(file, room));
    for outside in ["tokio::", "std::net", "Instant::now", "SystemTime::now"] {
        if engine && let Some(at) = code.find(outside) {
            faults
                .push(format!("{file}:{}: {outside}: the engine has no clock, network or runtime", line_of(code, at)));
        }
    }
}

fn check_functions(file: &str, code: &str, faults: &mut Vec<String>) {
    for (at, _) in code.match_indices("fn ") {
        let starts_word = at == 0 || !is_word(code.as_bytes()[at - 1]);
        if starts_word && let Some(body) = braces(code, at) {
            let lines = line_of(code, body.end) - line_of(code, at) + 1;
            if lines > FUNCTION_WALL {
                faults.push(format!("{file}:{}: a function of {lines} lines", line_of(code, at)));
            }
        }
    }
}

fn check_file(file: &str, text: &str, faults: &mut Vec<String>) {
    if !text.starts_with("//!") {
        faults.push(format!("{file}: opens without a module header"));
    }
    let lines = text.lines().count();
    if lines > FILE_WALL && !text.contains("// Long because:") {
        faults.push(format!("{file}: {lines} lines, the wall is {FILE_WALL}"));
    }
    if text.contains("super::super") {
        faults.push(format!("{file}: climbs with super::super; name the room with crate::"));
    }
    let named = |part: &str| NO_ROOM_NAMES.contains(&part.trim_end_matches(".rs"));
    if file.split('/').any(named) {
        faults.push(format!("{file}: a name that says nothing about what is inside"));
    }
    check_arrows(file, text, faults);
    let code = code_only(text);
    if !file.ends_with("tests.rs") && !file.contains("/tests/") {
        check_words(file, &without_tests(&code), faults);
    }
    check_functions(file, &code, faults);
}

/// All files below a folder, in order, without what is built, fetched or hidden.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} is not readable: {error}", folder.display()))
        .map(|entry| entry.expect("a directory entry is readable").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        let skipped = ["target", "node_modules", "__pycache__", "corpus", "Cargo.lock"].contains(&name.as_str());
        if skipped || (name.starts_with('.') && name != ".ci" && name != ".cargo") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn rooms_keep_to_the_plan() {
    let src = root().join("src");
    let mut faults = Vec::new();
    for path in files(&src).into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "rs")) {
        let file = path.strip_prefix(&src).expect("it was found below src").to_string_lossy().replace('\\', "/");
        check_file(&file, &fs::read_to_string(&path).expect("source is UTF-8"), &mut faults);
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Whoever reads the tree learns nothing about the machines it was written on.
#[test]
fn no_file_names_a_machine() {
    let homes = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let mut faults = Vec::new();
    for path in files(root()) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if homes.iter().any(|home| names_a_path(line, home)) {
                faults.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The folder stands at the beginning of a path, not inside one such as a URL's.
fn names_a_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = at.checked_sub(1).map(|i| line.as_bytes()[i]);
        before.is_none_or(|byte| !is_word(byte) && !matches!(byte, b'.' | b'-' | b'}' | b'$'))
    })
}

#[test]
fn the_checker_sees_faults() {
    assert_eq!(
        imports("use crate::{grammar::{Rule, Symbol}, vocab};").into_iter().collect::<Vec<_>>(),
        ["grammar", "vocab"]
    );
    let faults_of = |file: &str, text: &str| {
        let mut faults = Vec::new();
        check_file(file, text, &mut faults);
        faults.len()
    };
    assert_eq!(faults_of("vocab/trie.rs", "//! x\nfn f() { Some(1).expect(\"one\"); }"), 0);
    assert_eq!(faults_of("vocab/trie.rs", "fn f() {}"), 1, "no header");
    assert_eq!(faults_of("vocab/trie.rs", "//! x\nuse crate::matcher::Matcher;"), 1, "an arrow upwards");
    assert_eq!(faults_of("vocab/trie.rs", "//! x\nuse super::super::y;"), 1, "climbing");
    assert_eq!(faults_of("vocab/trie.rs", "//! x\nfn f() { Some(1).unwrap(); }"), 1, "unwrap");
    assert_eq!(faults_of("vocab/trie.rs", "//! x\n#[cfg(test)]\nmod tests { fn f() { Some(1).unwrap(); } }"), 0);
    assert_eq!(faults_of("vocab/trie.rs", "//! x\nconst A: &str = \".unwrap()\"; // todo!()"), 0, "only words");
    assert_eq!(faults_of("vocab/trie.rs", "//! x\nconst A: char = '\"'; fn f() { todo!() }"), 1, "unfinished");
    assert_eq!(faults_of("gateway/mod.rs", "//! x\nuse axum::Router;"), 1, "an HTTP answer above server");
    assert_eq!(faults_of("backend/llama/load.rs", "//! x\nuse llama_cpp_2::Model;"), 0);
    assert_eq!(faults_of("backend/scripted.rs", "//! x\nuse llama_cpp_2::Model;"), 1, "FFI outside its room");
    assert_eq!(faults_of("attic/mod.rs", "//! x"), 1, "a room without a plan");
    assert_eq!(faults_of("vocab/util.rs", "//! x"), 1, "an empty name");
    let long = format!("//! x\nfn f() {{{}}}", "\n".repeat(FUNCTION_WALL));
    assert_eq!(faults_of("vocab/trie.rs", &long), 1, "a long function");
    assert_eq!(faults_of("vocab/trie.rs", &format!("//! x{}", "\n".repeat(FILE_WALL))), 0);
    assert_eq!(faults_of("vocab/trie.rs", &format!("//! x{}", "\n".repeat(FILE_WALL + 1))), 1, "a long file");
}

//! JSON pointers of places in a JSON text, which may break off anywhere.

use std::ops::Range;

use super::json::string_end;

enum Open {
    Array(usize),
    /// Where the key stands whose value is due or being read.
    Object(Option<Range<usize>>),
}

/// The pointer of the value that each offset is in; offsets rise. A place within a key belongs to the object.
pub fn at(text: &[u8], offsets: &[usize]) -> Vec<String> {
    let mut pointers = Vec::with_capacity(offsets.len());
    let mut open: Vec<Open> = Vec::new();
    let mut here = 0;
    // A key was read, and is the current one from the colon on.
    let mut key: Option<Range<usize>> = None;
    while pointers.len() < offsets.len() {
        let end = match text.get(here) {
            None => usize::MAX,
            Some(b'"') => string_end(text, here),
            Some(_) => here + 1,
        };
        while offsets.get(pointers.len()).is_some_and(|offset| *offset < end) {
            pointers.push(written(text, &open));
        }
        match text.get(here) {
            Some(b'{') => open.push(Open::Object(None)),
            Some(b'[') => open.push(Open::Array(0)),
            Some(b'}' | b']') => drop(open.pop()),
            Some(b'"') => key = Some(here..end),
            Some(b':') => {
                if let Some(Open::Object(current)) = open.last_mut() {
                    *current = key.take();
                }
            }
            Some(b',') => match open.last_mut() {
                Some(Open::Array(index)) => *index += 1,
                Some(Open::Object(current)) => *current = None,
                None => {}
            },
            _ => {}
        }
        here = end;
    }
    pointers
}

fn written(text: &[u8], open: &[Open]) -> String {
    let mut pointer = String::new();
    for open in open {
        match open {
            Open::Array(index) => pointer += &format!("/{index}"),
            Open::Object(key) => {
                let key = key.clone().and_then(|key| serde_json::from_slice::<String>(&text[key]).ok());
                if let Some(key) = key {
                    pointer.push('/');
                    pointer += &key.replace('~', "~0").replace('/', "~1");
                }
            }
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_pointers() {
        let text = br#"{"a": [1, {"b/c": "x"}], "d": 2"#;
        let place = |what: &str| String::from_utf8_lossy(text).find(what).unwrap();
        let offsets = [0, place("1"), place("x"), place(", \"d\""), place("2"), text.len()];
        assert_eq!(at(text, &offsets), ["", "/a/0", "/a/1/b~1c", "/a", "/d", "/d"]);
    }
}

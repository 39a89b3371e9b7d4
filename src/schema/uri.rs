//! References between documents: as much of RFC 3986 as schemas need.
//!
//! A reference is resolved against the URI of the place where it stands (section 5.2); two URIs are the same if their
//! texts are, after that. Nothing is escaped or unescaped on the way, and a base may itself be relative: documents that
//! were registered as `shared/address.json` find each other.

/// The parts of a reference without its fragment.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

/// A reference and what follows its `#`.
pub(super) fn split(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// A reference without fragment, resolved against a base without fragment.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    if reference.is_empty() {
        return base.to_owned();
    }
    let (base, reference) = (Parts::of(base), Parts::of(reference));
    if reference.scheme.is_some() {
        return reference.text(&without_dots(reference.path));
    }
    let scheme = base.scheme;
    if reference.authority.is_some() {
        return Parts { scheme, ..reference }.text(&without_dots(reference.path));
    }
    let authority = base.authority;
    if reference.path.is_empty() {
        let query = reference.query.or(base.query);
        return Parts { scheme, authority, path: "", query }.text(base.path);
    }
    let path = if reference.path.starts_with('/') {
        without_dots(reference.path)
    } else if authority.is_some() && base.path.is_empty() {
        without_dots(&format!("/{}", reference.path))
    } else {
        let folder = base.path.rfind('/').map_or("", |at| &base.path[..=at]);
        without_dots(&format!("{folder}{}", reference.path))
    };
    Parts { scheme, authority, ..reference }.text(&path)
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (text, query) = text.split_once('?').map_or((text, None), |(text, query)| (text, Some(query)));
        let is_scheme = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let (scheme, rest) = match text.split_once(':') {
            Some((name, rest)) if is_scheme(name) => (Some(name), rest),
            _ => (None, text),
        };
        let Some(rest) = rest.strip_prefix("//") else { return Self { scheme, authority: None, path: rest, query } };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self { scheme, authority: Some(authority), path, query }
    }

    fn text(&self, path: &str) -> String {
        let scheme = self.scheme.map(|scheme| format!("{scheme}:")).unwrap_or_default();
        let authority = self.authority.map(|authority| format!("//{authority}")).unwrap_or_default();
        let query = self.query.map(|query| format!("?{query}")).unwrap_or_default();
        scheme + &authority + path + &query
    }
}

/// `a/./b/../c` is `a/c`. What would lead above the root stays at it.
fn without_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let absolute = path.starts_with('/');
    let mut steps = path.split('/').skip(usize::from(absolute)).peekable();
    while let Some(step) = steps.next() {
        let last = steps.peek().is_none();
        match step {
            "." | ".." => {
                if step == ".." {
                    out.pop();
                }
                if last {
                    out.push("");
                }
            }
            step => out.push(step),
        }
    }
    let text = out.join("/");
    if absolute { format!("/{text}") } else { text }
}

/// `%25` is `%`. None: not UTF-8, or a `%` without two digits.
pub(super) fn percent_decode(text: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986, sections 5.4.1 and 5.4.2, fragments left out.
    #[test]
    fn the_examples_of_the_standard() {
        for (reference, whole) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../../g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/../h", "http://a/b/c/h"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            assert_eq!(resolve("http://a/b/c/d;p?q", reference), whole, "{reference}");
        }
    }

    #[test]
    fn bases_that_are_no_places() {
        assert_eq!(resolve("", "other.json"), "other.json");
        assert_eq!(resolve("folder/one.json", "two.json"), "folder/two.json");
        assert_eq!(resolve("urn:uuid:1", "urn:uuid:2"), "urn:uuid:2");
        assert_eq!(resolve("http://host", "x"), "http://host/x");
        assert_eq!(percent_decode("a%25%7e"), Some("a%~".into()));
        assert_eq!(percent_decode("%2"), None);
    }
}

//! Texts that end an answer.

/// The stop texts of one choice and how far the answer was searched.
pub(super) struct Stops {
    texts: Vec<Vec<u8>>,
    searched: usize,
}

/// What the answer's bytes mean for its stop texts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The bytes before this place belong to the answer whatever comes; a stop text may begin here.
    Clear(usize),
    /// The answer ends at this place, before a stop text.
    Stop(usize),
}

impl Stops {
    /// Empty texts are left out: they would end every answer.
    pub fn new(texts: &[String]) -> Self {
        let texts = texts.iter().filter(|text| !text.is_empty()).map(|text| text.clone().into_bytes());
        Self { texts: texts.collect(), searched: 0 }
    }

    /// Searches what was added to `answer` since the last call. The stop text that is complete first counts, of several
    /// the longest; `may_end` says whether the answer may end at a place: elsewhere the text is text.
    ///
    /// The outcome does not depend on how the answer is cut into pieces.
    pub fn search(&mut self, answer: &[u8], mut may_end: impl FnMut(usize) -> bool) -> Found {
        if self.texts.is_empty() {
            return Found::Clear(answer.len());
        }
        for end in self.searched + 1..=answer.len() {
            let complete = self.texts.iter().filter(|text| answer[..end].ends_with(text));
            let mut places: Vec<usize> = complete.map(|text| end - text.len()).collect();
            places.sort_unstable();
            if let Some(place) = places.into_iter().find(|place| may_end(*place)) {
                return Found::Stop(place);
            }
        }
        self.searched = answer.len();
        let begun = |text: &Vec<u8>| {
            let most = (text.len() - 1).min(answer.len());
            (1..=most).rev().find(|len| answer.ends_with(&text[..*len])).unwrap_or(0)
        };
        Found::Clear(answer.len() - self.texts.iter().map(begun).max().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut stops = Stops::new(&stops);
        let (mut answer, mut sent) = (String::new(), 0);
        for piece in pieces {
            answer.push_str(piece);
            match stops.search(answer.as_bytes(), |_| true) {
                Found::Stop(at) => {
                    assert!(at >= sent, "text of a stop was sent");
                    return (answer[..at].to_owned(), true);
                }
                Found::Clear(at) => sent = at,
            }
        }
        (answer, false)
    }

    #[test]
    fn stops_over_piece_borders() {
        assert_eq!(run(&["END"], &["abE", "N", "Dxyz"]), ("ab".to_owned(), true));
        assert_eq!(run(&["END"], &["abEN", "Exyz"]), ("abENExyz".to_owned(), false));
        assert_eq!(run(&["aab"], &["a", "a", "a", "b"]), ("a".to_owned(), true));
        assert_eq!(run(&[""], &["ab"]), ("ab".to_owned(), false));
    }

    #[test]
    fn the_same_however_the_answer_is_cut() {
        let text = "xabcabdabxyabcdz";
        for stops in [&["abcd", "bda"][..], &["abx", "ca", "zz"], &["d", "abd"], &["q"]] {
            let whole = run(stops, &[text]);
            for cut in 1..text.len() {
                assert_eq!(run(stops, &[&text[..cut], &text[cut..]]), whole, "{stops:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_stop_where_the_answer_may_not_end_is_text() {
        let mut stops = Stops::new(&[",".to_owned()]);
        assert_eq!(stops.search(b"a,b", |place| place > 2), Found::Clear(3));
        assert_eq!(stops.search(b"a,b,", |place| place > 2), Found::Stop(3));
    }
}

//! Free text until something is met, and what follows then.

use super::choice;
use crate::grammar::{Expr, Regex, TokenClass};

/// Free text; where one of the triggers ends for the first time, the text goes on as it says.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// A trigger, and what follows it.
    pub ways: Vec<(String, Expr)>,
    /// What free text has not in it.
    pub excludes: Vec<String>,
    /// Free text goes on behind that; otherwise it is over.
    pub again: bool,
}

impl Dispatch {
    /// Free text may be over anywhere, also where a trigger has begun.
    pub fn expr(self) -> Expr {
        let again = self.again;
        let (turn, rest) = (self.turn(), self.free());
        if again {
            return Expr::Seq(vec![turn.repeat(0, None), rest]);
        }
        Expr::Alt(vec![turn, rest])
    }

    /// Free text without any trigger.
    pub fn free(&self) -> Expr {
        Expr::Lexeme(without(&self.marks()))
    }

    /// Free text, a trigger, and what follows it.
    pub fn turn(&self) -> Expr {
        let marks = self.marks();
        if are_apart(&marks) {
            let ways = self.ways.iter().map(|(trigger, then)| Expr::seq(vec![Expr::text(trigger), then.clone()]));
            return Expr::seq(vec![self.free(), Expr::alt(ways.collect())]);
        }
        let ways = self
            .ways
            .iter()
            .map(|(trigger, then)| Expr::seq(vec![Expr::Lexeme(self.until(trigger, &marks)), then.clone()]));
        Expr::alt(ways.collect())
    }

    /// Everything that is looked for.
    fn marks(&self) -> Vec<&str> {
        let mut marks: Vec<&str> = self.ways.iter().map(|(trigger, _)| &**trigger).collect();
        marks.extend(self.excludes.iter().map(|exclude| &**exclude));
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    /// Text up to the first end of any mark, which is one of this trigger and of nothing that is excluded.
    fn until(&self, trigger: &str, marks: &[&str]) -> Regex {
        let ends_in = |text: Regex| Regex::Concat(vec![Regex::anything(), text]);
        let mut all = vec![Regex::Shortest(Box::new(ends_in(choice::any_of(marks)))), ends_in(Regex::text(trigger))];
        for exclude in self.excludes.iter().filter(|exclude| trigger.ends_with(&***exclude)) {
            all.push(Regex::Not(Box::new(ends_in(Regex::text(exclude)))));
        }
        Regex::And(all)
    }
}

/// Text that has none of these in it; they are sorted.
pub fn without(marks: &[&str]) -> Regex {
    if marks.is_empty() {
        return Regex::anything();
    }
    let found = Regex::Concat(vec![Regex::anything(), choice::any_of(marks), Regex::anything()]);
    Regex::Not(Box::new(found))
}

/// No mark is within another, and none begins as another ends: then what is before the first one has no part in it.
fn are_apart(marks: &[&str]) -> bool {
    marks.iter().all(|a| {
        let overlaps = |b: &str| a.char_indices().skip(1).any(|(at, _)| b.starts_with(&a[at..]));
        marks.iter().all(|b| !overlaps(b) && (a == b || !a.contains(b)))
    })
}

/// As [`Dispatch`], for tokens: `free` are those that are no triggers.
pub fn tokens(ways: Vec<(TokenClass, Expr)>, free: TokenClass, again: bool) -> Expr {
    let free = Expr::Token(free).repeat(0, None);
    let ways = ways.into_iter().map(|(token, then)| Expr::seq(vec![Expr::Token(token), then]));
    let turn = Expr::seq(vec![free.clone(), Expr::alt(ways.collect())]);
    if again { Expr::Seq(vec![turn.repeat(0, None), free]) } else { Expr::Alt(vec![turn, free]) }
}

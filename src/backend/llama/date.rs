//! The date in a chat template's words.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// `strftime` in UTC for the conversions that templates use (`aAbBdeHIjmMpSyY`, and `-` for no padding); others are
/// left as they stand.
pub(super) fn format(format: &str, now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let weekday = DAYS[(days % 7) as usize];
    let month_name = MONTHS[month as usize - 1];
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let (mut conversion, mut width) = (rest.next(), 2);
        if conversion == Some('-') {
            (conversion, width) = (rest.next(), 0);
        }
        match conversion {
            Some('Y') => text += &year.to_string(),
            Some('y') => text += &format!("{:0width$}", year % 100),
            Some('m') => text += &format!("{month:0width$}"),
            Some('d') => text += &format!("{day:0width$}"),
            Some('e') => text += &format!("{day:width$}"),
            Some('H') => text += &format!("{hour:0width$}"),
            Some('I') => text += &format!("{:0width$}", (hour + 11) % 12 + 1),
            Some('M') => text += &format!("{minute:0width$}"),
            Some('S') => text += &format!("{:0width$}", second % 60),
            Some('p') => text += if hour < 12 { "AM" } else { "PM" },
            Some('j') => text += &format!("{:0w$}", days - first_day(year) + 1, w = width / 2 * 3),
            Some('B') => text += month_name,
            Some('b') => text += &month_name[..3],
            Some('A') => text += weekday,
            Some('a') => text += &weekday[..3],
            Some('%') => text.push('%'),
            Some(other) => text.extend(['%', other]),
            None => text.push('%'),
        }
    }
    text
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The first day of a year, counted from 1970-01-01.
fn first_day(year: u64) -> u64 {
    let before = year - 1;
    before * 365 + before / 4 - before / 100 + before / 400 - 719_162
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // `date -u -d @SECONDS '+%d %b %Y %A %j %H:%M:%S %I %p %y'`
        for (seconds, expected) in [
            (0, "01 Jan 1970 Thursday 001 00:00:00 12 AM 70"),
            (951_782_400, "29 Feb 2000 Tuesday 060 00:00:00 12 AM 00"),
            (1_735_689_599, "31 Dec 2024 Tuesday 366 23:59:59 11 PM 24"),
            (4_107_542_400, "01 Mar 2100 Monday 060 00:00:00 12 AM 00"),
        ] {
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(format("%d %b %Y %A %j %H:%M:%S %I %p %y", now), expected);
        }
        assert_eq!(format("%-d %% %Q", UNIX_EPOCH), "1 % %Q");
    }
}

//! Title case, which Unicode defines apart from upper case for some characters.

/// Python's `str.title()`: the first letter of every word in title case, the rest in lower case. A word is a
/// run of letters that have case.
pub(super) fn title(text: &str) -> String {
    let mut titled = String::new();
    let mut word = String::new();
    for char in text.chars() {
        if is_cased(char) {
            word.push(char);
        } else {
            titled.push_str(&capitalize(&std::mem::take(&mut word)));
            titled.push(char);
        }
    }
    titled.push_str(&capitalize(&word));
    titled
}

/// Python's `str.capitalize()`: the first character in title case, the rest in lower case.
pub(super) fn capitalize(text: &str) -> String {
    let Some(first) = text.chars().next() else {
        return String::new();
    };
    // Lower case depends on what stands before: a sigma at the end of a word has its own form.
    let lower = text.to_lowercase();
    let skip: usize = first.to_lowercase().map(char::len_utf8).sum();
    let mut capitalized = title_of(first);
    capitalized.push_str(lower.get(skip..).unwrap_or(""));
    capitalized
}

fn is_cased(char: char) -> bool {
    char.is_lowercase() || char.is_uppercase() || is_title(char)
}

/// Letters of category Lt.
fn is_title(char: char) -> bool {
    matches!(
        u32::from(char),
        0x1c5 | 0x1c8 | 0x1cb | 0x1f2 | 0x1f88..=0x1f8f | 0x1f98..=0x1f9f | 0x1fa8..=0x1faf | 0x1fbc | 0x1fcc | 0x1ffc
    )
}

/// The title case of the letters that are two letters in one.
fn digraph(char: char) -> Option<char> {
    match char {
        '\u{1c4}'..='\u{1c6}' => Some('\u{1c5}'),
        '\u{1c7}'..='\u{1c9}' => Some('\u{1c8}'),
        '\u{1ca}'..='\u{1cc}' => Some('\u{1cb}'),
        '\u{1f1}'..='\u{1f3}' => Some('\u{1f2}'),
        _ => None,
    }
}

fn title_of(char: char) -> String {
    let single = match u32::from(char) {
        // Georgian has upper case, but no title case.
        0x10d0..=0x10fa | 0x10fd..=0x10ff => Some(char),
        // Greek letters with a small iota below: the capital keeps it below.
        code @ 0x1f80..=0x1faf => char::from_u32(code | 8),
        0x1fb3 | 0x1fbc => Some('\u{1fbc}'),
        0x1fc3 | 0x1fcc => Some('\u{1fcc}'),
        0x1ff3 | 0x1ffc => Some('\u{1ffc}'),
        _ => digraph(char),
    };
    if let Some(single) = single {
        return single.into();
    }
    let mut upper = char.to_uppercase();
    let first = upper.next().unwrap_or(char);
    // A letter that becomes several, such as a ligature, has one capital. The exception begins with an apostrophe.
    let rest = upper.flat_map(|char| match char {
        '\u{399}' => "\u{345}".chars().collect::<Vec<_>>(),
        'N' if first == '\u{2bc}' => vec!['N'],
        other => other.to_lowercase().collect(),
    });
    std::iter::once(first).chain(rest).collect()
}

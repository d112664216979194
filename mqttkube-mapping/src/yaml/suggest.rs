//! "did you mean".

/// The candidate that `word` is most likely a slip of, if one is close enough: at most a third of the letters
/// differ, where a swap of neighbours is one difference and the case of letters is none.
///
/// ```
/// use mqttkube_mapping::yaml::suggest;
///
/// assert_eq!(suggest("wathc", ["watch", "patch"]), Some("watch"));
/// assert_eq!(suggest("frobnicate", ["watch", "patch"]), None);
/// ```
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long input is no slip of a short key, and the comparison is quadratic.
    let letters: Vec<char> = word.chars().take(65).flat_map(char::to_lowercase).collect();
    if letters.len() > 64 {
        return None;
    }
    let close = candidates.into_iter().filter_map(|candidate| {
        let other: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        let distance = distance(&letters, &other);
        (distance <= letters.len().max(other.len()).div_ceil(3)).then_some((distance, candidate))
    });
    close
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: insert, delete, replace, or swap neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

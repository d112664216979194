//! An example for every code: a few lines as they are found, and as they should be.

/// The example of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snippet {
    pub(crate) found: &'static str,
    pub(crate) instead: &'static str,
}

/// One code after another: `## CODE`, the lines that are found, `->`, the lines to write.
const ALL: &str = include_str!("snippets.txt");

/// The example of a code.
pub(crate) fn snippet(code: &str) -> Option<Snippet> {
    let mut parts = ALL.split("## ").skip(1);
    let (_, text) = parts.find_map(|part| part.split_once('\n').filter(|(head, _)| *head == code))?;
    let (found, instead) = text.split_once("->\n")?;
    Some(Snippet {
        found: found.trim_end(),
        instead: instead.trim_end(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mqttkube_manifests::check::rules;

    use super::{ALL, snippet};

    #[test]
    fn every_code_has_an_example_and_every_example_a_code() {
        let codes: BTreeSet<&str> = rules::ALL.iter().map(|rule| rule.code).collect();
        let heads: BTreeSet<&str> = ALL.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(heads, codes);
        for code in codes {
            let example = snippet(code).expect(code);
            assert!(
                example.found != example.instead && !example.instead.is_empty(),
                "{code}"
            );
        }
    }
}

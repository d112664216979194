//! Names, namespaces and selectors as the API server takes them, so that a slip is found before anything starts.

/// What is wrong with `text` as the name of an object, if anything. Most kinds take DNS names only; a few, such as
/// roles, take anything that can stand in a URL.
pub(super) fn object_name(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("a name has at least one character");
    }
    if text.len() > 253 {
        return Some("a name has at most 253 characters");
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':');
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fine =
        text.chars().all(allowed) && text.starts_with(ends) && text.ends_with(ends) && !text.contains("..");
    (!fine).then_some(
        "names are lower-case letters, digits, \"-\" and \".\", and begin and end with a letter or digit",
    )
}

/// What is wrong with `text` as a namespace, if anything.
pub(super) fn namespace(text: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fine = (1..=63).contains(&text.len())
        && text.chars().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-');
    (!fine).then_some("namespaces are 1 to 63 lower-case letters, digits and \"-\"")
}

/// What is wrong with `text` as a label selector, if anything: a comma-separated list of `key`, `!key`, `key=value`,
/// `key==value`, `key!=value`, `key in (a,b)` and `key notin (a,b)`.
pub(super) fn label_selector(text: &str) -> Result<(), String> {
    requirements(text).into_iter().try_for_each(requirement)
}

/// What is wrong with `text` as a field selector, if anything: a comma-separated list of `field=value`,
/// `field==value` and `field!=value`.
pub(super) fn field_selector(text: &str) -> Result<(), String> {
    text.split(',')
        .try_for_each(|part| match comparison(part.trim()) {
            Some((field, _)) if !field.is_empty() => Ok(()),
            _ => Err(format!("\"{}\" is not field=value", part.trim())),
        })
}

/// Splits at the commas that stand outside parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = text.split(move |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    split.map(str::trim).collect()
}

fn requirement(text: &str) -> Result<(), String> {
    if let Some((key, value)) = comparison(text) {
        label_key(key)?;
        return label_value(value);
    }
    if let Some((key, set)) = [" in ", " notin ", " in(", " notin("]
        .iter()
        .find_map(|word| text.split_once(word))
    {
        label_key(key.trim())?;
        let inner = set.trim().trim_start_matches('(').strip_suffix(')');
        let Some(inner) = inner.filter(|_| text.contains('(')) else {
            return Err(format!(
                "\"{text}\" needs its values in parentheses, such as tier in (web,db)"
            ));
        };
        return inner.split(',').map(str::trim).try_for_each(label_value);
    }
    label_key(text.strip_prefix('!').unwrap_or(text).trim())
}

fn comparison(text: &str) -> Option<(&str, &str)> {
    let split = ["!=", "==", "="].iter().find_map(|sign| text.split_once(sign));
    split.map(|(key, value)| (key.trim(), value.trim()))
}

fn label_key(text: &str) -> Result<(), String> {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let fine =
        is_label_text(name) && !name.is_empty() && prefix.is_none_or(|prefix| object_name(prefix).is_none());
    if fine {
        Ok(())
    } else {
        Err(format!("\"{text}\" is not the key of a label"))
    }
}

fn label_value(text: &str) -> Result<(), String> {
    if is_label_text(text) {
        Ok(())
    } else {
        Err(format!("\"{text}\" is not the value of a label"))
    }
}

fn is_label_text(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || (text.len() <= 63 && text.chars().all(inner) && text.starts_with(ends) && text.ends_with(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_labels(text: &str, fine: bool) {
        assert_eq!(
            label_selector(text).is_ok(),
            fine,
            "{text}: {:?}",
            label_selector(text)
        );
    }

    #[test]
    fn label_selectors_are_taken_as_kubectl_takes_them() {
        for text in [
            "app=web",
            "app==web,tier!=db",
            "tier in (web, db),!old",
            "app.kubernetes.io/name=x",
            "a notin (b)",
        ] {
            check_labels(text, true);
        }
        for text in [
            "app=a b",
            "tier in web",
            "=web",
            "app=web,",
            "-a",
            "a/b/c=d",
            "tier in (we b)",
        ] {
            check_labels(text, false);
        }
    }

    #[test]
    fn field_selectors_compare() {
        assert!(field_selector("metadata.name=web,status.phase!=Running").is_ok());
        assert!(field_selector("metadata.name").is_err());
        assert!(field_selector("=x").is_err());
    }

    #[test]
    fn names_that_could_change_a_url_are_refused() {
        for text in ["", "..", "../x", "a/b", "A", "%2f", "-a", "a..b", "ü"] {
            assert!(object_name(text).is_some(), "{text}");
        }
        for text in ["web", "web-0", "a.b.c", "system:node", "0"] {
            assert_eq!(object_name(text), None, "{text}");
        }
        assert!(object_name(&"a".repeat(254)).is_some());
    }
}

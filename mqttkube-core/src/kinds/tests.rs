use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let found = match Kind::parse(text) {
        Ok(kind) => format!(
            "{kind} {} {}",
            kind.resource.plural,
            if kind.resolved { "known" } else { "guessed" }
        ),
        Err(error) => format!("{error}; {}", error.help()),
    };
    assert_eq!(found, expected);
}

#[test]
fn a_kind_is_found_by_kind_plural_and_short_name_in_any_case() {
    for text in [
        "Deployment",
        "deployment",
        "DEPLOYMENT",
        "deployments",
        "deploy",
        "apps/v1/Deployment",
    ] {
        check(text, "apps/v1/Deployment deployments known");
    }
    check("DaemonSet", "apps/v1/DaemonSet daemonsets known");
    check("job", "batch/v1/Job jobs known");
    check("svc", "v1/Service services known");
    check("v1/Pod", "v1/Pod pods known");
    check(
        "netpol",
        "networking.k8s.io/v1/NetworkPolicy networkpolicies known",
    );
}

#[test]
fn of_two_versions_in_one_group_the_preferred_one_is_meant() {
    check(
        "hpa",
        "autoscaling/v2/HorizontalPodAutoscaler horizontalpodautoscalers known",
    );
    check(
        "autoscaling/v1/HorizontalPodAutoscaler",
        "autoscaling/v1/HorizontalPodAutoscaler horizontalpodautoscalers known",
    );
}

#[test]
fn an_ambiguous_name_lists_every_candidate() {
    check(
        "Event",
        "\"Event\" is the name of several kinds; write \"v1/Event\" or \"events.k8s.io/v1/Event\"",
    );
}

#[test]
fn an_unknown_name_lists_what_is_near() {
    check(
        "Deploymnt",
        "unknown kind \"Deploymnt\"; did you mean \"apps/v1/Deployment\"?",
    );
    check(
        "apps/v1/StatefullSet",
        "unknown kind \"apps/v1/StatefullSet\"; did you mean \"apps/v1/StatefulSet\"?",
    );
    check(
        "apps/v2/Deployment",
        "unknown kind \"apps/v2/Deployment\"; did you mean \"apps/v1/Deployment\"?",
    );
    check(
        "app/v1/Deployment",
        "unknown kind \"app/v1/Deployment\"; did you mean \"apps/v1/Deployment\"?",
    );
    check(
        "Heater",
        "unknown kind \"Heater\"; write group/version/Kind for a kind that is not built in, such as example.com/v1/Heater",
    );
}

#[test]
fn a_full_name_outside_the_table_is_taken_with_guesses() {
    check("example.com/v1/Heater", "example.com/v1/Heater heaters guessed");
    check(
        "example.com/v1/Battery",
        "example.com/v1/Battery batteries guessed",
    );
    check("example.com/v1/Switch", "example.com/v1/Switch switches guessed");
    check(
        "apps/v1beta1/Deployment",
        "apps/v1beta1/Deployment deployments guessed",
    );
}

#[test]
fn a_text_of_another_form_says_which_form_is_right() {
    for text in [
        "",
        "a/b/c/d",
        "example.com/v1/heaters",
        "Example.com/v1/Heater",
        "example.com/v1/../../x",
    ] {
        let error = Kind::parse(text).expect_err(text);
        assert!(!error.help().is_empty(), "{text}");
    }
}

#[test]
fn the_table_names_every_kind_once_and_scales_four() {
    let names: std::collections::BTreeSet<String> = table::BUILT_IN
        .iter()
        .map(|row| row.to_kind().to_string())
        .collect();
    assert_eq!(names.len(), table::BUILT_IN.len());
    let scaled: Vec<_> = table::BUILT_IN
        .iter()
        .filter(|row| row.scale)
        .map(|row| row.kind)
        .collect();
    assert_eq!(
        scaled,
        ["ReplicationController", "Deployment", "ReplicaSet", "StatefulSet"]
    );
}

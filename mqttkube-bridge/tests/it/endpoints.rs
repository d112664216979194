//! The profiles of the cloud services.

use mqttkube_bridge::endpoint::{Endpoint, Limits, Profile, Scope, Violation};
use mqttkube_mapping::TopicFilter;
use proptest::prelude::*;

fn all() -> [Endpoint; 10] {
    [
        Endpoint::clearblade("p", "us-central1", "r", "d"),
        Endpoint::google_iot_core("mqtt.example.com", "p", "us-central1", "r", "d"),
        Endpoint::azure_iot_hub("myhub", "d"),
        Endpoint::azure_event_grid("ns", "westeurope", "c"),
        Endpoint::aws_iot_core("abc-ats.iot.eu-west-1.amazonaws.com", "c"),
        Endpoint::aws_custom_authorizer("abc-ats.iot.eu-west-1.amazonaws.com", "c", "mine"),
        Endpoint::emqx("emqx.example.com", "c"),
        Endpoint::hivemq_cloud("x.hivemq.cloud", "c"),
        Endpoint::thingsboard("tb.example.com", "c"),
        Endpoint::plain("broker", 1883, "c"),
    ]
}

#[test]
fn every_profile_has_a_name_that_reads_back_and_valid_filters() {
    for profile in Profile::ALL {
        assert_eq!(Profile::from_name(profile.name()), Some(profile));
        assert!(
            all().iter().any(|endpoint| endpoint.profile == profile),
            "{profile:?} can be built"
        );
    }
    for endpoint in all() {
        for scope in [&endpoint.limits.publish, &endpoint.limits.subscribe] {
            let Scope::Only(filters) = scope else { continue };
            for filter in filters {
                assert!(
                    filter.parse::<TopicFilter>().is_ok(),
                    "{:?}: {filter}",
                    endpoint.profile
                );
            }
        }
    }
}

#[test]
fn only_plain_brokers_are_reached_without_tls() {
    for endpoint in all() {
        assert_eq!(
            endpoint.tls,
            endpoint.profile != Profile::Plain,
            "{:?}",
            endpoint.profile
        );
    }
}

#[test]
fn addresses_and_names_are_as_each_service_wants_them() {
    let [clearblade, _, hub, grid, _, authorizer, ..] = all();
    assert_eq!(
        (clearblade.host.as_str(), clearblade.port),
        ("us-central1-mqtt.clearblade.com", 8883)
    );
    assert_eq!(
        clearblade.client_id,
        "projects/p/locations/us-central1/registries/r/devices/d"
    );
    assert_eq!(clearblade.audience.as_deref(), Some("p"));
    assert_eq!(hub.host, "myhub.azure-devices.net");
    assert_eq!(
        hub.username.as_deref(),
        Some("myhub.azure-devices.net/d/?api-version=2021-04-12")
    );
    assert_eq!(grid.host, "ns.westeurope-1.ts.eventgrid.azure.net");
    assert_eq!(
        (authorizer.port, authorizer.alpn.as_slice()),
        (443, ["mqtt"].as_slice())
    );
    assert_eq!(
        authorizer.username.as_deref(),
        Some("?x-amz-customauthorizer-name=mine")
    );
}

#[track_caller]
fn check(limits: &Limits, topic: &str, qos: u8, retain: bool, expected: Result<(), &str>) {
    let found = limits
        .check_publish(topic, qos, retain)
        .map_err(|violation| violation.to_string());
    assert_eq!(found, expected.map_err(str::to_owned), "{topic} QoS {qos}");
}

#[test]
fn what_a_service_does_not_take_is_said_before_anything_connects() {
    let [clearblade, _, hub, _, aws, _, _, _, things, plain] = all();
    check(&clearblade.limits, "/devices/d/events", 1, false, Ok(()));
    check(&clearblade.limits, "/devices/d/events/a/b", 0, false, Ok(()));
    check(
        &clearblade.limits,
        "/devices/d/events",
        2,
        false,
        Err("QoS 2 is more than the service takes (1)"),
    );
    check(
        &clearblade.limits,
        "/devices/d/state",
        1,
        true,
        Err("the service keeps no retained messages"),
    );
    let refused = "`/devices/d/state/x` is not among the topics of this client: /devices/d/events, \
                   /devices/d/events/#, /devices/d/state";
    check(&clearblade.limits, "/devices/d/state/x", 1, false, Err(refused));
    check(&hub.limits, "devices/d/messages/events/", 1, false, Ok(()));
    check(&aws.limits, "a/b/c/d/e/f/g/h", 1, true, Ok(()));
    check(
        &aws.limits,
        "1/2/3/4/5/6/7/8/9",
        1,
        true,
        Err("`1/2/3/4/5/6/7/8/9` has 8 slashes, the service takes 7"),
    );
    check(&things.limits, "v1/devices/me/telemetry", 1, false, Ok(()));
    check(&plain.limits, "anything", 2, true, Ok(()));
    assert_eq!(
        aws.limits.check_packet(131_073),
        Err(Violation::Packet {
            bytes: 131_073,
            most: 131_072
        })
    );
    assert!(
        clearblade.limits.check_publish("/devices/d/#", 1, false).is_err(),
        "wider than what is allowed"
    );
}

proptest! {
    /// A filter is accepted exactly when every topic that it matches is: no topic of the sample may contradict.
    #[test]
    fn a_rule_is_accepted_only_if_all_its_topics_are(
        outer in "(a|b|\\+)(/(a|b|\\+)){0,2}(/#)?", inner in "(a|b|\\+)(/(a|b|\\+)){0,2}(/#)?",
        topic in "(a|b)(/(a|b)){0,3}",
    ) {
        let limits = Limits { publish: Scope::Only(vec![outer.clone()]), ..Limits::default() };
        let (outer, filter): (TopicFilter, TopicFilter) = (outer.parse()?, inner.parse()?);
        if limits.check_publish(&inner, 0, false).is_ok() && filter.matches(&topic) {
            prop_assert!(outer.matches(&topic));
        }
    }
}

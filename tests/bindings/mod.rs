//! What bindings do between a broker and an API server. The same stories are told with the embedded broker and the
//! fake API, and with Mosquitto and a real kube-apiserver.

pub(crate) mod kinds;
pub(crate) mod launching;
pub(crate) mod outages;
pub(crate) mod scene;
pub(crate) mod switching;
pub(crate) mod watching;

pub(crate) use scene::Scene;

/// Makes a test of every story: `$scene` sets the scene for a test of a given name.
macro_rules! stories {
    ($scene:path) => {
        stories! { @all $scene;
            switching: seed_003_a_media_server_is_switched_like_a_lamp, m2_a_retained_command_is_not_executed,
                c23_values_may_be_the_map_itself, fields_of_other_kinds_are_patched,
                a_request_is_answered_where_it_asks, v5_a_payload_without_an_entry_changes_nothing;
            kinds: a_heater_of_a_custom_kind_is_set_and_seen, a_stateful_set_is_bound_by_its_kind,
                an_annotation_with_dots_and_slashes_and_an_image_by_name_go_both_ways;
            launching: seed_003_a_job_is_launched_and_deleted, a_launch_that_exists_is_told,
                fault_19_a_write_that_took_effect_is_not_doubled;
            watching: w_fifty_objects_publish_under_their_names, w6_a_status_is_published_as_compact_json,
                a_kind_that_comes_later_is_found, a_retained_state_without_its_object_is_cleared_at_the_start;
            outages: commands_wait_for_the_api_server, a_restarted_broker_gets_every_state_again,
                what_was_not_finished_is_done_by_the_next_process, nothing_runs_on_after_the_end,
                fault_18_a_throttled_write_waits_as_told, an_answer_that_is_none_of_an_api_server_is_not_taken_for_one;
        }
    };
    (@all $scene:path; $($module:ident: $($name:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $name() {
                if let Some(scene) = $scene(stringify!($name)).await {
                    crate::bindings::$module::$name(scene).await;
                }
            })+
        })+
    };
}
pub(crate) use stories;

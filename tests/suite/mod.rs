//! How an API server behaves. The same suite runs against the fake and against a real kube-apiserver, so
//! that the fake cannot drift.

pub(crate) mod custom;
pub(crate) mod deleting;
pub(crate) mod patching;
pub(crate) mod reading;
pub(crate) mod watching;
pub(crate) mod world;
pub(crate) mod writing;

pub(crate) use world::World;

/// Makes a test of every behaviour: `$world` makes the world for a test of a given name.
macro_rules! behaviours {
    ($world:path) => {
        behaviours! { @all $world;
            writing: a_new_object_gets_its_identity, a_second_object_of_the_same_name_is_refused,
                an_object_needs_its_namespace, a_name_can_be_generated, a_bad_name_is_refused,
                a_stale_version_is_refused, another_uid_is_refused, generation_counts_changes_of_the_spec,
                status_and_spec_are_written_apart, a_dry_run_changes_nothing, replacing_a_missing_object_fails,
                wrong_types_are_refused, the_scale_is_one_number;
            patching: a_merge_patch_sets_and_removes, a_patch_that_changes_nothing_keeps_the_version,
                a_json_patch_can_test_first, a_strategic_patch_merges_containers_by_name,
                an_unknown_patch_type_is_refused, an_apply_needs_a_manager, an_apply_creates_and_owns,
                a_conflict_names_the_other_manager, an_apply_gives_up_fields, patching_a_missing_object_fails;
            reading: missing_objects_and_kinds_are_told_apart, selectors_choose, a_bad_selector_is_refused,
                pages_show_one_moment, items_of_built_in_lists_bear_no_type, metadata_can_be_asked_for_alone,
                discovery_tells_kinds_and_subresources;
            watching: a_watch_replays_and_goes_on, a_watch_without_a_version_begins_with_what_exists,
                objects_enter_and_leave_a_selection, a_streaming_list_ends_with_a_bookmark,
                a_watch_ends_when_its_time_is_over, the_watcher_of_kube_follows;
            deleting: a_deleted_object_is_gone, a_precondition_protects_another_object,
                a_finalizer_holds_an_object, a_foreground_deletion_waits, collections_are_deleted_by_selector;
            custom: a_definition_adds_a_kind, a_custom_kind_has_subresources;
        }
    };
    (@all $world:path; $($module:ident: $($name:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $name() {
                if let Some(world) = $world(stringify!($name)).await {
                    crate::suite::$module::$name(&world).await;
                }
            })+
        })+
    };
}
pub(crate) use behaviours;

//! The contracts of both ports as tests that any back end can run on itself.
//!
//! A back end says how one of its stores is made, and gets a test for each case:
//!
//! ```ignore
//! store::artifact_conformance!(|| async { (MemoryArtifactStore::new(), ()) });
//! ```
//!
//! `make` answers with an empty store and a guard that cleans up when it is dropped. Records are made with starts of the
//! year 2025 and later, so a retention by age must reach that far.

pub mod activation;
pub mod artifact;

/// A test for each case of the contract of [`crate::ArtifactStore`].
#[macro_export]
macro_rules! artifact_conformance {
    ($make:expr) => {
        $crate::conformance_cases!(artifact, $make;
            a_document_reads_as_it_was_put,
            act_40_a_put_that_expects_another_revision_conflicts,
            a_revision_never_comes_twice,
            a_delete_that_expects_another_revision_conflicts,
            of_many_that_create_one_wins,
            lookups_find_their_document_and_are_unique,
            an_attachment_lives_with_its_document,
            a_large_attachment_reads_as_it_was_put,
            list_04_documents_come_newest_first,
            list_07_a_namespace_lists_its_packages_too,
            an_update_moves_the_document_in_its_lists,
            counts_follow_every_write,
            a_scan_passes_every_document_of_a_kind_once,
            names_that_begin_alike_do_not_mix,
        );
    };
}

/// A test for each case of the contract of [`crate::ActivationStore`].
#[macro_export]
macro_rules! activation_conformance {
    ($make:expr) => {
        $crate::conformance_cases!(activation, $make;
            atv_06_a_record_reads_as_it_was_stored,
            atv_05_a_record_is_found_in_its_namespace_only,
            atv_24_of_two_records_with_one_id_the_first_stays,
            list_04_records_come_newest_first,
            list_11_summaries_come_in_the_same_order,
            atv_03_the_name_selects_action_or_package,
            atv_04_since_and_upto_are_inclusive,
            atv_26_pages_walk_the_same_order,
            counts_follow_the_filters,
            namespaces_that_begin_alike_do_not_mix,
            every_view_agrees_with_a_plain_model,
            own_intents_are_not_unfinished,
            every_ticket_becomes_durable,
        );
    };
}

/// One test for each case; for the two macros above.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($port:ident, $make:expr; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                let (store, _guard) = ($make)().await;
                $crate::conformance::$port::$case(&store).await;
            }
        )+
    };
}

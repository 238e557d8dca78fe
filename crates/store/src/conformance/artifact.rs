//! The contract of [`ArtifactStore`].

use crate::{ArtifactStore, Document, DocumentKind, EntityQuery, PutError};
use bytes::Bytes;
use types::{EntityPath, Revision};

/// A document with a body that tells it from others.
#[must_use]
pub fn document(kind: DocumentKind, id: &str, updated: u64) -> Document {
    Document {
        id: id.to_owned(),
        kind,
        revision: Revision(0),
        updated,
        body: Bytes::from(format!("body of {id} at {updated}")),
        summary: Bytes::from(format!("summary of {id} at {updated}")),
        lookup: Vec::new(),
    }
}

fn action(id: &str, updated: u64) -> Document {
    document(DocumentKind::Action, id, updated)
}

/// Everything of a kind at a path.
#[must_use]
pub fn all(kind: DocumentKind, path: &str) -> EntityQuery {
    let path = EntityPath::parse(path).expect("the path is valid");
    EntityQuery { kind, path, skip: 0, limit: None }
}

async fn create(store: &impl ArtifactStore, document: Document) -> Revision {
    let id = document.id.clone();
    let created = store.put(document, None, None).await;
    created.unwrap_or_else(|error| panic!("{id} is not created: {error}"))
}

async fn ids(store: &impl ArtifactStore, query: &EntityQuery) -> Vec<String> {
    let documents = store.list(query).await.expect("the list is read");
    documents.into_iter().map(|document| document.id).collect()
}

fn is_conflict<T>(answer: &Result<T, PutError>) -> bool {
    matches!(answer, Err(PutError::Conflict))
}

/// What was put is what is read, with the revision that the put answered.
pub async fn a_document_reads_as_it_was_put(store: &impl ArtifactStore) {
    assert_eq!(store.get("ns/a").await.expect("the store answers"), None);
    let mut expected = action("ns/a", 7);
    expected.lookup = vec!["one".to_owned(), "two".to_owned()];
    expected.revision = create(store, expected.clone()).await;
    let read = store.get("ns/a").await.expect("the store answers").expect("the document is there");
    assert_eq!(read, expected);
    let listed = store.list(&all(DocumentKind::Action, "ns")).await.expect("the list is read");
    assert_eq!(listed, [Document { body: Bytes::new(), ..expected }], "bodies are left empty in lists");
}

/// A document is written only over the revision that the caller saw.
pub async fn act_40_a_put_that_expects_another_revision_conflicts(store: &impl ArtifactStore) {
    assert!(is_conflict(&store.put(action("ns/a", 1), None, Some(Revision(1))).await), "it is missing");
    let first = create(store, action("ns/a", 1)).await;
    assert!(is_conflict(&store.put(action("ns/a", 2), None, None).await), "it is there");
    let second = store.put(action("ns/a", 3), None, Some(first)).await.expect("the revision fits");
    assert!(second > first);
    assert!(is_conflict(&store.put(action("ns/a", 4), None, Some(first)).await), "it is old");
    let read = store.get("ns/a").await.expect("the store answers").expect("the document is there");
    assert_eq!((read.revision, read.updated), (second, 3));
}

/// Revisions grow over all documents, and a name that is used again does not begin anew.
pub async fn a_revision_never_comes_twice(store: &impl ArtifactStore) {
    let mut last = Revision(0);
    for round in 0..3 {
        let first = create(store, action("ns/a", round)).await;
        let other = create(store, action(&format!("ns/b{round}"), round)).await;
        let second = store.put(action("ns/a", round), None, Some(first)).await.expect("the revision fits");
        assert!(last < first && first < other && other < second, "{last} {first} {other} {second}");
        last = second;
        store.delete("ns/a", second).await.expect("the revision fits");
    }
}

/// A document is deleted only in the revision that the caller saw.
pub async fn a_delete_that_expects_another_revision_conflicts(store: &impl ArtifactStore) {
    assert!(is_conflict(&store.delete("ns/a", Revision(1)).await), "it is missing");
    let first = create(store, action("ns/a", 1)).await;
    let second = store.put(action("ns/a", 2), None, Some(first)).await.expect("the revision fits");
    assert!(is_conflict(&store.delete("ns/a", first).await), "it is old");
    store.delete("ns/a", second).await.expect("the revision fits");
    assert_eq!(store.get("ns/a").await.expect("the store answers"), None);
    assert!(is_conflict(&store.delete("ns/a", second).await), "it has gone");
}

/// Writers that run at the same time do not overwrite each other.
pub async fn of_many_that_create_one_wins(store: &impl ArtifactStore) {
    let puts = (0..20).map(|at| store.put(action("ns/a", at), None, None));
    let answers = futures_util::future::join_all(puts).await;
    let won: Vec<Revision> = answers.into_iter().filter_map(Result::ok).collect();
    assert_eq!(won.len(), 1);
    let read = store.get("ns/a").await.expect("the store answers").expect("the document is there");
    assert_eq!(read.revision, won[0]);
}

/// A lookup key leads to one document, and only as long as that one has it.
pub async fn lookups_find_their_document_and_are_unique(store: &impl ArtifactStore) {
    let with = |id: &str, lookup: &[&str]| Document {
        lookup: lookup.iter().map(|key| (*key).to_owned()).collect(),
        ..document(DocumentKind::Subject, id, 1)
    };
    let found = async |key: &str| {
        let found = store.find(key).await.expect("the store answers");
        found.map(|document| document.id)
    };
    let anna = create(store, with("subject:anna", &["k1", "k2"])).await;
    let bert = create(store, with("subject:bert", &["k3"])).await;
    assert_eq!(found("k2").await.as_deref(), Some("subject:anna"));
    assert_eq!(found("k3").await.as_deref(), Some("subject:bert"));
    assert_eq!(found("subject:anna").await, None, "an id is no lookup key");
    let taken = store.put(with("subject:bert", &["k3", "k1"]), None, Some(bert)).await;
    assert!(is_conflict(&taken), "another document has that key");
    assert!(is_conflict(&store.put(with("subject:carl", &["k1"]), None, None).await));
    let anna = store.put(with("subject:anna", &["k2", "k4"]), None, Some(anna)).await.expect("it fits");
    assert_eq!(found("k1").await, None);
    assert_eq!(found("k4").await.as_deref(), Some("subject:anna"));
    store.put(with("subject:bert", &["k1"]), None, Some(bert)).await.expect("the key is free again");
    store.delete("subject:anna", anna).await.expect("the revision fits");
    assert_eq!(found("k2").await, None);
    assert_eq!(found("k1").await.as_deref(), Some("subject:bert"));
}

/// An attachment is kept, replaced and deleted with its document, and belongs to a revision.
pub async fn an_attachment_lives_with_its_document(store: &impl ArtifactStore) {
    let read = async |revision| store.attachment("ns/a", revision).await.expect("the store answers");
    let code = Bytes::from_static(b"first code");
    let first = store.put(action("ns/a", 1), Some(code.clone()), None).await.expect("it is new");
    assert_eq!(read(first).await, Some(code.clone()));
    let second = store.put(action("ns/a", 2), None, Some(first)).await.expect("the revision fits");
    assert_eq!(read(second).await, Some(code), "an update without an attachment keeps the old one");
    assert_eq!(read(first).await, None, "the document has another revision by now");
    let code = Bytes::from_static(b"second code");
    let third = store.put(action("ns/a", 3), Some(code.clone()), Some(second)).await.expect("it fits");
    assert_eq!(read(third).await, Some(code));
    let fourth = store.put(action("ns/a", 4), Some(Bytes::new()), Some(third)).await.expect("it fits");
    assert_eq!(read(fourth).await, Some(Bytes::new()), "an empty attachment takes the place of another one");
    store.delete("ns/a", fourth).await.expect("the revision fits");
    assert_eq!(read(fourth).await, None);
    let fifth = create(store, action("ns/a", 5)).await;
    assert_eq!(read(fifth).await, None, "a document that is made anew has no old code");
}

/// The largest code that the API takes is 48 MB; this is some of it, with an odd length.
pub async fn a_large_attachment_reads_as_it_was_put(store: &impl ArtifactStore) {
    let code: Vec<u8> = (0..5_000_017_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let code = Bytes::from(code);
    let first = store.put(action("ns/a", 1), Some(code.clone()), None).await.expect("it is new");
    assert!(store.attachment("ns/a", first).await.expect("the store answers") == Some(code));
    let small = Bytes::from_static(b"x");
    let second = store.put(action("ns/a", 2), Some(small.clone()), Some(first)).await.expect("it fits");
    assert_eq!(store.attachment("ns/a", second).await.expect("the store answers"), Some(small));
}

/// Newest first, those of the same time by id; pages follow that order.
pub async fn list_04_documents_come_newest_first(store: &impl ArtifactStore) {
    for (id, updated) in [("ns/c", 5), ("ns/a", 5), ("ns/old", 1), ("ns/new", u64::MAX), ("ns/b", 5)] {
        create(store, action(id, updated)).await;
    }
    create(store, document(DocumentKind::Trigger, "ns/t", 5)).await;
    let mut query = all(DocumentKind::Action, "ns");
    let order = ["ns/new", "ns/a", "ns/b", "ns/c", "ns/old"];
    assert_eq!(ids(store, &query).await, order);
    for skip in 0..7 {
        for limit in 0..7 {
            (query.skip, query.limit) = (skip, Some(limit));
            let expected: Vec<&str> = order.iter().copied().skip(skip).take(limit).collect();
            assert_eq!(ids(store, &query).await, expected, "skip {skip} limit {limit}");
        }
    }
}

/// The list of a namespace shows what is in its packages; that of a package only what is in it (LIST-12).
pub async fn list_07_a_namespace_lists_its_packages_too(store: &impl ArtifactStore) {
    create(store, document(DocumentKind::Package, "ns/pkg", 1)).await;
    for (id, updated) in [("ns/a", 2), ("ns/pkg/b", 3), ("ns/other/c", 4), ("else/a", 5)] {
        create(store, action(id, updated)).await;
    }
    let listed = ids(store, &all(DocumentKind::Action, "ns")).await;
    assert_eq!(listed, ["ns/other/c", "ns/pkg/b", "ns/a"]);
    assert_eq!(ids(store, &all(DocumentKind::Action, "ns/pkg")).await, ["ns/pkg/b"]);
    assert_eq!(ids(store, &all(DocumentKind::Package, "ns")).await, ["ns/pkg"]);
    assert!(ids(store, &all(DocumentKind::Package, "ns/pkg")).await.is_empty());
    assert!(ids(store, &all(DocumentKind::Action, "nobody")).await.is_empty());
}

/// A document stands in its lists once, at its newest time and under its newest kind.
pub async fn an_update_moves_the_document_in_its_lists(store: &impl ArtifactStore) {
    let first = create(store, action("ns/a", 1)).await;
    create(store, action("ns/b", 2)).await;
    let second = store.put(action("ns/a", 3), None, Some(first)).await.expect("the revision fits");
    assert_eq!(ids(store, &all(DocumentKind::Action, "ns")).await, ["ns/a", "ns/b"]);
    let trigger = document(DocumentKind::Trigger, "ns/a", 4);
    store.put(trigger, None, Some(second)).await.expect("the revision fits");
    assert_eq!(ids(store, &all(DocumentKind::Action, "ns")).await, ["ns/b"]);
    assert_eq!(ids(store, &all(DocumentKind::Trigger, "ns")).await, ["ns/a"]);
}

/// Counts are those of the lists, whatever `skip` and `limit` say (LIST-03).
pub async fn counts_follow_every_write(store: &impl ArtifactStore) {
    let count = async |path: &str| {
        let query = EntityQuery { skip: 1, limit: Some(1), ..all(DocumentKind::Action, path) };
        store.count(&query).await.expect("the count is read")
    };
    assert_eq!(count("ns").await, 0);
    let a = create(store, action("ns/a", 1)).await;
    let b = create(store, action("ns/pkg/b", 1)).await;
    create(store, document(DocumentKind::Rule, "ns/r", 1)).await;
    assert_eq!((count("ns").await, count("ns/pkg").await), (2, 1));
    let a = store.put(action("ns/a", 2), None, Some(a)).await.expect("the revision fits");
    assert_eq!((count("ns").await, count("ns/pkg").await), (2, 1));
    assert!(is_conflict(&store.put(action("ns/a", 3), None, None).await));
    store.delete("ns/pkg/b", b).await.expect("the revision fits");
    assert_eq!((count("ns").await, count("ns/pkg").await), (1, 0));
    store.delete("ns/a", a).await.expect("the revision fits");
    assert_eq!(count("ns").await, 0);
}

/// Operators page through every document of a kind, subjects included, which stand in no list.
pub async fn a_scan_passes_every_document_of_a_kind_once(store: &impl ArtifactStore) {
    for at in 0..25 {
        create(store, document(DocumentKind::Subject, &format!("subject:s{at:02}"), 1)).await;
        create(store, document(DocumentKind::Limits, &format!("limits:s{at:02}"), 1)).await;
        create(store, document(DocumentKind::Callback, &format!("callback:s{at:02}"), 1)).await;
    }
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.scan(DocumentKind::Subject, after.as_deref(), 10).await.expect("the page is read");
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        assert!(page.iter().all(|document| !document.body.is_empty()), "bodies are shown");
        seen.extend(page.into_iter().map(|document| document.id));
    }
    let expected: Vec<String> = (0..25).map(|at| format!("subject:s{at:02}")).collect();
    assert_eq!(seen, expected);
}

/// A path is a path and not the beginning of a text.
pub async fn names_that_begin_alike_do_not_mix(store: &impl ArtifactStore) {
    for id in ["ns/a", "ns/ab", "ns/p/a", "ns/pq/a", "ns2/a", "n/a", "ns a/a", "ns-a/a"] {
        create(store, action(id, 1)).await;
    }
    let listed = ids(store, &all(DocumentKind::Action, "ns")).await;
    assert_eq!(listed, ["ns/a", "ns/ab", "ns/p/a", "ns/pq/a"]);
    assert_eq!(ids(store, &all(DocumentKind::Action, "ns/p")).await, ["ns/p/a"]);
    assert_eq!(store.count(&all(DocumentKind::Action, "ns/p")).await.expect("it is counted"), 1);
    assert_eq!(store.count(&all(DocumentKind::Action, "n")).await.expect("it is counted"), 1);
}

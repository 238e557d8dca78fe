use super::*;

fn frame(text: &str) -> Frame {
    let mut frame = Frame::new(Kind::Accept, text.len());
    frame.payload().extend_from_slice(text.as_bytes());
    frame.finish().unwrap()
}

fn begin(dir: &Path) -> Journal {
    Journal::begin(dir, 1 << 20, Replayed::default(), 0).unwrap()
}

/// What a replay finds: the texts, and how many gaps.
fn replayed(dir: &Path) -> (Vec<String>, u64) {
    let mut texts = Vec::new();
    let found = replay(dir, 0, |step| {
        if let Step::Entry { entry, .. } = step {
            texts.push(String::from_utf8(entry.payload.to_vec()).unwrap());
        }
    });
    (texts, found.unwrap().gaps)
}

#[test]
fn a_full_disk_is_named_and_writes_are_refused_when_nothing_can_be_undone() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = begin(dir.path());
    journal.append(&mut frame("kept")).unwrap();
    // Every write to this file says that the disk is full, and its length cannot be set.
    journal.file = Arc::new(File::options().write(true).open("/dev/full").unwrap());
    let error = journal.append(&mut frame("lost")).unwrap_err();
    assert!(error.retryable);
    assert!(error.source.unwrap().to_string().contains("the disk is full"));
    let error = journal.append(&mut frame("refused")).unwrap_err();
    assert!(!error.retryable);
    assert!(error.source.unwrap().to_string().contains("restart the server"));
    assert_eq!(replayed(dir.path()), (vec!["kept".to_owned()], 0));
}

#[test]
fn what_a_failed_write_leaves_behind_is_cut_off_before_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = begin(dir.path());
    journal.append(&mut frame("one")).unwrap();
    // As a write does that stops in the middle.
    (&*journal.file).write_all(b"half of an entry").unwrap();
    journal.cut_back(&io::Error::from(io::ErrorKind::StorageFull));
    journal.append(&mut frame("two")).unwrap();
    assert_eq!(replayed(dir.path()), (vec!["one".to_owned(), "two".to_owned()], 0));
}

#[test]
fn a_file_whose_making_was_interrupted_is_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = begin(dir.path());
    journal.append(&mut frame("one")).unwrap();
    drop(journal);
    std::fs::write(path_of(dir.path(), 2), b"OXW").unwrap();
    assert_eq!(replayed(dir.path()), (vec!["one".to_owned()], 0));
    assert_eq!(replayed(dir.path()), (vec!["one".to_owned()], 0));
}

#[test]
fn sequences_go_on_after_a_watermark_that_the_journal_has_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = begin(dir.path());
    journal.append(&mut frame("one")).unwrap();
    let found = replay(dir.path(), 9, |_| {}).unwrap();
    let mut journal = Journal::begin(dir.path(), 1 << 20, found, 9).unwrap();
    assert_eq!(journal.append(&mut frame("two")).unwrap().sequence, 10);
    assert_eq!(replayed(dir.path()), (vec!["one".to_owned(), "two".to_owned()], 0));
}

//! The tables of entities, and what is read from and written to them.

use crate::codec::{Fields, put_sized};
use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::ops::Bound;
use store::{Attachment, Document, DocumentKind, EntityQuery, list_paths};
use types::Revision;

/// By id: everything of a document but its body and its attachment.
const HEADS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("heads");
/// By id.
const BODIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("bodies");
/// By the revision that brought the attachment, and the number of the piece.
const PIECES: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("pieces");
/// The id that a lookup key leads to.
const LOOKUPS: TableDefinition<'_, &str, &str> = TableDefinition::new("lookups");
/// By kind and id.
const KINDS: TableDefinition<'_, (u8, &str), ()> = TableDefinition::new("kinds");
/// By kind, path, time turned around and id, which is the order of lists.
const LISTS: TableDefinition<'_, (u8, &str, u64, &str), ()> = TableDefinition::new("lists");
/// How many documents stand in each list.
const COUNTS: TableDefinition<'_, (u8, &str), u64> = TableDefinition::new("counts");
/// Single numbers.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// In [`NUMBERS`]: the revision given last.
const REVISION: &str = "revision";
/// In [`NUMBERS`]: the form of these tables.
const FORMAT: &str = "format";
const THIS_FORMAT: u64 = 1;

/// The length of one piece of an attachment. The tree gives each value a power of two; this leaves room for its own part.
const PIECE: usize = (256 << 10) - 1024;

/// Whatever the tree may say, or that what it holds is not what was written.
pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The write does not fit to what is there.
#[derive(Debug)]
pub(super) struct Refused;

/// Whether the same write could succeed later: a full disk may be cleared.
pub(super) fn is_retryable(fault: &Fault) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&**fault);
    while let Some(error) = source {
        let io = match error.downcast_ref::<redb::StorageError>() {
            Some(redb::StorageError::Io(io)) => Some(io),
            _ => error.downcast_ref::<std::io::Error>(),
        };
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::StorageFull) {
            return true;
        }
        source = error.source();
    }
    false
}

/// Makes the tables where they are missing, and checks that they are of this form.
pub(super) fn prepare(database: &Database) -> Result<(), Fault> {
    let transaction = database.begin_write()?;
    let format = transaction.open_table(NUMBERS)?.get(FORMAT)?.map(|format| format.value());
    match format {
        Some(THIS_FORMAT) => return Ok(transaction.abort()?),
        Some(other) => return Err(format!("it has format {other}; this server knows {THIS_FORMAT}").into()),
        None => {}
    }
    transaction.open_table(HEADS)?;
    transaction.open_table(BODIES)?;
    transaction.open_table(PIECES)?;
    transaction.open_table(LOOKUPS)?;
    transaction.open_table(KINDS)?;
    transaction.open_table(LISTS)?;
    transaction.open_table(COUNTS)?;
    transaction.open_table(NUMBERS)?.insert(FORMAT, THIS_FORMAT)?;
    Ok(transaction.commit()?)
}

/// Everything of a document but its body.
struct Head {
    kind: DocumentKind,
    revision: Revision,
    updated: u64,
    /// The revision that brought the attachment, and its length.
    attachment: Option<(u64, u64)>,
    summary: Bytes,
    lookup: Vec<String>,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.summary.len());
        out.push(kind_code(self.kind));
        out.extend_from_slice(&self.revision.0.to_be_bytes());
        out.extend_from_slice(&self.updated.to_be_bytes());
        let (brought, length) = self.attachment.unwrap_or_default();
        out.extend_from_slice(&brought.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        put_sized(&mut out, &self.summary);
        for key in &self.lookup {
            put_sized(&mut out, key.as_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Head, Fault> {
        fn read(bytes: &[u8]) -> Option<Head> {
            let mut fields = Fields::new(bytes);
            let kind = kind_of(fields.u8()?)?;
            let (revision, updated) = (Revision(fields.u64()?), fields.u64()?);
            // Revision 0 was never given, so it can stand for no attachment.
            let attachment = Some((fields.u64()?, fields.u64()?)).filter(|(brought, _)| *brought != 0);
            let summary = Bytes::copy_from_slice(fields.sized()?);
            let mut rest = Fields::new(fields.rest());
            let mut lookup = Vec::new();
            while let Some(key) = rest.sized_text() {
                lookup.push(key.to_owned());
            }
            rest.rest().is_empty().then_some(Head { kind, revision, updated, attachment, summary, lookup })
        }
        read(bytes).ok_or_else(|| "a document's head is broken".into())
    }

    fn into_document(self, id: &str, body: Bytes) -> Document {
        let Head { kind, revision, updated, summary, lookup, .. } = self;
        Document { id: id.to_owned(), kind, revision, updated, body, summary, lookup }
    }
}

const fn kind_code(kind: DocumentKind) -> u8 {
    match kind {
        DocumentKind::Action => 1,
        DocumentKind::Trigger => 2,
        DocumentKind::Rule => 3,
        DocumentKind::Package => 4,
        DocumentKind::Subject => 5,
        DocumentKind::Limits => 6,
        DocumentKind::Callback => 7,
    }
}

const fn kind_of(code: u8) -> Option<DocumentKind> {
    Some(match code {
        1 => DocumentKind::Action,
        2 => DocumentKind::Trigger,
        3 => DocumentKind::Rule,
        4 => DocumentKind::Package,
        5 => DocumentKind::Subject,
        6 => DocumentKind::Limits,
        7 => DocumentKind::Callback,
        _ => return None,
    })
}

pub(super) fn get(database: &Database, id: &str) -> Result<Option<Document>, Fault> {
    document(&database.begin_read()?, id)
}

pub(super) fn find(database: &Database, lookup: &str) -> Result<Option<Document>, Fault> {
    let transaction = database.begin_read()?;
    let id = transaction.open_table(LOOKUPS)?.get(lookup)?.map(|id| id.value().to_owned());
    id.map_or(Ok(None), |id| document(&transaction, &id))
}

fn document(transaction: &ReadTransaction, id: &str) -> Result<Option<Document>, Fault> {
    let Some(head) = transaction.open_table(HEADS)?.get(id)? else { return Ok(None) };
    let body = transaction.open_table(BODIES)?.get(id)?;
    let body = body.map_or(Bytes::new(), |body| Bytes::copy_from_slice(body.value()));
    Ok(Some(Head::decode(head.value())?.into_document(id, body)))
}

pub(super) fn attachment(
    database: &Database,
    id: &str,
    revision: Revision,
) -> Result<Option<Attachment>, Fault> {
    let transaction = database.begin_read()?;
    let Some(head) = transaction.open_table(HEADS)?.get(id)? else { return Ok(None) };
    let head = Head::decode(head.value())?;
    let Some((brought, length)) = head.attachment.filter(|_| head.revision == revision) else {
        return Ok(None);
    };
    let mut whole = Vec::with_capacity(usize::try_from(length)?);
    for piece in transaction.open_table(PIECES)?.range((brought, 0)..=(brought, u32::MAX))? {
        whole.extend_from_slice(piece?.1.value());
    }
    if whole.len() as u64 != length {
        return Err(format!("{} of {length} bytes are there", whole.len()).into());
    }
    Ok(Some(whole.into()))
}

pub(super) fn list(database: &Database, query: &EntityQuery) -> Result<Vec<Document>, Fault> {
    let transaction = database.begin_read()?;
    let (lists, heads) = (transaction.open_table(LISTS)?, transaction.open_table(HEADS)?);
    let (code, path) = (kind_code(query.kind), query.path.as_str());
    let mut documents = Vec::new();
    let mut to_skip = query.skip;
    for entry in lists.range((code, path, 0, "")..)? {
        if query.limit.is_some_and(|limit| documents.len() >= limit) {
            break;
        }
        let key = entry?.0;
        let (entry_code, entry_path, _, id) = key.value();
        if (entry_code, entry_path) != (code, path) {
            break;
        }
        if to_skip > 0 {
            to_skip -= 1;
            continue;
        }
        let head = heads.get(id)?.ok_or_else(|| format!("{id} is listed and missing"))?;
        documents.push(Head::decode(head.value())?.into_document(id, Bytes::new()));
    }
    Ok(documents)
}

pub(super) fn count(database: &Database, query: &EntityQuery) -> Result<u64, Fault> {
    let counts = database.begin_read()?.open_table(COUNTS)?;
    let count = counts.get((kind_code(query.kind), query.path.as_str()))?;
    Ok(count.map_or(0, |count| count.value()))
}

pub(super) fn scan(
    database: &Database,
    kind: DocumentKind,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Document>, Fault> {
    let transaction = database.begin_read()?;
    let kinds = transaction.open_table(KINDS)?;
    let code = kind_code(kind);
    let from = after.map_or(Bound::Included((code, "")), |id| Bound::Excluded((code, id)));
    let mut documents = Vec::new();
    for entry in kinds.range::<(u8, &str)>((from, Bound::Unbounded))? {
        let key = entry?.0;
        let (entry_code, id) = key.value();
        if entry_code != code || documents.len() >= limit {
            break;
        }
        documents.push(document(&transaction, id)?.ok_or_else(|| format!("{id} is noted and missing"))?);
    }
    Ok(documents)
}

/// Writes that become durable together, or not at all.
pub(super) struct Transaction {
    transaction: WriteTransaction,
}

impl Transaction {
    pub(super) fn begin(database: &Database) -> Result<Transaction, Fault> {
        let mut transaction = database.begin_write()?;
        // Costs each commit a little, and spares the process after a killed one a walk through the whole file.
        transaction.set_quick_repair(true);
        Ok(Transaction { transaction })
    }

    pub(super) fn commit(self) -> Result<(), Fault> {
        Ok(self.transaction.commit()?)
    }

    pub(super) fn put(
        &mut self,
        document: &Document,
        attachment: Option<&Attachment>,
        expected: Option<Revision>,
    ) -> Result<Result<Revision, Refused>, Fault> {
        let old = self.head(&document.id)?;
        if old.as_ref().map(|old| old.revision) != expected || self.lookup_is_taken(document)? {
            return Ok(Err(Refused));
        }
        if let Some(old) = &old {
            self.leave_indexes(&document.id, old)?;
        }
        let revision = self.next_revision()?;
        let kept = old.and_then(|old| old.attachment);
        let attachment = match attachment {
            None => kept,
            Some(bytes) => {
                self.remove_pieces(kept)?;
                Some(self.insert_pieces(revision, bytes)?)
            }
        };
        let head = Head {
            kind: document.kind,
            revision,
            updated: document.updated,
            attachment,
            summary: document.summary.clone(),
            lookup: document.lookup.clone(),
        };
        self.transaction.open_table(HEADS)?.insert(&*document.id, &*head.encode())?;
        self.transaction.open_table(BODIES)?.insert(&*document.id, &*document.body)?;
        self.enter_indexes(document)?;
        Ok(Ok(revision))
    }

    pub(super) fn delete(&mut self, id: &str, revision: Revision) -> Result<Result<(), Refused>, Fault> {
        let Some(old) = self.head(id)?.filter(|old| old.revision == revision) else {
            return Ok(Err(Refused));
        };
        self.leave_indexes(id, &old)?;
        self.remove_pieces(old.attachment)?;
        self.transaction.open_table(HEADS)?.remove(id)?;
        self.transaction.open_table(BODIES)?.remove(id)?;
        Ok(Ok(()))
    }

    fn head(&self, id: &str) -> Result<Option<Head>, Fault> {
        let heads = self.transaction.open_table(HEADS)?;
        let head = heads.get(id)?;
        head.map(|head| Head::decode(head.value())).transpose()
    }

    fn lookup_is_taken(&self, document: &Document) -> Result<bool, Fault> {
        let lookups = self.transaction.open_table(LOOKUPS)?;
        for key in &document.lookup {
            if lookups.get(&**key)?.is_some_and(|holder| holder.value() != document.id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A revision greater than all before it, those of deleted documents included.
    fn next_revision(&self) -> Result<Revision, Fault> {
        let mut numbers = self.transaction.open_table(NUMBERS)?;
        let last = numbers.get(REVISION)?.map_or(0, |revision| revision.value());
        numbers.insert(REVISION, last + 1)?;
        Ok(Revision(last + 1))
    }

    fn insert_pieces(&self, revision: Revision, bytes: &Attachment) -> Result<(u64, u64), Fault> {
        let mut pieces = self.transaction.open_table(PIECES)?;
        for (number, piece) in (0..).zip(bytes.chunks(PIECE)) {
            pieces.insert((revision.0, number), piece)?;
        }
        Ok((revision.0, bytes.len() as u64))
    }

    fn remove_pieces(&self, attachment: Option<(u64, u64)>) -> Result<(), Fault> {
        let Some((brought, length)) = attachment else { return Ok(()) };
        let mut pieces = self.transaction.open_table(PIECES)?;
        for number in 0..u32::try_from(length.div_ceil(PIECE as u64))? {
            pieces.remove((brought, number))?;
        }
        Ok(())
    }

    fn enter_indexes(&self, document: &Document) -> Result<(), Fault> {
        let (id, code) = (&*document.id, kind_code(document.kind));
        let mut lookups = self.transaction.open_table(LOOKUPS)?;
        for key in &document.lookup {
            lookups.insert(&**key, id)?;
        }
        self.transaction.open_table(KINDS)?.insert((code, id), ())?;
        let mut lists = self.transaction.open_table(LISTS)?;
        let mut counts = self.transaction.open_table(COUNTS)?;
        for path in list_paths(document.kind, id) {
            lists.insert((code, path, !document.updated, id), ())?;
            let count = counts.get((code, path))?.map_or(0, |count| count.value());
            counts.insert((code, path), count + 1)?;
        }
        Ok(())
    }

    fn leave_indexes(&self, id: &str, old: &Head) -> Result<(), Fault> {
        let code = kind_code(old.kind);
        let mut lookups = self.transaction.open_table(LOOKUPS)?;
        for key in &old.lookup {
            lookups.remove(&**key)?;
        }
        self.transaction.open_table(KINDS)?.remove((code, id))?;
        let mut lists = self.transaction.open_table(LISTS)?;
        let mut counts = self.transaction.open_table(COUNTS)?;
        for path in list_paths(old.kind, id) {
            lists.remove((code, path, !old.updated, id))?;
            let count = counts.get((code, path))?.map_or(0, |count| count.value());
            match count {
                0 | 1 => counts.remove((code, path))?,
                count => counts.insert((code, path), count - 1)?,
            };
        }
        Ok(())
    }
}

# Y9: the same records into SQLite with a write-ahead log, a thousand in a transaction, as one would keep activations in it:
# sqlite_batches.py RECORDS DATABASE, where RECORDS has a record as JSON on each line. Prints the seconds until all are
# on the disk, and the bytes of the database once the log is in it.
import json
import os
import sqlite3
import sys
import time

source, path = sys.argv[1:]
rows = []
with open(source) as file:
    for line in file:
        record = json.loads(line)
        rows.append((record['activationId'], record['namespace'], record['start'], record['name'], line))
database = sqlite3.connect(path, isolation_level=None)
database.execute('PRAGMA journal_mode = WAL')
database.execute('PRAGMA synchronous = FULL')
database.execute('PRAGMA cache_size = -65536')
database.execute('CREATE TABLE activations (id TEXT PRIMARY KEY, namespace TEXT, start INTEGER, name TEXT, record TEXT) '
                 'WITHOUT ROWID')
database.execute('CREATE INDEX by_start ON activations (namespace, start)')
started = time.perf_counter()
for first in range(0, len(rows), 1000):
    database.execute('BEGIN')
    database.executemany('INSERT INTO activations VALUES (?, ?, ?, ?, ?)', rows[first:first + 1000])
    database.execute('COMMIT')
elapsed = time.perf_counter() - started
assert database.execute('SELECT count(*) FROM activations').fetchone() == (len(rows),)
database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
database.close()
print(elapsed, os.path.getsize(path))

"""SQL: connections, migrations, and one repository a table family, with guarded writes.

Each module implements what another package asks for (`Control`, `Progress`, `ChunkSink`,
`Corpus`, `EdgeSink`) or serves the reconciler and the command line. No decision about a job's
life is made here: that is `lifecycle`. Every query on documents, chunks and connections is
limited to one user, since the worker's database role bypasses row level security.
"""

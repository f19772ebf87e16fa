"""Transfer: documents out to an archive, and in from an archive or from a stored `chunks.json`.

Here live the job's inputs, how an archive is written and read (every archive is hostile), what
goes into one, and the stages. Not here: SQL (`database` implements `ports`), models and the files
that other stages write (handed in as functions), links over HTTP.
"""

"""The embedded Postgres: binaries from a wheel, one server per RHIZOME_HOME, shared by processes.

Here live its life (first start, crash, shared use, stop), the account it runs under and the locks
that make this safe. What is *in* the databases (schema, SQL, migrations) lives in `database`.

    postgres.py    EmbeddedPostgres, the one class the rest of the project uses
    layout.py      where the files lie            binaries.py  the programs of the wheel
    locks.py       flock, on four small files     account.py   the user Postgres runs as
    cluster.py     initdb, versions, settings     launch.py    a script: drop rights, detach, exec
    processes.py   finding and ending processes   watcher.py   stops a server nobody uses any more

Four lock files carry the whole protocol. The kernel lets go of a lock when its holder dies, however
it dies, so none of them can be stale and no pid has to be believed:

    start.lock    exclusive, for as long as somebody starts or stops the server
    alive.lock    exclusive, inherited by Postgres and by all its children: while it is held, a
                  process that works on the data directory lives
    leases.lock   shared, one holder per user of the server
    watcher.lock  exclusive, inherited by the watcher
"""

"""Rhizome's own web server, a process of `rhizome up`: `python -m rhizome_pipelines.panel`.

One module a family of routes, put together in `app`. Like the command line it uses the functions of
`deployment`; not here: SQL, Dagster, what links are made of (`transfer.links`).
"""

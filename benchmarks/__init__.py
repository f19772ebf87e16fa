"""The figures of docs/performance.md, measured: `python -m benchmarks [memory overhead …]`.

Each figure is a module with `measure(workshop)`, which gives plain JSON values, and
`tables(found)`, which writes them as markdown. `programs/` holds what is run in a process of
its own, `documents` fetches what is measured on, `deployment` starts a real deployment in a
throw-away home. Nothing here is a test: a timing decides nothing, and every figure stands beside
another one from the same run.

`heading_quality` and `connection_quality/` judge results, not speed.
"""

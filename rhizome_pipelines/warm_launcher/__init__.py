"""A run launcher for one machine that forks each run from a warm process.

Usable by any Dagster deployment: nothing of Rhizome is in it, and it may import dagster. See
README.md beside this file for what it promises and how it is configured.

    launcher.py     WarmRunLauncher, which dagster.yaml names
    client.py       finding, starting and asking a warm process
    process.py      the warm process: loads the code ...
    serving.py      ... answers requests (protocol.py says which) ...
    nursery.py      ... forks workers, reaps them
    worker.py       one run, in a forked process ...
    cold.py         ... or a fresh one            cold_start.py  starting that
    ending.py       interrupt, wait, kill         obituary.py     a death, told to Dagster
    shutdown.py     the end of all of them        registry.py     which worker is whose
    identity.py     a process, by pid and start   place.py        where the files lie
    spawning.py     processes that outlive us     options.py      what can be configured
    fork_safety.py  may this process be forked?   freshness.py    is what it loaded still current?

This module imports nothing: whoever only ends processes need not load Dagster.
"""

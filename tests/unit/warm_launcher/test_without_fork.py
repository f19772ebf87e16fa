"""Where a process cannot be forked, runs are Dagster's DefaultRunLauncher's."""

import subprocess
import sys
from pathlib import Path

CODE = """
import os
import dagster, psutil
del os.fork
import dagster._core.launcher.default_run_launcher as stock
from rhizome_pipelines.warm_launcher.launcher import WarmRunLauncher

asked = []
for name in ("launch_run", "terminate", "join"):
    setattr(stock.DefaultRunLauncher, name, lambda self, *told, name=name: asked.append(name))
with dagster.DagsterInstance.ephemeral() as instance:
    launcher = WarmRunLauncher()
    launcher.register_instance(instance)
    assert not launcher.launches_without_workspace
    assert not launcher.supports_check_run_worker_health
    launcher.launch_run(None)
    launcher.terminate("a-run")
    launcher.join()
print(asked)
"""


def test_everything_is_left_to_the_stock_launcher(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", CODE],
        env={"PYTHONPATH": str(Path.cwd()), "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.stdout.strip() == "['launch_run', 'terminate', 'join']", told.stderr

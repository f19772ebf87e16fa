"""The warm process: loads the code once, then forks a worker for each run that is asked for.

`python -m rhizome_pipelines.warm_launcher.process`, with a `Birth` on standard input. It is
single-threaded, holds no connection but those of its own socket, and ends by itself when nobody
that may ask it is left.
"""

import fcntl
import gc
import importlib
import os
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from dagster._core.instance.ref import InstanceRef
from dagster._core.origin import JobPythonOrigin
from dagster._serdes import ConfigurableClassData, deserialize_value
from dagster._utils.hosted_user_process import recon_job_from_origin, recon_repository_from_origin

from rhizome_pipelines.warm_launcher import fork_safety
from rhizome_pipelines.warm_launcher.freshness import Snapshot
from rhizome_pipelines.warm_launcher.nursery import Nursery
from rhizome_pipelines.warm_launcher.place import Place
from rhizome_pipelines.warm_launcher.protocol import Birth, decode_birth
from rhizome_pipelines.warm_launcher.registry import REGISTRY_LOCK
from rhizome_pipelines.warm_launcher.serving import Server
from rhizome_pipelines.warm_launcher.spawning import fresh_signals

BACKLOG = 512


def main() -> None:
    began = time.time()
    birth = decode_birth(sys.stdin.read())
    place = Place(Path(birth.folder))
    place.prepare()
    record = place.record(birth.digest, os.getpid())
    try:
        lock = _take_lock(place.lock(birth.digest))
        if lock is not None:  # else another one is there, or just being loaded
            _serve(place, birth, lock, began)
    finally:
        record.unlink(missing_ok=True)
        place.record_of_retired(birth.digest, os.getpid()).unlink(missing_ok=True)


def _serve(place: Place, birth: Birth, lock: int, began: float) -> None:
    place.trim_log()
    path = place.socket(birth.digest)
    listening = _listen(path)
    _sweep(place)
    instance_ref = deserialize_value(birth.instance_ref, InstanceRef)
    nursery = Nursery(place, path, instance_ref, {listening.fileno(), lock})
    server = Server(listening, lock, birth, nursery, reason=_load(birth, instance_ref))
    if not server.reason:
        own = {listening.fileno(), lock, *server.descriptors}
        server.reason = "; ".join(fork_safety.unsafe_to_fork(own))
    server.snapshot = Snapshot.take(birth.watched)
    server.outdated = server.snapshot.changed_since(began)
    gc.collect()
    gc.freeze()
    server.serve()


def _take_lock(path: Path) -> int | None:
    """The lock's descriptor, None if another process has it."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        # It may have been swept away in between: then it keeps nobody out.
        with suppress(FileNotFoundError):
            if os.fstat(lock).st_ino == path.stat().st_ino:
                return lock
        os.close(lock)


def _sweep(place: Place) -> None:
    """Remove sockets and locks of warm processes that were killed, and never came again."""
    for path in place.folder.glob("*.lock"):
        if path.name == REGISTRY_LOCK:
            continue
        with suppress(OSError):
            lock = _take_lock(path)
            if lock is not None:
                Path(place.socket(path.stem)).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                os.close(lock)


def _listen(path: str) -> socket.socket:
    """Listen before anything is loaded: whoever asks meanwhile waits in the backlog."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - of one that was killed; we hold its lock
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    listening.listen(BACKLOG)
    return listening


def _load(birth: Birth, instance_ref: InstanceRef) -> str:
    """Import what a run imports; what went wrong, empty if nothing."""
    try:
        for data in instance_ref:
            if isinstance(data, ConfigurableClassData):
                importlib.import_module(data.module_name)
        for name in birth.modules:
            importlib.import_module(name)
        _load_code(deserialize_value(birth.code_origin, JobPythonOrigin))
        for named in birth.prepare:
            module, _, function = named.partition(":")
            getattr(importlib.import_module(module), function)()
    except BaseException as fault:  # noqa: BLE001 - a module may raise anything, SystemExit too
        traceback.print_exc()
        return f"the code cannot be loaded: {type(fault).__name__}: {fault}"[:500]
    return ""


def _load_code(origin: JobPythonOrigin) -> None:
    repository = recon_repository_from_origin(origin.repository_origin).get_definition()
    repository.get_all_jobs()
    try:
        recon_job_from_origin(origin).get_definition()
    except Exception:  # noqa: BLE001 - a job that is not there; the others are
        traceback.print_exc()


if __name__ == "__main__":
    fresh_signals()
    main()

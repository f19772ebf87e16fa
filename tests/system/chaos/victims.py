"""Who is killed: each by SIGKILL, all processes of it at once."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import StrEnum

import psutil

from tests.system.chaos.world import ChaosWorld
from tests.system.home import PATIENCE, answers


class Part(StrEnum):
    WORKER = "worker"
    CODE_SERVER = "code server"
    DAEMON = "daemon"
    WEB_SERVER = "web server"
    WARM = "warm process"
    POSTGRES = "Postgres"
    UP = "rhizome up"
    ALL_BUT_POSTGRES = "all but Postgres"
    ALL = "everything"


Victims = tuple[Part, ...]

IN_TURN: tuple[Victims, ...] = (
    (Part.WORKER,),
    (Part.POSTGRES,),
    (Part.CODE_SERVER,),
    (Part.DAEMON,),
    (Part.WORKER, Part.CODE_SERVER),
    (Part.WARM,),
    (Part.ALL_BUT_POSTGRES,),
    (Part.WEB_SERVER,),
    (Part.WORKER, Part.POSTGRES),
    (Part.ALL,),
    (Part.UP,),
)

_LEADERS = {
    Part.CODE_SERVER: "code-server",
    Part.DAEMON: "dagster._daemon",
    Part.WEB_SERVER: "dagster_webserver",
}


def kill_parts(world: ChaosWorld, victims: Victims) -> list[psutil.Process]:
    """Kill them all; the processes that were. What is not there now cannot be killed."""
    found = [process for part in victims for process in _PROCESSES[part](world)]
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=PATIENCE)
    if ends_up(victims):
        assert world.up is not None
        world.up.communicate()
    return found


def ends_up(victims: Victims) -> bool:
    """Whether `rhizome up` has to be started again."""
    return not {Part.UP, Part.ALL, Part.ALL_BUT_POSTGRES}.isdisjoint(victims)


def is_back(world: ChaosWorld, victims: Victims, killed: Iterable[psutil.Process]) -> bool:
    """Whether what was killed is there again, as far as somebody waits for it."""
    gone = set(killed)
    for part in victims:
        match part:
            case Part.CODE_SERVER | Part.DAEMON:
                if not set(_family(world, part)) - gone:
                    return False
            case Part.WEB_SERVER | Part.UP | Part.ALL | Part.ALL_BUT_POSTGRES:
                if not answers(world.port):
                    return False
            case Part.POSTGRES:
                if not set(_postgres(world)) - gone:
                    return False
            case Part.WORKER | Part.WARM:
                pass  # the next one comes with the next run
    return True


def _family(world: ChaosWorld, part: Part) -> list[psutil.Process]:
    """The processes of one of Dagster's parts; runs and what they are forked from are others'."""
    assert world.up is not None
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(world.up.pid).children():
            with suppress(psutil.NoSuchProcess):
                if any(_LEADERS[part] in word for word in child.cmdline()):
                    return [child, *(one for one in child.children(True) if _beside(child, one))]
    return []


def _beside(leader: psutil.Process, process: psutil.Process) -> bool:
    try:
        return os.getsid(process.pid) == leader.pid
    except ProcessLookupError:
        return False


def _postgres(world: ChaosWorld) -> list[psutil.Process]:
    data = str(world.home.path / "postgres")
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and (process.info["cwd"] or "").startswith(data):
            found.append(process)
    return found


def _all_but_postgres(world: ChaosWorld) -> list[psutil.Process]:
    postgres = set(_postgres(world))
    return [process for process in world.home.processes() if process not in postgres]


_PROCESSES: Mapping[Part, Callable[[ChaosWorld], list[psutil.Process]]] = {
    Part.WORKER: lambda world: world.home.workers(),
    Part.CODE_SERVER: lambda world: _family(world, Part.CODE_SERVER),
    Part.DAEMON: lambda world: _family(world, Part.DAEMON),
    Part.WEB_SERVER: lambda world: _family(world, Part.WEB_SERVER),
    Part.WARM: lambda world: world.home.warm_processes(),
    Part.POSTGRES: _postgres,
    Part.UP: lambda world: [psutil.Process(world.up.pid)] if world.up else [],
    Part.ALL_BUT_POSTGRES: _all_but_postgres,
    Part.ALL: lambda world: [*_all_but_postgres(world), *_postgres(world)],
}

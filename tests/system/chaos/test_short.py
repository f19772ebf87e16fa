"""Workers, what launches them, and the database are killed in the middle of each kind of job."""

from pathlib import Path

from tests.system.chaos.campaign import Moment, disturb, undisturbed
from tests.system.chaos.cases import (
    DetectConnections,
    ExportDocuments,
    ImportDocuments,
    ProcessDocument,
    ReprocessConnections,
)
from tests.system.chaos.victims import Part
from tests.system.chaos.world import chaos_world
from tests.system.home import Home

PROCESS = (
    Moment("extraction", 3, 0.05, (Part.WORKER,)),
    Moment("chunking", 1, 0.02, (Part.CODE_SERVER, Part.DAEMON)),
    Moment("embeddings", 1, 0.02, (Part.POSTGRES,)),
)
DETECT = (Moment("connections", 2, 0.0, (Part.WORKER,)),)
REPROCESS = (Moment("detection", 2, 0.02, (Part.WORKER,)),)
EXPORT = (Moment("archive", 2, 0.0, (Part.WORKER,)),)
IMPORT = (
    Moment("application", 2, 0.0, (Part.WORKER,)),
    Moment("files", 2, 0.0, (Part.POSTGRES,)),
)


def test_whoever_is_killed_jobs_go_on_and_end_as_if_nothing_had_been(
    home: Home, port: int, tmp_path: Path
) -> None:
    with chaos_world(home, port, tmp_path, companions=4) as world:
        alone = undisturbed(world, ProcessDocument())
        assert min(alone.units.values()) > 1
        kills = disturb(world, ProcessDocument(), PROCESS, alone)
        assert [kill.again for kill in kills] == [0, 0, 0]

        disturb(world, DetectConnections(), DETECT, undisturbed(world, DetectConnections()))

        documents = [world.document, *world.notes]
        exports = ExportDocuments(documents)
        exported = undisturbed(world, exports)
        disturb(world, exports, EXPORT, exported)

        imports = ImportDocuments(exports.archive(world, exported.job), documents)
        disturb(world, imports, IMPORT, undisturbed(world, imports))

        smart = ReprocessConnections("smart")
        undisturbed(world, smart)  # from here on it changes nothing any more
        disturb(world, smart, REPROCESS, undisturbed(world, smart))

        world.stop()
        world.assert_leaves_nothing()

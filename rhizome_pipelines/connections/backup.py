"""`validated-connections-{timestamp}.json`: judgements written down before any is given up.

{version, document_id, created_at, count, connections: [row with documents and chunk indexes]}
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rhizome_pipelines.checkpoints.hashing import canonical_json, sha256
from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.objects import ObjectMissingError, ObjectStore
from rhizome_pipelines.connections.ports import JudgedConnection
from rhizome_pipelines.lifecycle.errors import PermanentError, TransientError

VERSION = "1.0"


@dataclass(frozen=True)
class Backup:
    """A backup as it was written: bucket-relative path, full hash, number of connections."""

    path: str
    sha256: str
    count: int


def write_backup(
    objects: ObjectStore,
    keys: DocumentKeys,
    judged: Sequence[JudgedConnection],
    moment: datetime,
) -> Backup:
    """Write, read back, count and compare. Raises TransientError if what is stored differs."""
    utc = moment.astimezone(UTC)
    path = keys.file(f"validated-connections-{utc:%Y%m%dT%H%M%S%fZ}.json")
    data = canonical_json(
        {
            "version": VERSION,
            "document_id": str(keys.document_id),
            "created_at": utc.isoformat(),
            "count": len(judged),
            "connections": [dict(one.record) for one in judged],
        }
    )
    objects.write(path, data)
    backup = Backup(path, sha256(data), len(judged))
    if not _is_there(objects, backup):
        raise TransientError(
            f"The backup {path} could not be read back as it was written, so no connection was "
            "touched; this is tried again later."
        )
    return backup


def verify_backup(objects: ObjectStore, backup: Backup) -> None:
    """Raises PermanentError if the backup is gone or another: nothing may be deleted then."""
    if not _is_there(objects, backup):
        raise PermanentError(
            f"The backup {backup.path} is no longer as it was written, so no connection was "
            "touched. Restart the job: it writes another one."
        )


def _is_there(objects: ObjectStore, backup: Backup) -> bool:
    try:
        data = objects.read(backup.path)
    except ObjectMissingError:
        return False
    return sha256(data) == backup.sha256 and len(json.loads(data)["connections"]) == backup.count

"""Archives that nobody needs any more: old exports, and uploads that no import will read."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rhizome_pipelines.checkpoints.keys import parse_transfer_key
from rhizome_pipelines.checkpoints.objects import ObjectInfo
from rhizome_pipelines.database.cleanup import uploads_needed
from rhizome_pipelines.deployment.services import Services

OLD_EXPORT = "the archive of an export that was made long ago"
UNUSED_UPLOAD = "uploaded for an import that is over"


def due_archives(
    services: Services, files: Sequence[ObjectInfo], now: datetime
) -> Sequence[tuple[ObjectInfo, str]]:
    """Those of the files that may go, and why; other files than archives are passed over.

    An export's archive goes after `export_days`. An upload goes after `orphan_hours`, if no job
    is going to read it: one that failed for good may be retried for `failed_checkpoint_days`.
    """
    settings = services.settings
    old_export = now - timedelta(days=settings.export_days)
    old_upload = now - timedelta(hours=settings.orphan_hours)
    exports, uploads = [], []
    for info in files:
        match parse_transfer_key(info.key):
            case (_, "exports") if info.modified < old_export:
                exports.append((info, OLD_EXPORT))
            case (_, "imports") if info.modified < old_upload:
                uploads.append(info)
            case _:
                pass
    failed_for = timedelta(days=settings.failed_checkpoint_days)
    needed = uploads_needed(services.database, [info.key for info in uploads], failed_for)
    return exports + [(info, UNUSED_UPLOAD) for info in uploads if info.key not in needed]

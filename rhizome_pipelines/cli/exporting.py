"""`rhizome export`: documents into one archive, and the archive into a file."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rhizome_pipelines.cli import context
from rhizome_pipelines.cli.asking import (
    chosen_documents,
    fail_unless_completed,
    see_through,
)
from rhizome_pipelines.cli.harmless import one_line
from rhizome_pipelines.cli.output import console, show_json, told
from rhizome_pipelines.cli.places import refuse_place
from rhizome_pipelines.cli.results import WatchedJob
from rhizome_pipelines.cli.signals import asked_to_end
from rhizome_pipelines.database.jobs import JobRepository
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.jobs import JobStatus, JobType
from rhizome_pipelines.lifecycle.wording import some
from rhizome_pipelines.transfer.inputs import ExportFormat


def export_named(
    named: Sequence[str],
    output: Path | None,
    *,
    everything: bool,
    connections: bool,
    annotations: bool,
    kind: ExportFormat,
    force: bool,
    as_json: bool,
) -> None:
    """Have the archive made and put it where it is wanted; nothing half-written is left there."""
    with told(), asked_to_end(), context.services() as services:
        documents = chosen_documents(services, named, everything)
        if output is not None:
            refuse_place(output, force=force)
        wish = {
            "includeConnections": connections,
            "includeAnnotations": annotations,
            "format": kind.value,
        }
        (ended,) = see_through(services, _ask(services, documents, wish), quiet=as_json)
        if as_json and ended.status is not JobStatus.COMPLETED:
            show_json(ended.as_json() | {"file": None})
        fail_unless_completed([ended])
        place = output or Path(str(ended.output["zipFilename"]))
        refuse_place(place, force=force)
        _save(services, str(ended.output["storagePath"]), place)
    if as_json:
        show_json(ended.as_json() | {"file": str(place)})
    else:
        size = place.stat().st_size / 1e6
        many, verb = some(len(documents), "document"), "is" if len(documents) == 1 else "are"
        console.print(
            f"{many} ({size:,.2f} MB) {verb} in {one_line(str(place))}.",
            markup=False,
            soft_wrap=True,
        )


def _ask(
    services: Services, documents: Sequence[Document], wish: Mapping[str, Any]
) -> Iterator[WatchedJob]:
    ids, title = [str(document.id) for document in documents], _title(documents)
    job = JobRepository(services.database).insert(
        services.settings.user,
        JobType.EXPORT_DOCUMENTS,
        input_data={"document_ids": ids, **wish},
        metadata={"documentIds": ids, "title": title},
    )
    yield WatchedJob(job.id, job.id, title)


def _title(documents: Sequence[Document]) -> str:
    if len(documents) == 1:
        return documents[0].known_title or str(documents[0].id)
    return some(len(documents), "document")


def _save(services: Services, key: str, place: Path) -> None:
    """Copy beside the place first: what stands there is the whole archive, or what was there."""
    with services.objects.local_copy(key) as stored:
        handle, name = tempfile.mkstemp(prefix=f".{place.name[:80]}-", dir=place.absolute().parent)
        os.close(handle)
        try:
            shutil.copyfile(stored, name)
            # As any file that a person makes; a temporary one is its owner's alone.
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

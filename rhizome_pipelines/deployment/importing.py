"""An import, put together: its stages, what it would change, its output for clients."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from rhizome_pipelines.checkpoints.keys import (
    DocumentKeys,
    import_key,
    imports_prefix,
    user_prefix,
    validated_key,
)
from rhizome_pipelines.checkpoints.objects import ObjectMissingError
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.database.guarded import Fence
from rhizome_pipelines.database.import_library import PostgresLibrary, request_detections
from rhizome_pipelines.database.imported_rows import PostgresImportSink, Reanchor
from rhizome_pipelines.deployment import configuration
from rhizome_pipelines.deployment.scratch import commands_scratch
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.transfer_formats import StageFormats
from rhizome_pipelines.embedding import EmbeddingModel, open_model
from rhizome_pipelines.embedding.texts import embedded_text
from rhizome_pipelines.embedding.vectors_file import chunk_id
from rhizome_pipelines.lifecycle.errors import InvalidInputError, PermanentError
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.settings import Settings
from rhizome_pipelines.stages.stage import Facts, Stage
from rhizome_pipelines.transfer.application_stage import ApplicationStage
from rhizome_pipelines.transfer.archive import ArchiveLimits
from rhizome_pipelines.transfer.bundle import Bundle, is_archive, open_bundle
from rhizome_pipelines.transfer.files_stage import FilesStage
from rhizome_pipelines.transfer.import_ports import AppliedDocument
from rhizome_pipelines.transfer.incoming_documents import BundledRows
from rhizome_pipelines.transfer.inputs import ImportInput
from rhizome_pipelines.transfer.packing import packed
from rhizome_pipelines.transfer.plan import Plan, still_sparing
from rhizome_pipelines.transfer.ports import Record, Vectors
from rhizome_pipelines.transfer.reading_stage import ReadingStage

IMPORT_STAGES: Sequence[str] = (ReadingStage.NAME, ApplicationStage.NAME, FilesStage.NAME)


@dataclass(frozen=True)
class ImportContext:
    """What a stage of an import is built from. `fence`: in whose name rows are written."""

    services: Services
    job: Job
    fence: Fence
    reanchor: Reanchor

    @cached_property
    def wanted(self) -> ImportInput:
        """The job's input. Raises InvalidInputError."""
        return ImportInput.read(self.job.input_data)

    @property
    def keys(self) -> DocumentKeys:
        """The job's own."""
        return DocumentKeys(self.job.user_id, self.job.id)


@contextmanager
def open_import_stage(
    name: str, context: ImportContext, upstream: StageCheckpoint | None
) -> Iterator[Stage]:
    """Build a stage; what it holds open is closed with the context.

    The archive is a local file as long: for a bucket, its size of temporary disk is needed.
    """
    services, wanted = context.services, context.wanted
    with ExitStack() as stack:
        bundle = stack.enter_context(_bundle(services, context.job.user_id, wanted))
        if name == ReadingStage.NAME:
            yield _reading(services, context.job.user_id, bundle, wanted)
        elif upstream is None:
            raise PermanentError(f"The stage {name} needs the result of the stage before it.")
        elif name == ApplicationStage.NAME:
            scratch = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="rhizome-import-"))
            )
            stage = _application(context, bundle, upstream.facts, scratch)
            stack.callback(stage.close)
            yield stage
        else:
            yield FilesStage(
                context.keys,
                services.objects,
                bundle,
                _source_key(context.job.user_id, wanted),
                upstream.facts,
                context.job.created_at,
                _requesting(context) if wanted.reprocess_connections else None,
            )


def preview(services: Services, user_id: UUID, wanted: ImportInput) -> Plan:
    """What an import would do; nothing is changed. Raises InvalidInputError, all faults told."""
    with (
        commands_scratch(services),
        _bundle(services, user_id, wanted) as bundle,
        tempfile.TemporaryDirectory(prefix="rhizome-import-") as scratch,
    ):
        stage = _reading(services, user_id, bundle, wanted)
        parts = ((unit, stage.work(unit, lambda *_: None)) for unit in stage.units())
        return Plan.model_validate(stage.finish(parts, Path(scratch)).facts["plan"])


def import_output(job: Job, facts: Facts, milliseconds: float) -> dict[str, Any]:
    """`output_data` of a finished import, from the facts of its last stage.

    The fields for one document tell of the first; `documents` tells of all.
    """
    wanted = ImportInput.read(job.input_data)
    plan = Plan.model_validate(facts["plan"])
    applied = {
        one.document_id: one for one in map(AppliedDocument.model_validate, facts["applied"])
    }
    jobs: Mapping[str, str] = facts["jobs"]
    first = plan.documents[0]
    return {
        "success": True,
        "documentId": str(first.document_id),
        "documentTitle": first.title,
        "chunksImported": sum(one.chunks for one in applied.values()),
        "strategy": wanted.strategy.value,
        "embeddingsRegenerated": bool(facts["embedded"]),
        "connectionDetectionJobId": next(iter(jobs.values()), None),
        "connectionsReprocessed": bool(jobs),
        "importDurationMs": round(milliseconds),
        "documents": [
            {
                "documentId": str(one.document_id),
                "documentTitle": one.title,
                "decision": one.decision.value,
                "note": one.note,
                "chunksAdded": one.added,
                "chunksChanged": one.changed,
                "chunksDeleted": one.deleted,
                "chunksUnmatched": list(one.unmatched),
                **_told(applied.get(one.document_id)),
                "connectionDetectionJobId": jobs.get(str(one.document_id)),
            }
            for one in plan.documents
        ],
    }


def discard_upload(services: Services, job: Job) -> None:
    """Remove the file that was stored only to be imported."""
    key = _source_key(job.user_id, ImportInput.read(job.input_data))
    if key.startswith(imports_prefix(job.user_id)):
        services.objects.delete([key])


def take_in(services: Services, user_id: UUID, path: Path, document_id: UUID | None = None) -> str:
    """Store an archive, a folder of the local disk, or a document's `chunks.json`, to be imported.

    The storage path to name in the job's input; `discard_upload` removes it again. A folder is
    packed into an archive on the way. Raises InvalidInputError if there is nothing to import.
    """
    if path.is_dir():
        key = import_key(user_id, f"{uuid4()}.zip")
        with (
            commands_scratch(services),
            tempfile.TemporaryDirectory(prefix="rhizome-import-") as scratch,
        ):
            services.objects.write_blocks(key, packed(path, Path(scratch)))
        return key
    if not path.is_file():
        raise InvalidInputError(f"There is no file or folder {str(path)[:200]!r} to import.")
    ending = "zip" if is_archive(path, document_id) else "json"
    key = import_key(user_id, f"{uuid4()}.{ending}")
    services.objects.write_file(key, path)
    return key


class ModelEmbedder:
    """`Embedder` over the embedding model in use."""

    def __init__(self, model: EmbeddingModel) -> None:
        self._model = model
        self.model = model.name
        self.version = model.version
        self.batch_size = model.batch_size

    def embed(self, records: Sequence[Record]) -> Vectors:
        """See `Embedder`."""
        return self._model.embed([embedded_text(record) for record in records])


def limits(settings: Settings) -> ArchiveLimits:
    """What an archive may unfold to."""
    return ArchiveLimits(
        max_entries=settings.max_import_files,
        max_total_bytes=settings.max_import_megabytes * configuration.MEBIBYTE,
        max_ratio=settings.max_import_ratio,
    )


@contextmanager
def _bundle(services: Services, user_id: UUID, wanted: ImportInput) -> Iterator[Bundle]:
    key = _source_key(user_id, wanted)
    with ExitStack() as stack:
        try:
            path = stack.enter_context(services.objects.local_copy(key))
        except ObjectMissingError:
            raise InvalidInputError(
                f"There is no stored file {key!r} to import; upload it, then start the import."
            ) from None
        yield stack.enter_context(open_bundle(path, limits(services.settings), wanted.document_id))


def _source_key(user_id: UUID, wanted: ImportInput) -> str:
    """The storage key of what is imported: the user's own, whatever the input says."""
    if wanted.storage_path is None and wanted.document_id is not None:
        return DocumentKeys(user_id, wanted.document_id).chunks
    key = validated_key(wanted.storage_path or "")
    if not key.startswith(user_prefix(user_id)):
        raise InvalidInputError(
            f"The file {key[:200]!r} is not this user's; name one below {user_prefix(user_id)}"
        )
    return key


def _reading(
    services: Services, user_id: UUID, bundle: Bundle, wanted: ImportInput
) -> ReadingStage:
    @contextmanager
    def stored_text(document_id: UUID) -> Iterator[Path | None]:
        try:
            with services.objects.local_copy(DocumentKeys(user_id, document_id).content) as path:
                yield path
        except ObjectMissingError:
            yield None

    library = PostgresLibrary(services.database, user_id)
    return ReadingStage(bundle, wanted, library, StageFormats(), stored_text)


def _application(
    context: ImportContext, bundle: Bundle, facts: Facts, scratch: Path
) -> ApplicationStage:
    services, user_id = context.services, context.job.user_id
    plan = Plan.model_validate(facts["plan"])
    clearing = [one.document_id for one in plan.documents if one.clears]
    existing = PostgresLibrary(services.database, user_id).existing(clearing) if clearing else {}
    return ApplicationStage(
        context.keys,
        services.objects,
        BundledRows(bundle, StageFormats(), services.objects, user_id, scratch),
        still_sparing(plan, existing),
        ModelEmbedder(open_model(configuration.embedding(services))),
        PostgresImportSink(services.database, user_id, context.fence, context.reanchor, chunk_id),
        regenerate=context.wanted.regenerate_embeddings,
    )


def _requesting(context: ImportContext) -> Any:
    services, job = context.services, context.job
    return lambda ids: request_detections(services.database, job.user_id, job.id, ids)


def _told(applied: AppliedDocument | None) -> dict[str, Any]:
    found = applied or AppliedDocument(document_id=UUID(int=0))
    return {
        "chunksImported": found.chunks,
        "connectionsImported": found.connections,
        "connectionsCarriedOver": found.carried,
        "connectionsLost": found.lost,
        "annotationsImported": found.annotations,
        "annotationsReanchored": found.reanchored,
        "annotationsToReview": found.to_review,
        "annotationsLost": found.annotations_lost,
    }

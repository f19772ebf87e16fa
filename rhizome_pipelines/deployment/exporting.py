"""An export, put together: its stage, its archive's name and link, its output for clients."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.database.exported_rows import PostgresExportRows
from rhizome_pipelines.deployment.downloads import download_url
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.deployment.transfer_formats import StageFormats
from rhizome_pipelines.lifecycle.jobs import Job
from rhizome_pipelines.stages.stage import Facts
from rhizome_pipelines.transfer.collecting import Collector, Wanted, WholeCollector
from rhizome_pipelines.transfer.export_stage import ArchiveStage, ExportOrder
from rhizome_pipelines.transfer.inputs import ExportFormat, ExportInput
from rhizome_pipelines.transfer.links import LINK_SECONDS
from rhizome_pipelines.transfer.notes import NotesCollector
from rhizome_pipelines.transfer.tables import TablesCollector


def archive_name(job: Job) -> str:
    """The archive's name without `.zip`: of a day, but of one job alone."""
    return f"rhizome-{job.created_at.astimezone(UTC):%Y-%m-%d}-{job.id}"


def archive_stage(services: Services, job: Job) -> ArchiveStage:
    """The one stage of an export. Raises InvalidInputError for an input that cannot be used."""
    wanted = ExportInput.read(job.input_data)
    rows = PostgresExportRows(services.database, job.user_id)
    order = ExportOrder(
        DocumentKeys(job.user_id, job.id),
        archive_name(job),
        job.created_at.astimezone(UTC),
        wanted,
    )
    collector = _collector(services, job, wanted, rows)
    return ArchiveStage(order, services.objects, rows, collector)


def export_output(services: Services, job: Job, facts: Facts, now: datetime) -> dict[str, Any]:
    """`output_data` of a finished export, from the facts of its stage. The link lasts 24 hours."""
    wanted = ExportInput.read(job.input_data)
    expires_at = now + timedelta(seconds=LINK_SECONDS)
    key = str(facts["key"])
    return {
        "success": True,
        "documentCount": facts["document_count"],
        "zipFilename": key.rpartition("/")[2],
        "zipSizeMb": f"{int(facts['size']) / 1e6:.2f}",
        "downloadUrl": download_url(services, key, expires_at),
        "expiresAt": expires_at.isoformat(),
        "storagePath": key,
        "includedConnections": wanted.include_connections,
        "includedAnnotations": wanted.include_annotations,
    }


def _collector(
    services: Services, job: Job, order: ExportInput, rows: PostgresExportRows
) -> Collector:
    wanted = Wanted(
        frozenset(order.document_ids), order.include_connections, order.include_annotations
    )
    match order.format:
        case ExportFormat.ZIP:
            return WholeCollector(services.objects, job.user_id, StageFormats(), wanted)
        case ExportFormat.MARKDOWN:
            known = rows.titles(order.document_ids)
            titles = {one: known[one] for one in order.document_ids if one in known}
            return NotesCollector(services.objects, job.user_id, wanted, titles)
        case ExportFormat.PARQUET:
            return TablesCollector(wanted)

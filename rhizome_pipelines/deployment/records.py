"""What a finished stage means for the document's row."""

from pathlib import PurePath

from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.database.documents import DocumentRepository, ExtractionRecord
from rhizome_pipelines.deployment.services import Services
from rhizome_pipelines.lifecycle.documents import Document
from rhizome_pipelines.lifecycle.stage_names import StageName


def record_stage(
    services: Services, document: Document, stage: StageName, checkpoint: StageCheckpoint
) -> None:
    """Keep the document's row true. May be done again.

    The embeddings stage writes its own row and flags, in the transaction of its chunks.
    """
    documents = DocumentRepository(services.database)
    match stage:
        case StageName.EXTRACTION:
            documents.record_extraction(
                document.user_id, document.id, _extraction_record(document, checkpoint)
            )
        case StageName.CHUNKING:
            documents.record_chunking(
                document.user_id, document.id, str(checkpoint.facts["strategy"])
            )
        case StageName.EMBEDDINGS | StageName.CONNECTIONS:
            pass


def _extraction_record(document: Document, checkpoint: StageCheckpoint) -> ExtractionRecord:
    facts = checkpoint.facts
    return ExtractionRecord(
        markdown_path=checkpoint.outputs["content.md"].path,
        word_count=int(facts["word_count"]),
        page_count=facts["page_count"],
        title=facts["title"] or _file_title(document),
        author=facts["author"],
        language=facts["language"],
        outline=facts["outline"],
    )


def _file_title(document: Document) -> str | None:
    name = document.source_metadata.get("file_name")
    return PurePath(name).stem if isinstance(name, str) else None

"""The stage `detection` of a reprocess job, built from settings, rows and the job's input."""

from collections.abc import Iterator
from contextlib import contextmanager

from rhizome_pipelines.checkpoints.keys import DocumentKeys
from rhizome_pipelines.checkpoints.results import StageCheckpoint
from rhizome_pipelines.connections import ConnectionsStage, build_engines
from rhizome_pipelines.connections.detection import DetectionStage
from rhizome_pipelines.connections.ports import Corpus, EdgeSink
from rhizome_pipelines.connections.reprocessing import ReprocessWish
from rhizome_pipelines.database.connection_archive import PostgresConnectionArchive
from rhizome_pipelines.database.connections import PostgresEdgeSink
from rhizome_pipelines.database.vectors import PostgresCorpus
from rhizome_pipelines.deployment import configuration
from rhizome_pipelines.deployment.document_stages import StageContext
from rhizome_pipelines.stages.stage import Stage


@contextmanager
def open_detection(context: StageContext, embeddings: StageCheckpoint) -> Iterator[Stage]:
    """Build the stage for the job's document, whose embedding stage has left `embeddings`.

    Raises InvalidInputError if the job's wish cannot be used.
    """
    services, document, job = context.services, context.document, context.job
    wish = ReprocessWish.read(job.input_data)
    model = str(embeddings.facts["model"])
    engines = configuration.engines(services, model, job.input_data.get("engines"))

    def build(corpus: Corpus, sink: EdgeSink) -> ConnectionsStage:
        return ConnectionsStage(
            document.id,
            document.user_id,
            model,
            str(embeddings.facts["digest"]),
            corpus,
            sink,
            build_engines(engines),
            configuration.connections(engines),
        )

    yield DetectionStage(
        build,
        PostgresCorpus(services.database),
        PostgresEdgeSink(services.database, context.fence),
        PostgresConnectionArchive(services.database),
        DocumentKeys(document.user_id, document.id),
        services.objects,
        wish,
        context.began,
    )

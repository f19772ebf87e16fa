"""Connections: finds which chunks of a user's other documents a document's chunks belong with.

Here live the engines (one module each), the exact block-wise comparison, what is said about a
connection, the file `connections.parquet`, and the stage. Not here: how vectors are made, how
rows are written (see `ports`), and what a person thinks of a connection.
"""

from rhizome_pipelines.connections.choice import EnginesConfig, build_engines, chosen
from rhizome_pipelines.connections.config import ConnectionsConfig
from rhizome_pipelines.connections.engine import ConnectionEngine, Pairs
from rhizome_pipelines.connections.ports import ConnectionType
from rhizome_pipelines.connections.semantic import DEFAULT_THRESHOLD, SemanticSimilarityEngine
from rhizome_pipelines.connections.stage import CONNECTIONS_FILE, ConnectionsStage
from rhizome_pipelines.connections.weights import Weights

__all__ = [
    "CONNECTIONS_FILE",
    "DEFAULT_THRESHOLD",
    "ConnectionEngine",
    "ConnectionType",
    "ConnectionsConfig",
    "ConnectionsStage",
    "EnginesConfig",
    "Pairs",
    "SemanticSimilarityEngine",
    "Weights",
    "build_engines",
    "chosen",
]

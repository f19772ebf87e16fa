"""Migrations of the shared tables, run by Alembic from the installed package.

They serve an empty database and one whose tables a web application has made: there they create
only what is missing. Here live the revisions, their SQL, and the comparison of existing tables
with the expected ones; queries live in the repositories.
"""

from rhizome_pipelines.database.migrations.run import migrate, migrate_opened, status
from rhizome_pipelines.database.migrations.standing import MigrationStatus

__all__ = ["MigrationStatus", "migrate", "migrate_opened", "status"]

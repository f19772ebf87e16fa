"""Links under which a stored file can be had for a while: who makes them, and where they lead."""

from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from rhizome_pipelines.checkpoints.objects import ObjectStore
from rhizome_pipelines.deployment.services import Services, default_s3_client
from rhizome_pipelines.deployment.web_address import WebAddress
from rhizome_pipelines.settings import Settings
from rhizome_pipelines.storage.factory import open_store
from rhizome_pipelines.storage.folder import LocalFolderStore
from rhizome_pipelines.transfer.links import link_secret, local_link


@runtime_checkable
class SignsLinks(Protocol):
    """A store that can be asked for an address under which anybody may download an object."""

    def link(self, key: str, seconds: int) -> str:
        """Good for `seconds` from now."""


def download_url(services: Services, key: str, expires_at: datetime) -> str:
    """An address under which anybody may download the object until `expires_at`.

    Signed by the storage where it can do that; else one of this installation's own server, which
    answers while `rhizome up` runs.
    """
    objects: ObjectStore = services.objects
    if isinstance(objects, SignsLinks):
        left = (expires_at - datetime.now(UTC)).total_seconds()
        return objects.link(key, max(1, round(left)))
    settings = services.settings
    root = settings.panel_url or panel_address(settings).url
    return root + local_link(key, expires_at, link_secret(settings.home))


def panel_address(settings: Settings) -> WebAddress:
    """Where this installation's own server listens."""
    return WebAddress(settings.panel_host, settings.panel_port)


def local_files(settings: Settings) -> LocalFolderStore | None:
    """The folder whose files are handed out here; None where the storage signs links itself."""
    store = open_store(settings.objects_url, default_s3_client(settings))
    return store if isinstance(store, LocalFolderStore) else None

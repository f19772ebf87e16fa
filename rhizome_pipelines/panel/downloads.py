"""`GET /exports/…`: files of the local folder, for whoever holds a link that is still good."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from rhizome_pipelines.checkpoints.keys import InvalidKeyError
from rhizome_pipelines.checkpoints.objects import ObjectMissingError
from rhizome_pipelines.storage.folder import LocalFolderStore
from rhizome_pipelines.transfer.links import LOCAL_FOLDER, link_is_good

_HEADERS = {
    # The address is the permission: it must neither stay in a shared cache nor be passed on.
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _File(FileResponse):
    """In pieces of 1 MiB: two to three times as fast as in those of 64 KiB."""

    chunk_size = 1024 * 1024


@dataclass(frozen=True)
class Downloads:
    """Hands out the files of a folder. `secret` is the home's; `now` tells the time with a zone."""

    files: LocalFolderStore
    secret: bytes
    now: Callable[[], datetime]

    @property
    def route(self) -> Route:
        """GET and HEAD."""
        return Route(f"{LOCAL_FOLDER}{{key:path}}", self._answer, methods=["GET"])

    def _answer(self, request: Request) -> Response:
        """Streamed, whole or in ranges. Runs in a thread, as it looks at the disk."""
        key = request.path_params["key"]
        expires, token = (request.query_params.get(name, "") for name in ("expires", "token"))
        if not link_is_good(key, expires, token, self.secret, self.now()):
            raise HTTPException(404)
        try:
            # In a folder the "copy" is the object itself, which outlives the context.
            with self.files.local_copy(key) as path:
                return _File(path, filename=path.name, headers=_HEADERS)
        except (InvalidKeyError, ObjectMissingError):
            raise HTTPException(404) from None

"""The server's process, as `rhizome up` starts it; it ends at SIGTERM."""

from datetime import UTC, datetime

import uvicorn

from rhizome_pipelines.deployment.downloads import local_files
from rhizome_pipelines.panel.app import make_app
from rhizome_pipelines.panel.downloads import Downloads
from rhizome_pipelines.settings import Settings, load_settings
from rhizome_pipelines.transfer.links import link_secret

GRACE_SECONDS = 3
"""Time that downloads under way have at the end; a client can go on with a range later."""


def main(settings: Settings) -> None:
    """Serve until asked to end."""
    files = local_files(settings)
    secret = link_secret(settings.home)
    routes = [Downloads(files, secret, lambda: datetime.now(UTC)).route] if files else []
    uvicorn.run(
        make_app(routes),
        host=settings.panel_host,
        port=settings.panel_port,
        log_level=settings.log_level,
        access_log=False,  # it would keep the tokens
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main(load_settings())

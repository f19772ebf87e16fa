"""The application: the routes, and one plain sentence for whatever has no answer."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

NOTHING_HERE = "There is nothing here: the link is not whole, has expired, or its file is gone.\n"
OUT_OF_ORDER = "This cannot be answered now; try again later, and see the server's log.\n"


def make_app(routes: Sequence[BaseRoute]) -> Starlette:
    """The application with these routes. No answer to a fault tells more than one sentence."""
    app = Starlette(
        routes=routes, exception_handlers={HTTPException: _refuse, Exception: _apologise}
    )
    app.router.redirect_slashes = False  # a redirect would tell which routes there are
    return app


def _refuse(_request: Request, _fault: Exception) -> Response:
    """The same for an unknown path, a method that is not allowed and a bad link."""
    return PlainTextResponse(NOTHING_HERE, status_code=404)


def _apologise(_request: Request, _fault: Exception) -> Response:
    return PlainTextResponse(OUT_OF_ORDER, status_code=503)

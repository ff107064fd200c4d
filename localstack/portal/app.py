"""Serves the page, and stands for what a portal has of its own: signing in, and the customer's carts.

The real portal signs in with Cognito by SRP, which never sends a password. Here nobody types one: a seeded user of the
local stack is chosen, and this server signs it in.
"""

from pathlib import Path

import requests
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from localstack import seed
from localstack import stack as stacks
from localstack.stack import Stack, StackError
from tooling.cli import UserError
from tooling.paths import BASE_CSS

_STATIC = Path(__file__).resolve().parent / "static"
_CARTS_SECONDS = 10


def _loaded(directory: Path) -> Stack:
    stack = stacks.load(directory)
    if not stack.outputs:
        raise StackError("the local stack is not up: run `make up`")
    return stack


def app(directory: Path) -> Starlette:
    """The portal of the stack in a folder."""

    def environment(_: Request) -> Response:
        """The API that the page calls, and who may sign in."""
        users = [{"email": user["email"], "tenantId": user["tenantId"]} for user in seed.users()]
        return JSONResponse({"api": _loaded(directory).api_url, "users": users})

    def sign_in(request: Request) -> Response:
        """The ID token of a seeded user, as the portal gets it from Cognito."""
        return JSONResponse({"idToken": seed.token(_loaded(directory), request.path_params["email"])})

    def carts(request: Request) -> Response:
        """The carts of a tenant, from the Cart service."""
        url = f"{_loaded(directory).cart_url}/v1.0/carts"
        found = requests.get(url, timeout=_CARTS_SECONDS).json()
        return JSONResponse([cart for cart in found if cart["tenantId"] == request.path_params["tenant"]])

    def stylesheet(_: Request) -> Response:
        return Response(BASE_CSS.read_text(), media_type="text/css")

    def report(_: Request, error: Exception) -> Response:
        return JSONResponse({"title": "The local stack has a problem", "status": 503, "detail": str(error)}, 503)

    routes = [
        Route("/environment", environment),
        # POST, so that no link can sign anybody in. Other origins cannot read the response: it allows none.
        Route("/sign-in/{email}", sign_in, methods=["POST"]),
        Route("/carts/{tenant}", carts),
        Route("/base.css", stylesheet),
        Mount("/", StaticFiles(directory=_STATIC, html=True)),
    ]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=routes, middleware=[hosts], exception_handlers={UserError: report, OSError: report})

"""An ASGI app whose packages are locked: `/` says which versions it runs on."""

from datetime import datetime, timezone
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route


async def first_page(request):
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return JSONResponse({"time": now, "starlette": version("starlette")})


async def health(request):
    return PlainTextResponse("1")


app = Starlette(routes=[Route("/", first_page), Route("/health", health)])

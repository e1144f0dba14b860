"""A room for everybody: what one says over a WebSocket, the others hear."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import FileResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute

PAGE = Path(__file__).parent / "page.html"

room = set()


class Chat(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket):
        await websocket.accept()
        room.add(websocket)
        await websocket.send_text(f"{len(room)} here")

    async def on_receive(self, websocket, text):
        for other in room - {websocket}:
            await other.send_text(text)

    async def on_disconnect(self, websocket, close_code):
        room.discard(websocket)


async def first_page(request):
    return FileResponse(PAGE)


async def health(request):
    return PlainTextResponse("1")


app = Starlette(
    routes=[
        Route("/", first_page),
        Route("/health", health),
        WebSocketRoute("/chat", Chat),
    ]
)

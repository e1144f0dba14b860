"""A FastAPI app as its tutorial writes one: nothing here says how it is served."""

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/")
async def first_page():
    return {"Hello": "World"}


@app.get("/items/{item_id}")
async def item(item_id: int, q: str | None = None):
    return {"item_id": item_id, "q": q}


@app.get("/who")
async def who(request: Request):
    """What the app knows about a request that came through nginx."""
    return {"address": request.client.host, "url": str(request.url)}


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@app.get("/health", response_class=PlainTextResponse)
async def health():
    return "1"

"""Socket.IO beside an API, as the documentation of python-socketio puts them together."""

import os
from pathlib import Path

import socketio
from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse

api = FastAPI()
sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio, api)


@api.get("/")
async def first_page():
    return FileResponse(Path(__file__).parent / "page.html")


@api.get("/health", response_class=PlainTextResponse)
async def health():
    return "1"


@sio.event
async def connect(sid, environ):
    await sio.save_session(sid, {"total": 0})
    await sio.emit("worker", os.getpid(), to=sid)


@sio.event
async def add(sid, number):
    """Adds to the sum of this client; it is in this process's memory, as everything of a client is."""
    async with sio.session(sid) as session:
        session["total"] += number
        return session["total"]

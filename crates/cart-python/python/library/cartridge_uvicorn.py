"""What is to be mended of uvicorn, behind our launcher and as gunicorn's worker. Python 3 only."""

import asyncio


async def finish(server, drain):
    """To be called before uvicorn's own `shutdown`, which closes WebSockets at once: lets the app finish
    as `drain` has it."""
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        if ".websockets" not in type(connection).__module__:
            connection.shutdown()
    while server.server_state.connections and drain.has_time():
        await asyncio.sleep(0.05)

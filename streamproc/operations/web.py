"""The worker's pages: `/metrics`, `/healthz`, `/readyz`.

Served from the first moment, by aiohttp itself: Faust's own web server starts only when the broker has answered, and
"the broker does not answer" is what `/readyz` is there to say.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import orjson
from aiohttp import web

from streamproc.operations.health import Health
from streamproc.operations.metrics import Metrics

Monotonic = Callable[[], float]


@asynccontextmanager
async def served_pages(
    host: str, port: int, metrics: Metrics, health: Health, monotonic: Monotonic
) -> AsyncIterator[None]:
    """Serve the pages while the context lasts. Raises OSError when the address cannot be had."""

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), content_type="text/plain", charset="utf-8")

    async def show_health(_: web.Request) -> web.Response:
        return _answer(health.healthy(monotonic()))

    async def show_readiness(_: web.Request) -> web.Response:
        return _answer(health.ready())

    application = web.Application()
    application.router.add_get("/metrics", show_metrics)
    application.router.add_get("/healthz", show_health)
    application.router.add_get("/readyz", show_readiness)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


def _answer(problems: Mapping[str, str]) -> web.Response:
    body = orjson.dumps({"ok": not problems, "problems": dict(problems)})
    return web.Response(body=body, status=503 if problems else 200, content_type="application/json")

"""An aiohttp server and client in one loop; with `uvloop` as argument, in uvloop's."""

import asyncio
import sys

from aiohttp import ClientSession, web


async def hello(request):
    return web.json_response({"name": request.match_info["name"], "length": len(await request.text())})


async def main():
    app = web.Application()
    app.router.add_post("/{name}", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with ClientSession() as session:
        for number in range(20):
            async with session.post(f"http://127.0.0.1:{port}/n{number}", data="x" * number) as response:
                print(response.status, await response.json())
    await runner.cleanup()


if sys.argv[1:] == ["uvloop"]:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())

"""asyncio: tasks, a group that fails, a server and its client, a subprocess, a cancelled task."""

import asyncio
import sys


async def answer(reader, writer):
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    for word in ("one", "two", "three"):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(word.encode() + b"\n")
        print((await reader.readline()).decode().strip())
        writer.close()
        await writer.wait_closed()
    server.close()
    print(await asyncio.gather(*(asyncio.sleep(0.01 * number, number) for number in range(5))))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "raise SystemExit(7)")
    print(await child.wait())
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    task.cancel()
    print(await asyncio.gather(task, return_exceptions=True))


asyncio.run(main(), debug=len(sys.argv) > 1)

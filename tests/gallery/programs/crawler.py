"""Coroutines that fetch pages from a server of the same loop through a queue; some pages are missing, some are slow."""

from __future__ import annotations

import asyncio

WORKERS, PAGES = 12, 400


class Site:
    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = int(await reader.readline())
        await asyncio.sleep(0.3 if number % 90 == 50 else 0.001 * (number % 20))
        writer.write(self.page(number))
        await writer.drain()
        writer.close()

    def page(self, number: int) -> bytes:
        return b"missing" if number % 37 == 5 else b"page " * (number % 60 + 1)


class Crawler:
    def __init__(self, port: int) -> None:
        self.port = port
        self.waiting: asyncio.Queue[int] = asyncio.Queue()
        self.words = 0

    async def work(self) -> None:
        while True:
            number = await self.waiting.get()
            try:
                self.keep(await self.fetch(number))
            except LookupError:
                await asyncio.sleep(0.002)
            finally:
                self.waiting.task_done()

    async def fetch(self, number: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"%d\n" % number)
        page = await reader.read()
        writer.close()
        if page == b"missing":
            raise LookupError(number)
        return page

    def keep(self, page: bytes) -> None:
        self.words += len(self.split(page))

    def split(self, page: bytes) -> list[bytes]:
        return page.split()


async def main() -> None:
    server = await asyncio.start_server(Site().answer, "127.0.0.1", 0)
    crawler = Crawler(server.sockets[0].getsockname()[1])
    for number in range(PAGES):
        crawler.waiting.put_nowait(number)
    workers = [asyncio.create_task(crawler.work(), name=f"crawler-{n}") for n in range(WORKERS)]
    await crawler.waiting.join()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())

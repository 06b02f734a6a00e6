"""The floor: a protocol that answers each segment with a constant, and parses nothing.

python benchmarks/floor.py CASE PORT [uvloop|asyncio]
"""

import asyncio
import sys

from cases import CASES


class Floor(asyncio.Protocol):
    response: bytes
    closes: bool

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(self.response)
        if self.closes:
            self.transport.close()


async def serve(case, port):
    Floor.response, Floor.closes = case.floor, case.closes
    server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


def main():
    case, port = CASES[sys.argv[1]], int(sys.argv[2])
    if "asyncio" in sys.argv[3:]:
        asyncio.run(serve(case, port))
        return
    import uvloop

    uvloop.run(serve(case, port))


if __name__ == "__main__":
    main()

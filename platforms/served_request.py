"""Runs on the platform: sends one request and one WebSocket message to a server in a child process.

python served_request.py LOOP
"""

import sys

from tests import processes

REQUEST = b"GET /hello HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n"


PATIENCE = 300.0  # seconds, enough for an emulator on a busy machine


def main(loop: str) -> None:
    from websockets.sync.client import connect

    processes.PATIENCE = PATIENCE
    with processes.serve("examples.hello:app", "--loop", loop) as server:
        answer = processes.exchange((server.host, server.port), REQUEST, timeout=PATIENCE)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
        assert answer.endswith(b"\r\n\r\nHello, world!\n"), answer
    with (
        processes.serve("examples.websocket_echo:app", "--loop", loop) as server,
        connect(f"ws://127.0.0.1:{server.port}/", open_timeout=PATIENCE, proxy=None) as websocket,
    ):
        websocket.send("hello")
        reply = websocket.recv(timeout=PATIENCE)
        assert reply == "hello", reply
    print("served")


if __name__ == "__main__":
    main(sys.argv[1])

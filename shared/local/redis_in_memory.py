"""``python -I redis_in_memory.py <port>``: a Redis that forgets, where no Redis program can be had."""

from __future__ import annotations

import sys

from fakeredis import TcpFakeServer

if __name__ == "__main__":
    # The commands of 6.2, as in the wheel: what works here works on the other rungs.
    with TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_version=(6, 2)) as server:
        server.serve_forever()

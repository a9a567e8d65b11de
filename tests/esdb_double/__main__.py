"""`python -m tests.esdb_double [--port N] [--file F] [--host H] [--tls FOLDER]`; prints the URL.

With --file appended events survive a kill. --tls takes key.pem and cert.pem.
"""

import argparse
from pathlib import Path

from tests.esdb_double.server import Node


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--tls", type=Path)
    asked = parser.parse_args()
    tls = None
    if asked.tls:
        tls = ((asked.tls / "key.pem").read_bytes(), (asked.tls / "cert.pem").read_bytes())
    with Node(port=asked.port, file=asked.file, host=asked.host, tls=tls) as node:
        print(node.url, flush=True)
        node.wait()


if __name__ == "__main__":
    main()

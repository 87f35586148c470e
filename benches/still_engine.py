#!/usr/bin/env python3
"""An engine that holds every image that it is asked about, and always says the same."""

import json
import os
import socketserver
import sys

IMAGE = {
    "Id": "sha256:" + "0a" * 32,
    "RepoTags": [],
    "RepoDigests": [],
    "Created": "2026-01-01T00:00:00Z",
    "Architecture": os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64"),
    "Os": "linux",
    "Size": 1000,
    "Config": {"Labels": {}},
    "RootFS": {"Type": "layers", "Layers": ["sha256:" + "1b" * 32]},
}
BODY = json.dumps(IMAGE).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Questions(socketserver.StreamRequestHandler):
    """One connection, with any number of questions without a body."""

    def handle(self):
        while self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            self.wfile.write(ANSWER)


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    # Many connections at once are no reason to refuse one.
    request_queue_size = 128


Engine(sys.argv[1], Questions).serve_forever()

"""Registries on the loopback: a good one, and four that are dead in their own ways."""

import hashlib
import http.client
import http.server
import io
import json
import re
import socket
import subprocess
import tarfile
import threading
import time
import zlib

from setup import Failure, need

CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layer:
    """A file as a layer, packed and not."""

    def __init__(self, name, data):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        self.tar = out.getvalue()
        pack = zlib.compressobj(1, zlib.DEFLATED, 31)
        self.packed = pack.compress(self.tar) + pack.flush()
        self.diff_id = digest(self.tar)
        self.digest = digest(self.packed)


def config(layers, label):
    """An image's configuration; the label makes it one of its own."""
    of = {"Labels": {"occ-bench": label}}
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    return json.dumps({"architecture": "amd64", "os": "linux", "config": of, "rootfs": rootfs}).encode()


class Registry:
    """Debian's docker-registry, with its files in the folder of the bench."""

    def __init__(self, bench):
        need("docker-registry")
        file = bench.work / "registry.yml"
        file.write_text(
            "version: 0.1\nlog: { level: info, formatter: text }\n"
            f"storage: {{ filesystem: {{ rootdirectory: {bench.work}/registry }} }}\n"
            'http: { addr: "127.0.0.1:0" }\n'
        )
        log = bench.work / "registry.log"
        with open(log, "w") as out:
            process = subprocess.Popen(["docker-registry", "serve", file], stdout=out, stderr=out)
        bench.at_the_end.append(process.kill)
        for _ in range(100):
            found = re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())
            if found:
                self.host = found[1]
                return
            time.sleep(0.1)
        raise Failure("docker-registry did not start", *log.read_text().splitlines()[-3:])

    def push(self, path, layers, label):
        """An image under `host/path:1`."""
        made = config(layers, label)
        connection = http.client.HTTPConnection(self.host, timeout=60)
        for data in [made, *(layer.packed for layer in layers)]:
            self.blob(connection, path, data)
        of = lambda kind, data: {"mediaType": kind, "size": len(data), "digest": digest(data)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": of(CONFIG, made)}
        manifest["layers"] = [of(LAYER, layer.packed) for layer in layers]
        answer(connection, "PUT", f"/v2/{path}/manifests/1", json.dumps(manifest), {"Content-Type": MANIFEST})
        connection.close()

    def blob(self, connection, path, data):
        begun = answer(connection, "POST", f"/v2/{path}/blobs/uploads/", "", {})
        place = begun.getheader("Location").split(self.host, 1)[-1]
        place += ("&" if "?" in place else "?") + "digest=" + digest(data)
        answer(connection, "PUT", place, data, {"Content-Type": "application/octet-stream"})


def answer(connection, method, path, body, headers):
    connection.request(method, path, body=body, headers=headers)
    got = connection.getresponse()
    text = got.read()
    if got.status >= 400:
        raise Failure(f"the registry answers {method} {path} with {got.status}", text.decode(errors="replace"))
    return got


class Busy(http.server.BaseHTTPRequestHandler):
    """Always 503."""

    def do_GET(self):
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def address(one):
    host, port = one.getsockname()
    return f"{host}:{port}"


def refused():
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return address(one)


def busy():
    """One that answers each request with 503."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return address(server.socket)


def hung():
    """One that takes each connection and says nothing."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    kept = []

    def take():
        while True:
            kept.append(listening.accept()[0])

    threading.Thread(target=take, daemon=True).start()
    return address(listening)


# What must stay open for as long as the bench runs.
holes = []


def black_hole():
    """One that drops every SYN: its backlog is full, and nobody accepts."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    holes.append(listening)
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listening.getsockname())
        holes.append(one)
    return address(listening)

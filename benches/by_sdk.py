"""What a team writes by hand with the Docker SDK for Python.

by_sdk.py get IMAGE…         each is there
by_sdk.py pull IMAGE…        pulls each
by_sdk.py build IMAGE DIR    builds one
"""

import sys

import docker

client = docker.from_env(timeout=600)
what, *rest = sys.argv[1:]
if what == "build":
    client.images.build(path=rest[1], tag=rest[0], rm=True)
for name in rest if what != "build" else []:
    if what == "get":
        client.images.get(name)
    else:
        client.images.pull(*name.rsplit(":", 1))

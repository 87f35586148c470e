"""`occ lock`: what does each tag stand for?"""

import os

import fixtures
import race
from race import Command, Race

from registry import Layer

SIZES = (1, 20, 200)


def tables(bench):
    engine, peers, host = bench.engine, bench.peers, bench.registry.host
    engine.empty()
    layer = Layer("file", os.urandom(1000))
    names = [f"l{number}" for number in range(max(SIZES))]
    for name in names:
        bench.registry.push(f"occ-bench/{name}", [layer], name)
    for size in SIZES:
        file = fixtures.pulls(bench.work / f"lock-{size}.toml", names[:size], [host])
        written = file.with_suffix(".lock")

        def forget():
            written.unlink(missing_ok=True)

        bare = engine.at_once("GET", [f"/distribution/{host}/occ-bench/{name}:1/json" for name in names[:size]])
        commands = [
            Command(
                "occ lock", ["env", "-u", "OCC_NO_LOCK", bench.occ, "--manifest", file, "lock"], prepare=forget, runs=3
            ),
            Command("floor: all questions at once, by curl", bare, 1.2 if size == 20 else None, forget, runs=3),
        ]
        if peers.compose:
            images = [(f"{host}/occ-bench/{name}:1", None) for name in names[:size]]
            resolve = [*peers.services(f"lock-{size}", images), "config", "--resolve-image-digests"]
            commands.append(
                Command("docker-compose config --resolve-image-digests", resolve, None, forget, runs=2, peer=True)
            )
        title = f"occ lock, {size} image{'s' if size > 1 else ''}"
        yield race.run(bench, Race(title, commands, least=6, most=24, memory=24))

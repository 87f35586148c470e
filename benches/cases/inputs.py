"""Nothing to do: images that are built, from contexts that did not change."""

import time

import fixtures
import race
from race import Command, Race


def tables(bench):
    engine, peers = bench.engine, bench.peers
    for title, (name, make, looked_at) in fixtures.CONTEXTS.items():
        engine.empty()
        top = fixtures.context(bench, name, make)
        image = f"occ-bench/{name}:1"
        file = fixtures.builds(bench.work / f"inputs-{name}.toml", name, top)
        # What just changed is not remembered.
        time.sleep(3)
        bench.once(bench.sync(file), f"`{name}` was not built")
        is_many = name == "many"
        walk = [word for place in looked_at for word in ("--walk", top / place)]
        commands = [
            Command("occ sync", bench.sync(file), runs=10),
            Command(
                "floor: stats on two threads, one inspect", [bench.floor, *walk, image], 2 if is_many else None, runs=10
            ),
        ]
        build = ["env", "DOCKER_BUILDKIT=1", bench.builder, "build", "-q", "-t", f"occ-bench/{name}:kit", top]
        commands.append(Command("docker build, BuildKit", build, 1 / 15 if is_many else None, runs=2, peer=True))
        if peers.compose:
            compose = [*peers.services(f"inputs-{name}", [(f"occ-bench/{name}:compose", top)]), "build", "-q"]
            commands.append(Command("docker-compose build", compose, runs=2, peer=True))
        if is_many:
            classic = ["env", "DOCKER_BUILDKIT=0", peers.docker, "build", "-q", "-t", f"occ-bench/{name}:classic", top]
            once = {"rounds": 1, "peer": True}
            commands.append(Command("docker build, classic", classic, **once))
            if peers.python:
                commands.append(
                    Command("Docker SDK for Python, build", peers.sdk("build", f"occ-bench/{name}:sdk", top), **once)
                )
                more = f', force_source: true, build: {{ path: "{top}" }}'
                play = peers.playbook(f"inputs-{name}", [f"occ-bench/{name}:play"], "build", more)
                commands.append(Command("Ansible docker_image, force_source", play, **once))
        yield race.run(bench, Race(f"Nothing changed, {title}", commands, least=6, most=24, memory=24))

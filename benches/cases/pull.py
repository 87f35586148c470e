"""Pulls from a registry on the loopback."""

import os

import fixtures
import race
from race import Command, Race

from registry import Layer


def tables(bench):
    registry = bench.registry
    cases = [
        ("one image, 5 layers of 40 MB", ["large"], [os.urandom(40_000_000) for _ in range(5)]),
        ("one image, a layer of 200 MB that packs well", ["packs"], [fixtures.text(200_000_000)]),
        ("eight images of 20 MB", [f"eight{n}" for n in range(8)], [os.urandom(20_000_000)]),
    ]
    for title, names, layers in cases:
        for name in names:
            mine = layers if len(names) == 1 else [os.urandom(len(layers[0]))]
            made = [Layer(f"{name}-{number}", data) for number, data in enumerate(mine)]
            registry.push(f"occ-bench/{name}", made, name)
        yield race.run(bench, Race(f"Pull, {title}", list(commands(bench, names)), 6, 18, memory=24))


def commands(bench, names):
    engine, peers, host = bench.engine, bench.peers, bench.registry.host
    there = [f"{host}/occ-bench/{name}" for name in names]
    images = [f"{place}:1" for place in there]
    file = fixtures.pulls(bench.work / f"pull-{names[0]}.toml", names, [host])

    def forget():
        engine.empty()
        # What earlier rounds wrote is on the disk before the clock starts.
        os.sync()

    def there_now():
        for image in images:
            engine.id(image)

    bare = engine.at_once("POST", [f"/images/create?fromImage={place}&tag=1" for place in there])
    all_at_once = " & ".join(f"{peers.docker} pull -q {image}" for image in images)
    yield Command("occ sync", bench.sync(file), prepare=forget)
    yield Command(
        "floor: POST /images/create" + (", all at once" if len(names) > 1 else ""), bare, 1.03, forget, there_now
    )
    of_docker = "docker pull" + (", all at once" if len(names) > 1 else "")
    yield Command(of_docker, ["sh", "-c", f"{all_at_once} & wait"], 1.0, forget, there_now, peer=True)
    if peers.compose:
        compose = peers.services(f"pull-{names[0]}", [(image, None) for image in images])
        yield Command("docker-compose pull", [*compose, "pull", "-q"], None, forget, peer=True)
    if peers.python:
        yield Command("Docker SDK for Python", peers.sdk("pull", *images), None, forget, rounds=3, peer=True)
        play = peers.playbook(f"pull-{names[0]}", images, "pull")
        yield Command("Ansible docker_image", play, None, forget, rounds=1, peer=True)

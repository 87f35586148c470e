"""The first registry is dead, the second is good."""

import os

import fixtures
import race
from race import Command, Race

import registry as registries
from registry import Layer

# Seconds of silence after which occ asks the next source beside the first.
PATIENCE = 2

# How it is dead, whether that costs the patience, and how often the slow peers are waited for.
WAYS = {
    "refuses connections": (registries.refused, False, 100),
    "answers with 503": (registries.busy, False, 100),
    "takes connections and says nothing": (registries.hung, True, 2),
    "drops every packet": (registries.black_hole, True, 2),
}
GOOD = "occ sync, the good one alone"


def tables(bench):
    engine, peers, good = bench.engine, bench.peers, bench.registry.host
    bench.registry.push("occ-bench/small", [Layer("file", os.urandom(1000))], "small")
    alone = fixtures.pulls(bench.work / "good.toml", ["small"], [good])
    for way, (start, is_silent, rounds) in WAYS.items():
        dead = start()
        file = fixtures.pulls(bench.work / "dead.toml", ["small"], [dead, good])
        first, second = f"{dead}/occ-bench/small:1", f"{good}/occ-bench/small:1"

        def within(round):
            return PATIENCE + 1.5 * min(round[GOOD])

        either = f"{peers.docker} pull -q {first} || {peers.docker} pull -q {second}"
        commands = [
            Command("occ sync", bench.sync(file), prepare=engine.empty),
            Command(
                GOOD, bench.sync(alone), 1 if is_silent else None, engine.empty, counts=within if is_silent else None
            ),
            Command(
                "docker pull A || docker pull B",
                ["sh", "-c", either],
                0.1 if is_silent else None,
                engine.empty,
                rounds=rounds,
                peer=True,
            ),
        ]
        if peers.compose:
            parts = [
                " ".join(map(str, peers.services(f"dead-{n}", [(image, None)])))
                for n, image in enumerate((first, second))
            ]
            either = " || ".join(f"{part} pull -q" for part in parts)
            commands.append(
                Command(
                    "docker-compose pull, a file each",
                    ["sh", "-c", either],
                    None,
                    engine.empty,
                    rounds=min(rounds, 3 if not is_silent else 1),
                    peer=True,
                )
            )
        yield race.run(
            bench, Race(f"The first registry {way}", commands, least=6, most=6 if is_silent else 18, memory=24)
        )

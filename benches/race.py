"""Commands that take turns, and what each took.

A round runs every command; who begins changes with each round. Of a round counts the best
time of each command: what else runs meanwhile only ever adds to it. A ratio is taken within
a round, and the median of the rounds is told, with the range that it can be trusted to.
Rounds are added until that range lies on one side of every goal, or there are enough.
"""

import statistics
import subprocess
from dataclasses import dataclass, field

import stats
from setup import Failure


@dataclass
class Command:
    """One that takes part. `goal` is the largest ratio of occ to it."""

    name: str
    argv: list
    goal: float = None
    # What is done before each run, outside of the clock.
    prepare: object = None
    # Fails unless a run did what it is for, where its exit status does not tell.
    prove: object = None
    # Runs in a round: many where they are short.
    runs: int = 1
    # It takes part in so many rounds; a slow one in few.
    rounds: int = 1000
    # What a round of it is worth beside occ: its time, unless another is said to count.
    counts: object = None
    # Peers are what people use now; the others are floors.
    peer: bool = False


@dataclass
class Race:
    """A case of a table: occ is the first command."""

    title: str
    commands: list
    least: int = 6
    most: int = 24
    # The largest memory of occ, in MB.
    memory: float = None
    # Further figures: (what, number, unit, goal).
    figures: list = field(default_factory=list)


def run(bench, race):
    """Runs it, and says what came of it."""
    rounds = []
    most_memory = {}
    for turn in range(race.most):
        taking_part = [command for command in race.commands if turn < command.rounds]
        round = {}
        for command in taking_part if turn % 2 == 0 else reversed(taking_part):
            times, memory = timed(bench, command)
            round[command.name] = times
            most_memory[command.name] = max(memory, most_memory.get(command.name, 0))
        rounds.append(round)
        # Not after every round: who asks often enough gets the answer that he wants.
        if (turn + 1) % race.least:
            continue
        result = told(race, rounds, most_memory)
        if not any(row.get("verdict") == "too noisy to tell" for row in result["rows"]):
            break
    return told(race, rounds, most_memory)


def timed(bench, command):
    """The times of a round, in seconds, and the largest memory, in bytes."""
    log, runs = str(bench.work / "log"), command.runs
    if command.prepare is None and command.runs > 1:
        once(bench, command, log, 1)
    batches = [runs] if command.prepare is None and command.prove is None else [1] * runs
    times, memory = [], 0
    for batch in batches:
        if command.prepare is not None:
            command.prepare()
        for line in once(bench, command, log, batch).splitlines():
            seconds, most = line.split()
            times.append(float(seconds))
            memory = max(memory, int(most))
        if command.prove is not None:
            command.prove()
    return times, memory


def once(bench, command, log, runs):
    """What the stopwatch prints."""
    watch = [str(bench.stopwatch), log, str(runs), *map(str, command.argv)]
    done = subprocess.run(watch, env=bench.environment, capture_output=True, text=True)
    if done.returncode != 0:
        with open(log, errors="replace") as file:
            last = file.read().strip().splitlines()[-3:]
        raise Failure(f"`{command.name}` failed", *last, done.stderr.strip())
    return done.stdout


def told(race, rounds, memory):
    """The rows of the table."""
    occ = race.commands[0]
    rows = []
    for command in race.commands:
        times = [time for round in rounds for time in round.get(command.name, [])]
        low, high = stats.quartiles(times)
        row = {
            "name": command.name,
            "peer": command.peer,
            "runs": len(times),
            "median": statistics.median(times),
            "low_time": low,
            "high_time": high,
            "memory": memory[command.name],
        }
        if command is not occ:
            worth = command.counts or (lambda round, name=command.name: min(round[name]))
            both = [round for round in rounds if command.name in round]
            pairs = [(min(round[occ.name]), worth(round)) for round in both]
            row.update(stats.ratio(pairs, command.goal))
        rows.append(row)
    return {"title": race.title, "rows": rows, "figures": figures(race, rows)}


def figures(race, rows):
    """What was not timed: memory, and what a case adds."""
    occ = rows[0]["memory"] / 1e6
    lines = [("peak memory of occ", occ, "MB", race.memory)]
    peers = [row for row in rows if row["peer"]]
    if peers:
        least = min(peers, key=lambda row: row["memory"])
        lines.append((f"peak memory, occ : {least['name']}", occ / (least["memory"] / 1e6), "", 1))
    lines += race.figures
    return [{"what": what, "unit": unit, **stats.figure(n, goal)} for what, n, unit, goal in lines]


def series(bench, title, unit, lines, rounds=6):
    """How times grow: each line is a name and its commands, by size; the sizes of all are the
    same. Told is the median of each, and what ten times as much takes."""
    named = [(size, Command(f"{name} {size}", *rest)) for name, sizes in lines for size, *rest in sizes]
    times = {}
    memory = {}
    for turn in range(rounds):
        for _, command in named if turn % 2 == 0 else reversed(named):
            took, most = timed(bench, command)
            times.setdefault(command.name, []).append(min(took))
            memory[command.name] = max(most, memory.get(command.name, 0))
    rows = []
    for name, sizes in lines:
        steps = [(size, f"{name} {size}") for size, *_ in sizes]
        medians = [statistics.median(times[command]) for _, command in steps]
        rows.append(
            {
                "name": name,
                "sizes": [size for size, _ in steps],
                "medians": medians,
                "memory": [memory[command] for _, command in steps],
            }
        )
    return {"title": title, "unit": unit, "growth": rows}

"""What scripts/engines and scripts/test read of tests/engines.toml.

names        the engines, one a line
tests NAME   a filter of cargo-nextest: the tests that need an engine, without those that do
             not apply to this one, which are told on stderr with their reasons
"""

import pathlib
import sys

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    from pip._vendor import tomli as tomllib

TABLE = tomllib.loads(pathlib.Path(__file__).with_suffix(".toml").read_text())


def tests(name):
    engine = next(it for it in TABLE["engine"] if it["name"] == name)
    wanted = " + ".join(f"test(/^{module}::/)" for module in TABLE["modules"])
    # Theirs are engines of their own, or none.
    wanted = f"kind(test) & ({wanted})"
    for other in TABLE["elsewhere"]:
        wanted += f" - test(/^{other}/)"
    for gap in engine.get("gap", []):
        for test in gap["tests"]:
            print(f"== not for {name}: {test}: {gap['why']}", file=sys.stderr)
            wanted += f" - test(/^{test}/)"
    print(wanted)


match sys.argv[1:]:
    case ["names"]:
        for it in TABLE["engine"]:
            print(it["name"])
    case ["tests", name]:
        tests(name)
    case _:
        sys.exit(__doc__)

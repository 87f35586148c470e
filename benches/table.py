"""Results as Markdown."""


def time(seconds):
    """
    >>> time(0.00123), time(0.0456), time(1.234), time(30.1)
    ('1.23 ms', '45.6 ms', '1.23 s', '30.1 s')
    """
    number, unit = (seconds * 1000, "ms") if seconds < 1 else (seconds, "s")
    return f"{digits(number)} {unit}"


def digits(number):
    """Three digits that mean something.

    >>> digits(0.01234), digits(1.5), digits(123.4), digits(2), digits(1234.5)
    ('0.0123', '1.5', '123', '2', '1234')
    """
    if number == 0:
        return "0"
    if abs(number) >= 100:
        return f"{number:.0f}"
    text = f"{number:.3g}"
    return text


def ratio(row):
    """
    >>> ratio({"ratio": 0.5, "low": 0.4, "high": 0.6, "goal": 0.7, "verdict": "met"})
    '0.5 (0.4 to 0.6) | 0.7 | met'
    """
    if row["low"] == row["high"]:
        told = digits(row["ratio"])
    else:
        told = f"{digits(row['ratio'])} ({digits(row['low'])} to {digits(row['high'])})"
    goal = "" if row["goal"] is None else digits(row["goal"])
    return f"{told} | {goal} | {row['verdict']}"


def race(result):
    lines = [f"### {result['title']}", ""]
    lines += [
        "| | median | middle half | runs | peak memory | occ takes of it | at most | |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in result["rows"]:
        name = row["name"].replace("|", "\\|")
        half = f"{time(row['low_time'])} to {time(row['high_time'])}"
        of = ratio(row) if "ratio" in row else " | | "
        lines.append(
            f"| {name} | {time(row['median'])} | {half} | {row['runs']} | {digits(row['memory'] / 1e6)} MB | {of} |"
        )
    told = []
    for figure in result["figures"]:
        goal = "" if figure["goal"] is None else f" (at most {digits(figure['goal'])}: {figure['verdict']})"
        told.append(f"{figure['what']}: {digits(figure['ratio'])} {figure['unit']}".rstrip() + goal)
    return "\n".join(lines + ["", "; ".join(told) + "."])


def growth(result):
    sizes = result["growth"][0]["sizes"]
    head = [f"{size:,} {result['unit']}" for size in sizes]
    lines = [f"### {result['title']}", ""]
    lines += [
        "| | " + " | ".join(head) + " | ten times as much takes | peak memory |",
        "|---|" + "---:|" * (len(sizes) + 2),
    ]
    for row in result["growth"]:
        medians = row["medians"]
        steps = ", ".join(digits(after / before) for before, after in zip(medians, medians[1:]))
        memory = ", ".join(digits(memory / 1e6) for memory in row["memory"])
        lines.append(f"| {row['name']} | " + " | ".join(map(time, medians)) + f" | {steps} times | {memory} MB |")
    return "\n".join(lines)


def table(result):
    return growth(result) if "growth" in result else race(result)


def verdicts(result):
    """All that has a goal, as (what, verdict)."""
    for row in result.get("rows", []):
        if row.get("goal") is not None:
            yield f"{result['title']}: occ : {row['name']}", row["verdict"]
    for figure in result.get("figures", []):
        if figure["goal"] is not None:
            yield f"{result['title']}: {figure['what']}", figure["verdict"]

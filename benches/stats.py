"""What the rounds of a race mean.

Everything here is a function of numbers; `python3 -m doctest benches/stats.py` tries it.
"""

import math
import statistics


def quartiles(times):
    """The range of the middle half.

    >>> quartiles([5, 1, 2, 4, 3])
    (2, 4)
    >>> quartiles([7])
    (7, 7)
    """
    times = sorted(times)
    last = len(times) - 1
    return times[round(last * 0.25)], times[round(last * 0.75)]


def trusted(ratios):
    """The range that holds the true median in nine of ten such races (sign test). It narrows
    with the number of rounds, so a noisy machine costs time and not truth.

    >>> trusted([1.0, 1.1, 1.2])
    (1.0, 1.2)
    >>> trusted(list(range(100)))
    (41, 58)
    """
    ratios = sorted(ratios)
    n = len(ratios)
    k = max(math.floor(n / 2 - 0.82 * math.sqrt(n)), 0)
    return ratios[k], ratios[n - 1 - k]


# Where the range spans more than this factor and there is no goal, a ratio says little.
WIDE = 1.5


def verdict(low, high, goal):
    """What a range says of a goal.

    >>> verdict(0.8, 0.9, 1.0), verdict(1.1, 1.2, 1.0), verdict(0.9, 1.1, 1.0)
    ('met', 'MISSED', 'too noisy to tell')
    >>> verdict(1.0, 1.2, None), verdict(1.0, 2.0, None)
    ('', 'noisy')
    """
    if goal is None:
        return "noisy" if high > WIDE * low else ""
    if high <= goal:
        return "met"
    return "MISSED" if low > goal else "too noisy to tell"


def ratio(pairs, goal=None):
    """Of the pairs `(one, other)`, one a round: the median of the ratios, the range that it can
    be trusted to, and what that says of the goal.

    >>> ratio([(1, 2), (1, 2), (1, 2)], 0.6)
    {'ratio': 0.5, 'low': 0.5, 'high': 0.5, 'goal': 0.6, 'verdict': 'met'}
    """
    ratios = [one / other for one, other in pairs]
    low, high = trusted(ratios)
    of = {"ratio": statistics.median(ratios), "low": low, "high": high, "goal": goal}
    return {**of, "verdict": verdict(low, high, goal)}


def figure(number, goal=None):
    """A number that has no noise.

    >>> figure(10, 9)['verdict'], figure(8, 9)['verdict'], figure(8)['verdict']
    ('MISSED', 'met', '')
    """
    of = {"ratio": number, "low": number, "high": number, "goal": goal}
    return {**of, "verdict": verdict(number, number, goal)}

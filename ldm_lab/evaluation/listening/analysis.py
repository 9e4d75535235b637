"""From answers to numbers: who is left out and why, means with intervals, differences, agreement, guessing.

Listeners and items are both samples of what one wants to know about, so intervals come from a bootstrap over both.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ldm_lab.errors import ListeningError, OptionError
from ldm_lab.evaluation.listening.playlist import Key
from ldm_lab.evaluation.listening.session import Results
from ldm_lab.evaluation.listening.stimuli import ANCHOR_LOW, ANCHOR_MID, REFERENCE
from ldm_lab.evaluation.statistics import RESAMPLES, Figure
from ldm_lab.rng import Rng

SHARE = 0.15  # of the items that a listener may get wrong (ITU-R BS.1534-3, section 4.1.2)
CONSTANT, FEW = 5, 3  # answers from which on the rules outside the standard apply


@dataclass(frozen=True)
class Rating:
    """A number given by a listener. `system` is not shown to them."""

    listener: str
    kind: str
    item: str
    system: str
    value: float


@dataclass(frozen=True)
class Choice:
    """`pair`: the two systems in alphabetical order; `score`: 1 = X was found (ABX) or the first is preferred, 0.5 = no
    preference, 0 = otherwise."""

    listener: str
    kind: str
    item: str
    pair: tuple[str, str]
    score: float


def unblind(results: Sequence[Results], key: Key) -> tuple[list[Rating], list[Choice]]:
    """What the answers say about systems. The results are those of `merge(paths, key.playlist)`."""
    ratings, choices = [], []
    for listener in results:
        for name, answer in listener.answers.items():
            trial, value = key.playlist.trials[name], answer["value"]
            item = key.sounds[trial.sounds[0]][0]
            given = value if trial.kind == "mushra" else {trial.sounds[0]: value}
            if trial.kind not in ("abx", "preference"):
                ratings += [Rating(listener.listener, trial.kind, item, key.sounds[sound][1], float(number))
                            for sound, number in given.items()]
                continue
            pair = tuple(sorted(key.sounds[sound][1] for sound in trial.sounds))
            right = key.sounds[answer["x"]][1] if trial.kind == "abx" else pair[0]
            score = 0.5 if value is None else float(key.sounds[value][1] == right)
            choices.append(Choice(listener.listener, trial.kind, item, pair, score))
    return ratings, choices


# --- screening -------------------------------------------------------------------------------------------------------


def screen(ratings: Sequence[Rating]) -> dict[str, list[str]]:
    """{listener: reasons} of those to leave out; the rules are fixed before anyone knows the outcome.

    MUSHRA (ITU-R BS.1534-3, 4.1.2): the hidden reference under 90, or the mid anchor over 90, in more than 15 % of the
    items; an item does not count for the second rule if more than 25 % of the listeners rate its mid anchor over 90,
    for then the filter took nothing away. OVL: the 3.5 kHz anchor on average at least as good as the reference. Every
    scale: one and the same number for all sounds.
    """
    fooled: dict[str, list[bool]] = {}
    for rating in ratings:
        if (rating.kind, rating.system) == ("mushra", ANCHOR_MID):
            fooled.setdefault(rating.item, []).append(rating.value > 90)
    unclear = {item for item, votes in fooled.items() if sum(votes) > 0.25 * len(votes)}
    reasons = {}
    for listener in sorted({rating.listener for rating in ratings}):
        own = [rating for rating in ratings if rating.listener == listener]
        found = []
        of = functools.partial(_by_item, own)
        low = [value < 90 for value in of("mushra", REFERENCE).values()]
        if sum(low) > SHARE * len(low):
            found.append(f"rated the hidden reference under 90 in {sum(low)} of {len(low)} items")
        high = [value > 90 for item, value in of("mushra", ANCHOR_MID).items() if item not in unclear]
        if sum(high) > SHARE * len(high):
            found.append(f"rated the mid anchor over 90 in {sum(high)} of {len(high)} items")
        best, worst = of("ovl", REFERENCE), of("ovl", ANCHOR_LOW)
        both = sorted(set(best) & set(worst))
        if len(both) >= FEW and sum(worst[i] for i in both) >= sum(best[i] for i in both):
            found.append(f"OVL: rated the 3.5 kHz anchor as good as the reference or better over {len(both)} items")
        for kind in sorted({rating.kind for rating in own}):
            values = [rating.value for rating in own if rating.kind == kind]
            if len(values) >= CONSTANT and len(set(values)) == 1:
                found.append(f"{kind.upper()}: gave {values[0]:g} to all {len(values)} sounds")
        if found:
            reasons[listener] = found
    return reasons


def _by_item(ratings: Sequence[Rating], kind: str, system: str) -> dict[str, float]:
    return {rating.item: rating.value for rating in ratings if (rating.kind, rating.system) == (kind, system)}


# --- means and differences -------------------------------------------------------------------------------------------


def crossed_mean(values: Sequence[float], listeners: Sequence[str], items: Sequence[str], *, seed: int = 0) -> Figure:
    """Mean of values (n,) and its 95 % interval when listeners and items are drawn again, independently of each other.

    Each answer counts as often as its listener times as often as its item was drawn (the pigeonhole bootstrap of Owen
    2007; rather too wide than too narrow). `n` is the number of answers.
    """
    if not len(values):
        raise ListeningError("got no answers, expected at least one")
    rows, columns = (np.unique(np.asarray(names), return_inverse=True)[1] for names in (listeners, items))
    sums, counts = np.zeros((2, rows.max() + 1, columns.max() + 1))
    np.add.at(sums, (rows, columns), values)
    np.add.at(counts, (rows, columns), 1.0)
    random = Rng(seed).numpy("crossed", *counts.shape)
    draw = lambda n: random.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(float)
    by_row, by_column = draw(counts.shape[0]), draw(counts.shape[1])
    total = ((by_row @ counts) * by_column).sum(axis=1)
    means = (((by_row @ sums) * by_column).sum(axis=1) / np.where(total > 0, total, np.nan))[total > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    return Figure(float(np.mean(values)), float(low), float(high), len(values), seed)


def t_within(t: float, degrees: int) -> float:
    """P(|T| <= t) of Student's t with whole degrees of freedom (Abramowitz & Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan2(abs(t), math.sqrt(degrees))
    square, odd = math.cos(angle) ** 2, degrees % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for i in range((degrees - 1) // 2 if odd else degrees // 2):
        total += term
        term *= square * (2 * i + 1 + odd) / (2 * i + 2 + odd)
    return (2.0 / math.pi) * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def t_interval(values: Sequence[float], confidence: float = 0.95) -> dict | None:
    """{value, low, high, n, p} of the mean of independent values: t interval, t test that it is 0. None if n < 2."""
    n = len(values)
    if n < 2:
        return None
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(n)
    low, high = 0.0, 1e8
    for _ in range(100):  # bisection: t_within rises with t
        middle = 0.5 * (low + high)
        low, high = (middle, high) if t_within(middle, n - 1) < confidence else (low, middle)
    p = 1.0 - t_within(mean / error, n - 1) if error > 0 else float(mean == 0)
    return {"value": mean, "low": mean - low * error, "high": mean + low * error, "n": n, "p": p}


def per_listener(ratings: Sequence[Rating | Choice], values: Sequence[float]) -> list[float]:
    """Mean of each listener: the independent witnesses of a t test."""
    groups: dict[str, list[float]] = {}
    for rating, value in zip(ratings, values):
        groups.setdefault(rating.listener, []).append(value)
    return [float(np.mean(group)) for group in groups.values()]


def compare(ratings: Sequence[Rating], *, seed: int = 0) -> list[dict]:
    """Every two systems (anchors aside) over what the same listener rated of the same item, ratings being of one kind.

    `difference`: mean of first - second with the crossed interval; `p`: paired t test over listeners' means; `p_holm`:
    the same, corrected for the number of comparisons (None with fewer than two listeners).
    """
    systems = sorted({rating.system for rating in ratings} - {ANCHOR_LOW, ANCHOR_MID})
    cells = {(rating.listener, rating.item, rating.system): rating.value for rating in ratings}
    rows = []
    for first, second in itertools.combinations(systems, 2):
        pairs = [(r, r.value - cells[r.listener, r.item, second]) for r in ratings
                 if r.system == first and (r.listener, r.item, second) in cells]
        if not pairs:
            continue
        own, values = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        figure = crossed_mean(values, [r.listener for r in own], [r.item for r in own], seed=seed)
        test = t_interval(per_listener(own, values))
        rows.append({"first": first, "second": second, "difference": figure.as_dict(), "p": test and test["p"]})
    return with_holm(rows)


def with_holm(rows: list[dict]) -> list[dict]:
    """The rows with `p_holm` beside their p (rows whose p is None stay out of the family)."""
    corrected = iter(holm([row["p"] for row in rows if row["p"] is not None]))
    return [row | {"p_holm": None if row["p"] is None else next(corrected)} for row in rows]


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the k-th smallest of m times m - k + 1, never less than the one before."""
    corrected, highest = [0.0] * len(p), 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable")):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = highest
    return corrected


def agreement(ratings: Sequence[Rating]) -> float | None:
    """Krippendorff's alpha (interval scale) between listeners over the sounds of one kind, anchors aside: 1 = all
    agree, 0 = as by chance. None if no two listeners rated the same sound, or all numbers are equal."""
    units: dict[tuple[str, str], list[float]] = {}
    for rating in ratings:
        if rating.system not in (ANCHOR_LOW, ANCHOR_MID):
            units.setdefault((rating.item, rating.system), []).append(rating.value)
    return krippendorff_alpha(list(units.values()))


def krippendorff_alpha(units: Sequence[Sequence[float]]) -> float | None:
    """1 - observed / expected disagreement; `units` holds the values that each unit got, from any number of raters."""
    # squared differences summed over all ordered pairs
    squares = lambda values: 2.0 * len(values) * np.square(values).sum() - 2.0 * np.sum(values) ** 2
    units = [np.asarray(unit, dtype=np.float64) for unit in units if len(unit) > 1]
    values = np.concatenate(units) if units else np.zeros(0)
    expected = squares(values) / max(1, len(values) - 1)
    return None if expected <= 1e-9 else float(1.0 - sum(squares(unit) / (len(unit) - 1) for unit in units) / expected)


# --- guessing --------------------------------------------------------------------------------------------------------


def binomial_p(right: int, trials: int) -> float:
    """Exact probability of `right` or more right answers of `trials` by guessing between two."""
    if not 0 <= right <= trials:
        raise OptionError(f"got {right} right of {trials}, expected 0 <= right <= trials")
    return sum(math.comb(trials, k) for k in range(right, trials + 1)) / 2**trials


def sign_test(wins: int, losses: int) -> float:
    """Exact two-sided p of a sign test; ties are left out beforehand."""
    return min(1.0, 2.0 * binomial_p(max(wins, losses), wins + losses))


def abx_needed(trials: int, *, alpha: float = 0.05) -> int:
    """Right answers needed for binomial_p <= alpha; trials + 1 if not even all would do."""
    ways, tail, needed = 1, 0, trials + 1  # of the comb(trials, k) ways to be right k times, from k = trials down
    while needed > 0 and (tail + ways) / 2**trials <= alpha:
        needed, tail = needed - 1, tail + ways
        ways = ways * needed // (trials - needed + 1)
    return needed


def at_least(right: int, trials: int, share: float) -> float:
    """Probability of `right` or more right answers when each is right with probability `share` (above 0)."""
    if share >= 1.0 or right <= 0:
        return 1.0
    log, rest = math.log(share), math.log1p(-share)
    ways = lambda k: math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
    return math.fsum(math.exp(ways(k) + k * log + (trials - k) * rest) for k in range(right, trials + 1))


def exact_interval(right: int, trials: int) -> tuple[float, float]:
    """95 % interval of the share of right answers (Clopper & Pearson 1934): what 0 or all of a few still leave open."""
    def solve(count: int, probability: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(50):  # bisection: at_least rises with the share
            middle = 0.5 * (low + high)
            low, high = (middle, high) if at_least(count, trials, middle) < probability else (low, middle)
        return low

    return solve(right, 0.025) if right else 0.0, solve(right + 1, 0.975) if right < trials else 1.0


def abx_power(trials: int, *, share: float, alpha: float = 0.05) -> float:
    """Probability that `trials` show a difference which is heard so well that a `share` of all answers is right."""
    if not 0.5 < share <= 1.0 or trials < 1:
        raise OptionError(f"got a share of {share} in {trials} trials, expected above 0.5, at most 1, in at least one")
    needed = abx_needed(trials, alpha=alpha)
    return at_least(needed, trials, share) if needed <= trials else 0.0


def abx_trials(*, share: float, power: float = 0.8, alpha: float = 0.05, most: int = 1000) -> int:
    """Fewest trials, over all listeners together, that reach `power`. Heard by one in d, share is 0.5 + 0.5 / d."""
    found = next((n for n in range(1, most + 1) if abx_power(n, share=share, alpha=alpha) >= power), None)
    if found is None:
        raise OptionError(f"share {share}, power {power}: more than {most} trials would be needed; "
                          "a difference so small cannot be shown")
    return found

"""What is wrong with a mention: its bounds, its type, that it was missed, or that it is none."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import StrEnum

from spacy_bioner_mtl.pipeline.judge import Key


class Kind(StrEnum):
    """How an answer and the gold differ."""

    RIGHT = "right"
    BOUNDARY = "other bounds"
    TYPE = "other type"
    BOTH = "other bounds and type"
    MISSED = "missed"
    INVENTED = "invented"


@dataclass(frozen=True)
class Pair:
    """A mention of the gold and that of the answer which is meant by it.

    kind (Kind): How they differ.
    gold (tuple[int, int, str] | None): First token, token after the last, label; None for INVENTED.
    found (tuple[int, int, str] | None): The same of the answer; None for MISSED.
    """

    kind: Kind
    gold: Key | None
    found: Key | None


@dataclass(frozen=True)
class Agreement:
    """F1 under three measures, from 0 to 1, as nervaluate calls them strict, partial and type.

    exact (float): Bounds and type are right.
    overlapping (float): A token is shared, whatever the type.
    of_type (float): A token is shared, and the type is right.
    """

    exact: float
    overlapping: float
    of_type: float


def pair_mentions(gold: Set[Key], found: Set[Key]) -> list[Pair]:
    """Pair the mentions of a document with those of an answer; each has one partner at most.

    Mentions that are alike come first, then those of the same bounds, then those that share a token
    and the label, then those that share a token.

    gold (Set[Key]): First token, token after the last and label of each mention.
    found (Set[Key]): The same of the answer.
    RETURNS (list[Pair]): All of them, in the order of the text.
    """
    pairs = [Pair(Kind.RIGHT, key, key) for key in gold & found]
    missed, invented = set(gold - found), set(found - gold)
    for kind in (Kind.TYPE, Kind.BOUNDARY, Kind.BOTH):
        meetings = [(a, b) for a in missed for b in invented if _differ(a, b) is kind]
        # Those that share most come first.
        for key, other in sorted(meetings, key=lambda pair: (-_shared(*pair), *pair)):
            if key in missed and other in invented:
                pairs.append(Pair(kind, key, other))
                missed.remove(key)
                invented.remove(other)
    pairs += [Pair(Kind.MISSED, key, None) for key in missed]
    pairs += [Pair(Kind.INVENTED, None, key) for key in invented]
    return sorted(pairs, key=lambda pair: pair.gold or pair.found or (0, 0, ""))


def measure_agreement(kinds: Iterable[Kind]) -> Agreement:
    """Score pairs.

    kinds (Iterable[Kind]): Those of all pairs of all documents.
    RETURNS (Agreement): F1; 0 where there is nothing.
    """
    counts = dict.fromkeys(Kind, 0)
    for kind in kinds:
        counts[kind] += 1
    total = sum(counts.values())
    n_gold, n_found = total - counts[Kind.INVENTED], total - counts[Kind.MISSED]
    overlapping = n_gold - counts[Kind.MISSED]
    right = counts[Kind.RIGHT]

    def f_score(matched: int) -> float:
        return 2 * matched / max(n_gold + n_found, 1)

    of_type = right + counts[Kind.BOUNDARY]
    return Agreement(f_score(right), f_score(overlapping), f_score(of_type))


def _shared(one: Key, other: Key) -> int:
    """How many tokens two mentions share."""
    return max(min(one[1], other[1]) - max(one[0], other[0]), 0)


def _differ(gold: Key, found: Key) -> Kind | None:
    """How two mentions differ that are not alike; None if they share nothing."""
    if gold[:2] == found[:2]:
        return Kind.TYPE
    if not _shared(gold, found):
        return None
    return Kind.BOUNDARY if gold[2] == found[2] else Kind.BOTH

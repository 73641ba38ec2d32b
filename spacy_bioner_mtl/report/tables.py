"""Tables of the page; those that are too wide for a window scroll by themselves."""

from collections.abc import Iterable, Sequence
from html import escape

from spacy_bioner_mtl.evaluate.matrix import Cell
from spacy_bioner_mtl.report.data import HeadReport
from spacy_bioner_mtl.report.mistakes import Kind
from spacy_bioner_mtl.report.traits import SEEN, UNSEEN

#: The first column stays where it is while the others scroll.
TABLE_STYLES = """
.wide { margin: 0.8rem 0; max-width: 100%; overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.95rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.7rem; text-align: right;
  vertical-align: top; white-space: nowrap; }
th { color: var(--quiet); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { background: var(--back); left: 0; padding-left: 0;
  position: sticky; text-align: left; }
thead th { max-width: 8rem; white-space: normal; }
.sub td:first-child { padding-left: 1.2rem; }
.words { width: 100%; }
.words td:first-child { overflow-wrap: anywhere; white-space: normal; }
td small { color: var(--quiet); display: block; font-size: 0.75rem; }
.heat td { min-width: 4.5rem; text-align: center; }
.heat th { text-align: center; }
.heat td:first-child, .heat th:first-child { max-width: 11rem; text-align: left;
  white-space: normal; }
"""
#: Strength of the colour of a cell of 100 %; black and white text can be read on it.
_STRONGEST = 0.55


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """Draw a table of text.

    header (Sequence[str]): Names of the columns.
    rows (Iterable[Sequence[str]]): Cells; a row whose first cell begins with a blank belongs to
        that before it.
    words (bool): Whether the first column is text that may be broken into lines.
    RETURNS (str): HTML.
    """
    body = [
        (
            f"<tr{' class=sub' if row[0].startswith(' ') else ''}>",
            (f"<td>{escape(c)}</td>" for c in row),
        )
        for row in rows
    ]
    lines = "\n".join(f"{start}{''.join(cells)}</tr>" for start, cells in body)
    return _frame(header, lines, "words" if words else "")


def draw_summary(heads: Sequence[HeadReport]) -> str:
    """How good each head is, and where it fails: what a reader wants to know first.

    heads (Sequence[HeadReport]): The heads.
    RETURNS (str): HTML.
    """
    trained = any(UNSEEN in head.traits for head in heads)
    header = ["Head", "P", "R", "F1", "95 % interval", "gold mentions", "most mistakes"]
    header += ["R of names seen in training", "R of others"] if trained else []
    rows = []
    for head in heads:
        scores = map(percent, (head.precision, head.recall, head.f_score))
        row = [head.name, *scores, _interval(head), f"{head.gold:,}", _worst(head)]
        if trained:
            row += [_share(*head.traits.get(name, (0, 0))) for name in (SEEN, UNSEEN)]
        known = head.calibration
        rows.append([*row, percent(known.mean_score) if known else ""])
    return (
        "<p>In percent. A mention is right if its bounds and its type are those of the gold: P is "
        "the share of what was found that is right, R the share of the gold that was found, F1 "
        "their harmonic mean. F1 of 95 of 100 samples of such documents lies in the interval. A "
        "head is too sure if its mean probability is above P.</p>"
        + table((*header, "mean probability"), rows)
    )


def draw_scores_table(heads: Iterable[HeadReport]) -> str:
    """All scores, of labels as well.

    heads (Iterable[HeadReport]): The heads.
    RETURNS (str): HTML.
    """
    header = (
        "Head",
        "P",
        "R",
        "F1",
        "F1, a word shared",
        "and the type",
        "gold mentions",
        "documents",
    )
    rows: list[Sequence[str]] = []
    for head in heads:
        scores = (head.precision, head.recall, head.f_score)
        loose = (head.agreement.overlapping, head.agreement.of_type)
        counts = (f"{head.gold:,}", f"{head.documents:,}")
        rows.append((head.name, *map(percent, scores), *map(percent, loose), *counts))
        if len(head.per_label) > 1:
            rows += [
                (f" {label}", "", "", percent(f_score), "", "", "", "")
                for label, f_score in head.per_label.items()
            ]
    return (
        "<p>In percent. Two columns tell how much of what is lost is lost by bounds and types: F1 "
        "if it is enough that a mention shares a word with the gold, and if its type must be right "
        "as well.</p>" + table(header, rows)
    )


def draw_hard(heads: Sequence[HeadReport]) -> str:
    """Which mentions are found, by their traits.

    heads (Sequence[HeadReport]): The heads.
    RETURNS (str): HTML.
    """
    names = list(dict.fromkeys(name for head in heads for name in head.traits))
    rows = [
        (
            head.name,
            [head.traits.get(name, (0, 0)) for name in names]
            + [(head.kinds[Kind.RIGHT], head.gold)],
        )
        for head in heads
    ]
    lines = "\n".join(
        f"<tr><td>{escape(name)}</td>{''.join(_shaded(*_part(*each)) for each in cells)}</tr>"
        for name, cells in rows
    )
    return (
        "<p>The share of gold mentions that were found with their exact bounds and type, in "
        "percent, and below how many there are.</p>"
        + _frame(("Head", *names, "all"), lines, "heat")
    )


def draw_matrix(cells: Sequence[Cell]) -> str:
    """F1 of each head on each corpus and label that it knows.

    cells (Sequence[Cell]): The scores.
    RETURNS (str): HTML.
    """
    heads = sorted({cell.head for cell in cells})
    rows: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.corpus, cell.label), {})[cell.head] = cell
    lines = "\n".join(
        f"<tr><td>{escape(corpus)}<small>{escape(label)}</small></td>"
        + "".join(
            _shaded(of_head[head].f_score, f"{of_head[head].gold:,}") if head in of_head else "<td>"
            for head in heads
        )
        + "</tr>"
        for (corpus, label), of_head in rows.items()
    )
    return (
        "<p>F1 of each head on each corpus that has a label it knows, and gold mentions below. A "
        "head that is good on another corpus shares its conventions; one that is not, calls other "
        "things by the same name.</p>" + _frame(("Corpus", *heads), lines, "heat")
    )


def percent(share: float) -> str:
    """Write a share in percent.

    share (float): From 0 to 1.
    RETURNS (str): With one digit behind the point.
    """
    return f"{100 * share:.1f}"


def _frame(header: Sequence[str], lines: str, kind: str) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    return (
        f'<div class="wide"><table class="{kind}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody></table></div>\n"
    )


def _shaded(share: float | None, note: str) -> str:
    """A cell, the bluer the higher its share."""
    if share is None:
        return "<td></td>"
    strength = f"{_STRONGEST * share**3:.2f}"
    return (
        f'<td style="background: rgb(67 147 195 / {strength})">{percent(share)}'
        f"<small>{note}</small></td>"
    )


def _part(found: int, total: int) -> tuple[float | None, str]:
    return (found / total if total else None), f"{total:,}"


def _share(found: int, total: int) -> str:
    return percent(found / total) if total else ""


def _interval(head: HeadReport) -> str:
    return f"{percent(head.interval[0])} to {percent(head.interval[1])}"


def _worst(head: HeadReport) -> str:
    """The most frequent kind of mistake, and its share of all."""
    wrong = {kind: head.kinds[kind] for kind in Kind if kind is not Kind.RIGHT}
    total = sum(wrong.values())
    if not total:
        return "none"
    kind = max(wrong, key=lambda each: wrong[each])
    return f"{kind}, {100 * wrong[kind] / total:.0f} %"

"""The page: one HTML file that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from spacy_bioner_mtl.evaluate.matrix import Cell
from spacy_bioner_mtl.formats.html import STYLES, render_record
from spacy_bioner_mtl.report.charts import (
    draw_curves,
    draw_kinds,
    draw_matrix,
    draw_reliability,
    draw_scores,
    script,
)
from spacy_bioner_mtl.report.data import HeadReport

_STYLES = """
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color: #1a1a1a; background: #fff; line-height: 1.45; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
nav a { margin-right: 1rem; }
details { margin: 1rem 0; }
summary { cursor: pointer; font-weight: 600; font-size: 1.1rem; }
.lists { display: flex; flex-wrap: wrap; gap: 2rem; align-items: start; }
.sentence { border-left: 3px solid #ccc; margin: 1rem 0; padding-left: 1rem; }
.sentence p { margin: 0.2rem 0; color: #555; font-size: 0.85rem; }
.sentence .entities { line-height: 2.2; }
"""


def write_page(
    title: str,
    heads: Sequence[HeadReport],
    cells: Sequence[Cell],
    curves: Mapping[str, Sequence[tuple[int, float]]],
) -> str:
    """Write the page.

    title (str): What was scored on what.
    heads (Sequence[HeadReport]): The heads.
    cells (Sequence[Cell]): Scores of heads on other corpora; none for no such chart.
    curves (Mapping[str, Sequence[tuple[int, float]]]): For each head, steps and F1; empty for no
        such chart.
    RETURNS (str): HTML.
    """
    sections = {"Scores": _scores_table(heads) + draw_scores(heads)}
    if curves:
        sections["Learning curves"] = draw_curves(curves)
    sections["Mistakes by kind"] = draw_kinds(heads)
    sections["What is hard"] = _traits_table(heads)
    sections["Probabilities"] = (
        "<p>Behind each head, its expected calibration error.</p>" + draw_reliability(heads)
    )
    if cells:
        sections["Heads on other corpora"] = draw_matrix(cells)
    sections["Mistakes of each head"] = "\n".join(_head_section(head) for head in heads)
    links = " ".join(f'<a href="#s{n}">{escape(name)}</a>' for n, name in enumerate(sections))
    body = "\n".join(
        f'<h2 id="s{number}">{escape(name)}</h2>\n{content}'
        for number, (name, content) in enumerate(sections.items())
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLES}{STYLES}</style>\n"
        f"<script>{script()}</script>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f"<nav>{links}</nav>\n{body}\n</body>\n</html>\n"
    )


def _scores_table(heads: Iterable[HeadReport]) -> str:
    header = ("Head", "P", "R", "F1", "95 %", "a token shared", "and the type", "gold", "documents")
    rows = [
        (
            head.name,
            *map(_percent, (head.precision, head.recall, head.f_score)),
            f"{_percent(head.interval[0])} to {_percent(head.interval[1])}",
            _percent(head.agreement.overlapping),
            _percent(head.agreement.of_type),
            f"{head.gold:,}",
            f"{head.documents:,}",
        )
        for head in heads
    ]
    labels = [
        (f"{head.name}: {label}", _percent(f_score))
        for head in heads
        if len(head.per_label) > 1
        for label, f_score in head.per_label.items()
    ]
    return _table(header, rows) + (_table(("Label", "F1"), labels) if labels else "")


def _traits_table(heads: Sequence[HeadReport]) -> str:
    names = list(dict.fromkeys(name for head in heads for name in head.traits))
    rows = [
        (
            head.name,
            *(_share(*head.traits.get(name, (0, 0))) for name in names),
            _share_of_all(head),
        )
        for head in heads
    ]
    return (
        "<p>The share of gold mentions that were found with their exact bounds and type, and how "
        "many there are.</p>" + _table(("Head", *names, "all"), rows)
    )


def _head_section(head: HeadReport) -> str:
    lists = [
        ("Missed", [(text, f"{count:,}") for text, count in head.missed]),
        ("Invented", [(text, f"{count:,}") for text, count in head.invented]),
        ("Confused", [(f"{gold} → {found}", f"{n:,}") for gold, found, n in head.confused]),
    ]
    tables = "\n".join(_table((name, "times"), rows) for name, rows in lists if rows)
    sentences = "\n".join(
        f'<div class="sentence"><p>gold</p>{render_record(each.gold)}'
        f"<p>found</p>{render_record(each.found)}</div>"
        for each in head.sentences
    )
    wrong = head.kinds.total() - head.kinds["right"]  # type: ignore[index]
    return (
        f"<details><summary>{escape(head.name)}: {wrong:,} mistakes</summary>\n"
        f'<div class="lists">{tables}</div>\n{sentences}</details>'
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>\n"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _share(found: int, total: int) -> str:
    return f"{100 * found / total:.1f} % of {total:,}" if total else ""


def _share_of_all(head: HeadReport) -> str:
    return _share(round(head.recall * head.gold), head.gold)

"""The page: one HTML file that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from spacy_bioner_mtl.evaluate.matrix import Cell
from spacy_bioner_mtl.formats.html import STYLES, render_record
from spacy_bioner_mtl.report.charts import (
    CHART_STYLES,
    FEWEST,
    draw_curves,
    draw_kinds,
    draw_reliability,
    draw_scores,
    script,
)
from spacy_bioner_mtl.report.data import HeadReport
from spacy_bioner_mtl.report.mistakes import Kind
from spacy_bioner_mtl.report.sentences import Sentence
from spacy_bioner_mtl.report.tables import (
    TABLE_STYLES,
    draw_hard,
    draw_matrix,
    draw_scores_table,
    draw_summary,
    table,
)

_STYLES = """
:root { color-scheme: light dark; --back: #fff; --front: #1b1f24; --quiet: #57606a;
  --line: #d0d7de; --panel: #f6f8fa; --link: #0a58ca; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14181d; --front: #e6e9ed; --quiet: #a3adb8; --line: #39424d;
    --panel: #1d232a; --link: #7db4ff; }
}
* { box-sizing: border-box; }
body { background: var(--back); color: var(--front); font: 1rem/1.5 system-ui, sans-serif;
  margin: 0 auto; max-width: 68rem; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.5rem 0; overflow-wrap: anywhere; }
h2 { border-top: 1px solid var(--line); font-size: 1.2rem; margin: 2.5rem 0 0.25rem;
  padding-top: 1rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 0.25rem; }
p { margin: 0.4rem 0; max-width: 46rem; }
.about, .note { color: var(--quiet); font-size: 0.9rem; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: 0.1rem 1.2rem; margin: 0.8rem 0; }
details { border: 1px solid var(--line); border-radius: 0.4rem; margin: 0.6rem 0;
  padding: 0 1rem; }
details[open] { padding-bottom: 1rem; }
summary { cursor: pointer; font-weight: 600; padding: 0.6rem 0; }
.lists { align-items: start; display: grid; gap: 0 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); }
.sentence { border-left: 3px solid var(--line); margin: 1rem 0; padding-left: 1rem; }
.sentence p { margin: 0; max-width: none; overflow-wrap: anywhere; }
.sentence .note { margin-top: 0.3rem; }
.sentence .entities { line-height: 2.1; }
.sentence .entity { box-decoration-break: clone; -webkit-box-decoration-break: clone; }
"""
_KINDS = {
    Kind.RIGHT: "bounds and type are those of the gold",
    Kind.BOUNDARY: "of the right type, but it begins or ends elsewhere",
    Kind.TYPE: "with the right bounds, but of another type",
    Kind.BOTH: "only some words are shared",
    Kind.MISSED: "the gold has a mention where the head found nothing",
    Kind.INVENTED: "the head found a mention where the gold has nothing",
}


@dataclass(frozen=True)
class Facts:
    """What a page shows.

    title (str): What was scored on what.
    about (str): One line on how much was looked at, and with what.
    heads (Sequence[HeadReport]): The heads.
    cells (Sequence[Cell]): Scores of heads on corpora; none for no such table.
    curves (Mapping[str, Sequence[tuple[int, float]]]): For each head, steps and F1; empty for no
        such chart.
    """

    title: str
    about: str
    heads: Sequence[HeadReport]
    cells: Sequence[Cell] = ()
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)


def write_page(facts: Facts) -> str:
    """Write the page, what matters most first.

    facts (Facts): What to show.
    RETURNS (str): HTML.
    """
    heads = facts.heads
    sections = {"At a glance": draw_summary(heads) + draw_scores(heads)}
    sections["Kinds of mistakes"] = _kinds_section(heads)
    sections["What is hard"] = draw_hard(heads)
    sections["Probabilities"] = (
        "<p>Of the mentions that a head is sure of by 0.9, nine of ten should be right. A head "
        "whose line runs below the dotted one is too sure. The larger a point, the more mentions "
        f"it stands for, {FEWEST} at least. Behind each head, its expected calibration error.</p>"
        + draw_reliability(heads)
    )
    if facts.cells:
        sections["Heads on corpora"] = draw_matrix(facts.cells)
    if facts.curves:
        sections["Learning curves"] = draw_curves(facts.curves)
    sections["All scores"] = draw_scores_table(heads)
    sections["Mistakes of each head"] = "\n".join(_head_section(head) for head in heads)
    links = "\n".join(f'<a href="#s{n}">{escape(name)}</a>' for n, name in enumerate(sections))
    body = "\n".join(
        f'<h2 id="s{number}">{escape(name)}</h2>\n{content}'
        for number, (name, content) in enumerate(sections.items())
    )
    title = escape(facts.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n"
        f"<style>{_STYLES}{TABLE_STYLES}{CHART_STYLES}{STYLES}</style>\n"
        f"<script>{script()}</script>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<p class="about">{escape(facts.about)}</p>\n<nav>{links}</nav>\n{body}\n'
        "</body>\n</html>\n"
    )


def _kinds_section(heads: Sequence[HeadReport]) -> str:
    """The chart, and what its words mean."""
    present = [kind for kind in Kind if any(head.kinds[kind] for head in heads)]
    meanings = "; ".join(f"<b>{escape(kind)}</b>: {_KINDS[kind]}" for kind in present)
    return f"{draw_kinds(heads)}\n<p class='note'>{meanings}.</p>"


def _head_section(head: HeadReport) -> str:
    lists = [
        ("Missed", [(text, f"{count:,}") for text, count in head.missed]),
        ("Invented", [(text, f"{count:,}") for text, count in head.invented]),
        ("Confused: gold → found", [(f"{g} → {f}", f"{n:,}") for g, f, n in head.confused]),
    ]
    tables = "\n".join(table((name, "times"), rows, words=True) for name, rows in lists if rows)
    sentences = "\n".join(_sentences(kind, head) for kind in Kind)
    wrong = head.kinds.total() - head.kinds[Kind.RIGHT]
    return (
        f"<details><summary>{escape(head.name)}: {wrong:,} mistakes</summary>\n"
        f'<div class="lists">{tables}</div>\n{sentences}</details>'
    )


def _sentences(kind: Kind, head: HeadReport) -> str:
    shown = [each for each in head.sentences if each.kind is kind]
    if not shown:
        return ""
    heading = f"{kind[0].upper()}{kind[1:]}: {_of(len(shown), head.kinds[kind])}"
    return f"<h3>{escape(heading)}</h3>\n" + "\n".join(map(_sentence, shown))


def _sentence(each: Sentence) -> str:
    wanted, instead = f"<b>{escape(each.wanted)}</b>", f"<b>{escape(each.instead)}</b>"
    told: Iterable[str] = {
        Kind.MISSED: ("missed", wanted),
        Kind.INVENTED: ("invented", instead),
    }.get(each.kind, (wanted, "→", instead))
    return (
        f'<div class="sentence"><p>{" ".join(told)}</p>'
        f'<p class="note">gold</p>{render_record(each.gold)}'
        f'<p class="note">found</p>{render_record(each.found)}</div>'
    )


def _of(shown: int, total: int) -> str:
    return f"{shown:,} of {total:,}" if shown < total else f"{total:,}"

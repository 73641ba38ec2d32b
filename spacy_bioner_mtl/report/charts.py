"""Charts of the page, drawn by plotly, as pieces of HTML that share one copy of its script."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from spacy_bioner_mtl.evaluate.matrix import Cell
from spacy_bioner_mtl.report.data import HeadReport
from spacy_bioner_mtl.report.mistakes import Kind

#: Colours of kinds of answers, to be told apart by people who see red and green alike.
_KIND_COLORS = {
    Kind.RIGHT: "#1b7837",
    Kind.BOUNDARY: "#fdb863",
    Kind.TYPE: "#b2abd2",
    Kind.BOTH: "#8073ac",
    Kind.MISSED: "#4393c3",
    Kind.INVENTED: "#d6604d",
}
_ROW = 28
_FRAME = 130
_SQUARE = 420


def script() -> str:
    """Return plotly's script, which all charts need once."""
    return str(get_plotlyjs())


def draw_scores(heads: Sequence[HeadReport]) -> str:
    """F1 of each head with its interval."""
    names, scores = [head.name for head in heads], [100 * head.f_score for head in heads]
    above = [100 * (head.interval[1] - head.f_score) for head in heads]
    below = [100 * (head.f_score - head.interval[0]) for head in heads]
    error = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    chart = go.Figure(go.Bar(x=scores, y=names, orientation="h", error_x=error))
    chart.update_xaxes(title="F1, exact mentions, with 95 % intervals", range=[0, 100])
    chart.update_yaxes(autorange="reversed")
    return _to_html(chart, _FRAME + _ROW * len(heads))


def draw_curves(curves: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """F1 of each head by step of training."""
    chart = go.Figure()
    for head, points in curves.items():
        steps, scores = zip(*points, strict=True)
        percent = [100 * score for score in scores]
        chart.add_scatter(x=steps, y=percent, name=head, mode="lines+markers")
    chart.update_xaxes(title="step")
    chart.update_yaxes(title="F1 on dev")
    return _to_html(chart, _SQUARE)


def draw_kinds(heads: Sequence[HeadReport]) -> str:
    """What became of the mentions of each head, as shares of all of gold and answer."""
    chart = go.Figure()
    for kind in Kind:
        shares = [100 * head.kinds[kind] / max(head.kinds.total(), 1) for head in heads]
        chart.add_bar(
            x=shares,
            y=[head.name for head in heads],
            name=str(kind),
            orientation="h",
            marker_color=_KIND_COLORS[kind],
            customdata=[head.kinds[kind] for head in heads],
            hovertemplate="%{customdata:,} (%{x:.1f} %)",
        )
    chart.update_layout(barmode="stack")
    chart.update_xaxes(title="share of mentions of gold and answer, %")
    chart.update_yaxes(autorange="reversed")
    return _to_html(chart, _FRAME + _ROW * len(heads))


def draw_reliability(heads: Sequence[HeadReport]) -> str:
    """How often mentions of a probability are right, for each head."""
    chart = go.Figure()
    chart.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": "grey"}, name="true"
    )
    for head in heads:
        if head.calibration:
            bins = head.calibration.bins
            chart.add_scatter(
                x=[each.mean_score for each in bins],
                y=[each.share_right for each in bins],
                customdata=[each.spans for each in bins],
                hovertemplate="%{customdata:,} mentions: %{x:.2f}, %{y:.2f} of them right",
                mode="lines+markers",
                name=f"{head.name} ({100 * head.calibration.error:.1f} %)",
            )
    chart.update_xaxes(title="probability", range=[0, 1])
    chart.update_yaxes(title="share of right mentions", range=[0, 1])
    return _to_html(chart, _SQUARE)


def draw_matrix(cells: Sequence[Cell]) -> str:
    """F1 of each head on each corpus and label that it knows."""
    rows = list(dict.fromkeys(f"{cell.corpus}, {cell.label}" for cell in cells))
    heads = sorted({cell.head for cell in cells})
    values: list[list[float | None]] = [[None] * len(heads) for _ in rows]
    for cell in cells:
        row = rows.index(f"{cell.corpus}, {cell.label}")
        values[row][heads.index(cell.head)] = 100 * cell.f_score
    chart = go.Figure(
        go.Heatmap(x=heads, y=rows, z=values, texttemplate="%{z:.1f}", colorscale="Blues", zmin=0)
    )
    chart.update_yaxes(autorange="reversed")
    return _to_html(chart, _FRAME + _ROW * len(rows))


def _to_html(chart: go.Figure, height: int) -> str:
    chart.update_layout(
        height=height, margin={"l": 10, "r": 10, "t": 30, "b": 10}, template="plotly_white"
    )
    chart.update_yaxes(automargin=True)
    options = {"displaylogo": False, "responsive": True}
    return str(chart.to_html(full_html=False, include_plotlyjs=False, config=options))

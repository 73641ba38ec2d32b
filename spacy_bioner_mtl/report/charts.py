"""Charts of the page, drawn by plotly, as pieces of HTML that share one copy of its script."""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

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
_BAR_COLOR = _KIND_COLORS[Kind.MISSED]
#: Plotly's own are hard to tell apart where lines cross.
_LINE_COLORS = ("#1f77b4", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#a6761d", "#66a61e")
_ROW = 28
_FRAME = 130
_SQUARE = 460
#: Mentions of a point of the reliability chart: the share of fewer is little but chance.
FEWEST = 10
#: The size of such a point, and how much larger it is for ten times as many mentions.
_SMALLEST, _GROWTH = 3, 4

#: A chart takes its colours from the page, light or dark; plotly writes others into each text.
CHART_STYLES = """
.plotly-graph-div { margin: 0.8rem 0; width: 100%; }
.js-plotly-plot .main-svg { background: none !important; }
.js-plotly-plot .main-svg .xaxislayer-above text, .js-plotly-plot .main-svg .yaxislayer-above text,
.js-plotly-plot .main-svg .infolayer text { fill: var(--front) !important; }
.js-plotly-plot .gridlayer path, .js-plotly-plot .zerolinelayer path {
  stroke: var(--line) !important; }
"""


def script() -> str:
    """Return plotly's script, which all charts need once."""
    return str(get_plotlyjs())


def draw_scores(heads: Sequence[HeadReport]) -> str:
    """F1 of each head with its interval."""
    names, scores = [head.name for head in heads], [100 * head.f_score for head in heads]
    above = [100 * (head.interval[1] - head.f_score) for head in heads]
    below = [100 * (head.f_score - head.interval[0]) for head in heads]
    error = {"symmetric": False, "array": above, "arrayminus": below, "color": "grey"}
    bars = go.Bar(x=scores, y=names, orientation="h", error_x=error, marker_color=_BAR_COLOR)
    chart = go.Figure(bars)
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
            bins = [each for each in head.calibration.bins if each.spans >= FEWEST]
            chart.add_scatter(
                x=[each.mean_score for each in bins],
                y=[each.share_right for each in bins],
                customdata=[each.spans for each in bins],
                hovertemplate="%{customdata:,} mentions: %{x:.2f}, %{y:.2f} of them right",
                mode="lines+markers",
                line={"width": 1},
                marker={"size": [_SMALLEST + _GROWTH * math.log10(each.spans) for each in bins]},
                name=f"{head.name} ({100 * head.calibration.error:.1f} %)",
            )
    chart.update_xaxes(title="probability", range=[0, 1])
    chart.update_yaxes(title="share of right mentions", range=[0, 1])
    return _to_html(chart, _SQUARE)


def _to_html(chart: go.Figure, height: int) -> str:
    chart.update_layout(
        height=height,
        margin={"l": 0, "r": 10, "t": 10, "b": 50},
        template="plotly_white",
        colorway=_LINE_COLORS,
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        # Above the chart: beside it, it would leave a phone no room for the chart.
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        # A finger that moves over a chart moves the page.
        dragmode=False,
    )
    chart.update_yaxes(automargin=True, ticksuffix=" ")
    options = {"displayModeBar": False, "responsive": True}
    return str(chart.to_html(full_html=False, include_plotlyjs=False, config=options))

"""What commands that read gold print of it."""

from typing import TYPE_CHECKING

from wasabi import msg

from spacy_bioner_mtl.cli.console import is_verbose

if TYPE_CHECKING:
    from spacy_bioner_mtl.formats.gold_records import GoldReport

#: How many of the skipped files of a folder are named.
NAMED = 5
#: The widest column of a table, in characters.
WIDEST = 300


def print_gold_report(report: "GoldReport") -> None:
    """Print what was wrong with annotations, and what was left out.

    report (GoldReport): The report.
    """
    if report.flaws:
        msg.table(
            report.rows(),
            header=("Annotations", "Count", "Became", "First at"),
            aligns=("l", "r", "l", "l"),
            divider=True,
            max_col=WIDEST,
        )
    if report.unusable:
        msg.warn(
            f"{_annotations(report.unusable)} cannot be used; what text may be meant "
            "counts as unknown, never as outside. --strict refuses the first"
        )
    if report.hint:
        msg.warn(f"More than half of the annotations are not where they should be: {report.hint}")
    if report.odd:
        msg.warn(f"{_annotations(report.odd)} with a flaw, and used all the same")
    if report.left_out:
        msg.warn(f"Documents left out, as they are no gold: {report.describe_left_out()}")
    if report.skipped:
        shown = report.skipped if is_verbose() else report.skipped[:NAMED]
        named = ", ".join(map(str, shown))
        more = ", …" if len(report.skipped) > len(shown) else ""
        msg.warn(
            f"{len(report.skipped):,} in folders named otherwise than files of the format, and "
            f"skipped: {named}{more}"
        )


def _annotations(count: int) -> str:
    return f"{count:,} annotation{'s' * (count != 1)}"

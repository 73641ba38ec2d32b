"""``bioner-mtl count``: how often strings are mentioned, for a spreadsheet."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import show
from spacy_bioner_mtl.cli.gold import print_gold_report
from spacy_bioner_mtl.cli.options import Strict, WordColumn
from spacy_bioner_mtl.errors import InputError


def count(
    sources: Annotated[
        list[Path],
        Argument(
            metavar="SOURCE...",
            help='Annotated files, such as those that `annotate` wrote, or folders; "-" for stdin.',
        ),
    ],
    out: Annotated[
        Path,
        Argument(metavar="OUT", help="The table: .csv for a spreadsheet, .tsv for programs."),
    ],
    source_format: Annotated[
        str | None,
        Option(
            "--from",
            metavar="FORMAT",
            help="Format of SOURCE, as `convert` takes it. Default: recognised file by file.",
        ),
    ] = None,
    word_column: WordColumn = None,
    strict: Strict = False,
) -> None:
    """Count mentions: a row for each string and label, with documents and mentions.

    Words of four letters and more are counted together whatever their case; the form that occurs
    most often is shown. What several heads find in the same place is one mention of each label.
    """
    from spacy_bioner_mtl.console.progress import track
    from spacy_bioner_mtl.corpora.counts import Count, count_mentions
    from spacy_bioner_mtl.files.writing import check_no_source, write_whole
    from spacy_bioner_mtl.formats.gold_records import GoldOptions, GoldReport, read_sources
    from spacy_bioner_mtl.formats.lines import BYTE_ORDER_MARK
    from spacy_bioner_mtl.formats.table import to_csv, to_tsv

    is_csv = out.suffix == ".csv"
    if not is_csv and out.suffix != ".tsv":
        raise InputError(f"{out}: the last argument is the table to write; end it in .csv or .tsv")
    check_no_source(out, sources)
    report = GoldReport()
    options = GoldOptions(source_format, word_column=word_column, strict=strict)
    records = track(read_sources(sources, options, report), "documents")
    counts = count_mentions(record for _, record in records)
    rows = [Count._fields, *counts]
    with write_whole(out) as file:
        file.write(BYTE_ORDER_MARK + to_csv(rows) if is_csv else to_tsv(rows))
    print_gold_report(report)
    total = sum(row.mentions for row in counts)
    if counts:
        show("good", f"{out}: {len(counts):,} strings in {total:,} mentions")
    else:
        show("warn", f"{out}: no string: nothing is annotated in these files")

"""``bioner-mtl convert``: annotated corpora to a DocBin."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.gold import print_gold_report
from spacy_bioner_mtl.cli.options import LabelMapFile, Strict, TagLabel, WordColumn
from spacy_bioner_mtl.formats.registry import FORMATS

_FORMATS = [each.name for each in FORMATS.values() if each.reader and each.gold]


def convert(
    sources: Annotated[
        list[Path],
        Argument(metavar="SOURCE...", help='Annotated files, or folders of them; "-" for stdin.'),
    ],
    out: Annotated[Path, Argument(metavar="OUT.spacy", help="The DocBin to write.")],
    head: Annotated[
        str | None, Option("--head", metavar="NAME", help="A head that gets all mentions.")
    ] = None,
    by_type: Annotated[
        bool,
        Option(
            "--by-type", help="One head per entity type, named after it, beside --head or alone."
        ),
    ] = False,
    types: Annotated[
        list[str] | None,
        Option(
            "--type",
            metavar="NAME",
            help="With --by-type: a type to make a head of, whether it occurs or not; repeat it "
            "for every type. Default: all types that occur.",
        ),
    ] = None,
    label_map: LabelMapFile = None,
    source_format: Annotated[
        str | None,
        Option(
            "--from",
            metavar="FORMAT",
            help=f"{' '.join(_FORMATS)}. Default: recognised file by file from content and names.",
        ),
    ] = None,
    sentences_per_doc: Annotated[
        int | None,
        Option(
            "-n",
            "--sentences-per-doc",
            help="Sentences in a document, never past a -DOCSTART- line. Default: all up to the "
            "next -DOCSTART- line where there are such lines, else 1.",
        ),
    ] = None,
    strict: Strict = False,
    label: TagLabel = None,
    word_column: WordColumn = None,
    tokenizer: Annotated[
        str, Option("--tokenizer", metavar="bio|english", help="Tokenizer for raw text.")
    ] = "bio",
) -> None:
    """Convert annotated corpora to a spaCy DocBin.

    The scheme of CoNLL tags (IOB1, IOB2, IOBES, BILUO) is recognised from each file as a whole.
    Annotations that do not fit their text are counted; where they may belong, the text is of
    unknown annotation, and teaches nothing. Documents that nobody annotated, or that an annotator
    rejected, are left out. Where a single span was rejected, training learns not to find that one.
    """
    from wasabi import msg

    from spacy_bioner_mtl.corpora.convert import convert_files
    from spacy_bioner_mtl.formats.label_map import read_label_map

    report = convert_files(
        sources,
        out,
        head=head,
        by_type=by_type,
        types={name: [name] for name in types or ()} or None,
        label_map=read_label_map(label_map) if label_map else None,
        sentences_per_doc=sentences_per_doc,
        strict=strict,
        source_format=source_format,
        label=label,
        word_column=word_column,
        tokenizer=tokenizer,
    )
    for source, scheme in report.schemes.items():
        msg.text(f"{source}: {scheme}")
    msg.table(
        sorted(report.mentions.items()),
        header=("Label", "Mentions"),
        aligns=("l", "r"),
        divider=True,
    )
    if not any(report.mentions.values()):
        msg.warn("No mention in them: all that these documents teach is that there is none")
    if report.duplicates:
        msg.warn(f"{report.duplicates} repeated mentions left out")
    if report.repaired:
        msg.warn(
            f"{report.repaired} forbidden tag transitions read as conlleval does, the first at "
            f"{report.first_repair}; --strict rejects them"
        )
    print_gold_report(report.gold)
    if report.unused_labels:
        msg.warn(f"Labels of the map that do not occur: {', '.join(report.unused_labels)}")
    if report.unknown:
        msg.info(f"{report.unknown} tokens of unknown annotation")
    if report.rejected:
        msg.info(f"{report.rejected} rejected spans, which training learns not to find")
    msg.info(
        f"{report.unaligned} mentions ({report.unaligned_share:.2%}) do not align with tokens"
        + ("; their tokens are marked as unknown" if report.unaligned else "")
    )
    sentences = f"{report.sentences} sentences, " if report.sentences else ""
    msg.good(
        f"{out}: {report.documents} documents, {sentences}{report.tokens} tokens, "
        f"{sum(report.mentions.values())} mentions, heads {', '.join(report.heads)}"
    )

"""``bioner-mtl annotate``: run a trained pipeline over a file."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

GpuId = Annotated[int, Option("--gpu-id", metavar="N", help="GPU to run on, or -1 for the CPU.")]
ModelName = Annotated[
    str,
    Argument(metavar="MODEL", help="Folder of a trained pipeline, or name of an installed one."),
]


def annotate(
    model: ModelName,
    source: Annotated[
        Path,
        Argument(
            metavar="SOURCE",
            help="One token a line, a blank line between sentences; further columns are ignored.",
        ),
    ],
    out: Annotated[Path, Argument(metavar="OUT", help="The file to write.")],
    source_format: Annotated[
        str, Option("--from", metavar="conll", help="Format of SOURCE.")
    ] = "conll",
    target_format: Annotated[
        str,
        Option(
            "--to",
            metavar="conll|inline",
            help="conll: each token with its IOBES label. inline: <Type> … </Type> around "
            "entities, one sentence a line.",
        ),
    ] = "conll",
    head: Annotated[
        str,
        Option(
            "--head",
            metavar="NAME|all|merged",
            help="One head's answer; a column for each head (conll only); or one answer merged "
            "from all heads.",
        ),
    ] = "merged",
    gpu_id: GpuId = -1,
) -> None:
    """Annotate a file of tokens with a trained pipeline.

    The file's tokens and sentences are kept, and every token is answered exactly once.
    """
    from wasabi import msg

    from spacy_bioner_mtl.annotate import ALL, annotate_file, check_request
    from spacy_bioner_mtl.loading import load_pipeline

    check_request(source, out, source_format=source_format, target_format=target_format, head=head)
    report = annotate_file(
        load_pipeline(model, gpu_id),
        source,
        out,
        source_format=source_format,
        target_format=target_format,
        head=head,
    )
    if head == ALL:
        msg.info(f"Columns: token, {', '.join(report.columns)}")
    msg.good(
        f"{out}: {report.sentences:,} sentences, {report.tokens:,} tokens, "
        f"{report.mentions:,} mentions"
    )

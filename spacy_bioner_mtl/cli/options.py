"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

ModelName = Annotated[
    str,
    Argument(metavar="MODEL", help="Folder of a trained pipeline, or name of an installed one."),
]
GoldDocs = Annotated[
    list[Path],
    Argument(metavar="CORPUS...", help="Gold documents: .spacy files, or folders of them."),
]
GpuId = Annotated[int, Option("--gpu-id", metavar="N", help="GPU to run on, or -1 for the CPU.")]
TagLabel = Annotated[
    str | None,
    Option(
        "--label",
        metavar="NAME",
        help="The entity type of tags that have none (B, I, O). Default: the name of the head.",
    ),
]
WordColumn = Annotated[
    int | None,
    Option(
        "--word-column",
        metavar="N",
        help="The column of the token in files of columns, counted from 1. Default: recognised.",
    ),
]
Strict = Annotated[
    bool,
    Option(
        "--strict",
        help="Refuse the first annotation that does not fit its text, unless it is merely written "
        "otherwise, and forbidden tag sequences, instead of counting them.",
    ),
]
JsonFile = Annotated[
    Path | None, Option("--output", metavar="FILE.json", help="Where to save the numbers.")
]
LabelMapFile = Annotated[
    Path | None,
    Option(
        "--map",
        metavar="FILE",
        help='JSON or YAML of old labels to new ones, of files and of heads; null or "" leaves a '
        "label out.",
    ),
]
TextFiles = Annotated[
    list[Path] | None,
    Option(
        "--text",
        metavar="FILE",
        help="Text in UTF-8, a paragraph on each line, may be compressed with gzip; may be "
        "repeated.",
    ),
]
TextCorpora = Annotated[
    list[Path] | None,
    Option(
        "--corpus",
        metavar="PATH",
        help="Train on the text of these DocBins (a .spacy file or a folder; may be repeated). "
        "Give training documents alone.",
    ),
]

"""``bioner-mtl verify``: are the corpora's files there, and are they the right ones?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from wasabi import msg

if TYPE_CHECKING:
    from spacy_bioner_mtl.corpora.listing import CorporaList, Corpus

ListPath = Annotated[Path, typer.Argument(metavar="LIST", help="The list of corpora, a YAML file.")]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="FOLDER", help="The corpora's folder; by default the folder of LIST."
    ),
]
SkipMissing = Annotated[
    bool,
    typer.Option("--skip-missing", help="Go on without a corpus none of whose files is there."),
]


def verify(list_path: ListPath, data: DataFolder = None, skip_missing: SkipMissing = False) -> None:
    """Check that every file of the corpora is there and has the right checksum.

    Prints one line for each corpus. Exits with status 1, naming every bad file, if one is missing
    or wrong.
    """
    from spacy_bioner_mtl.corpora.listing import read_corpora_list

    corpora_list = read_corpora_list(list_path)
    check_and_report(corpora_list, data or list_path.parent, skip_missing=skip_missing)


def check_and_report(
    corpora_list: "CorporaList", folder: Path, *, skip_missing: bool
) -> "tuple[Corpus, ...]":
    """Print one line for each corpus.

    corpora_list (CorporaList): The corpora.
    folder (Path): The data folder.
    skip_missing (bool): Whether a corpus may be absent, with all of its files.
    RETURNS (tuple[Corpus, ...]): The corpora that can be used.
    RAISES (InputError): Names every bad file.
    """
    from spacy_bioner_mtl.corpora.verification import present_corpora, verify_corpora

    checks = verify_corpora(corpora_list, folder)
    for check in checks:
        if not check.problems:
            msg.good(check.summary)
        elif check.absent and skip_missing:
            msg.warn(f"{check.summary}: skipped")
        else:
            msg.fail(check.summary)
    return present_corpora(checks, corpora_list, skip_missing=skip_missing)

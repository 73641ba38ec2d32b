"""``bioner-mtl init``: a spaCy project for corpora of one's own."""

import shlex
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import show
from spacy_bioner_mtl.errors import InputError

_NONE = "none"


def init(
    out: Annotated[Path, Argument(metavar="FOLDER", help="The new project's folder.")],
    corpus: Annotated[
        list[str],
        Option(
            "--corpus",
            metavar="HEAD=TRAIN,DEV[,TEST]",
            help="A corpus: the name of the head that learns it, and its files or folders, in any "
            "format that `convert` reads; may be repeated.",
        ),
    ],
    start: Annotated[
        str,
        Option(
            "--start",
            metavar="NAME|none",
            help="The trained pipeline whose encoders and vectors training starts from.",
        ),
    ] = "en_bioner_mtl",
) -> None:
    """Make a spaCy project that trains a pipeline on corpora of yours.

    `spacy project run all FOLDER` converts the corpora, trains one network with a head for
    each, scores it and builds a wheel. What it does stands in project.yml and config.cfg, to be
    changed.
    """
    from spacy_bioner_mtl.pipeline.loading import load_pipeline
    from spacy_bioner_mtl.project.scaffold import make_project, parse_corpus

    corpora = [parse_corpus(argument) for argument in corpus]
    if start != _NONE:
        try:
            load_pipeline(start)
        except InputError as error:
            raise InputError(f"{error} Or begin from random weights, with --start none.") from error
    make_project(out, corpora, None if start == _NONE else start)
    untested = [each.head for each in corpora if not each.has_test]
    if 0 < len(untested) < len(corpora):
        show(
            "warn",
            f"{', '.join(untested)}: no test file, so that the project scores other heads alone",
        )
    show(
        "good",
        f"{out}: project.yml, config.cfg. Next: spacy project run all {shlex.quote(str(out))}",
    )

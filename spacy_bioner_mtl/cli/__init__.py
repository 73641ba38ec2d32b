"""The console command ``bioner-mtl``: one module per subcommand, heavy imports inside them."""

from collections.abc import Callable
from typing import Any

from spacy_bioner_mtl.cli.add_head import add_head
from spacy_bioner_mtl.cli.annotate import annotate
from spacy_bioner_mtl.cli.calibrate import calibrate
from spacy_bioner_mtl.cli.card import card
from spacy_bioner_mtl.cli.compare import compare
from spacy_bioner_mtl.cli.console import make_app, root, run_app, shared
from spacy_bioner_mtl.cli.convert import convert
from spacy_bioner_mtl.cli.convert_corpora import convert_corpora
from spacy_bioner_mtl.cli.count import count
from spacy_bioner_mtl.cli.evaluate import evaluate
from spacy_bioner_mtl.cli.evaluate_text import evaluate_text
from spacy_bioner_mtl.cli.init import init
from spacy_bioner_mtl.cli.leakage import leakage
from spacy_bioner_mtl.cli.matrix import matrix
from spacy_bioner_mtl.cli.pretrain import pretrain
from spacy_bioner_mtl.cli.report import report
from spacy_bioner_mtl.cli.serve import serve
from spacy_bioner_mtl.cli.silver import silver
from spacy_bioner_mtl.cli.vectors import vectors
from spacy_bioner_mtl.cli.verify import verify

app = make_app("bioner-mtl")
app.callback()(root)


def _add(command: Callable[..., None], page: str, short_help: str, **settings: Any) -> None:
    """Add a command whose errors refer to a page, with a description that no list cuts off."""
    app.command(short_help=short_help, **settings)(shared(command, page))


_add(init, "training.md#a-project-in-one-command", "Make a project for corpora of yours.")
_add(convert, "corpora.md#formats", "Convert annotated corpora to a DocBin.")
_add(convert_corpora, "corpora.md#lists-of-corpora", "Convert the corpora of a list.")
_add(verify, "corpora.md#lists-of-corpora", "Check the files of a list of corpora.")
_add(leakage, "corpora.md#what-stands-in-a-test-set", "Find training text in test sets.")
_add(
    pretrain,
    "training.md#unlabelled-text",
    "Train encoders on plain text first.",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
_add(add_head, "going_on.md#a-head-of-your-own", "Teach a trained pipeline a new head.")
_add(annotate, "annotation.md#formats", "Annotate files with a trained pipeline.")
_add(serve, "service.md#the-interface", "Serve a page and an interface.")
_add(silver, "training.md#unlabelled-text", "Annotate text with several pipelines, to train on.")
_add(count, "annotation.md#a-table-of-what-was-found", "Count strings in annotated files.")
_add(evaluate, "training.md#from-files-to-scores", "Score every head on gold documents.")
_add(matrix, "training.md#look-at-it", "Score every head on every corpus.")
_add(evaluate_text, "corpora.md#formats", "Score a head on raw text.")
_add(
    calibrate,
    "settings.md#settings-of-a-trained-pipeline",
    "Measure whether probabilities are true.",
)
_add(report, "training.md#look-at-it", "Show what is right and wrong, in a page.")
_add(card, "training.md#look-at-it", "Show the model card of a pipeline.")
_add(compare, "training.md#look-at-it", "Compare two trained pipelines.")
app.add_typer(vectors, short_help="Make a package of static word vectors.")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    A user's mistake is one message and exit status 1, Ctrl-C one line and exit status 130.

    arguments (list[str] | None): What follows the program's name; None reads ``sys.argv``.
    """
    run_app(app, "bioner-mtl", arguments)

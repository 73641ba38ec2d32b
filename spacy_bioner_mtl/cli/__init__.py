"""The console command ``bioner-mtl``: one module per subcommand, heavy imports inside them."""

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
# Descriptions that the list of commands does not cut off
app.command(short_help="Make a project for corpora of yours.")(
    shared(init, "training.md#a-project-in-one-command")
)
app.command(short_help="Convert annotated corpora to a DocBin.")(
    shared(convert, "corpora.md#formats")
)
app.command(short_help="Convert the corpora of a list.")(
    shared(convert_corpora, "corpora.md#lists-of-corpora")
)
app.command(short_help="Check the files of a list of corpora.")(
    shared(verify, "corpora.md#lists-of-corpora")
)
app.command(short_help="Find training text in test sets.")(
    shared(leakage, "corpora.md#what-stands-in-a-test-set")
)
app.command(
    short_help="Train encoders on plain text first.",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(shared(pretrain, "training.md#unlabelled-text"))
app.command(short_help="Teach a trained pipeline a new head.")(
    shared(add_head, "going_on.md#a-head-of-your-own")
)
app.command(short_help="Annotate files with a trained pipeline.")(
    shared(annotate, "annotation.md#formats")
)
app.command(short_help="Serve a page and an interface.")(shared(serve, "service.md#the-interface"))
app.command(short_help="Annotate text with several pipelines, to train on.")(
    shared(silver, "training.md#unlabelled-text")
)
app.command(short_help="Count strings in annotated files.")(
    shared(count, "annotation.md#a-table-of-what-was-found")
)
app.command(short_help="Score every head on gold documents.")(
    shared(evaluate, "training.md#from-files-to-scores")
)
app.command(short_help="Score every head on every corpus.")(
    shared(matrix, "training.md#look-at-it")
)
app.command(short_help="Score a head on raw text.")(shared(evaluate_text, "corpora.md#formats"))
app.command(short_help="Measure whether probabilities are true.")(
    shared(calibrate, "settings.md#settings-of-a-trained-pipeline")
)
app.command(short_help="Show what is right and wrong, in a page.")(
    shared(report, "training.md#look-at-it")
)
app.command(short_help="Show the model card of a pipeline.")(shared(card, "training.md#look-at-it"))
app.command(short_help="Compare two trained pipelines.")(shared(compare, "training.md#look-at-it"))
app.add_typer(vectors, short_help="Make a package of static word vectors.")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    A user's mistake is one message and exit status 1, Ctrl-C one line and exit status 130.

    arguments (list[str] | None): What follows the program's name; None reads ``sys.argv``.
    """
    run_app(app, "bioner-mtl", arguments)

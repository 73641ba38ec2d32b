"""The console command ``bioner-mtl``: one module per subcommand, heavy imports inside them."""

import sys

import typer

from spacy_bioner_mtl.cli.annotate import annotate
from spacy_bioner_mtl.cli.benchmark import benchmark
from spacy_bioner_mtl.cli.benchmark_training import benchmark_training
from spacy_bioner_mtl.cli.calibrate import calibrate
from spacy_bioner_mtl.cli.compare import compare
from spacy_bioner_mtl.cli.console import root, shared, show_error, start
from spacy_bioner_mtl.cli.convert import convert
from spacy_bioner_mtl.cli.convert_corpora import convert_corpora
from spacy_bioner_mtl.cli.evaluate import evaluate
from spacy_bioner_mtl.cli.evaluate_text import evaluate_text
from spacy_bioner_mtl.cli.variants import variants
from spacy_bioner_mtl.cli.vectors import vectors
from spacy_bioner_mtl.cli.verify import verify
from spacy_bioner_mtl.errors import InputError

#: For commands that take overrides of a config: options that they do not know.
OVERRIDES = {"allow_extra_args": True, "ignore_unknown_options": True}
#: Exit status after Ctrl-C, as of any program that it ends.
INTERRUPTED = 130

app = typer.Typer(
    name="bioner-mtl",
    no_args_is_help=True,
    add_completion=False,
    # Markup would swallow `[initialize]`, and what draws its boxes takes as long to import as all
    # the rest.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(root)
# Descriptions that the list of commands does not cut off
app.command(short_help="Convert annotated corpora to a DocBin.")(shared(convert))
app.command(short_help="Convert the corpora of a list.")(shared(convert_corpora))
app.command(short_help="Check the files of a list of corpora.")(shared(verify))
app.command(short_help="Annotate files with a trained pipeline.")(shared(annotate))
app.command(short_help="Score every head on gold documents.")(shared(evaluate))
app.command(short_help="Score a head on raw text.")(shared(evaluate_text))
app.command(short_help="Measure whether probabilities are true.")(shared(calibrate))
app.command(short_help="Measure how fast a pipeline annotates.")(shared(benchmark))
app.command(short_help="Measure how fast a config trains.", context_settings=OVERRIDES)(
    shared(benchmark_training)
)
app.command(short_help="Compare two trained pipelines.")(shared(compare))
app.command(short_help="Train and compare the paper's variants.", context_settings=OVERRIDES)(
    shared(variants)
)
app.add_typer(vectors, short_help="Make a package of static word vectors.")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    A user's mistake is one message and exit status 1, Ctrl-C one line and exit status 130.

    arguments (list[str] | None): What follows the program's name; None reads ``sys.argv``.
    """
    start()
    try:
        app(args=arguments, prog_name="bioner-mtl")
    except InputError as error:
        show_error(str(error), error)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            show_error("Interrupted")
        raise

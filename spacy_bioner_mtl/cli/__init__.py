"""The console command ``bioner-mtl``: one module per subcommand, heavy imports inside them."""

import sys

import typer
from wasabi import msg

from spacy_bioner_mtl.cli.annotate import annotate
from spacy_bioner_mtl.cli.benchmark_training import benchmark_training
from spacy_bioner_mtl.cli.compare import compare
from spacy_bioner_mtl.cli.convert import convert
from spacy_bioner_mtl.cli.convert_corpora import convert_corpora
from spacy_bioner_mtl.cli.evaluate import evaluate
from spacy_bioner_mtl.cli.variants import variants
from spacy_bioner_mtl.cli.vectors import vectors
from spacy_bioner_mtl.cli.verify import verify
from spacy_bioner_mtl.errors import InputError

#: For commands that take overrides of a config: options that they do not know.
OVERRIDES = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    name="bioner-mtl",
    help="Multi-task biomedical named entity recognition for spaCy.",
    no_args_is_help=True,
    add_completion=False,
)
app.command()(convert)
app.command()(convert_corpora)
app.command()(verify)
app.command()(annotate)
app.command()(evaluate)
app.command(context_settings=OVERRIDES)(benchmark_training)
app.command()(compare)
app.command(context_settings=OVERRIDES)(variants)
app.add_typer(vectors)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one message and exit status 1.

    arguments (list[str] | None): What follows the program's name; None reads ``sys.argv``.
    """
    try:
        app(args=arguments, prog_name="bioner-mtl")
    except InputError as error:
        # Wrapping would tear paths and lists of files apart.
        message, *details = str(error).splitlines()
        mark = msg.text("", icon="fail", color="fail", no_print=True)
        print("\n".join([f"{mark} {message}", *details]), file=sys.stderr)
        sys.exit(1)

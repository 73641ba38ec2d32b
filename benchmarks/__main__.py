"""The commands of ``python -m benchmarks``, run in the project's root."""

from benchmarks.cli.annotation import annotation
from benchmarks.cli.names import names
from benchmarks.cli.sentences import sentences
from benchmarks.cli.service import service
from benchmarks.cli.training import training
from benchmarks.cli.variants import variants
from spacy_bioner_mtl.cli.console import make_app, root, run_app, shared

#: For commands that take overrides of a config: options that they do not know.
OVERRIDES = {"allow_extra_args": True, "ignore_unknown_options": True}

app = make_app("benchmarks")
app.callback()(root)
app.command(short_help="Measure how fast a pipeline annotates.")(shared(annotation))
app.command(short_help="Measure how fast a config trains.", context_settings=OVERRIDES)(
    shared(training)
)
app.command(short_help="Measure how well boundaries of sentences are found.")(shared(sentences))
app.command(short_help="Measure how many names of this decade are found.")(shared(names))
app.command(short_help="Measure how much load the service holds.")(shared(service))
app.command(short_help="Train and compare the paper's variants.", context_settings=OVERRIDES)(
    shared(variants)
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    arguments (list[str] | None): What follows the program's name; None reads ``sys.argv``.
    """
    run_app(app, "python -m benchmarks", arguments)


if __name__ == "__main__":
    main()

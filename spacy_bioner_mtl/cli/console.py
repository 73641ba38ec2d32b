"""What all commands share: how much they say, and where to."""

import inspect
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from typer import Exit, Option, Typer
from wasabi import msg

from spacy_bioner_mtl import __version__
from spacy_bioner_mtl.cli.output import Output
from spacy_bioner_mtl.console.progress import showing
from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.files.writing import is_standard_output

#: What a message says: something good, a fact, something to look at, or more of the same.
Kind = Literal["good", "info", "warn", "plain"]
#: Parameters that name the file that a command writes.
_OUTPUTS = ("out", "output")
#: Exit status after Ctrl-C, as of any program that it ends.
INTERRUPTED = 130


class _Level:
    """How much the running command says."""

    quiet = False
    verbose = False


def _set_quiet(value: bool) -> None:
    _Level.quiet |= value


def _set_verbose(value: bool) -> None:
    _Level.verbose |= value


def _show_version(value: bool) -> None:
    if value:
        print(f"bioner-mtl {__version__}")
        raise Exit


Quiet = Annotated[
    bool, Option("--quiet", callback=_set_quiet, help="Say nothing but what went wrong.")
]
Verbose = Annotated[
    bool,
    Option(
        "--verbose",
        callback=_set_verbose,
        help="Also show each file that is passed over, and of an error where it came from.",
    ),
]
Version = Annotated[
    bool,
    Option("--version", callback=_show_version, is_eager=True, help="Show the version and end."),
]
_SHARED = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
    for name, annotation in (("quiet", Quiet), ("verbose", Verbose))
]


def root(quiet: Quiet = False, verbose: Verbose = False, version: Version = False) -> None:
    """Multi-task biomedical named entity recognition for spaCy."""


def group(quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Take the options of all commands before the name of a command, too."""


def shared(command: Callable[..., None], page: str = "") -> Callable[..., None]:
    """Give a command the options of all commands, and keep standard output free for its output.

    command (Callable[..., None]): The function of the command.
    page (str): The page and paragraph of docs that helps with its errors, unless they name another;
        empty for none.
    RETURNS (Callable[..., None]): The same with --quiet and --verbose.
    """

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        for added in _SHARED:
            options.pop(added.name, None)
        with see(page) if page else nullcontext(), _messages(command.__name__, options):
            command(*arguments, **options)

    signature = inspect.signature(command)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *_SHARED]
    )
    run.__annotations__ = {
        **command.__annotations__,
        **{added.name: added.annotation for added in _SHARED},
    }
    return run


def make_app(name: str) -> Typer:
    """Make a program without commands yet.

    name (str): Its name.
    RETURNS (Typer): The program.
    """
    return Typer(
        name=name,
        no_args_is_help=True,
        add_completion=False,
        # Markup would swallow `[initialize]`, and what draws its boxes takes as long to import as
        # all the rest.
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run_app(app: Typer, name: str, arguments: list[str] | None) -> None:
    """Run a program.

    A user's mistake is one message and exit status 1, and so is standard output on a full disk;
    Ctrl-C is one line and exit status 130.

    app (Typer): The program.
    name (str): Its name.
    arguments (list[str] | None): What follows its name; None reads ``sys.argv``.
    """
    _start()
    try:
        with redirect_stdout(cast(Any, sys.stdout and Output(sys.stdout))):
            app(args=arguments, prog_name=name)
    except InputError as error:
        notes = getattr(error, "__notes__", [])
        show_error(str(error) + "".join(f" (see {note})" for note in notes), error)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            show_error("Interrupted")
        raise


def _start() -> None:
    """Begin with what a command says by default, whatever another one was told before."""
    _Level.quiet = _Level.verbose = False
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A log that is being written shows what was said so far. Without UTF-8, what cannot be
        # shown is escaped.
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")


def is_verbose() -> bool:
    """Check whether everything is to be shown.

    RETURNS (bool): Whether --verbose was given.
    """
    return _Level.verbose


def show(kind: Kind, message: str) -> None:
    """Show a message that holds names of files, which wasabi would break into lines.

    kind (Kind): What it is; it decides colour and icon.
    message (str): The message. Of names that are no text, what cannot be shown is escaped.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(_mark(kind, message).encode(encoding, "backslashreplace").decode(encoding))


def save_json(output: Path | None, values: Any, what: str) -> None:
    """Save what a command printed, and say so.

    output (Path | None): The file; None saves nothing.
    values (Any): What to save.
    what (str): What that is, such as "Scores".
    RAISES (InputError): The file cannot be written.
    """
    import srsly

    from spacy_bioner_mtl.files.writing import write_whole

    if output is None:
        return
    with write_whole(output) as file:
        file.write(srsly.json_dumps(values, indent=2))
    msg.good(f"{what} saved to {output}")


def show_error(message: str, error: BaseException | None = None) -> None:
    """Show on standard error what went wrong.

    message (str): The message.
    error (BaseException | None): What it was made of; shown with --verbose, with its causes.
    """
    if error is not None and _Level.verbose:
        traceback.print_exception(error)
    print(_mark("fail", message), file=sys.stderr)


def _mark(kind: str, message: str) -> str:
    if kind == "plain":
        return message
    return f"{msg.text('', icon=kind, color=kind, no_print=True)} {message}"


@contextmanager
def _messages(name: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Send messages where they belong while a command runs with these options."""
    outputs = [options[name] for name in _OUTPUTS if isinstance(options.get(name), Path)]
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.showwarning = _show_warning
        if _Level.quiet:
            warnings.simplefilter("ignore")
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
        else:
            stack.enter_context(showing(name.replace("_", "-")))
            if any(map(is_standard_output, outputs)):
                stack.enter_context(redirect_stdout(sys.stderr))
        yield


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Show a warning as a message, without the line of code that gave it."""
    print(_mark("warn", str(message)), file=sys.stderr)

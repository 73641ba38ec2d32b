"""A logger of ``spacy train`` that says how far a training is, also where nobody watches."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import IO, Any, cast

from spacy.language import Language
from spacy.training.loggers import console_logger_v3

from spacy_bioner_mtl.console.progress import begin

LogStep = Callable[[dict[str, Any] | None], None]
SetUpLogger = Callable[[Language, IO[str], IO[str]], tuple[LogStep, Callable[[], None]]]


def configure_progress_logger() -> SetUpLogger:
    """Create a logger with the rows of spaCy's ConsoleLogger and the progress of the training.

    For ``[training.logger]``. On a terminal there is spaCy's bar of all steps; elsewhere, a line on
    standard error every half minute tells the step, steps a second, and about how long the rest
    takes, if the training is not ended by its patience before.

    RETURNS (Callable): What spaCy calls before the training.
    """

    def set_up_logger(
        nlp: Language, stdout: IO[str] = sys.stdout, stderr: IO[str] = sys.stderr
    ) -> tuple[LogStep, Callable[[], None]]:
        is_terminal = stderr.isatty()
        # spaCy's logger takes settings as they are written, and max_steps refers to another.
        config = nlp.config.interpolate()
        settled = cast(Language, SimpleNamespace(pipeline=nlp.pipeline, config=config))
        # spaCy flushes each row.
        log_row, end_rows = console_logger_v3(progress_bar="train" if is_terminal else None)(
            settled, stdout, stderr
        )
        total = config["training"]["max_steps"] or None
        lines = ExitStack()
        progress = lines.enter_context(begin("steps", total, None if is_terminal else "train"))

        def log_step(info: dict[str, Any] | None) -> None:
            log_row(info)
            progress.update()

        def finalize() -> None:
            lines.close()
            end_rows()

        return log_step, finalize

    return set_up_logger

"""A logger of ``spacy train`` that says how far a training is, also where nobody watches."""

import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import srsly
from spacy.language import Language
from spacy.training.loggers import console_logger_v3

from spacy_bioner_mtl.console.progress import begin
from spacy_bioner_mtl.files.writing import writing

LogStep = Callable[[dict[str, Any] | None], None]
SetUpLogger = Callable[[Language, IO[str], IO[str]], tuple[LogStep, Callable[[], None]]]


#: The keys of F1 of heads among the scores of an evaluation.
_F_SCORE = re.compile(r"spans_(.*)_f")


def configure_progress_logger(scores: str | None = None) -> SetUpLogger:
    """Create a logger with the rows of spaCy's ConsoleLogger and the progress of the training.

    For ``[training.logger]``. Below each row stands F1 of every head. On a terminal there is
    spaCy's bar of all steps; elsewhere, a line on standard error every half minute tells the step,
    steps a second, and about how long the rest takes, if the training is not ended by its patience
    before.

    scores (str | None): A file for the scores of every evaluation, a JSON object a line, which
        `bioner-mtl report` draws curves of; what was there is replaced. None for none.
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

        file = None if scores is None else Path(scores)
        if file is not None:
            with writing(file):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("", encoding="utf-8")

        def log_step(info: dict[str, Any] | None) -> None:
            log_row(info)
            progress.update()
            if info is None:
                return
            found = [(_F_SCORE.fullmatch(key), f) for key, f in info["other_scores"].items()]
            heads = {match[1]: f for match, f in found if match}
            if heads:
                shown = ", ".join(f"{head} {100 * f:.2f}" for head, f in heads.items())
                print(f"        {shown}", file=stdout, flush=True)
            if file is not None:
                row = {"step": info["step"], "score": info["score"], "heads": heads}
                with file.open("a", encoding="utf-8") as lines_of_scores:
                    lines_of_scores.write(srsly.json_dumps(row) + "\n")

        def finalize() -> None:
            lines.close()
            end_rows()

        return log_step, finalize

    return set_up_logger

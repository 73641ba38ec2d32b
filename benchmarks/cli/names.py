"""``python -m benchmarks names``: how many names of this decade a pipeline finds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import GpuId, ModelName

if TYPE_CHECKING:
    from benchmarks.name_scores import Answer


def names(
    model: ModelName,
    label_map: Annotated[
        Path | None,
        Option(
            "--map",
            metavar="FILE",
            help="JSON or YAML of the pipeline's labels to Chemical, Gene, Disease, Species and "
            'Variant; null or "" leaves a label out.',
        ),
    ] = None,
    seen: Annotated[
        list[Path] | None,
        Option(
            "--seen",
            metavar="FILE",
            help="Training text: a .spacy file, a folder of them, or text with a paragraph on each "
            "line, such as PubTator's. Names that do not occur in it are counted by themselves, "
            "too.",
        ),
    ] = None,
    show: Annotated[
        int,
        Option("--show", metavar="N", min=0, help="Failures to show of each type, spread over it."),
    ] = 0,
    gpu_id: GpuId = -1,
    output: Annotated[
        Path | None,
        Option("--output", metavar="FILE.json", help="Where to save the counts and every failure."),
    ] = None,
) -> None:
    """Look for names of drugs, genes, diseases, species and variants in plain sentences.

    The names, many of them recent, and three sentences for each type are in benchmarks/names. Of
    each name in each sentence, doc.ents has its characters and label (exact), its characters with
    another label (label), something that shares text with it (overlap), or nothing (missed). What
    is found elsewhere in a sentence is not judged.
    """
    from benchmarks.name_scores import Outcome, find_names
    from benchmarks.name_sentences import read_name_lists
    from benchmarks.seen_names import find_seen
    from spacy_bioner_mtl.formats.label_map import read_label_map
    from spacy_bioner_mtl.pipeline.loading import load_pipeline

    labels = read_label_map(label_map) if label_map else {}
    sentences = [sentence for each in read_name_lists() for sentence in each.sentences()]
    known = find_seen((sentence.name for sentence in sentences), seen or [])
    answers = find_names(load_pipeline(model, gpu_id), sentences, labels)
    values: dict[str, Any] = {"all": _report("", answers)}
    if seen:
        unseen = [answer for answer in answers if answer.sentence.name not in known]
        values["unseen"] = _report("not in --seen", unseen)
    failures = [answer for answer in answers if answer.outcome != Outcome.exact]
    for kind in dict.fromkeys(answer.sentence.kind for answer in failures) if show else ():
        of_kind = [answer for answer in failures if answer.sentence.kind == kind]
        for answer in of_kind[:: max(1, len(of_kind) // show)][:show]:
            print(_describe(answer))
    values["failures"] = [
        {**answer.to_json(), "seen": answer.sentence.name in known} for answer in failures
    ]
    save_json(output, values, "Scores")


def _report(title: str, answers: "list[Answer]") -> dict[str, Any]:
    """Print a table of answers; returns its counts, for a JSON file."""
    from wasabi import msg

    from benchmarks.name_scores import Outcome, count_outcomes

    scores = count_outcomes(answers)
    msg.table(
        [(kind, *score.row()) for kind, score in scores.items()],
        header=(title, "Names", "Sentences", *(each.capitalize() for each in Outcome), "Exact, %"),
        aligns=("l", *"rrrrrrr"),
        divider=True,
    )
    return {kind: score.to_json() for kind, score in scores.items()}


def _describe(answer: "Answer") -> str:
    """Describe a failure in a line: what was looked for, what was found, and the sentence."""
    text = answer.sentence.text
    found = ", ".join(f"{text[start:end]} ({label})" for start, end, label in answer.entities)
    wanted = f"{answer.sentence.name} ({answer.sentence.label})"
    return f"{answer.outcome}: {wanted}, found: {found or '-'} | {text}"

"""Every head on every corpus that has a label it knows: whose conventions are whose."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.gold_docs import annotate_gold
from spacy_bioner_mtl.formats.label_map import LabelMap, rename
from spacy_bioner_mtl.pipeline.loading import bioner_pipes

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

    from spacy_bioner_mtl.pipeline.judge import Key


@dataclass(frozen=True)
class Cell:
    """The scores of one label of one head on one corpus.

    corpus (str): The corpus: the name of its file, without the ending.
    label (str): The label, after renaming, as the corpus writes it.
    head (str): The head.
    precision (float): From 0 to 1.
    recall (float): From 0 to 1.
    f_score (float): From 0 to 1.
    gold (int): Gold mentions.
    """

    corpus: str
    label: str
    head: str
    precision: float
    recall: float
    f_score: float
    gold: int


#: A corpus: its name, and its documents with the pipeline's answers.
Annotated = tuple[str, "list[Example]"]


def make_matrix(nlp: "Language", paths: Sequence[Path], labels: LabelMap) -> list[Cell]:
    """Let a pipeline annotate corpora, and score every head on every corpus, label by label.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): .spacy files, each a corpus, or folders with such files anywhere in
        them.
    labels (Mapping[str, str | None]): As for score_corpora.
    RETURNS (list[Cell]): By corpus and label, the best head first.
    RAISES (InputError): If a path holds no DocBin, or no head knows a label of any corpus.
    """
    return score_corpora(nlp, annotate_corpora(nlp, paths), labels)


def annotate_corpora(nlp: "Language", paths: Sequence[Path]) -> Iterator[Annotated]:
    """Let a pipeline annotate corpora, one after the other.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): As for make_matrix.
    YIELDS (tuple[str, list[Example]]): The name of a corpus, that of its file without the ending,
        and of its folder where several files have the same; annotated and gold documents.
    RAISES (InputError): If a path holds no DocBin.
    """
    from spacy.training.corpus import walk_corpus

    locations = [each for path in paths for each in sorted(walk_corpus(path, ".spacy"))]
    counts = Counter(location.stem for location in locations)
    for location in locations:
        folder = f"{location.parent.name}/" if counts[location.stem] > 1 else ""
        yield f"{folder}{location.stem}", annotate_gold(nlp, [location])


def score_corpora(nlp: "Language", corpora: Iterable[Annotated], labels: LabelMap) -> list[Cell]:
    """Score every head on every corpus, label by label.

    A label of a head and one of a corpus are the same if they are after renaming, whatever their
    case. Each label of a corpus is taken from the first of its heads that has it.

    nlp (Language): The pipeline.
    corpora (Iterable[tuple[str, list[Example]]]): What annotate_corpora yields.
    labels (Mapping[str, str | None]): New labels for old ones, of heads and of corpora; null or ""
        leaves one out.
    RETURNS (list[Cell]): By corpus and label, the best head first.
    RAISES (InputError): No head knows a label of any corpus.
    """
    known: dict[str, set[str]] = {}
    for pipe in bioner_pipes(nlp):
        for index in pipe.head_settings().active:
            head = pipe.heads[index]
            known[head.name] = {name for label in head.labels if (name := _fold(label, labels))}
    cells = [
        cell
        for corpus, examples in corpora
        for cell in _score_corpus(corpus, examples, known, labels)
    ]
    if not cells:
        raise InputError(
            "No head of the pipeline knows a label of these corpora. Bring labels together with "
            "--map, a file of lines like 'GENE: Gene'."
        )
    return sorted(cells, key=lambda cell: (cell.corpus, cell.label, -cell.f_score, cell.head))


def _score_corpus(
    corpus: str, examples: "list[Example]", known: dict[str, set[str]], labels: LabelMap
) -> list[Cell]:
    from spacy_bioner_mtl.pipeline.judge import Judge, LabelScores
    from spacy_bioner_mtl.pipeline.spans import count_labels

    spelt: dict[str, str] = {}
    group_of: dict[str, str] = {}
    for group, counts in sorted(count_labels(each.reference for each in examples).items()):
        for label in sorted(counts):
            if name := _fold(label, labels):
                spelt.setdefault(name, rename(label, labels) or label)
                group_of.setdefault(name, group)
    wanted: dict[str, set[str]] = defaultdict(set)
    for name, group in group_of.items():
        wanted[group].add(name)
    scores: dict[str, LabelScores] = defaultdict(LabelScores)
    for example in examples:
        for group, names in wanted.items():
            if group in example.reference.spans:
                judge = Judge(example, group)
                gold = _choose(judge.gold, names, labels)
                for head in known:
                    found = judge.locate(example.predicted.spans.get(head, ()))
                    asked = names & known[head]
                    own = {key for key in gold if key[2] in asked}
                    scores[head].add(_choose(found, asked, labels), own)
    return [
        Cell(
            corpus,
            spelt[name],
            head,
            score.precision,
            score.recall,
            score.fscore,
            score.tp + score.fn,
        )
        for head, of_head in scores.items()
        for name, score in of_head.items()
    ]


def _choose(keys: "set[Key]", names: set[str], labels: LabelMap) -> "set[Key]":
    """Spans whose label, renamed and folded, is one of some names."""
    renamed = {(start, end, _fold(label, labels)) for start, end, label in keys}
    return {(start, end, name) for start, end, name in renamed if name in names}


def _fold(label: str, labels: LabelMap) -> str:
    """A label after renaming, lower-cased; empty if it is to be left out."""
    return (rename(label, labels) or "").lower()

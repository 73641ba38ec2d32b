"""Callbacks for configs of pipelines that are trained, or put together from trained ones."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from wasabi import msg

from spacy_bioner_mtl.corpora.docs import doc_to_record
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.names import safe_name
from spacy_bioner_mtl.files.writing import write_whole
from spacy_bioner_mtl.formats.tokens import write_label_columns
from spacy_bioner_mtl.pipeline.settings import change_settings
from spacy_bioner_mtl.pipeline.spans import annotated_heads

Scorer = Callable[..., dict[str, Any]]


def configure_annotate_on_improvement(
    path: str, component: str = "bioner_mtl"
) -> Callable[[Language], Language]:
    """Create a callback that has the dev documents written whenever a head improves.

    For ``[initialize.after_init]``. The documents are those that the evaluation has predicted
    anyway, with averaged weights where training averages them. The saved pipeline does not know of
    it: evaluating that later writes nothing.

    path (str): Folder for one CoNLL file per head, HEAD.tsv. What is in a head's name that is not
        safe in that of a file is replaced.
    component (str): The component's name in the pipeline.
    RETURNS (Callable[[Language], Language]): The callback.
    """

    def after_init(nlp: Language) -> Language:
        pipe: Any = nlp.get_pipe(component)
        pipe.scorer = AnnotatingScorer(pipe.scorer, Path(path))
        return nlp

    return after_init


def configure_add_heads(
    heads: dict[str, list[str]], component: str = "bioner_mtl"
) -> Callable[[Language], Language]:
    """Create a callback that adds heads to a trained component which training goes on with.

    For ``[initialize.after_init]`` of a config whose component has a ``source``: spaCy does not
    initialize such a component, so that it does not look for heads in the training documents.

    heads (dict[str, list[str]]): The labels of each head. What is there already stays.
    component (str): The component's name in the pipeline.
    RETURNS (Callable[[Language], Language]): The callback.
    """

    def after_init(nlp: Language) -> Language:
        pipe: Any = nlp.get_pipe(component)
        for name, labels in heads.items():
            if pipe.add_head(name, labels):
                msg.info(f"Added the head '{name}' with the labels {', '.join(labels)}")
        return nlp

    return after_init


def configure_settings(
    settings: dict[str, Any], component: str = "bioner_mtl"
) -> Callable[[Language], Language]:
    """Create a callback that changes settings of a component that was trained elsewhere.

    For ``[nlp.after_pipeline_creation]`` of a config whose component has a ``source``: spaCy drops
    other settings of that block.

    settings (dict[str, Any]): Settings as in ``nlp.get_pipe(component).cfg``.
    component (str): The component's name in the pipeline.
    RETURNS (Callable[[Language], Language]): The callback.
    """

    def after_pipeline_creation(nlp: Language) -> Language:
        pipe: Any = nlp.get_pipe(component)
        try:
            pipe.cfg = change_settings(pipe.cfg, settings, component)
        except InputError as error:
            raise InputError(f"[nlp.after_pipeline_creation.settings]: {error}") from error
        return nlp

    return after_pipeline_creation


class AnnotatingScorer:
    """A scorer that writes what a head predicted whenever its F1 rises."""

    def __init__(self, scorer: Scorer, folder: Path):
        """Wrap a scorer.

        scorer (Scorer): The component's own.
        folder (Path): Where the files go.
        """
        self._scorer = scorer
        self._folder = folder
        self._best: dict[str, float] = {}
        self._names: dict[str, str] = {}

    def __call__(self, examples: Iterable[Example], **options: Any) -> dict[str, Any]:
        """Score, and write the heads that have improved. Returns the scores unchanged."""
        examples = list(examples)
        scores = self._scorer(examples, **options)
        for head in sorted({head for eg in examples for head in annotated_heads(eg.reference)}):
            self._names.setdefault(head, self._choose_name(head))
            score = scores[f"spans_{head}_f"]
            if score > self._best.get(head, 0.0):
                self._best[head] = score
                self._write(head, [eg for eg in examples if head in eg.reference.spans])
        return scores

    def _choose_name(self, head: str) -> str:
        """The name of a head's file, which no other head has, whatever the heads are called."""
        return safe_name(head, {name.casefold() for name in self._names.values()})

    def _write(self, head: str, examples: list[Example]) -> None:
        """Write the documents that are annotated for a head, as this head predicts them."""
        docs: list[Doc] = [example.predicted for example in examples]
        with write_whole(self._folder / f"{self._names[head]}.tsv") as file:
            file.writelines(write_label_columns(doc_to_record(doc, [head]) for doc in docs))

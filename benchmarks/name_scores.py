"""How many names a pipeline finds in plain sentences."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.name_sentences import NameSentence
from spacy_bioner_mtl.formats.label_map import LabelMap, rename

if TYPE_CHECKING:
    from spacy.language import Language

#: Offsets of an entity, and its label.
Entity = tuple[int, int, str]


class Outcome(StrEnum):
    """What became of a name in a sentence; the first that applies.

    exact: An entity has its characters and its label.
    label: An entity has its characters and another label.
    overlap: An entity shares a character with it.
    missed: None does.
    """

    exact = "exact"
    label = "label"
    overlap = "overlap"
    missed = "missed"


@dataclass(frozen=True)
class Answer:
    """What a pipeline says about a name in a sentence.

    sentence (NameSentence): The sentence.
    entities (list[Entity]): The entities that share a character with the name.
    """

    sentence: NameSentence
    entities: list[Entity]

    @cached_property
    def outcome(self) -> Outcome:
        """What became of the name."""
        sentence = self.sentence
        if (sentence.start, sentence.end, sentence.label) in self.entities:
            return Outcome.exact
        if any(entity[:2] == (sentence.start, sentence.end) for entity in self.entities):
            return Outcome.label
        return Outcome.overlap if self.entities else Outcome.missed

    def to_json(self) -> dict[str, Any]:
        """Return everything, for a JSON file."""
        sentence = self.sentence
        found = [
            {"start": start, "end": end, "label": label, "text": sentence.text[start:end]}
            for start, end, label in self.entities
        ]
        return {
            "type": sentence.kind,
            "name": sentence.name,
            "outcome": self.outcome.value,
            "text": sentence.text,
            "start": sentence.start,
            "end": sentence.end,
            "label": sentence.label,
            "found": found,
        }


@dataclass(frozen=True)
class NameScore:
    """Names counted, of one type or of all.

    names (int): Distinct names.
    outcomes (Counter[Outcome]): Sentences by what became of their name.
    """

    names: int
    outcomes: Counter[Outcome]

    @property
    def exact(self) -> float:
        """Share of the sentences whose name was found, 0 to 1; 0 where there are none."""
        return self.outcomes[Outcome.exact] / (self.outcomes.total() or 1)

    def row(self) -> tuple[str, ...]:
        """Lay the score out as cells: names, sentences, each outcome, and percent found."""
        return (
            f"{self.names:,}",
            f"{self.outcomes.total():,}",
            *(f"{self.outcomes[outcome]:,}" for outcome in Outcome),
            f"{100 * self.exact:.1f}",
        )

    def to_json(self) -> dict[str, float]:
        """Return counts and score, for a JSON file."""
        counts = {outcome.value: self.outcomes[outcome] for outcome in Outcome}
        return {
            "names": self.names,
            "sentences": self.outcomes.total(),
            **counts,
            "exact_share": self.exact,
        }


def find_names(
    nlp: "Language", sentences: Sequence[NameSentence], labels: LabelMap
) -> list[Answer]:
    """Let a pipeline annotate the sentences, each for itself.

    nlp (Language): The pipeline, asked for doc.ents.
    sentences (Sequence[NameSentence]): The sentences.
    labels (Mapping[str, str | None]): New labels for those of the pipeline; null or "" leaves an
        entity out.
    RETURNS (list[Answer]): The answers.
    """
    answers = []
    docs = nlp.pipe(sentence.text for sentence in sentences)
    for sentence, doc in zip(sentences, docs, strict=True):
        entities = []
        for entity in doc.ents:
            label = rename(entity.label_, labels)
            if label and entity.start_char < sentence.end and sentence.start < entity.end_char:
                entities.append((entity.start_char, entity.end_char, label))
        answers.append(Answer(sentence, entities))
    return answers


def count_outcomes(answers: Iterable[Answer]) -> dict[str, NameScore]:
    """Count answers.

    answers (Iterable[Answer]): The answers.
    RETURNS (dict[str, NameScore]): The score of each type, and last that of "all".
    """
    answers = list(answers)
    kinds = dict.fromkeys(answer.sentence.kind for answer in answers)
    groups = {kind: [a for a in answers if a.sentence.kind == kind] for kind in kinds}
    return {kind: _score(group) for kind, group in {**groups, "all": answers}.items()}


def _score(answers: Sequence[Answer]) -> NameScore:
    names = {(answer.sentence.kind, answer.sentence.name) for answer in answers}
    return NameScore(len(names), Counter(answer.outcome for answer in answers))

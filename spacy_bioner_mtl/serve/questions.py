"""What a request asks for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spacy_bioner_mtl.annotate.request import ALL
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import MERGED_HEAD
from spacy_bioner_mtl.formats.registry import FORMATS, Format

JSON = "json"
NDJSON = "ndjson"
# brat's annotations are a second file, which a request cannot bring.
_READ = [each for each in FORMATS.values() if each.reader and not each.folder]
_WRITTEN = [each for each in FORMATS.values() if each.writer]

#: What can be read of a file; the names are those of ``annotate --from``.
SOURCES = [each.name for each in _READ]
#: What can be written; the names are those of ``annotate --to``, and JSON for programs.
TARGETS = [JSON, NDJSON, *(each.name for each in _WRITTEN)]

Threshold = Annotated[
    float,
    Field(ge=0.0, le=1.0, description="Entities that are less probable are left out."),
]
Heads = Annotated[
    list[str],
    Field(
        min_length=1,
        description=f'Whose answers: names of heads, "{MERGED_HEAD}" for the one answer of all, or '
        f'"{ALL}" for those of all heads side by side.',
    ),
]
Labels = Annotated[
    list[str] | None, Field(description="Entity types to keep; all, unless they are named.")
]


class Wishes(BaseModel):
    """What is asked of texts, wherever they come from."""

    # A word that is misspelt is no wish that was heard.
    model_config = ConfigDict(extra="forbid")

    heads: Heads = [MERGED_HEAD]
    labels: Labels = None
    threshold: Threshold = 0.0
    scores: Annotated[bool, Field(description="Whether to tell probabilities.")] = True
    format: Annotated[
        str,
        Field(
            description=f"What comes back: {JSON}; {NDJSON}, a line for each text as soon as it is "
            "annotated; or a file."
        ),
    ] = JSON


class Question(Wishes):
    """Texts, and what is asked of them."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "oneOf": [{"required": ["text"]}, {"required": ["texts"]}],
            "examples": [{"text": "Tamoxifen in carriers of BRCA1 with breast cancer."}],
        },
    )

    text: Annotated[str, Field(description="One text.")] = ""
    texts: Annotated[list[str], Field(min_length=1, description="Or many.")] = []

    @model_validator(mode="before")
    @classmethod
    def _check_texts(cls, values: Any) -> Any:
        if isinstance(values, dict) and ("text" in values) == ("texts" in values):
            raise ValueError('give either "text", a string, or "texts", a list of strings')
        return values

    @property
    def all_texts(self) -> list[str]:
        """The texts."""
        return self.texts or [self.text]


class FileQuestion(Wishes):
    """What is asked of a file."""

    source: Annotated[
        str | None,
        Field(alias="from", description="The file's format; recognised, unless it is named."),
    ] = None


@dataclass(frozen=True)
class Choice:
    """Which mentions are wanted of what the pipeline finds, and how.

    heads (list[str]): Whose; see annotate.documents.choose_heads.
    labels (frozenset[str] | None): Of which types; None for all.
    threshold (float): How probable they have to be.
    scores (bool): Whether their probabilities are told.
    """

    heads: list[str]
    labels: frozenset[str] | None
    threshold: float
    scores: bool


@dataclass(frozen=True)
class Offer:
    """What can be chosen of a pipeline.

    heads (list[str]): Names of the heads that are not switched off.
    labels (list[str]): Entity types that an answer may have.
    """

    heads: list[str]
    labels: list[str]

    def choose(self, wishes: Wishes, target: Format | None) -> Choice:
        """Check what a request asks for.

        wishes (Wishes): What it asks for.
        target (Format | None): The file that is written; None for JSON.
        RETURNS (Choice): The same, with the heads that "all" stands for.
        RAISES (InputError): There is no such head or type, or the format cannot hold them.
        """
        labels = None if wishes.labels is None else frozenset(wishes.labels)
        _check("head", wishes.heads, [*self.heads, ALL, MERGED_HEAD])
        _check("label", sorted(labels or ()), self.labels)
        chosen = self.heads if ALL in wishes.heads else list(dict.fromkeys(wishes.heads))
        if target and not target.overlaps and len(chosen) > 1:
            raise InputError(
                f"the format {target.name} cannot hold the answers of several heads, which nest "
                f'and cross: name one head, or "{MERGED_HEAD}", or another format'
            )
        scores = wishes.scores or bool(target and target.table)
        return Choice(chosen, labels, wishes.threshold, scores)


def find_source(name: str | None) -> Format | None:
    """Find the format of a file that is to be read.

    name (str | None): Its name; None for one that is to be recognised.
    RETURNS (Format | None): The format, if it is named.
    RAISES (InputError): There is none of that name.
    """
    if name is None:
        return None
    _check_format("from", name, SOURCES)
    return FORMATS[name]


def find_target(name: str) -> Format | None:
    """Find the format of a file that is to be written.

    name (str): Its name.
    RETURNS (Format | None): The format; None for JSON.
    RAISES (InputError): There is none of that name.
    """
    _check_format("format", name, TARGETS)
    return None if name in (JSON, NDJSON) else FORMATS[name]


def _check_format(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise InputError(f'unknown format {name!r}; "{what}" takes {", ".join(known)}')


def _check(what: str, given: Iterable[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise InputError(
                f"there is no {what} {name!r} in the pipeline; choose from: {', '.join(known)}"
            )

"""The tokenisation of the biomedical corpora, for raw text.

The public corpora split at every character that is neither a letter nor a digit: ``5-HT`` is
three tokens there, ``CYP2D6`` is one. A model that was trained on them reads raw text best when
it is cut the same way.
"""

import re
import unicodedata
import warnings
from collections.abc import Callable
from itertools import groupby

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import DummyTokenizer
from spacy.vocab import Vocab


def _combining_marks() -> str:
    """The characters of category M, as ranges for a regular expression's character class."""
    # All marks lie in these two blocks; looking at the whole of Unicode would slow the import.
    points = [*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)]
    groups = groupby(map(chr, points), key=lambda mark: unicodedata.category(mark)[0] == "M")
    runs = [list(group) for are_marks, group in groups if are_marks]
    return "".join(f"{run[0]}-{run[-1]}" for run in runs)


_LETTER = r"[^\W_]"
_MARK = _combining_marks()
# Invisible characters that ask for no break: soft hyphen, the zero-width joiner and non-joiner,
# and the word joiner. They continue a word, so that splitting does not depend on them.
_JOINER = r"\u00ad\u200c\u200d\u2060"
# A token, and the one space after it that a Doc keeps as a flag. White space comes first and
# takes all it can get, so that only a token that is not white space is followed by a flag. A mark
# belongs to the character it is drawn on, be that a letter or a sign. No part of the expression
# can match what its neighbour gave back, hence it takes linear time.
_TOKEN = re.compile(
    rf"(\s+|(?:{_LETTER}+|[{_MARK}])(?:[{_MARK}{_JOINER}]+{_LETTER}*)*|\S[{_MARK}]*)( ?)"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


# spaCy's Tokenizer with this expression for infixes gives the same tokens. It is as fast where it
# can cache them, but it does not cache inside of a memory zone, where files are annotated.
class BioTokenizer(DummyTokenizer):
    """Split at white space and at every character that is no letter, digit or combining mark.

    Letters and digits stay together (``H2``, ``CYP2D6``); every other character is a token of its
    own. White space follows spaCy's convention: one space after a token is that token's flag, and
    whatever white space remains is a token. ``doc.text`` equals the text.

    vocab (Vocab): The vocabulary of the documents.
    """

    def __init__(self, vocab: Vocab) -> None:
        """Create a tokenizer."""
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        """Tokenise a text.

        text (str): Any text. Lone surrogates, which no encoding can store, become U+FFFD with a
            warning that counts them; offsets stay as they were.
        RETURNS (Doc): The tokens; an empty text gives an empty document.
        """
        try:
            return self._make_doc(text)
        except UnicodeEncodeError:
            text, count = _SURROGATE.subn("\ufffd", text)
            warnings.warn(
                f"The text holds {count} lone surrogate(s), which are no characters: replaced by "
                "U+FFFD. Decode the source with the encoding it was written in.",
                stacklevel=2,
            )
            return self._make_doc(text)

    def _make_doc(self, text: str) -> Doc:
        pairs = _TOKEN.findall(text)
        return Doc(
            self.vocab,
            words=[word for word, _ in pairs],
            spaces=[space == " " for _, space in pairs],
        )


def configure_bio_tokenizer() -> Callable[[Language], BioTokenizer]:
    """Make the factory for ``[nlp.tokenizer] @tokenizers = "spacy_bioner_mtl.BioTokenizer.v1"``.

    RETURNS (Callable[[Language], BioTokenizer]): Takes the pipeline, returns its tokenizer.
    """
    return lambda nlp: BioTokenizer(nlp.vocab)

"""Reads the blocks of code in Markdown, and takes command lines apart."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from conftest import ROOT

#: Everything that a stranger reads and may copy from.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^( *)```(\w*)$")
_MARK = re.compile(r"^ *<!-- (.*) -->$")
#: What ends a command of a line, and what is no part of it.
_SEPARATORS = {"|", "&&", ";"}
_REDIRECTIONS = {">", "<", ">>"}
#: "Your options here".
_ELLIPSIS = "…"


@dataclass(frozen=True)
class Block:
    """A block of code.

    page (Path): The file.
    line (int): Where its code begins, counted from 1.
    language (str): What stands behind the fence.
    mark (str): The comment on the line before the fence; empty if there is none.
    code (str): The code, not indented.
    """

    page: Path
    line: int
    language: str
    mark: str
    code: str

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def argument(self, word):
        """What stands behind a word and a colon in the mark; None if it does not begin so."""
        return self.mark.removeprefix(f"{word}: ") if self.mark.startswith(f"{word}: ") else None


def read_blocks(page):
    """All blocks of a page, in order."""
    blocks, mark = [], ""
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    for number, line in lines:
        if fence := _FENCE.match(line):
            code = []
            for _, inner in lines:
                if inner == f"{fence[1]}```":
                    break
                code.append(inner.removeprefix(fence[1]))
            else:
                raise AssertionError(f"{page}:{number}: this block has no end")
            blocks.append(Block(page, number + 1, fence[2], mark, "\n".join([*code, ""])))
        assert "```" not in line or fence, f"{page}:{number}: a fence that no test would see"
        found = _MARK.match(line)
        mark = found[1] if found else ""
    return blocks


def command_lines(code):
    """The lines of a shell block, continued ones in one piece, without comments."""
    joined = code.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def split_line(line):
    """The commands of a line, each a list of words, without redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    commands, words = [], iter(lexer)
    current = []
    for word in words:
        if word in _SEPARATORS:
            commands.append(current)
            current = []
        elif word in _REDIRECTIONS:
            next(words)
        elif word != _ELLIPSIS:
            current.append(word)
    return [*commands, current]


def is_plain(line):
    """Whether a line is one command and nothing that needs a shell."""
    words = list(shlex.shlex(line, posix=True, punctuation_chars="|&;<>"))
    return not {*_SEPARATORS, *_REDIRECTIONS} & set(words)


def inline_commands(page):
    """Command lines within the text of a page."""
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
    programs = ("bioner-mtl ", "python -m benchmarks ", "spacy ")
    return [span for span in spans if span.startswith(programs)]

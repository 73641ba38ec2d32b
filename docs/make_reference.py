"""Writes reference.md from the code: ``python docs/make_reference.py``.

Commands come from the typer applications, registered names from the entry points of setup.cfg, and
what they take from signatures and docstrings. tests/test_reference.py fails when the page and the
code differ.
"""

import configparser
import html
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference.md"
WIDTH = 120

TITLE = "# Reference"
INTRODUCTION = """
Commands with their options, and registered names with their parameters. This page is made from the
code by `python docs/make_reference.py`, and a test fails when it is out of date: change the code,
then make the page again.
"""
LINK = (
    "- [`bioner-mtl`](#bioner-mtl), [`python -m benchmarks`](#python--m-benchmarks): the commands"
)
COMMANDS = """
All commands take `-h`/`--help`, `--quiet` (say nothing but what went wrong) and `--verbose` (also
show each file that is passed over, and of an error where it came from). A user's mistake is one
message and exit status 1; Ctrl-C is exit status 130.
"""
BENCHMARKS = """
In a checkout, in the project's root: they are not installed. They take the same options as above.
"""
#: Groups of entry points in the page's order: heading, and how a config names such a thing.
GROUPS = {
    "spacy_factories": ("Components", "factory"),
    "spacy_architectures": ("Architectures", "@architectures"),
    "spacy_misc": ("Merge policies", "@misc"),
    "spacy_tokenizers": ("Tokenizers", "@tokenizers"),
    "spacy_readers": ("Readers", "@readers"),
    "spacy_augmenters": ("Augmenters", "@augmenters"),
    "spacy_batchers": ("Batchers", "@batchers"),
    "thinc_optimizers": ("Optimizers", "@optimizers"),
    "spacy_callbacks": ("Callbacks", "@callbacks"),
    "spacy_loggers": ("Loggers", "@loggers"),
    "spacy_scorers": ("Scorers", "@scorers"),
    "spacy_displacy_colors": ("Colours of displaCy", ""),
}
#: What spaCy gives a factory itself.
GIVEN = ("nlp", "name")
_PARAMETER = re.compile(r"(\w+) \((.+?)\): (.*)")
_OTHER = re.compile(r"(RETURNS|RAISES|YIELDS)\b.*")


def make_reference() -> str:
    """Make the page.

    RETURNS (str): Its text.
    """
    import benchmarks.__main__
    from spacy_bioner_mtl.cli import app

    groups = _entry_points()
    links = [
        f"- [{heading}](#{heading.lower().replace(' ', '-')}): "
        + ", ".join(f"`{name.removeprefix('spacy_bioner_mtl.')}`" for name, _ in groups[group])
        for group, (heading, _) in GROUPS.items()
    ]
    links = [LINK, *(textwrap.fill(link, WIDTH, **_ITEM) for link in links)]
    parts = [
        TITLE,
        _paragraph(INTRODUCTION),
        "\n".join(links),
        "## `bioner-mtl`",
        _paragraph(COMMANDS),
        *_commands("bioner-mtl", app),
        "## `python -m benchmarks`",
        _paragraph(BENCHMARKS),
        *_commands("python -m benchmarks", benchmarks.__main__.app),
    ]
    for group, (heading, key) in GROUPS.items():
        parts.append(f"## {heading}")
        for name, thing in groups[group]:
            parts.extend(_registered(group, key, name, thing))
    return "\n\n".join(parts) + "\n"


_ITEM: dict[str, Any] = {
    "subsequent_indent": "  ",
    "break_long_words": False,
    "break_on_hyphens": False,
}


def _paragraph(text: str) -> str:
    """One paragraph of a docstring or a help text in Markdown: no tags, no long lines."""
    pieces = re.split(r"(`+[^`]+`+)", " ".join(text.split()))
    safe = "".join(
        piece if piece.startswith("`") else html.escape(piece, quote=False) for piece in pieces
    )
    return textwrap.fill(
        safe.replace("``", "`"), WIDTH, break_long_words=False, break_on_hyphens=False
    )


def _item(name: str, note: str, text: str) -> str:
    """An item of a list: a name in code, a note in brackets, a text."""
    note = f" ({note})" if note else ""
    body = _paragraph(text).replace("\n", " ")
    return textwrap.fill(f"- `{name}`{note}: {body}", WIDTH, **_ITEM)


def _commands(program: str, app: typer.Typer) -> Iterator[str]:
    """Sections of all commands of a program."""
    for info in app.registered_commands:
        callback = info.callback
        assert callback is not None
        name = info.name or callback.__name__.replace("_", "-")
        yield from _command(f"{program} {name}", inspect.unwrap(callback))
    for group in app.registered_groups:
        inner = group.typer_instance
        assert inner is not None
        name = inner.info.name or ""
        yield from _commands(f"{program} {name}", inner)


def _command(title: str, callback: Callable[..., None]) -> Iterator[str]:
    """The section of one command."""
    hints = get_type_hints(callback, include_extras=True)
    arguments, items = [], []
    for parameter in inspect.signature(callback).parameters.values():
        hint = hints[parameter.name]
        if get_origin(hint) is not Annotated:
            continue
        kind, info = get_args(hint)[:2]
        required = parameter.default is inspect.Parameter.empty
        note = "" if required else _default(parameter.default)
        if type(info).__name__ == "ArgumentInfo":
            metavar = info.metavar or parameter.name.upper()
            arguments.append(metavar if required else f"[{metavar}]")
            items.append(_item(metavar, note, info.help))
        else:
            # Within Annotated, typer takes the first name for a default at first.
            names = [one for one in (info.default, *(info.param_decls or ())) if one is not ...]
            if not names:
                names = ["--" + parameter.name.replace("_", "-")]
            if "list[" in str(kind):
                note = "repeatable"
            metavar = info.metavar or _value(kind)
            if parameter.default is True:
                note = f"default `{names[0].split('/')[0]}`"
            items.append(_item(f"{', '.join(names)} {metavar}".strip(), note, info.help))
    heading = f"### `{' '.join([title, *arguments])}`"
    yield from _section(heading, (inspect.getdoc(callback) or "").split("\n\n"), items)


def _section(heading: str, texts: list[str], items: list[str]) -> Iterator[str]:
    first, *others = map(_paragraph, texts)
    yield f"{heading}\n{first}"
    yield from others
    if items:
        yield "\n".join(items)


def _value(kind: Any) -> str:
    """What stands for an option's value, where its author gave no name."""
    kind = next((one for one in get_args(kind) if one is not type(None)), kind)
    if kind is bool:
        return ""
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return "|".join(str(each.value) for each in kind)
    return {int: "N", float: "X"}.get(kind, "TEXT")


def _default(value: Any) -> str:
    if value is None or value is False:
        return ""
    value = value.value if isinstance(value, Enum) else value
    return f"default `{value}`"


def _entry_points() -> dict[str, list[tuple[str, Any]]]:
    """Names and what they stand for, in the order of setup.cfg, group by group."""
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    groups: dict[str, list[tuple[str, Any]]] = {}
    for group, lines in parser["options.entry_points"].items():
        if group == "console_scripts":
            continue
        for line in lines.strip().splitlines():
            name, target = (part.strip() for part in line.split("=", 1))
            module, attribute = target.split(":")
            groups.setdefault(group, []).append((name, getattr(import_module(module), attribute)))
    assert set(groups) == set(GROUPS), "a group of entry points has no heading here"
    return groups


def _registered(group: str, key: str, name: str, thing: Any) -> Iterator[str]:
    """The section of a registered name."""
    if not key:
        yield _paragraph(f"`{name}`: " + ", ".join(f"`{label}` {thing[label]}" for label in thing))
        return
    texts, described = _docstring(thing)
    if inspect.isclass(thing):
        described = _docstring(thing.__init__)[1]
    defaults = _factory_defaults(name) if group == "spacy_factories" else {}
    items = []
    for parameter in inspect.signature(thing).parameters.values():
        if group == "spacy_factories" and parameter.name in GIVEN:
            continue
        kind, text = described[parameter.name]
        default = defaults.get(parameter.name, parameter.default)
        written = parameter.name
        if default is not inspect.Parameter.empty:
            written += f" = {_written(default)}"
        items.append(_item(written, f"`{kind}`", text))
    yield from _section(f'### `{key} = "{name}"`', texts, items)


def _factory_defaults(name: str) -> dict[str, Any]:
    from spacy.language import Language

    return dict(Language.get_factory_meta(name).default_config)


def _written(value: Any) -> str:
    """A value as a config has it; of a block, the name in it."""
    if isinstance(value, dict) and value:
        return next(str(one) for key, one in value.items() if key.startswith("@"))
    if isinstance(value, str):
        return f'"{value}"'
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def _docstring(thing: Any) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """Split a docstring.

    RETURNS (tuple): Its paragraphs, and type and text of each parameter.
    """
    texts: list[str] = []
    described: dict[str, tuple[str, str]] = {}
    for paragraph in (inspect.getdoc(thing) or "").split("\n\n"):
        if not (_PARAMETER.match(paragraph) or _OTHER.match(paragraph)):
            texts.append(paragraph)
            continue
        current = ""
        for line in paragraph.splitlines():
            if match := _PARAMETER.match(line):
                current = match[1]
                described[current] = (match[2], match[3])
            elif _OTHER.match(line):
                current = ""
            elif current:
                kind, text = described[current]
                described[current] = (kind, f"{text} {line.strip()}")
    return texts, described


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    PAGE.write_text(make_reference(), encoding="utf-8")

"""docs/reference.md is what docs/make_reference.py makes of the code of today."""

import importlib.util
import re
import shlex

import pytest
import srsly
from commands import find_click_command
from conftest import ROOT

from spacy_bioner_mtl.cli import app

PAGE = ROOT / "docs" / "reference.md"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sections(page):
    """Headings in code, and what stands below them."""
    parts = re.split(r"^#{2,3} (.*)$", page, flags=re.MULTILINE)
    return dict(zip((heading.strip("`") for heading in parts[1::2]), parts[2::2], strict=True))


def test_the_page_is_up_to_date(script):
    written = PAGE.read_text(encoding="utf-8")
    assert script.make_reference() == written, "run: python docs/make_reference.py"


def test_every_registered_name_has_a_section():
    shown = re.findall(r'^### `@?\w+ = "(.*)"`$', PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    registered = srsly.read_json(ROOT / "tests" / "registered_names.json")
    del registered["spacy_displacy_colors"]
    assert sorted(shown) == sorted(name for names in registered.values() for name in names)


def test_options_are_those_of_the_command_line():
    """Read from typer's own commands, where the page is made from signatures."""
    below = sections(PAGE.read_text(encoding="utf-8"))
    headings = [heading for heading in below if heading.startswith("bioner-mtl ")]
    assert len(headings) > 10
    for heading in headings:
        command, _ = find_click_command(app, shlex.split(heading)[1:])
        options = {
            name
            for parameter in command.params
            for name in (*parameter.opts, *parameter.secondary_opts)
            if name.startswith("-")
        }
        shown = set(
            re.findall(
                r"(?<![\w-])--?[a-z][\w-]*",
                " ".join(
                    re.findall(r"^- `(-.*?)[` ](?=[ `(:A-Z]|$)", below[heading], re.MULTILINE)
                ),
            )
        )
        assert shown == options - {"--quiet", "--verbose"}, heading


def test_a_change_of_the_code_shows(script, monkeypatch):
    """What the page would say of another default and another text of a help."""
    callbacks = {info.callback.__name__: info.callback for info in app.registered_commands}
    annotate = callbacks["annotate"].__wrapped__
    monkeypatch.setattr(annotate, "__doc__", "Do something else.")
    monkeypatch.setattr(annotate, "__defaults__", (*annotate.__defaults__[:-1], 7))
    page = script.make_reference()
    assert "OUT`\nDo something else.\n" in page and "default `7`" in page

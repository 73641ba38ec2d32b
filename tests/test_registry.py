"""Registered names are a promise: removing one breaks saved configs. And importing stays light."""

import configparser
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.util import registry

HERE = Path(__file__).parent
GOLDEN = srsly.read_json(HERE / "registered_names.json")
NAMES = [(group, name) for group, names in GOLDEN.items() for name in names]


def declared():
    """The entry points of setup.cfg, but for the command."""
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str
    parser.read(HERE.parent / "setup.cfg", encoding="utf8")
    result = {}
    for group, lines in parser["options.entry_points"].items():
        names = [line.split("=")[0].strip() for line in lines.strip().splitlines()]
        result[group] = sorted(names)
    return {group: names for group, names in result.items() if group != "console_scripts"}


def test_the_golden_file_lists_what_setup_cfg_declares():
    assert declared() == GOLDEN


def test_the_installed_package_declares_the_same():
    installed = {
        group: sorted(
            point.name
            for point in entry_points(group=group)
            if point.value.startswith("spacy_bioner_mtl")
        )
        for group in GOLDEN
    }
    assert installed == GOLDEN


@pytest.mark.parametrize(("group", "name"), NAMES, ids=[name for _, name in NAMES])
def test_names_resolve_and_are_documented(group, name):
    if group == "spacy_displacy_colors":
        (point,) = entry_points(group=group, name=name)
        colors = point.load()
        assert colors and all(value.startswith("#") for value in colors.values())
        return
    if group == "spacy_factories":
        (point,) = entry_points(group=group, name=name)
        function = point.load()
        assert spacy.blank("en").has_factory(name)
    else:
        registered = group.removeprefix("spacy_").removeprefix("thinc_")
        function = getattr(registry, registered).get(name)
    assert function.__doc__ and len(function.__doc__.split()) > 3


def modules_after(program):
    """What a fresh interpreter has imported after a program."""
    program += "\nimport sys; print('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120
    )
    return set(result.stdout.split())


def test_a_blank_pipeline_imports_only_the_components():
    modules = modules_after("import spacy; spacy.blank('en')")
    ours = {name for name in modules if name.startswith("spacy_bioner_mtl")}
    assert (
        "spacy_bioner_mtl.pipeline.bioner_mtl" in ours
    )  # else the test looks at the wrong package
    heavy = (
        "tokenizer",
        "formats",
        "docbin",
        "cli",
        "corpora",
        "conversion",
        "vectors",
        "annotate",
    )
    for part in heavy:
        assert not {name for name in ours if name.split(".")[1:2] == [part]}


def test_the_package_itself_imports_nothing_heavy():
    modules = modules_after("import spacy_bioner_mtl")
    assert not modules & {"spacy", "torch", "thinc", "numpy"}

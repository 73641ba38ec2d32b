"""What others read of the project without running it: metadata, citation, workflows, links."""

import configparser
import re
from importlib.metadata import metadata
from pathlib import Path

import pytest
import srsly
from conftest import ROOT
from doc_blocks import PAGES

import spacy_bioner_mtl

DOI = "10.1093/bioinformatics/bty869"
#: Pages with links to follow.
LINKING = [*PAGES, ROOT / "CHANGELOG.md"]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def pythons(setup):
    """The versions of Python in the classifiers."""
    return re.findall(r"Python :: (3\.\d+)$", setup["metadata"]["classifiers"], re.MULTILINE)


def test_pythons_are_the_same_everywhere(setup):
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", setup["options"]["python_requires"]).groups()
    assert pythons(setup) == [f"3.{minor}" for minor in range(int(low), int(high))]
    workflow = srsly.read_yaml(ROOT / ".github/workflows/tests.yml")
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    assert matrix == {"python": pythons(setup), "versions": ["pinned", "lowest"]}


def test_the_lowest_versions_are_those_of_setup_cfg(setup):
    required = dict(
        re.findall(r"^([\w-]+)>=([\d.]+)", setup["options"]["install_requires"], re.MULTILINE)
    )
    lowest = dict(re.findall(r"^([\w-]+)==([\d.]+)$", read("tests/lowest.txt"), re.MULTILINE))
    assert set(lowest) == {"spacy", "thinc", "torch"}
    for name, version in lowest.items():
        assert full(version) == full(required[name]), name


def full(version):
    """A version as three numbers."""
    return tuple(map(int, [*version.split("."), "0", "0"][:3]))


def test_pins_are_within_the_bounds(setup):
    bounds = re.findall(
        r"^([\w-]+)>=([\d.]+)(?:,<([\d.]+))?$", setup["options"]["install_requires"], re.MULTILINE
    )
    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+)$", read("requirements.txt"), re.MULTILINE))
    assert len(bounds) == len(setup["options"]["install_requires"].strip().splitlines())
    for name, low, high in bounds:
        assert full(low) <= full(pinned[name]), name
        assert not high or full(pinned[name]) < full(high), name


def test_workflow_and_hooks_call_the_linters_of_the_script():
    after = read(".ci/run").split('"$(readme test)"\n')[-1]
    linters = sorted(line for line in after.splitlines() if line and not line.startswith(".ci/"))
    assert len(linters) == 4
    hooks = srsly.read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    (local,) = hooks
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    called = {hook["entry"] for hook in local["hooks"]}
    assert called - {"pytest -q tests/test_reference.py"} == set(linters)
    steps = srsly.read_yaml(ROOT / ".github/workflows/tests.yml")["jobs"]["lint"]["steps"]
    run = [step["run"] for step in steps if "run" in step]
    assert sorted(line for line in run if not line.startswith("pip ")) == linters


def test_the_workflow_names_files_that_are_there():
    for path in re.findall(r"(?:assets|tests)/[\w.-]+", read(".github/workflows/tests.yml")):
        assert (ROOT / path).exists(), path


def test_the_citation_is_of_this_version_and_of_the_paper():
    citation = srsly.read_yaml(ROOT / "CITATION.cff")
    assert citation["title"] == "spacy_bioner_mtl"
    assert citation["version"] == spacy_bioner_mtl.__version__
    (paper,) = citation["references"]
    assert paper["doi"] == DOI and paper["authors"][0]["family-names"] == "Wang"
    assert DOI in read("README.md")


def test_metadata_that_is_installed(setup):
    installed = metadata("spacy_bioner_mtl")
    (copyright_line,) = re.findall(r"^Copyright.*$", read("LICENSE"), re.MULTILINE)
    assert copyright_line.endswith(setup["metadata"]["author"])
    assert installed["Version"] == spacy_bioner_mtl.__version__
    assert "Typing :: Typed" in setup["metadata"]["classifiers"]


def test_the_changelog_has_this_version_with_its_date():
    first, *releases = re.findall(r"^## (.*)$", read("CHANGELOG.md"), re.MULTILINE)
    assert first == "Unreleased"
    found = [re.fullmatch(r"(\d+\.\d+\.\d+), (\d{4}-\d\d-\d\d)", each) for each in releases]
    assert found and all(found)
    citation = srsly.read_yaml(ROOT / "CITATION.cff")
    assert found[0].groups() == (spacy_bioner_mtl.__version__, citation["date-released"])


@pytest.mark.parametrize("template", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")))
def test_templates_of_issues_ask_something(template):
    form = srsly.read_yaml(template)
    assert form["name"] and form["description"]
    assert all(part["attributes"]["label"] and part["id"] for part in form["body"])


def anchors(path):
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^( *)```.*?^\1```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKING, ids=[str(page.relative_to(ROOT)) for page in LINKING])
def test_links_lead_somewhere(page):
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def test_errors_refer_to_paragraphs_that_are_there():
    sources = Path(spacy_bioner_mtl.__file__).parent.rglob("*.py")
    named = {
        target
        for path in sources
        for target in re.findall(r'"(\w+\.md(?:#[\w-]+)?)"', path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    for target in named:
        name, _, anchor = target.partition("#")
        assert not anchor or anchor in anchors(ROOT / "docs" / name), target


def test_readme_and_docs_list_every_page():
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    for index, folder in (("README.md", r"docs/"), ("docs/README.md", "")):
        assert pages == set(re.findall(rf"\]\({folder}([\w]+\.md)\)", read(index))), index


def test_the_readme_is_short():
    assert len(read("README.md").splitlines()) <= 180

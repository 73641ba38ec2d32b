"""The page of ``bioner-mtl serve`` in a browser: typed into, clicked on, looked at."""

import csv
import io
import json
import zipfile

import pytest
from browser import needs_browser
from conftest import make_pipeline
from devtools import browsing
from serving import serving

TEXT = "Mice with renal failure got aspirin . TKR2 protects from renal failure ."
HOSTILE = (
    "TKR2 <img src=x onerror=\"document.title='taken'\"> renal failure "
    "<script>document.title='taken'</script> & aspirin"
)


@pytest.fixture(scope="module")
def service(trained_bytes):
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    with serving(nlp) as service:
        yield service


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(browser, service):
    browser.requests.clear()
    browser.faults.clear()
    browser.open(f"{service.address}/")
    browser.wait_for("document.querySelector('#downloads button')")
    yield browser
    # Chromium lists answers with an error as well; the page tells of them.
    assert not [each for each in browser.faults if each.get("source") != "network"]
    # What a blob holds is made in the page itself.
    asked = [each for each in browser.requests if not each.startswith(("data:", "blob:"))]
    assert asked and all(each.startswith(f"{service.address}/") for each in asked), asked


def write(page, text):
    page.run("document.getElementById('clear').click()")
    page.type(text)
    page.wait_for("document.querySelector('.entity')")


def entities(page):
    """The entities in colour: text, label, and what is told of each."""
    found = page.run(
        "JSON.stringify([...document.querySelectorAll('.entity')]"
        ".map((each) => [each.textContent, each.dataset.label, each.dataset.tip]))"
    )
    return json.loads(found)


def counts(page):
    found = page.run(
        "JSON.stringify(Object.fromEntries([...document.querySelectorAll('.type')]"
        ".map((each) => [each.children[2].textContent, Number(each.children[3].textContent)])))"
    )
    return json.loads(found)


def switch(page, label):
    page.run(f"document.querySelector('.type input[value={label}]').click()")


def expected(service, text, **choices):
    (document,) = service.annotate(text=text, **choices)
    return [(each["text"], each["label"]) for each in document["entities"]]


@needs_browser
def test_type_see_switch_slide_and_download(page, service):
    write(page, TEXT)
    wanted = expected(service, TEXT)
    assert len(wanted) >= 3
    assert [(text, label) for text, label, _ in entities(page)] == wanted
    assert all(tip.startswith(f"{label} 0.") for _, label, tip in entities(page))
    labels = [label for _, label in wanted]
    assert counts(page) == {label: labels.count(label) for label in labels}

    switch(page, "Disease")
    rest = [each for each in wanted if each[1] != "Disease"]
    assert [(text, label) for text, label, _ in entities(page)] == rest
    assert counts(page)["Disease"] == labels.count("Disease")

    page.run("document.querySelector('[data-format=csv]').click()")
    table = page.downloaded("entities.csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(row["text"], row["label"]) for row in rows] == rest

    switch(page, "Disease")
    page.run(
        "const slider = document.getElementById('threshold'); slider.value = 1;"
        "slider.dispatchEvent(new Event('input'))"
    )
    assert entities(page) == [] and set(counts(page).values()) <= {0}


@needs_browser
def test_every_download_is_that_of_the_interface(page, service):
    write(page, TEXT)
    for name, target in (
        ("entities.jsonl", "jsonl"),
        ("entities.pubtator", "pubtator"),
        ("entities.xml", "bioc-xml"),
        ("entities.zip", "brat"),
    ):
        page.run(f"document.querySelector('[data-format={target}]').click()")
        content = page.downloaded(name)
        assert content == service.ask("/v1/annotate", {"text": TEXT, "format": target}).body
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["1.txt", "1.ann"]


@needs_browser
def test_a_hostile_text_stays_text(page):
    write(page, HOSTILE)
    assert page.run("document.querySelector('.document p').textContent") != ""
    assert page.run("document.querySelectorAll('.document img, .document script').length") == 0
    assert page.run("document.title") == "Biomedical entities"
    drawn = page.run(
        "[...document.querySelector('.document p').childNodes]"
        ".map((each) => each.textContent).join('')"
    )
    assert drawn == HOSTILE


@needs_browser
def test_offsets_count_characters(page, service):
    text = "\U0001f9ec\U0001f9ec TKR2 protects from renal failure ."
    write(page, text)
    assert [(found, label) for found, label, _ in entities(page)] == expected(service, text)


@needs_browser
def test_heads_side_by_side(page, service):
    write(page, TEXT)
    page.run(
        "const heads = document.getElementById('heads'); heads.value = 'all';"
        "heads.dispatchEvent(new Event('change'))"
    )
    page.wait_for("document.querySelector('.entity').dataset.tip.includes('head')")
    told = [tip for _, _, tips in entities(page) for tip in tips.split("\n")]
    assert {tip.split("head ")[1] for tip in told} <= {"genes", "medicine"}
    assert len(told) >= len(expected(service, TEXT, heads=["all"]))


@needs_browser
def test_a_file_that_is_pasted(page):
    content = f"12|t|{TEXT}\n12|a|\n\n13|t|TKR2 .\n13|a|\n"
    page.run(
        "const data = new DataTransfer();"
        f"data.setData('text/plain', {json.dumps(content)});"
        "document.getElementById('text').dispatchEvent("
        "new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))"
    )
    page.wait_for("document.querySelectorAll('.document h3').length === 2")
    assert page.run("document.querySelector('.document h3').textContent") == "12"


@needs_browser
def test_prose_that_is_dropped_is_a_text(page, service):
    page.run(
        "const moved = new DataTransfer();"
        f"moved.items.add(new File([{json.dumps(TEXT)}], 'notes.txt'));"
        "document.dispatchEvent(new DragEvent('drop', {dataTransfer: moved, cancelable: true}))"
    )
    page.wait_for("document.querySelector('.entity')")
    assert page.run("document.getElementById('text').value") == TEXT
    assert [(found, label) for found, label, _ in entities(page)] == expected(service, TEXT)


@needs_browser
def test_an_error_is_told(page):
    page.run(
        "const bad = new DataTransfer();"
        "bad.items.add(new File(['<?xml version=\"1.0\"?><collection>'], 'bad.xml'));"
        "document.dispatchEvent(new DragEvent('drop', {dataTransfer: bad, cancelable: true}))"
    )
    page.wait_for("document.getElementById('status').className === 'alarm'")
    assert "XML" in page.run("document.getElementById('status').textContent")


@needs_browser
def test_by_keyboard_and_on_a_phone(page):
    write(page, TEXT)
    page.run("document.querySelector('.type input').focus()")
    page.press(" ", 32)
    focused = "document.activeElement.closest('.type') && !document.activeElement.checked"
    page.wait_for(focused)
    page.show_as(360, 640, "dark", mobile=True)
    assert page.run("document.documentElement.scrollWidth") <= 360
    back = page.run("getComputedStyle(document.body).backgroundColor")
    front = page.run("getComputedStyle(document.body).color")
    assert sum(numbers(back)) < sum(numbers(front))


def numbers(color):
    return [int(each) for each in color.removeprefix("rgb(").removesuffix(")").split(",")]


@needs_browser
def test_the_description_of_the_interface_needs_no_network(browser, service):
    browser.requests.clear()
    browser.faults.clear()
    browser.open(f"{service.address}/docs")
    browser.wait_for("document.querySelector('.opblock')")
    shown = browser.run("document.body.textContent")
    assert "/v1/annotate" in shown and "/readyz" in shown
    asked = [each for each in browser.requests if not each.startswith("data:")]
    assert all(each.startswith(f"{service.address}/") for each in asked), asked
    assert not browser.faults

import time

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.pipeline.abbreviations import Abbreviation, find_abbreviations
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

TOKENIZER = BioTokenizer(spacy.blank("en").vocab)
OPENING = ("(", "[")


def tokens(text: str) -> tuple[list[str], list[bool]]:
    doc = TOKENIZER(text)
    return [token.text for token in doc], [bool(token.whitespace_) for token in doc]


def pairs(text: str) -> list[tuple[str, str]]:
    """Short and long forms that are found in a text."""
    doc = TOKENIZER(text)
    return [
        (doc[pair.short_start : pair.short_end].text, doc[pair.long_start : pair.long_end].text)
        for pair in find_abbreviations(*tokens(text))
    ]


def test_ranges_are_of_tokens():
    words, spaces = tokens("Low bone mineral density (BMD) was seen.")
    assert find_abbreviations(words, spaces) == [Abbreviation(1, 4, 5, 6)]
    assert words[1:4] == ["bone", "mineral", "density"]
    assert words[5:6] == ["BMD"]


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        # Letters that begin words
        ("We gave acute kidney injury (AKI) a score.", "AKI", "acute kidney injury"),
        ("Signs of acute kidney injury [AKI] were rare.", "AKI", "acute kidney injury"),
        ("Loss of body weight (LBW) began early.", "LBW", "Loss of body weight"),
        ("A case of malignant mesothelioma (MM) is told.", "MM", "malignant mesothelioma"),
        # Letters within words
        ("Mice drank water with doxycycline (DOX) daily.", "DOX", "doxycycline"),
        ("Mice drank doxycycline (dox) daily.", "dox", "doxycycline"),
        ("Does guanylate cyclase (GCase) bind?", "GCase", "guanylate cyclase"),
        # Signs and digits
        ("They lack 5-hydroxytryptophan (5-HTP) here.", "5-HTP", "5-hydroxytryptophan"),
        ("Rats ate 5-hydroxytryptamine (5-HT) pellets.", "5-HT", "5-hydroxytryptamine"),
        ("Rats ate 2-deoxy-D-glucose (2-DG) pellets.", "2-DG", "2-deoxy-D-glucose"),
        ("Serum interleukin 17A (IL-17A) rose.", "IL-17A", "interleukin 17A"),
        (
            "Cells made poly(ADP-ribose) glycohydrolase (PARG) again.",
            "PARG",
            "poly(ADP-ribose) glycohydrolase",
        ),
        ("Then (R)-methylphenidate (RMPH) was given.", "RMPH", "(R)-methylphenidate"),
        # Greek letters and their names
        (
            "Blood had nuclear factor kappa B (NF-κB) and more.",
            "NF-κB",
            "nuclear factor kappa B",
        ),
        (
            "Blood had transforming growth factor-β (TGF-beta) and more.",
            "TGF-beta",
            "transforming growth factor-β",
        ),
        ("Blood had interferon-Δ (IFN-δ) and more.", "IFN-δ", "interferon-Δ"),
        # Plurals
        ("Mature natural killer cells (NKCs) divide.", "NKCs", "natural killer cells"),
        ("Each circulating tumour cell (CTCs) divides.", "CTCs", "circulating tumour cell"),
        # More in the bracket than the short form
        ("In bone mineral density (BMD; g/cm2), changes", "BMD", "bone mineral density"),
        ("In bone mineral density (BMD, a Z score), changes", "BMD", "bone mineral density"),
        ("The androgen receptor (AR [human]) moved.", None, None),
        ("Low bone mineral density ( BMD ) was seen.", "BMD", "bone mineral density"),
        ("Rats ate 1,25-dihydroxyergosterol (1,25-DHE).", "1,25-DHE", "1,25-dihydroxyergosterol"),
        (
            "Levels of FPA (fluoro(methyl, ethyl) phenyl acetate) rose.",
            "FPA",
            "fluoro(methyl, ethyl) phenyl acetate",
        ),
        # Where words and sentences begin
        ("It binds any cannabinoid/opioid receptor (OR).", "OR", "opioid receptor"),
        ("All were seen at\nbone mineral density (BMD).", "BMD", "bone mineral density"),
        ("We grew E. coli lysates (ECL) again.", "ECL", "E. coli lysates"),
        ("It closed a channel 12.7 homologue (C12H).", "C12H", "channel 12.7 homologue"),
        (
            "Potent inducers of protoporphyrin-4-kinase (PI4K).",
            "PI4K",
            "protoporphyrin-4-kinase",
        ),
        # Words without a letter
        (
            "Of multiple endocrine neoplasia type 2 (MEN2) we know",
            "MEN2",
            "multiple endocrine neoplasia type 2",
        ),
        (
            "Few had ulnar nerve entrapment syndrome (UNE).",
            "UNE",
            "ulnar nerve entrapment syndrome",
        ),
        (
            "Few had human epidermal growth factor receptor 2 (HER2).",
            "HER2",
            "human epidermal growth factor receptor 2",
        ),
        # Initials in another order
        ("Of men with myotonic dystrophy (DM) we know", "DM", "myotonic dystrophy"),
        # A short form that ends a word, or a text
        ("Bone mineral density (BMD)", "BMD", "Bone mineral density"),
        ("Bone mineral density (BMD)-related change", "BMD", "Bone mineral density"),
        # Line breaks
        ("Low bone mineral\ndensity (BMD) was seen.", "BMD", "bone mineral\ndensity"),
        # The long form in the bracket
        ("Low BMD (bone mineral density) was seen.", "BMD", "bone mineral density"),
        ("Low BMD (bone mineral density; g/cm2) was seen.", "BMD", "bone mineral density"),
        ("Doses of 5-HTP (5-hydroxytryptophan) rose.", "5-HTP", "5-hydroxytryptophan"),
        ("The worms' cdk9 (cyclin-dependent kinase 9) was", "cdk9", "cyclin-dependent kinase 9"),
    ],
)
def test_a_short_form_and_its_long_form(text, short, long):
    assert pairs(text) == ([(short, long)] if short else [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        ")",
        "()",
        "(BMD)",
        "(BMD) bone mineral density",
        "Nothing in brackets, BMD, bone mineral density",
        # Brackets without an end, or the other way round
        "Low bone mineral density (BMD was seen",
        "Low bone mineral density )BMD( was seen",
        # Other remarks
        "The cells divided in vitro (IVF) at once",
        "Smoking is bad (Smith et al., 2003) for all",
        "Scans of the brain were seen by SEA (Smith et al., 2003)",
        "Nine patients (n = 12) and their nurses (n=9) knew nothing",
        "The pressure dropped (P < 0.05) or not (P<0.05) or so (P = .01)",
        "A tenth (10%) of more than half (50%) of them (2/3)",
        "Some mice got ten milligrams per kilogram (10 mg/kg) daily",
        "More people drank (men/women, 20/30) than before",
        "As shown before (see Table 2) the men were old (mean, 62 years)",
        "Two weeks later (day 14) nobody was left (none)",
        "Both vitamins (A and B) vanished",
        # No short forms
        "A dose of cisplatin (C) was given",
        "A dose of twenty-one (21) was given",
        "A dose of cisplatin (cisplatin) was given",
        "A dose of CDDP (CDDP) was given",
        "The drug cisplatin (cis-diamminedichloroplatinum) was given",
        "He took 1 of 2 (12) and left",
        "Of all hypertensive rats (H/R) a few slept",
        "A long restricted movement (restrict) was seen",
        "Each rat (Rattus ater) slept",
        # No long forms: they begin later, have too many words, or are no longer
        "Low BMD (a bone mineral density) was seen",
        "The MOI (men of an age or so to be on ice) grew",
        "The men of an age or so to be on ice (MOI) grew",
        "It was a b (A-B) of c",
        # The sentence or the paragraph before
        "They measured bone mineral. Density (BMD) was low",
        "Bone and mineral\n\nDensity (BMD) was low",
        # Another bracket's inside
        "It rose (bone at first), mineral density (BMD) fell",
        "It rose (at sixty) minutes (ASM) or later",
        # An enumeration
        "We saw (i) insulin increase, (ii) nothing, (iii) less",
        # Names with brackets
        "The receptor adenosine A(2A) was blocked",
        "It was N-(2-nitrophenyl)acetamide",
    ],
)
def test_no_short_form(text):
    assert pairs(text) == []


def test_nested_brackets():
    text = "Scores of depression (by the Beck depression inventory [BDI]) fell."
    assert pairs(text) == [("BDI", "Beck depression inventory")]
    text = "The hormone (parathyroid hormone (PTH)) and growth hormone (GH) rose."
    assert pairs(text) == [("PTH", "parathyroid hormone"), ("GH", "growth hormone")]


def test_a_remark_in_a_long_form():
    text = "The growth hormone (GH; 22 kDa) receptor (GHR) moved."
    assert pairs(text)[1] == ("GHR", "growth hormone (GH; 22 kDa) receptor")


def test_all_places_are_found_in_their_order():
    text = (
        "Atrial fibrillation (AF) and heart failure (HF) differ. AF (atrial fibrillation) is not HF"
    )
    assert pairs(text) == [
        ("AF", "Atrial fibrillation"),
        ("HF", "heart failure"),
        ("AF", "atrial fibrillation"),
    ]


def test_a_short_form_may_hold_an_earlier_one():
    text = "The growth hormone (GH) receptor (GHR) and the GH secretagogue receptor (GHSR) differ."
    assert pairs(text) == [
        ("GH", "growth hormone"),
        ("GHR", "growth hormone (GH) receptor"),
        ("GHSR", "GH secretagogue receptor"),
    ]


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        ("Low bone mineral density ( BMD ) was seen .", "BMD", "bone mineral density"),
        ("Rats ate 5 - hydroxytryptamine ( 5 - HT ) .", "5 - HT", "5 - hydroxytryptamine"),
        ("Rats ate 5 - HT ( 5 - hydroxytryptamine ) .", "5 - HT", "5 - hydroxytryptamine"),
        ("A loop - induced tear ( LIT ) .", "LIT", "loop - induced tear"),
    ],
)
def test_text_without_spacing(text, short, long):
    words = text.split()
    (pair,) = find_abbreviations(words, [True] * len(words))
    assert " ".join(words[pair.short_start : pair.short_end]) == short
    assert " ".join(words[pair.long_start : pair.long_end]) == long


def test_a_dash_in_spaced_text_is_no_hyphen():
    assert pairs("All had it - heart failure (HF) - at birth.") == [("HF", "heart failure")]


SIGNS = ["(", ")", "[", "]", "-", ",", ";", ".", "/", " ", "\n", "\n\n", "\u0301"]
FORMS = ["a", "b", "ab", "A", "B", "AB", "ABs", "1", "αβ", "İ", "ß", "AB (alpha beta)"]
pieces = st.lists(st.sampled_from([*SIGNS, *FORMS, "alpha beta (AB)"]), max_size=40)


@given(pieces, st.sampled_from(["", " "]), st.booleans())
def test_the_forms_lie_at_a_bracket(text, between, apart):
    words, spaces = tokens(between.join(text))
    if apart:
        spaces = [True] * len(words)
    found = find_abbreviations(words, spaces)
    openings = []
    for pair in found:
        assert 0 <= pair.long_start < pair.long_end <= len(words)
        assert 0 <= pair.short_start < pair.short_end <= len(words)
        first, second = sorted([pair[:2], pair[2:]])
        assert second[0] == first[1] + 1
        assert words[first[1]] in OPENING
        assert any(word in (")", "]", ",", ";") for word in words[second[1] : second[1] + 1])
        openings.append(first[1])
        long, short = (words[start:end] for start, end in (pair[:2], pair[2:]))
        assert len("".join(long)) > len("".join(short)) >= 2
        assert short[0][0].isalnum()
        assert any(map(str.isalpha, "".join(short)))
    assert openings == sorted(set(openings))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_can_be_read(text):
    find_abbreviations(*tokens(text))


@pytest.mark.parametrize(
    "piece",
    ["bone mineral density (BMD) ", "( ", "(", "A (AB ", "a-", "BMD (bone mineral (density "],
)
def test_the_time_is_linear(piece):
    words, spaces = tokens(piece)
    seconds = []
    for length in (10_000, 100_000):
        times = length // len(words)
        start = time.process_time()
        find_abbreviations(words * times, spaces * times)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 30 * seconds[0] + 1

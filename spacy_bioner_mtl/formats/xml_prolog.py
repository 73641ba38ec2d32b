"""The prolog of an XML file, made such that undeclared entities do not end the file.

lxml takes a reference to an entity that is not declared for an error in the file, unless the file
names an external DTD that might declare it. With one, which is never loaded, the reference becomes
a node, and costs its own record alone.
"""

import re

from spacy_bioner_mtl.formats.encoding import find_wide_encoding

_SYSTEM_ID = 'SYSTEM "none"'
_SPACE = re.compile(r"[ \t\r\n]*")
_DOCTYPE = re.compile(r"<!DOCTYPE[ \t\r\n]+[^ \t\r\n>\[]+[ \t\r\n]*")
_ROOT = re.compile(r"<([^ \t\r\n/>!?]+)")
_STANDALONE = re.compile(r"""(standalone[ \t\r\n]*=[ \t\r\n]*["'])yes\b""")
# As UTF-8 and UTF-16 begin when they are decoded byte by byte, or at once
_MARKS = ("\ufeff", "\xef\xbb\xbf")


def name_dtd(start: bytes) -> bytes:
    """Let a file name an external DTD, where it does not yet; no line becomes another.

    start (bytes): The beginning of the file.
    RETURNS (bytes): The same with a DTD; as it is, if it holds no end of the prolog.
    """
    encoding = find_wide_encoding(start) or "latin-1"
    width = {"UTF-16": 2, "UTF-32": 4}.get(encoding[:6], 1)
    whole = len(start) // width * width
    # Half of a surrogate pair may stand at the end.
    text = start[:whole].decode(encoding, errors="surrogatepass")
    changed = _change(text)
    return changed.encode(encoding, errors="surrogatepass") + start[whole:]


def _change(text: str) -> str:
    position = next((len(mark) for mark in _MARKS if text.startswith(mark)), 0)
    declaration = position
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        if text.startswith("<?", position):
            closing = "?>"
        elif text.startswith("<!--", position):
            closing = "-->"
        else:
            break
        end = text.find(closing, position)
        if end < 0:
            return text
        position = end + len(closing)
    doctype, root = _DOCTYPE.match(text, position), _ROOT.match(text, position)
    if doctype and not text.startswith(("SYSTEM", "PUBLIC"), doctype.end()):
        position = doctype.end()
        added = f" {_SYSTEM_ID} "
    elif not doctype and root:
        added = f"<!DOCTYPE {root[1]} {_SYSTEM_ID}>"
    else:
        added = ""
    prolog = text[:declaration] + _STANDALONE.sub(r"\1no", text[declaration:position], count=1)
    return prolog + added + text[position:]

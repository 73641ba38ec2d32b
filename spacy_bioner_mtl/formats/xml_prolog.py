"""The prolog of an XML file, made such that undeclared entities do not end the file.

lxml takes a reference to an entity that is not declared for an error in the file, unless the file
names an external DTD that might declare it. With one, which is never loaded, the reference becomes
a node, and costs its own record alone.
"""

import re

from spacy_bioner_mtl.formats.encoding import find_wide_encoding

# A byte order mark, decoded at once or byte by byte
_MARK = "\\A(?:\ufeff|\xef\xbb\xbf)?"
# The same, the XML declaration, comments and processing instructions
_START = rf"({_MARK}(?:\s|<\?(?:(?!\?>).)*\?>|<!--(?:(?!--).)*-->)*)"
_STANDALONE = re.compile(rf"""({_MARK}<\?xml\s[^>]*standalone\s*=\s*["'])yes""")
_ROOT = re.compile(_START + r"<([^\s/>!?]+)", re.DOTALL)
_BARE_DOCTYPE = re.compile(_START + r"(<!DOCTYPE\s+[^\s>\[]+)(?=\s*[>\[])", re.DOTALL)


def name_dtd(start: bytes) -> bytes:
    """Let a file name an external DTD, where it does not yet; no line becomes another.

    start (bytes): The beginning of the file.
    RETURNS (bytes): The same with a DTD; as it is, if it holds no end of the prolog.
    """
    encoding = find_wide_encoding(start) or "latin-1"
    whole = len(start) // 4 * 4 if encoding.startswith("UTF") else len(start)
    # Half of a surrogate pair may stand at the end.
    text = start[:whole].decode(encoding, "surrogatepass")
    text = _STANDALONE.sub(r"\1no", text)
    text = _ROOT.sub(r'\1<!DOCTYPE \2 SYSTEM "none"><\2', text)
    text = _BARE_DOCTYPE.sub(r'\1\2 SYSTEM "none"', text)
    return text.encode(encoding, "surrogatepass") + start[whole:]

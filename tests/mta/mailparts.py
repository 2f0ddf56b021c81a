"""Taking delivered mail apart by bytes, and comparing a bounce with and without explanation.

Python's own mail parser repairs what it reads and cannot say which bytes a part was, so parts
are cut here. Messages are bytes with LF line ends, as they lie in a Maildir.
"""

import email
import html
import re

CHARSETS = {"unicode-1-1-utf-7": "utf-7", "ansi_x3.4-1968": "us-ascii"}  # unknown to Python
ADDED = ("bounce-cause", "bounce-explanation")  # the header fields that whybounced adds


class Part:
    """One MIME part, or a whole message: its bytes and what they are made of.

    fields    [(lower-case name, bytes of the field with its folded lines and LF)]
    type      "text/plain" and so on
    children  parts of a multipart; its other bytes are in `frame`
    """

    def __init__(self, raw):
        self.raw = raw
        self.header, self.body = split_header(raw)
        self.fields = split_fields(self.header)
        parsed = email.message_from_bytes(b"".join(
            field for name, field in self.fields if name.startswith("content-")))
        self.type = parsed.get_content_type()
        charset = parsed.get_content_charset("us-ascii")
        self.charset = CHARSETS.get(charset, charset)
        self.encoding = str(parsed.get("Content-Transfer-Encoding", "7bit")).strip().lower()
        self._decoded = parsed
        self.frame, self.children = [], []
        boundary = parsed.get_boundary() if self.type.startswith("multipart/") else None
        if boundary:
            boundary = boundary.encode("latin-1", "replace")
            self.frame, children = split_multipart(self.body, boundary)
            self.children = [Part(child) for child in children]

    def text(self):
        """The body, decoded from its transfer encoding and its charset."""
        self._decoded.set_payload(self.body.decode("latin-1"))
        if self.encoding in ("base64", "quoted-printable"):
            content = self._decoded.get_payload(decode=True)
        else:
            content = self.body
        try:
            return content.decode(self.charset, "replace").replace("\r\n", "\n")
        except LookupError:
            return content.decode("latin-1")

    def get(self, name):
        """The values of all fields of that name, unfolded."""
        return [unfold(field) for field_name, field in self.fields if field_name == name.lower()]

    def leaves(self):
        """All parts that have no children, in order."""
        if not self.children:
            return [self]
        return [leaf for child in self.children for leaf in child.leaves()]


def split_header(raw):
    """(header, body); the empty line between them belongs to the header."""
    if raw.startswith(b"\n"):
        return raw[:1], raw[1:]
    end = raw.find(b"\n\n")
    return (raw, b"") if end < 0 else (raw[:end + 2], raw[end + 2:])


def split_fields(header):
    """[(lower-case name, bytes)] of a header; a line that is no field has the name ""."""
    fields = []
    for line in header.splitlines(keepends=True):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + line)
        elif line != b"\n":
            name, colon, _ = line.partition(b":")
            fields.append((name.decode("latin-1").strip().lower() if colon else "", line))
    return fields


def unfold(field):
    """A field's value on one line."""
    value = field.partition(b":")[2].decode("latin-1")
    return value.replace("\r\n", "\n").replace("\n", "").strip()


def split_multipart(body, boundary):
    """(frame, parts): the parts' bytes, and all bytes between them: preamble, delimiter
    lines, epilogue. The line end before a delimiter belongs to the delimiter."""
    frame, parts = [], []
    delimiter = re.compile(rb"(?:^|\n)--" + re.escape(boundary) + rb"(--)?[ \t\r]*(?:\n|$)")
    start = position = 0
    while True:
        match = delimiter.search(body, position)
        piece = body[start:] if match is None else body[start:match.start()]
        (parts if frame else frame).append(piece)
        if match is None:
            return frame, parts
        frame.append(match.group())
        if match.group(1):
            frame.append(body[match.end():])
            return frame, parts
        start = match.end()
        # The empty line that ends the part's header may also start the next delimiter.
        position = start - 1


# What an annotated bounce says

def causes(part):
    """Every Bounce-Cause of a message: [{"cause": "mailbox-full", "recipient": ...}]."""
    found = []
    for value in part.get("Bounce-Cause"):
        fields = {"cause": value.partition(";")[0].strip()}
        for name, quoted, plain in re.findall(
                r';\s*([a-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"]*))', value):
            fields[name] = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain.strip()
        found.append(fields)
    return found


def visible_words(text):
    """The text with white space collapsed, without characters that HTML cannot show."""
    return " ".join(re.sub(r"[\x00-\x08\x0e-\x1f\x7f]", "", text).split())


def words_of_html(page):
    """The text of an HTML page with white space collapsed."""
    page = re.sub(r"(?is)<(style|title|head)\b.*?</\1>", " ", page)
    return visible_words(html.unescape(re.sub(r"<[^>]*>", " ", page)))


class Explained:
    """What was found added to a bounce: text in front of the old text ("" if nothing was),
    html (the whole new HTML leaf, or None), and the fields Bounce-Cause, taken apart."""

    def __init__(self, noted):
        self.mail = noted
        self.text = ""
        self.html = None
        self.causes = causes(noted)
        self.titles = noted.get("Bounce-Explanation")


def compare(plain, noted):
    """Compares a mail as delivered without milter and as delivered with it.

    Returns an Explained. Raises AssertionError if anything is different besides an
    explanation: header fields Bounce-Cause and Bounce-Explanation, text in front of the text
    of the first part, HTML beside it or inserted into it. All other parts, the old text
    itself, and all other header fields must be there byte for byte; a text whose encoding
    was changed must be the same after decoding.
    """
    old, new = Part(plain), Part(noted)
    result = Explained(new)
    changed = []
    _compare_part(old, new, (), changed, result)
    check(len(changed) <= 2, f"{len(changed)} parts are different: {changed}")
    loose = not old.children and bool(changed)  # its Content-Type may say another charset now
    check(_fields(old, loose) == _fields(new, loose),
          "header fields are different:\n"
          + difference(_fields(old, loose), _fields(new, loose)))
    check(all(field.isascii() for name, field in new.fields if name in ADDED),
          "a field of ours is not ASCII")
    return result


def check(condition, problem):
    """Raises AssertionError(problem) unless the condition holds."""
    if not condition:
        raise AssertionError(problem)


def difference(old, new):
    """The items that only one of two lists has, one a line."""
    return "\n".join([f"- {item!r}" for item in old if item not in new]
                     + [f"+ {item!r}" for item in new if item not in old]) or "other order"


def _fields(part, loose):
    """A delivered mail's fields without those of this delivery and without ours."""
    fields = list(part.fields)
    while fields and fields[0][0] in ("return-path", "x-original-to", "delivered-to"):
        fields.pop(0)
    if fields and fields[0][0] == "received":
        fields.pop(0)
    skip = ADDED + (("content-type", "content-transfer-encoding", "mime-version")
                    if loose else ())
    return [field for name, field in fields if name not in skip]


def _compare_part(old, new, path, changed, result):
    where = "part " + (".".join(str(number + 1) for number in path) or "0") + f" ({old.type})"
    top = path == ()
    if old.raw == new.raw or (top and old.body == new.body):
        return
    if old.children:
        check(new.type == old.type and (top or new.header == old.header),
              f"{where}: another header")
        check(new.frame == old.frame and len(new.children) == len(old.children),
              f"{where}: parts or boundaries are different")
        for number, (old_child, new_child) in enumerate(zip(old.children, new.children)):
            _compare_part(old_child, new_child, path + (number,), changed, result)
        return
    check(old.type in ("text/plain", "text/html"), f"{where} is different")
    check(not path or path[0] == 0, f"{where}: only the first part may be changed")
    changed.append(where)
    if new.type == "multipart/alternative" and not top:
        types = [child.type for child in new.children]
        check(types == ["text/plain", "text/html"], f"{where}: an alternative of {types}")
        plain, page = new.children
        _compare_leaf(where, old, plain, result)
        _check_encoding(where, old, page)
        result.html = page.text()
        check(visible_words(old.text()) in words_of_html(result.html),
              f"{where}: the HTML lacks the old text")
    else:
        _compare_leaf(where, old, new, result)


def _check_encoding(where, old, new):
    """A changed leaf is never base64, and not 8-bit unless it was declared so before."""
    check(new.encoding != "base64", f"{where} became base64")
    check(new.body.isascii() or old.encoding in ("8bit", "binary") or not old.body.isascii(),
          f"{where} has become 8-bit")


def _compare_leaf(where, old, new, result):
    check(new.type == old.type, f"{where} became {new.type}")
    _check_encoding(where, old, new)
    same_form = (old.encoding, old.charset) == (new.encoding, new.charset)
    if same_form and old.encoding in ("7bit", "8bit", "binary"):
        before, after = old.body.decode("latin-1"), new.body.decode("latin-1")
    else:
        before, after = old.text(), new.text()
    if old.type == "text/plain":
        check(after.endswith(before), f"{where}: the old text is not the end of the new one")
        inserted = after[:len(after) - len(before)]
        result.text = result.text or inserted
    else:
        start = 0
        while start < len(before) and before[start] == after[start:start + 1]:
            start += 1
        check(after.endswith(before[start:]) and len(after) >= len(before),
              f"{where}: the old HTML is not whole")
        result.html = after


# Two runs of the same thing

DATE = re.compile(rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [ \d]\d \w{3} \d{4} "
                  rb"\d\d:\d\d:\d\d [+-]\d{4} \(\w+\)")
QUEUE_ID = re.compile(rb"(?:X-Postfix-Queue-ID: | id |\d{14}\.)([0-9A-F]{6,20})\b")


def normalise(mail):
    """A bounce made by Postfix, without what differs from run to run: queue ids become
    QUEUE-ID-1 and so on, dates DATE. Dates in mails of the tests have no zone name in
    brackets, so they stay."""
    numbers = {}
    for queue_id in QUEUE_ID.findall(mail):
        numbers.setdefault(queue_id, len(numbers) + 1)
    for queue_id, number in numbers.items():
        name = b"QUEUE-ID-%d" % number
        mail = re.sub(rb"\b\d{14}\." + queue_id + rb"@", name + b"@", mail)
        mail = re.sub(rb"\b" + queue_id + rb"\.\d+/", name + b"/", mail)
        mail = re.sub(rb"\b" + queue_id + rb"\b", name, mail)
    return DATE.sub(b"DATE", mail)

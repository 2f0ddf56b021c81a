#!/usr/bin/env python3
"""The texts in every language, the checker of the texts, and the settings file's own words.

usage: test_lang.py WHYBOUNCE

WHYBOUNCE is the built program; causes, rules, languages and settings are those of the checkout
that this file lies in. Prints `ok N - name` or `not ok N - name` a test, exits 1 if any failed.
"""

import contextlib
import email
import email.header
import glob
import importlib.util
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True
from tap import attempt, check, finish, told  # noqa: E402

CHECKER = os.path.join(ROOT, "tests", "lang", "check_po.py")
CAUSES = os.path.join(ROOT, "conf", "causes.conf")
CATALOGUES = sorted(glob.glob(os.path.join(ROOT, "conf", "lang", "*.po")))
SETTINGS = os.path.join(ROOT, "conf", "whybounced.conf")
COLUMNS = 72

PROGRAM = None
FOLDER = None  # for files of the tests, removed at the end


# --- Running and telling

def read(path):
    """A file's text; bytes that are not UTF-8 survive read() and write()."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def write(name, text):
    """Writes a file below the folder of the tests and returns its path."""
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
    return path


def run(*words, stdin=b""):
    """Calls a program; stdout and stderr as bytes."""
    return subprocess.run(words, input=stdin, capture_output=True, timeout=120, check=False)


def language_of(path):
    """"cs" of "…/cs.po"."""
    return os.path.basename(path)[:-3]


def texts_of(path):
    """Key -> text of a catalogue."""
    texts = {}
    for key, quoted in re.findall(r'^msgid "(.*)"\nmsgstr ((?:".*"\n?)+)', read(path), re.M):
        texts[key] = "".join(re.findall(r'"(.*)"', quoted)).replace('\\"', '"')
    return texts


# --- The catalogues, and whether their checker sees what is wrong

def test_catalogues():
    """check_po.py and msgfmt over what is shipped."""
    result = run(sys.executable, CHECKER, CAUSES, *CATALOGUES)
    check(f"check_po.py finds nothing in {len(CATALOGUES)} catalogues", len(CATALOGUES) > 1 and
          result.returncode == 0 and len(result.stdout.splitlines()) == len(CATALOGUES),
          told(result))
    for path in CATALOGUES:
        result = run("msgfmt", "-c", "-o", "/dev/null", path)
        check(f"msgfmt -c {language_of(path)}.po", result.returncode == 0 and not result.stderr,
              told(result))


def replace(old, new):
    """An edit that replaces the first of its kind."""
    def edit(text):
        if old not in text:
            raise ValueError(f"there is no {old!r} to be replaced")
        return text.replace(old, new, 1)
    return edit


def append(more):
    """An edit that adds something at the end."""
    return lambda text: text + more


def entry(key):
    """The pattern of an entry of a catalogue, its comments and the line end behind it included."""
    return re.compile(rf'((?:^#.*\n)*)^msgid "{re.escape(key)}"\nmsgstr (?:".*"\n)+', re.M)


def say(key, text):
    """An edit that gives a key another text, as it stands between the quotes."""
    def edit(content):
        new, n = entry(key).subn(lambda m: f'{m[1]}msgid "{key}"\nmsgstr "{text}"\n', content, 1)
        if n != 1:
            raise ValueError(f"there is no {key}")
        return new
    return edit


def drop(key, comments_only=False):
    """An edit that takes an entry out, or only the comments above it."""
    def edit(content):
        new, n = entry(key).subn(lambda m: m[0][len(m[1]):] if comments_only else "", content, 1)
        if n != 1:
            raise ValueError(f"there is no {key}")
        return new
    return edit


def field(name, value):
    """An edit of a field of the PO header; None takes it out."""
    def edit(content):
        new, n = re.subn(rf'^"{name}: .*\\n"\n',
                         lambda m: "" if value is None else f'"{name}: {value}\\n"\n', content,
                         count=1, flags=re.M)
        if n != 1:
            raise ValueError(f"there is no field {name}")
        return new
    return edit


def named(key, text):
    """A new entry with its comment for translators."""
    return f'\n#. For a test.\nmsgid "{key}"\nmsgstr "{text}"\n'


FIELDS = {
    "Project-Id-Version": "other 1.0", "PO-Revision-Date": "yesterday",
    "Last-Translator": "FULL NAME", "Language-Team": "LANGUAGE", "Language": "xx",
    "MIME-Version": "2.0", "Content-Type": "text/plain; charset=ISO-8859-2",
    "Content-Transfer-Encoding": "base64", "Plural-Forms": "none",
}
NEW_CAUSE = "\ncause brand-new {\n    fix   = sender\n    again = useless\n    stop  = way\n}\n"

# What is wrong, in which file, how it comes to be so, what must be said.
FAULTS = [
    ("a cause with capitals", "causes.conf", replace("cause mailbox-full {", "cause Full {"),
     "only small letters"),
    ("a cause twice", "causes.conf", replace("cause mailbox-moved {", "cause mailbox-unknown {"),
     "stands twice"),
    ("an unknown option of a cause", "causes.conf", replace("    fix   = sender\n",
     "    fix   = sender\n    who   = sender\n"), "unknown option who"),
    ("an unknown value", "causes.conf", replace("    again = useless\n", "    again = never\n"),
     "must be one of"),
    ("an option of a cause twice", "causes.conf", replace("    again = useless\n",
     "    again = useless\n    again = useless\n"), "stands twice"),
    ("a cause without an option", "causes.conf", replace("    stop  = mailbox\n", ""),
     "has no stop"),
    ("a line that is none", "causes.conf", replace("cause mailbox-full {", "cause mailbox full {"),
     "not understood"),
    ("a cause that is not closed", "causes.conf", lambda text: text.rstrip()[:-1], "not closed"),
    ("no cause at all", "causes.conf", lambda text: "# none\n", "no cause"),
    ("a cause without texts", "causes.conf", append(NEW_CAUSE), "no text brand-new.title"),
    ("a quotation mark", "en.po", say("heading.fix", 'Who "can" fix it'), "quotation mark"),
    ("an unknown escape", "en.po", say("heading.fix", "Who \\q"), "unknown escape"),
    ("another encoding", "cs.po", say("heading.fix", "Kdo \udce1"), "cannot be read"),
    ("a byte order mark", "en.po", lambda text: "\ufeff" + text, "byte order mark"),
    ("CRLF", "en.po", replace('msgid "heading.fix"\n', 'msgid "heading.fix"\r\n'),
     "carriage return"),
    ("no last line end", "en.po", lambda text: text.rstrip("\n"), "last line"),
    ("an obsolete entry", "en.po", append('#~ msgid "x"\n'), "obsolete"),
    ("a line that is no PO", "en.po", append('\nmsgctxt "x"\n'), "not understood"),
    ("a text without a key", "en.po", append('\nmsgstr "x"\n'), "msgstr without msgid"),
    ("a fuzzy entry", "cs.po", replace('msgid "heading.fix"', '#, fuzzy\nmsgid "heading.fix"'),
     "fuzzy"),
    ("a key without a text", "en.po", append('\n#. x\nmsgid "code.599"\n'), "no msgstr"),
    ("a key twice", "en.po", append(named("heading.fix", "Who can fix it")), "stands twice"),
    ("no header", "cs.po", lambda text: re.sub(
        r'^msgid ""\nmsgstr ""\n(".*"\n)+', "", text, count=1, flags=re.M), "no PO header"),
    ("a header line without a colon", "cs.po", replace('"Language: cs', '"Language cs'),
     "without a colon"),
    ("a header field twice", "cs.po", replace('"Language: cs', '"Language: cs\\n"\n"Language: cs'),
     "stands twice"),
    ("a header that does not end", "cs.po", lambda text: re.sub(
        r'^("Plural-Forms: .*)\\n"$', r'\1"', text, count=1, flags=re.M), "does not end"),
    ("an empty text", "cs.po", say("heading.fix", ""), "no text"),
    ("a tab", "cs.po", say("heading.fix", "Kdo\\tco"), "control character"),
    ("a line end", "cs.po", say("heading.fix", "Kdo\\nco"), "control character"),
    ("a space at the start", "cs.po", say("heading.fix", " Kdo"), "space at the start"),
    ("a space at the end", "cs.po", say("heading.fix", "Kdo "), "space at the start or the end"),
    ("two spaces", "cs.po", say("heading.fix", "Kdo  co"), "two spaces"),
    ("a lone brace", "cs.po", say("heading.fix", "Kdo {"), "brace"),
    ("a placeholder with capitals", "cs.po", say("heading.fix", "Kdo {Kdo}"), "brace"),
    ("a long title", "cs.po", say("mailbox-full.title", "x" * 61), "60 at most"),
    ("a title with a full stop", "cs.po", say("mailbox-full.title", "Plno."), "full stop"),
    ("a long step", "cs.po", say("mailbox-full.step1", "x" * 161), "160 at most"),
    ("a long sentence to tell", "cs.po", say("authentication-failed.tell", "x" * 161),
     "160 at most"),
    ("an address", "cs.po", say("heading.fix", "Kdo anna@example.com"), "e-mail address"),
    ("an @ at the end", "cs.po", say("heading.fix", "Kdo je za @"), "ends in @"),
    ("a code", "cs.po", say("mailbox-full.why", "Kód je 552 a nic víc."), "code or a status"),
    ("a status", "cs.po", say("mailbox-full.why", "Kód je 5.2.2 a nic víc."), "code or a status"),
    ("a colon before a value", "cs.po", say("result.failed", "Nedoručeno: {address}"), "colon"),
    ("a rule of dashes", "cs.po", say("heading.fix", "-- Kdo"), "rule of dashes"),
    ("an exclamation mark", "cs.po", say("heading.fix", "Kdo!"), "exclamation"),
    ("English that is not ASCII", "en.po", say("heading.fix", "Who, na\u00efve"),
     "not plain ASCII"),
    ("English that misleads parsers", "en.po", say("heading.fix", "User unknown"), "misleads"),
    ("English that is hard", "en.po", say("mailbox-full.why", "Insufficient organizational "
     "capabilities necessitate administrative intervention concerning communication."),
     "reading grade"),
    ("an unknown key in English", "en.po", append(named("mailbox-full.nosuch", "What")),
     "unknown key"),
    ("an unknown parameter", "en.po", append(named("mailbox-full.with.color", "Red")),
     "unknown key"),
    ("English without a placeholder", "en.po", say("result.failed", "Not delivered"),
     "placeholders none, must be {address}"),
    ("English with a placeholder too many", "en.po", say("heading.fix", "Who, {host}"),
     "placeholders {host}, must be none"),
    ("English without a comment", "en.po", drop("heading.fix", comments_only=True), "no comment"),
    ("a step without the one before", "en.po", drop("mailbox-full.step1"), "without the step"),
    ("to tell nobody", "en.po", append(named("mailbox-unknown.tell", "Tell them.")),
     "nobody to tell"),
    ("a missing key in English", "en.po", drop("late.wait"), "late.wait is missing"),
    ("a missing text of a cause", "en.po", drop("mailbox-full.title"), "mailbox-full.title"),
    ("a missing answer to who can fix it", "en.po", drop("fix.recipient"),
     "cause mailbox-full: no text fix.recipient"),
    ("an unknown key", "cs.po", append('\nmsgid "code.599"\nmsgstr "Co"\n'), "not in en.po"),
    ("a missing key", "cs.po", drop("heading.fix"), "heading.fix is missing"),
    ("a missing placeholder", "cs.po", say("result.failed", "Nedoručeno"),
     "placeholders none, must be {address}"),
    ("a wrong placeholder", "cs.po", say("result.failed", "Nedoručeno {adresa}"),
     "placeholders {adresa}"),
    ("a placeholder twice", "cs.po", say("result.failed", "Nedoručeno {address} {address}"),
     "placeholders {address} {address}"),
]
for _name, _value in FIELDS.items():
    FAULTS.append((f"no {_name}", "cs.po", field(_name, None), f"{_name} is missing"))
    FAULTS.append((f"a wrong {_name}", "cs.po", field(_name, _value), f"{_name}: "))


def load_checker():
    """check_po.py as a module: many runs in one process."""
    spec = importlib.util.spec_from_file_location("check_po", CHECKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_checker(module, *paths):
    """(exit status, output) of check_po.py."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = module.main(list(paths))
    return status, out.getvalue()


def first_difference(old, new):
    """The number of the first line that differs."""
    lines = itertools.zip_longest(old.split("\n"), new.split("\n"))
    return next(n for n, (a, b) in enumerate(lines, 1) if a != b)


def is_near(line, changed):
    """Is a fault told where the edit is? The header counts as one place, 1 is the whole file."""
    return abs(line - changed) <= 4 or line == 1 or changed < 20 and line < 20


def test_checker():
    """check_po.py sees every kind of fault; each in a copy of its own."""
    module = load_checker()
    shipped = {"causes.conf": read(CAUSES)}
    for tag in ("en", "cs"):
        shipped[tag + ".po"] = read(os.path.join(ROOT, "conf", "lang", tag + ".po"))
    paths = {name: write("copy/" + name, text) for name, text in shipped.items()}
    words = [paths[name] for name in ("causes.conf", "en.po", "cs.po")]
    status, out = run_checker(module, *words)
    check("check_po.py: nothing in the copy", status == 0 and out.startswith("en: "), out)
    for name, file, edit, expected in FAULTS:
        broken = edit(shipped[file])
        write("copy/" + file, broken)
        status, out = run_checker(module, *words)
        write("copy/" + file, shipped[file])
        line = first_difference(shipped[file], broken)
        found = [(os.path.basename(path), int(n)) for path, n, text in
                 re.findall(r"^(.*?):(\d+): (.*)$", out, re.M) if expected in text]
        check(f"check_po.py sees {name}", status == 1 and any(
            path != file or is_near(n, line) for path, n in found),
              f"exit status {status}, changed line {line} of {file}\n{out}")
    write("copy/en.po", say("heading.fix", "Who!")(shipped["en.po"]))
    status, out = run_checker(module, paths["causes.conf"], paths["cs.po"])
    check("check_po.py reads en.po beside the others", status == 1 and "en.po" in out, out)
    for words in ([], [CAUSES], ["--help"]):
        result = run(sys.executable, CHECKER, *words)
        check(f"check_po.py {' '.join(map(os.path.basename, words))}: usage",
              result.returncode != 0 and b"usage:" in result.stderr, told(result))


# --- The rules, for one reply of every kind

TOKEN = re.compile(r"""
    (?P<blank> \s+ | \#[^\n]* | //[^\n]* | /\*.*?\*/ ) |
    "(?P<double> (?:[^"\\]|\\.)* )" | '(?P<single> (?:[^'\\]|\\.)* )' |
    (?P<mark> [{}=,] ) | (?P<word> [^\s{}=,"']+ )""", re.X | re.S)


def tokens_of(text):
    """The words, strings and marks of a file in libconfuse's syntax: (kind, value)."""
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise ValueError(f"not understood: {text[at:at + 40]!r}")
        at = found.end()
        kind, value = found.lastgroup, found[found.lastgroup]
        if kind == "double":
            value = re.sub(r"\\(\n|.)", lambda m: {"n": "\n", "t": "\t", "\n": ""}.get(
                m[1], m[1]), value)
        elif kind == "single":
            value = re.sub(r"\\(['\\])", r"\1", value)
        if kind != "blank":
            yield ("mark" if kind == "mark" else "value"), value


def section_of(tokens):
    """The options of a section up to its end: name -> list of values."""
    options = {}
    for _, name in tokens:
        if name == "}":
            break
        next(tokens)  # the '='
        kind, value = next(tokens)
        options[name] = [value]
        if (kind, value) == ("mark", "{"):
            inside = itertools.takewhile(lambda token: token != ("mark", "}"), tokens)
            options[name] = [value for kind, value in inside if kind == "value"]
    return options


def rules_of(path):
    """The rules of a file, each as its options."""
    tokens, rules = tokens_of(read(path)), []
    for _, value in tokens:
        if value in ("rule", "blocklist"):
            next(tokens)  # its name
            next(tokens)  # the '{'
            options = section_of(tokens)
            if value == "rule":
                rules.append(options)
    return rules


def replies_of(rule):
    """The replies that a rule stands for: its examples, else its codes and statuses."""
    if "example" in rule:
        return rule["example"]
    if "status" in rule:
        return [status.replace("*", "5", 1).replace("*", "99") for status in rule["status"]]
    return rule.get("code", [])


def explain(language, replies):
    """The objects of `explain --json` for (server, reply) pairs."""
    lines = "".join(f"{server}\t{reply}\n" for server, reply in replies)
    result = run(PROGRAM, "explain", "-c", write("empty.conf", ""), "--json", "-l", language,
                 stdin=lines.encode())
    answers = [json.loads(line) for line in result.stdout.decode().split("\n") if line]
    if result.returncode != 0 or len(answers) != len(replies):
        raise RuntimeError(f"explain: {len(answers)} of {len(replies)}\n{told(result)[-500:]}")
    return answers


def chosen_replies():
    """A reply of every cause with every set of parameters, and every code and status."""
    rules = [rule for path in sorted(glob.glob(os.path.join(ROOT, "conf", "rules", "*.conf")))
             for rule in rules_of(path)]
    replies = [(rule.get("server", [""])[0], " ".join(reply.split()))
               for rule in rules for reply in replies_of(rule)]
    result = run(PROGRAM, "check", "-c", write("empty.conf", ""))
    counted = re.search(rb"(\d+) rules, (\d+) examples", result.stdout)
    examples = sum(len(rule.get("example", ())) for rule in rules)
    check(f"the rules are read: {len(rules)} with {examples} examples", counted and
          (int(counted[1]), int(counted[2])) == (len(rules), examples), told(result))
    kinds = {}
    for reply, answer in zip(replies, explain("en", replies)):
        kind = (answer["cause"], answer["decided_by"] == "text", *sorted(answer["params"]))
        kinds.setdefault(kind, []).append((len(answer["text"]), reply))
    causes = re.findall(r"^cause (\S+) \{", read(CAUSES), re.M)
    unseen = set(causes) - {kind[0] for kind in kinds}
    check(f"the rules have a reply for each of {len(causes)} causes", causes and not unseen, unseen)
    chosen = {reply for found in kinds.values() for _, reply in (found[0], max(found))}
    module = load_checker()
    codes = set(module.CODES) | {"499", "599", "433", "547", "299", "399"}
    statuses = {f"{kind}.{status}" for kind in (4, 5) for status in module.STATUSES}
    statuses |= {"5.9.9", "4.9.9"} | {f"5.{subject}.99" for subject in range(8)}
    return sorted(chosen | {("", code) for code in codes | statuses})


# --- What every explanation must be like

def width(line):
    """How many columns of a terminal a line takes."""
    return sum(0 if unicodedata.combining(c) else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def is_one_word(line):
    """True for a line that cannot be broken: one word, perhaps with the number of a step."""
    word = re.sub(r"^\s*(\d+\. )?", "", line)
    return " " not in word and not any(unicodedata.east_asian_width(c) in "WF" for c in word)


def text_faults(text, foreign_words):
    """What in an explanation is not as it must be."""
    faults = [f"unfilled {name}" for name in re.findall(r"\{[a-z.-]*\}", text)]
    lines = text.split("\n")
    for line in lines:
        if width(line) > COLUMNS and not is_one_word(line):
            faults.append(f"{width(line)} columns: {line}")
        if re.match(r"--|\.|From |>", line):
            faults.append(f"risky: {line}")
        if line != line.rstrip():
            faults.append(f"blank at the end: {line!r}")
        if line in foreign_words:
            faults.append(f"not translated: {line}")
        if any(unicodedata.category(c) in ("Cc", "Cf") for c in line):
            faults.append(f"control character: {line!r}")
    if lines[-2:] != ["", ""]:
        faults.append("no empty line at the end")
    if "\n\n\n" in text:
        faults.append("two empty lines")
    return faults


def test_explanations():
    """Every chosen reply in every language."""
    replies = chosen_replies()
    english = texts_of(os.path.join(ROOT, "conf", "lang", "en.po"))
    headings = {text for key, text in english.items() if key.startswith("heading.")}
    reference = explain("en", replies)
    for path in CATALOGUES:
        language = language_of(path)
        texts = texts_of(path)
        foreign = set() if language == "en" else headings - set(texts.values())
        answers = explain(language, replies)
        faults, causes = [], set()
        for (server, reply), answer, original in zip(replies, answers, reference):
            here = text_faults(answer["text"], foreign)
            lines = answer["text"].split("\n")
            if texts["heading.happened"] not in lines:
                here.append("no heading")
            if language != "en" and answer["text"] == original["text"]:
                here.append("the same as in English")
            if answer["cause"] != original["cause"]:
                here.append(f"cause {answer['cause']}, in English {original['cause']}")
            faults += [f"{server} {reply[:60]}: {fault}" for fault in here]
            causes.add(answer["cause"])
        check(f"{language}: {len(answers)} explanations, {len(causes)} causes", not faults,
              f"{len(faults)} faults\n" + "\n".join(faults))


# --- What else a reader may see: late, delivered, passed on, several recipients

NOTICE = "Notice of the server.\n"  # the old words, to find the end of the new ones
UNTIL = "Will-Retry-Until: Sun, 8 Jun 2025 14:03:00 +0200\n"
RECIPIENTS = {
    "failed": ("rfc822; anna.novak@example.com\nAction: failed\nStatus: 5.2.2\n"
               "Diagnostic-Code: smtp; 552 5.2.2 Mailbox full\n",),
    "passed on": ("rfc822; anna.novak@example.com\nOriginal-Recipient: rfc822; office@example.net\n"
                  "Action: failed\nStatus: 5.1.1\n"
                  "Diagnostic-Code: smtp; 550 5.1.1 User unknown\n",),
    "misspelled": ("rfc822; anna.novak@gmial.com\nAction: failed\nStatus: 5.1.2\n"
                   "Diagnostic-Code: smtp; 550 5.1.2 Host unknown: domain not found\n",),
    "late": ("rfc822; anna.novak@example.com\nAction: delayed\nStatus: 4.4.1\n"
             "Diagnostic-Code: smtp; connect to mx.example.com: Connection timed out\n" + UNTIL,),
    "late and passed on": ("rfc822; anna.novak@example.com\nAction: delayed\nStatus: 4.4.1\n"
                           "Original-Recipient: rfc822; office@example.net\n" + UNTIL,),
    "delivered": ("rfc822; anna.novak@example.com\nAction: delivered\nStatus: 2.0.0\n",),
    "relayed": ("rfc822; anna.novak@example.com\nAction: relayed\nStatus: 2.0.0\n",),
    "expanded": ("rfc822; anna.novak@example.com\nAction: expanded\nStatus: 2.0.0\n",),
    "late: several": tuple(f"rfc822; person{i}@example.com\nAction: delayed\nStatus: 4.2.2\n"
                           for i in range(3)),
    "failed: several": tuple(f"rfc822; person{i}@example.com\nAction: failed\nStatus: 5.2.2\n"
                             for i in range(3)),
    "several fates": ("rfc822; a@example.com\nAction: failed\nStatus: 5.2.2\n",
                      "rfc822; b@example.com\nAction: delayed\nStatus: 4.2.2\n" + UNTIL,
                      "rfc822; c@example.com\nAction: delivered\nStatus: 2.0.0\n"),
}
RETURNED = {
    "both": "Subject: =?UTF-8?Q?P=C5=99=C3=ADloha?=\nDate: Tue, 3 Jun 2025 14:02:00 +0200\n",
    "subject": "Subject: Invoice 2024-117\n", "date": "Date: Mon, 1 Dec 2025 09:05:00 +0100\n",
    "neither": "X-Test: 1\n",
}


def bounce(recipients, returned):
    """A report with these blocks, as bytes."""
    blocks = "\n".join("Final-Recipient: " + block for block in recipients)
    return ("Return-Path: <>\nFrom: MAILER-DAEMON@mail.example.org\nTo: jan@example.org\n"
            "Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\n\n"
            f"--B\nContent-Type: text/plain\n\n{NOTICE}\n--B\n"
            "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mail.example.org\n\n"
            f"{blocks}\n--B\nContent-Type: text/rfc822-headers\n\n{returned}\n--B--\n").encode()


def added_text(out):
    """The explanation in front of the first text of an annotated mail; None if there is none."""
    for part in email.message_from_bytes(out).walk():
        if part.get_content_type() == "text/plain":
            text = part.get_payload(decode=True).decode(part.get_content_charset("utf-8"))
            new, found, _ = text.replace("\r\n", "\n").partition(NOTICE)
            return new if found and new else None
    return None


def test_notices():
    """Mails of every kind, annotated in every language."""
    english = texts_of(os.path.join(ROOT, "conf", "lang", "en.po"))
    headings = {text for key, text in english.items() if key.startswith("heading.")}
    mails = {f"{name}, {about}": bounce(blocks, RETURNED[about])
             for name, blocks in RECIPIENTS.items()
             for about in (RETURNED if name in ("failed", "late") else ("both",))}
    mails["somebody else's"] = bounce(
        RECIPIENTS["failed"], RETURNED["both"] + "Received: from x.example.com (x.example.com "
        "[192.0.2.9])\n\tby mx.example.com with SMTP; Tue, 3 Jun 2025 14:02:00 +0200\n").replace(
            b"Reporting-MTA: dns; mail.example.org", b"Reporting-MTA: dns; mx.example.com")
    for path in CATALOGUES:
        language = language_of(path)
        foreign = set() if language == "en" else headings - set(texts_of(path).values())
        settings = write("language.conf", f'language = "{language}"\n'
                         'hostname = "mail.example.org"\nannotate = {"header", "text"}\nhelpdesk = "tel. 112233"\n'
                         'our_hosts = {"mail.example.org"}\nour_domains = {"example.org"}\n')
        faults = []
        for name, mail in mails.items():
            result = run(PROGRAM, "filter", "-c", settings, stdin=mail)
            text = added_text(result.stdout)
            here = ["no text was added"] if text is None else text_faults(text, foreign)
            if text is not None and "mail.example.org" not in text:
                here.append("nobody is speaking")
            title = email.message_from_bytes(result.stdout)["Bounce-Explanation"]
            if not title or "{" in str(email.header.make_header(email.header.decode_header(title))):
                here.append(f"title {title}")
            faults += [f"{name}: {fault}" for fault in here]
        check(f"{language}: {len(mails)} notices", not faults,
              f"{len(faults)} faults\n" + "\n".join(faults))


# --- conf/whybounced.conf against the program

def options_of_source():
    """Option -> default as the settings' value, of the table in src/app/settings.c."""
    source = read(os.path.join(ROOT, "src", "app", "settings.c"))

    def string(quoted):
        return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', quoted)).replace('\\"', '"')

    named_values = {name: string(value) for name, value in re.findall(
        r'static char (\w+)\[\] = ((?:\s*"(?:[^"\\]|\\.)*")+);', source)}
    options = {}
    for kind, name, value in re.findall(
            r'CFG_(STR|STR_LIST|FLOAT|INT|BOOL)\("(\w+)",\s*'
            r'((?:"(?:[^"\\]|\\.)*"|[^,])+),', source):
        value = value.strip()
        value = string(value) if value.startswith('"') else named_values.get(value, value)
        options[name] = plain_value(f'"{value}"' if kind == "STR" else value)
    return options


def plain_value(text):
    """A value as a string, or as a list of strings."""
    values = [value for kind, value in tokens_of(text) if kind == "value"]
    return values if text.lstrip().startswith("{") else (values + [""])[0]


def options_of_file(text):
    """Option -> (default, words above it, line), of the comments of whybounced.conf."""
    options, words = {}, []
    lines = text.split("\n")
    for n, line in enumerate(lines):
        found = re.match(r"# (\w+) = (.*)", line)
        if found:
            value, end = found[2], n
            while value.count("{") > value.count("}"):
                end += 1
                value += " " + lines[end].lstrip("# ")
            options[found[1]] = (plain_value(value), " ".join(words), n)
            words = []
        elif line.startswith("#"):
            words.append(line[1:].strip())
        else:
            words = []
    return options


def uncommented(text):
    """The file with every default in force."""
    out, depth = [], 0
    for line in text.split("\n"):
        if depth > 0 or re.match(r"# \w+ = ", line):
            line = line[1:].strip()
            depth += line.count("{") - line.count("}")
        out.append(line)
    return "\n".join(out)


def test_settings_file():
    """whybounced.conf describes all options, no other, with their real defaults."""
    text = read(SETTINGS)
    real, described = options_of_source(), options_of_file(text)
    check(f"whybounced.conf describes each of {len(real)} options, and no other",
          len(real) > 15 and set(real) == set(described), set(real) ^ set(described))
    wrong = {name: (described[name][0], real[name]) for name in real
             if name in described and described[name][0] != real[name]}
    check("whybounced.conf shows the real defaults", not wrong, wrong)
    silent = [name for name, (_, words, _) in described.items()
              if not re.search(rf"(^| ){name} - .{{15,}}", words)]
    check("whybounced.conf says of each option what it is", not silent, silent)
    check("whybounced.conf sets nothing by itself", not re.search(r"^\s*[^#\s]", text, re.M))

    settings = write("uncommented.conf", uncommented(text))
    set_here = [value for kind, value in tokens_of(read(settings)) if kind == "value"]
    result = run(PROGRAM, "check", "-c", settings)
    check("whybounced.conf with every default uncommented has no fault", set(real) <=
          set(set_here) and result.returncode == 0, told(result))
    result = run(PROGRAM, "check", "-c", SETTINGS)
    check("whybounced.conf has no fault", result.returncode == 0, told(result))
    empty = write("empty.conf", "")
    differences = []
    mails = [read(path).encode("utf-8", "surrogateescape") for path in sorted(
        glob.glob(os.path.join(ROOT, "tests", "corpus", "*.eml")))[::5]]
    mails += [bounce(blocks, RETURNED["both"]) for blocks in RECIPIENTS.values()]
    mails += [mail.replace(b"To: jan@example.org", b"To: list-bounces@example.org")
              for mail in mails[-3:]]
    for n, mail in enumerate(mails):
        outs = [run(PROGRAM, "filter", "-c", path, stdin=mail) for path in (empty, settings)]
        if outs[0].stdout != outs[1].stdout or outs[0].returncode or outs[1].returncode:
            differences.append(f"mail {n}: {told(outs[1])[:200]}")
    check(f"{len(mails)} mails are annotated alike with the defaults uncommented", mails and
          not differences, "\n".join(differences))

    for option, value in re.findall(r"^# Example: (\w+) = (.*)$", text, re.M):
        if option == "rules":  # names a folder that a fresh machine does not have
            check(f"the example of {option} names an option", option in real)
            continue
        result = run(PROGRAM, "check", "-c", write("example.conf", f"{option} = {value}\n"))
        check(f"the example of {option} has no fault", result.returncode == 0, told(result))
    listed = re.search(r"^# One of: (.*)\.$", text, re.M)
    check("whybounced.conf lists the languages", listed and sorted(listed[1].split()) ==
          sorted(map(language_of, CATALOGUES)), listed and listed[1])


def main():
    """Runs all tests and returns the exit status."""
    global PROGRAM, FOLDER
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv[1])
    if not os.access(PROGRAM, os.X_OK):
        check(f"{PROGRAM} is there", False)
        return 1
    with tempfile.TemporaryDirectory(prefix="whybounce-lang-") as folder:
        FOLDER = folder
        for test in (test_catalogues, test_checker, test_explanations, test_notices,
                     test_settings_file):
            attempt(test)
    return finish()


if __name__ == "__main__":
    sys.exit(main())

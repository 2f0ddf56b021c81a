#!/usr/bin/env python3
"""What `whybounce` promises: show, explain, filter, check, and how it is called.

usage: test_cli.py WHYBOUNCE

WHYBOUNCE is the built program; rules, languages and sample mails are those of the checkout that
this file lies in. Prints `ok N - name` or `not ok N - name` a test, exits 1 if any failed.
Settings of this machine are never read: where a test has none of its own, the program gets an
empty file, which means the built-in defaults.
"""

import glob
import html.parser
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True
from tap import attempt, check, finish, told  # noqa: E402

CORPUS = sorted(glob.glob(os.path.join(ROOT, "tests", "corpus", "*.eml")))
LANGUAGES = sorted(os.path.basename(path)[:-3]
                   for path in glob.glob(os.path.join(ROOT, "conf", "lang", "*.po")))
USAGE = 64  # exit status of a wrong call, as sysexits.h has it
TEMPORARY = 75

PROGRAM = None
FOLDER = None  # for files of the tests, removed at the end
GROUPS = []


# --- Running and telling

def group(function):
    """Registers a function of tests; one that breaks is one failed test."""
    GROUPS.append(function)
    return function


def write(name, content):
    """Writes a file into the folder of the tests and returns its path."""
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def call(command, arguments=(), settings=""):
    """The words of a call: settings is the text of a settings file, None for no -c at all."""
    words = [PROGRAM, command]
    if settings is not None:
        words += ["-c", write("settings.conf", settings)]
    return words + list(arguments)


def run(command, *arguments, settings="", stdin=b"", **options):
    """Runs a command; the result has returncode, and stdout and stderr as bytes."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    if "stdout" not in options:
        options["stdout"] = subprocess.PIPE
    if not hasattr(stdin, "fileno"):
        options["input"] = stdin
    else:
        options["stdin"] = stdin
    return subprocess.run(call(command, arguments, settings), stderr=subprocess.PIPE, timeout=120,
                          check=False, **options)


def objects(result):
    """The JSON objects of an output, a line each, as lists of pairs in their order."""
    return [json.loads(line, object_pairs_hook=Pairs)
            for line in result.stdout.decode("utf-8").split("\n") if line]


class Pairs(dict):
    """A JSON object that remembers the order of its keys, and keys that come twice."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.order = [key for key, _ in pairs]


def explain(*replies, **options):
    """The objects of `explain --json` for replies."""
    return objects(run("explain", "--json", *options.pop("arguments", ()), "--", *replies,
                       **options))


def flat(text):
    """A text with its lines joined."""
    return " ".join(text.split())


def read_texts(language):
    """Key -> text of a conf/lang/*.po."""
    with open(os.path.join(ROOT, "conf", "lang", language + ".po"), encoding="utf-8") as file:
        content = file.read()
    texts = {}
    for key, quoted in re.findall(r'^msgid "(.*)"\nmsgstr ((?:".*"\n?)+)', content, re.M):
        texts[key] = "".join(re.findall(r'"(.*)"', quoted)).replace('\\"', '"')
    return texts


def happened(text, texts):
    """What stands below "What happened" in an explanation, without line ends."""
    part = text.split("\n" + texts["heading.happened"] + "\n", 1)[1]
    for key in ("heading.steps", "heading.fix"):
        part = part.split("\n" + texts[key] + "\n", 1)[0]
    return flat(part)


# --- Mails

def report(status_part, words="This is the mail system.\n", returned="Subject: Invoice 2024-117\n"
           "Message-ID: <m1@example.org>\nDate: Tue, 3 Jun 2025 14:02:00 +0200\n\nHello\n",
           kind="message/delivery-status"):
    """A bounce as Postfix would write it, with LF; parts are text or bytes."""
    def to_bytes(part):
        return part.encode() if isinstance(part, str) else part

    return b"".join(to_bytes(part) for part in (
        "Return-Path: <>\nFrom: MAILER-DAEMON@mail.example.org (Mail Delivery System)\n"
        "To: jan.kowalski@example.org\nSubject: Undelivered Mail Returned to Sender\n"
        "Message-ID: <b1@mail.example.org>\nDate: Tue, 3 Jun 2025 14:03:00 +0200\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\n\n"
        "--B\nContent-Type: text/plain\n\n", words, "\n--B\nContent-Type: ", kind, "\n\n",
        status_part, "\n--B\nContent-Type: message/rfc822\n\n", returned, "\n--B--\n"))


FULL = report("Reporting-MTA: dns; mail.example.org\n\n"
              "Final-Recipient: rfc822; anna.novak@example.com\n"
              "Original-Recipient: rfc822;anna@example.net\n"
              "Action: failed\nStatus: 4.2.2\nRemote-MTA: dns; mx.example.com\n"
              "Diagnostic-Code: smtp; 452 4.2.2 Mailbox full\n")
POLISH = FULL.replace(b"Subject: Invoice", b"Content-Language: pl\nSubject: Invoice")
PLAIN = (b"From: Anna <anna@example.com>\nTo: jan@example.org\nSubject: Lunch\n"
         b"Date: Tue, 3 Jun 2025 14:02:00 +0200\nMIME-Version: 1.0\n"
         b"Content-Type: text/plain; charset=utf-8\n\nAt noon? \xc4\x8dau\n")


def status_part_of(mail):
    """The bytes that no annotation may change: all from the status part on."""
    return mail[mail.index(b"\n--B\nContent-Type: message/"):]


# --- show

TOP = ["file", "bounce", "kind", "system", "reporting_mta", "recipients", "message"]
RECIPIENT = ["address", "original", "action", "status", "code", "reply", "remote", "retry_until",
             "cause", "decided_by", "rule", "fix", "params"]
MESSAGE = ["subject", "message_id", "date", "language"]
ACTIONS = ["failed", "delayed", "delivered", "relayed", "expanded"]
DECIDED = ["text", "status", "code", "none"]
FIXES = ["sender", "recipient", "sender-admin", "recipient-admin", "admins", "list-owner",
         "nobody"]


def cause_names():
    """The ids of conf/causes.conf."""
    with open(os.path.join(ROOT, "conf", "causes.conf"), encoding="utf-8") as file:
        return re.findall(r"^cause (\S+) \{", file.read(), re.M)


def text_or_null(value):
    """True for null and for text that is not empty."""
    return value is None or isinstance(value, str) and value != ""


def recipient_faults(recipient, causes):
    """What of a recipient's object is not as promised."""
    texts = ["address", "original", "reply", "remote", "retry_until", "rule"]
    faults = [key for key in texts if not text_or_null(recipient.get(key))]
    if recipient.order != RECIPIENT:
        faults.append(f"keys {recipient.order}")
    status, code = recipient.get("status"), recipient.get("code")
    if status is not None and not re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", status):
        faults.append(f"status {status!r}")
    if code is not None and (type(code) is not int or not 200 <= code <= 599):
        faults.append(f"code {code!r}")
    for key, values in (("action", ACTIONS), ("decided_by", DECIDED), ("fix", FIXES),
                        ("cause", causes)):
        if recipient.get(key) not in values:
            faults.append(f"{key} {recipient.get(key)!r}")
    params = recipient.get("params")
    if not isinstance(params, dict) or any(not isinstance(value, str) or value == ""
                                           for value in params.values()):
        faults.append(f"params {params!r}")
    return faults


def bounce_faults(bounce, causes):
    """What of the object of a bounce is not as promised."""
    faults = []
    if bounce.order != TOP:
        faults.append(f"keys {bounce.order}")
    if bounce["bounce"] is not True or bounce["kind"] not in ("dsn", "prose"):
        faults.append(f"bounce {bounce['bounce']!r}, kind {bounce['kind']!r}")
    faults += [key for key in ("system", "reporting_mta") if not text_or_null(bounce[key])]
    if bounce["message"].order != MESSAGE:
        faults.append(f"message keys {bounce['message'].order}")
    faults += [key for key in MESSAGE if not text_or_null(bounce["message"].get(key))]
    if not bounce["recipients"]:
        faults.append("no recipients")
    for recipient in bounce["recipients"]:
        faults += recipient_faults(recipient, causes)
    return faults


@group
def show_keeps_its_form():
    """Key order and types, over all sample mails."""
    result = run("show", "--json", *CORPUS)
    answers = objects(result)
    check("show: a line a message, in the order given", result.returncode == 0 and CORPUS and
          [answer["file"] for answer in answers] == CORPUS, told(result))
    causes = cause_names()
    faults = [f"{os.path.basename(answer['file'])}: {fault}" for answer in answers
              if answer["bounce"] for fault in bounce_faults(answer, causes)]
    check("show: keys in order, values of the promised types", not faults, "\n".join(faults))
    faults = [answer for answer in answers if not answer["bounce"] and
              (answer.order != ["file", "bounce"] or answer["bounce"] is not False)]
    check("show: anything else is {file, bounce} only", not faults and
          any(not answer["bounce"] for answer in answers), faults)
    check("show: JSON is UTF-8", result.stdout.decode("utf-8", "strict"))


@group
def show_tells_all():
    """Every value of one report, and null for what is not there."""
    path = write("full.eml", POLISH)
    result = run("show", "--json", path)
    answer = objects(result)[0]
    rule = answer["recipients"][0].pop("rule")
    expected = {
        "file": path, "bounce": True, "kind": "dsn", "system": "postfix",
        "reporting_mta": "mail.example.org",
        "recipients": [{
            "address": "anna.novak@example.com", "original": "anna@example.net",
            "action": "failed", "status": "4.2.2", "code": 452,
            "reply": "452 4.2.2 Mailbox full", "remote": "mx.example.com", "retry_until": None,
            "cause": "mailbox-full", "decided_by": "text", "fix": "recipient", "params": {}}],
        "message": {"subject": "Invoice 2024-117", "message_id": "m1@example.org",
                    "date": "Tue, 3 Jun 2025 14:02:00 +0200", "language": "pl"}}
    expected["system"] = answer["system"] if answer["system"] is None else expected["system"]
    check("show: every value of a report", answer == expected and isinstance(rule, str),
          f"{answer}\n{expected}")

    answer = objects(run("show", "--json", stdin=report(
        "Reporting-MTA: dns; mail.example.org\n\n"
        "Final-Recipient: rfc822; anna@example.com\nAction: failed\nStatus: 5.0.0\n",
        words="\n", returned="\nx\n")))[0]
    recipient = answer["recipients"][0]
    check("show: absent values are null", all(recipient[key] is None for key in
          ("original", "code", "reply", "remote", "retry_until")) and
          recipient["params"] == {} and recipient["cause"] == "reason-not-given" and
          all(answer["message"][key] is None for key in MESSAGE), answer)

    mail = report("Reporting-MTA: dns; mail.example.org\n\nFinal-Recipient: rfc822; a@example.com\n"
                  "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 250 2.0.0 OK queued\n")
    answer = objects(run("show", "--json", stdin=mail))[0]["recipients"][0]
    out = run("filter", stdin=mail).stdout
    check("show: what failed was not refused by a code of success", answer["cause"] ==
          "reason-not-given" and b"This is not an error" not in out and
          b"did what it was asked" not in out.replace(b"\n", b" "), answer)

    answer = objects(run("show", "--json", stdin=report(
        "Reporting-MTA: dns; mail.example.org\n\n"
        "Final-Recipient: rfc822; anna@example.com\nAction: delayed\nStatus: 4.4.1\n"
        "Will-Retry-Until: Sun, 8 Jun 2025 14:03:00 +0200\n\n"
        "Final-Recipient: rfc822; ema@example.net\nAction: relayed\nStatus: 2.0.0\n")))[0]
    check("show: several recipients, each with its action", [
        (one["address"], one["action"], one["retry_until"]) for one in answer["recipients"]] == [
        ("anna@example.com", "delayed", "Sun, 8 Jun 2025 14:03:00 +0200"),
        ("ema@example.net", "relayed", None)], answer)


@group
def show_reads_anything():
    """Standard input, line ends, mbox, several files, files that cannot be read."""
    first, second = write("one.eml", FULL), write("two.eml", PLAIN)
    from_file = objects(run("show", "--json", first))[0]
    from_file.pop("file")
    for name, arguments, mail in (
            ("standard input without arguments", [], FULL), ("standard input as -", ["-"], FULL),
            ("CRLF", [], FULL.replace(b"\n", b"\r\n")),
            ("a From line of mbox", [], b"From MAILER-DAEMON Tue Jun  3 14:03:00 2025\n" + FULL),
            ("a From line of mbox, CRLF", [], b"From MAILER-DAEMON Tue Jun  3 14:03:00 2025\r\n" +
             FULL.replace(b"\n", b"\r\n"))):
        result = run("show", "--json", *arguments, stdin=mail)
        answer = objects(result)[0]
        check(f"show: {name}", answer.pop("file") == "-" and answer == from_file, told(result))

    missing = os.path.join(FOLDER, "missing.eml")
    result = run("show", "--json", missing, first, FOLDER, second)
    answers = objects(result)
    errors = result.stderr.decode().splitlines()
    check("show: what cannot be read is told, the others are shown", result.returncode == 1 and
          [answer["file"] for answer in answers] == [first, second] and len(errors) == 2 and
          missing in errors[0] and "No such file" in errors[0] and FOLDER in errors[1],
          told(result))
    for name, mail in (("an ordinary mail", PLAIN), ("nothing at all", b""),
                       ("binary junk", bytes(range(256)) * 50), ("a lone header", b"Subject: x")):
        result = run("show", "--json", stdin=mail)
        check(f"show: {name} is no bounce", result.returncode == 0 and
              objects(result) == [{"file": "-", "bounce": False}], told(result))
    result = run("show", second, first)
    check("show: text tells recipient, reply and cause", result.returncode == 0 and all(
        word in result.stdout for word in (b"no bounce", b"anna.novak@example.com",
                                           b"452 4.2.2 Mailbox full", b"mailbox-full")),
          told(result))


@group
def show_guards_the_terminal():
    """Control bytes of a mail do not reach the terminal in text form."""
    parts = {
        "C0": b"\x1b[31m\x07\x08\x1b]0;x\x07\r\x7f",
        "C1": "\x9b31m\x90\x9d\x85".encode(),
        "bare 8-bit": b"\x9b31m\x90",
        "text direction": "\u202e\u2066\u200f".encode(),
    }
    for name, evil in parts.items():
        mail = report(
            b"Reporting-MTA: dns; mail" + evil + b".example.org\n\n"
            b"Final-Recipient: utf-8; an" + evil + b"na@example.com\n"
            b"Original-Recipient: utf-8; o" + evil + b"@example.com\n"
            b"Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx" + evil + b".example.com\n"
            b"Will-Retry-Until: " + evil + b" x\n"
            b"Diagnostic-Code: smtp; 550 5.7.1 blocked " + evil + b" using zen.spamhaus.org, size "
            + evil + b" user" + evil + b" unknown\n",
            returned=b"Subject: x" + evil + b"\n\nx\n", kind="message/global-delivery-status")
        result = run("show", stdin=mail)
        text = result.stdout.decode("utf-8", "replace")
        found = sorted({f"U+{ord(c):04X}" for c in text if c != "\n" and (
            ord(c) < 32 or 0x7f <= ord(c) < 0xa0 or ord(c) in range(0x202a, 0x202f) or
            ord(c) in range(0x2066, 0x206a) or ord(c) == 0x200f)})
        check(f"show: no {name} control reaches the terminal", result.returncode == 0 and
              "example.com" in text and not found, " ".join(found) or told(result))
        answers = objects(run("show", "--json", stdin=mail))
        check(f"show: {name} controls in JSON", answers[0]["bounce"] and
              answers[0]["recipients"][0]["reply"], answers)


# --- explain

EXPLAIN_KEYS = ["reply", "code", "status", "cause", "decided_by", "rule", "fix", "params", "text"]

# Codes that have an explanation of their own.
SUCCESS_CODES = "211 214 220 221 250 251 252 354"
ERROR_CODES = ("421 450 451 452 454 455 500 501 502 503 504 521 530 535 541 550 551 552 553 554 "
               "555 556")
OTHER_CODES = ("200 235 334 422 430 432 453 458 459 510 511 512 523 524 525 533 534 538 540 542 "
               "557 571")
LAST_DETAILS = ((0, 0), (1, 10), (2, 4), (3, 6), (4, 7), (5, 6), (6, 10), (7, 30))
STATUSES = [f"{subject}.{detail}" for subject, last in LAST_DETAILS for detail in range(last + 1)]
TWINS = ["6.8", "6.10"]  # the registry calls the second a duplicate of the first

# Phrases of "Variations of SMTP 550" and what they mean.
PHRASES = (
    ("550 5.7.1: Service unavailable: client [192.0.2.7] blocked using zen.spamhaus.org",
     "server-blocklisted"),
    ("550 5.7.1 Service unavailable; client [192.0.2.7] blocked using bl.example.org",
     "server-blocklisted"),
    ("550 5.7.1: Message rejected as spam by content filtering", "spam-content"),
    ("550 5.7.1 Message rejected as spam by Content Filtering.", "spam-content"),
    ("550 This message was classified as SPAM and may not be delivered", "spam-content"),
    ("550 High probability of spam", "spam-content"),
    ("550 5.2.1 mail from refused spam sites", "blocked-by-recipient"),
    ("550 5.2.1 mail from spam sites refused", "blocked-by-recipient"),
    ("550 Your message was rejected because you were detected sending spam", "sending-blocked"),
    ("550 Message contained unsafe content", "virus-found"),
)


@group
def explain_answers():
    """JSON, text, several replies, standard input."""
    reply = "552 5.2.2 <anna@example.com> Quota exceeded"
    result = run("explain", "--json", reply)
    answer = objects(result)[0]
    text = answer.pop("text")
    rule = answer.pop("rule")
    check("explain: --json has its keys in order", result.returncode == 0 and
          answer.order == EXPLAIN_KEYS and isinstance(rule, str), answer.order)
    check("explain: --json has the values", answer == {
        "reply": reply, "code": 552, "status": "5.2.2", "cause": "mailbox-full",
        "decided_by": "text", "fix": "recipient", "params": {}}, answer)
    result = run("explain", reply)
    check("explain: text is that of --json", result.returncode == 0 and
          result.stdout.decode() == text, told(result))
    answers = explain("421", "5.2.2", "hello")
    check("explain: a bare code, a bare status, words", [
        (a["reply"], a["code"], a["status"], a["decided_by"]) for a in answers] == [
        ("421", 421, None, "code"), ("5.2.2", None, "5.2.2", "status"),
        ("hello", None, None, "none")], answers)
    check("explain: words without a cause", (answers[2]["cause"], answers[2]["rule"]) ==
          ("reason-not-given", None), answers[2])
    answer = explain("Cannot send your message. Error 421")[0]
    check("explain: a code inside a message", (answer["code"], answer["cause"]) ==
          (421, answers[0]["cause"]), answer)
    answer = explain("550-5.1.1 The email account that you tried to reach does\r\n"
                     "550 5.1.1 not exist.")[0]
    check("explain: a reply of several lines", answer["reply"] ==
          "550 5.1.1 The email account that you tried to reach does not exist." and
          answer["cause"] == "mailbox-unknown", answer)
    replies = ["421", "550 5.1.1 User unknown", "452 4.2.2 Mailbox full"]
    texts = [a["text"] for a in explain(*replies)]
    result = run("explain", *replies)
    check("explain: several replies, an empty line between", result.returncode == 0 and
          result.stdout.decode() == "\n".join(texts), told(result))
    for name, end in (("LF", "\n"), ("CRLF", "\r\n")):
        result = run("explain", stdin=end.join(replies + ["", ""]))
        check(f"explain: replies on standard input, {name}", result.returncode == 0 and
              result.stdout.decode() == "\n".join(texts), told(result))
    result = run("explain", stdin="")
    check("explain: nothing on standard input", result.returncode == 0 and not result.stdout,
          told(result))
    result = run("explain", "--json", stdin=b"550 5.1.1 a\0b \xff\xfe\x9b\n" + b"x" * 100000)
    check("explain: junk on standard input", result.returncode == 0 and
          [a["code"] for a in objects(result)] == [550, None], told(result))
    result = run("explain", "--", "-5 is what it said")
    check("explain: -- ends the options", result.returncode == 0 and result.stdout, told(result))


@group
def explain_by_server():
    """--from, and a tab on standard input."""
    google = "gmail-smtp-in.l.google.com"
    reply = "550 5.7.29 x"
    causes = [explain(reply)[0]["cause"],
              explain(reply, arguments=["--from", google])[0]["cause"]]
    check("explain: --from brings in the server's own codes",
          causes == ["authentication-failed", "encryption-failed"], causes)
    result = run("explain", "--json", stdin=f"{google}\t{reply}\n{reply}\n")
    check("explain: a tab sets the server off",
          [(a["reply"], a["cause"]) for a in objects(result)] ==
          [(reply, causes[1]), (reply, causes[0])], told(result))
    result = run("explain", "--json", "--from", google, stdin=f"mx.example.org\t{reply}\n{reply}\n")
    check("explain: the server of a line goes before --from",
          [a["cause"] for a in objects(result)] == causes, told(result))


@group
def explain_in_languages():
    """-l for every language, and what an unknown one gets."""
    english = explain("421")[0]["text"]
    for language in LANGUAGES:
        texts = read_texts(language)
        result = run("explain", "-l", language, "421")
        lines = result.stdout.decode("utf-8").splitlines()
        check(f"explain: -l {language}", result.returncode == 0 and
              all(texts[key] in lines for key in ("heading.happened", "heading.steps",
                                                  "heading.fix")) and
              (language == "en" or result.stdout.decode("utf-8") != english), told(result))
    for tag in ("pl-PL", "PL", "pl_PL.UTF-8"):
        check(f"explain: -l {tag} is pl", run("explain", "-l", tag, "421").stdout ==
              run("explain", "-l", "pl", "421").stdout)
    result = run("explain", "-l", "xx", "421")
    error = result.stderr.decode()
    check("explain: an unknown language is told, with the known ones", result.returncode == 1 and
          not result.stdout and '"xx"' in error and all(
              re.search(rf"\b{tag}\b", error) for tag in LANGUAGES), told(result))
    for tag, reply, wait in (
            ("en", "Greylisted, please try again in 300 seconds", b"is 5 min."),
            ("fr", "Greylisted, please try again in 2 hours", "est de 2\u00a0h.".encode()),
            ("ja", "Greylisting in action, please come back in 0:05:00", "5分".encode())):
        result = run("explain", "-l", tag, "450 4.7.1 " + reply)
        check(f"explain: a time to wait, {tag}", wait in result.stdout, told(result))
    result = run("explain", "-l", "en", "450 4.7.1 Greylisted, please try again in 300")
    check("explain: a time without a unit is left out", result.stdout.startswith(
        b"The recipient's mail server asked for a second try") and
        b"time to wait" not in result.stdout, told(result))
    check("explain: the settings' language", run(
        "explain", "421", settings='language = "cs"\n').stdout ==
        run("explain", "-l", "cs", "421").stdout)


class Tags(html.parser.HTMLParser):
    """Opened tags, their nesting, and the visible words of a page."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.faults, self.attributes, self.words = [], [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "img", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        self.words.append(data)


@group
def explain_as_html():
    """--html is a page of its own that nothing in a reply can break."""
    reply = ('554 5.7.1 Client host [192.0.2.7] blocked using '
             'zen.spamhaus.org</pre><script>alert(1)</script> "\'&<img src=x>')
    for language in ("en", "cs"):
        result = run("explain", "--html", "-l", language, reply)
        page = result.stdout.decode("utf-8")
        tags = Tags(page)
        check(f"explain: --html is a whole page, {language}", result.returncode == 0 and
              page.startswith("<!DOCTYPE html>") and not tags.open and not tags.faults and
              tags.seen[0] == "html" and ("lang", language) in tags.attributes,
              f"{tags.open} {tags.faults}\n{page[:300]}")
        names = {name for name, _ in tags.attributes}
        check(f"explain: --html has nothing from outside, {language}", not {
            "script", "img", "link", "iframe", "object", "form"} & set(tags.seen) and not {
            name for name in names if name.startswith("on") or name in ("src", "background")} and
            "url(" not in page, sorted(names))
        text = flat(run("explain", "-l", language, reply).stdout.decode("utf-8"))
        words = flat(" ".join(tags.words))
        heading = read_texts(language)["heading.happened"]
        check(f"explain: --html says what the text says, {language}",
              flat(text.split(heading)[1])[:60] in words and "<script>" in words,
              words[:500])


@group
def explain_several_as_html():
    """Several replies make one page, in their order."""
    replies = ["552 5.2.2 Mailbox full", "550 High probability of spam", "421"]
    for name, result in (("as words", run("explain", "--html", *replies)),
                         ("a line each", run("explain", "--html",
                                             stdin="\n".join(replies).encode()))):
        page = result.stdout.decode("utf-8")
        tags = Tags(page)
        places = [page.find(reply) for reply in replies]
        check(f"explain: --html of several replies is one page, {name}",
              result.returncode == 0 and page.count("<!DOCTYPE") == 1 and
              page.count("</html>") == 1 and tags.seen.count("html") == 1 and not tags.open and
              not tags.faults and -1 not in places and places == sorted(places), page[:300])
    result = run("explain", "--html", stdin=b"")
    check("explain: --html of nothing is nothing", result.returncode == 0 and
          not result.stdout, told(result))


@group
def explain_phrases():
    """The 550 phrases, whatever stands before and behind them."""
    for reply, cause in PHRASES:
        answers = explain(reply, reply.lower(), reply + " (in reply to end of DATA command)")
        check(f"explain: {reply}", [a["cause"] for a in answers] == [cause] * 3 and
              answers[0]["decided_by"] == "text", [a["cause"] for a in answers])


@group
def explain_codes():
    """A text of its own for every known code; digits for all others."""
    texts = read_texts("en")
    known = " ".join((SUCCESS_CODES, ERROR_CODES, OTHER_CODES)).split()

    def fallback(code):
        return next(code[:2] + digit for digit in "9876543210" if code[:2] + digit not in known)

    statuses = [f"{kind}.{status}" for kind in (4, 5) for status in STATUSES]
    fallbacks = {code: fallback(code) for code in known}
    fallbacks.update({status: status.rpartition(".")[0] + ".99" for status in statuses})
    general = ["299", "399", "499", "599", "2.9.9", "4.9.9", "5.9.9"]
    replies = sorted(set(fallbacks) | set(fallbacks.values()) | set(general))
    answers = dict(zip(replies, explain(*replies)))
    why = {reply: happened(answers[reply]["text"], texts) for reply in replies}
    unknown = {why[reply] for reply in general}
    for name, some in (("source documents", (SUCCESS_CODES + " " + ERROR_CODES).split()),
                       ("other basic codes", OTHER_CODES.split()),
                       ("4.x.x", statuses[:len(STATUSES)]), ("5.x.x", statuses[len(STATUSES):])):
        faults = [reply for reply in some if why[reply] in unknown or
                  why[reply] == why[fallbacks[reply]]]
        check(f"explain: a text of its own, {name}: {len(some)} codes", not faults,
              " ".join(faults))
    for name, some in (("basic", (SUCCESS_CODES + " " + ERROR_CODES).split()),
                       ("status", ["5." + status for status in STATUSES])):
        shared = [(a, b) for a in some for b in some if a < b and why[a] == why[b] and
                  not (a[2:] in TWINS and b[2:] in TWINS)]
        check(f"explain: no two {name} codes share a text", not shared, shared)

    for code in ("433", "499", "526", "547", "599", "419", "558"):
        parts = [texts[f"digit.first.{code[0]}"], texts.get(f"digit.second.{code[1]}", "")]
        got = happened(explain(code)[0]["text"], texts)
        check(f"explain: {code} by its digits", got == flat(" ".join(parts)), got)
    for status in ("4.1.99", "5.2.99", "5.3.77", "4.4.50", "5.5.99", "5.6.99", "5.7.999", "5.9.9",
                   "4.8.1"):
        kind, subject, _ = status.split(".")
        parts = [texts[f"digit.first.{kind}"], texts.get(f"status.subject.{subject}", "")]
        got = happened(explain(status)[0]["text"], texts)
        check(f"explain: {status} by its digits", got == flat(" ".join(parts)), got)


@group
def explain_is_no_alarm():
    """What a code of success or of the conversation must not be called; advice that must come."""
    texts = read_texts("en")
    for code in (SUCCESS_CODES + " 200 235 334 299 399 2.1.5 2.0.0 2.9.9").split():
        answer = explain(code)[0]
        check(f"explain: {code} is no failure", answer["cause"] == "delivered" and
              texts["result.failed.none"] not in answer["text"] and
              texts["heading.fix"] not in answer["text"] and
              texts["heading.steps"] not in answer["text"], answer["text"])
    for reply in ("2.2.2", "2.1.1", "2.7.1"):
        text = explain(reply)[0]["text"]
        check(f"explain: {reply} is success and nothing more", flat(text) == flat(" ".join(
            texts[key] for key in ("delivered.title", "heading.happened", "digit.first.2"))), text)
    text = explain("250 2.2.2 Ok")[0]["text"]
    check("explain: 250 2.2.2 says what 250 says", flat(texts["code.250"]) in flat(text), text)
    answer = explain("452 2.2.2 Mailbox full")[0]
    check("explain: a code of failure beats a status of success",
          answer["cause"] == "mailbox-full", answer)
    for code in ("454", "530", "535"):
        text = explain(code)[0]["text"]
        check(f"explain: {code} speaks of the password", "password" in text, text)
    for code in ("421", "450", "451"):
        text = explain(code)[0]["text"].lower()
        check(f"explain: {code} says to wait", re.search(r"\b(wait|later|again)\b", text), text)
    for reply, _ in PHRASES[:8]:
        text = flat(explain(reply)[0]["text"])
        check(f"explain: another way to the person: {reply}",
              re.search(r"\b(phone|chat|another (mail )?account)\b", text), text)


@group
def explain_block_lists():
    """Lists are named, with our own link to where one can look."""
    for zone, name, page in (
            ("zen.spamhaus.org", "Spamhaus", "https://check.spamhaus.org/"),
            ("bl.spamcop.net", "SpamCop", "https://www.spamcop.net/"),
            ("b.barracudacentral.org", "Barracuda", "https://www.barracudacentral.org/")):
        answer = explain("554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using "
                         f"{zone}; see http://evil.example.com/?ip=192.0.2.7")[0]
        text = flat(answer["text"])
        check(f"explain: {zone} by its name, with its page", answer["cause"] ==
              "server-blocklisted" and answer["params"].get("list") == zone and name in text and
              page in text and "evil" not in text, text)
    text = flat(explain("550 5.7.1 Service unavailable; client [192.0.2.7] blocked using "
                        "bl.example.org")[0]["text"])
    check("explain: an unknown list by its zone", "bl.example.org" in text and
          "http" not in text, text)
    rules = write("lists.conf", 'blocklist mine {\n\tmatch = {"bl.example.org"}\n'
                  '\tname = "The Example List"\n\turl = "https://lists.example.org/look"\n}\n')
    text = flat(explain("550 5.7.1 Service unavailable; client [192.0.2.7] blocked using "
                        "bl.example.org", settings=f'rules = "{rules}"\n')[0]["text"])
    check("explain: a list of the administrator's", "The Example List" in text and
          "https://lists.example.org/look" in text, text)


# --- filter

HOST = 'hostname = "mail.example.org"\n'


def annotated(mail, out):
    """True if out is the mail with header and text added and nothing lost."""
    return (out.startswith(b"Bounce-Explanation: ") and b"\nBounce-Cause: " in out and
            out.endswith(status_part_of(mail)))


# A mail of each form that is edited in its own way.
FORMS = ("postfix-unknown", "postfix-several", "qmail-unknown", "html-only", "exchange-2016",
         "gmail-related", "eight-bit-undeclared", "encoded-shift-jis", "encoded-format-flowed",
         "encoded-iso-2022-jp", "exchange-2000-utf7", "barracuda", "postfix-dkim-signed",
         "postfix-smime-signed")


@group
def filter_annotates():
    """A bounce gets header and text; twice is once; other mail is not touched."""
    result = run("filter", settings=HOST, stdin=FULL)
    out = result.stdout
    check("filter: a bounce is annotated", result.returncode == 0 and annotated(FULL, out) and
          b"Not delivered to anna@example.net\n" in out and b"by=mail.example.org" in out and
          b"mailbox-full; recipient=\"anna.novak@example.com\"" in out, told(result))
    old_header = FULL[:FULL.index(b"\n\n")]
    check("filter: the old header fields stay, below", old_header in out and
          out.index(old_header) > 0)
    check("filter: the first words stay", b"This is the mail system.\n" in out)
    crlf = FULL.replace(b"\n", b"\r\n")
    out = run("filter", settings=HOST, stdin=crlf).stdout
    check("filter: CRLF stays CRLF", b"Bounce-Cause: " in out and
          out.count(b"\n") == out.count(b"\r\n"))
    line = b"From MAILER-DAEMON Tue Jun  3 14:03:00 2025\n"
    out = run("filter", settings=HOST, stdin=line + FULL).stdout
    check("filter: the From line of mbox stays first", out.startswith(line + b"Bounce-") and
          out[len(line):] == run("filter", settings=HOST, stdin=FULL).stdout)
    out = run("filter", settings=HOST + 'annotate = {"header"}\n', stdin=FULL).stdout
    check("filter: header only, if the settings say so", out.endswith(FULL) and
          out.startswith(b"Bounce-Explanation: "))
    changed, twice = 0, []
    for path in CORPUS:
        with open(path, "rb") as file:
            mail = file.read()
        once = run("filter", settings=HOST, stdin=mail).stdout
        changed += once != mail
        if run("filter", settings=HOST, stdin=once).stdout != once:
            twice.append(os.path.basename(path))
    check(f"filter: twice is once, over {len(CORPUS)} mails, {changed} annotated",
          changed > 100 and not twice, " ".join(twice))
    for sets in ("", '"header"', '"text"', '"html"', '"header", "text"', '"header", "html"',
                 '"text", "html"', '"header", "text", "html"'):
        settings = HOST + f'annotate = {{{sets}}}\nsigned = "body"\n'
        same, twice = 0, []
        for name in FORMS:
            with open(os.path.join(ROOT, "tests", "corpus", name + ".eml"), "rb") as file:
                mail = file.read()
            once = run("filter", settings=settings, stdin=mail).stdout
            same += once == mail
            if run("filter", settings=settings, stdin=once).stdout != once:
                twice.append(name)
        check(f"filter: annotate = {{{sets}}}: twice is once, over {len(FORMS)} mails",
              not twice and same == (0 if sets else len(FORMS)), (same, twice))
    ordinary = [path for path in CORPUS if os.path.basename(path).startswith("not-")]
    changed = []
    for path in ordinary:
        with open(path, "rb") as file:
            mail = file.read()
        if run("filter", settings=HOST, stdin=mail).stdout != mail:
            changed.append(os.path.basename(path))
    check(f"filter: {len(ordinary)} other mails stay as they are", ordinary and not changed,
          " ".join(changed))


@group
def filter_passes_anything():
    """Ordinary mail, junk and nothing come out byte for byte."""
    for name, mail in (
            ("an ordinary mail", PLAIN), ("CRLF", PLAIN.replace(b"\n", b"\r\n")),
            ("no line end at the end", PLAIN[:-1]), ("nothing", b""), ("one byte", b"x"),
            ("a line end", b"\n"), ("binary junk", bytes(range(256)) * 4000),
            ("a mail with NUL", PLAIN + b"\0\0\n"), ("bare CR", PLAIN.replace(b"\n", b"\r")),
            ("a long line", PLAIN + b"x" * 1000000),
            ("mbox", b"From anna@example.com Tue Jun  3 14:03:00 2025\n" + PLAIN),
            ("10 MB", PLAIN + b"0123456789abcde\n" * 655360)):
        result = run("filter", stdin=mail)
        check(f"filter: {name} stays as it is", result.returncode == 0 and
              result.stdout == mail and not result.stderr, told(result)[:300])
    body = b"".join(b"%07d line of the returned message\n" % i for i in range(250000))
    large = report("Final-Recipient: rfc822; anna@example.com\nAction: failed\nStatus: 5.2.2\n",
                   returned=b"Subject: x\n\n" + body)
    for name, limit in (("inside max_body", "20M"), ("beyond max_body", "5M")):
        result = run("filter", settings=f'max_body = "{limit}"\n', stdin=large)
        check(f"filter: a bounce of {len(large) >> 20} MB {name}", result.returncode == 0 and
              annotated(large, result.stdout) and
              (b"What happened" in result.stdout) == (limit == "20M"), result.stderr)


@group
def filter_chooses_the_language():
    """Who reads it: -r, the delivery fields, the settings, the returned message."""
    texts = {tag: read_texts(tag)["heading.happened"].encode() for tag in ("en", "pl", "cs", "de")}

    def language(mail, *arguments, settings=""):
        """By the headings, in whatever encoding the text is."""
        out = run("filter", *arguments, settings=HOST + settings, stdin=mail).stdout
        plain = out.replace(b"=\n", b"")
        plain = re.sub(rb"=([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), plain)
        return [tag for tag, text in texts.items() if text in plain]

    choice = 'languages = {"*@example.org = de", "eva@* = cs"}\n'
    for name, want, got in (
            ("the returned message's", ["pl"], language(POLISH)),
            ("none is known: English", ["en"], language(FULL)),
            ("the settings' default", ["cs"], language(FULL, settings='language = "cs"\n')),
            ("the map, by To", ["de"], language(POLISH, settings=choice)),
            ("the map, by -r", ["cs"], language(POLISH, "-r", "eva@example.com", settings=choice)),
            ("the map, by -r, none fits", ["pl"],
             language(POLISH, "-r", "ivo@example.com", settings=choice))):
        check(f"filter: language, {name}", got == want, got)


@group
def filter_never_loses_mail():
    """Whatever is wrong, the mail comes out whole; the exit status says if it did not."""
    broken_rules = write("broken.conf", "rule x {\n")
    calls = (
        ("an unknown option in the settings", [], 'nosuch = "x"\n'),
        ("a bad value in the settings", [], 'signed = "perhaps"\n'),
        ("settings that end inside a list", [], "our_hosts = {"),
        ("a rule file that cannot be read as one", [], f'rules = "{broken_rules}"\n'),
        ("a rule file that is not there", [], 'rules = "/nonexistent/rules"\n'),
        ("settings that are not there", ["-c", "/nonexistent/whybounced.conf"], None),
        ("settings that are a folder", ["-c", "/"], None),
        ("an unknown option", ["--nosuch"], ""),
        ("an option without its value", ["-f"], ""),
        ("-c without its value", ["-c"], None),
        ("a word too many", ["mail.eml"], ""),
    )
    for name, arguments, settings in calls:
        for mail_name, mail in (("a bounce", FULL), ("a mail", PLAIN)):
            result = run("filter", *arguments, settings=settings, stdin=mail)
            check(f"filter: {name}: {mail_name} comes out whole", result.returncode == 0 and
                  result.stdout == mail and result.stderr, told(result))
        result = run("filter", "--strict", *arguments, settings=settings, stdin=FULL)
        check(f"filter: {name}: --strict says 75", result.returncode == TEMPORARY and
              result.stdout == FULL, told(result))
    result = run("filter", "--strict", settings=HOST, stdin=FULL)
    check("filter: --strict says 0 if all is well", result.returncode == 0 and
          annotated(FULL, result.stdout), told(result))
    result = run("filter", *["-r", "anna@example.com"] * 30, settings=HOST, stdin=FULL)
    check("filter: many readers", result.returncode == 0 and annotated(FULL, result.stdout),
          told(result))

    for name, mail in (("small", FULL), ("large", PLAIN + b"x" * 1000000)):
        with open("/dev/full", "wb") as full:
            result = run("filter", stdin=mail, stdout=full)
        check(f"filter: a full disk is told, {name} mail", result.returncode == TEMPORARY and
              result.stderr, told(result))
        result = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-'] + call("filter"), input=mail,
                                stderr=subprocess.PIPE, timeout=60, check=False)
        check(f"filter: a closed output is told, {name} mail", result.returncode == TEMPORARY and
              result.stderr, told(result))
    result = subprocess.run(["sh", "-c", 'ulimit -f 0; exec "$0" "$@"'] + call("filter"),
                            input=FULL, capture_output=True, timeout=60, check=False)
    check("filter: no room for a temporary file is told", result.returncode == 0 and
          result.stdout == FULL and result.stderr, told(result))
    folder = os.open("/", os.O_RDONLY)
    try:
        result = subprocess.run(call("filter"), stdin=folder, capture_output=True, timeout=60,
                                check=False)
    finally:
        os.close(folder)
    check("filter: an input that cannot be read is told: not status 0", result.returncode != 0 and
          result.stderr, told(result))


def memory_limits():
    """Ways to give the program little memory: (name, arguments for subprocess)."""
    with open(PROGRAM, "rb") as file:
        sanitized = b"__asan_init" in file.read()
    if sanitized:  # it maps terabytes: let its allocator refuse large pieces instead
        for megabytes in (1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64):
            options = (f"max_allocation_size_mb={megabytes}:allocator_may_return_null=1:"
                       + os.environ.get("ASAN_OPTIONS", ""))
            yield f"pieces of {megabytes} MB", {"env": {**os.environ, "ASAN_OPTIONS": options}}
        return

    def limit_to(kilobytes):
        return {"preexec_fn": lambda: resource.setrlimit(
            resource.RLIMIT_AS, (kilobytes << 10, kilobytes << 10))}

    start = next(size for size in range(2048, 1 << 20, 512) if subprocess.run(
        [PROGRAM, "-V"], capture_output=True, check=False, **limit_to(size)).returncode == 0)
    for more in (256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 10240, 12288, 16384, 20480,
                 24576, 28672, 32768, 40960, 49152, 65536, 131072):
        yield f"{start + more} kB", limit_to(start + more)


@group
def filter_without_memory():
    """With any amount of memory, the mail comes out whole."""
    body = b"".join(b"%07d line of the returned message\n" % i for i in range(250000))
    part = "Final-Recipient: rfc822; anna@example.com\nAction: failed\nStatus: 5.2.2\n"
    mails = (("a bounce", FULL), ("a bounce of 10 MB", report(part, returned=b"\n" + body)),
             ("a mail of 10 MB", PLAIN + body))
    for mail_name, mail in mails:
        lost, plain, edited = [], 0, 0
        for name, options in memory_limits():
            result = run("filter", settings=HOST + 'max_body = "64M"\n', stdin=mail, **options)
            if result.returncode == 0 and result.stdout == mail:
                plain += 1
            elif mail[:6] == b"Return" and result.returncode == 0 and \
                    annotated(mail, result.stdout):
                edited += 1
            else:
                lost.append(f"{name}: {len(mail)} bytes in, {len(result.stdout)} out, "
                            f"{told(result)[:150]!r}")
        check(f"filter: little memory, {mail_name}: whole {plain} times, annotated {edited} times",
              not lost and (plain or mail is FULL), "\n".join(lost))


# --- check

GOOD = """rule good {
\ttext    = 'blue banana'
\tcause   = greylisted
\texample = "550 High probability of spam, blue banana"
}
"""
GOOD_REPLY = "550 High probability of spam, blue banana"  # a built-in rule fits it as well

# Name of the fault, what is appended to the good rule, its line there (0: any), what is said,
# and whether the good rule stays in force (a file that is no rule file at all cannot be used).
RULE_FAULTS = (
    ("a pattern that does not compile", "rule bad {\n\ttext = 'a(b'\n\tcause = greylisted\n"
     "\texample = 'ab'\n}\n", 1, "bad.*parenthes", True),
    ("an unknown cause", "rule bad {\n\ttext = 'ab'\n\tcause = nosuch\n\texample = 'ab'\n}\n", 1,
     "bad.*cause", True),
    ("no cause", "rule bad {\n\ttext = 'ab'\n\texample = 'ab'\n}\n", 1, "bad.*cause", True),
    ("an unknown group", "rule bad {\n\ttext = '(?<color>ab)'\n\tcause = greylisted\n"
     "\texample = 'ab'\n}\n", 1, "bad.*group", True),
    ("no example", "rule bad {\n\ttext = 'ab'\n\tcause = greylisted\n}\n", 1, "bad.*example", True),
    ("an example that does not match", "rule bad {\n\ttext = 'ab'\n\tcause = greylisted\n"
     "\texample = {'ab', 'cd'}\n}\n", 1, "bad.*match.*cd", True),
    ("a pattern beyond the match limit", "rule bad {\n\ttext = '(a+)+$'\n\tcause = greylisted\n"
     "\texample = '550 " + "a" * 40 + "b'\n}\n", 1, "bad", True),
    ("an example that an earlier rule takes", "rule bad {\n\ttext = 'banana'\n"
     "\tcause = greylisted\n\texample = '550 blue banana'\n}\n", 0, "good.*bad", True),
    ("a status with letters", "rule bad {\n\tstatus = '5.x.1'\n\tcause = greylisted\n}\n", 1,
     "bad.*status", True),
    ("a status of two numbers", "rule bad {\n\tstatus = '5.7'\n\tcause = greylisted\n}\n", 1,
     "bad.*status", True),
    ("a status with an empty number", "rule bad {\n\tstatus = '5..7'\n\tcause = greylisted\n}\n",
     1, "bad.*status", True),
    ("a status of no class", "rule bad {\n\tstatus = '9.1.1'\n\tcause = greylisted\n}\n", 1,
     "bad.*status.*2, 4, 5", True),
    ("an unknown system", "rule bad {\n\tsystem = 'nosuch'\n\tcause = greylisted\n}\n", 1,
     "bad.*system", True),
    ("an unknown block list", "rule bad {\n\ttext = 'ab'\n\tcause = server-blocklisted\n"
     "\tblocklist = nosuch\n\texample = 'ab'\n}\n", 1, "bad.*blocklist nosuch", True),
    ("a code that is none", "rule bad {\n\tcode = 199\n\tcause = greylisted\n}\n", 1, "bad.*code",
     True),
    ("a rule that asks for nothing", "rule bad {\n\tcause = greylisted\n}\n", 1, "bad", True),
    ("from, but no server for the example", "rule bad {\n\ttext = 'ab'\n\tfrom = '*.example.com'\n"
     "\tcause = greylisted\n\texample = 'ab'\n}\n", 1, "bad.*server", True),
    ("a name that is there already", "rule good {\n\ttext = 'ab'\n\tcause = greylisted\n"
     "\texample = 'ab'\n}\n", 0, "good", False),
    ("a rule without a name", "rule {\n\ttext = 'ab'\n}\n", 0, "title|name", False),
    ("an unknown option", "rule bad {\n\twords = 'ab'\n}\n", 2, "words", False),
    ("an option twice", "rule bad {\n\ttext = 'ab'\n\ttext = 'cd'\n\tcause = greylisted\n"
     "\texample = 'cd'\n}\n", 3, "text.*twice", False),
    ("${ in double quotes", "rule bad {\n\ttext = \"a${HOME}\"\n\tcause = greylisted\n}\n", 2,
     r"\$\{", False),
    ("${ without quotes", "rule bad {\n\ttext = ${HOME}\n\tcause = greylisted\n"
     "\texample = 'ab'\n}\n", 2, r"\$\{", False),
    ("the end inside a section", "rule bad {\n\ttext = 'ab'\n\tcause = greylisted\n", 1,
     "not closed", False),
    ("the end inside a list", "rule bad {\n\texample = {'ab',\n", 0, "not closed", False),
    ("the end inside a string", "rule bad {\n\ttext = 'ab\n}\n", 2, "quote", False),
    ("the end inside a comment", "/* rule\nrule bad {\n}\n", 1, "comment", False),
    ("a closing brace too many", "}\n", 1, "close", False),
    ("a NUL byte", "# a\0b\n", 1, "NUL", False),
    ("a block list without its zones", 'blocklist bad {\n\tname = "X"\n}\n', 0, "bad.*match",
     False),
)


def faults_told(result, path):
    """The lines of a file for which faults are told, with what is said."""
    return [(int(line), what) for line, what in re.findall(
        rf"^whybounce: {re.escape(path)}:(\d+): (.*)$",
        result.stderr.decode("utf-8", "replace"), re.M)]


@group
def check_finds_nothing():
    """The shipped rules and an administrator's good rules have no faults."""
    result = run("check")
    words = re.search(rb"(\d+) rules, (\d+) examples, (\d+) languages: no faults", result.stdout)
    check("check: the built-in rules have no faults", result.returncode == 0 and words and
          int(words[1]) > 1000 and int(words[2]) > 1000 and int(words[3]) == len(LANGUAGES) and
          not result.stderr, told(result))
    check("check: without settings", run("check", settings=None).returncode in (0, 1))
    rules = write("good.conf", GOOD)
    settings = f'rules = "{rules}"\n'
    result = run("check", settings=settings)
    check("check: a good rule file", result.returncode == 0 and not result.stderr, told(result))
    answers = explain(GOOD_REPLY, "550 High probability of spam", settings=settings)
    check("explain: the administrator's rule goes first, the built-in ones stay",
          [a["rule"] == "good" for a in answers] == [True, False] and
          [a["cause"] for a in answers] == ["greylisted", "spam-content"], answers)
    write("folder/10-one.conf", GOOD)
    write("folder/20-two.conf", GOOD.replace("good", "two").replace("banana", "apple"))
    write("folder/README", "this is no rule file {")
    settings = f'rules = "{os.path.join(FOLDER, "folder")}"\n'
    result = run("check", settings=settings)
    answers = explain("550 blue apple", "550 blue banana", settings=settings)
    check("check: a folder of rule files", result.returncode == 0 and
          [a["rule"] for a in answers] == ["two", "good"], told(result))
    second = write("folder/30-three.conf", GOOD)
    result = run("check", settings=settings)
    check("check: one name in two files", result.returncode == 1 and
          faults_told(result, second) and b"10-one.conf:" in result.stderr, told(result))


@group
def check_finds_rule_faults():
    """Each kind of fault is told with file and line; the other rules stay in force."""
    length = GOOD.count("\n")
    for name, bad, line, words, usable in RULE_FAULTS:
        rules = write("rules.conf", GOOD + bad)
        settings = f'rules = "{rules}"\n'
        result = run("check", settings=settings)
        faults = faults_told(result, rules)
        lines = [line + length] if line else range(length + 1, length + bad.count("\n") + 2)
        check(f"check: {name}", result.returncode == 1 and any(
            number in lines and re.search(words, what) for number, what in faults), told(result))
        if name.startswith("an example"):
            check(f"check: {name}: it is the only fault", len(faults) == 1, told(result))
        result = run("explain", "--json", GOOD_REPLY, settings=settings)
        if usable:
            check(f"explain: {name}: the good rule is in force", result.returncode == 0 and
                  objects(result)[0]["rule"] == "good", told(result))
        else:
            check(f"explain: {name}: no start", result.returncode == 1 and
                  not result.stdout and result.stderr, told(result))
    rules = write("rules.conf", b"\xef\xbb\xbf" + GOOD.encode())
    result = run("check", settings=f'rules = "{rules}"\n')
    check("check: a byte order mark", result.returncode == 1 and any(
        number == 1 and "byte order mark" in what for number, what in faults_told(result, rules)),
          told(result))
    rules = write("rules.conf", GOOD.replace("\n", "\r\n"))
    result = run("check", settings=f'rules = "{rules}"\n')
    check("check: CRLF in a rule file is no fault", result.returncode == 0, told(result))
    missing = os.path.join(FOLDER, "missing", "rules")
    result = run("check", settings=f'rules = "{missing}"\n')
    check("check: rules that are not there", result.returncode == 1 and
          missing.encode() in result.stderr, told(result))


# Option, text of the settings, line of the fault.
SETTINGS_FAULTS = (
    ("socket", 'socket = "tcp:1234"', 1), ("socket", 'socket = "unix:relative"', 1),
    ("socket", 'socket = "unix:"', 1), ("socket", 'socket = ""', 1),
    ("socket", 'socket = "inet:"', 1), ("socket", 'socket = "inet:0@127.0.0.1"', 1),
    ("socket", 'socket = "inet:65536@127.0.0.1"', 1), ("socket", 'socket = "inet:smtp"', 1),
    ("socket", 'socket = "unix:/%s"' % ("s" * 107), 1),
    ("socket_umask", 'socket_umask = "0999"', 1), ("socket_umask", 'socket_umask = ""', 1),
    ("socket_umask", 'socket_umask = "rwx"', 1), ("socket_umask", 'socket_umask = "1000"', 1),
    ("syslog_facility", 'syslog_facility = "auth"', 1),
    ("signed", 'signed = "yes"', 1),
    ("annotate", 'annotate = {"header",\n"picture"}', 2),
    ("annotate", 'annotate = {"picture", "header"}', 1),
    ("max_body", 'max_body = "10MB"', 1), ("max_body", 'max_body = "0"', 1),
    ("max_body", 'max_body = "-1"', 1), ("max_body", 'max_body = "99999999999G"', 1),
    ("max_body", 'max_body = "ten"', 1), ("max_body", 'max_body = ""', 1),
    ("memory_limit", 'memory_limit = "1X"', 1), ("memory_limit", 'memory_limit = 0', 1),
    ("time_limit", "time_limit = 0", 1), ("time_limit", "time_limit = -1.5", 1),
    ("time_limit", "time_limit = 301", 1), ("time_limit", 'time_limit = "soon"', 1),
    ("time_limit", "time_limit = nan", 1),
    ("language", 'hostname = "a"\nlanguage = "xx"', 2),
    ("languages", '\n\nlanguages = {"*@example.pl = xx"}', 3),
    ("languages", 'languages = {"*@example.pl"}', 1),
    ("nosuch", 'hostname = "a"\nnosuch = "b"', 2),
    ("hostname", 'hostname = "a"\nhostname = "b"', 2),
    ("hostname", 'hostname = "mail.przykład.pl"', 1), ("hostname", 'hostname = "a b"', 1),
    ("hostname", '\nhostname = "a;b"', 2), ("hostname", "hostname = 'a\"b'", 1),
    ("hostname", 'hostname = "a@b"', 1), ("hostname", 'hostname = "[192.0.2.1]"', 1),
    ("hostname", 'hostname = "-a"', 1), ("hostname", 'hostname = ".a"', 1),
    ("hostname", 'hostname = "a\\nb"', 1), ("hostname", f'hostname = "{256 * "a"}"', 1),
    ("unexpected", 'hostname = {"a", "b"}', 1),
    ("quote", '\nhostname = "a', 2),
    (r"\$\{", 'hostname = "${HOME}"', 1),
    (r"\$\{", "hostname = ${HOME}", 1),
    ("not closed", '\nour_hosts = {"a",\n"b"', 2),
    ("byte order mark", '\ufeffhostname = "a"', 1),
    ("NUL", 'hostname = "a"\n# \0', 2),
    ("close", "}", 1),
)


@group
def check_finds_settings_faults():
    """A fault in the settings is told with file and line, and nothing starts."""
    path = os.path.join(FOLDER, "settings.conf")
    for words, text, line in SETTINGS_FAULTS:
        name = flat(text.replace("\ufeff", "BOM ").replace("\0", "NUL"))
        for command, arguments in (("check", []), ("explain", ["421"])):
            result = run(command, *arguments, settings=text + "\n")
            check(f"{command}: settings: {name}", result.returncode == 1 and
                  not result.stdout and any(
                      number == line and re.search(words, what)
                      for number, what in faults_told(result, path)), told(result))
    with open(os.path.join(ROOT, "src", "app", "settings.c"), encoding="utf-8") as file:
        checked = set(re.findall(r'\{ "(\w+)", check_\w+ \}', file.read()))
    tried = {words for words, _, _ in SETTINGS_FAULTS}
    check(f"check: a bad value of each of {len(checked)} options was tried", checked and
          checked <= tried, checked - tried)
    for name, path in (("a folder", FOLDER), ("not there", os.path.join(FOLDER, "missing"))):
        for command in ("check", "explain", "show"):
            result = run(command, "-c", path, settings=None)
            check(f"{command}: settings that are {name}", result.returncode == 1 and
                  path.encode() in result.stderr and not result.stdout, told(result))
    for name, text in (("an empty file", ""), ("comments only", "# a\n// b\n/* c\n*/\n"),
                       ("CRLF", 'hostname = "a"\r\nmax_body = "1k"\r\n'),
                       ("single quotes with ${", "helpdesk = '${HOME}'\n"),
                       ("names of hosts", 'hostname = "a_1.xn--przykad-rjb.pl"\n'),
                       ("numbers without quotes", "max_body = 5000\nsocket_umask = 0007\n"),
                       ("an empty list", "annotate = {}\nexempt = {}\n")):
        result = run("check", settings=text)
        check(f"check: settings: {name}: no fault", result.returncode == 0, told(result))


@group
def check_own_texts():
    """Catalogues of the administrator's come first, a text at a time."""
    own = "OWN HEADING"
    source = write("own.po", 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
                   f'msgid "heading.happened"\nmsgstr "{own}"\n')
    os.makedirs(os.path.join(FOLDER, "texts"), exist_ok=True)
    for tag in ("en", "pl", "xx"):
        subprocess.run(["msgfmt", "-o", os.path.join(FOLDER, "texts", tag + ".mo"), source],
                       check=True, timeout=60)
    settings = f'texts = "{os.path.join(FOLDER, "texts")}"\n'
    for tag, built_in in (("en", "en"), ("pl", "pl"), ("xx", "en")):
        result = run("explain", "-l", tag, "421", settings=settings)
        lines = result.stdout.decode("utf-8").splitlines()
        check(f"explain: one text of one's own in {tag}", own in lines, told(result))
        check(f"explain: the other texts of {tag} are the built-in ones",
              read_texts(built_in)["heading.fix"] in lines, told(result))
    result = run("check", settings=settings)
    lines = result.stderr.decode("utf-8").splitlines()
    check("check: a language without texts is told in one line, with the first of them",
          result.returncode == 1 and len(lines) == 1 and re.match(
              r"whybounce: xx: \d+ texts are missing: ([\w.-]+, ){3}\.\.\.$", lines[0]),
          told(result))
    broken = write("texts-broken/pl.mo", "this is no catalogue")
    result = run("explain", "421", settings=f'texts = "{os.path.dirname(broken)}"\n')
    check("explain: a broken catalogue is told", result.returncode == 1 and
          broken.encode() in result.stderr, told(result))


# --- How it is called

@group
def calls():
    """Version, help, wrong words, an output that cannot be written."""
    with open(os.path.join(ROOT, "src", "app", "version.h"), encoding="utf-8") as file:
        version = re.search(r'VERSION "(.*)"', file.read())[1]

    def bare(*words, **options):
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.run([PROGRAM, *words], stderr=subprocess.PIPE, timeout=60, check=False,
                              input=b"", **options)

    for word in ("-V", "--version"):
        result = bare(word)
        check(f"{word} prints the version", result.returncode == 0 and
              result.stdout.decode() == f"whybounce {version}\n", told(result))
    commands = (b"show", b"explain", b"filter", b"check")
    for word in ("-h", "--help"):
        result = bare(word)
        check(f"{word} lists the commands", result.returncode == 0 and not result.stderr and
              all(command in result.stdout for command in commands), told(result))
    for command in ("show", "explain", "check", "doctor"):
        result = bare(command, "--help")
        check(f"{command} --help", result.returncode == 0 and not result.stderr and
              result.stdout.startswith(b"usage: whybounce " + command.encode()), told(result))
    for name, words in (("no command", []), ("an unknown command", ["nosuch"])):
        result = bare(*words)
        check(f"{name}: usage on standard error", result.returncode == USAGE and
              not result.stdout and all(command in result.stderr for command in commands) and
              all(word.encode() in result.stderr for word in words), told(result))
    for words in (["show", "--nosuch"], ["show", "-c"], ["explain", "--nosuch", "421"],
                  ["explain", "-l"], ["explain", "--from"], ["explain", "-c"],
                  ["check", "--nosuch"], ["check", "-c"], ["check", "a", "b", "c"]):
        result = bare(*words)
        check(f"{' '.join(words)}: usage", result.returncode == USAGE and not result.stdout and
              b"usage: whybounce " + words[0].encode() in result.stderr, told(result))
    mail = write("full.eml", FULL)
    for command, arguments in (("show", [mail]), ("show", ["--json", mail]), ("explain", ["421"]),
                               ("explain", ["--json", "421"]), ("check", [])):
        with open("/dev/full", "wb") as full:
            result = run(command, *arguments, stdout=full)
        check(f"{command} {' '.join(arguments[:-1])}: a full disk is told", result.returncode != 0
              and result.stderr, told(result))


def main():
    """Runs all groups and returns the exit status."""
    global PROGRAM, FOLDER
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv[1])
    if not os.access(PROGRAM, os.X_OK):
        check(f"{PROGRAM} is there", False)
        return 1
    os.environ["LC_ALL"] = "C.UTF-8"
    with tempfile.TemporaryDirectory(prefix="whybounce-test-") as folder:
        FOLDER = folder
        for tests in GROUPS:
            attempt(tests)
    return finish()


if __name__ == "__main__":
    sys.exit(main())

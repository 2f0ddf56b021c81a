#!/usr/bin/env python3
"""What the HTML of whybounce looks like, asked of a real browser.

usage: test_html.py WHYBOUNCE

Annotates mails of the corpus and hostile ones in three languages, opens the HTML in headless
Chromium, narrow and wide, light and dark, and asserts that every text is there, legible and
inside the window, and that nothing is fetched or run. Prints `ok N - name` or `not ok N - name` a
test, exits 1 if any failed. With SCREENSHOTS=FOLDER in the environment, each view is kept there.
"""

import json
import os
import re
import sys
import tempfile
import traceback

from chromium import Chromium
from mails import ROOT, annotate, corpus, field, leaf

sys.path.append(os.path.join(ROOT, "tests"))
from tap import check, finish  # noqa: E402

LANGUAGES = ("en", "pl", "ja")
WIDTHS = (360, 1000)
SCREENSHOTS = os.environ.get("SCREENSHOTS")
CONTRAST = 4.5  # WCAG 2.1, level AA
SMALLEST = 12  # pixels of a letter

MAILS = (
    "postfix-several",  # four recipients, four causes
    "postfix-many-permanent",
    "postfix-forwarded",
    "postfix-delayed",
    "postfix-success",
    "postfix-utf8-addresses",  # addresses that are not ASCII
    "postfix-backscatter",
    "postfix-encoded-subject",
    "exim-new-unknown",
    "encoded-shift-jis",
    "t-online-german",
)
# Mails with HTML of their own, of which only the card is ours.
FOREIGN = ("html-only", "exchange-2016")

FORBIDDEN = ("script,style,link,img,iframe,object,embed,form,input,button,textarea,select,video,"
             "audio,svg,base,frame,a,[src],[href],[background],meta[http-equiv]")

# What a mail program with dark colours does to a mail that says nothing about it: the ground is
# dark and the text light wherever the mail does not say otherwise.
DARK_PROGRAM = "document.documentElement.style.colorScheme = 'dark'"

# Measures the page as it is shown: all of it, or with `card` only our cards.
MEASURE = r"""
({ card, width, forbidden, smallest, least }) => {
	const found = { overflow: [], contrast: [], hidden: [], small: [], forbidden: [] };
	const cards = [...document.querySelectorAll('div[lang][dir]')];
	const roots = card ? cards : [document.body];
	const sample = text => text.trim().slice(0, 60);
	const parse = colour => {
		const parts = colour.match(/[\d.]+/g).map(Number);
		return parts.length > 3 ? parts : [...parts, 1];
	};
	const over = (top, below) => top.slice(0, 3).map((value, i) =>
		value * top[3] + below[i] * (1 - top[3])).concat(1);
	const luminance = colour => {
		const [r, g, b] = colour.slice(0, 3).map(value => value / 255).map(
			value => value <= 0.04045 ? value / 12.92 :
			((value + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const contrast = (a, b) => {
		const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
		return (light + 0.05) / (dark + 0.05);
	};
	const probe = document.createElement('i');
	probe.style.color = 'Canvas';
	document.body.append(probe);
	const canvas = parse(getComputedStyle(probe).color);
	probe.remove();
	const ground = element => {
		const layers = [];
		for (let e = element; e; e = e.parentElement)
			layers.push(parse(getComputedStyle(e).backgroundColor));
		return layers.reduceRight((below, top) => over(top, below), canvas);
	};

	if (!card && document.scrollingElement.scrollWidth > width)
		found.overflow.push('page ' + document.scrollingElement.scrollWidth);
	for (const root of roots) {
		for (const e of [root, ...root.querySelectorAll('*')]) {
			const box = e.getBoundingClientRect();
			if (box.right > width + 0.5 || box.left < -0.5)
				found.overflow.push(`${e.tagName} ${box.left}..${box.right}`);
			if (e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1)
				found.overflow.push(`${e.tagName} ${e.scrollWidth} in ${e.clientWidth}`);
		}
		const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
		for (let node; (node = walk.nextNode());) {
			if (!node.data.trim())
				continue;
			const style = getComputedStyle(node.parentElement);
			const range = document.createRange();
			range.selectNodeContents(node);
			const boxes = [...range.getClientRects()];
			if (!boxes.length || style.visibility !== 'visible' ||
			    !boxes.some(box => box.width > 0 && box.height > 0) ||
			    !node.parentElement.checkVisibility({ opacityProperty: true }))
				found.hidden.push(sample(node.data));
			for (const box of boxes)
				if (box.right > width + 0.5 || box.left < -0.5) {
					found.overflow.push(`"${sample(node.data)}" ${box.left}..${box.right}`);
					break;
				}
			if (parseFloat(style.fontSize) < smallest)
				found.small.push(sample(node.data));
			const below = ground(node.parentElement);
			const ratio = contrast(over(parse(style.color), below), below);
			if (ratio < least)
				found.contrast.push(`${ratio.toFixed(2)}: ${sample(node.data)}`);
		}
		found.forbidden.push(...[...root.querySelectorAll(forbidden)].map(e => e.outerHTML
			.slice(0, 80)));
		for (const e of [root, ...root.querySelectorAll('*')])
			for (const a of e.attributes)
				if (/^on/.test(a.name) || /url\(|:\/\/|expression/.test(a.value))
					found.forbidden.push(`${e.tagName} ${a.name}`);
	}
	if (!card)
		found.forbidden.push(...[...document.head.querySelectorAll(forbidden)].map(
			e => e.outerHTML.slice(0, 80)));
	found.text = document.body.innerText;
	found.card = cards.map(e => e.innerText).join('\n');
	found.title = document.title;
	found.languages = [...new Set((card ? cards : [document.documentElement, ...cards]).map(
		e => e.lang + ' ' + e.dir))];
	found.notice = [...document.querySelectorAll('pre')].map(
		e => e.closest('[lang]').lang + ' ' + e.dir);
	found.headings = cards.map(e => [...e.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(
		h => [h.tagName, h.innerText]));
	return found;
}
"""

# The characters of a text that no font has: they look like one that was never assigned.
TOFU = r"""
text => {
	const canvas = document.createElement('canvas');
	canvas.width = canvas.height = 48;
	const context = canvas.getContext('2d', { willReadFrequently: true });
	const draw = c => {
		context.clearRect(0, 0, 48, 48);
		context.font = '32px sans-serif';
		context.fillText(c, 4, 36);
		return context.getImageData(0, 0, 48, 48).data.join();
	};
	const missing = draw('\u0378');
	return [...new Set(text)].filter(c => c.trim() && draw(c) === missing).join('');
}
"""

PROGRAM = None
FOLDER = None  # for files of the tests, removed at the end


# --- Running and telling

def none(name, found):
    """Passes if a list of what is wrong is empty."""
    return check(name, not found, "\n".join(map(str, found)))


def write(name, content):
    """Writes a file into the folder of the tests and returns its path."""
    path = os.path.join(FOLDER, name)
    with open(path, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def headings(language):
    """The headings of a language, as its catalogue has them."""
    with open(os.path.join(ROOT, "conf", "lang", language + ".po"), encoding="utf-8") as file:
        return re.findall(r'^msgid "heading\.[^"]*"\nmsgstr "([^"]+)"', file.read(), re.M)


def squeeze(text):
    """Text without white space: where lines end is no matter here."""
    return re.sub(r"\s+|\u200b", "", text)


def explanation(mail, text):
    """The lines that were put in front of the notice, without the numbers of steps."""
    notice = leaf(mail, "text/plain")
    if not text.rstrip().endswith(notice.rstrip()):
        raise RuntimeError("the notice is not what it was")
    lines = text.rstrip()[:-len(notice.rstrip())].split("\n")
    return [re.sub(r"^[1-9]\. ", "", line) for line in lines if line.strip()]


# --- Hostile mails

REPORT = """From: Mail Delivery System <MAILER-DAEMON@mail.example.org>
To: anna.novak@example.org
Subject: Undelivered Mail Returned to Sender
Date: Tue, 18 Mar 2025 09:31:39 +0100
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=limit"

--=limit
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

This is the mail system at host mail.example.org.

%(prose)s

--=limit
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
Arrival-Date: Tue, 18 Mar 2025 09:31:27 +0100

%(status)s
--=limit
Content-Type: message/rfc822

Received: from [192.0.2.131] (unknown [192.0.2.131])
	by mail.example.org (Postfix) with ESMTPSA id 4gGrPKVBsYzh9f;
	Tue, 18 Mar 2025 09:31:27 +0100
From: Anna <anna.novak@example.org>
To: somebody@example.net
Date: Tue, 18 Mar 2025 09:31:27 +0100
Message-ID: <1@example.org>
Subject: %(subject)s

Hello
--=limit--
"""

# Each of them would be seen, or asked for, if it came through.
EVIL = ('</h2></p></pre></title></div></body><script>document.title = "owned"</script>'
        '<img src="http://example.net/a.png" onerror="document.title=\'owned\'">'
        '<style>*{display:none!important}</style><form action="http://example.net/">'
        '"\'onmouseover=x style=\'background:url(http://example.net/b)\' <!-- ]]> &lt;b&gt;')
BIDI = "\u202egro.elpmaxe\u2066\u2067\u202d\u200f\u061c\u2069\ufeff\u200b"


def report(recipients, subject="Minutes", prose=None):
    """A delivery report about (address, reply) pairs, as bytes."""
    status = "".join(f"Final-Recipient: rfc822; {address}\nAction: failed\nStatus: {reply[4:9]}\n"
                     f"Diagnostic-Code: smtp; {reply}\n\n" for address, reply in recipients)
    if prose is None:
        prose = "\n\n".join(f"<{address}>: host mx.example.net[192.0.2.25] said: {reply}"
                            for address, reply in recipients)
    return (REPORT % {"prose": prose, "status": status, "subject": subject}).encode()


def hostile():
    """Mails made to break the page, by name."""
    long = "a" * 10000
    name = ".".join(["averylonglabelofadomainwithoutanyhyphen"] * 6)
    full = "552 5.2.2 Mailbox full "
    unknown = "550 5.1.1 User unknown "
    return {
        "10 kB address": report([(f"{long}@example.net", unknown),
                                 (f"b@{'c' * 10000}.example.net", "550 5.1.2 Host unknown"),
                                 (f"{'d' * 64}@{name}.example.net", full)], long),
        "ten times the same": report([(f"{'e' * 50}{i}@{name}.example.net", full)
                                      for i in range(10)]),
        "bidi": report([(f"anna{BIDI}@example.net", unknown + BIDI),
                        (f'"{BIDI}"@example.net', full + BIDI)], BIDI + "Minutes" + BIDI),
        "HTML": report([(f'"{EVIL}"@example.net', unknown + EVIL),
                        (f"{EVIL}@example.net", "554 5.7.1 Blocked using " + EVIL),
                        ("x@example.net", f"550 5.1.2 {EVIL}")], EVIL),
        "HTML in short": report([('"<s>x</s>"@example.net', unknown),
                                 ("<img/src=x>@example.net", full),
                                 ("a@<b>b</b>.example.net", "550 5.1.2 Host unknown")],
                                "<u>Minutes</u> &amp; more"),
    }


STYLED = b"""From: Mail Delivery System <MAILER-DAEMON@mail.example.org>
To: anna.novak@example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=limit"

--=limit
Content-Type: text/html; charset=utf-8

<html><head><style>
p, li, h2, h3, span, div, body { color: #dddddd; font-size: 8px }
ol, ul, p, li { background-color: #eeeeee }
</style></head><body><p>Not delivered.</p></body></html>

--=limit
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org

Final-Recipient: rfc822; one@example.net
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full

Final-Recipient: rfc822; two@example.net
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full

--=limit--
"""


# --- Looking

def ask(browser, function, value):
    """Calls a JavaScript function in the page."""
    return browser.evaluate(f"({function})({json.dumps(value)})")


def measure(browser, width, card=False):
    """What MEASURE finds in the page as it is shown now."""
    return ask(browser, MEASURE, {"card": card, "width": width, "forbidden": FORBIDDEN,
                                  "smallest": SMALLEST, "least": CONTRAST})


def views(browser, name, card):
    """Shows the page in every way; yields the name of the view and what is found in it."""
    for width in WIDTHS:
        for scheme in ("light", "dark", "dark program"):
            # As a telephone does it, which heeds the viewport that the page asks for.
            browser.look(width, dark=scheme != "light", mobile=width < 500 and not card)
            if scheme == "dark program":
                browser.evaluate(DARK_PROGRAM)
            yield f"{width} px, {scheme}", measure(browser, width, card)
            if SCREENSHOTS:
                os.makedirs(SCREENSHOTS, exist_ok=True)
                browser.screenshot(os.path.join(SCREENSHOTS, re.sub(
                    r"\W+", "-", f"{name}-{width}-{scheme}") + ".png"))
        browser.evaluate("document.documentElement.style.colorScheme = ''")


def check_headings(name, page, language, lines):
    """The headings are headings, in their order, and the same as in the text."""
    wrong = []
    wanted = headings(language)
    for card in page["headings"]:
        tags = [tag for tag, _ in card]
        if not card or tags[0] != "H2" or tags.count("H2") != 1 or "H3" not in tags:
            wrong.append(f"{tags}")
        wrong += [text for tag, text in card if tag == "H3" and text not in wanted]
        wrong += [text for tag, text in card if not text.strip()]
    told = [text for card in page["headings"] for tag, text in card if tag == "H3"]
    written = [line.strip() for line in lines if line.strip() in wanted]
    if not page["headings"] or (lines and told != written):
        wrong.append(f"{told}\nin the text: {written}")
    none(f"{name}: headings", wrong)


def missing(lines, text):
    """The lines of the text that are not in the page, in their order."""
    text = squeeze(text)
    at, lost = 0, []
    for line in lines:
        found = text.find(squeeze(line), at)
        if found < 0:
            lost.append(line)
        else:
            at = found + len(squeeze(line))
    return lost


def check_page(browser, name, mail, language, foreign=False):
    """All tests of one mail in one language."""
    whole = annotate(PROGRAM, mail, language)
    html, text = leaf(whole, "text/html"), leaf(whole, "text/plain")
    if not check(f"{name}: it has HTML", html is not None):
        return
    lines = [] if foreign else explanation(mail, text)
    # Of a page not ours the charset may be told by the mail alone.
    path = write("page.html", "\ufeff" + html if foreign else html)
    browser.look(WIDTHS[-1])
    browser.open(path)
    wrong = {key: [] for key in ("overflow", "contrast", "hidden", "small", "forbidden")}
    lost, page = [], None
    for view, page in views(browser, name, foreign):
        for key, found in wrong.items():
            found += [f"{view}: {what}" for what in page[key]]
        lost += [f"{view}: {line}" for line in missing(lines, page["text"])]
    none(f"{name}: no overflow", wrong["overflow"])
    none(f"{name}: no text hidden", wrong["hidden"])
    none(f"{name}: contrast", wrong["contrast"])
    none(f"{name}: no tiny letters", wrong["small"])
    none(f"{name}: nothing remote, no script, no form", wrong["forbidden"])
    if not foreign:
        none(f"{name}: no text missing", lost or ([] if lines else ["the text has none"]))
        check(f"{name}: nothing is asked for", browser.requests() == ["file://" + path],
              browser.requests())
        notice = squeeze(leaf(mail, "text/plain"))
        check(f"{name}: the notice follows", squeeze(page["text"]).endswith(notice),
              page["text"][-300:])
        # Chromium would guess it; who saves the page has no header field that tells it.
        check(f"{name}: charset", '<meta charset="utf-8">' in html, html[:300])
        title = field(whole, "Bounce-Explanation")
        check(f"{name}: title", squeeze(page["title"]) == squeeze(title),
              f"{page['title']}\n{title}")
    check_headings(name, page, language, lines)
    check(f"{name}: lang and dir", page["languages"] == [f"{language} ltr"], page["languages"])
    if not foreign:
        # Whoever reads the page aloud must not take it for the language of the card.
        check(f"{name}: the language of the notice is unknown", page["notice"] == [" auto"],
              page["notice"])
    none(f"{name}: no characters that turn or hide text",
         re.findall("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\u061c\ufeff\0-\b]", page["card"]))
    none(f"{name}: fonts have every character",
         ask(browser, TOFU, page["card"]))


# --- The tests

FAULTY = """<!DOCTYPE html><html lang="en" dir="ltr"><head><meta charset="utf-8"><title>x</title>
<meta name="viewport" content="width=device-width"></head><body>
<div lang="en" dir="ltr" style="background-color:#ffffff">
<p style="white-space:nowrap">%s</p><p style="color:#888888">pale</p>
<p style="display:none">away</p><p style="opacity:0">glass</p><p style="font-size:8px">tiny</p>
<img src="missing.png"><script>document.title = "owned"</script><p onclick="">\u0378</p>
</div>bare</body></html>"""


def test_measure(browser):
    """The tests would see what they look for."""
    path = write("faulty.html", FAULTY % ("wide " * 100))
    browser.look(360, mobile=True)
    browser.open(path)
    page = measure(browser, 360)
    for kind, part in (("overflow", "page"), ("overflow", "wide"), ("contrast", "pale"),
                       ("hidden", "away"), ("hidden", "glass"), ("small", "tiny"),
                       ("forbidden", "<img"), ("forbidden", "<script"), ("forbidden", "onclick")):
        check(f"a faulty page: {kind}, {part}", any(part in what for what in page[kind]),
              page[kind])
    check("a faulty page: a request is seen", len(browser.requests()) > 1, browser.requests())
    check("a faulty page: a missing text is seen", missing(["wide", "away"], page["text"]) ==
          ["away"], page["text"])
    check("a faulty page: a character that no font has is seen",
          ask(browser, TOFU, "a\u0378\u3042\u2713") == "\u0378",
          ask(browser, TOFU, "a\u0378\u3042\u2713"))
    browser.look(360, dark=True, mobile=True)
    browser.evaluate(DARK_PROGRAM)
    check("a dark program is dark", browser.evaluate(
        "matchMedia('(prefers-color-scheme: dark)').matches") and not any(
        "bare" in what for what in measure(browser, 360)["contrast"]))
    browser.evaluate("document.body.style.color = '#333333'")
    check("a faulty page: dark on dark is seen",
          any("bare" in what for what in measure(browser, 360)["contrast"]))


def test_corpus(browser):
    """Mails of the corpus in each language."""
    for language in LANGUAGES:
        for name in MAILS + FOREIGN:
            check_page(browser, f"{language} {name}", corpus(name), language, name in FOREIGN)


def test_hostile(browser):
    """Mails made to break the page in each language."""
    for language in LANGUAGES:
        for name, mail in hostile().items():
            check_page(browser, f"{language} {name}", mail, language)
        check_page(browser, f"{language} style of the notice", STYLED, language, True)


def main():
    """Runs all tests and returns the exit status."""
    global PROGRAM, FOLDER
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="whybounce-test-") as folder:
        FOLDER = folder
        try:
            with Chromium() as browser:
                for tests in (test_measure, test_corpus, test_hostile):
                    tests(browser)
        except Exception:
            check("the tests break", False, traceback.format_exc()[-1500:])
    return finish()


if __name__ == "__main__":
    sys.exit(main())

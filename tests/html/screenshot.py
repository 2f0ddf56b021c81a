#!/usr/bin/env python3
"""Draws a bounce as it came beside the same bounce with its explanation.

usage: screenshot.py WHYBOUNCE PNG

contrib/screenshot.png is made by `tests/html/screenshot.py build/whybounce contrib/screenshot.png`
with Debian's fonts-liberation and fonts-dejavu-core.
"""

import html
import os
import sys
import tempfile

from chromium import Chromium
from mails import annotate, corpus, field, leaf

MAIL = "postfix-unknown"
SIZE = (1400, 900)

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>before and after</title><style>
body { margin: 0; padding: 24px; box-sizing: border-box; height: 100vh; display: flex; gap: 24px;
	background: #dfe3ea; color: #1c2430; font: 15px/1.4 sans-serif }
section { flex: 1 1 0; min-width: 0; display: flex; flex-direction: column }
h1 { margin: 0 0 10px 0; font-size: 19px }
.window { flex: 1; display: flex; flex-direction: column; background: #fff;
	border: 1px solid #aab2bf; border-radius: 8px; overflow: hidden }
dl { margin: 0; padding: 12px 18px; background: #f3f5f8; border-bottom: 1px solid #d5dae2;
	display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px }
dt { color: #5a6575 }
dd { margin: 0 }
.subject { font-weight: bold }
pre { margin: 18px; white-space: pre-wrap; font: 13px/1.4 monospace }
iframe { flex: 1; border: 0; margin: 8px }
</style></head><body>%s</body></html>"""

WINDOW = """<section><h1>%s</h1><div class="window">
<dl><dt>From</dt><dd>%s</dd><dt>Subject</dt><dd class="subject">%s</dd></dl>
%s</div></section>"""


def window(title, mail, content):
    """A window of an invented mail program that shows the mail."""
    return WINDOW % (title, html.escape(field(mail, "From")),
                     html.escape(field(mail, "Subject")), content)


def main():
    """Writes the picture."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, picture = sys.argv[1:]
    bare = corpus(MAIL)
    after = annotate(os.path.abspath(program), bare, "en")
    content = PAGE % (
        window("The bounce as it comes", bare,
               f"<pre>{html.escape(leaf(bare, 'text/plain'))}</pre>") +
        window("The bounce with whybounced", after,
               f'<iframe srcdoc="{html.escape(leaf(after, "text/html"))}"></iframe>'))
    with tempfile.TemporaryDirectory(prefix="whybounce-") as folder, Chromium() as browser:
        path = os.path.join(folder, "page.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        browser.look(*SIZE)
        browser.open(path)
        browser.screenshot(picture, whole=False)


if __name__ == "__main__":
    main()

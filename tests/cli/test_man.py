#!/usr/bin/env python3
"""The man pages: mandoc finds nothing to say, and they tell of what the programs have.

usage: test_man.py WHYBOUNCE

WHYBOUNCE is the built program, the pages and sources are those of the checkout. Needs mandoc.
Prints `ok N - name` or `not ok N - name` a test, exits 1 if any failed.
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests"))
sys.dont_write_bytecode = True
from tap import attempt, check, finish, told  # noqa: E402

PAGES = sorted(glob.glob(os.path.join(ROOT, "src", "man", "*.[158]")))


def read(*names):
    """A file of the checkout."""
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


def page(name):
    """A man page as its reader sees it, without the marks of a terminal, on one line."""
    done = subprocess.run(["mandoc", "-Tutf8", "-O", "width=200",
                           os.path.join(ROOT, "src", "man", name)],
                          capture_output=True, check=True)
    return " ".join(re.sub(r".\x08", "", done.stdout.decode()).split())


def items(name, macro="Ic"):
    """What the page's lists describe."""
    return re.findall(rf"^\.It {macro} (\w+)", read("src", "man", name), re.M)


def test_lint():
    """mandoc has nothing to say but that the pages are not installed, which they may not be."""
    names = [os.path.splitext(os.path.basename(path))[0] for path in PAGES]
    done = subprocess.run(["mandoc", "-Tlint", *PAGES], capture_output=True, text=True)
    said = [line for line in (done.stdout + done.stderr).splitlines()
            if not re.search(rf"referenced manual not found: Xr ({'|'.join(names)}) \d", line)]
    check("mandoc -Tlint finds nothing in four pages", len(PAGES) == 4 and not said, said)


def test_settings():
    """whybounced.conf.5 has every option once, in the order of the program, with its default."""
    source = read("src", "app", "settings.c")
    options = re.findall(r'\bCFG_(?:STR|FLOAT|STR_LIST|INT)\("(\w+)"', source)
    check(f"whybounced.conf(5) describes the {len(options)} options",
          items("whybounced.conf.5") == options, f"{items('whybounced.conf.5')}\n{options}")
    shown = dict(re.findall(r'^# (\w+) = "?([^"{\n]+)"?$', read("conf", "whybounced.conf"), re.M))
    text = page("whybounced.conf.5")
    wrong = [f"{name}: {value}" for name, value in shown.items()
             if not re.search(rf'Default: “?"?{re.escape(value)}', text)]
    check("whybounced.conf(5) gives the defaults", len(shown) > 5 and not wrong, wrong)


def test_commands(program):
    """whybounce.1 has each command with each option of its usage."""
    text = page("whybounce.1")
    for command in ("show", "explain", "filter", "check", "doctor"):
        done = subprocess.run([program, command, "--no-such-option", "x"], input="",
                              capture_output=True, text=True)
        usage = re.search(rf"usage: whybounce {command} (.*)", done.stderr)
        options = re.findall(r"(?<!\w)--?\w+", usage.group(1)) if usage else []
        synopsis = re.search(rf"whybounce {command} (.*?) (whybounce|DESCRIPTION)", text)
        wanted = [option for option in options if synopsis is None or
                  not re.search(rf"(?<![\w-]){option}\b", synopsis.group(1))]
        check(f"whybounce(1): {command} with its options", options and not wanted,
              f"{wanted}\n{told(done)}")


def test_daemon():
    """whybounced.8 has the options of the daemon and its metrics."""
    options = re.search(r'getopt\(argc, argv, "([\w:]+)"', read("src", "daemon", "main.c"))
    described = re.findall(r"^\.It Fl (\w)", read("src", "man", "whybounced.8"), re.M)
    check("whybounced(8) describes the options", sorted(described) ==
          sorted(options.group(1).replace(":", "")), described)
    metrics = set(re.findall(r'put_head\(file, "(\w+)"', read("src", "app", "metrics.c")))
    check(f"whybounced(8) describes the {len(metrics)} metrics", metrics and
          set(items("whybounced.8", "Li")) == metrics, metrics)


def test_rules(program):
    """whybounce-rules.5 has the options and causes; its example has no fault and works."""
    source = read("src", "app", "book.c")
    options = re.search(r"rule_opts\[\] = \{(.*?)\}", source, re.S).group(1)
    options = re.findall(r'"(\w+)"', options)
    check("whybounce-rules(5) describes the options of a rule",
          sorted(items("whybounce-rules.5")) == sorted(options), options)
    causes = re.findall(r"^cause ([\w-]+)", read("conf", "causes.conf"), re.M)
    text = read("src", "man", "whybounce-rules.5")
    listed = re.search(r"\.Ss Causes\n\.Bd[^\n]*\n(.*?)\.Ed", text, re.S).group(1).split()
    check(f"whybounce-rules(5) lists the {len(causes)} causes", sorted(listed) == sorted(causes),
          set(listed) ^ set(causes))
    groups = re.search(r"rule_parameter_names.*?\{(.*?)\}", read("src", "cause", "rules.c"), re.S)
    groups = re.findall(r'"(\w+)"', groups.group(1))
    check("whybounce-rules(5) lists the named groups", all(
        re.search(rf"parameters of the explanation: .*?\b{group}\b.*?there are no others",
                  page("whybounce-rules.5")) for group in groups), groups)
    sections = re.findall(r"\.Bd -literal -offset indent\n((?:rule|blocklist) .*?)\.Ed", text,
                          re.S)
    with tempfile.TemporaryDirectory(prefix="whybounce-man-") as folder:
        with open(os.path.join(folder, "example.conf"), "w", encoding="utf-8") as file:
            file.write("".join(sections).replace("\\e", "\\"))
        settings = os.path.join(folder, "whybounced.conf")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(f'rules = "{folder}/example.conf"\n')
        done = subprocess.run([program, "check", "-c", settings], capture_output=True, text=True)
        check("the examples of whybounce-rules(5) have no fault", len(sections) == 2 and
              done.returncode == 0, told(done))
        done = subprocess.run([program, "explain", "--json", "-c", settings, "--from",
                               "mx1.example.com", "550 5.7.1 Your badge 4711 has expired"],
                              capture_output=True, text=True)
        check("the rule of the example decides", done.returncode == 0 and
              json.loads(done.stdout)["rule"] == "example-badge", told(done))


def main():
    """Runs the tests; returns the exit status."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    os.environ["LC_ALL"] = "C.UTF-8"
    for function, words in ((test_lint, []), (test_settings, []), (test_commands, [program]),
                            (test_daemon, []), (test_rules, [program])):
        attempt(function, *words)
    return finish()


if __name__ == "__main__":
    sys.exit(main())

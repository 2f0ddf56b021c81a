#!/usr/bin/env python3
"""Check the texts of whybounced: keys, placeholders, lengths, reading level.

usage: check_po.py CAUSES.conf FILE.po...

en.po is the reference; if it is not among the files, the one beside the first file is read as well.
Prints each fault as file:line: text and exits 1; without a fault prints one line a language and exits 0.
"""
import collections, os, re, sys

FIX = ['sender', 'recipient', 'sender-admin', 'recipient-admin', 'admins', 'list-owner', 'nobody']
AGAIN = ['useless', 'after-fix', 'later', 'once', 'automatic']
STOP = ['you', 'our-server', 'way', 'their-server', 'mailbox']
PARAMS = ['list', 'url', 'ip', 'limit', 'size', 'domain', 'address', 'time']
ACTIONS = ['failed', 'delayed', 'delivered', 'relayed', 'expanded']
SOMEBODY_ELSE = ['recipient', 'sender-admin', 'recipient-admin', 'admins', 'list-owner']    # to whom `tell` is told

# source-documents.md and standards.md section 2
CODES = '''200 211 214 220 221 235 250 251 252 334 354
    421 422 430 432 450 451 452 453 454 455 458 459
    500 501 502 503 504 510 511 512 521 523 524 525 530 533 534 535 538 540 541 542 550 551 552 553 554 555 556 557 571'''.split()
# standards.md section 3: subject -> highest detail
STATUSES = ['0.0'] + ['%d.%d' % (s, d) for s, last in ((1, 10), (2, 4), (3, 6), (4, 7), (5, 6), (6, 10), (7, 30)) for d in range(last + 1)]

# Vocabulary that other bounce parsers take for the words of a mail server (reference/other-parsers.md): English only.
AVOID = ['mailbox unavailable', 'quota', 'user unknown', 'no such', 'not found', 'does not exist', 'invalid', 'disabled', 'inactive',
         'unavailable', 'timed out', 'try again later', 'access denied', 'blocked by', 'delivery failed',
         'sorry', 'unfortunately', 'please try']
MAX_GRADE = 7.0


def general_keys():
    """Key -> the placeholders that its text must hold."""
    k = {}
    for a in ACTIONS:
        k['result.' + a] = ['address']
        k['result.%s.many' % a] = []
        k['result.%s.none' % a] = []
    for x in ('happened', 'steps', 'fix', 'others'):
        k['heading.' + x] = []
    for x in FIX:
        k['fix.' + x] = []
    for x in AGAIN:
        k['again.' + x] = []
    k.update({
        'late.wait': [], 'late.until': ['date'], 'late.step': [],
        'relayed.why': [], 'expanded.why': [],
        'timed-out': [], 'unknown.why': [],
        'forwarded': ['original', 'address'], 'forwarded.late': ['original', 'address'],
        'forwarded.to': ['address'], 'forwarded.many': [], 'forwarded.many.late': [],
        'others.line': [], 'others.why': [], 'others.step1': [], 'others.unlisted': [],
        'did-you-mean': ['domain'], 'helpdesk': ['helpdesk'],
        'about.both': ['subject', 'date'], 'about.subject': ['subject'], 'about.date': ['date'],
        'closing': ['host'],
        'backscatter.why': [], 'backscatter.step1': [],
        'date.format': ['day', 'month', 'year', 'time'], 'date.first': [], 'number.decimal': [],
    })
    for x in ('you', 'our-server', 'their-server', 'mailbox', 'way', 'passed', 'stopped', 'waiting', 'not-reached'):
        k['row.' + x] = []
    for m in range(1, 13):
        k['month.%d' % m] = []
    for x in ('kb', 'mb', 'gb'):
        k['size.' + x] = ['number']
    for x in ('seconds', 'minutes', 'hours'):
        k['time.' + x] = ['number']
    for c in CODES:
        k['code.' + c] = []
    for s in STATUSES:
        k['status.' + s] = []
    for d in range(2, 6):
        k['digit.first.%d' % d] = []
    for d in range(6):
        k['digit.second.%d' % d] = []
    for s in range(8):
        k['status.subject.%d' % s] = []
    return k


GENERAL = general_keys()


class Faults:
    def __init__(self):
        self.found = []

    def add(self, path, line, text):
        self.found.append((path, line, text))


# --- causes.conf -----------------------------------------------------------------------------------------------

def read_causes(path, faults):
    """Cause id -> {'line', 'fix', 'again', 'stop'}, in the order of the file."""
    causes, current = {}, None
    for n, line in enumerate(open(path, encoding='utf-8'), 1):
        line = re.sub(r'#.*', '', line).strip()
        if not line:
            continue
        m = re.fullmatch(r'cause\s+"?([^\s"{]+)"?\s*\{', line)
        if m and current is None:
            current = m.group(1)
            if not re.fullmatch(r'[a-z]+(-[a-z]+)*', current):
                faults.add(path, n, 'cause name %s: only small letters and single hyphens' % current)
            if current in causes:
                faults.add(path, n, 'cause %s stands twice' % current)
            causes[current] = {'line': n}
            continue
        m = re.fullmatch(r'([\w-]+)\s*=\s*"?([\w-]+)"?', line)
        if m and current is not None:
            option, value = m.groups()
            allowed = {'fix': FIX, 'again': AGAIN, 'stop': STOP, 'names-sender': ('yes', 'no')}.get(option)
            if allowed is None:
                faults.add(path, n, 'unknown option %s' % option)
            elif value not in allowed:
                faults.add(path, n, '%s = %s: must be one of %s' % (option, value, ', '.join(allowed)))
            elif option in causes[current]:
                faults.add(path, n, '%s stands twice in cause %s' % (option, current))
            else:
                causes[current][option] = value
            continue
        if line == '}' and current is not None:
            for option in ('fix', 'again', 'stop'):
                if option not in causes[current]:
                    faults.add(path, n, 'cause %s has no %s' % (current, option))
            current = None
            continue
        faults.add(path, n, 'not understood: %s' % line)
    if current is not None:
        faults.add(path, n, 'cause %s is not closed' % current)
    return causes


# --- PO files --------------------------------------------------------------------------------------------------

class Entry:
    def __init__(self, line):
        self.line, self.id, self.text, self.comment, self.flags = line, None, None, [], []


def unescape(path, n, quoted, faults):
    out, i = [], 0
    while i < len(quoted):
        c = quoted[i]
        if c == '"':
            faults.add(path, n, 'quotation mark without a backslash')
        if c == '\\':
            i += 1
            e = quoted[i:i + 1]
            if e not in ('n', 't', 'r', '"', '\\'):
                faults.add(path, n, 'unknown escape \\%s' % e)
            c = {'n': '\n', 't': '\t', 'r': '\r'}.get(e, e)
        out.append(c)
        i += 1
    return ''.join(out)


def read_po(path, faults):
    """(header text, header line, key -> Entry)"""
    try:
        raw = open(path, 'rb').read()
        text = raw.decode('utf-8')
    except (OSError, UnicodeDecodeError) as e:
        faults.add(path, 1, 'cannot be read: %s' % e)
        return None, 1, {}
    if raw.startswith(b'\xef\xbb\xbf'):
        faults.add(path, 1, 'starts with a byte order mark')
    if b'\r' in raw:
        faults.add(path, raw[:raw.index(b'\r')].count(b'\n') + 1, 'carriage return: lines end in LF alone')
    if not raw.endswith(b'\n'):
        faults.add(path, text.count('\n') + 1, 'the last line has no end')
    entries, entry, part = [], Entry(1), None
    for n, line in enumerate(text.split('\n'), 1):
        if line.startswith('#~'):
            faults.add(path, n, 'obsolete entry')
            continue
        if line.startswith('#') or not line.strip() or line.startswith('msgid '):
            if entry.id is not None:                                # what follows belongs to the next entry
                entries.append(entry)
                entry, part = Entry(n), None
        if not line.strip():
            continue
        if line.startswith('#'):
            if line.startswith('#,'):
                entry.flags += [f.strip() for f in line[2:].split(',')]
            elif line.startswith('#.'):
                entry.comment.append(line[2:].strip())
            continue
        m = re.fullmatch(r'(msgid|msgstr)?\s*"(.*)"', line)
        if not m or (m.group(1) is None and part is None):
            faults.add(path, n, 'not understood: %s' % line)
            continue
        value = unescape(path, n, m.group(2), faults)
        if m.group(1) == 'msgid':
            entry.line, entry.id, part = n, value, 'id'
        elif m.group(1) == 'msgstr':
            if entry.id is None or entry.text is not None:
                faults.add(path, n, 'msgstr without msgid')
            entry.text, part = value, 'text'
        elif part == 'id':
            entry.id += value
        else:
            entry.text += value
    if entry.id is not None:
        entries.append(entry)
    header, header_line, texts = None, 1, {}
    for e in entries:
        if 'fuzzy' in e.flags:
            faults.add(path, e.line, '%s is marked fuzzy' % (e.id or 'the header'))
        if e.text is None:
            faults.add(path, e.line, '%s has no msgstr' % e.id)
            e.text = ''
        if e.id == '' and header is None:
            header, header_line = e.text, e.line
        elif e.id in texts:
            faults.add(path, e.line, 'key %s stands twice (first in line %d)' % (e.id, texts[e.id].line))
        else:
            texts[e.id] = e
    return header, header_line, texts


def check_header(path, line, header, language, faults):
    if header is None:
        faults.add(path, 1, 'no PO header')
        return
    fields = {}
    for l in header.split('\n'):
        if not l:
            continue
        name, colon, value = l.partition(':')
        if not colon:
            faults.add(path, line, 'header line without a colon: %s' % l)
        if name in fields:
            faults.add(path, line, 'header field %s stands twice' % name)
        fields[name] = value.strip()
    if not header.endswith('\n'):
        faults.add(path, line, 'header does not end in \\n')
    patterns = {
        'Project-Id-Version': r'whybounced\b.*', 'PO-Revision-Date': r'\d{4}-\d\d-\d\d \d\d:\d\d[+-]\d{4}',
        'Last-Translator': r'(?!FULL NAME).+', 'Language-Team': r'(?!LANGUAGE).+', 'Language': re.escape(language),
        'MIME-Version': r'1\.0', 'Content-Type': r'text/plain; charset=UTF-8', 'Content-Transfer-Encoding': r'8bit',
        'Plural-Forms': r'nplurals=\d; *plural=.+;',
    }
    for name, pattern in patterns.items():
        if name not in fields:
            faults.add(path, line, 'header field %s is missing' % name)
        elif not re.fullmatch(pattern, fields[name]):
            faults.add(path, line, 'header field %s: "%s" is not what it must be' % (name, fields[name]))


# --- texts -----------------------------------------------------------------------------------------------------

def placeholders(text):
    return collections.Counter(re.findall(r'\{([^{}]*)\}', text))


def expected(key, causes):
    """The placeholders that the scheme gives this key; None for a key that it does not know."""
    if key in GENERAL:
        return collections.Counter(GENERAL[key])
    if re.fullmatch(r'code\.[2-5]\d\d', key) or re.fullmatch(r'status\.[0-7]\.(0|[1-9]\d{0,2})', key):
        return collections.Counter()
    cause, dot, rest = key.partition('.')
    if cause in causes:
        if re.fullmatch(r'title|why|step[123]|tell', rest):
            return collections.Counter()
        if rest.startswith('with.') and rest[5:] in PARAMS:
            return collections.Counter([rest[5:]])
    return None


def syllables(word):
    word = re.sub(r'[^a-z]', '', word.lower())
    n = len(re.findall(r'[aeiouy]+', word))
    if re.search(r'[^aeiouy]e$', word):
        n -= 1
    return max(1, n)


def grade(text):
    """(Flesch-Kincaid grade, number of words); a placeholder is one word of two syllables."""
    text = re.sub(r'\{[^{}]*\}', 'holder', text)
    words = [w for w in text.split() if re.search(r'[A-Za-z0-9@]', w)]
    sentences = [s for s in re.split(r'[.?!]', text) if re.search(r'[A-Za-z0-9]', s)]
    if not words or not sentences:
        return 0.0, 0
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59, len(words)


def check_text(path, entry, language, faults):
    key, text = entry.id, entry.text
    def fault(what):
        faults.add(path, entry.line, '%s: %s' % (key, what))
    if not text:
        fault('no text')
        return
    if re.search(r'[\x00-\x1f\x7f]', text):
        fault('control character, tab or line end')
    if text != text.strip():
        fault('space at the start or the end')
    if '  ' in text:
        fault('two spaces in a row')
    if re.search(r'[{}]', re.sub(r'\{[a-z]+\}', '', text)):
        fault('brace that belongs to no placeholder')
    last = key.rpartition('.')[2]
    if last == 'title':
        if len(text) > 60:
            fault('%d characters, a title has 60 at most' % len(text))
        if text[-1] in '.:;\u3002\u0964':
            fault('a title ends without a full stop')
    if re.fullmatch(r'step[123]|tell', last) and len(text) > 160:
        fault('%d characters, a step has 160 at most' % len(text))
    if re.search(r'\S@\S', text):
        fault('something like an e-mail address')
    if text.endswith('@'):
        fault('ends in @')
    if not re.match(r'month\.|date\.|size\.', key) and re.search(r'(?<!\d)[45]\d\d(?!\d)|\d\.\d\.\d', text):
        fault('something like a code or a status')
    if re.search(r':\W*\{', text):
        fault('colon before a placeholder: other programs read "Words: address" as an answer of a server')
    if re.search(r'--|__|==|\*\s*\*', text):
        fault('rule of dashes or the like')
    if re.search(r'[!\uff01\u00a1]', text):
        fault('exclamation mark')
    if language != 'en':
        return
    if re.search(r'[^\x20-\x7e]', text):
        fault('not plain ASCII')
    for phrase in AVOID:
        if re.search(r'\b%s\b' % re.escape(phrase), text, re.I):
            fault('"%s" misleads other programs that read bounces; say it in other words' % phrase)
    g, words = grade(text)
    if words >= 8 and g > MAX_GRADE:
        fault('reading grade %.1f, at most %.1f: shorter words or sentences' % (g, MAX_GRADE))


def check_reference(path, texts, causes_path, causes, faults):
    """What only the English file is asked: is the key scheme kept?"""
    for key, e in texts.items():
        want = expected(key, causes)
        if want is None:
            faults.add(path, e.line, 'unknown key %s' % key)
            continue
        have = placeholders(e.text)
        if have != want:
            faults.add(path, e.line, '%s: placeholders %s, must be %s' % (key, spell(have), spell(want)))
        if not ' '.join(e.comment):
            faults.add(path, e.line, '%s: no comment for the translator (#.)' % key)
        m = re.fullmatch(r'(.+\.step)([23])', key)
        if m and m.group(1) + str(int(m.group(2)) - 1) not in texts:
            faults.add(path, e.line, '%s without the step before it' % key)
        cause, dot, rest = key.partition('.')
        if rest == 'tell' and causes.get(cause, {}).get('fix') not in SOMEBODY_ELSE:
            faults.add(path, e.line, '%s: nobody to tell, fix = %s' % (key, causes.get(cause, {}).get('fix')))
    for key in GENERAL:
        if key not in texts:
            faults.add(path, 1, 'key %s is missing' % key)
    for cause, c in causes.items():
        for what in ('title', 'why'):
            if '%s.%s' % (cause, what) not in texts:
                faults.add(causes_path, c['line'], 'cause %s has no text %s.%s in %s' % (cause, cause, what, path))
        for option in ('fix', 'again'):
            if option in c and '%s.%s' % (option, c[option]) not in texts:
                faults.add(causes_path, c['line'], 'cause %s: no text %s.%s in %s' % (cause, option, c[option], path))


def check_translation(path, texts, reference, faults):
    for key, e in texts.items():
        if key not in reference:
            faults.add(path, e.line, 'key %s is not in en.po' % key)
            continue
        have, want = placeholders(e.text), placeholders(reference[key].text)
        if have != want:
            faults.add(path, e.line, '%s: placeholders %s, must be %s' % (key, spell(have), spell(want)))
    for key in reference:
        if key not in texts:
            faults.add(path, 1, 'key %s is missing' % key)


def spell(counter):
    return ' '.join('{%s}' % p for p in sorted(counter.elements())) or 'none'


def main(argv):
    if len(argv) < 2 or argv[0].startswith('-'):
        sys.exit(__doc__)
    causes_path, paths = argv[0], argv[1:]
    faults = Faults()
    causes = read_causes(causes_path, faults)
    if not causes:
        faults.add(causes_path, 1, 'no cause')
    language = lambda path: os.path.basename(path).rpartition('.')[0]
    if not any(language(p) == 'en' for p in paths):
        paths.insert(0, os.path.join(os.path.dirname(paths[0]), 'en.po'))
    paths.sort(key=lambda p: (language(p) != 'en', p))
    reference, summary = None, []
    for path in paths:
        header, line, texts = read_po(path, faults)
        check_header(path, line, header, language(path), faults)
        for e in texts.values():
            check_text(path, e, language(path), faults)
        if language(path) == 'en':
            reference = texts
            check_reference(path, texts, causes_path, causes, faults)
        else:
            check_translation(path, texts, reference or {}, faults)
        note = ''
        if language(path) == 'en' and texts:
            graded = [(grade(e.text), e.id) for e in texts.values()]
            top = max((g, key) for (g, words), key in graded if words >= 8)
            note = ', hardest text %s (grade %.1f)' % (top[1], top[0])
        summary.append('%s: %d texts%s' % (language(path), len(texts), note))
    for path, line, text in faults.found:
        print('%s:%d: %s' % (path, line, text))
    if faults.found:
        return 1
    print('\n'.join(summary))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Measure what whybounced costs, as ratios taken in one run.

usage: bench.py BUILD MAILS

BUILD holds the programs, MAILS is a folder of bounces (*.eml). Every figure is
the median of several rounds in which the programs that are compared take
turns. Where something is missing (Sisimai), it says so and measures the rest.
As root it runs the daemons as nobody, for whybounced refuses root.

BENCH_ROUNDS (5), BENCH_MESSAGES (2000) and BENCH_MEMORY (100000) set how much
is measured.
"""
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = int(os.environ.get('BENCH_ROUNDS', 5))
MESSAGES = int(os.environ.get('BENCH_MESSAGES', 2000))
MEMORY = int(os.environ.get('BENCH_MEMORY', 100000))

# make reads, dump reads and writes JSON, as show --json does.
SISIMAI = r'''
use strict; use warnings; use Sisimai;
my $call = shift; for my $file (@ARGV) { my $data = Sisimai->$call($file); }
'''


def say(what, value, note=''):
    """Print one line of the table."""
    print('  %-52s %10s  %s' % (what, value, note), flush=True)


def unprivileged():
    """Keyword arguments that run a child as nobody where we are root."""
    if os.geteuid() != 0:
        return {}
    return {'user': 'nobody', 'group': 'nogroup', 'extra_groups': []}


class Milter:
    """A milter that runs as long as the object is used."""

    def __init__(self, command, socket):
        self.socket = socket
        started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **unprivileged())
        while not self.listens():
            if self.process.poll() is not None:
                raise RuntimeError('%s ended' % command[0])
            time.sleep(0.002)
        self.startup = time.monotonic() - started

    def listens(self):
        import socket
        kind, where = self.socket.split(':', 1)
        try:
            if kind == 'unix':
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(where)
            else:
                port, host = where.split('@')
                socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def memory(self, field):
        """Kilobytes, from /proc: VmRSS or VmHWM."""
        with open('/proc/%d/status' % self.process.pid) as f:
            for line in f:
                if line.startswith(field + ':'):
                    return int(line.split()[1])
        return 0


class Bench:
    def __init__(self, build, mails):
        self.build = os.path.abspath(build)
        self.mails = sorted(
            os.path.join(mails, name) for name in os.listdir(mails)
            if not name.startswith('not-') and (name.endswith('.eml')))
        self.bounces = [m for m in self.mails if self.is_plain_bounce(m)]
        self.folder = tempfile.TemporaryDirectory(prefix='bench-')
        os.chmod(self.folder.name, 0o777)
        # Below the ports that the system gives to clients.
        self.port = 20000 + os.getpid() % 12000

    @staticmethod
    def is_plain_bounce(path):
        """Small mails of lines that SMTP could carry."""
        with open(path, 'rb') as f:
            data = f.read()
        return len(data) < 65536 and b'\0' not in data

    def program(self, *names):
        return os.path.join(self.build, *names)

    def endpoint(self, kind, name):
        if kind == 'unix':
            return 'unix:%s/%s' % (self.folder.name, name)
        self.port += 1
        return 'inet:%d@127.0.0.1' % self.port

    def start(self, which, kind):
        """Start one of the milters on a socket of its own."""
        socket = self.endpoint(kind, which)
        if which != 'whybounced':
            return Milter([self.program('tests', 'milter', which), socket],
                          socket)
        settings = os.path.join(self.folder.name, kind + '.conf')
        with open(settings, 'w') as f:
            f.write('socket = "%s"\nsocket_umask = "0000"\nuser = ""\n'
                    'hostname = "mail.example.org"\n'
                    'memory_limit = "1G"\n' % socket)
        os.chmod(settings, 0o644)
        return Milter([self.program('whybounced'), '-f', '-c', settings],
                      socket)

    def load(self, milter, connections, sender, messages=None, each=1,
             mails=None):
        """Run the load client; returns its figures."""
        command = [self.program('tests', 'milter', 'milter_load'),
                   '-s', milter.socket, '-n', str(messages or MESSAGES),
                   '-c', str(connections), '-k', str(each), '-f', sender,
                   '-p', str(milter.process.pid)] + (mails or self.bounces)
        out = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return dict(item.split('=', 1)
                    for item in out.stdout.decode().split() if '=' in item)

    def ratios(self, floor, kind, connections, sender):
        """CPU and wall a message: whybounced against a null milter."""
        cpu, wall = [], []
        milters = [self.start(floor, kind), self.start('whybounced', kind)]
        try:
            for milter in milters:      # warm
                self.load(milter, connections, sender, 200)
            for _ in range(ROUNDS):
                a, b = (self.load(m, connections, sender) for m in milters)
                cpu.append(float(b['cpu_us']) / float(a['cpu_us']))
                wall.append(float(b['wall_s']) / float(a['wall_s']))
        finally:
            for milter in milters:
                milter.stop()
        return statistics.median(cpu), statistics.median(wall)

    def milters(self):
        for title, floor, sender in (
                ('ordinary mail / accepts at MAIL', 'null_accept',
                 '<anna@example.com>'),
                ('annotated bounce / whole body replaced', 'null_replace',
                 '<>')):
            print(title)
            for kind in ('unix', 'inet'):
                for connections in (1, 8, 64):
                    cpu, wall = self.ratios(floor, kind, connections, sender)
                    say('%s, %d connection%s' % (
                        kind, connections, 's' if connections > 1 else ''),
                        'CPU %.2f' % cpu, 'wall %.2f' % wall)

    @staticmethod
    def cpu_of(command):
        """CPU seconds of a command."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime -
                before.ru_stime)

    def median_cpu(self, command):
        return statistics.median(self.cpu_of(command) for _ in range(ROUNDS))

    def parsers(self):
        """Mails a second of CPU time, without the start of the program."""
        print('reading bounces')
        show = [self.program('whybounce'), 'show', '--json']
        start = self.median_cpu(show + [self.write('none.eml', b'\n')])
        many = self.mails * max(1, 15000 // len(self.mails))
        ours = (self.median_cpu(show + many) - start) / len(many)
        say('show --json', '%.0f mails/s' % (1 / ours), 'a core')
        found = subprocess.run(['perl', '-MSisimai', '-e', '1'],
                               stderr=subprocess.DEVNULL)
        if found.returncode != 0:
            say('against Sisimai', '-', 'missing: libsisimai-perl')
            return
        start = self.median_cpu(['perl', '-MSisimai', '-e', '1'])
        for call, what in (('dump', 'to JSON'), ('make', 'read only')):
            theirs = (self.median_cpu(['perl', '-e', SISIMAI, call] +
                                      self.mails) - start) / len(self.mails)
            say('Sisimai (Perl), the same mails, ' + what,
                '%.0f mails/s' % (1 / theirs),
                'ratio %.0fx' % (theirs / ours))

    def replies(self):
        print('naming a cause')
        out = subprocess.run([self.program('tests', 'bench', 'bench_rules'),
                              str(ROUNDS)], stdout=subprocess.PIPE,
                             check=True).stdout.decode()
        figures = dict(item.split('=') for item in out.split())
        say('%s rules' % figures['rules'], '%s us' % figures['us'],
            'a reply')
        say('%s rules' % figures['rules_x10'], '%s us' % figures['us_x10'],
            'ratio %s' % figures['ratio'])

    def write(self, name, data):
        path = os.path.join(self.folder.name, name)
        with open(path, 'wb') as f:
            f.write(data)
        return path

    def bounce_of(self, size, returned=None):
        """A report whose returned message makes it size bytes long."""
        head = (b'Return-Path: <>\nFrom: MAILER-DAEMON@example.org\n'
                b'Subject: Undelivered Mail Returned to Sender\n'
                b'MIME-Version: 1.0\nContent-Type: multipart/report;\n'
                b' report-type=delivery-status; boundary="xx"\n\n'
                b'--xx\nContent-Type: text/plain\n\n'
                b'<a@example.com>: host mx.example.com said: 550 5.1.1 User'
                b' unknown\n\n--xx\nContent-Type: message/delivery-status\n\n'
                b'Reporting-MTA: dns; mail.example.org\n\n'
                b'Final-Recipient: rfc822; a@example.com\nAction: failed\n'
                b'Status: 5.1.1\n\n--xx\nContent-Type: message/rfc822\n\n'
                b'From: b@example.org\nSubject: size\n\n')
        line = b'The quick brown fox jumps over the lazy dog again and so.\n'
        rest = returned or line * (size // len(line))
        return head + rest[:size] + b'\n--xx--\n'

    def hostile(self, size):
        """Mails made to cost much."""
        def fill(piece):
            return (piece * (size // len(piece) + 1))[:size]
        deep = b''.join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n'
                        b'--b%d\n' % (i, i) for i in range(2000))
        yield 'parts without end', self.bounce_of(
            size, fill(b'--xx\n\n'))
        yield '2,000 levels', (b'Return-Path: <>\n' + deep + fill(b'x\n'))
        yield 'a storm of header fields', (
            b'Return-Path: <>\n' + fill(b'X-A: b\n') + b'\n\nhello\n')
        yield 'address groups', (
            b'Return-Path: <>\nFrom: ' + fill(b'a:') + b'\n\nhello\n')
        yield 'encoded words that never end', (
            b'Return-Path: <>\nSubject: ' + fill(b'=?utf-8?q?') +
            b'\n\nhello\n')
        yield 'one line', self.bounce_of(size, fill(b'x'))
        yield 'boundaries that begin each other', self.bounce_of(
            size, fill(b'--xxx\n--x\n'))
        yield 'addresses', (
            b'Return-Path: <>\nSubject: Undeliverable\n\nYour message could '
            b'not be delivered to the following\n' +
            fill(b'<a@example.com>: 550 no\n'))
        yield 'at signs', (
            b'Return-Path: <>\nSubject: Undeliverable\n\n' + fill(b'@'))
        yield 'tags', (
            b'Return-Path: <>\nContent-Type: text/html\n\n' + fill(b'<a "'))
        subject = b'Return-Path: <>\nSubject: Undeliverable mail\n'
        notice = b'Your message could not be delivered to <a@example.com>\n'
        for charset in b'iso-2022-jp', b'utf-8', b'gb18030', b'windows-1252':
            yield charset.decode() + ' of bytes 255', (
                subject + b'Content-Type: text/plain; charset=' + charset +
                b'\n\n' + notice + fill(b'\xff'))
        yield 'a Content-Type of folds', (
            subject + b'Content-Type: text/plain' + fill(b'\n ;')[:500000] +
            b'\n\n' + notice + fill(b'x\n')[:500000])
        yield 'encoded words of bytes 255', (
            b'Return-Path: <>\nSubject: ' + fill(b'=?\xff') + b'\n\n' +
            notice)
        yield 'returned encoded words', self.bounce_of(
            size, b'Subject: ' + fill(b'=?x?q?\xff?= =?y?q?\xff?=') + b'\n\n')

    def sizes(self):
        print('large and hostile mails (time without start-up)')
        filter_ = [self.program('whybounce'), 'filter']

        def cost(path):
            def once():
                with open(path, 'rb') as f:
                    before = resource.getrusage(resource.RUSAGE_CHILDREN)
                    subprocess.run(filter_, stdin=f,
                                   stdout=subprocess.DEVNULL)
                    after = resource.getrusage(resource.RUSAGE_CHILDREN)
                return (after.ru_utime + after.ru_stime - before.ru_utime -
                        before.ru_stime)
            return statistics.median(once() for _ in range(ROUNDS * 9))

        empty = cost(self.write('empty.eml', b'\n'))
        one = max(cost(self.write('1.eml', self.bounce_of(1 << 20))) - empty,
                  1e-4)
        ten = cost(self.write('10.eml', self.bounce_of(10 << 20))) - empty
        say('10 MB against 1 MB', '%.1f' % (ten / one))
        for name, data in self.hostile(1 << 20):
            took = cost(self.write('hostile.eml', data)) - empty
            say('1 MB of ' + name, '%.1f' % max(took / one, 0),
                'of an ordinary 1 MB bounce')

    def memory(self):
        print('the daemon')
        milter = self.start('whybounced', 'unix')
        try:
            say('start until it listens', '%.0f ms' % (milter.startup * 1e3))
            say('idle', '%.1f MB' % (milter.memory('VmRSS') / 1024))
            # Threads, their heaps and patterns come with the first ones.
            self.load(milter, 8, '<>', 5000, each=100)
            before = milter.memory('VmRSS')
            self.load(milter, 8, '<>', MEMORY, each=100)
            grown = milter.memory('VmRSS') - before
            say('grown over %d bounces' % MEMORY, '%.2f MB' % (grown / 1024))
            large = self.write('8.eml', self.bounce_of(8 << 20))
            before = milter.memory('VmHWM')
            self.load(milter, 1, '<>', 1, mails=[large])
            say('peak for a bounce of 8 MB', '%.1f' % (
                (milter.memory('VmHWM') - before) / 8192), 'times its size')
        finally:
            milter.stop()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    bench = Bench(sys.argv[1], sys.argv[2])
    print('%d mails, %d rounds, %s, %d cores' % (
        len(bench.mails), ROUNDS, time.strftime('%Y-%m-%d'),
        os.cpu_count()))
    bench.milters()
    bench.parsers()
    bench.replies()
    bench.sizes()
    bench.memory()


if __name__ == '__main__':
    main()

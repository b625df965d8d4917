"""Real processes under test: started, waited for by what they say, and ended by their id."""

import os
import re
import signal
import subprocess
import threading
import time

START_LIMIT = 30  # seconds that anything may take to become ready; sanitizer builds on a busy machine are slow
STOP_LIMIT = 15


class Process:
    """A program whose output is read as it comes; every line is kept. `name` is how failures call it."""

    def __init__(self, command, name=None, environment=None, cwd=None, stdin=None):
        self.name = name or os.path.basename(command[0])
        self.lines = []
        self.errors = []  # the same for standard error alone
        self._news = threading.Condition()
        self._open = 2
        self.process = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=environment, cwd=cwd)
        self._readers = [threading.Thread(target=self._read, args=(self.process.stdout, [self.lines]), daemon=True),
                         threading.Thread(target=self._read, args=(self.process.stderr, [self.lines, self.errors]),
                                          daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, places):
        for line in stream:
            with self._news:
                for place in places:
                    place.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._open -= 1
            self._news.notify_all()

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with self._news:
            return "\n".join(self.lines)

    def mark(self):
        """A place in the output, for wait_for(after=...)."""
        with self._news:
            return len(self.lines)

    def wait_for(self, pattern, after=0, limit=START_LIMIT, count=1):
        """Waits until `count` lines from `after` on fit the pattern; gives the last one's match."""
        expression = re.compile(pattern)
        end = time.monotonic() + limit
        with self._news:
            while True:
                found = [m for m in map(expression.search, self.lines[after:]) if m]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if left <= 0 or self._open == 0:
                    why = "ended" if self._open == 0 else f"did not within {limit} s"
                    raise AssertionError(f"{self.name} was to say /{pattern}/, and {why}; it said:\n"
                                         + "\n".join(self.lines[-60:]))
                self._news.wait(left)

    def running(self):
        return self.process.poll() is None

    def wait(self, limit=START_LIMIT):
        """Waits for its end; gives the exit status."""
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} was to end within {limit} s; it said:\n{self.log()}") from None
        for reader in self._readers:
            reader.join(STOP_LIMIT)
        return status

    def stop(self):
        """SIGTERM, and SIGKILL for one that does not heed it, which is a failure. Gives the exit status."""
        if self.process.poll() is not None:
            return self.wait()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end on SIGTERM; it said:\n{self.log()}") from None
        return self.wait()


def run(command, data=None, status=0, environment=None, limit=60, cwd=None):
    """Runs a command to its end and gives its standard output as bytes; another exit status is a failure. `status` is
    None where the caller judges it: then the whole result is given."""
    result = subprocess.run(command, input=data if data is not None else b"", stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment, timeout=limit, check=False, cwd=cwd)
    if status is None:
        return result
    assert result.returncode == status, (
        f"{' '.join(map(str, command))}: exit status {result.returncode}, not {status}:\n"
        + result.stderr.decode("utf-8", "backslashreplace") + result.stdout[-2000:].decode("utf-8", "backslashreplace"))
    return result.stdout


def children(pid):
    """The processes below one: {pid: the words that each was started with}."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                state, parent = f.read().rsplit(")", 1)[1].split()[:2]
            with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as f:
                words = f.read().split("\0")[:-1]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found[int(entry)] = words
    return found


def until(condition, what, limit=START_LIMIT):
    """For what nobody announces (the state of a process, a file): looks again until it holds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {limit} s")

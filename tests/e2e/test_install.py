"""What make install puts where, that it works from there, and that make uninstall takes all of it away."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
import openssl  # noqa: E402
from cases import case, run_cases, skip  # noqa: E402
from processes import Process, run  # noqa: E402

BUILD = os.path.realpath(os.environ["SIPSEAL_BUILD"])
SOURCE = os.path.realpath(os.environ["SIPSEAL_SOURCE"])
FOLDER = tempfile.mkdtemp(prefix="sipseal-install-")
PLACE = os.path.join(FOLDER, "place")  # DESTDIR
PREFIX = "usr/local"                   # of the build folders, without its slash
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "DESTDIR": PLACE} | {
    word: os.environ[word] for word in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if word in os.environ}

PROGRAMS = {"sbin/sipseald", "bin/sipseal"} | {
    f"libexec/sipseal/sipseald-{name}" for name in ("control", "net", "store", "vault")}
OTHERS = {"share/man/man1/sipseal.1", "share/man/man8/sipseald.8", "share/man/man5/sipseald.conf.5",
          "lib/systemd/system/sipseald.service", "lib/sysusers.d/sipseal.conf",
          "share/doc/sipseal/README.md", "share/doc/sipseal/LICENSE"}


def installed(path):
    return os.path.join(PLACE, PREFIX, path)


def install():
    """As make install does, but for the notes about it: those of the build folder stay as they are."""
    notes = os.path.join(FOLDER, "build")
    shutil.rmtree(notes, ignore_errors=True)
    os.makedirs(os.path.join(notes, "meson-logs"))
    os.makedirs(os.path.join(notes, "meson-private"))
    for path in [os.path.basename(program) for program in PROGRAMS] + ["sipseald.service", "meson-private/install.dat"]:
        shutil.copy2(os.path.join(BUILD, path), os.path.join(notes, path))
    run(["meson", "install", "-C", notes, "--no-rebuild"], environment=ENVIRONMENT)
    return notes


def tree(folder):
    """{path: mode} of all files below, and the paths of all folders."""
    files, folders = {}, []
    for path, names, entries in os.walk(folder):
        folders += [os.path.join(path, name) for name in names]
        for name in entries:
            file = os.path.join(path, name)
            files[os.path.relpath(file, folder)] = stat.S_IMODE(os.lstat(file).st_mode)
    return files, folders


def below_source(folder):
    found = tree(os.path.join(SOURCE, folder))[0]
    assert found
    return {f"share/doc/sipseal/{folder}/{path}" for path in found}


def make_site():
    """Keys and a configuration with relative paths, that nobody (the user) can work with."""
    site = os.path.join(FOLDER, "site")
    os.mkdir(site)
    for path in (FOLDER, site, os.environ.get("TMPDIR", FOLDER)):
        os.chmod(path, 0o755)
    openssl.authority(site)
    openssl.issue(site, site, "proxy1", "DNS:proxy1.home.example")
    os.mkdir(os.path.join(site, "data"))
    user = ""
    if os.geteuid() == 0:
        shutil.chown(os.path.join(site, "data"), "nobody")
        user = ", user: nobody"
    path = os.path.join(site, "sipseald.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"server: {{names: [proxy1.home.example], listen: ['udp://127.0.0.1:0'], vaults: 1{user}}}\n"
                "keys: {certificate: proxy1.pem, private_key: proxy1.key, trust: ca.pem}\n"
                "routes: [{domain: home.example, registrar: {}}]\n"
                "store: {path: data/store.db}\n")
    return path


@case
def every_file_is_where_it_belongs_and_can_be_changed_by_its_owner_alone():
    files, folders = tree(PLACE)
    wanted = {f"{PREFIX}/{path}": 0o755 for path in PROGRAMS}
    wanted |= {f"{PREFIX}/{path}": 0o644 for path in OTHERS | below_source("docs") | below_source("examples")}
    assert files == wanted, sorted(files.items() ^ wanted.items())
    assert f"{PREFIX}/share/doc/sipseal/examples/sipseald.yaml" in files
    assert all(stat.S_IMODE(os.stat(folder).st_mode) == 0o755 for folder in folders), folders


@case
def neither_etc_nor_var_is_touched():
    assert os.listdir(PLACE) == [PREFIX.split("/", maxsplit=1)[0]]


@case
def the_installed_programs_say_their_version_and_the_configuration_is_checked():
    for program in ("sbin/sipseald", "bin/sipseal"):
        assert re.fullmatch(rb"sipseald? \d+\.\d+\.\d+\n", run([installed(program), "--version"],
                                                               environment=ENVIRONMENT))
    told = run([installed("sbin/sipseald"), "-t", "-c", CONFIGURATION], environment=ENVIRONMENT)
    assert told == b"configuration is valid\n", told


@case
def the_installed_daemon_finds_its_programs_and_becomes_ready():
    daemon = Process([installed("sbin/sipseald"), "-c", CONFIGURATION], environment=ENVIRONMENT)
    try:
        daemon.wait_for(r"process=parent event=ready\b")
        children = daemon.wait_for(r"event=started child=net pid=(\d+)")
        program = os.path.realpath(f"/proc/{children[1]}/exe")
        assert program == os.path.realpath(installed("libexec/sipseal/sipseald-net")), program
    finally:
        assert daemon.stop() == 0


@case
def the_unit_starts_the_program_that_is_installed():
    with open(installed("lib/systemd/system/sipseald.service"), encoding="utf-8") as f:
        unit = f.read()
    assert re.findall(r"^ExecStart=(.*)$", unit, re.M) == [f"/{PREFIX}/sbin/sipseald"], unit
    assert "@sbindir@" not in unit, unit


def analyze(*words, status=0):
    """systemd-analyze; it comes with systemd, which is not installed for a test."""
    if not shutil.which("systemd-analyze"):
        skip("systemd-analyze is not there: this machine has no systemd")
    return run(["systemd-analyze", *words], status=status, environment=ENVIRONMENT)


@case
def systemd_finds_no_fault_in_the_unit():
    folder = os.path.join(FOLDER, "units")
    os.mkdir(folder)
    unit = os.path.join(folder, "sipseald.service")
    with open(installed("lib/systemd/system/sipseald.service"), encoding="utf-8") as f:
        text = f.read().replace("ExecStart=/", f"ExecStart={PLACE}/")
    for added, good in (("", True), ("Plugh=yes\n", False)):
        with open(unit, "w", encoding="utf-8") as f:
            f.write(text.replace("[Service]\n", "[Service]\n" + added))
        told = analyze("verify", "--man=no", unit, status=None)
        faults = [line for line in told.stderr.decode().splitlines() if "sipseald" in line]
        assert (not faults) == good, told


def calls_of(group):
    """The names of the system calls in a group of systemd's, and in those that it contains."""
    names = {line.strip() for line in analyze("syscall-filter", group).decode().splitlines()
             if line.startswith("    ") and not line.strip().startswith("#")}
    return set().union(*(calls_of(name) if name.startswith("@") else {name} for name in names))


@case
def the_unit_allows_every_system_call_that_the_processes_may_make():
    with open(installed("lib/systemd/system/sipseald.service"), encoding="utf-8") as f:
        lists = re.findall(r"^SystemCallFilter=(.*)$", f.read(), re.M)
    with open(os.path.join(SOURCE, "src/daemon/fence_calls.c"), encoding="utf-8") as f:
        everybody = f.read().split("root_parent[]", 1)[0]
    allowed = set()
    for words in lists:
        calls = set().union(*(calls_of(word) if word.startswith("@") else {word} for word in
                              words.removeprefix("~").split()))
        allowed = allowed - calls if words.startswith("~") else allowed | calls
    wanted = set(re.findall(r"\bCALL(?:_IF)?\((\w+)[,)]", everybody)) - {"name", "fchown"}  # as root alone
    assert len(wanted) > 100 and wanted <= allowed, sorted(wanted - allowed)
    assert not allowed & {"setuid", "setresuid", "setgroups", "fchown", "mount", "bpf"}


@case
def what_make_runs_heeds_prefix_and_destdir():
    """Told by make, which runs nothing here: the build folder belongs to whoever made it."""
    told = subprocess.run(["make", "-n", "-C", SOURCE, "install", "PREFIX=/opt/x", "DESTDIR=/tmp/y", f"BUILD={BUILD}"],
                          stdout=subprocess.PIPE, text=True, check=True, env=ENVIRONMENT).stdout
    assert f"meson configure {BUILD} --prefix='/opt/x'" in told, told
    assert f"DESTDIR='/tmp/y' meson install -C {BUILD}" in told, told


@case
def what_was_installed_is_taken_away_again_and_nothing_else():
    with tempfile.NamedTemporaryFile(dir=FOLDER) as other:
        run(["meson", "--internal", "uninstall"], environment=ENVIRONMENT, cwd=NOTES)  # what ninja uninstall runs
        assert tree(PLACE) == ({}, []) and os.path.exists(other.name), tree(PLACE)


@case
def what_others_put_beside_it_stays():
    notes = install()
    beside = installed("sbin/other")
    with open(beside, "w", encoding="utf-8"):
        run(["meson", "--internal", "uninstall"], environment=ENVIRONMENT, cwd=notes)
    assert list(tree(PLACE)[0]) == [f"{PREFIX}/sbin/other"], tree(PLACE)


if __name__ == "__main__":
    os.mkdir(PLACE)
    CONFIGURATION = make_site()
    NOTES = install()
    run_cases(lambda: shutil.rmtree(FOLDER))

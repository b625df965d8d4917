"""What the README tells a person to type, typed; and the example configurations."""
# timeout: 300

import os
import re
import shlex
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
from cases import case, run_cases  # noqa: E402
from kamailio import free_port  # noqa: E402
from processes import Process, run  # noqa: E402
from sites import build_folder  # noqa: E402

SOURCE = os.environ["SIPSEAL_SOURCE"]


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as f:
        return f.read()


def commands():
    """The commands of the section "By hand", each as one line."""
    section = read("README.md").split("## By hand", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^    (\./.*)$", section.replace("\\\n", " "), re.M)


@case
def the_five_commands_of_the_readme_do_what_it_says():
    lines = commands()
    assert len(lines) == 5, lines
    with tempfile.TemporaryDirectory() as home:
        port = str(free_port())
        configuration = os.path.join(home, "quickstart.yaml")
        with open(configuration, "w", encoding="utf-8") as f:
            f.write(read("examples/quickstart.yaml").replace("5060", port))
        environment = {"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

        def words(line):
            line = line.replace("../examples/quickstart.yaml", configuration).replace("5060", port)
            return [home + word[1:] if word.startswith("~/") else word for word in shlex.split(line)]

        def typed(line, status=0):
            return run(words(line), status=status, environment=environment, cwd=build_folder())

        typed(lines[0])
        daemon = Process(words(lines[1]), environment=environment, cwd=build_folder())
        daemon.wait_for(r"process=parent event=ready")
        listener = Process(words(lines[2]), environment=environment, cwd=build_folder())
        listener.wait_for(r"registered ")
        typed(lines[3])
        listener.wait_for(r"from alice@home\.example, proven")
        listener.wait_for(r"readable by .*proxy1\.home\.example")
        listener.wait_for(r"hello")
        assert b"hello" in typed(lines[4])
        refused = typed(lines[4].replace("--as auditor@home.example", "--as bob@home.example"), status=None)
        assert refused.returncode == 3 and b"hello" not in refused.stdout, refused
        listener.stop()
        daemon.stop()


@case
def the_examples_for_servers_have_no_fault_but_the_files_that_they_name():
    for example in ("two-domains.yaml", "two-domains-tls.yaml", "sipseald.yaml"):
        check_example(example)


def check_example(example):
    text = read("examples/" + example)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "two-domains.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        told = run([os.path.join(build_folder(), "sipseald"), "-t", "-c", path], status=None)
        faults = [line for line in (told.stdout + told.stderr).decode().splitlines() if line.startswith(path)]
        strange = [line for line in faults if "/etc/sipseal/" not in line and "/var/lib/sipseal" not in line
                   and "server.user" not in line and "proxy2.far.example" not in line]
        assert faults and not strange, "\n".join(strange) or told


if __name__ == "__main__":
    run_cases()

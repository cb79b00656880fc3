"""Man pages and help: every command has all of it, and all of it agrees."""

import json
import os
import pathlib
import re
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
NOUNS = ["ds01", "project", "container", "image", "gpu-queue"]
OPTION = re.compile(r"(?:-(\w), )?--([a-z-]+)(\[?=\S+)?(?= |$)")


@pytest.fixture(scope="session")
def man(prefix):
    def read(name):
        """A page as text, each paragraph one line."""
        env = {**os.environ, "MANWIDTH": "900", "MANROFFOPT": "-rHY=0", "LC_ALL": "C.UTF-8", "MANPAGER": "cat", "GROFF_NO_SGR": "1"}
        pages = list((prefix / "share/man").glob(f"man*/{name}"))
        assert len(pages) == 1, f"{name}: {pages}"
        done = subprocess.run(["man", "--warnings", "-l", str(pages[0])], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=True)
        assert done.stderr == b"", name
        return re.sub(r".\x08", "", done.stdout.decode())
    return read


def section(page, name):
    found = re.search(rf"^{name}\n(.*?)(?=^\S|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no section {name}"
    return found[1]


def options(text):
    """{name: (letter, value)} of lines that begin with options."""
    lines = (line.strip() for line in text.splitlines())
    found = (OPTION.match(line) for line in lines if line.startswith("-"))
    return {m[2]: (m[1], m[3]) for m in found if m}


def commands(prefix):
    """Each as it is typed, and its page: all that `ds01 help` lists."""
    out = subprocess.run([prefix / "bin/ds01", "help"], check=True, stdout=subprocess.PIPE, text=True).stdout
    programs = {p.name for p in (prefix / "bin").iterdir()}
    for line in re.findall(r"^  (\S.*)$", out[out.index("Commands"):], re.MULTILINE):
        words = line.split()
        page = words[0] if words[0] in programs and words[0] not in NOUNS else "-".join(words[:2])
        yield (words[:1] if page == words[0] else words[:2]), page


def test_every_command_is_known_here(prefix):
    assert len(list(commands(prefix))) == len(re.findall(r"^X\(", (REPO / "src/cli/commands.def").read_text(), re.MULTILINE))


def test_every_program_has_a_page(prefix, man):
    for name in [p.name for p in (prefix / "bin").iterdir()]:
        assert man(name + ".1").strip(), name


def test_pages_say_what_help_says(prefix, alice, man):
    for words, page in commands(prefix):
        text = man(page + ".1")
        said = alice.ok([*words, "--help"]).out
        usage, summary = re.match(r"Usage: (.*) \[options\]\n\n(.*)\.\n", said).groups()
        assert section(text, "NAME").strip().endswith(f" - {summary}"), page
        assert section(text, "SYNOPSIS").strip() == f"{usage} [options]", page
        assert options(section(text, "OPTIONS")) == options(said[said.index("Options:"):]), page
        if "Examples:" in said:
            wanted = said[said.index("Examples:"):].split("\n", 1)[1]
            assert section(text, "EXAMPLES").split() == wanted.split(), page


def test_exit_statuses(man, alice):
    rows = {"0": ["done"]}
    for status, meaning in re.findall(r'^X\(\w+, "[\w.]+", (\d+), "(.*)"\)', (REPO / "src/base/err.def").read_text(), re.MULTILINE):
        rows.setdefault(status, []).append(meaning)
    wanted = "".join(f"{status} {'; '.join(meanings)} " for status, meanings in rows.items()).strip()
    info = alice.ok(["container", "attach", "--info"]).out
    for text in (section(man("container-attach.1"), "EXIT STATUS"), section(man("ds01.1"), "EXIT STATUS"), info[info.index("Exit status:"):]):
        assert " ".join(text.split()).endswith(wanted)


@pytest.mark.parametrize(("program", "page"), [("sbin/ds01d", "ds01d.8"), ("libexec/ds01/ds01-gpu-probe", "ds01-gpu-probe.8")])
def test_pages_of_daemons(prefix, man, program, page):
    said = subprocess.run([prefix / program, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert set(options(section(man(page), "OPTIONS"))) == set(options(said))


def test_settings_page_is_the_file(prefix, man):
    page = {" ".join(line.split()) for line in man("ds01d.yaml.5").splitlines()}
    for line in (prefix / "share/ds01/ds01d.yaml").read_text().splitlines():
        assert " ".join(line.split()) in page


def test_limits_page_is_the_table(man):
    page, text = man("resource-limits.yaml.5"), (REPO / "src/policy/limits.def").read_text()
    for macro, name in (("LIMIT", "LIMITS"), ("AGGREGATE", "AGGREGATE LIMITS")):
        keys = re.findall(rf'^{macro}\(\w+, "(\w+)"', text, re.MULTILINE)
        assert keys and re.findall(r"^ {7}(\w+)$", section(page, name), re.MULTILINE) == keys


def test_keys_of_the_policy_are_explained(man):
    page, file = man("resource-limits.yaml.5"), (REPO / "data/resource-limits.yaml").read_text()
    for key in set(re.findall(r"^ *(\w+):", file, re.MULTILINE)) - {"admin", "member"}:
        assert re.search(rf"\b{key}\b", page), key


def test_protocol_page_is_the_table(man):
    page, text = man("io.ds01.7"), (REPO / "src/rpc/api.def").read_text()
    methods = re.findall(r'^M\(\w+, "(io\.ds01\.[\w.]+)"', text, re.MULTILINE)
    assert methods and re.findall(r"^ {7}(io\.ds01\.[\w.]+)$", section(page, "METHODS"), re.MULTILINE) == methods
    for field in set(re.findall(r'^[PR]\(\w+, "(\w+)"', text, re.MULTILINE)):
        assert re.search(rf"\b{field} \(", page), field


def test_checks_of_the_doctor_are_the_table(man):
    titles = re.findall(r'^X\(\w+, "[\w-]+", "([^"]+)"', (REPO / "src/rpc/doctor.def").read_text(), re.MULTILINE)
    assert titles and re.findall(r"^ {7}(\w[\w ]{1,15})$", section(man("ds01d.8"), "CHECKS"), re.MULTILINE) == titles


# ---- the four levels of help ----

MAIN = ["project init", "project launch", "container deploy", "container retire"]


def test_levels(prefix, alice):
    """Each command has each level; they agree on its usage and options; none has a side effect."""
    before = sorted(alice.home.rglob("*"))
    for words, page in commands(prefix):
        short = alice.ok([*words, "--help"]).out
        assert alice.ok([*words, "-h"]).out == short
        info = alice.ok([*words, "--info"]).out
        concepts = alice.ok([*words, "--concepts"]).out
        assert options(info) == options(short), page
        assert re.match(r"Usage: (.*)", short)[1] in info, page
        assert len(concepts.splitlines()) > 5 and "Try:" in concepts, page
        assert (" ".join(words) in MAIN) <= ("guided" in options(short)), page
        for text in (short, info, concepts):
            assert text == text.strip("\n") + "\n", page
            assert max(len(line) for line in text.splitlines()) <= 120, page
    assert sorted(alice.home.rglob("*")) == before


def test_levels_of_nouns(prefix, alice, man):
    """A noun, and ds01 itself, have the three levels that explain; they name the same commands."""
    titles = {"project": "Projects and workspaces", "container": "Containers", "image": "Images", "gpu-queue": "GPUs and the queue",
              "ds01": "The ideas behind ds01"}
    for noun in NOUNS:
        short, info = alice.ok([noun, "--help"]).out, alice.ok([noun, "--info"]).out
        assert alice.ok([noun, "-h"]).out == alice.ok([noun]).out == short
        text = short[short.index("Commands (" if noun == "ds01" else "\n\n"):]
        listed = [re.split(r" +(?=[A-Z][a-z]+s )", row, maxsplit=1)[0] for row in re.findall(r"^  (\S.*)$", text, re.MULTILINE)]
        wanted = [words for words, _ in commands(prefix) if noun in ("ds01", words[0].rsplit("-", 1)[0], words[0])]
        assert len(listed) == len(wanted), (listed, wanted)
        for line in listed:
            assert line in info and line in " ".join(man(noun + ".1").split()), (noun, line)
        assert alice.ok([noun, "--concepts"]).out.startswith(titles[noun] + "\n\n"), noun
        for text in (short, info):
            assert max(len(line) for line in text.splitlines()) <= 130, noun
    # Each page that is named there is one, and each topic is named.
    ways = re.findall(r"^  (\S+ --concepts) +(.*)$", alice.ok(["ds01", "--concepts"]).out, re.MULTILINE)
    assert len(ways) == len(re.findall(r'^X\("', (REPO / "src/cli/topics.def").read_text(), re.MULTILINE))
    for way, title in ways:
        assert alice.ok(way).out.startswith(title + "\n\n"), way


def test_json_is_offered_where_it_works(alice, prefix):
    """--json answers with one object, or the command doesn't know it."""
    reads = ["project list", "container-list", "container-stats", "image-list", "gpu-queue status", "ds01 why",
             "dashboard", "check-limits", "ds01 version"]
    for words, page in commands(prefix):
        said = options(alice.ok([*words, "--help"]).out)
        if " ".join(words) in reads:
            assert "json" in said, page
            assert json.loads(alice.ok([*words, "--json"]).out)["schema"] == 1
        elif "json" not in said:
            assert alice.run([*words, "--json"]).rc == 2, page


def test_concepts_are_in_ds01_7(alice, man):
    page = " ".join(man("ds01.7").split())
    for words in (["project", "launch"], ["container-create"], ["image-create"], ["project", "init"], ["gpu-queue", "join"]):
        title, *paragraphs = alice.ok([*words, "--concepts"]).out.split("\n\n")
        assert title.strip().upper() in page
        for paragraph in paragraphs:
            assert " ".join(paragraph.split()) in page, words


# What people are promised, each as it is typed.
PROMISED = """project init, project launch, project list, container deploy, container retire, container-create, container-start,
container-run, container-attach, container-stop, container-remove, container-pause, container-unpause, container-list, container-stats,
container-logs, image-create, image-update, image-list, image-delete, dashboard, gpu-queue join, gpu-queue leave, gpu-queue status,
gpu-queue position, ds01 why, check-limits, get-limits, ds01 doctor, ds01 policy check, ds01 help, ds01 version, ds01 completion,
container open""".replace("\n", " ").split(", ")


@pytest.mark.parametrize("command", PROMISED)
def test_a_promised_command_has_all_of_it(alice, prefix, man, command):
    """Help on three levels, a man page, and Tab, which offers the options that help lists."""
    words = command.split()
    short = options(alice.ok([*words, "--help"]).out)
    assert {"help", "info", "concepts", "yes", "color"} <= set(short) and options(alice.ok([*words, "--info"]).out) == short
    assert "Try:" in alice.ok([*words, "--concepts"]).out
    page = re.match(r"Usage: (\S+)(?: (\S+))?", alice.ok([*words, "--help"]).out)
    names = {f"{page[1]}.1", f"{page[1]}-{page[2]}.1"} & {p.name for p in (prefix / "share/man/man1").iterdir()} - {f"{n}.1" for n in NOUNS}
    assert len(names) == 1, names
    assert set(options(section(man(names.pop()), "OPTIONS"))) == set(short)
    offered = alice.ok(["ds01", "__complete", *words, "--"]).out.splitlines()
    assert {line.split("\t")[0].strip("-=") for line in offered} == set(short)

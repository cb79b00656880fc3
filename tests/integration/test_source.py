"""What can be checked without starting anything: layers, scripts, units, what documents claim."""

import pathlib
import re
import shutil
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]


def layers(root):
    return subprocess.run([str(REPO / "tests/layers.py"), str(root)], capture_output=True, text=True, check=False)


def test_layers_of_the_sources():
    done = layers(REPO)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path, text, fault", [
    ("policy/x.c", '#include "store/store.h"\n', "policy may not include store"),
    ("cli/x.c", '#include "daemon/config.h"\n', "cli may not include daemon"),
    ("policy/x.c", "#include <fcntl.h>\n", "policy does no I/O"),
    ("image/x.c", 'int f(void) { return fopen("/x", "r") != NULL; }\n', "image does no I/O"),
    ("daemon/x.c", "#include <sqlite3.h>\n", "is for store alone"),
    ("base/x.h", '#include "x.h"\n', "include from src/"),
    ("misc/x.c", "\n", "no such layer"),
])
def test_layers_finds_what_is_wrong(tmp_path, path, text, fault):
    file = tmp_path / "src" / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    done = layers(tmp_path)
    assert done.returncode == 1 and f"src/{path}:1: " in done.stdout and fault in done.stdout


def test_scripts_are_clean():
    scripts = [REPO / "quickstart", REPO / "check", REPO / ".ci/run", *sorted((REPO / "scripts").iterdir())]
    shell = [str(s) for s in scripts if s.is_file() and (s.suffix == ".sh" or "bash" in s.read_text().splitlines()[0])]
    subprocess.run(["shellcheck", "-x", "-P", str(REPO), *shell], check=True, cwd=REPO)


def test_units_are_sound(prefix, tmp_path):
    units = prefix / "lib/systemd/system"
    for name in ("ds01d.service", "ds01d.socket"):
        # The program's path is the one of the real prefix; here it lies elsewhere.
        text = (units / name).read_text()
        assert not re.search(r"@\w+@", text)
        line = next((part for part in text.splitlines() if part.startswith("ExecStart=")), "")
        program = line.partition("=")[2].partition(" ")[0]
        text = text.replace(program, str(prefix / "sbin/ds01d")) if program else text
        (tmp_path / name).write_text(text.replace("Documentation=man:ds01d(8)\n", ""))
    done = subprocess.run(["systemd-analyze", "verify", str(tmp_path / "ds01d.service"), str(tmp_path / "ds01d.socket")],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "ds01d" not in done.stderr, done.stderr


def test_everything_is_installed(prefix):
    for path in ("bin/ds01", "bin/project", "bin/container", "bin/image", "bin/container-list", "bin/container-attach",
                 "bin/image-list", "bin/image-create", "sbin/ds01d", "share/ds01/catalogue", "share/ds01/ds01d.yaml",
                 "share/ds01/resource-limits.yaml", "lib/systemd/system/ds01d.service",
                 "lib/systemd/system/ds01d.socket", "lib/sysusers.d/ds01.conf", "lib/tmpfiles.d/ds01.conf"):
        assert (prefix / path).exists(), path


def test_the_command_line_is_small(prefix):
    """It links no database, no HTTP client and nothing that needs rights."""
    listed = subprocess.run(["ldd", str(prefix / "bin/ds01")], check=True, capture_output=True, text=True).stdout
    assert "sqlite" not in listed and "libcurl" not in listed
    assert not (prefix / "bin/ds01").stat().st_mode & 0o6000
    assert shutil.which("ds01", path=str(prefix / "bin"))


def named_tests(text):
    """Every `file::test` of a document."""
    return re.findall(r"`(test[-_][\w-]+\.(?:py|c))::(\w+)`", text)


def has_test(file, name):
    """In C, it is in a list of tests that are run."""
    paths = list((REPO / "tests").rglob(file))
    form = rf"^def {name}\(" if file.endswith(".py") else rf"cmocka_unit_test\w*\(\s*{name}\b"
    return len(paths) == 1 and re.search(form, paths[0].read_text(), re.M) is not None


def test_every_attack_has_its_tests():
    """doc/threat-model.md: 44 numbered lines and some more, each with tests that exist."""
    text = (REPO / "doc/threat-model.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("| ") and "::" in line]
    numbers = [int(line.split("|")[1]) for line in table if line.split("|")[1].strip().isdigit()]
    assert numbers == list(range(1, 45)) and len(table) > len(numbers)
    for line in table:
        named = named_tests(line)
        assert named and len(named) == line.count("::"), line
        for file, name in named:
            assert has_test(file, name), f"{file}::{name}"
    assert not has_test("test_source.py", "no_such_test") and not has_test("test-peer.c", "no_such_test")


def test_the_numbers_of_acceptance_tests_are_those_of_the_threat_model():
    text = (REPO / "doc/threat-model.md").read_text()
    lines = {int(n): line for n, line in re.findall(r"^\| (\d+) \| (.*)$", text, re.M)}
    source = (REPO / "tests/integration/test_acceptance.py").read_text()
    tests = re.findall(r'^def (test_\w+)\(.*\):\n    """No\. ([\d, ]+)[.:]', source, re.M)
    assert len(tests) == len(re.findall(r"^def test_", source, re.M))
    for name, numbers in tests:
        for number in map(int, numbers.split(",")):
            assert f"`test_acceptance.py::{name}`" in lines[number], (number, name)


def test_every_fuzzer_is_built_and_listed():
    """tests/fuzz: each target is in its meson.build, has inputs, and stands in the threat model's table."""
    targets = {path.stem.removeprefix("fuzz-") for path in (REPO / "tests/fuzz").glob("fuzz-*.c")}
    built = set(re.findall(r"^  '([\w-]+)': \[", (REPO / "tests/fuzz/meson.build").read_text(), re.M))
    table = (REPO / "doc/threat-model.md").read_text().partition("| bytes of | fuzzers |")[2].partition("\n\n")[0]
    assert targets == built == set(re.findall(r"`(\w+)`", table))
    for name in targets:
        assert any((REPO / "tests/fuzz/corpus" / name).iterdir()), name

"""What the contract says an answer looks like."""

import re


def assert_error(result, rc, text, *fixes):
    """The contract's form: "Error: <text>", then "To fix:" and each of the commands; stdout empty.

    `text` is the exact sentence, or a compiled pattern that must match it whole.
    """
    lines = result.err.splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith("Error: ")), None)
    assert first is not None, f"no error line: {result}"
    sentence = lines[first][len("Error: "):]
    if isinstance(text, re.Pattern):
        assert text.fullmatch(sentence), f"{sentence!r} is not {text.pattern!r}"
    else:
        assert sentence == text, result
    assert not sentence.endswith("."), sentence
    assert result.rc == rc, result
    assert result.out == "", result
    assert sum(line.startswith("Error:") for line in lines) == 1, result
    if fixes:
        rest = "\n".join(lines[first + 1:])
        assert "\nTo fix:" in "\n" + rest, result
        for fix in fixes:
            assert fix in rest.split("To fix:", 1)[1], f"{fix!r} not in {rest!r}"
    assert_clean(result.err)


def assert_clean(text):
    """Nothing in it that a terminal would obey."""
    bad = re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert not bad, f"control character {bad[0]!r} in {text!r}"


def prompt_of(user, container):
    """The shell's prompt inside, as a pattern."""
    host = re.sub(r"[._]", "-", container)
    return re.escape(f"{user.name}@{host}:/workspace$ ")


def rows(user, *options):
    """container-list --json."""
    import json

    body = json.loads(user.ok(["container-list", "--json", *options]).out)
    assert body["schema"] == 1
    return body["containers"]


def row(user, name):
    found = [r for r in rows(user, "--all") if r["name"] == name]
    assert len(found) <= 1, found
    return found[0] if found else None


def deploy(user, name, image="test/busybox:1", *options):
    """A running container that takes no build."""
    return user.ok(["container", "deploy", name, f"--image={image}", "--background", *options])

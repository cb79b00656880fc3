"""A Python package index without packages: wheels that hold a name, a version and one module.

    make_wheel(folder, "ds01-sample", "1.0", requires=["other"])   folder/ds01-sample/…whl and its page

The folder is what pip takes as --index-url when it is served, and each of its folders as --find-links.
"""

import base64
import hashlib
import re
import zipfile

# What the starter's requirements of every project type name, and a few more.
VERSION = "99.0"


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def make_wheel(index, name, version=VERSION, requires=()):
    folder = index / plain(name)
    folder.mkdir(parents=True, exist_ok=True)
    module = plain(name).replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {r}\n" for r in requires)
    files = {f"{module}.py": f"version = '{version}'\n", f"{info}/METADATA": metadata,
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: fake\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    links = "".join(f'<a href="{w.name}">{w.name}</a>\n' for w in sorted(folder.glob("*.whl")))
    (folder / "index.html").write_text(links)
    return wheel


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def make_wheels_for(index, requirements):
    """One wheel for each package of a requirements.txt."""
    for line in requirements.splitlines():
        name = re.match(r"[A-Za-z0-9._-]+", line)
        if name and not (index / plain(name[0])).exists():
            make_wheel(index, name[0])

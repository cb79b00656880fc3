"""Root file systems made of what this machine has; no registry is asked.

Each image shows one kind of thing that people bring along.
"""

import io
import os
import pathlib
import subprocess
import tarfile

REPO = pathlib.Path(__file__).resolve().parents[3]

APPLETS = """[ ash awk basename cat chmod chown cp cut date df dirname du echo env expr false find free getty
grep groups head hostname id ip kill ln ls md5sum mkdir mknod mount mv nc nproc nslookup od ping ps pwd
readlink rm rmdir sed seq setsid sh sleep sort stat stty tail tar tee test time timeout top touch tr true
tty umount uname uniq uptime vi wc wget which whoami xargs yes nohup""".split()

# A program without a libc around it, for images that have nothing else.
TOOL_C = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        const char *what = argc > 1 ? argv[1] : "stay";
        if (strcmp(what, "die") == 0) {
                usleep((unsigned)atoi(argv[2]) * 1000);
                fprintf(stderr, "model.bin: no such file\n");
                return 3;
        }
        if (strcmp(what, "root") == 0) {
                int r = setuid(0);
                printf("setuid=%d uid=%d euid=%d\n", r, (int)getuid(), (int)geteuid());
                return 0;
        }
        printf("the tool stays\n");
        fflush(stdout);
        for (;;)
                sleep(60);
}
"""


class Tree:
    """A root file system being put together in memory."""

    def __init__(self):
        self.members = {}

    def folder(self, path, mode=0o755):
        info = tarfile.TarInfo(path)
        info.type, info.mode = tarfile.DIRTYPE, mode
        self.members[path] = (info, None)
        return self

    def file(self, path, data, mode=0o644):
        info = tarfile.TarInfo(path)
        data = data if isinstance(data, bytes) else data.encode()
        info.size, info.mode = len(data), mode
        self.members[path] = (info, data)
        return self

    def link(self, path, target):
        info = tarfile.TarInfo(path)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self.members[path] = (info, None)
        return self

    def save(self, path):
        with tarfile.open(path, "w") as tar:
            for info, data in self.members.values():
                tar.addfile(info, io.BytesIO(data) if data is not None else None)
        return path


def busybox_tree(passwd=True):
    tree = Tree()
    for path in ("bin", "etc", "proc", "sys", "dev", "root", "home"):
        tree.folder(path)
    tree.folder("tmp", 0o1777)
    tree.file("bin/busybox", pathlib.Path("/bin/busybox").read_bytes(), 0o755)
    for applet in APPLETS:
        tree.link(f"bin/{applet}", "busybox")
    if passwd:
        tree.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        tree.file("etc/group", "root:x:0:\nnogroup:x:65534:\n")
    return tree


def compile_tool(folder):
    source, program = folder / "tool.c", folder / "tool"
    source.write_text(TOOL_C)
    subprocess.run(["gcc", "-static", "-O1", "-o", str(program), str(source)], check=True)
    return program.read_bytes()


def starter_tar():
    done = subprocess.run([str(REPO / "scripts/starter-image")], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


# name -> (framework, version) in the tests' catalogue; images that are not in it are nobody's.
CATALOGUE = {
    "ds01/starter:12": ("None", "3.11"),
    "test/busybox:1": ("Busybox", "1"),
    "test/nopasswd:1": ("NoPasswd", "1"),
    "test/sameuid:1": ("SameUid", "1"),
    "test/noshell:1": ("NoShell", "1"),
    "test/served:1": ("Served", "1"),
    "test/dies:1": ("Dies", "1"),
    "test/dies-late:1": ("DiesLate", "1"),
    "test/hostile:1": ("Hostile", "1"),
    "test/missing:1": ("Missing", "1"),
}


def write_catalogue(path):
    lines = [f"{framework}, {version}, [CPU], {image}\n" for image, (framework, version) in CATALOGUE.items()]
    path.write_text("# Framework, version, [architectures], image\n" + "".join(lines))
    return path


def load_images(engine, folder, alice, bob):
    """Imports every image but the starter; alice's and bob's ids go into those that play tricks."""
    folder.mkdir()
    tool = compile_tool(folder)
    shell = ['CMD ["/bin/sh"]', "ENV PATH=/bin"]

    def load(name, tree, changes):
        engine.import_image(name, tree.save(folder / "image.tar"), changes)

    load("test/busybox:1", busybox_tree(), shell)
    load("test/hidden:1", busybox_tree(), shell)
    load("test/served:1", busybox_tree(), ['CMD ["sleep", "3600"]', "ENV PATH=/bin"])
    load("test/nopasswd:1", busybox_tree(passwd=False), shell)
    same = busybox_tree()
    same.file("etc/passwd", f"root:x:0:0:root:/root:/bin/sh\nnode:x:{alice.uid}:{alice.gid}::/home/node:/bin/sh\n")
    same.file("etc/group", f"root:x:0:\nnode:x:{alice.gid}:\n")
    same.folder("home/node")
    load("test/sameuid:1", same, [*shell, "USER node", "WORKDIR /home/node"])
    bare = Tree().file("tool", tool, 0o755)
    load("test/noshell:1", bare, ['CMD ["/tool"]'])
    load("test/dies:1", bare, ['CMD ["/tool", "die", "0"]'])
    load("test/dies-late:1", bare, ['CMD ["/tool", "die", "400"]'])
    hostile = busybox_tree()
    hostile.file("bin/become-root", tool, 0o4755)
    hostile.file("etc/passwd", f"root:x:0:0::/root:/bin/sh\n{alice.name}:x:0:0::/root:/bin/sh\n")
    hostile.file("etc/group", f"root:x:0:{alice.name}\nshadow:x:42:{alice.name}\ndisk:x:6:{alice.name},{bob.name}\n")
    load("test/hostile:1", hostile,
         [*shell, f"LABEL ds01.user={bob.name} ds01.uid={bob.uid} ds01.protected=true ds01.instance=x",
          "ENV NVIDIA_VISIBLE_DEVICES=all LD_PRELOAD=/evil.so HOME=/root USER=root", "USER root",
          "VOLUME /secret", "HEALTHCHECK CMD echo hi"])
    os.unlink(folder / "image.tar")

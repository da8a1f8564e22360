# SPDX-License-Identifier: MIT
"""The rules of the tree that a program can check. Each check yields complaints: place, fault, remedy."""
import os
import re
import subprocess

TOPICS = ("boot", "lib", "arch", "core", "drivers", "vmm")
# Lower may not include higher. boot/ calls main(); nobody includes boot/ but for its result.
RANK = {"lib": 0, "arch": 1, "core": 2, "drivers": 3, "vmm": 4, "boot": 5}
FOR_ALL = ("boot/boot_info.h",)
# Its files are made by the reader.
LESSON = "docs/4-add-a-device.md"
MOST_LINES = {"Makefile": 250, ".c": 600, ".S": 600}
KERNEL_FLAGS = ("-std=gnu11 -ffreestanding -fno-pic -Wall -Wextra -Werror -Wundef "
                "-Wmissing-prototypes -Wstrict-prototypes -mgeneral-regs-only -mcmodel=kernel "
                "-I. -Ibuild").split()


def files(top, folders, *endings):
    for folder in folders:
        for path, _, names in os.walk(os.path.join(top, folder)):
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(path, name), top)


def text(top, path):
    with open(os.path.join(top, path), encoding="utf-8") as f:
        return f.read()


def layers(top):
    """lib < arch < core < drivers < vmm."""
    for path in files(top, TOPICS, ".c", ".h", ".S"):
        own = path.split("/")[0]
        for target in re.findall(r'^#include "([^"]+)"', text(top, path), re.MULTILINE):
            part = target.split("/")[0]
            if part not in RANK or target in FOR_ALL:
                continue
            if RANK[part] > RANK[own]:
                yield "%s: includes %s, and %s is not below %s" % (path, target, part, own)


def seam(top):
    """Above virt.h nobody knows the vendors."""
    for path in files(top, ("lib", "core", "drivers", "vmm"), ".c", ".h", ".S"):
        for target in re.findall(r'^#include "([^"]+)"', text(top, path), re.MULTILINE):
            if re.match(r"arch/x86_64/virt/(vmx|svm)/", target):
                yield "%s: includes %s; virt.h is the seam" % (path, target)


def conditions(top):
    """No #if in .c files."""
    for path in files(top, TOPICS, ".c"):
        for number, line in enumerate(text(top, path).splitlines(), 1):
            if re.match(r"\s*#\s*if", line):
                yield "%s:%d: a variant is a file, a table or a plain if, not '%s'" % (
                    path, number, line.strip())


def licence(top):
    for path in files(top, TOPICS + ("tests", "guests"), ".c", ".h", ".S", ".py"):
        if "SPDX-License-Identifier: MIT" not in "".join(text(top, path).splitlines()[:2]):
            yield "%s: the first line has to be /* SPDX-License-Identifier: MIT */" % path


def sizes(top):
    paths = ["Makefile", *files(top, TOPICS, ".c", ".S")]
    for path in paths:
        most = MOST_LINES[os.path.splitext(path)[1] or path]
        lines = len(text(top, path).splitlines())
        if lines > most:
            yield "%s: %d lines, %d at most" % (path, lines, most)


def names(top):
    """No bare TODO: a promise needs its condition."""
    for path in files(top, TOPICS + ("tests", "tools"), ".c", ".h", ".S"):
        for number, line in enumerate(text(top, path).splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield "%s:%d: '%s'" % (path, number, line.strip())


def clang_format(top):
    paths = list(files(top, TOPICS + ("tests", "guests", "tools"), ".c", ".h"))
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *paths], cwd=top,
                          capture_output=True, text=True, check=False)
    found = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.MULTILINE)))
    for path in found:
        yield "%s: not as .clang-format says; `make format` puts it right" % path
    if done.returncode and not found:
        yield done.stderr


def headers(top):
    """Each header compiles alone."""
    for path in files(top, TOPICS, ".h"):
        if "__ASSEMBLER__" in text(top, path) and path.endswith("asm.h"):
            continue
        done = subprocess.run(["gcc", *KERNEL_FLAGS, "-fsyntax-only", "-x", "c", "-"], cwd=top,
                              input='#include "%s"\n' % path, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            yield "%s does not compile alone:\n%s" % (path, done.stderr)


def scripts(top):
    """Shell and Python scripts parse."""
    for path in [*files(top, ("tools", "tests", "guests", ".ci"), "")]:
        if path.endswith((".c", ".h", ".S", ".pyc", ".elf")) or "/corpus/" in path:
            continue
        with open(os.path.join(top, path), "rb") as f:
            first = f.readline()
        if b"python" in first or path.endswith(".py"):
            try:
                compile(text(top, path), path, "exec")
            except SyntaxError as error:
                yield "%s: %s" % (path, error)
        elif first.startswith(b"#!/bin/sh"):
            done = subprocess.run(["sh", "-n", path], cwd=top, capture_output=True, text=True,
                                  check=False)
            if done.returncode:
                yield done.stderr


def slug(heading):
    """A heading's anchor, as those who show Markdown make it."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def links(top):
    """What the documents point to is there: other documents, headings in them, files of the tree."""
    for path in ["README.md", *files(top, ("docs",), ".md")]:
        content = text(top, path)
        for target in re.findall(r"\]\(([^)\s]+)\)", content):
            name, _, anchor = target.partition("#")
            other = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if "://" in target:
                continue
            if not os.path.exists(os.path.join(top, other)):
                yield "%s: links to %s, and there is no %s" % (path, target, other)
            elif anchor and anchor not in map(slug, re.findall(r"^#+ (.*)", text(top, other),
                                                               re.MULTILINE)):
                yield "%s: links to %s, and %s has no such heading" % (path, target, other)
        for name in re.findall(r"`((?:%s|guests|tests|tools|docs)/[\w./-]+\.\w+)`" %
                               "|".join(TOPICS), content):
            if not os.path.exists(os.path.join(top, name)) and path != LESSON:
                yield "%s: names %s, and there is no such file" % (path, name)


CHECKS = {"layers": layers, "seam": seam, "conditions": conditions, "licence": licence,
          "sizes": sizes, "names": names, "format": clang_format, "headers": headers,
          "links": links, "scripts": scripts}

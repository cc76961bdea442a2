"""Runs what README and docs show: every Python snippet, over a file that the demo wrote, and every job, whose
keys must be right though its files are not there. Links lead somewhere, and messages are the program's.

What a snippet would download, or show in a window, is replaced by what does the same without: see REPLACED.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

try:
    import h5py  # noqa: F401
    import matplotlib  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import torch  # noqa: F401
    import torchvision  # noqa: F401
    from PIL import Image  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CAMRANK = os.environ.get("CAMRANK", os.path.abspath("build/camrank"))
REPLACED = {'weights="DEFAULT"': "weights=None"}  # which would be downloaded


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


PAGES = {path: read(path) for path in ("README.md", *sorted(glob.glob("docs/*.md")))}


def anchors(text):
    """The names that GitHub gives the headings of a page."""
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def wrong_links():
    for path, text in PAGES.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            file, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if "://" not in link and (not os.path.exists(target) or (anchor and anchor not in anchors(read(target)))):
                yield f"{path}: {link}"


def wrong_messages():
    """Of docs/troubleshooting.md: half of each, at least, must stand in one string that the program prints."""
    sources = [path for folder in ("core", "driver", "worker") for path in glob.glob(f"{folder}/**/*.c", recursive=True)]
    code = re.sub(r'"\s+"', "", "".join(map(read, sources)))
    strings = [re.split(r"%[-+.*\d]*l*[a-z]", re.sub(r"^(camrank: |%s: )+|\\n|`|\\", "", string).replace("%%", "%").strip())
               for string in re.findall(r'"((?:[^"\\\n]|\\.)*)"', code)]
    for message in re.findall(r"^\*\*`(.*?)`\*\*", PAGES["docs/troubleshooting.md"], re.M | re.S):
        message = message.replace("\n", " ")
        long = [parts for parts in strings if 2 * len("".join(parts)) > len(message)]
        if not any(re.search(".*".join(map(re.escape, parts)), message) for parts in long):
            yield f"docs/troubleshooting.md: no message is {message}"


def snippets():
    for path, text in PAGES.items():
        for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M):
            yield path, text.count("\n", 0, found.start()) + 1, found[1], found[2]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)


def make_files(folder):
    """The demo's file where docs have it, and one as README's job would make it."""
    os.makedirs(f"{folder}/build")
    for output, sets in (("build/demo.h5", ()), ("resnet18.h5", ("--set", "models.0.name=resnet18"))):
        made = run(CAMRANK, "run", "jobs/demo/demo.yaml", "--limit", "40", *sets, "-o", f"{folder}/{output}")
        assert made.returncode == 0, made.stderr


def check_python(code, folder):
    for shown, instead in REPLACED.items():
        code = code.replace(shown, instead)
    done = run(sys.executable, "-W", "ignore", "-c", code, cwd=folder,
               env={**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1",
                    "PYTHONPATH": os.path.abspath("python")})
    assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"


def check_job(text, folder):
    with open(f"{folder}/job.yaml", "w", encoding="utf-8") as file:
        file.write(text)
    done = run(CAMRANK, "check", "job.yaml", cwd=folder)
    assert done.returncode == 3 and done.stderr.endswith("No such file or directory\n"), done.stderr


def main():
    kinds = {"python": check_python, "yaml": check_job}
    counts, failures = dict.fromkeys(kinds, 0), 0
    with tempfile.TemporaryDirectory() as folder:
        make_files(folder)
        for path, line, kind, text in snippets():
            if kind not in kinds:
                continue
            counts[kind] += 1
            try:
                kinds[kind](text, folder)
                print(f"ok: {path}:{line}: {kind}")
            except AssertionError as wrong:
                failures += 1
                print(f"failed: {path}:{line}: {kind}: {wrong}")
    for wrong in (*wrong_links(), *wrong_messages()):
        print(f"failed: {wrong}")
        failures += 1
    if not all(counts.values()):
        print(f"failed: too few snippets: {counts}")
        failures += 1
    sys.exit(bool(failures))


main()

#!/usr/bin/env python3
"""Plants bugs in crypto/, one at a time, and shows which of them the tests kill.

usage: tests/mutation/run.py [--list] [NAME ...]
  NAME  only mutations whose name contains one of these texts

Works on a copy under build/mutation/, with the vectors of ../shared if they lie beside
the checkout. Exit code 0: at least 95 % were killed and every survivor is explained in
mutations.py; 1: not so; 2: the list does not fit the code, or the code fails unchanged.
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from mutations import MUTATIONS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutation"
SOURCE = WORK / "source"
BUILD = WORK / "build"
TESTS = ["crypto_test", "sealed_stream_test", "crypto_vectors_test",
         "hpke_corpus_test", "key_wrap_corpus_test", "token_corpus_test"]
PROBE = "constant_time_probe"
TIMEOUT_S = 60
MEMORY_BYTES = 3 << 30  # a cap that a bug removed must not take the machine with it
LEAST_KILLED = 0.95


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)


def fail(message):
    print(message, file=sys.stderr)
    sys.exit(2)


def copy_source():
    """Brings the copy up to date; what has not changed keeps its time, and is not built again."""
    SOURCE.mkdir(parents=True, exist_ok=True)
    listed = run(["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"])
    for name in listed.stdout.splitlines():
        source, copy = ROOT / name, SOURCE / name
        if not source.is_file() or (copy.exists() and copy.read_bytes() == source.read_bytes()):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        shutil.copymode(source, copy)
    shared = WORK / "shared"
    if (ROOT.parent / "shared").is_dir() and not shared.exists():
        shared.symlink_to(ROOT.parent / "shared")


def configure():
    outcome = run(["cmake", "-G", "Ninja", "-S", str(SOURCE), "-B", str(BUILD),
                   "-DCMAKE_BUILD_TYPE=Debug", "-DSEALTRAIN_BATCHED=OFF"])
    if outcome.returncode != 0:
        fail(outcome.stdout)


def build(test):
    return run(["cmake", "--build", str(BUILD), "--target", test])


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def first_failure(name):
    """What fails first, or None. Tests are built one by one: most bugs die in the first."""
    for test in TESTS:
        outcome = build(test)
        if outcome.returncode != 0:
            # A bug that does not compile says nothing about the tests.
            fail(f"{name}: {test} does not build:\n" + outcome.stdout[-3000:])
        try:
            outcome = run([str(BUILD / "bin" / test), "--gtest_brief=1"], cwd=SOURCE,
                          timeout=TIMEOUT_S, preexec_fn=limit_memory)
        except subprocess.TimeoutExpired:
            return test + ": no end"
        if outcome.returncode != 0:
            failed = re.findall(r"^\[  FAILED  \] ([\w./]+)", outcome.stdout, re.MULTILINE)
            return failed[0] if failed else f"{test}: exit {outcome.returncode}"
    # Tests that are no GoogleTest: constant time, where the build has it.
    if build("help").stdout.find(PROBE) >= 0:
        build(PROBE)
        outcome = run(["ctest", "--test-dir", str(BUILD), "-R", "^ConstantTime", "--timeout", "300"])
        failed = re.findall(r"- (ConstantTime\S+) \(", outcome.stdout)
        if failed:
            return failed[0]
    return None


def mutated(mutation):
    """The contents of the files that the mutation changes."""
    contents = {}
    for edit in mutation.edits:
        text = contents.get(edit.file) or (ROOT / edit.file).read_text()
        text, matches = re.subn(edit.pattern, edit.replacement, text)
        if matches != edit.matches:
            fail(f"{mutation.name}: matches {matches} times in {edit.file}, not {edit.matches}: "
                 f"{edit.pattern}")
        contents[edit.file] = text
    return contents


def try_mutation(mutation):
    """How it died, or None."""
    changed = mutated(mutation)
    try:
        for file, text in changed.items():
            (SOURCE / file).write_text(text)
        return first_failure(mutation.name)
    finally:
        for file in changed:
            shutil.copyfile(ROOT / file, SOURCE / file)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="check that all apply, print their names")
    parser.add_argument("name", nargs="*")
    args = parser.parse_args()
    chosen = [m for m in MUTATIONS if not args.name or any(n in m.name for n in args.name)]
    if not chosen:
        fail("no such mutation")
    for mutation in chosen:
        mutated(mutation)
        if args.list:
            print(mutation.name)
    if args.list:
        return 0

    copy_source()
    configure()
    failure = first_failure("unchanged code")
    if failure is not None:
        fail(f"the tests fail without any mutation: {failure}")

    killed = 0
    unexplained = []
    for mutation in chosen:
        start = time.monotonic()
        cause = try_mutation(mutation)
        if cause is not None:
            killed += 1
        elif mutation.survives is None:
            unexplained.append(mutation.name)
        verdict = f"killed by {cause}" if cause else f"SURVIVED ({mutation.survives or 'unexplained'})"
        print(f"{mutation.name:52} {verdict} [{time.monotonic() - start:.0f} s]", flush=True)
        if cause is not None and mutation.survives is not None:
            print(f"  ... though it was said to survive: {mutation.survives}")
    share = killed / len(chosen)
    print(f"\n{killed} of {len(chosen)} killed ({share:.1%})")
    enough = share >= LEAST_KILLED or bool(args.name)
    return 0 if enough and not unexplained else 1


if __name__ == "__main__":
    sys.exit(main())

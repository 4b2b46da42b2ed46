#!/usr/bin/env python3
"""Writes a small, made-up corpus of mails for where the real one cannot be had.

usage: make_sample.py FOLDER

The folder gets GROUP/NUMBER.CHECKSUM.txt files in the layout of the SpamAssassin
corpus: 1,200 mails of 300 invented senders. The same mails on every run. They
show the path at work; no accuracy on them means anything.
"""
import hashlib
import pathlib
import random
import sys

HAM_WORDS = """meeting patch kernel review report budget lunch thanks attached question release
server schedule draft notes compile branch weekend project regards list thread reply archive
perl script debian package bug fix test build mail config""".split()
SPAM_WORDS = """free winner credit offer click cheap guarantee mortgage million cash limited
unsubscribe investment pills loan discount prize amazing risk rates urgent earn income debt
lowest billing bonus subscribe""".split()
SHARED_WORDS = "the and you for with this that from have your will please about can our".split()
NAMES = "ada grace alan edsger barbara donald tony john niklaus frances".split()
LATIN1 = "caf\u00e9 na\u00efve r\u00e9sum\u00e9 stra\u00dfe".split()


def mail(rng: random.Random, spam: bool) -> bytes:
    sender = rng.randrange(150) + (150 if spam else 0)
    name = NAMES[sender % len(NAMES)]
    words = SPAM_WORDS if spam else HAM_WORDS
    # One word in eight comes from the other side, so that nothing is perfectly separable.
    other = HAM_WORDS if spam else SPAM_WORDS
    body = []
    for _ in range(rng.randrange(20, 120)):
        pick = rng.random()
        body.append(rng.choice(SHARED_WORDS if pick < 0.5 else other if pick < 0.56 else words))
    if rng.random() < 0.1:
        body.append(rng.choice(LATIN1))  # written as ISO-8859-1: not valid UTF-8
    text = "\n".join(
        [
            f"Return-Path: <{name}{sender}@example.net>",
            f"Received: from host{sender}.example.net ([203.0.113.{sender % 250 + 1}]) by mx.example.org;"
            f" Thu, {rng.randrange(10, 28)} Aug 2002 12:00:00 +0000",
            f"From: {name.title()} <{name}{sender}@example.net>",
            f"To: reader{rng.randrange(20)}@example.org",
            f"Subject: {rng.choice(words)} {rng.choice(words)}",
            f"Date: Thu, {rng.randrange(10, 28)} Aug 2002 12:00:00 +0000",
            f"Message-ID: <{rng.randrange(10**12)}@example.net>",
            "Content-Type: text/plain; charset=iso-8859-1",
            "",
            " ".join(body),
            "",
        ]
    )
    return text.encode("iso-8859-1")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    rng = random.Random(20020822)
    for number in range(1200):
        spam = rng.random() < 0.32
        raw = mail(rng, spam)
        group = pathlib.Path(sys.argv[1]) / ("spam-1" if spam else "easy-ham-1")
        group.mkdir(parents=True, exist_ok=True)
        (group / f"{number:05}.{hashlib.md5(raw).hexdigest()}.txt").write_bytes(raw)
    return 0


if __name__ == "__main__":
    sys.exit(main())

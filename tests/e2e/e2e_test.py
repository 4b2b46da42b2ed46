#!/usr/bin/env python3
"""End-to-end tests through the installed programs.

SEALTRAIN_PREFIX names the installation, SEALTRAIN_SOURCE the checkout.
"""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

PREFIX = pathlib.Path(os.environ["SEALTRAIN_PREFIX"])
SOURCE = pathlib.Path(os.environ["SEALTRAIN_SOURCE"])
OK, FAILED, USAGE, DENIED, INTEGRITY, BUDGET, KEY, TRY_AGAIN = 0, 1, 2, 3, 4, 5, 6, 75

SCHEMA = """syntax = "proto3";
import "sealtrain/data_class.proto";
message Note {
  string author = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  string text = 2 [(sealtrain.privacy).data_class = FREE_TEXT];
  string address = 3 [(sealtrain.privacy).data_class = NETWORK_ID];
  int32 age = 4 [(sealtrain.privacy).data_class = QUASI_IDENTIFIER];
  bool good = 5 [(sealtrain.privacy).data_class = LABEL];
}
"""
POLICY = """id: "notes" version: 1 author: "user:eve"
not_before { seconds: 1704067200 } not_after { seconds: 1893456000 }
purpose: "study/notes" purpose: "study-baseline" purpose: "ads"
approval { required: 1 approver { name: "ada" public_key: "@ADA_KEY@" } }
rule { id: "ingest" why: "w"
  permit {
    obligation { transform { on_class: SUBJECT_KEY kind: PSEUDONYMIZE domain: "notes" } }
    obligation { transform { on_class: NETWORK_ID kind: TRUNCATE_IP prefix_v4: 24 prefix_v6: 48 } }
    obligation { transform { on_class: QUASI_IDENTIFIER kind: BUCKET step: 10 } }
    obligation { transform { on_class: FREE_TEXT kind: KEEP } } }
  scope { principal: "job" action: INGEST action: SEAL dataset: "notes" purpose: "study"
    data_class: SUBJECT_KEY data_class: FREE_TEXT data_class: NETWORK_ID
    data_class: QUASI_IDENTIFIER data_class: LABEL }
  not_after { seconds: 1893456000 } }
rule { id: "train" why: "w"
  permit { obligation { transform { on_class: FREE_TEXT kind: KEEP } }
           obligation { dp { epsilon_max: 3 delta_max: 1e-5 unit: RECORD ledger_epsilon: 4 } } }
  scope { principal: "trainer" action: TRAIN dataset: "notes" purpose: "study/notes"
    data_class: FREE_TEXT data_class: LABEL }
  when { trust_at_least: LOCKED } not_after { seconds: 1893456000 } }
rule { id: "evaluate" why: "w"
  permit { obligation { transform { on_class: FREE_TEXT kind: KEEP } } }
  scope { principal: "trainer" action: EVALUATE dataset: "notes" purpose: "study/notes"
    data_class: FREE_TEXT data_class: LABEL }
  when { trust_at_least: LOCKED } not_after { seconds: 1893456000 } }
test { name: "ads get nothing"
  request { principal: "trainer" action: TRAIN dataset: "notes" purpose: "ads" trust: LOCKED
    column { name: "text" data_class: FREE_TEXT applied { kind: KEEP } } }
  expect { allow: false } }
"""
SPEC = """feature { hashed_text { column: "text" buckets: 64 tokens: WORDS max_ngram: 1
                         max_bytes_a_row: 1024 } }
label { column: "good" value: "false" value: "true" }
model { logistic_regression {} }
optimizer { adam {} steps: 30 learning_rate: 0.1 l2: 0 sampling_rate: 0.2 }
privacy { unit: RECORD clipping_norm: 1 epsilon: 2.5 delta: 1e-5 expected_batch: 60 }
"""


def notes(count, seed=1):
    """Rows as dictionaries; the text and the author carry canaries."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        good = rng.random() < 0.5
        words = ["bright", "calm", "kind"] if good else ["dull", "loud", "rude"]
        rows.append({
            "author": f"canaryauthor{i % 40}",
            "text": " ".join(rng.choice(words) for _ in range(6)) + f" canarytext{i}",
            "address": f"198.51.100.{i % 250}",
            "age": rng.randrange(18, 90),
            "good": good,
        })
    return rows


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


class World(unittest.TestCase):
    """A home with a policy and a data set, made anew for each test."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sealtrain-e2e."))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.home, self.store = self.dir / "home", self.dir / "store"
        self.passphrase = self.write("passphrase", "correct horse battery staple\n")

    def write(self, name, content):
        path = self.dir / name
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return path

    def command(self, program, args, home=None, passphrase=None):
        command = [str(PREFIX / "bin" / program), "--home", str(home or self.home)]
        if program == "sealtrain":
            command += ["--store", str(self.store), "--passphrase-file",
                        str(passphrase or self.passphrase)]
        return command + [str(a) for a in args]

    def run_program(self, program, *args, expect=OK, stdin=b"", preexec=None, **options):
        command = self.command(program, args, **options)
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=300,
                              preexec_fn=preexec)
        self.assertEqual(done.returncode, expect,
                         f"{' '.join(command)}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        self.stdout, self.stderr = done.stdout.decode(), done.stderr.decode()
        return self.stdout

    def command_fails(self, args):
        done = subprocess.run(self.command("sealtrain", args), capture_output=True, timeout=300)
        self.assertNotEqual(done.returncode, OK)
        self.stderr = done.stderr.decode()

    def sealtrain(self, *args, **options):
        return self.run_program("sealtrain", *args, **options)

    def audit(self, *args, **options):
        return self.run_program("sealtrain-audit", *args, **options)

    def json(self, *args, **options):
        return json.loads(self.sealtrain("--json", *args, **options))

    def init(self):
        # Every command derives the root key; at the least cost, not to wait for it.
        self.sealtrain("init", "--argon2-memory", "19", "--argon2-passes", "2")

    def apply_policy(self, text=POLICY):
        key = self.sealtrain("policy", "keygen", "--out", self.dir / "ada.key").strip()
        policy = self.write("policy.textproto", text.replace("@ADA_KEY@", key))
        self.sealtrain("policy", "approve", policy, "--name", "ada", "--key", self.dir / "ada.key")
        self.sealtrain("policy", "apply", policy)
        return policy

    def make(self, rows=0):
        self.init()
        self.schema = self.write("note.proto", SCHEMA)
        self.sealtrain("dataset", "create", "notes", "--schema", self.schema, "--message", "Note")
        self.apply_policy()
        if rows:
            self.ingest(jsonl(notes(rows)))

    def ingest(self, content, *args, format="jsonl", expect=OK, name=None, **options):
        path = self.write(name or f"notes.{format}", content)
        return self.sealtrain("--principal", "job", "ingest", "notes", "--from", path, "--format",
                              format, "--purpose", "study/notes", *args, expect=expect, **options)

    def train(self, model, *args, purpose="study/notes", expect=OK, spec=SPEC, **options):
        path = self.write("spec.textproto", spec)
        return self.sealtrain("--principal", "trainer", "train", "notes", "--purpose", purpose,
                              "--spec", path, "--model-name", model, *args, expect=expect,
                              **options)

    def evaluate(self, model, expect=OK):
        return self.sealtrain("--json", "--principal", "trainer", "model", "evaluate", model,
                              "--dataset", "notes", "--purpose", "study/notes", expect=expect)

    def generation(self):
        return self.json("dataset", "show", "notes")["generation"]

    def shards(self):
        return sorted((self.store / "notes" / "shards").glob("*.seal"))


class Home(World):
    def test_init_makes_a_home_once(self):
        self.init()
        self.sealtrain("init", expect=FAILED)
        self.audit("verify")

    def test_init_takes_no_cheaper_passphrase_than_the_least(self):
        for cheap in (["--argon2-memory", "18"], ["--argon2-passes", "1"],
                      ["--argon2-memory", "1025"], ["--argon2-passes", "11"]):
            self.sealtrain("init", *cheap, expect=USAGE)
            self.assertIn(cheap[0], self.stderr)
        self.assertFalse(self.home.exists())
        self.sealtrain("init", "--argon2-memory", "20", "--argon2-passes", "4")
        with contextlib.closing(sqlite3.connect(self.home / "keystore.db")) as db:
            self.assertEqual(db.execute("SELECT memory_bytes, passes FROM root_key").fetchall(),
                             [(20 << 20, 4)])

    def test_a_folder_that_is_no_home_is_a_usage_error(self):
        self.sealtrain("dataset", "list", home=self.dir / "nowhere", expect=USAGE)
        self.assertIn("nowhere", self.stderr)
        (self.dir / "empty").mkdir()
        self.sealtrain("dataset", "list", home=self.dir / "empty", expect=USAGE)

    def test_a_wrong_passphrase_is_said_to_be_one(self):
        self.init()
        wrong = self.write("wrong", "incorrect horse\n")
        self.sealtrain("dataset", "list", passphrase=wrong, expect=KEY)
        self.assertIn("wrong passphrase", self.stderr)
        self.sealtrain("dataset", "list")

    def test_a_passphrase_file_may_end_its_line_as_windows_does(self):
        self.init()
        self.sealtrain("dataset", "list",
                       passphrase=self.write("crlf", "correct horse battery staple\r\n"))

    def test_a_place_without_a_log_is_no_answer(self):
        for place in (["--home", self.dir / "typo"], ["--log", self.dir / "typo"]):
            done = subprocess.run([PREFIX / "bin/sealtrain-audit", *place, "search", "--verdict",
                                   "denied"], capture_output=True)
            self.assertEqual(done.returncode, USAGE, done.stderr)
            self.assertIn(b"no audit log", done.stderr)

    def test_the_audit_program_has_no_code_for_data_keys(self):
        listed = subprocess.run(["nm", "--demangle", PREFIX / "bin/sealtrain-audit"], check=True,
                                capture_output=True, text=True).stdout
        # Code: type t or w. What the linker dropped stays as a name without a place.
        symbols = "\n".join(line for line in listed.splitlines()
                            if line[17:18].lower() in ("t", "w"))
        self.assertIn("sealtrain::crypto::VerifySignature", symbols)
        for code in ("KeyDerivation::", "KeyWrap::", "KekFromPassphrase", "StreamOpener::",
                     "StreamSealer::", "SegmentOpener::", "OpenStream", "SealStream", "Hpke",
                     "TokenCipher::"):
            self.assertNotIn("crypto::" + code, symbols)

    def test_a_home_that_lost_its_log_is_no_longer_whole(self):
        self.init()
        shutil.rmtree(self.home / "audit")
        self.sealtrain("dataset", "list", expect=INTEGRITY)
        self.assertIn("audit log is missing", self.stderr)
        self.audit("verify", expect=INTEGRITY)
        self.assertIn("is missing", self.stderr)

    def test_an_empty_passphrase_is_refused(self):
        empty = self.write("empty", "\n")
        self.sealtrain("init", passphrase=empty, expect=FAILED)
        self.assertFalse((self.home / "config.textproto").exists())

    def test_absurd_argon2_parameters_are_refused(self):
        self.make()
        with contextlib.closing(sqlite3.connect(self.home / "keystore.db")) as db:
            (own,), = db.execute("SELECT memory_bytes FROM root_key").fetchall()
            for memory, expect in ((99999999999999, INTEGRITY), (own, OK)):
                changed = db.execute("UPDATE root_key SET memory_bytes = ?", (memory,)).rowcount
                self.assertEqual(changed, 1)
                db.commit()
                self.sealtrain("dataset", "list", expect=expect)


    def test_doctor_finds_a_broken_home(self):
        self.init()
        self.sealtrain("doctor")
        for path in ("config.textproto", "keystore.db", "audit/checkpoint"):
            good = (self.home / path).read_bytes()
            (self.home / path).write_bytes(b"nonsense")
            found = json.loads(self.sealtrain("--json", "doctor", expect=FAILED))
            self.assertEqual(found["findings"], 1, path)
            (self.home / path).write_bytes(good)
        self.sealtrain("doctor")

    def test_nothing_that_is_typed_reaches_the_terminal_raw(self):
        self.init()
        evil = "no\x1b[31m\u202ete\ns"
        for arguments in (["dataset", "show", evil], ["model", "show", evil], [evil],
                          ["ingest", "n", "--from", "f", "--purpose", "p", "--format", evil]):
            self.command_fails(arguments)
            self.assertNotRegex(self.stderr[:-1].replace("\nRun with", " "), "[\x1b\u202e\n]")


class Keys(World):
    def test_rotation_changes_the_passphrase_and_touches_no_sealed_data(self):
        self.make()
        self.ingest(jsonl(notes(50)))
        sealed = {p: p.read_bytes() for p in self.store.rglob("*") if p.is_file()}
        before = self.json("key", "list")
        self.assertEqual(before["root"], {"provider": "passphrase", "number": 1})
        self.assertIn({"dataset": "notes", "seals": "FREE_TEXT", "key_epoch": 1}, before["keys"])

        # Nothing to choose it from, an empty one, a file that is not there.
        self.sealtrain("key", "rotate", expect=USAGE)
        self.assertIn("--new-passphrase-file", self.stderr)
        empty = self.write("empty", "")
        self.sealtrain("key", "rotate", "--new-passphrase-file", empty, expect=FAILED)
        self.sealtrain("key", "rotate", "--new-passphrase-file", self.dir / "no", expect=USAGE)

        new = self.write("new", "a new one\n")
        done = self.json("key", "rotate", "--new-passphrase-file", new)
        self.assertEqual(done["keys_rewrapped"], len(before["keys"]))
        self.sealtrain("key", "list", expect=KEY)
        self.assertIn("wrong passphrase", self.stderr)
        after = self.json("key", "list", passphrase=new)
        self.assertEqual(after["root"]["number"], 2)
        self.assertEqual(after["keys"], before["keys"])
        self.sealtrain("dataset", "verify", "notes", passphrase=new)
        self.assertEqual(sealed, {p: p.read_bytes() for p in self.store.rglob("*") if p.is_file()})
        log = self.audit("log", "--type", "KEY_ROTATED")
        self.assertIn("key:root", log)


    def test_the_audit_logs_key_is_replaced_in_two_steps(self):
        self.make()
        old = (self.home / "audit" / "log.vkey").read_text().strip()
        self.sealtrain("key", "rotate-log", "--finish", expect=KEY)
        self.assertIn("no new key signs", self.stderr)
        done = self.json("key", "rotate-log")
        self.assertEqual((done["signs"][0], done["finished"]), (old, False))
        new = done["signs"][1]
        for key in (old, new):
            self.audit("verify", "--vkey", key)
        self.sealtrain("key", "rotate-log", expect=KEY)
        self.ingest(jsonl(notes(20)))
        self.assertEqual(self.json("key", "rotate-log", "--finish"),
                         {"signs": [new], "finished": True})
        self.ingest(jsonl(notes(30)))
        self.audit("verify", "--vkey", new)
        self.audit("verify")
        self.audit("verify", "--vkey", old, expect=INTEGRITY)
        log = self.audit("log", "--reverse", "--type", "KEY_ROTATED", "--type", "KEY_DESTROYED")
        self.assertEqual(log.count("key:audit-log"), 2)


class PutBack(World):
    """A key store or a log from a backup, beside the other as it is."""

    def test_a_key_store_from_before_a_run_is_refused(self):
        self.make(300)
        old = (self.home / "keystore.db").read_bytes()
        self.train("m")
        new = (self.home / "keystore.db").read_bytes()
        (self.home / "keystore.db").write_bytes(old)
        self.train("n", expect=INTEGRITY)
        self.assertIn("the key store is older than the audit log", self.stderr)
        self.sealtrain("budget", "show", "notes", expect=INTEGRITY)
        self.assertIn("is older than the audit log", self.sealtrain("doctor", expect=FAILED))
        (self.home / "keystore.db").write_bytes(new)
        self.sealtrain("budget", "show", "notes")
        self.sealtrain("doctor")

    def test_a_log_from_before_an_ingestion_is_refused(self):
        self.make()
        shutil.copytree(self.home / "audit", self.dir / "old")
        self.ingest(jsonl(notes(20)))
        shutil.rmtree(self.home / "audit")
        shutil.copytree(self.dir / "old", self.home / "audit")
        self.ingest(jsonl(notes(30)), expect=INTEGRITY)
        self.assertIn("the log was put back or cut off", self.stderr)


class Schema(World):
    def test_a_descriptor_set_is_as_good_as_its_source(self):
        self.init()
        self.write("note.proto", SCHEMA)
        subprocess.run(["protoc", f"-I{self.dir}", f"-I{SOURCE}/policy/import",
                        "--include_imports", f"--descriptor_set_out={self.dir}/note.pb",
                        "note.proto"], check=True)
        self.sealtrain("dataset", "create", "notes", "--schema", self.dir / "note.pb", "--message",
                       "Note")
        self.assertIn("FREE_TEXT", self.sealtrain("dataset", "columns", "notes"))
        broken = self.write("broken.pb", b"\x0a\xff\xff")
        self.sealtrain("dataset", "create", "other", "--schema", broken, "--message", "Note",
                       expect=FAILED)
        self.assertIn("broken.pb", self.stderr)

    def create(self, proto, expect):
        self.init()
        path = self.write("bad.proto", proto)
        self.sealtrain("dataset", "create", "notes", "--schema", path, "--message", "Note",
                       expect=expect)

    def test_an_unlabelled_field_is_refused_by_name(self):
        self.create(SCHEMA.replace(" [(sealtrain.privacy).data_class = FREE_TEXT]", ""), FAILED)
        self.assertIn("text", self.stderr)
        self.assertIn("bad.proto", self.stderr)

    def test_two_subject_keys_are_refused(self):
        self.create(SCHEMA.replace("FREE_TEXT", "SUBJECT_KEY"), FAILED)
        self.assertIn("SUBJECT_KEY", self.stderr)

    def test_a_syntax_error_has_its_line(self):
        self.create(SCHEMA.replace("int32 age", "int33 age"), FAILED)
        self.assertRegex(self.stderr, r"bad\.proto:7")

    def test_a_missing_file_is_named(self):
        self.init()
        self.sealtrain("dataset", "create", "notes", "--schema", self.dir / "none.proto",
                       "--message", "Note", expect=FAILED)
        self.assertIn("none.proto", self.stderr)


class Policy(World):
    def test_a_typo_has_its_line_and_column(self):
        policy = self.write("policy.textproto", POLICY.replace("kind: BUCKET", "kind: BUCKETS"))
        self.sealtrain("policy", "check", policy, expect=FAILED)
        self.assertRegex(self.stdout + self.stderr, r"policy\.textproto:9:\d+")

    def test_a_failing_test_is_named(self):
        self.init()
        key = self.sealtrain("policy", "keygen", "--out", self.dir / "ada.key").strip()
        policy = self.write("policy.textproto", POLICY.replace("@ADA_KEY@", key).replace(
            "expect { allow: false }", "expect { allow: true }"))
        self.sealtrain("policy", "test", policy, expect=FAILED)
        self.assertIn("ads get nothing", self.stdout + self.stderr)
        self.sealtrain("policy", "approve", policy, "--name", "ada", "--key", self.dir / "ada.key")
        self.sealtrain("policy", "apply", policy, expect=FAILED)

    def test_an_unapproved_or_edited_policy_is_not_applied(self):
        self.init()
        key = self.sealtrain("policy", "keygen", "--out", self.dir / "ada.key").strip()
        policy = self.write("policy.textproto", POLICY.replace("@ADA_KEY@", key))
        self.sealtrain("policy", "apply", policy, expect=FAILED)
        self.sealtrain("policy", "approve", policy, "--name", "ada", "--key", self.dir / "ada.key")
        policy.write_text(policy.read_text().replace("epsilon_max: 3", "epsilon_max: 9"))
        self.sealtrain("policy", "apply", policy, expect=FAILED)
        self.assertNotIn("epsilon_max: 9", self.sealtrain("policy", "history"))

    def test_explain_says_why_not(self):
        self.make(20)
        self.sealtrain("--principal", "trainer", "policy", "explain", "--dataset", "notes",
                       "--action", "TRAIN", "--purpose", "ads", "--column", "text", expect=DENIED)

    def files(self):
        self.schema = self.write("note.proto", SCHEMA)
        self.policy = self.write("policy.textproto", POLICY.replace("@ADA_KEY@", "a" * 64))
        return ["--file", self.policy, "--schema", self.schema, "--message", "Note"]

    def test_init_drafts_what_check_and_test_take(self):
        schema = self.write("note.proto", SCHEMA)
        key = self.sealtrain("policy", "keygen", "--out", self.dir / "ada.key").strip()
        draft = self.dir / "draft.textproto"
        init = ["policy", "init", "--schema", schema, "--message", "Note", "--id", "notes",
                "--dataset", "notes/*", "--approver", f"ada={key}", "--out", draft]
        self.sealtrain(*init, expect=FAILED)
        self.assertIn("purpose", self.stderr)
        self.sealtrain(*init, "--purpose", "study")
        self.sealtrain(*init, "--purpose", "study", expect=FAILED)  # it is there
        for name in ("SUBJECT_KEY", "FREE_TEXT", "NETWORK_ID", "QUASI_IDENTIFIER", "LABEL"):
            self.assertIn(f"data_class: {name}  # ", draft.read_text())
        self.sealtrain("policy", "check", draft)
        self.sealtrain("policy", "test", "--strict", draft)
        self.sealtrain("policy", "fmt", "--check", draft)

    def test_check_finds_what_is_wrong_with_the_schema(self):
        self.files()
        check = ["policy", "check", self.policy, "--message", "Note", "--schema"]
        self.assertEqual(self.json(*check, self.schema)["errors"], 0)
        bare = self.write("bare.proto", SCHEMA + "message Bare { string text = 1; }\n")
        found = self.json(*check[:-2], "Bare", "--schema", bare, expect=FAILED)
        self.assertEqual(found["errors"], 1)
        error = [f["message"] for f in found["findings"] if f["severity"] == "error"]
        self.assertRegex(error[0], r'bare\.proto:\d+:\d+: field "text" has no data class')
        self.sealtrain(*check[:-3], "--schema", self.schema, expect=USAGE)
        self.sealtrain(*check, self.dir / "none.proto", expect=FAILED)

    def test_fmt_writes_one_layout_and_keeps_comments(self):
        self.files()
        self.policy.write_text("# whose\n" + self.policy.read_text())
        self.sealtrain("policy", "fmt", "--check", self.policy, expect=FAILED)
        self.sealtrain("policy", "fmt", "--write", "--check", self.policy, expect=USAGE)
        self.sealtrain("policy", "fmt", "--write", self.policy)
        self.sealtrain("policy", "fmt", "--check", self.policy)
        self.assertEqual(self.policy.read_text(), self.sealtrain("policy", "fmt", self.policy))
        self.assertTrue(self.policy.read_text().startswith("# whose\n"))
        self.sealtrain("policy", "test", self.policy)

    def test_can_answers_by_exit_code_and_column(self):
        files = self.files()
        ask = ["--principal", "trainer", "policy", "can", "--action", "TRAIN", "--dataset",
               "notes", "--purpose", "study/notes", "--trust", "LOCKED", *files]
        text = self.json(*ask, "--column", "text")
        self.assertTrue(text["allow"])
        self.assertEqual(text["dp"]["epsilon_max"], 3)
        answer = self.json(*ask, expect=DENIED)
        self.assertEqual({c["name"] for c in answer["columns_alone"] if c["allow"]},
                         {"text", "good"})
        self.sealtrain(*ask, "--column", "text", "--at", "2031-01-01T00:00:00Z", expect=DENIED)
        self.sealtrain(*ask, "--column", "nothing", expect=USAGE)
        self.assertIn("--column: no such column", self.stderr)
        self.sealtrain(*ask, "--column", "text", "--column", "text", expect=USAGE)
        self.sealtrain(*ask, "--rows", "-1", expect=USAGE)
        self.sealtrain(*ask[:-4], expect=USAGE)  # no schema
        # Without the trust it depends; but a column that is never opened is a no wherever it stands.
        ask = [arg for arg in ask if arg not in ("--trust", "LOCKED")]
        answer = self.json(*ask, "--column", "text", expect=DENIED)
        self.assertEqual((answer["answer"], answer["reason_code"], answer["depends_on"]),
                         ("unknown", "unknown_fact", ["--trust"]))
        page = self.sealtrain(*ask, "--column", "text", expect=DENIED)
        self.assertTrue(page.startswith("unknown: ") and "with --trust LOCKED, yes" in page, page)
        for columns in (["text", "--column", "address"], ["address", "--column", "text"]):
            answer = self.json(*ask, "--column", *columns, expect=DENIED)
            self.assertEqual(answer["answer"], "no")
            self.assertEqual({c["name"]: (c["answer"], c["reason_code"])
                              for c in answer["columns_alone"]},
                             {"text": ("unknown", "unknown_fact"),
                              "address": ("no", "uncovered_column")})
            self.assertTrue(self.sealtrain(*ask, "--column", *columns, expect=DENIED)
                            .startswith("no: "))

    def test_who_can_and_plan_list_what_is_open(self):
        files = self.files()
        access = self.json("policy", "who-can", "--action", "TRAIN", "--dataset", "notes",
                           "--purpose", "study/notes", *files)["access"]
        self.assertEqual([(a["principals"], a["column"]) for a in access],
                         [(["trainer"], "text"), (["trainer"], "good")])
        self.assertIn("trust LOCKED", access[0]["situation"])
        self.assertIn("Nobody", self.sealtrain("policy", "who-can", "--action", "TRAIN",
                                               "--dataset", "notes", "--purpose", "ads", *files))
        plan = self.json("policy", "plan", "--dataset", "notes", *files)["access"]
        sealed = {a["column"]: a["transform"] for a in plan if a["action"] == "SEAL"}
        self.assertEqual(sealed["age"], "BUCKET, step 10")
        self.assertEqual(len(sealed), 5)
        trained = [a for a in plan if a["action"] == "TRAIN" and a["column"] == "text"]
        self.assertIn({"duty": "dp.epsilon_max", "value": "3",
                       "from": [{"id": "train", "line": 15, "policy_version": 1}]},
                      trained[0]["duties"])
        page = self.sealtrain("policy", "plan", "--dataset", "notes", *files)
        self.assertIn("under epsilon 3, delta 1e-05 of a record, ledger 4", page)
        self.assertRegex(page, r"(?m)^ *address +NETWORK_ID +uncovered")

    def test_questions_with_a_mistyped_name_are_refused(self):
        files = self.files()

        def refuses(option, hint, *command):
            self.sealtrain(*command, expect=USAGE)
            self.assertIn(f"{option}: ", self.stderr)
            self.assertIn(hint, self.stderr)

        ask = ["--action", "TRAIN", "--dataset", "notes", "--purpose"]
        for command in (["who-can"], ["can", "--column", "text"]):
            refuses("--purpose", "study/notes", "policy", *command, *ask, "study/note", *files)
            refuses("--dataset", "notes", "policy", *command, "--action", "TRAIN", "--dataset",
                    "note", "--purpose", "study/notes", *files)
        refuses("--purpose", "study/notes", "policy", "plan", "--dataset", "notes", "--purpose",
                "studies", *files)
        refuses("--dataset", "one data set", "policy", "plan", "--dataset", "n*", *files)
        refuses("--principal", "group:x", "--principal", "group:x", "policy", "can", *ask,
                "study/notes", *files)
        self.sealtrain("policy", "who-can", "--action", "TRIAN", *ask[2:], "ads", *files,
                       expect=USAGE)
        self.assertIn("INGEST, SEAL, TRAIN", self.stderr)
        # Principals are not declared: anybody may be asked about.
        self.sealtrain("--principal", "stranger", "policy", "can", *ask, "study/notes", *files,
                       expect=DENIED)
        refuses("--model", "TRAIN uses none", "policy", "can", *ask, "study/notes", "--model", "m",
                *files)
        export = ["policy", "can", "--action", "EXPORT_MODEL", *ask[2:], "study/notes", *files]
        self.sealtrain(*export, "--rows", "5", expect=USAGE)
        self.sealtrain(*export, "--model", "m", expect=USAGE)

    def test_explain_refuses_names_that_are_not_there(self):
        self.make(20)
        explain = ["--principal", "trainer", "policy", "explain", "--action", "EXPORT_MODEL"]
        self.sealtrain(*explain, "--dataset", "notes", "--purpose", "stdy", expect=USAGE)
        self.assertIn("study/notes", self.stderr)
        self.sealtrain(*explain, "--dataset", "note", "--purpose", "study/notes", expect=FAILED)
        self.sealtrain(*explain, "--dataset", "notes", "--purpose", "study/notes", "--model", "m",
                       expect=FAILED)
        self.assertIn("no model m", self.stderr)
        # What cannot be meant is said the same way, whoever is asked.
        ask = ["--action", "TRAIN", "--dataset", "notes", "--purpose", "study/notes"]
        for command in ("explain", "can"):
            for column in (["nothing"], ["text", "--column", "text"]):
                self.sealtrain("--principal", "trainer", "policy", command, *ask, "--column",
                               *column, expect=USAGE)
                self.assertIn("--column: ", self.stderr)
            self.sealtrain("--principal", "tr\u0430iner", "policy", command, *ask, expect=USAGE)
            self.assertIn("--principal: nobody can ask as", self.stderr)

    def test_how_a_column_was_sealed_is_unknown_where_rules_differ(self):
        files = self.files()
        text = self.policy.read_text()
        # From 2025 on ages are sealed under another bucket.
        start = text.index('rule { id: "ingest"')
        rule = text[start:text.index('rule { id: "train"')]
        later = rule.replace('"ingest"', '"later"').replace("step: 10", "step: 20").replace(
            "not_after {", "not_before { seconds: 1735689600 } not_after {")
        earlier = rule.replace("not_after { seconds: 1893456000 }",
                               "not_after { seconds: 1735689600 }")
        reads = """rule { id: "ages" permit {
            obligation { transform { on_class: QUASI_IDENTIFIER kind: BUCKET step: @ } } }
          scope { principal: "reader" action: TRAIN dataset: "notes" purpose: "study/notes"
            data_class: QUASI_IDENTIFIER } }
        """
        self.policy.write_text(text.replace(rule, earlier + later + reads.replace("@", "20")))
        ask = ["--principal", "reader", "policy", "can", "--action", "TRAIN", "--dataset",
               "notes", "--purpose", "study/notes", "--column", "age", *files]
        page = self.sealtrain(*ask, expect=DENIED)
        self.assertTrue(page.startswith("unknown: "), page)
        self.assertIn("age is sealed under BUCKET, step 10 by job for study/notes, at 2024-01-01",
                      page)
        self.assertIn("age is sealed under BUCKET, step 20 by job for study/notes, at 2025-01-01",
                      page)
        answer = self.json(*ask, expect=DENIED)
        self.assertEqual(answer["reason_code"], "unknown_fact")
        self.assertEqual([s["transform"] for s in answer["sealed_as"]],
                         ["BUCKET, step 10", "BUCKET, step 20"])
        # The question may fix it.
        self.assertTrue(self.sealtrain(*ask, "--at", "2024-06-01T00:00:00Z",
                                       expect=DENIED).startswith("no: "))
        self.assertIn("as sealed: BUCKET, step 20",
                      self.sealtrain(*ask, "--at", "2025-06-01T00:00:00Z"))
        # It is yes where each way will do.
        self.policy.write_text(text.replace(rule, earlier + later + reads.replace("@", "5")))
        self.assertIn("however it was sealed", self.sealtrain(*ask))

    def test_plan_shows_the_duties_of_each_situation(self):
        files = self.files()
        text = self.policy.read_text()
        self.policy.write_text(text.replace('test { name:', """rule { id: "hurry" permit {
            obligation { lease { seconds: 60 } } }
          scope { principal: "trainer" action: TRAIN dataset: "notes" purpose: "study/notes"
            data_class: LABEL } not_after { seconds: 1735689600 } }
        test { name:""", 1))
        page = self.sealtrain("policy", "plan", "--dataset", "notes", *files)
        self.assertRegex(page, r"(?m)^  under epsilon 3, .*; lease 1m$")
        self.assertRegex(page, r"(?m)^  under epsilon 3, .*; lease 10m \(default\)$")
        trained = [a for a in self.json("policy", "plan", "--dataset", "notes", *files)["access"]
                   if a["action"] == "TRAIN" and a["column"] == "good"]
        self.assertEqual([[r["id"] for r in a["rules"]] for a in trained],
                         [["hurry"], ["train", "hurry"], ["train"]])
        for access in trained:
            self.assertLess(access["allowed_situations"], access["situations"])
        who = self.sealtrain("policy", "who-can", "--action", "TRAIN", "--dataset", "notes",
                             "--purpose", "study/notes", *files)
        self.assertRegex(who, r"(?m)^trainer +good .* lease 1m +in \d+ of \d+ situations, e\.g\. ")

    def test_approve_refuses_a_key_that_is_anothers(self):
        self.files()
        keys = {name: self.sealtrain("policy", "keygen", "--out", self.dir / f"{name}.key").strip()
                for name in ("cal", "dot", "new")}
        text = self.policy.read_text().replace(
            "approver {", f'approver {{ name: "cal" public_key: "{keys["cal"]}" }} '
            f'approver {{ name: "dot" public_key: "{keys["dot"]}" }} approver {{', 1)
        first = self.write("first.textproto", text)

        def approve(file, name, key, *args, **options):
            self.sealtrain("policy", "approve", file, "--name", name, "--key",
                           self.dir / f"{key}.key", *args, **options)

        approve(first, "dot", "cal", expect=FAILED)
        self.assertIn("which is that of cal", self.stderr)
        approve(first, "dot", "new", expect=FAILED)
        self.assertIn("which is nobody's", self.stderr)
        digest = hashlib.sha256(first.read_bytes()).hexdigest()
        second = self.write("second.textproto", text.replace(
            "version: 1", f'version: 2 previous_sha256: "{digest}"').replace(
            keys["dot"], keys["new"]))
        approve(second, "dot", "cal", expect=FAILED)
        self.assertFalse((self.dir / "second.textproto.approvals").exists())
        # Those who were approvers before the change approve it, if the version before says so.
        approve(second, "dot", "dot", expect=FAILED)
        self.assertIn("--previous", self.stderr)
        approve(second, "dot", "dot", "--previous", first)
        approve(second, "dot", "new", "--previous", first, expect=FAILED)
        approve(second, "cal", "cal")
        approve(second, "cal", "cal", "--previous", second, expect=USAGE)

    def test_plan_and_can_ask_the_policy_in_force(self):
        self.make(20)
        self.sealtrain("policy", "plan", "--dataset", "notes")
        self.assertIn("TRAIN for study/notes by trainer", self.stdout)
        self.assertIn(self.stdout, self.sealtrain("dataset", "columns", "notes"))
        self.assertEqual(self.json("dataset", "columns", "notes")["access"],
                         self.json("policy", "plan", "--dataset", "notes")["access"])
        self.sealtrain("--principal", "trainer", "policy", "can", "--action", "TRAIN", "--dataset",
                       "notes", "--purpose", "study/notes", "--column", "text")
        self.sealtrain("--principal", "stranger", "policy", "can", "--action", "TRAIN",
                       "--dataset", "notes", "--purpose", "study/notes", expect=DENIED)

    def test_without_a_policy_nobody_can_do_anything(self):
        self.init()
        schema = self.write("note.proto", SCHEMA)
        self.sealtrain("dataset", "create", "notes", "--schema", schema, "--message", "Note")
        self.sealtrain("policy", "can", "--action", "TRAIN", "--dataset", "notes", "--purpose",
                       "study/notes", expect=DENIED)
        self.assertIn("No policy is in force", self.sealtrain("dataset", "columns", "notes"))
        self.assertFalse(self.json("dataset", "columns", "notes")["policy_in_force"])

    def test_explain_names_the_rules_of_each_duty(self):
        self.make(20)
        ask = ["--principal", "trainer", "policy", "explain", "--dataset", "notes", "--action",
               "TRAIN", "--purpose", "study/notes", "--column", "text"]
        self.assertRegex(self.sealtrain(*ask), r"(?m)^dp\.epsilon_max +3 +train \(line 15\)$")
        duties = {d["duty"]: d for d in self.json(*ask)["duties"]}
        self.assertEqual(duties["transform"]["column"], "text")
        self.assertEqual(duties["dp.unit"]["from"],
                         [{"id": "train", "line": 15, "policy_version": 1}])
        drafted = self.json(*ask, "--file", self.dir / "policy.textproto")
        self.assertEqual(drafted["duties"], self.json(*ask)["duties"])

    def test_strict_tests_want_obligations_held(self):
        self.files()
        self.policy.write_text(self.policy.read_text() + """
test { name: "text trains privately"
  request { principal: "trainer" action: TRAIN dataset: "notes" purpose: "study/notes" trust: LOCKED
    column { name: "text" data_class: FREE_TEXT applied { kind: KEEP } } }
  expect { allow: true
    obligation { dp { epsilon_max: 3 delta_max: 1e-5 unit: RECORD ledger_epsilon: 4 } } } }
""")
        mutants = self.json("policy", "test", self.policy)["mutants"]
        noticed = {m["part"]: m["noticed"] for m in mutants if m["rule"] in ("train", "ingest")}
        self.assertTrue(noticed["dp.epsilon_max 3"])
        self.assertFalse(noticed["transform BUCKET, step 10 on QUASI_IDENTIFIER"])
        self.sealtrain("policy", "test", "--strict", self.policy, expect=FAILED)
        self.assertIn("on QUASI_IDENTIFIER` could be KEEP, and no test would fail", self.stdout)

    def test_diff_says_what_opens_for_whom(self):
        self.files()
        after = self.write("after.textproto", self.policy.read_text()
                           .replace('principal: "trainer" action: EVALUATE',
                                    'principal: "intern" action: EVALUATE'))
        self.assertIn("Nothing changes", self.sealtrain("policy", "diff", self.policy, self.policy))
        other = self.write("other.textproto",
                           self.policy.read_text().replace('name: "ada"', 'name: "bea"'))
        told = self.json("policy", "diff", self.policy, other, expect=FAILED)
        self.assertEqual((told["changes"], told["approval"]),
                         ([], ["ada approves no longer", "bea approves, too"]))
        renamed = self.write("renamed.textproto",
                             self.policy.read_text().replace('author: "', 'author: "not-'))
        told = self.json("policy", "diff", self.policy, renamed, expect=FAILED)
        self.assertEqual((told["changes"], len(told["head"])), ([], 1))
        self.sealtrain("policy", "diff", self.policy, renamed, expect=FAILED)
        self.assertIn('-> "not-', self.stdout)
        changes = self.json("policy", "diff", self.policy, after, expect=FAILED)["changes"]
        self.assertEqual({(c["change"], tuple(c["principals"]), c["column"]) for c in changes},
                         {("opens", ("intern",), "FREE_TEXT"), ("opens", ("intern",), "LABEL"),
                          ("closes", ("trainer",), "FREE_TEXT"), ("closes", ("trainer",), "LABEL")})

    def test_check_schema_names_what_is_weakened(self):
        self.files()
        after = self.write("after.proto", SCHEMA.replace("NETWORK_ID", "PUBLIC"))
        check = ["policy", "check-schema", self.schema, after, "--message", "Note"]
        self.sealtrain(*check, expect=FAILED)
        self.assertIn('"address": its classes are weakened: no longer NETWORK_ID', self.stdout)
        after.write_text(SCHEMA.replace(" [(sealtrain.privacy).data_class = NETWORK_ID]", ""))
        self.sealtrain(*check, expect=FAILED)
        self.assertIn('"address" has no data class', self.stderr)
        after.write_text(SCHEMA.replace("string address", "string client"))
        self.sealtrain(*check)

    def test_replay_finds_the_decisions_that_would_differ(self):
        self.make(300)
        self.train("first")
        self.train("second", purpose="ads", expect=DENIED)
        applied = self.dir / "policy.textproto"
        replay = self.json("policy", "replay", "--file", applied)
        self.assertEqual(replay["flips"], [])
        self.assertEqual(replay["skipped"], [])
        self.assertGreaterEqual(replay["decisions"], 3)
        stricter = self.write("stricter.textproto", applied.read_text().replace(
            "when { trust_at_least: LOCKED } not_after", "when { rows_at_least: 301 } not_after", 1))
        flips = self.json("policy", "replay", "--file", stricter, expect=FAILED)["flips"]
        self.assertEqual([(f["principal"], f["action"], f["was"], f["would_be"]) for f in flips],
                         [("trainer", "TRAIN", "allow", "deny")])
        looser = self.write("looser.textproto", applied.read_text().replace(
            'purpose: "study/notes"\n', 'purpose: "study/notes" purpose: "ads"\n').replace(
            'action: TRAIN dataset: "notes" purpose: "study/notes"',
            'action: TRAIN dataset: "notes" purpose: "study/notes" purpose: "ads"', 1))
        flips = self.json("policy", "replay", "--file", looser, expect=FAILED)["flips"]
        self.assertEqual([(f["purpose"], f["was"], f["would_be"]) for f in flips],
                         [("ads", "deny", "allow of some columns")])

    def test_rollback_needs_approval_like_any_version(self):
        self.make()
        first = (self.dir / "policy.textproto").read_text()
        digest = self.json("policy", "history")["history"][0]["sha256"]
        second = self.write("second.textproto", first.replace(
            "version: 1", f'version: 2 previous_sha256: "{digest}"').replace(
            "epsilon_max: 3", "epsilon_max: 1"))
        approve = ["--name", "ada", "--key", self.dir / "ada.key"]
        self.sealtrain("policy", "approve", second, *approve)
        self.sealtrain("policy", "apply", second)
        third = self.dir / "third.textproto"
        self.sealtrain("policy", "rollback", "7", "--out", third, expect=FAILED)
        self.sealtrain("policy", "rollback", "1", "--out", third)
        self.assertIn("version: 3", third.read_text())
        self.sealtrain("policy", "diff", self.dir / "policy.textproto", third)
        self.sealtrain("policy", "apply", third, expect=FAILED)
        self.sealtrain("policy", "approve", third, *approve)
        self.sealtrain("policy", "apply", third)
        self.assertEqual(len(self.json("policy", "history")["history"]), 3)

    def test_test_reports_what_no_test_holds(self):
        self.files()
        report = self.json("policy", "test", self.policy)
        self.assertFalse(report["covered"])
        self.assertEqual([r["id"] for r in report["rules"] if r["decided"]], [])
        self.assertEqual(report["conditions"][0]["condition"], "when trust_at_least LOCKED")
        self.sealtrain("policy", "test", "--strict", self.policy, expect=FAILED)
        self.assertIn("could be taken out, and no test would fail", self.stdout)

    def test_without_a_policy_nothing_is_sealed(self):
        self.init()
        schema = self.write("note.proto", SCHEMA)
        self.sealtrain("dataset", "create", "notes", "--schema", schema, "--message", "Note")
        self.ingest(jsonl(notes(5)), expect=DENIED)
        self.assertIn("policy", self.stderr)
        self.assertIn("no_policy", self.audit("--json", "search", "--verdict", "denied"))


class Ingest(World):
    def test_jsonl_and_csv_and_a_second_run_that_finds_nothing_new(self):
        self.make()
        rows = notes(300)
        self.ingest(jsonl(rows))
        self.assertEqual(self.generation(), 1)
        self.ingest(jsonl(rows))
        self.assertEqual(self.generation(), 1)
        self.ingest(jsonl(rows + notes(10, seed=2)))
        shown = self.json("dataset", "show", "notes")
        self.assertEqual((shown["generation"], shown["rows"]), (2, 310))
        header = ",".join(rows[0])
        lines = [",".join(str(v).lower() if isinstance(v, bool) else str(v) for v in row.values())
                 for row in rows]
        self.ingest("\n".join([header] + lines) + "\n", format="csv")
        self.assertEqual(self.json("dataset", "show", "notes")["rows"], 610)
        self.sealtrain("dataset", "verify", "notes")

    def bad(self, content, *wants, format="jsonl"):
        self.make(20)
        self.ingest(content, format=format, expect=FAILED, name="bad")
        for want in wants:
            self.assertIn(want, self.stderr)
        self.assertEqual(self.generation(), 1, "a failed ingestion must commit nothing")
        self.assertEqual(self.json("dataset", "show", "notes")["rows"], 20)
        self.sealtrain("dataset", "verify", "notes")
        for secret in ("canarytext", "canaryauthor"):
            self.assertNotIn(secret, self.stderr, "messages must not hold record contents")

    def test_malformed_json_is_named_by_line(self):
        lines = jsonl(notes(5)).splitlines()
        lines[2] = lines[2][:-3]
        self.bad("\n".join(lines) + "\n", "bad:3")

    def test_a_missing_field_is_named(self):
        rows = notes(3)
        del rows[1]["age"]
        self.bad(jsonl(rows), "bad:2", "age")

    def test_an_unknown_field_is_named(self):
        rows = notes(3)
        rows[1]["agee"] = 1
        # By its place: a key that is no field may be anything, personal data too.
        self.bad(jsonl(rows), "bad:2", "key 6")

    def test_a_wrong_type_is_named(self):
        rows = notes(3)
        rows[2]["age"] = "old"
        self.bad(jsonl(rows), "bad:3", "age")

    def test_invalid_utf8_is_named(self):
        raw = jsonl(notes(2)).encode() + jsonl(notes(1)).encode().replace(b"canarytext0", b"\xff\xfe")
        self.bad(raw, "bad:3")

    def test_a_csv_row_with_a_missing_cell_is_named(self):
        self.bad("author,text,address,age,good\na,b,198.51.100.1,3,true\na,b,198.51.100.1\n",
                 "bad:3", format="csv")

    def test_a_csv_without_a_column_is_named(self):
        self.bad("author,text,address,age\na,b,198.51.100.1,3\n", "good", format="csv")

    def test_a_csv_cell_that_does_not_end_loses_no_record_silently(self):
        self.make()
        rows = [f"a{i},text,198.51.100.1,3,true" for i in range(20)]
        rows[2] = 'a2,"text,198.51.100.1,3,true'
        for later in (None, 'a9,"te""xt",198.51.100.1,3,true', 'a9,"text",198.51.100.1,3,true'):
            if later:
                rows[9] = later
            self.ingest("author,text,address,age,good\n" + "\n".join(rows) + "\n", "--max-skipped",
                        "5", format="csv", expect=FAILED)
            self.assertIn("notes.csv:4: ", self.stderr)
            self.assertIn("where the next record begins cannot be told", self.stderr)
        self.assertEqual(self.generation(), 0)

    def test_what_is_done_is_not_to_be_tried_again(self):
        self.make()
        path = self.write("notes.jsonl", jsonl(notes(50)))
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                self.command("sealtrain", ["--principal", "job", "ingest", "notes", "--from", path,
                                           "--format", "jsonl", "--purpose", "study/notes"]),
                stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn(b"cannot write the output; what was asked for is done", done.stderr)
        self.assertEqual(self.generation(), 1)

    def test_a_file_that_is_not_there_is_said_to_be_so(self):
        self.make()
        self.sealtrain("--principal", "job", "ingest", "notes", "--from", self.dir / "none",
                       "--format", "csv", "--purpose", "study/notes", expect=FAILED)
        self.assertIn("none: No such file or directory", self.stderr)

    def test_an_address_that_is_none_is_named(self):
        rows = notes(3)
        rows[0]["address"] = "not an address"
        self.bad(jsonl(rows), "address")

    def test_a_record_without_a_subject_is_refused(self):
        rows = notes(3)
        rows[0]["author"] = ""
        self.bad(jsonl(rows), "author")

    def test_some_bad_rows_may_be_skipped_and_are_counted(self):
        self.make()
        lines = jsonl(notes(50)).splitlines()
        lines[7] = "{"
        lines[9] = "[]"
        content = "\n".join(lines) + "\n"
        self.ingest(content, "--max-skipped", "1", expect=FAILED)
        self.assertIn("notes.jsonl:10: ", self.stderr)
        self.assertIn("no more than 1 ", self.stderr)
        self.assertEqual(self.generation(), 0)
        self.ingest(content, "--max-skipped", "2")
        self.assertEqual(self.json("dataset", "show", "notes")["rows"], 48)

    def test_no_rows_make_no_snapshot(self):
        self.make()
        for content, why in (("", "no records"),
                             ("{\n", "1 records, all bad or left out by the policy")):
            self.ingest(content, "--max-skipped", "1", expect=FAILED)
            self.assertIn(f"notes.jsonl: there are no rows to seal: {why}", self.stderr)
        self.assertEqual(self.generation(), 0)

    def test_a_dry_run_seals_nothing(self):
        self.make()
        self.ingest(jsonl(notes(50)), "--dry-run")
        self.assertEqual(self.generation(), 0)
        self.assertNotIn("failed", self.audit("log"))
        self.assertEqual(self.shards() if (self.store / "notes").exists() else [], [])

    def test_two_pipes_are_two_sources(self):
        self.make()
        for seed, rows in ((1, 50), (2, 100)):
            read, write = os.pipe()
            os.write(write, jsonl(notes(50, seed)).encode())
            os.close(write)
            subprocess.run(self.command("sealtrain", ["--principal", "job", "ingest", "notes",
                                                      "--from", f"/dev/fd/{read}", "--format",
                                                      "jsonl", "--purpose", "study/notes"]),
                           pass_fds=[read], check=True, capture_output=True, timeout=300)
            os.close(read)
            self.assertEqual(self.json("dataset", "show", "notes")["rows"], rows)

    def test_a_folder_is_not_a_file(self):
        self.make()
        self.sealtrain("--principal", "job", "ingest", "notes", "--from", self.dir, "--format",
                       "jsonl", "--purpose", "study/notes", expect=USAGE)
        self.assertIn("is a folder", self.stderr)

    def test_another_principal_is_denied(self):
        self.make()
        path = self.write("n.jsonl", jsonl(notes(5)))
        self.sealtrain("--principal", "stranger", "ingest", "notes", "--from", path, "--format",
                       "jsonl", "--purpose", "study/notes", expect=DENIED)

    def test_no_plaintext_reaches_a_file(self):
        self.make(200)
        self.train("m")
        words = [b"canarytext1", b"canaryauthor1", b"198.51.100.7", b"battery staple"]
        words += [w.hex().encode() for w in words] + [base64.b64encode(w)[:-3] for w in words]
        for root in (self.home, self.store):
            for path in root.rglob("*"):
                if path.is_file():
                    data = path.read_bytes()
                    for word in words:
                        self.assertNotIn(word, data, path)


class Interrupted(World):
    """Whatever stops an ingestion, the snapshot before it stays and a re-run works."""

    def assert_intact_and_rerun(self):
        self.assertEqual(self.generation(), 1)
        self.sealtrain("dataset", "verify", "notes")
        self.ingest(jsonl(notes(100, seed=3)), name="later.jsonl")
        self.assertEqual(self.generation(), 2)
        self.assertEqual(self.json("dataset", "show", "notes")["rows"], 120)
        self.audit("verify")

    def start(self, source, **options):
        self.make(20)
        command = self.command("sealtrain", ["--principal", "job", "ingest", "notes", "--from",
                                             source, "--format", "jsonl", "--purpose",
                                             "study/notes"])
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                **options)

    def interrupt_pipe(self, signum):
        process = self.start("-", stdin=subprocess.PIPE)
        process.stdin.write(jsonl(notes(20000)).encode())
        process.stdin.flush()
        time.sleep(1)
        process.send_signal(signum)  # the reader waits for more
        status = process.wait(timeout=60)
        process.stdin.close()
        return status

    def test_by_control_c(self):
        process = self.start(self.write("long.jsonl", 40 * jsonl(notes(20000))))
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), TRY_AGAIN)
        self.assertEqual(len(self.shards()), 1, "leftovers of the stopped job")
        self.assert_intact_and_rerun()

    def test_by_control_c_while_a_pipe_is_silent(self):
        self.assertEqual(self.interrupt_pipe(signal.SIGINT), -signal.SIGINT)
        self.assert_intact_and_rerun()

    def test_by_being_killed(self):
        self.assertEqual(self.interrupt_pipe(signal.SIGKILL), -signal.SIGKILL)
        self.assert_intact_and_rerun()

    def test_by_a_file_size_limit(self):
        self.make(20)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

        self.ingest(jsonl(notes(60000)), expect=TRY_AGAIN, preexec=limit)
        self.assert_intact_and_rerun()

    def test_by_a_full_disk(self):
        disk = self.dir / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
                                 capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a small tmpfs here")
        self.addCleanup(subprocess.run, ["umount", str(disk)], capture_output=True)
        self.store = disk / "store"
        self.make(20)
        rng = random.Random(5)
        rows = notes(8000)
        for row in rows:  # incompressible
            row["text"] = base64.b64encode(rng.randbytes(300)).decode()
        self.ingest(jsonl(rows), expect=TRY_AGAIN)
        self.assertEqual(len(self.shards()), 1, "leftovers of the failed job")
        self.assert_intact_and_rerun()


class Killed(World):
    """200 ingestions, each killed at a random moment; then run again."""

    KILLS = 200
    ROWS = 1000

    def sources(self):
        shown = self.json("dataset", "show", "notes")
        return shown["rows"], {s["name"]: s["records"] for s in shown.get("sources", [])}

    def test_at_random_moments_loses_and_doubles_nothing(self):
        seed = int(os.environ.get("SEALTRAIN_SEED", time.time_ns() % 2**32))
        print(f"seed {seed}: set SEALTRAIN_SEED to repeat it", file=sys.stderr)
        rng = random.Random(seed)
        self.make(20)
        rows_before, sources_before = self.sources()

        def job(name):
            return self.command("sealtrain", [
                "--principal", "job", "ingest", "notes", "--from", str(self.dir / name), "--format",
                "jsonl", "--source-name", name, "--purpose", "study/notes"])

        def timed(command):
            start = time.monotonic()
            subprocess.run(command, capture_output=True, check=True, timeout=60)
            return time.monotonic() - start

        # Most of a short job is deriving the root key; the kills fall behind that.
        opening = timed(self.command("sealtrain", ["dataset", "show", "notes"]))
        self.write("warm-up", jsonl(notes(self.ROWS)))
        whole = timed(job("warm-up"))
        part, committed, killed, finished, open_part = 0, {"warm-up": self.ROWS}, 0, 0, None
        while killed < self.KILLS:
            if open_part is None:
                part += 1
                open_part = f"part-{part}"
                self.write(open_part, jsonl(notes(self.ROWS, seed=part)))
            process = subprocess.Popen(job(open_part), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            try:
                code = process.wait(timeout=rng.uniform(0.8 * opening, 1.1 * whole))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                code = process.wait(timeout=60)
            self.assertIn(code, (OK, -signal.SIGKILL))
            killed += code != OK
            finished += code == OK
            rows, sources = self.sources()
            if open_part in sources or code == OK:
                committed[open_part] = self.ROWS
                open_part = None
            self.assertEqual(sources, {**sources_before, **committed})
            self.assertEqual(rows, rows_before + self.ROWS * len(committed))
            if killed % 20 == 0:
                self.sealtrain("dataset", "verify", "notes")
        if open_part is not None:
            subprocess.run(job(open_part), capture_output=True, check=True, timeout=60)
            committed[open_part] = self.ROWS
        rows, _ = self.sources()
        self.assertEqual(rows, rows_before + self.ROWS * len(committed))
        self.sealtrain("dataset", "verify", "notes")
        self.audit("verify")

        left = len(self.shards())
        found = self.json("dataset", "sweep", "notes")
        self.assertEqual(found["swept"], [], "an orphan of today was taken for an old one")
        for path in (self.store / "notes").rglob("*"):
            if path.is_file():
                os.utime(path, (0, 0))
        found = self.json("dataset", "sweep", "notes")
        self.assertEqual(found["young"] + found["unsettled"], [])
        # Each job makes one shard.
        self.assertEqual(len(self.shards()), 1 + len(committed))
        self.sealtrain("dataset", "verify", "notes")
        print(f"{killed} killed, {finished} came through, {len(committed)} sources committed, "
              f"{left - len(self.shards())} orphaned shards swept", file=sys.stderr)


class Concurrent(World):
    """Programs that want the same home take turns."""

    def slow_job(self):
        """An ingestion that has the home open until its input ends."""
        command = self.command("sealtrain", ["--principal", "job", "ingest", "notes", "--from",
                                             "-", "--format", "jsonl", "--purpose", "study/notes"])
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        process.stdin.write(jsonl(notes(10, seed=4)).encode())
        process.stdin.flush()
        time.sleep(1.5)
        return process

    def test_a_second_ingestion_waits_for_the_first(self):
        self.make(20)
        first = self.slow_job()
        command = self.command("sealtrain", [
            "--principal", "job", "ingest", "notes", "--from",
            str(self.write("b.jsonl", jsonl(notes(30, seed=5)))), "--format", "jsonl",
            "--purpose", "study/notes"])
        second = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertIn(b"waiting for another program", second.stderr.readline())
        first.stdin.close()
        self.assertEqual(first.wait(timeout=60), OK)
        second.stderr.read()
        second.stderr.close()
        self.assertEqual(second.wait(timeout=60), OK)
        self.assertEqual(self.generation(), 3)
        self.assertEqual(self.json("dataset", "show", "notes")["rows"], 60)
        self.sealtrain("dataset", "verify", "notes")

    def test_whoever_waits_too_long_is_told_to_try_again(self):
        self.make(20)
        first = self.slow_job()
        self.sealtrain("dataset", "list", expect=TRY_AGAIN)
        self.assertIn("in use by another process", self.stderr)
        first.stdin.close()
        self.assertEqual(first.wait(timeout=60), OK)
        self.assertEqual(self.generation(), 2)


class Sweep(World):
    def test_orphans_are_listed_and_removed_once_they_are_old(self):
        self.make(20)
        shard = self.shards()[0]
        orphan = shard.with_name("0" * 32 + ".seal")
        shutil.copy(shard, orphan)
        found = self.json("dataset", "sweep", "notes")
        self.assertEqual([o["file"] for o in found["young"]], [f"shards/{orphan.name}"])
        self.assertTrue(orphan.exists())
        os.utime(orphan, (0, 0))
        self.sealtrain("dataset", "sweep", "notes", "--dry-run")
        self.assertIn("would be removed", self.stdout)
        self.assertTrue(orphan.exists())
        self.sealtrain("dataset", "sweep", "notes", "--older-than", "59m", expect=FAILED)
        self.sealtrain("dataset", "sweep", "notes", "--older-than", "long", expect=USAGE)
        found = self.json("dataset", "sweep", "notes", "--older-than", "48h")
        self.assertEqual(found["swept"][0]["bytes"], shard.stat().st_size)
        self.assertFalse(orphan.exists())
        self.sealtrain("dataset", "sweep", "notes")
        self.assertIn("No files of crashed jobs", self.stdout)
        self.sealtrain("dataset", "verify", "notes")


class Sticky(World):
    """Sealed data stand under the policy they were sealed under."""

    def apply_next(self, *changes):
        """The set in force with changes, as the next version."""
        history = self.json("policy", "history")["history"]
        version = max(entry["version"] for entry in history)
        digest = next(e["sha256"] for e in history if e["version"] == version)
        text = self.policy.read_text()
        for old, new in ((f"version: {version}",
                          f'version: {version + 1} previous_sha256: "{digest}"'), *changes):
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        self.policy = self.write(f"policy-{version + 1}.textproto", text)
        self.sealtrain("policy", "approve", self.policy, "--name", "ada", "--key",
                       self.dir / "ada.key")
        self.sealtrain("policy", "apply", self.policy)

    def can_train_for_ads(self, expect):
        return self.json("--principal", "trainer", "policy", "can", "--dataset", "notes",
                         "--action", "TRAIN", "--purpose", "ads", "--column", "text",
                         "--trust", "LOCKED", expect=expect)

    def reseal(self, **options):
        return self.sealtrain("--json", "--principal", "officer", "dataset", "reseal", "notes",
                              "--purpose", "study/notes", **options)

    def test_a_looser_policy_opens_sealed_data_after_a_reseal_only(self):
        self.make(300)
        self.policy = self.dir / "policy.textproto"
        self.apply_next(
            ('rule { id: "evaluate"', 'rule { id: "reseal" permit {} scope { principal: "officer"'
             ' action: CHANGE_POLICY dataset: "notes" purpose: "study" } }\n'
             'rule { id: "evaluate"'),
            ('action: TRAIN dataset: "notes" purpose: "study/notes"',
             'action: TRAIN dataset: "notes" purpose: "study/notes" purpose: "ads"'),
            ('purpose: "ads" trust: LOCKED', 'purpose: "study-baseline" trust: LOCKED'))
        self.train("early", purpose="ads", expect=DENIED)
        self.assertIn("version 1, which does not allow it", self.stderr)
        self.assertEqual(self.can_train_for_ads(DENIED)["reason_code"], "sealed_under")
        self.sealtrain("--principal", "trainer", "dataset", "reseal", "notes", "--purpose",
                       "study/notes", expect=DENIED)

        self.assertEqual(json.loads(self.reseal())["policy_version"], 2)
        self.can_train_for_ads(OK)
        self.train("late", purpose="ads")
        self.reseal(expect=FAILED)  # nothing to do
        self.sealtrain("dataset", "verify", "notes")
        shown = self.json("dataset", "show", "notes")
        self.assertEqual([r["policy_version"] for r in shown["reseals"]], [2])
        digests = {e["version"]: e["sha256"] for e in self.json("policy", "history")["history"]}
        events = [json.loads(line) for line in
                  self.audit("export", "--format", "jsonl").splitlines()]
        resealed = [e for e in events if e["type"] == "DATASET_RESEALED"]
        self.assertEqual([e["phase"] for e in resealed], ["DENIED", "INTENT", "SUCCEEDED"])
        self.assertEqual(resealed[-1]["policy"]["sha256"], digests[2])
        self.assertEqual(resealed[-1]["policy"]["replaced_sha256"], [digests[1]])

    def test_lists_ask_the_sets_that_data_stand_under(self):
        self.make(20)
        self.policy = self.dir / "policy.textproto"
        who = ["policy", "who-can", "--action", "TRAIN", "--dataset", "notes", "--purpose"]
        plan = ["policy", "plan", "--dataset", "notes"]
        self.assertNotIn("stand under", self.sealtrain(*plan))
        self.apply_next(
            ('action: TRAIN dataset: "notes" purpose: "study/notes"',
             'action: TRAIN dataset: "notes" purpose: "study/notes" purpose: "ads"'),
            ('purpose: "ads" trust: LOCKED', 'purpose: "study-baseline" trust: LOCKED'),
            ("epsilon_max: 3", "epsilon_max: 4"))
        drafted = self.sealtrain(*who, "ads", "--file", self.policy)  # of the file alone
        self.assertIn("trainer", drafted)
        page = self.sealtrain(*who, "ads")
        self.assertIn("The data stand under version 1: ", page)
        self.assertIn("Nobody could TRAIN", page)
        self.assertNotIn("TRAIN for ads", self.sealtrain(*plan))
        access = self.json(*who, "study/notes")["access"]
        self.assertEqual({a["dp"]["epsilon_max"] for a in access}, {3})
        self.assertEqual({d["from"][0]["policy_version"] for a in access for d in a["duties"]
                          if d["duty"] == "dp.epsilon_max"}, {1})
        self.assertIn(self.sealtrain(*plan), self.sealtrain("dataset", "columns", "notes"))
        self.assertEqual(self.json(*plan)["sealed_under"],
                         self.json("dataset", "columns", "notes")["sealed_under"])
        # What seals is the newest set's to decide.
        self.assertTrue([a for a in self.json(*plan)["access"] if a["action"] == "SEAL"])

    def test_an_access_that_takes_approval_is_signed_and_handed_in_first(self):
        self.make(300)
        self.policy = self.dir / "policy.textproto"
        self.apply_next((
            "when { trust_at_least: LOCKED } not_after",
            "when { trust_at_least: LOCKED } when { approvals_at_least: 1 } not_after"))
        self.train("m", expect=DENIED)
        self.assertIn("approvals_at_least 1", self.sealtrain(
            "--principal", "trainer", "policy", "explain", "--dataset", "notes", "--action",
            "TRAIN", "--purpose", "study/notes", "--column", "text", expect=DENIED))
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        request = self.dir / "run.textproto"
        self.sealtrain("--principal", "trainer", "access", "request", "--action", "TRAIN",
                       "--dataset", "notes", "--purpose", "study/notes", "--why", "weekly \x1b[2Jrun",
                       "--until", until, "--out", request)
        self.sealtrain("access", "submit", request, expect=FAILED)
        # Shown is what custody reads, signed are the bytes.
        request.write_text('# principal: "somebody-else"\n' + request.read_text())
        shown = self.sealtrain("access", "approve", request, "--name", "ada", "--key",
                               self.dir / "ada.key")
        self.assertRegex(shown, r"(?m)^principal +trainer$")
        self.assertRegex(shown, r"(?m)^why +weekly \\u\{1b\}\[2Jrun$")
        self.assertRegex(shown, rf"(?m)^until +{until}$")
        self.assertIn(hashlib.sha256(request.read_bytes()).hexdigest(), shown)
        self.assertNotIn("somebody-else", shown)
        self.sealtrain("access", "submit", request)
        self.train("m")
        self.assertIn("ACCESS_APPROVED", self.audit("export", "--format", "jsonl"))

    def test_a_limit_of_an_earlier_set_is_told_as_its_own(self):
        self.init()
        self.schema = self.write("note.proto", SCHEMA)
        self.sealtrain("dataset", "create", "notes", "--schema", self.schema, "--message", "Note")
        self.policy = self.apply_policy(
            POLICY.replace("obligation { dp {", "obligation { max_opens: 1 } obligation { dp {"))
        self.ingest(jsonl(notes(300)))
        self.apply_next(("max_opens: 1", "max_opens: 5"))
        ask = ["--principal", "trainer", "policy", "explain", "--dataset", "notes", "--action",
               "TRAIN", "--purpose", "study/notes", "--column", "text"]
        self.assertRegex(self.sealtrain(*ask), r"max_opens +1 +train \(line 15 of version 1\)")
        self.train("first")
        self.train("second", expect=DENIED)
        self.assertIn("was opened 1 times", self.stderr)
        self.assertIn("allowed are 1, by train (line 15 of version 1)", self.stderr)

    def test_a_stricter_policy_holds_at_once(self):
        self.make(300)
        self.policy = self.dir / "policy.textproto"
        self.apply_next(("epsilon_max: 3", "epsilon_max: 1"))
        self.train("m", expect=DENIED)


class Train(World):
    def test_a_private_model_is_trained_shown_and_evaluated(self):
        self.make(300)
        self.train("first")
        shown = self.json("model", "show", "first")
        self.assertLessEqual(shown["privacy"]["epsilon"], 2.5)
        self.assertGreater(shown["privacy"]["epsilon"], 1.5)
        result = json.loads(self.evaluate("first"))
        self.assertEqual(result["rows"], 300)
        self.assertGreater(result["accuracy"], 0.8)
        self.assertEqual([m["model"] for m in self.json("model", "list")["models"]], ["first"])

    def test_a_stranger_checks_how_a_model_came_to_be(self):
        self.make(300)
        self.train("first")
        shown = self.json("model", "show", "first")
        receipt = self.dir / "first.receipt"
        self.sealtrain("model", "receipt", "first", "--out", receipt)
        self.sealtrain("model", "receipt", "first", "--out", receipt, expect=FAILED)
        self.sealtrain("model", "receipt", "second", "--out", self.dir / "second", expect=FAILED)
        self.assertFalse((self.dir / "second").exists())

        # All that a stranger has: the receipt, the log's key, and perhaps the model.
        empty = self.dir / "elsewhere"
        empty.mkdir()
        content = receipt.read_bytes()
        vkey = (self.home / "audit" / "log.vkey").read_text().strip()

        def verify(content, *args, expect=OK):
            (empty / "receipt").write_bytes(content)
            done = subprocess.run([str(PREFIX / "bin" / "sealtrain-audit"), "verify-model", "receipt",
                                   *map(str, args)], cwd=empty, env={}, capture_output=True)
            self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
            self.stderr = done.stderr.decode()
            return done.stdout.decode()

        said = json.loads(verify(content, "--vkey", vkey, "--json"))
        self.assertEqual(said["subject"], {"name": "first",
                                           "digest": {"sha256": shown["artifact_sha256"]}})
        told = said["predicate"]
        self.assertEqual(told["dataset"]["generation"], shown["generation"])
        self.assertEqual(told["policy"]["sha256"], shown["policy_sha256"])
        self.assertEqual(told["policy"]["rules"], ["train"])
        self.assertEqual(told["purpose"], "study/notes")
        self.assertEqual(sorted(told["columns"]), ["good", "text"])
        self.assertEqual(told["trainer"]["trust"], "LOCKED")
        self.assertEqual(told["privacy"]["epsilon"], shown["privacy"]["epsilon"])
        self.assertTrue(said["key_trusted"])
        self.assertFalse(said["signer_trusted"])

        text = verify(content, "--vkey", vkey)
        for words in ("epsilon at most", "study/notes", "generation 1", "not compared"):
            self.assertIn(words, text)
        [artifact] = [path for path in self.store.rglob("*") if path.is_file()
                      and hashlib.sha256(path.read_bytes()).hexdigest() == shown["artifact_sha256"]]
        verify(content, "--vkey", vkey, "--artifact", artifact)
        key = self.json("dataset", "show", "notes")["custody_key"]
        verify(content, "--vkey", vkey, "--key", key)

        verify(content, "--vkey", vkey, "--artifact", self.schema, expect=INTEGRITY)
        verify(content, "--vkey", vkey, "--key", "11" * 32, expect=INTEGRITY)
        verify(content, "--vkey", vkey, "--key", "11", expect=USAGE)
        verify(content, "--vkey", "none", expect=USAGE)
        verify(content, expect=USAGE)
        for place in range(0, len(content), len(content) // 20):
            changed = bytearray(content)
            changed[place] ^= 1
            verify(changed, "--vkey", vkey, expect=INTEGRITY)
        verify(b" " * (2 << 20), "--vkey", vkey, expect=INTEGRITY)
        other_key = ("example.org/sealtrain/audit+2a46f655+"
                     "AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs")
        verify(content, "--vkey", other_key, expect=INTEGRITY)
        self.audit("verify-model", receipt)  # by the key of the log that is named

    def test_another_purpose_is_denied_and_logged(self):
        self.make(50)
        self.train("ads", purpose="ads", expect=DENIED)
        self.assertIn("denied", self.audit("log"))

    def test_a_model_name_is_used_once(self):
        self.make(300)
        self.train("twice")
        self.train("twice", expect=FAILED)

    def test_the_budget_runs_out_and_stays_out(self):
        self.make(300)
        self.train("a")
        codes = []
        for name in ("b", "c", "d"):
            path = self.write("spec.textproto", SPEC)
            done = subprocess.run(self.command("sealtrain", [
                "--principal", "trainer", "train", "notes", "--purpose", "study/notes", "--spec",
                path, "--model-name", name]), capture_output=True)
            codes.append(done.returncode)
        self.assertIn(BUDGET, codes)
        self.assertEqual(codes, sorted(codes), "a spent budget must stay spent")
        self.sealtrain("budget", "show", "notes")
        # Which is custody's word, and no decision of the policy's.
        self.sealtrain("policy", "replay", "--file", self.dir / "policy.textproto")

    def test_asking_for_more_than_the_policy_gives_is_denied(self):
        self.make(300)
        self.train("greedy", spec=SPEC.replace("epsilon: 2.5", "epsilon: 3.5"), expect=DENIED)

    def test_leaving_privacy_out_is_denied(self):
        self.make(300)
        spec = "\n".join(l for l in SPEC.splitlines() if not l.startswith("privacy"))
        self.train("open", spec=spec, expect=DENIED)

    def test_a_withheld_column_is_denied(self):
        self.make(300)
        spec = SPEC.replace('feature {', 'feature { numeric { column: "age" min: 0 max: 100 } }\nfeature {', 1)
        self.train("ages", spec=spec, expect=DENIED)
        self.assertNotIn("training", self.stderr)  # it never began

    def test_a_typo_in_the_spec_has_its_line(self):
        self.make(50)
        self.train("typo", spec=SPEC.replace("buckets", "bukkets"), expect=FAILED)
        self.assertRegex(self.stderr, r"spec\.textproto:1:\d+")

    def test_an_unknown_column_is_named(self):
        self.make(50)
        self.train("nocolumn", spec=SPEC.replace('column: "text"', 'column: "texts"'), expect=FAILED)
        self.assertIn("texts", self.stderr)


class Export(World):
    RULE = """rule { id: "export" why: "w"
  permit { obligation { release { epsilon_max: 3 delta_max: 1e-5 unit: RECORD max_bytes: 4096 } } }
  scope { principal: "release-manager" action: EXPORT_MODEL dataset: "notes" purpose: "study"
    data_class: FREE_TEXT data_class: LABEL }
  not_after { seconds: 1893456000 } }
"""

    def setUp(self):
        super().setUp()
        self.init()
        self.schema = self.write("note.proto", SCHEMA)
        self.sealtrain("dataset", "create", "notes", "--schema", self.schema, "--message", "Note")
        self.out = self.dir / "m.safetensors"

    def export(self, *args, principal="release-manager", purpose="study/notes", expect=OK):
        return self.sealtrain(*args, "--principal", principal, "model", "export", "m", "--purpose",
                              purpose, "--out", self.out, expect=expect)

    def test_a_model_leaves_under_its_release_conditions(self):
        self.apply_policy(POLICY.replace("test {", self.RULE + "test {", 1))
        self.ingest(jsonl(notes(300)))
        self.train("m")
        for options in ({"principal": "trainer"}, {"purpose": "ads"}):
            self.export(expect=DENIED, **options)
            self.assertFalse(self.out.exists())
        left = json.loads(self.export("--json"))
        content = self.out.read_bytes()
        self.assertEqual(left["bytes"], len(content))
        header = json.loads(content[8:8 + int.from_bytes(content[:8], "little")])
        self.assertEqual(header["weight"]["shape"], [64])
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o600)
        self.check_what_left()
        self.export(expect=FAILED)
        self.assertIn("exists", self.stderr)
        self.assertEqual(self.out.read_bytes(), content)
        log = self.audit("log", "--model", "m")
        self.assertRegex(log, "(?i)export")
        self.audit("verify")
        self.audit("lint")
        # The run, reserved and settled, and not the export.
        self.assertEqual(self.audit("report").count("notes     RECORD "), 2)
        asked = ("--principal", "release-manager", "policy", "explain", "--dataset", "notes",
                 "--action", "EXPORT_MODEL", "--purpose", "study/notes")
        self.assertIn("ALLOW", self.sealtrain(*asked, "--model", "m"))
        # One that learned from all columns may not.
        self.sealtrain(*asked, expect=DENIED)
        # Under the set in force nothing would differ.
        self.sealtrain("policy", "replay", "--file", self.dir / "policy.textproto")
        # Asked again without the rule, it would not leave.
        without = self.write("without.textproto", POLICY.replace("@ADA_KEY@", "11" * 32))
        self.assertIn("EXPORT_MODEL", self.sealtrain("policy", "replay", "--file", without,
                                                     expect=FAILED))

    def check_what_left(self):
        """With a receipt and one entry more anybody knows the file again."""
        receipt, entry, proof = (self.dir / name for name in ("m.receipt", "m.entry", "m.proof"))
        self.sealtrain("model", "receipt", "m", "--out", receipt)
        found = self.audit("search", "--type", "model-exported", "--verdict", "succeeded",
                           "--model", "m", "--json")
        index = json.loads(found.splitlines()[0])["entry"]["index"]
        self.audit("prove", index, "--out", proof, "--entry", entry)
        check = ("verify-model", receipt, "--export-entry", entry, "--export-proof", proof)
        said = json.loads(self.audit(*check, "--exported", self.out, "--json"))
        self.assertTrue(said["exported_checked"])
        self.assertFalse(said["artifact_checked"])
        changed = self.write("changed", self.out.read_bytes()[:-1])
        self.audit(*check, "--exported", changed, expect=INTEGRITY)
        self.assertIn("is not the file that the model", self.stderr)
        self.audit(*check, expect=USAGE)

    def test_what_training_asked_for_goes_with_the_model(self):
        strict = self.RULE.replace("max_bytes: 4096", "max_bytes: 100")
        duty = strict[strict.index("obligation { release"):strict.index("max_bytes: 100") + 18]
        self.apply_policy(
            POLICY.replace("obligation { dp", duty + " obligation { dp")
            .replace("test {", self.RULE + "test {", 1))
        self.ingest(jsonl(notes(300)))
        self.train("m")
        self.assertEqual(self.json("model", "show", "m")["release"]["max_bytes"], 100)
        self.export(expect=DENIED)
        self.assertIn("its release allows 100", self.stderr)
        self.assertIn("cannot_honour", self.audit("export", "--format", "jsonl"))


class Sealed(World):
    """Reasons: sealed beside the log, opened and destroyed under the policy."""

    RULES = """rule { id: "read" why: "w" permit {}
  scope { principal: "auditor" action: READ_AUDIT dataset: "notes" purpose: "study" }
  not_after { seconds: 1893456000 } }
rule { id: "redact" why: "w" permit {}
  scope { principal: "officer" action: ERASE dataset: "notes" purpose: "study" }
  not_after { seconds: 1893456000 } }
"""

    def setUp(self):
        super().setUp()
        self.init()
        self.schema = self.write("note.proto", SCHEMA)
        self.sealtrain("dataset", "create", "notes", "--schema", self.schema, "--message", "Note")
        keys = {name: self.sealtrain("policy", "keygen", "--out", self.dir / f"{name}.key").strip()
                for name in ("ada", "bob")}
        policy = self.write("policy.textproto", POLICY.replace("@ADA_KEY@", keys["ada"]).replace(
            "approval { required: 1", 'approval { required: 2 '
            f'approver {{ name: "bob" public_key: "{keys["bob"]}" }}').replace(
                "test {", self.RULES + "test {", 1))
        for name in keys:
            self.sealtrain("policy", "approve", policy, "--name", name, "--key",
                           self.dir / f"{name}.key")
        self.sealtrain("policy", "apply", policy)
        self.ingest(jsonl(notes(300)), "--why", "monthly intake")
        self.train("m", "--why", "complaint of Mrs. Miller\x1b[2J")
        self.entry = self.newest("TRAIN_ACCESS", "INTENT")

    def newest(self, kind, phase):
        """Index of the newest such entry."""
        events = [json.loads(line) for line in
                  self.audit("export", "--format", "jsonl").splitlines()]
        return [e["index"] for e in events if (e["type"], e["phase"]) == (kind, phase)][-1]

    def reveal(self, *args, principal="auditor", expect=OK):
        return self.sealtrain("--json", "--principal", principal, "audit", "reveal", self.entry,
                              "--purpose", "study/notes", *args, expect=expect)

    def redact(self, expect=OK):
        return self.sealtrain("--principal", "officer", "audit", "redact", self.entry, "--purpose",
                              "study/notes", "--why", "erasure asked for", expect=expect)

    def home_has(self, text):
        return any(text in path.read_bytes() for path in self.home.rglob("*") if path.is_file())

    def test_a_reason_is_sealed_and_revealed_with_a_proof(self):
        self.assertFalse(self.home_has(b"Miller"))
        self.assertFalse(self.home_has(b"monthly intake"))
        self.assertRegex(self.audit("show", self.entry), r"why +sealed:[0-9a-f]{64}")
        self.reveal(principal="trainer", expect=DENIED)
        proof, entry = self.dir / "why.tlog-proof", self.dir / "why.entry"
        self.assertEqual(json.loads(self.reveal())["text"], "complaint of Mrs. Miller\x1b[2J")
        self.reveal("--out", proof, expect=USAGE)
        self.reveal("--out", proof, "--entry", proof, expect=USAGE)
        self.reveal("--out", self.passphrase, "--entry", entry, expect=FAILED)
        self.train("n", "--why", "", expect=USAGE)
        self.train("n", "--why", "x" * 4097, expect=USAGE)
        self.reveal("--out", proof, "--entry", entry)
        vkey = (self.home / "audit/log.vkey").read_text().strip()
        checked = self.audit("check", proof, "--entry", entry, "--vkey", vkey)
        self.assertIn("complaint of Mrs. Miller\\u{1b}[2J", checked)
        # The text of another entry is none of this one.
        other = self.dir / "other.tlog-proof"
        self.entry = self.newest("SEAL_ACCESS", "INTENT") - 1
        self.reveal("--out", other, "--entry", self.dir / "other.entry")
        lines = proof.read_text().splitlines(keepends=True)
        lines[1] = other.read_text().splitlines(keepends=True)[1]
        proof.write_text("".join(lines))
        self.audit("check", proof, "--entry", entry, "--vkey", vkey, expect=INTEGRITY)
        self.assertIn("not what the entry commits to", self.stderr)
        self.assertEqual(self.audit("log", "--type", "audit-read").count("auditor"), 3)

    def test_a_reason_is_destroyed_with_two_approvals(self):
        proof, entry = self.dir / "why.tlog-proof", self.dir / "why.entry"
        self.reveal("--out", proof, "--entry", entry)
        self.redact(expect=DENIED)
        request = self.dir / "redact.textproto"
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        self.sealtrain("--principal", "officer", "access", "request", "--action", "ERASE",
                       "--entry", self.entry, "--dataset", "notes", "--purpose", "study/notes",
                       "--until", until, "--out", request)
        for name in ("ada", "bob"):
            self.sealtrain("access", "approve", request, "--name", name, "--key",
                           self.dir / f"{name}.key")
        self.sealtrain("access", "submit", request)
        self.redact()
        self.reveal(expect=KEY)
        self.redact(expect=KEY)
        self.audit("verify")
        self.audit("lint")
        vkey = (self.home / "audit/log.vkey").read_text().strip()
        self.audit("check", proof, "--entry", entry, "--vkey", vkey)
        self.assertIn("officer", self.audit("log", "--type", "entry-redacted", "--verdict",
                                            "succeeded"))
        # Asked again, the set in force says the same of all of this.
        self.sealtrain("policy", "replay", "--file", self.dir / "policy.textproto")


class Review(World):
    def prepare(self, duty):
        self.init()
        self.schema = self.write("note.proto", SCHEMA)
        self.sealtrain("dataset", "create", "notes", "--schema", self.schema, "--message", "Note")
        self.apply_policy(POLICY.replace("permit {\n", "permit {\n    obligation { " + duty + " }\n",
                                         1))

    def test_small_groups_stay_out(self):
        self.prepare("k_anonymity { k: 3 max_suppressed: 0.2 }")
        rows = notes(100)
        for row in rows:
            row["age"] = 30
        rows[10]["age"] = 80
        result = json.loads(self.ingest(jsonl(rows), "--json"))
        self.assertEqual(result["rows_sealed"], 99)
        self.assertEqual(result["review"]["suppressed"], {"SMALL_GROUP": 1})
        for row in rows[:30]:
            row["age"] = 80
            row["author"] = "the same"
        rows += notes(2)  # not the records that were taken already
        self.ingest(jsonl(rows), name="other.jsonl", expect=DENIED)
        self.assertIn("fewer than 3 subjects; the policy lets 20 % be left out", self.stderr)
        self.assertEqual(self.generation(), 1)

    def test_texts_are_scrubbed_or_refused(self):
        self.prepare("text_scan { on_class: FREE_TEXT look_for: EMAIL_ADDRESS then: SCRUB } } "
                     "obligation { text_scan { on_class: FREE_TEXT look_for: PRIVATE_KEY "
                     "then: REFUSE }")
        rows = notes(50)
        rows[3]["text"] = "write to jane.doe@example.org"
        result = json.loads(self.ingest(jsonl(rows), "--json"))
        column = next(c for c in result["review"]["columns"] if c["column"] == "text")
        self.assertEqual(column["findings"]["EMAIL_ADDRESS"], {"then": "SCRUB", "found": 1})
        self.assertEqual(column["findings"]["PRIVATE_KEY"], {"then": "REFUSE", "found": 0})
        self.ingest(jsonl(notes(60)))
        self.assertIn("EMAIL_ADDRESS", self.stdout)
        rows[5]["text"] = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"
        self.ingest(jsonl(rows), name="other.jsonl", expect=DENIED)
        self.assertIn("other.jsonl:6: text: holds PRIVATE_KEY", self.stderr)
        self.assertEqual(self.generation(), 2)


class Tamper(World):
    def flip(self, path, offset):
        data = bytearray(path.read_bytes())
        data[offset] ^= 1
        path.write_bytes(bytes(data))

    def test_a_flipped_bit_in_a_shard(self):
        self.make(200)
        self.train("m")
        shard = self.shards()[0]
        saved = shard.read_bytes()
        for offset in (len(saved) // 50, len(saved) // 2, len(saved) - 1):  # header, text, trailer
            self.flip(shard, offset)
            self.evaluate("m", expect=INTEGRITY)
            self.assertIn(shard.stem, self.stderr)
            shard.write_bytes(saved)
        self.evaluate("m")

    def test_a_flipped_bit_that_shows_without_keys(self):
        self.make(200)
        shard = self.shards()[0]
        saved = shard.read_bytes()
        for offset in (9, 1000, len(saved) // 2, len(saved) - 1):
            self.flip(shard, offset)
            self.sealtrain("dataset", "verify", "notes", expect=INTEGRITY)
            self.assertIn(shard.stem, self.stderr)
            shard.write_bytes(saved)
        self.sealtrain("dataset", "verify", "notes")

    def test_a_stranger_checks_the_store_without_custody(self):
        self.make(200)
        shown = self.json("dataset", "show", "notes")
        named = ("dataset", "verify", "notes", "--generation", str(shown["generation"]),
                 "--manifest", shown["manifest_sha256"], "--custody-key", shown["custody_key"])
        self.sealtrain(*named, home=self.dir / "nowhere")
        self.flip(self.shards()[0], 1000)
        self.sealtrain(*named, home=self.dir / "nowhere", expect=INTEGRITY)
        self.assertIn("segment 0", self.stderr)

    def test_a_missing_and_a_truncated_shard(self):
        self.make(200)
        shard = self.shards()[0]
        saved = shard.read_bytes()
        shard.write_bytes(saved[:-1])
        self.sealtrain("dataset", "verify", "notes", expect=INTEGRITY)
        shard.unlink()
        self.sealtrain("dataset", "verify", "notes", expect=INTEGRITY)
        self.train("m", expect=INTEGRITY)

    def test_an_older_store_put_back(self):
        self.make(100)
        saved = self.dir / "saved"
        shutil.copytree(self.store, saved)
        self.ingest(jsonl(notes(50, seed=9)), name="more.jsonl")
        self.sealtrain("dataset", "verify", "notes")
        shutil.rmtree(self.store)
        shutil.copytree(saved, self.store)
        self.sealtrain("dataset", "verify", "notes", expect=INTEGRITY)

    def test_a_changed_manifest(self):
        self.make(100)
        manifest = next((self.store / "notes" / "manifests").iterdir())
        self.flip(manifest, manifest.stat().st_size // 2)
        self.sealtrain("dataset", "verify", "notes", expect=INTEGRITY)

    def test_a_changed_model(self):
        self.make(300)
        self.train("m")
        model = next((self.store / "models").glob("*.seal"))
        for part in (0.05, 0.9):
            saved = model.read_bytes()
            self.flip(model, int(len(saved) * part))
            self.evaluate("m", expect=INTEGRITY)
            model.write_bytes(saved)
        self.evaluate("m")


class Audit(World):
    def test_the_log_tells_the_story_and_verifies(self):
        self.make(300)
        self.train("m")
        self.train("x", purpose="ads", expect=DENIED)
        log = self.audit("log")
        for word in ("trainer", "job", "study/notes", "denied", "ads"):
            self.assertIn(word, log)
        self.audit("verify")
        self.audit("dangling")
        for secret in ("canary", "198.51.100", "battery"):
            self.assertNotIn(secret, log)

    def test_an_edited_log_is_caught(self):
        self.make(50)
        bundle = next((self.home / "audit" / "tile" / "entries").rglob("0*"))
        if bundle.is_dir():
            bundle = max(bundle.iterdir(), key=lambda partial: int(partial.name))
        data = bundle.read_bytes()
        position = data.find(b"study/notes")
        self.assertGreater(position, 0)
        bundle.write_bytes(data.replace(b"study/notes", b"study/noteS", 1))
        self.audit("verify", expect=INTEGRITY)

    def test_a_question_that_nothing_can_answer_is_no_proof_of_absence(self):
        self.make()
        for question in (["--dataset", "notes@abc"], ["--dataset", "notes@01"],
                         ["--purpose", "study/"], ["--principal", ""],
                         ["--since", "1d", "--until", "2d"]):
            self.audit("search", *question, expect=USAGE)

    def test_output_takes_the_place_of_files_only(self):
        self.make()
        link = self.dir / "link"
        link.symlink_to(self.write("target", "untouched"))
        for out in ("--out", "--entry"):
            self.audit("prove", "0", out, link, expect=USAGE)
        self.assertTrue(link.is_symlink())
        self.assertEqual((self.dir / "target").read_text(), "untouched")

    def test_an_old_checkpoint_that_is_none_is_named(self):
        self.make()
        self.audit("verify", "--old", self.write("kept-empty", ""), expect=USAGE)
        self.assertIn("kept-empty is empty", self.stderr)
        self.audit("verify", "--old", self.write("kept-nonsense", "x"), expect=INTEGRITY)
        self.assertIn("kept-nonsense: ", self.stderr)

    def test_a_rolled_back_log_is_caught_by_an_older_checkpoint(self):
        self.make(20)
        saved = self.dir / "saved-audit"
        shutil.copytree(self.home / "audit", saved)
        self.ingest(jsonl(notes(20, seed=4)), name="more.jsonl")
        newest = self.write("newest.checkpoint", (self.home / "audit" / "checkpoint").read_bytes())
        self.audit("verify", "--old", newest)
        shutil.rmtree(self.home / "audit")
        shutil.copytree(saved, self.home / "audit")
        self.audit("verify", "--old", newest, expect=INTEGRITY)

    def test_an_entry_can_be_proven_and_checked_offline(self):
        self.make(20)
        proof = self.dir / "2.tlog-proof"
        self.audit("prove", "2", "--out", proof)
        self.assertIn("c2sp.org/tlog-proof@v1", proof.read_text())


class Interface(World):
    def test_every_command_has_help(self):
        for args in ([], ["init"], ["dataset"], ["dataset", "create"], ["policy"],
                     ["policy", "apply"], ["ingest"], ["train"], ["model"], ["lease"], ["budget"],
                     ["doctor"]):
            self.assertIn("--help", self.sealtrain(*args, "--help"))
        for args in ([], ["log"], ["verify"], ["prove"], ["show"]):
            self.assertIn("--help", self.audit(*args, "--help"))

    def test_every_help_has_an_example(self):
        def walk(run, path):
            text = run(*path, "--help")
            self.assertIn("Example", text, path)
            _, _, commands = text.partition("Subcommands:\n")
            for line in commands.splitlines():
                if line.startswith("  ") and line[2] != " ":
                    walk(run, path + [line.split()[0].rstrip(",")])
        walk(self.audit, [])
        walk(self.sealtrain, [])

    def test_usage_errors_exit_2(self):
        self.sealtrain(expect=USAGE)
        for words in (["frobnicate"], ["dataset", "frobnicate"], ["dataset", "list", "frobnicate"]):
            self.sealtrain(*words, expect=USAGE)
            self.assertIn("frobnicate", self.stderr)
        self.sealtrain("ingest", "notes", expect=USAGE)
        self.audit("frobnicate", expect=USAGE)
        self.init()
        for verb in ("show", "prove"):
            self.audit(verb, "-1", expect=USAGE)

    def test_json_everywhere(self):
        self.make(300)
        self.train("m")
        for args in (["dataset", "list"], ["dataset", "show", "notes"], ["dataset", "columns", "notes"],
                     ["dataset", "verify", "notes"], ["policy", "history"], ["model", "list"],
                     ["model", "show", "m"], ["lease", "list"], ["budget", "show", "notes"]):
            self.json(*args)
        for args in (["log"], ["verify"], ["show", "1"]):
            for line in self.audit("--json", *args).splitlines()[:1]:
                self.assertIn(line[0], "{[")
        error = json.loads(self.sealtrain("--json", "dataset", "show", "none", expect=FAILED))
        self.assertIn("none", error["error"]["message"])
        error = json.loads(self.audit("--json", "show", "999", expect=FAILED))
        self.assertIn("999", error["error"]["message"])
        for run in (self.sealtrain, self.audit):
            error = json.loads(run("--json", "frobnicate", expect=USAGE))
            self.assertIn("frobnicate", error["error"]["message"])
        proof = json.loads(self.audit("--json", "prove", "1"))
        self.assertEqual((proof["index"], proof["proof"]), (1, self.audit("prove", "1")))

    def test_the_passphrase_is_in_no_argument(self):
        self.make()
        self.assertNotIn("battery", " ".join(self.command("sealtrain", ["dataset", "list"])))
        self.sealtrain("doctor")


if __name__ == "__main__":
    unittest.main()

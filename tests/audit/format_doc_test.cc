// The worked example of docs/formats/audit-log.md is what the code writes.
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/audit/tiles.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

std::string Example(const std::string& name) { return DocumentExample("audit-log.md", name); }

// The bytes of a block of hex digits; from '#' on a line is a remark.
std::string ExampleBytes(const std::string& name) {
  std::string digits;
  bool remark = false;
  for (const char c : Example(name)) {
    if (c == '#') remark = true;
    if (c == '\n') remark = false;
    if (!remark && absl::ascii_isxdigit(static_cast<unsigned char>(c))) digits.push_back(c);
  }
  return absl::HexStringToBytes(digits);
}

std::string ToHex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }
std::string ToText(const Digest& digest) { return std::string(AsText(digest)); }

TEST(FormatDocument, HasAWorkedExample) {
  Event event;
  event.set_format(1);
  event.set_uid("0123456789abcdef");
  event.set_wall_time_ns(1'700'000'000'000'000'000);
  event.set_boot_time_ns(1'000'000'000);
  event.set_type(LOG_STARTED);
  event.set_phase(SUCCEEDED);
  const std::string entry = ExampleBytes("entry");
  ASSERT_EQ(ToHex(entry), ToHex(*EncodeEvent(event)));

  testing::TempDir dir;
  const std::string log_dir = dir.Join("audit");
  MakeLog(log_dir, 0);
  const std::string empty_wal = ReadText(log_dir + "/.state/wal");
  EXPECT_EQ(empty_wal.size(), 128u << 10);
  const std::string header = ExampleBytes("wal header");
  EXPECT_EQ(empty_wal, header + std::string(empty_wal.size() - header.size(), '\0'));
  {
    ASSERT_OK_AND_ASSIGN(auto log, OpenTestLog(Env::Posix(), log_dir));
    ASSERT_OK(log->Append(event));
  }
  EXPECT_EQ(ReadText(log_dir + "/log.vkey"), Example("log.vkey"));
  EXPECT_EQ(ToHex(ToText(crypto::MerkleLeafHash(AsBytes(entry)))),
            ToHex(ExampleBytes("leaf hash")));
  EXPECT_EQ(ToHex(ReadText(log_dir + "/tile/0/000.p/1")), ToHex(ExampleBytes("leaf hash")));
  EXPECT_EQ(ToHex(ReadText(log_dir + "/tile/entries/000.p/1")), ToHex(ExampleBytes("bundle")));
  EXPECT_EQ(ReadText(log_dir + "/checkpoints/0"), Example("empty checkpoint"));
  EXPECT_EQ(ReadText(log_dir + "/checkpoint"), Example("checkpoint"));
  const std::string record = ExampleBytes("wal record");
  EXPECT_EQ(ToHex(ReadText(log_dir + "/.state/wal").substr(0, header.size() + record.size())),
            ToHex(header + record));
  ASSERT_OK_AND_ASSIGN(auto reader, LogReader::Open(Env::Posix(), log_dir));
  ASSERT_OK_AND_ASSIGN(const std::string proof, reader->Prove(0));
  EXPECT_EQ(proof, Example("proof"));

  Event sealed;
  sealed.set_why(ExampleBytes("commitment"));
  ASSERT_OK_AND_ASSIGN(const OpenedText opened, CheckOpening(ExampleBytes("opening"), sealed));
  EXPECT_EQ(opened.field, "why");
  EXPECT_EQ(opened.text, "ticket 4711");

  const crypto::SigningKey witness = TestKey(0x15);
  const WitnessKey witness_key{.name = "witness.example.org/one",
                               .public_key = witness.public_key()};
  EXPECT_EQ(absl::StrCat(FormatVkey(witness_key), "\n"), Example("witness vkey"));
  ASSERT_OK_AND_ASSIGN(const std::string line, Cosign(FormatCheckpoint(reader->checkpoint()),
                                                      witness_key.name, witness, 1'700'000'000));
  EXPECT_EQ(absl::StrCat(reader->checkpoint_note(), line), Example("cosigned checkpoint"));
}

}  // namespace
}  // namespace sealtrain::audit

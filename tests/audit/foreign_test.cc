// A log written by us, verified by an implementation that is not ours.
#include <gtest/gtest.h>

#include "sealtrain/audit/cosignature.h"
#include "sealtrain/audit/tree_writer.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/audit/foreign_verifier.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ForeignVerifierTest, AcceptsWhatWeWrite) {
  for (const std::uint64_t size : {1, 2, 255, 256, 257, 600}) {
    const std::string log = dir_.Join(absl::StrCat("log", size));
    MakeLogAtOnce(log, size - 1);
    {
      ASSERT_OK_AND_ASSIGN(auto writer, OpenTestLog(env, log));
      ASSERT_OK(writer->Append(TestEvent(size - 1)));
    }
    EXPECT_EQ(Verdict(LogCase(log, TestVerifier())), absl::StrCat("OK ", size));
  }
}

// Every inclusion at each size, and the consistency of all checkpoints before it.
TEST_F(ForeignVerifierTest, AcceptsALogAtEverySizeWhereItsShapeChanges) {
  const std::string log = dir_.Join("log");
  ASSERT_OK(AuditLog::Create(env, TestOptions(log), TestKey()));
  ASSERT_OK_AND_ASSIGN(
      TreeWriter tree,
      TreeWriter::Load(env, log, {.origin = kTestOrigin, .size = 0, .root = crypto::Sha256({})}));
  for (const std::uint64_t size :
       {0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 4096, 65535, 65536, 65537, 65538}) {
    while (tree.size() < size) tree.Add(TestEvent(tree.size()).SerializeAsString());
    ASSERT_OK_AND_ASSIGN(
        const std::string note,
        SignCheckpoint({.origin = kTestOrigin, .size = size, .root = tree.Root()}, TestKey()));
    ASSERT_OK(PublishedFiles(env, log).Publish(tree.Take(note)));
    EXPECT_EQ(Verdict(LogCase(log, TestVerifier())), absl::StrCat("OK ", size));
  }
  ASSERT_OK_AND_ASSIGN(const VerifyReport report, VerifyLog(log));
  EXPECT_EQ(report.older_checkpoints, 15u);
}

TEST_F(ForeignVerifierTest, RejectsAnotherKeyAndAChangedEntry) {
  const std::string log = dir_.Join("log");
  MakeLogAtOnce(log, 300);
  ASSERT_EQ(Verdict(LogCase(log, TestVerifier())), "OK 300");
  EXPECT_THAT(Verdict(LogCase(log, TestVerifier(8))), StartsWith("FAIL"));
  std::string bundle = ReadText(log + "/tile/entries/000");
  bundle[bundle.find("job:77")] = 'J';
  WriteText(log + "/tile/entries/000", bundle);
  EXPECT_THAT(Verdict(LogCase(log, TestVerifier())), HasSubstr("FAIL entry 0"));
}

TEST_F(ForeignVerifierTest, AcceptsOurCosignatures) {
  const WitnessKey witness{.name = "witness.example.org/one",
                           .public_key = TestKey(0x15).public_key()};
  const std::string text =
      FormatCheckpoint({.origin = kTestOrigin, .size = 300, .root = crypto::Sha256({})});
  const std::string note = *SignNote(text, kTestOrigin, TestKey());
  const std::string line = *Cosign(text, witness.name, TestKey(0x15), 1'700'000'000);
  const auto verdict = [&](const std::string& bytes, const WitnessKey& key) {
    WriteText(dir_.Join("note"), bytes);
    return Verdict(absl::StrCat("cosigned\t", dir_.Join("note"), "\t", FormatVkey(TestVerifier()),
                                "\t", FormatVkey(key)));
  };
  EXPECT_EQ(verdict(note + line, witness), "OK 300");
  EXPECT_THAT(verdict(note, witness), StartsWith("FAIL"));
  std::string changed = line;
  changed[changed.size() - 10] = changed[changed.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_THAT(verdict(note + changed, witness), StartsWith("FAIL"));
  EXPECT_THAT(verdict(note + line, {.name = witness.name, .public_key = TestKey(9).public_key()}),
              StartsWith("FAIL"));
}

}  // namespace
}  // namespace sealtrain::audit

#include "sealtrain/audit/witness_protocol.h"

#include <gtest/gtest.h>

#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/audit/test_tree.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;

TEST(AddCheckpointRequest, RoundTrips) {
  const TestTree tree(40);
  for (const std::uint64_t old_size : {0, 1, 21, 40}) {
    const AddCheckpointRequest request{.old_size = old_size,
                                       .proof = tree.Consistency(old_size, 40),
                                       .checkpoint_note = tree.NoteAt(40)};
    const std::string body = FormatAddCheckpoint(request);
    ASSERT_OK_AND_ASSIGN(const AddCheckpointRequest parsed, ParseAddCheckpoint(body));
    EXPECT_EQ(parsed.old_size, request.old_size);
    EXPECT_EQ(parsed.proof, request.proof);
    EXPECT_EQ(parsed.checkpoint_note, request.checkpoint_note);
    EXPECT_EQ(FormatAddCheckpoint(parsed), body);
  }
}

// The example of the specification.
TEST(AddCheckpointRequest, ParsesThePublishedExample) {
  const std::string checkpoint =
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
      "\xE2\x80\x94 example.com/behind-the-sofa "
      "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7"
      "u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
  ASSERT_OK_AND_ASSIGN(const AddCheckpointRequest parsed,
                       ParseAddCheckpoint("old 20852014\n"
                                          "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
                                          "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
                                          "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
                                          "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\n" +
                                          checkpoint));
  EXPECT_EQ(parsed.old_size, 20852014u);
  EXPECT_EQ(parsed.proof.size(), 4u);
  EXPECT_EQ(parsed.checkpoint_note, checkpoint);
}

TEST(WitnessAnswer, HasASizeInOneSpelling) {
  EXPECT_EQ(*SizeOf(OtherSizeAnswer(0)), 0u);
  EXPECT_EQ(*SizeOf(OtherSizeAnswer(20852014)), 20852014u);
  for (const char* body :
       {"", "\n", "5", "5\n\n", "05\n", "-5\n", " 5\n", "9223372036854775808\n"}) {
    EXPECT_THAT(SizeOf({.status = 409, .content_type = "text/x.tlog.size", .body = body}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << body;
  }
  EXPECT_THAT(SizeOf({.status = 409, .content_type = "text/plain", .body = "5\n"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(WitnessAnswer, IsPrintedAsACgiProgramDoes) {
  EXPECT_EQ(FormatAnswer(OtherSizeAnswer(5)),
            "Status: 409 Refused\nContent-Type: text/x.tlog.size\n\n5\n");
  for (const WitnessAnswer& answer :
       {OtherSizeAnswer(5), CosignedAnswer("line\n\nline\n"),
        Refusal(WitnessAnswer::kUnknownLog, "why"), Refusal(WitnessAnswer::kFailed, "")}) {
    ASSERT_OK_AND_ASSIGN(const WitnessAnswer parsed, ParseAnswer(FormatAnswer(answer)));
    EXPECT_EQ(parsed.status, answer.status);
    EXPECT_EQ(parsed.content_type, answer.content_type);
    EXPECT_EQ(parsed.body, answer.body);
  }
  for (const std::string& bad :
       {std::string(), std::string("\n\n"), std::string("Status: 200 OK\n\nbody"),
        std::string("Status: OK\nContent-Type: a\n\n"), std::string("200\nContent-Type: a\n\n"),
        std::string("Status: 1000 OK\nContent-Type: a\n\n"),
        std::string("Status: 200 OK\nContent-Type: a\nMore: b\n\n"),
        std::string("Content-Type: a\nStatus: 200 OK\n\n"),
        FormatAnswer(CosignedAnswer(std::string(kMaxWitnessBytes, 'x')))}) {
    EXPECT_THAT(ParseAnswer(bad), StatusIs(kInvalid)) << bad.substr(0, 100);
  }
}

}  // namespace
}  // namespace sealtrain::audit

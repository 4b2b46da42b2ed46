#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/trainer/train_spec_internal.h"
#include "sealtrain/trainer/training.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Line numbers matter below.
constexpr char kGood[] = R"(# a comment
feature { numeric { column: "age" min: 0 max: 100 } }
feature { categorical { column: "kind" value: ["a", "b"] } }
feature {
  hashed_text {
    column: "subject" column: "body"
    buckets: 1024
    tokens: WORDS
    max_ngram: 2
    max_bytes_a_row: 65536
  }
}
label { column: "spam" value: ["false", "true"] }
model { logistic_regression {} }
optimizer { adam {} steps: 100 learning_rate: 0.05 sampling_rate: 0.1 }
privacy { unit: SUBJECT clipping_norm: 1 epsilon: 3 delta: 1e-5 expected_batch: 100 }
)";

TEST(ParseTrainSpec, AcceptsACompleteSpec) {
  ASSERT_OK_AND_ASSIGN(const TrainSpec spec, ParseTrainSpec(kGood, "t"));
  EXPECT_EQ(spec.feature_size(), 3);
  EXPECT_EQ(spec.privacy().unit(), policy::SUBJECT);
  EXPECT_OK(CheckTrainSpec(spec));
}

struct Bad {
  std::string from;  // in kGood
  std::string to;
  std::string place;    // "LINE:COLUMN"; syntax errors point behind the word
  std::string message;  // part of it

  friend void PrintTo(const Bad& bad, std::ostream* os) { *os << bad.from << " -> " << bad.to; }
};

class BadTrainSpec : public ::testing::TestWithParam<Bad> {};

TEST_P(BadTrainSpec, IsRefusedWithItsPlace) {
  const std::string text = absl::StrReplaceAll(kGood, {{GetParam().from, GetParam().to}});
  ASSERT_NE(text, kGood);
  const absl::StatusOr<TrainSpec> spec = ParseTrainSpec(text, "dir/spam.textproto");
  EXPECT_THAT(spec.status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith(absl::StrCat("dir/spam.textproto:", GetParam().place, ": "))));
  EXPECT_THAT(std::string(spec.status().message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTrainSpec,
    ::testing::Values(
        // Syntax.
        Bad{"steps: 100", "steps: many", "15:28", "many"},
        Bad{"steps: 100", "stops: 100", "15:26", "stops"},
        Bad{"tokens: WORDS", "tokens: LINES", "9:5", "LINES"},
        Bad{"min: 0 max", "min: 0 min: 0 max", "2:45", "min"},
        // Features.
        Bad{"column: \"age\"", "", "2:11", "column: must be set"},
        Bad{"min: 0", "", "2:11", "min: must be set"},
        Bad{"max: 100 }", "max: 0 }", "2:42", "greater than min"},
        Bad{"max: 100 }", "max: nan }", "2:42", "must lie in"},
        Bad{"max: 100 }", "max: inf }", "2:42", "must lie in"},
        Bad{"min: 0 max: 100", "min: -1.7e308 max: 1.7e308", "2:49", "finite"},
        Bad{"max: 100 }", "max: 100 length: 0 }", "2:51", "length: must lie in"},
        Bad{"[\"a\", \"b\"]", "[\"a\", \"a\"]", "3:40", "twice"},
        Bad{"value: [\"a\", \"b\"]", "", "3:11", "value: must be set"},
        Bad{"column: \"subject\" column: \"body\"", "", "5:3", "column: must be set"},
        Bad{"column: \"body\"", "column: \"subject\"", "6:23", "twice"},
        Bad{"column: \"body\"", "column: \"\"", "6:23", "is empty"},
        Bad{"buckets: 1024", "buckets: 15", "7:5", "buckets: must lie in [16, "},
        Bad{"buckets: 1024", "", "5:3", "buckets: must be set"},
        Bad{"tokens: WORDS", "", "5:3", "tokens"},
        Bad{"tokens: WORDS", "tokens: 7", "8:5", "tokens"},
        Bad{"max_ngram: 2", "max_ngram: 6", "9:5", "max_ngram"},
        Bad{"max_bytes_a_row: 65536", "", "5:3", "max_bytes_a_row: must be set"},
        // Label and model.
        Bad{"[\"false\", \"true\"]", "\"false\"", "13:24", "exactly two"},
        Bad{"[\"false\", \"true\"]", "[\"a\", \"a\"]", "13:24", "twice"},
        Bad{"column: \"spam\"", "column: \"age\"", "13:9", "is a feature as well"},
        Bad{"label { column: \"spam\" value: [\"false\", \"true\"] }", "", "1:1",
            "label: must be set"},
        Bad{"model { logistic_regression {} }", "", "1:1", "model"},
        // Optimizer.
        Bad{"adam {}", "", "15:1", "must be sgd or adam"},
        Bad{"adam {}", "sgd { momentum: 1 }", "15:19", "momentum: must lie in [0, "},
        Bad{"steps: 100", "", "15:1", "steps: must be set"},
        Bad{"steps: 100", "steps: 0", "15:21", "steps: must lie in [1, "},
        Bad{"learning_rate: 0.05", "learning_rate: 0", "15:32", "learning_rate: must lie in (0, "},
        Bad{"learning_rate: 0.05", "learning_rate: nan", "15:32", "learning_rate"},
        Bad{"sampling_rate: 0.1", "", "15:1", "sampling_rate: must be set"},
        Bad{"sampling_rate: 0.1", "sampling_rate: 1.5", "15:52", "sampling_rate"},
        Bad{"sampling_rate: 0.1", "sampling_rate: 0", "15:52", "sampling_rate"},
        Bad{"sampling_rate: 0.1", "sampling_rate: 0.1 l2: -1", "15:71", "l2"},
        // Privacy.
        Bad{"unit: SUBJECT", "", "16:1", "unit: must be RECORD or SUBJECT"},
        Bad{"clipping_norm: 1", "", "16:1", "clipping_norm: must be set"},
        Bad{"clipping_norm: 1", "clipping_norm: 0", "16:25", "clipping_norm"},
        Bad{"epsilon: 3", "", "16:1", "epsilon: must be set"},
        Bad{"epsilon: 3", "epsilon: 0", "16:42", "epsilon: must lie in (0, "},
        Bad{"epsilon: 3", "epsilon: inf", "16:42", "epsilon"},
        Bad{"delta: 1e-5", "", "16:1", "delta: must be set"},
        Bad{"delta: 1e-5", "delta: 0", "16:53", "delta"},
        Bad{"delta: 1e-5", "delta: 0.5", "16:53", "delta"},
        Bad{"expected_batch: 100", "", "16:1", "expected_batch: must be set"},
        Bad{"expected_batch: 100", "expected_batch: 0", "16:65", "expected_batch"}));

TEST(ParseTrainSpec, RefusesAnEmptySpec) {
  EXPECT_THAT(ParseTrainSpec("", "t"),
              StatusIs(absl::StatusCode::kInvalidArgument, "t:1:1: feature: must be set"));
}

TEST(ParseTrainSpec, RefusesMoreInputsThanAModelMayHave) {
  std::string text = kGood;
  for (int i = 0; i < 17; ++i) {
    absl::StrAppend(&text, "feature { hashed_text { column: \"c\" buckets: 1048576 tokens: WORDS ",
                    "max_ngram: 1 max_bytes_a_row: 1 } }\n");
  }
  EXPECT_THAT(ParseTrainSpec(text, "t"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 16777216 inputs")));
}

TEST(ParseTrainSpec, RefusesATextThatIsTooLong) {
  const std::string text = kGood + std::string(1 << 20, ' ');
  EXPECT_THAT(ParseTrainSpec(text, "t"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most")));
}

TEST(CheckTrainSpec, ChecksASpecThatNeverWasText) {
  TrainSpec spec = ParseTrainSpec(kGood, "t").value();
  spec.mutable_privacy()->clear_delta();
  EXPECT_THAT(CheckTrainSpec(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, "train spec: delta: must be set"));
}

}  // namespace
}  // namespace sealtrain::trainer

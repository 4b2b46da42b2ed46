#include "sealtrain/trainer/features.h"

#include <sodium.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/trainer/batch_builder.h"
#include "sealtrain/tests/trainer/test_schema.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::BatchBuilder;
using ::sealtrain::testing::Field;
using ::sealtrain::testing::MakeSchema;
using ::sealtrain::testing::MakeSpec;
using ::sealtrain::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string Label() { return Field("bool spam", 99, "LABEL"); }

// All inputs of row `row` but the bias, which is checked here.
std::map<std::uint32_t, float> InputsOf(const TrainSpec& spec, const policy::Schema& schema,
                                        const pipeline::ColumnBatch& batch, std::uint64_t row) {
  FeatureReader reader = FeatureReader::Create(spec, schema, ColumnsOf(spec)).value();
  SparseRows rows;
  EXPECT_OK(reader.AppendRow(batch, row, rows));
  EXPECT_EQ(rows.size(), 1u);
  std::map<std::uint32_t, float> inputs;
  for (const Entry& entry : rows.row(0)) {
    EXPECT_TRUE(inputs.emplace(entry.index, entry.value).second) << "input set twice";
  }
  const std::uint32_t bias = FeatureSpace::Create(spec).value().bias();
  EXPECT_EQ(inputs[bias], 1);
  inputs.erase(bias);
  return inputs;
}

std::vector<std::optional<bool>> Labels(std::size_t rows) {
  return std::vector<std::optional<bool>>(rows, true);
}

TEST(FeatureSpace, LaysOutBlocksInOrderWithTheBiasLast) {
  const TrainSpec spec = MakeSpec(
      "feature { numeric { column: \"age\" min: 0 max: 100 } }"
      "feature { categorical { column: \"kind\" value: [\"a\", \"b\"] } }"
      "feature { hashed_text { column: [\"subject\", \"body\"] buckets: 16 tokens: WORDS"
      "          max_ngram: 1 max_bytes_a_row: 100 } }");
  ASSERT_OK_AND_ASSIGN(const FeatureSpace space, FeatureSpace::Create(spec));
  EXPECT_EQ(space.dimension(), 2u + 3u + 16u + 1u);
  EXPECT_EQ(space.bias(), 21u);
  ASSERT_EQ(space.blocks().size(), 3u);
  EXPECT_EQ(space.blocks()[1].name, "kind");
  EXPECT_EQ(space.blocks()[1].offset, 2u);
  EXPECT_EQ(space.blocks()[1].size, 3u);
  EXPECT_EQ(space.blocks()[2].name, "subject+body");
  EXPECT_EQ(space.blocks()[2].offset, 5u);
  EXPECT_THAT(ColumnsOf(spec), ElementsAre("age", "kind", "subject", "body", "spam"));
}

TEST(NumericFeature, ScalesBetweenItsBoundsAndClamps) {
  const auto schema = MakeSchema(Field("double age", 1) + Label());
  const TrainSpec spec = MakeSpec("feature { numeric { column: \"age\" min: 10 max: 20 } }");
  const auto batch =
      BatchBuilder().Double({15, 10, 20, 5, 1e300, kInfinity, -kInfinity}).Bool(Labels(7)).Build();
  EXPECT_THAT(InputsOf(spec, *schema, batch, 0), ElementsAre(Pair(0, FloatEq(0.5))));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 1), ElementsAre());
  EXPECT_THAT(InputsOf(spec, *schema, batch, 2), ElementsAre(Pair(0, FloatEq(1))));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 3), ElementsAre());
  EXPECT_THAT(InputsOf(spec, *schema, batch, 4), ElementsAre(Pair(0, FloatEq(1))));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 5), ElementsAre(Pair(0, FloatEq(1))));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 6), ElementsAre());
}

TEST(NumericFeature, SetsAnInputOfItsOwnForNullAndNan) {
  const auto schema = MakeSchema(Field("optional double age", 1) + Label());
  const TrainSpec spec = MakeSpec("feature { numeric { column: \"age\" min: 0 max: 1 } }");
  const auto batch = BatchBuilder().Double({std::nullopt, kNan, 0.5}).Bool(Labels(3)).Build();
  EXPECT_THAT(InputsOf(spec, *schema, batch, 0), ElementsAre(Pair(1, 1)));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 1), ElementsAre(Pair(1, 1)));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 2), ElementsAre(Pair(0, 0.5)));
}

TEST(NumericFeature, ScalesLogarithmically) {
  const auto schema = MakeSchema(Field("int32 gain", 1) + Label());
  const TrainSpec spec =
      MakeSpec("feature { numeric { column: \"gain\" min: 1 max: 100 log_scale: true } }");
  const auto batch = BatchBuilder().Int32({1, 10, 100, -5}).Bool(Labels(4)).Build();
  EXPECT_THAT(InputsOf(spec, *schema, batch, 0), ElementsAre());
  EXPECT_THAT(InputsOf(spec, *schema, batch, 1), ElementsAre(Pair(0, FloatNear(0.5f, 1e-6f))));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 2), ElementsAre(Pair(0, FloatEq(1))));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 3), ElementsAre());
}

TEST(NumericFeature, ReadsTheDeclaredLengthOfARepeatedColumn) {
  const auto schema = MakeSchema(Field("repeated double pixels", 1) + Label());
  const TrainSpec spec =
      MakeSpec("feature { numeric { column: \"pixels\" min: 0 max: 10 length: 3 } }");
  const auto batch =
      BatchBuilder().Doubles({{1, 2, 3}, {1}, {1, 2, 3, 4}, {}}).Bool(Labels(4)).Build();
  EXPECT_THAT(InputsOf(spec, *schema, batch, 0),
              ElementsAre(Pair(0, FloatEq(.1f)), Pair(1, FloatEq(.2f)), Pair(2, FloatEq(.3f))));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 1), ElementsAre(Pair(0, FloatEq(.1f)), Pair(3, 1)));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 2),
              ElementsAre(Pair(0, FloatEq(.1f)), Pair(1, FloatEq(.2f)), Pair(2, FloatEq(.3f))));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 3), ElementsAre(Pair(3, 1)));
}

TEST(CategoricalFeature, SetsTheInputOfItsValueOrTheLast) {
  const auto schema = MakeSchema(Field("optional string kind", 1) + Label());
  const TrainSpec spec =
      MakeSpec("feature { categorical { column: \"kind\" value: [\"red\", \"\"] } }");
  const auto batch =
      BatchBuilder().Text({"red", "", "blue", std::nullopt, "Red"}).Bool(Labels(5)).Build();
  EXPECT_THAT(InputsOf(spec, *schema, batch, 0), ElementsAre(Pair(0, 1)));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 1), ElementsAre(Pair(1, 1)));
  for (const std::uint64_t other : {2, 3, 4}) {
    EXPECT_THAT(InputsOf(spec, *schema, batch, other), ElementsAre(Pair(2, 1))) << other;
  }
}

TEST(CategoricalFeature, FindsIntegersExactlyAndBooleansByName) {
  const auto schema =
      MakeSchema(Field("uint64 id", 1) + Field("int32 level", 2) + Field("bool on", 3) + Label());
  const TrainSpec spec = MakeSpec(
      "feature { categorical { column: \"id\" value: [\"18446744073709551615\"] } }"
      "feature { categorical { column: \"level\" value: [\"-1\"] } }"
      "feature { categorical { column: \"on\" value: [\"true\"] } }");
  // The second id differs from the declared one only beyond 53 bits.
  const auto batch = BatchBuilder()
                         .Uint64({~std::uint64_t{0}, ~std::uint64_t{1}})
                         .Int32({-1, 1})
                         .Bool({true, false})
                         .Bool(Labels(2))
                         .Build();
  EXPECT_THAT(InputsOf(spec, *schema, batch, 0), ElementsAre(Pair(0, 1), Pair(2, 1), Pair(4, 1)));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 1), ElementsAre(Pair(1, 1), Pair(3, 1), Pair(5, 1)));
}

// docs/training.md, "Hashed text", written a second time.
std::uint32_t BucketOf(const std::string& column, const std::string& ngram, std::uint32_t buckets) {
  const std::string label = absl::StrCat("sealtrain/ngram/1", std::string(1, '\0'), column);
  const Digest key = crypto::Sha256(AsBytes(label));
  std::uint8_t hash[8];
  ::crypto_shorthash(hash, reinterpret_cast<const unsigned char*>(ngram.data()), ngram.size(),
                     key.data());
  std::uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8 | hash[i];
  return static_cast<std::uint32_t>(word % buckets);
}

std::map<std::uint32_t, float> Expected(
    const std::vector<std::pair<std::string, std::string>>& ngrams, std::uint32_t buckets) {
  std::map<std::uint32_t, int> counts;
  for (const auto& [column, ngram] : ngrams) ++counts[BucketOf(column, ngram, buckets)];
  double squares = 0;
  for (const auto& [bucket, count] : counts) squares += std::pow(1 + std::log(count), 2);
  std::map<std::uint32_t, float> inputs;
  for (const auto& [bucket, count] : counts) {
    inputs[bucket] = static_cast<float>((1 + std::log(count)) / std::sqrt(squares));
  }
  return inputs;
}

void ExpectNear(const std::map<std::uint32_t, float>& actual,
                const std::map<std::uint32_t, float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [bucket, value] : expected) {
    ASSERT_EQ(actual.count(bucket), 1u) << bucket;
    EXPECT_NEAR(actual.at(bucket), value, 1e-6);
  }
}

TEST(HashedText, CountsWordNgramsOfEachColumn) {
  const auto schema = MakeSchema(Field("string subject", 1, "FREE_TEXT") +
                                 Field("string body", 2, "FREE_TEXT") + Label());
  const TrainSpec spec = MakeSpec(
      "feature { hashed_text { column: [\"subject\", \"body\"] buckets: 1048576 tokens: WORDS"
      "          max_ngram: 2 max_bytes_a_row: 1000 } }");
  const auto batch = BatchBuilder()
                         .Text({"Buy NOW!!", "", "--"})
                         .Text({"\tbuy,buy caf\xc3\xa9 4u", "x", " ... "})
                         .Bool(Labels(3))
                         .Build();
  ExpectNear(InputsOf(spec, *schema, batch, 0), Expected({{"subject", "buy"},
                                                          {"subject", "now"},
                                                          {"subject", "buy now"},
                                                          {"body", "buy"},
                                                          {"body", "buy"},
                                                          {"body", "caf\xc3\xa9"},
                                                          {"body", "4u"},
                                                          {"body", "buy buy"},
                                                          {"body", "buy caf\xc3\xa9"},
                                                          {"body", "caf\xc3\xa9 4u"}},
                                                         1 << 20));
  ExpectNear(InputsOf(spec, *schema, batch, 1), Expected({{"body", "x"}}, 1 << 20));
  EXPECT_THAT(InputsOf(spec, *schema, batch, 2), ElementsAre());
}

TEST(HashedText, CountsCharacterNgrams) {
  const auto schema = MakeSchema(Field("string body", 1, "FREE_TEXT") + Label());
  const TrainSpec spec = MakeSpec(
      "feature { hashed_text { column: \"body\" buckets: 1000 tokens: CHARACTERS"
      "          max_ngram: 3 max_bytes_a_row: 4 } }");
  const auto batch = BatchBuilder().Text({"Ab A is not read"}).Bool(Labels(1)).Build();
  ExpectNear(InputsOf(spec, *schema, batch, 0), Expected({{"body", "A"},
                                                          {"body", "b"},
                                                          {"body", " "},
                                                          {"body", "A"},
                                                          {"body", "Ab"},
                                                          {"body", "b "},
                                                          {"body", " A"},
                                                          {"body", "Ab "},
                                                          {"body", "b A"}},
                                                         1000));
}

TEST(HashedText, ReadsSoManyBytesOfARowAndNoMore) {
  const auto schema = MakeSchema(Field("string subject", 1, "FREE_TEXT") +
                                 Field("string body", 2, "FREE_TEXT") + Label());
  const TrainSpec spec = MakeSpec(
      "feature { hashed_text { column: [\"subject\", \"body\"] buckets: 4096 tokens: WORDS"
      "          max_ngram: 1 max_bytes_a_row: 7 } }");
  const auto batch =
      BatchBuilder().Text({"abcd", "abcdefghi"}).Text({"efghi", "never"}).Bool(Labels(2)).Build();
  ExpectNear(InputsOf(spec, *schema, batch, 0),
             Expected({{"subject", "abcd"}, {"body", "efg"}}, 4096));
  // The limit starts again with each row.
  ExpectNear(InputsOf(spec, *schema, batch, 1), Expected({{"subject", "abcdefg"}}, 4096));
}

TEST(HashedText, HasNormOneWhateverTheText) {
  const auto schema = MakeSchema(Field("string body", 1, "FREE_TEXT") + Label());
  const TrainSpec spec = MakeSpec(
      "feature { hashed_text { column: \"body\" buckets: 64 tokens: WORDS"
      "          max_ngram: 3 max_bytes_a_row: 100000 } }");
  std::string text;
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&text, i % 77, " ");
  const auto batch = BatchBuilder().Text({text}).Bool(Labels(1)).Build();
  double squares = 0;
  for (const auto& [bucket, value] : InputsOf(spec, *schema, batch, 0)) squares += value * value;
  EXPECT_NEAR(squares, 1, 1e-5);
}

TEST(FeatureReader, ReadsLabels) {
  const auto schema =
      MakeSchema(Field("double age", 1) + Field("optional string spam", 99, "LABEL"));
  const TrainSpec spec = MakeSpec("feature { numeric { column: \"age\" min: 0 max: 1 } }");
  ASSERT_OK_AND_ASSIGN(const FeatureReader reader,
                       FeatureReader::Create(spec, *schema, ColumnsOf(spec)));
  const auto batch =
      BatchBuilder().Double({0, 0, 0, 0}).Text({"true", "false", "maybe", std::nullopt}).Build();
  EXPECT_EQ(reader.Label(batch, 0), true);
  EXPECT_EQ(reader.Label(batch, 1), false);
  EXPECT_EQ(reader.Label(batch, 2), std::nullopt);
  EXPECT_EQ(reader.Label(batch, 3), std::nullopt);
}

struct Misfit {
  std::string fields;
  std::string feature;
  std::string message;

  friend void PrintTo(const Misfit& misfit, std::ostream* os) { *os << misfit.feature; }
};

class FeatureMisfit : public ::testing::TestWithParam<Misfit> {};

TEST_P(FeatureMisfit, IsRefusedByName) {
  const auto schema = MakeSchema(GetParam().fields + Label());
  const TrainSpec spec = MakeSpec(GetParam().feature);
  EXPECT_THAT(FeatureReader::Create(spec, *schema, ColumnsOf(spec)).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("column x"), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    All, FeatureMisfit,
    ::testing::Values(
        Misfit{Field("double y", 1), "feature { numeric { column: \"x\" min: 0 max: 1 } }",
               "not in the data set"},
        Misfit{Field("string x", 1), "feature { numeric { column: \"x\" min: 0 max: 1 } }",
               "is text"},
        Misfit{Field("repeated double x", 1), "feature { numeric { column: \"x\" min: 0 max: 1 } }",
               "needs a length"},
        Misfit{Field("double x", 1),
               "feature { numeric { column: \"x\" min: 0 max: 1 length: 2 } }", "is not repeated"},
        Misfit{Field("double x", 1), "feature { categorical { column: \"x\" value: \"1\" } }",
               "floating-point"},
        Misfit{Field("repeated string x", 1),
               "feature { categorical { column: \"x\" value: \"1\" } }", "is repeated"},
        Misfit{Field("int32 x", 1), "feature { categorical { column: \"x\" value: \"one\" } }",
               "\"one\" is no value"},
        Misfit{Field("int32 x", 1),
               "feature { categorical { column: \"x\" value: [\"1\", \"+1\"] } }", "listed twice"},
        Misfit{Field("uint32 x", 1), "feature { categorical { column: \"x\" value: \"-1\" } }",
               "\"-1\" is no value"},
        Misfit{Field("bool x", 1), "feature { categorical { column: \"x\" value: \"yes\" } }",
               "\"yes\" is no value"},
        Misfit{Field("int32 x", 1),
               "feature { hashed_text { column: \"x\" buckets: 16 tokens: WORDS max_ngram: 1 "
               "max_bytes_a_row: 1 } }",
               "is not text"}));

TEST(FeatureReader, RefusesColumnsThatWereNotOpened) {
  const auto schema = MakeSchema(Field("double x", 1) + Label());
  const TrainSpec spec = MakeSpec("feature { numeric { column: \"x\" min: 0 max: 1 } }");
  EXPECT_THAT(FeatureReader::Create(spec, *schema, {"spam"}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("column x was not opened")));
  EXPECT_THAT(FeatureReader::Create(spec, *schema, {"x"}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("column spam")));
}

}  // namespace
}  // namespace sealtrain::trainer

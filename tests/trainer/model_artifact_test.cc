#include "sealtrain/trainer/model_artifact.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/trainer/test_schema.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/trainer/model_weights.h"

namespace sealtrain::trainer {
namespace {

using ::sealtrain::testing::MakeSpec;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<double> kWeights = {0.5, -1.25, 3};

Id TestId() {
  Id id;
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(i);
  return id;
}

crypto::Dek TestKey(std::uint8_t fill = 7) {
  crypto::SecretBytes bytes = crypto::SecretBytes::Allocate(crypto::kKeyBytes).value();
  for (std::uint8_t& byte : bytes.mutable_span()) byte = fill;
  return crypto::Dek::FromBytes(std::move(bytes)).value();
}

// A model with three inputs: x, "x is missing", bias.
ModelHeader TestHeader(bool with_privacy = true) {
  ModelHeader header;
  header.set_format(1);
  header.set_model("spam");
  header.set_object_id(std::string(AsText(TestId())));
  header.set_key_epoch(1);
  header.set_dataset("mails");
  header.set_generation(3);
  header.set_manifest_sha256(std::string(32, 'm'));
  header.set_purpose("safety/abuse-detection");
  header.set_policy_sha256(std::string(32, 'p'));
  header.set_spec_sha256(std::string(32, 's'));
  std::string rest = "optimizer { sgd {} steps: 1 learning_rate: 1 sampling_rate: 0.5 }";
  if (with_privacy) {
    rest += "privacy { unit: SUBJECT clipping_norm: 1 epsilon: 3 delta: 1e-5 expected_batch: 4 }";
    ModelPrivacy& privacy = *header.mutable_privacy();
    privacy.set_unit(policy::SUBJECT);
    privacy.set_epsilon(2.9);
    privacy.set_delta(1e-5);
    privacy.set_noise_multiplier(1.5);
    privacy.set_sampling_rate(0.5);
    privacy.set_steps(1);
    privacy.set_clipping_norm(1);
  }
  *header.mutable_spec() = MakeSpec("feature { numeric { column: \"x\" min: 0 max: 1 } }", rest);
  return header;
}

custody::ModelInfo InfoFor(const Bytes& file) {
  custody::ModelInfo info;
  info.name = "spam";
  info.object_id = TestId();
  info.key_epoch = 1;
  info.artifact_sha256 = crypto::Sha256(file);
  return info;
}

// A file with this header whose stream holds `plaintext`, whatever it is.
Bytes SealPlaintext(const ModelHeader& header, ByteSpan plaintext) {
  const std::string header_bytes = header.SerializeAsString();
  Bytes file = {'S', 'E', 'A', 'L', 'M', 'D', 'L', '1'};
  AppendBigEndian(header_bytes.size(), 4, file);
  file.insert(file.end(), header_bytes.begin(), header_bytes.end());
  const Bytes stream = crypto::SealStream(TestKey(), crypto::StreamAad(file), plaintext).value();
  file.insert(file.end(), stream.begin(), stream.end());
  return file;
}

TEST(ModelArtifact, ComesBackAsItWas) {
  for (const bool with_privacy : {true, false}) {
    const ModelHeader header = TestHeader(with_privacy);
    ASSERT_OK_AND_ASSIGN(const Bytes file, SealModel(header, TestKey(), kWeights));
    ASSERT_OK_AND_ASSIGN(const ParsedModel parsed, VerifyModel(file, InfoFor(file)));
    EXPECT_EQ(parsed.header.SerializeAsString(), header.SerializeAsString());
    ASSERT_OK_AND_ASSIGN(const auto weights, OpenWeights(file, parsed, TestKey()));
    EXPECT_THAT(weights.span(), ElementsAre(0.5f, -1.25f, 3.0f));
  }
}

TEST(ModelArtifact, RefusesEveryFlippedBit) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, SealModel(TestHeader(), TestKey(), kWeights));
  const custody::ModelInfo info = InfoFor(file);
  for (std::size_t byte = 0; byte < file.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = file;
      changed[byte] = static_cast<std::uint8_t>(changed[byte] ^ 1 << bit);
      ASSERT_THAT(VerifyModel(changed, info).status(), StatusIs(absl::StatusCode::kDataLoss));
      // Also by whoever has only the key, and no digest to compare with.
      const absl::StatusOr<ParsedModel> parsed = ParseModel(changed);
      if (!parsed.ok()) {
        ASSERT_THAT(parsed.status(), StatusIs(absl::StatusCode::kDataLoss));
        continue;
      }
      ASSERT_THAT(OpenWeights(changed, *parsed, TestKey()).status(),
                  StatusIs(absl::StatusCode::kDataLoss))
          << byte << "." << bit;
    }
  }
}

TEST(ModelArtifact, RefusesEveryTruncationAndAnAppendedByte) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, SealModel(TestHeader(), TestKey(), kWeights));
  Bytes longer = file;
  longer.push_back(0);
  std::vector<Bytes> wrong = {longer};
  for (std::size_t size = 0; size < file.size(); ++size) {
    wrong.emplace_back(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
  }
  for (const Bytes& bytes : wrong) {
    const absl::StatusOr<ParsedModel> parsed = ParseModel(bytes);
    if (!parsed.ok()) {
      ASSERT_THAT(parsed.status(), StatusIs(absl::StatusCode::kDataLoss));
      continue;
    }
    ASSERT_THAT(OpenWeights(bytes, *parsed, TestKey()).status(),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(ModelArtifact, DoesNotOpenWithAnotherKey) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, SealModel(TestHeader(), TestKey(), kWeights));
  ASSERT_OK_AND_ASSIGN(const ParsedModel parsed, ParseModel(file));
  EXPECT_THAT(OpenWeights(file, parsed, TestKey(8)).status(),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ModelArtifact, RefusesAFileThatCustodyKnowsAsAnother) {
  ASSERT_OK_AND_ASSIGN(const Bytes file, SealModel(TestHeader(), TestKey(), kWeights));
  custody::ModelInfo info = InfoFor(file);
  info.name = "ham";
  EXPECT_THAT(VerifyModel(file, info).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another model")));
  info = InfoFor(file);
  info.object_id[0] ^= 1;
  EXPECT_THAT(VerifyModel(file, info).status(), StatusIs(absl::StatusCode::kDataLoss));
  info = InfoFor(file);
  info.key_epoch = 2;
  EXPECT_THAT(VerifyModel(file, info).status(), StatusIs(absl::StatusCode::kDataLoss));
  info = InfoFor(file);
  info.artifact_sha256[31] ^= 1;
  EXPECT_THAT(VerifyModel(file, info).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not the file")));
}

TEST(ModelArtifact, RefusesWeightsThatAreNotWhatTheSpecDescribes) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(SealModel(TestHeader(), TestKey(), {0.5, 1}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SealModel(TestHeader(), TestKey(), {0.5, nan, 1}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SealModel(TestHeader(), TestKey(), {0.5, 1e39, 1}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ModelArtifact, OpensNothingThatTheWriterWouldNotWrite) {
  ASSERT_OK_AND_ASSIGN(const crypto::SecretBytes good, EncodeWeights(kWeights));
  const ByteSpan good_bytes = good.span();
  std::vector<Bytes> wrong;
  wrong.emplace_back();                                          // nothing
  wrong.emplace_back(good_bytes.begin(), good_bytes.end() - 4);  // a weight less
  wrong.emplace_back(good_bytes.begin(), good_bytes.end());
  wrong.back().push_back(0);  // a byte more
  wrong.emplace_back(good_bytes.begin(), good_bytes.end());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(&wrong.back()[wrong.back().size() - 4], &nan, 4);  // no number
  wrong.emplace_back(good_bytes.begin(), good_bytes.end());
  wrong.back()[9] = '_';  // another JSON
  for (const Bytes& plaintext : wrong) {
    const Bytes file = SealPlaintext(TestHeader(), plaintext);
    ASSERT_OK_AND_ASSIGN(const ParsedModel parsed, ParseModel(file));
    EXPECT_THAT(OpenWeights(file, parsed, TestKey()).status(),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("malformed")));
  }
  // The same path with good weights opens: the cases above fail for their reason.
  const Bytes file = SealPlaintext(TestHeader(), good_bytes);
  ASSERT_OK_AND_ASSIGN(const ParsedModel parsed, ParseModel(file));
  EXPECT_OK(OpenWeights(file, parsed, TestKey()).status());
}

TEST(ModelArtifact, RefusesHeadersThatContradictThemselves) {
  const std::vector<std::pair<std::string, void (*)(ModelHeader&)>> changes = {
      {"format", [](ModelHeader& h) { h.set_format(2); }},
      {"name", [](ModelHeader& h) { h.set_model("../spam"); }},
      {"id", [](ModelHeader& h) { h.set_object_id("short"); }},
      {"manifest", [](ModelHeader& h) { h.clear_manifest_sha256(); }},
      {"policy", [](ModelHeader& h) { h.set_policy_sha256("short"); }},
      {"spec digest", [](ModelHeader& h) { h.set_spec_sha256("short"); }},
      {"data set", [](ModelHeader& h) { h.clear_dataset(); }},
      {"purpose", [](ModelHeader& h) { h.clear_purpose(); }},
      {"generation", [](ModelHeader& h) { h.clear_generation(); }},
      {"spec", [](ModelHeader& h) { h.mutable_spec()->clear_label(); }},
      {"privacy missing", [](ModelHeader& h) { h.clear_privacy(); }},
      {"privacy invented", [](ModelHeader& h) { h.mutable_spec()->clear_privacy(); }},
      {"epsilon zero", [](ModelHeader& h) { h.mutable_privacy()->set_epsilon(0); }},
      {"epsilon NaN", [](ModelHeader& h) { h.mutable_privacy()->set_epsilon(std::nan("")); }},
      {"epsilon large", [](ModelHeader& h) { h.mutable_privacy()->set_epsilon(3.1); }},
      {"delta", [](ModelHeader& h) { h.mutable_privacy()->set_delta(1e-4); }},
      {"noise", [](ModelHeader& h) { h.mutable_privacy()->set_noise_multiplier(0); }},
      {"rate", [](ModelHeader& h) { h.mutable_privacy()->set_sampling_rate(0.4); }},
      {"steps", [](ModelHeader& h) { h.mutable_privacy()->set_steps(2); }},
      {"clipping", [](ModelHeader& h) { h.mutable_privacy()->set_clipping_norm(2); }},
      {"unit", [](ModelHeader& h) { h.mutable_privacy()->set_unit(policy::RECORD); }},
  };
  ASSERT_OK_AND_ASSIGN(const crypto::SecretBytes weights, EncodeWeights(kWeights));
  for (const auto& [what, change] : changes) {
    ModelHeader header = TestHeader();
    change(header);
    EXPECT_THAT(SealModel(header, TestKey(), kWeights).status(),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << what;
    EXPECT_THAT(ParseModel(SealPlaintext(header, weights.span())).status(),
                StatusIs(absl::StatusCode::kDataLoss))
        << what;
  }
}

TEST(ModelArtifact, RefusesUnknownFieldsInTheHeader) {
  ModelHeader header = TestHeader();
  header.GetReflection()->MutableUnknownFields(&header)->AddVarint(99, 1);
  EXPECT_THAT(ParseModel(SealPlaintext(header, {})).status(),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ModelArtifact, ReadsTheFileOfARegisteredModel) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const Bytes file, SealModel(TestHeader(), TestKey(), kWeights));
  const std::string path = ModelPath(dir.path(), "spam");
  EXPECT_EQ(path, dir.Join("models/spam.seal"));
  EXPECT_THAT(ReadModel(Env::Posix(), dir.path(), InfoFor(file)).status(),
              StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK(Env::Posix().CreateDirs(DirName(path)));
  ASSERT_OK(WriteFileDurably(Env::Posix(), path, file));
  ASSERT_OK_AND_ASSIGN(const StoredModel stored,
                       ReadModel(Env::Posix(), dir.path(), InfoFor(file)));
  EXPECT_EQ(stored.parsed.header.model(), "spam");
}

TEST(ModelName, IsOneWordOfAFewCharacters) {
  for (const char* good : {"a", "spam-2_b", "0"}) EXPECT_OK(CheckModelName(good)) << good;
  EXPECT_OK(CheckModelName(std::string(64, 'x')));
  for (const char* bad : {"", "A", "a b", "a/b", "..", "a.b", "\xc3\xa9"}) {
    EXPECT_THAT(CheckModelName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
  EXPECT_THAT(CheckModelName(std::string(65, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckModelName(absl::string_view("a\0b", 3)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// The hex block behind a line "<!-- name -->" in the format's document.
Bytes ExampleBytes(const std::string& document, const std::string& name) {
  const std::size_t mark = document.find("<!-- " + name + " -->");
  EXPECT_NE(mark, std::string::npos) << name;
  const std::size_t begin = document.find("```\n", mark) + 4;
  const std::size_t end = document.find("```", begin);
  std::string hex;
  for (const char c : document.substr(begin, end - begin)) {
    if (c != ' ' && c != '\n') hex += c;
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  return Bytes(bytes.begin(), bytes.end());
}

TEST(ModelFormatDocument, ShowsAnExampleThatOpens) {
  ASSERT_OK_AND_ASSIGN(
      const std::string document,
      Env::Posix().ReadFile(SEALTRAIN_SOURCE_DIR "/docs/formats/sealed-model.md", 1 << 20));
  const Bytes file = ExampleBytes(document, "file");
  const Bytes key_bytes = ExampleBytes(document, "key");
  ASSERT_OK_AND_ASSIGN(crypto::SecretBytes secret, crypto::SecretBytes::CopyFrom(key_bytes));
  ASSERT_OK_AND_ASSIGN(const crypto::Dek key, crypto::Dek::FromBytes(std::move(secret)));
  ASSERT_OK_AND_ASSIGN(const ParsedModel parsed, ParseModel(file));
  EXPECT_EQ(parsed.header.model(), "spam");
  EXPECT_EQ(parsed.stream_offset, 12 + parsed.header.ByteSizeLong());
  ASSERT_OK_AND_ASSIGN(const auto weights, OpenWeights(file, parsed, key));
  EXPECT_THAT(weights.span(), ElementsAre(0.5f, -1.25f, 3.0f));
  // And the plaintext is what it says there.
  ASSERT_OK_AND_ASSIGN(const crypto::SecretBytes plaintext, EncodeWeights(kWeights));
  EXPECT_EQ(AsText(plaintext.span()), AsText(ExampleBytes(document, "plaintext")));
}

}  // namespace
}  // namespace sealtrain::trainer

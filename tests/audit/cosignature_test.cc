#include "sealtrain/audit/cosignature.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr std::uint64_t kTime = 1'679'315'147;
constexpr char kWitnessName[] = "witness.example.com/w1";

// A key for one kind of signatures is not one for the other.
static_assert(!std::is_convertible_v<VerifierKey, WitnessKey>);
static_assert(!std::is_convertible_v<WitnessKey, VerifierKey>);

WitnessKey TestWitness(std::uint8_t seed = 21, const std::string& name = kWitnessName) {
  return {.name = name, .public_key = TestKey(seed).public_key()};
}

std::string Text(std::uint64_t size = 12) {
  return FormatCheckpoint(
      {.origin = kTestOrigin, .size = size, .root = crypto::Sha256(AsBytes("root"))});
}
std::string Signed(std::uint64_t size = 12) {
  return *SignNote(Text(size), kTestOrigin, TestKey());
}

std::string Line(std::uint8_t seed = 21, std::uint64_t time_s = kTime,
                 const std::string& text = Text(), const std::string& name = kWitnessName) {
  return *Cosign(text, name, TestKey(seed), time_s);
}

absl::StatusOr<std::optional<std::uint64_t>> TimeIn(const std::string& note,
                                                    const WitnessKey& witness = TestWitness()) {
  ST_ASSIGN_OR_RETURN(const Note parsed, ParseNote(note));
  return CosignedAt(parsed, witness);
}

// Flips bit `bit` of what the line signs with, id and time included.
std::string FlippedLine(const std::string& line, std::size_t bit) {
  const std::size_t start = line.rfind(' ') + 1;
  Bytes bytes = *DecodeBase64(line.substr(start, line.size() - 1 - start));
  bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return absl::StrCat(line.substr(0, start), EncodeBase64(bytes), "\n");
}

TEST(WitnessVkey, RoundTripsAndKeepsKeysOfLogsApart) {
  // A witness that runs in public.
  constexpr char kPublished[] =
      "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
  ASSERT_OK_AND_ASSIGN(const WitnessKey published, ParseWitnessVkey(kPublished));
  EXPECT_EQ(published.name, "remora.n621.de");
  EXPECT_EQ(published.id(), 0xda77ade7u);
  EXPECT_EQ(FormatVkey(published), kPublished);
  EXPECT_THAT(ParseVkey(kPublished), StatusIs(kInvalid, HasSubstr("type 4, not the type 1")));
  EXPECT_THAT(ParseWitnessVkey(FormatVkey(TestVerifier())),
              StatusIs(kInvalid, HasSubstr("type 1, not the type 4")));
  EXPECT_NE(TestWitness(7, kTestOrigin).id(), TestVerifier(7).id());
  // Reserved and unknown types.
  for (const int type : {0x00, 0x02, 0x05, 0x06, 0xff}) {
    const Bytes key(33, static_cast<std::uint8_t>(type));
    const std::string vkey = absl::StrCat("a+", HexEncode(Bytes(4, 0)), "+", EncodeBase64(key));
    EXPECT_THAT(ParseWitnessVkey(vkey), StatusIs(kInvalid, HasSubstr("of type"))) << type;
  }
}

// The message, spelled out: what a second implementation has to sign.
TEST(Cosignature, SignsTimeAndTextAsTheSpecificationSays) {
  const std::string message = absl::StrCat("cosignature/v1\ntime 1679315147\n", Text());
  const crypto::Signature signature = TestKey(21).Sign(AsBytes(message));
  Bytes encoded;
  AppendBigEndian(TestWitness().id(), 4, encoded);
  AppendBigEndian(kTime, 8, encoded);
  encoded.insert(encoded.end(), signature.begin(), signature.end());
  EXPECT_EQ(Line(),
            absl::StrCat("\xE2\x80\x94 witness.example.com/w1 ", EncodeBase64(encoded), "\n"));
}

// Made by another implementation of Ed25519 and of these formats.
TEST(Cosignature, OfAnotherImplementationIsTaken) {
  constexpr char kForeignNote[] =
      "example.org/sealtrain/audit\n1\n3w3BekFOP5chrYMmC7Oe84vt5GRbJMMKW5L9+5FKrBQ=\n\n"
      "\xE2\x80\x94 witness.example.org/one "
      "2zFQEQAAAABlU/EAb9kVjbC3X/HtuaxPq1FUihoLiAQ8Q0bG1AOStgSi4q"
      "nfZGMJP0T4ImRKsxfpqNl+jdb6w5vCcIoGkFdVn+D+Cg==\n";
  ASSERT_OK_AND_ASSIGN(
      const WitnessKey witness,
      ParseWitnessVkey(
          "witness.example.org/one+db315011+BNVCB9oZSXfc9Grb/sK8LnW1LVqKQhhP7f3AACTw4+ja"));
  EXPECT_THAT(*TimeIn(kForeignNote, witness), Optional(1'700'000'000u));
}

TEST(Cosignature, IsFoundBesideTheLogsSignatureAndOthers) {
  const std::string note = absl::StrCat(Signed(), Line(22, 5, Text(), "other"), Line());
  EXPECT_THAT(*TimeIn(note), Optional(kTime));
  EXPECT_EQ(*TimeIn(Signed()), std::nullopt);
  EXPECT_OK(VerifyCheckpoint(note, TestVerifier()));
}

TEST(Cosignature, IsIgnoredUnlessNameAndKeyAreKnownTogether) {
  const std::string note = absl::StrCat(Signed(), Line());
  EXPECT_EQ(*TimeIn(note, TestWitness(22)), std::nullopt);
  EXPECT_EQ(*TimeIn(note, TestWitness(21, "witness.example.com/w2")), std::nullopt);
  // A log's signature under the same name and key is none.
  const std::string plain = *SignNote(Text(), kWitnessName, TestKey(21));
  EXPECT_EQ(*TimeIn(plain), std::nullopt);
}

TEST(Cosignature, OfOneKeyCountsOnceAndByItsLatestTime) {
  const std::string note = absl::StrCat(Signed(), Line(21, 30), Line(21, 50), Line(21, 40));
  EXPECT_THAT(*TimeIn(note), Optional(50u));
}

TEST(Cosignature, OfAKnownKeyThatIsWrongCondemnsTheNote) {
  const std::string good = absl::StrCat(Signed(), Line());
  // Bits of the key id make it the signature of somebody unknown; all others count.
  for (std::size_t bit = 0; bit < 8 * (4 + 8 + 64); ++bit) {
    const std::string flipped = FlippedLine(Line(), bit);
    if (bit < 32) {
      EXPECT_EQ(*TimeIn(absl::StrCat(Signed(), flipped)), std::nullopt) << bit;
    } else {
      EXPECT_THAT(TimeIn(absl::StrCat(Signed(), flipped)), StatusIs(kDataLoss)) << bit;
      EXPECT_THAT(TimeIn(absl::StrCat(good, flipped)), StatusIs(kDataLoss)) << bit;
    }
  }
  // Of another size of the same log.
  EXPECT_THAT(TimeIn(absl::StrCat(Signed(13), Line())), StatusIs(kDataLoss));
}

TEST(Cosignature, HasATimeWithinSixtyThreeBits) {
  const auto line_at = [](std::uint64_t time_s) {
    const crypto::Signature signature =
        TestKey(21).Sign(AsBytes(absl::StrCat("cosignature/v1\ntime ", time_s, "\n", Text())));
    NoteSignature line{.name = kWitnessName, .key_id = TestWitness().id(), .signature = {}};
    AppendBigEndian(time_s, 8, line.signature);
    line.signature.insert(line.signature.end(), signature.begin(), signature.end());
    return absl::StrCat(Signed(), FormatSignature(line));
  };
  EXPECT_THAT(*TimeIn(line_at(kMaxDecimal)), Optional(kMaxDecimal));
  for (const std::uint64_t time_s : {std::uint64_t{0}, kMaxDecimal + 1, ~std::uint64_t{0}}) {
    EXPECT_THAT(TimeIn(line_at(time_s)), StatusIs(kDataLoss)) << time_s;
    EXPECT_THAT(Cosign(Text(), kWitnessName, TestKey(21), time_s), StatusIs(kInvalid));
  }
}

TEST(Cosignature, HasExactlyTheBytesOfTimeAndSignature) {
  for (const std::size_t bytes : {1, 7, 8, 9, 71, 73}) {
    const NoteSignature line{
        .name = kWitnessName, .key_id = TestWitness().id(), .signature = Bytes(bytes, 1)};
    EXPECT_THAT(TimeIn(absl::StrCat(Signed(), FormatSignature(line))), StatusIs(kDataLoss));
  }
}

TEST(Cosignature, IsMadeForCheckpointsOnly) {
  for (const char* text :
       {"", "some text\n", "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nmore\n"}) {
    EXPECT_THAT(Cosign(text, kWitnessName, TestKey(21), kTime), StatusIs(kInvalid)) << text;
  }
  EXPECT_THAT(Cosign(Text(), "a name", TestKey(21), kTime), StatusIs(kInvalid));
}

TEST(AddCosignature, TakesTheKnownWitnessAloneFromAnAnswer) {
  const std::string answer =
      absl::StrCat(Line(22, kTime, Text(), "stranger"), Line(21, 30), Line(21, 50));
  ASSERT_OK_AND_ASSIGN(const std::string added, AddCosignature(Signed(), answer, TestWitness()));
  EXPECT_EQ(added, absl::StrCat(Signed(), Line(21, 50)));
  // Again, later: in place of the first.
  ASSERT_OK_AND_ASSIGN(const std::string again, AddCosignature(added, Line(21, 60), TestWitness()));
  EXPECT_EQ(again, absl::StrCat(Signed(), Line(21, 60)));
  // A second witness comes beside it.
  const WitnessKey second = TestWitness(22, "w2");
  ASSERT_OK_AND_ASSIGN(const std::string both,
                       AddCosignature(again, Line(22, 70, Text(), "w2"), second));
  EXPECT_EQ(both, absl::StrCat(again, Line(22, 70, Text(), "w2")));
}

TEST(AddCosignature, RefusesAnswersThatAreNone) {
  for (const std::string& answer :
       {std::string(), std::string("\n"), std::string("OK\n"), Line().substr(0, Line().size() - 1),
        Line(22, kTime, Text(), "stranger"), FlippedLine(Line(), 100),
        absl::StrCat(Line(), FlippedLine(Line(), 100)), absl::StrCat(Line(), "\n"),
        Line(21, kTime, Text(13)), *SignNote(Text(), kWitnessName, TestKey(21))}) {
    EXPECT_THAT(AddCosignature(Signed(), answer, TestWitness()), StatusIs(kDataLoss)) << answer;
  }
  // An answer that makes another text of the note, with a good cosignature over that.
  const std::string longer = absl::StrCat(Text(), "\nmore\n");
  const crypto::Signature signature =
      TestKey(21).Sign(AsBytes(absl::StrCat("cosignature/v1\ntime 9\n", longer)));
  NoteSignature line{.name = kWitnessName, .key_id = TestWitness().id(), .signature = {}};
  AppendBigEndian(9, 8, line.signature);
  line.signature.insert(line.signature.end(), signature.begin(), signature.end());
  EXPECT_THAT(
      AddCosignature(Signed(), absl::StrCat("more\n\n", FormatSignature(line)), TestWitness()),
      StatusIs(kDataLoss, HasSubstr("not signature lines alone")));
}

}  // namespace
}  // namespace sealtrain::audit

#include "sealtrain/audit/note.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::testing::HasSubstr;

// The example of C2SP signed-note and of Go's sumdb/note.
constexpr char kPeterVkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr char kPeterNote[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xE2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKv"
    "qfqdngotpRZb6KE6RyyBwJnAM=\n";

std::string SignedText(absl::string_view text = "some text\n") {
  return *SignNote(text, kTestOrigin, TestKey());
}

TEST(Vkey, RoundTrips) {
  const std::string vkey = FormatVkey(TestVerifier());
  ASSERT_OK_AND_ASSIGN(const VerifierKey parsed, ParseVkey(vkey));
  EXPECT_EQ(parsed, TestVerifier());
  EXPECT_EQ(FormatVkey(parsed), vkey);
  ASSERT_OK_AND_ASSIGN(const VerifierKey peter, ParseVkey(kPeterVkey));
  EXPECT_EQ(peter.name, "PeterNeumann");
  EXPECT_EQ(peter.id(), 0xc74f20a3u);
  EXPECT_EQ(FormatVkey(peter), kPeterVkey);
}

TEST(Vkey, RejectsWhatIsNotExactlyOne) {
  const std::string good = kPeterVkey;
  for (const std::string& bad :
       {std::string(), std::string("++"), std::string("PeterNeumann"),
        std::string("PeterNeumann+c74f20a3"),
        absl::StrReplaceAll(good, {{"c74f20a3", "c74f20a4"}}),  // not its id
        absl::StrReplaceAll(good, {{"c74f20a3", "C74F20A3"}}),
        absl::StrReplaceAll(good, {{"c74f20a3", "74f20a3"}}),
        absl::StrReplaceAll(good, {{"Peter", "Pe ter"}}),
        absl::StrReplaceAll(good, {{"Peter", "Peter\xC2\xA0"}}),  // no-break space
        absl::StrReplaceAll(good, {{"Peter", "Peter\xFF"}}),
        absl::StrReplaceAll(good, {{"PeterNeumann", ""}}),
        absl::StrReplaceAll(good, {{"+ARpc", "+AhpC"}}),  // type 2
        good + "\n", good + "=", good.substr(0, good.size() - 4), " " + good}) {
    EXPECT_THAT(ParseVkey(bad), StatusIs(kInvalid)) << bad;
  }
}

TEST(Note, VerifiesThePublishedExample) {
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       VerifyNote(absl::string_view(kPeterNote), absl::string_view(kPeterVkey)));
  EXPECT_THAT(text, ::testing::EndsWith("your problem is.\n"));
}

TEST(Note, RoundTrips) {
  for (const char* text : {"a\n", "\n", "two\nlines\n", "an empty\n\nline\n", "ends empty\n\n",
                           "\xE2\x80\x94 looks like a signature AAAA\n"}) {
    const std::string note = SignedText(text);
    ASSERT_OK_AND_ASSIGN(const std::string verified, VerifyNote(note, TestVerifier()));
    EXPECT_EQ(verified, text);
  }
}

TEST(Note, RejectsAnyFlippedBit) {
  const std::string note = SignedText();
  for (std::size_t i = 0; i < note.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = note;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_THAT(VerifyNote(bad, TestVerifier()), StatusIs(kDataLoss)) << i << " bit " << bit;
    }
  }
}

TEST(Note, RejectsAnyTruncation) {
  const std::string note = SignedText();
  for (std::size_t n = 0; n < note.size(); ++n) {
    EXPECT_THAT(VerifyNote(note.substr(0, n), TestVerifier()), StatusIs(kDataLoss)) << n;
  }
}

TEST(Note, RejectsAnotherKeyOfTheSameName) {
  EXPECT_THAT(VerifyNote(SignedText(), TestVerifier(8)),
              StatusIs(kDataLoss, HasSubstr("without a signature")));
}

TEST(Note, IgnoresSignaturesOfUnknownKeysOnly) {
  const std::string note = SignedText();
  const std::string other = *SignNote("some text\n", "example.org/other", TestKey(8));
  const std::string other_line = other.substr(other.find("\n\n") + 2);
  EXPECT_OK(VerifyNote(note + other_line, TestVerifier()));
  EXPECT_OK(VerifyNote("some text\n\n" + other_line + note.substr(note.find("\n\n") + 2),
                       TestVerifier()));
  EXPECT_THAT(VerifyNote(other, TestVerifier()), StatusIs(kDataLoss));
}

TEST(Note, RejectsAWrongSignatureOfAKnownKeyBesideAGoodOne) {
  const std::string note = SignedText();
  const std::string wrong = SignedText("another text\n");
  const std::string wrong_line = wrong.substr(wrong.find("\n\n") + 2);
  EXPECT_THAT(VerifyNote(note + wrong_line, TestVerifier()),
              StatusIs(kDataLoss, HasSubstr("wrong signature")));
  const std::string own_line = note.substr(note.find("\n\n") + 2);
  EXPECT_OK(VerifyNote(note + own_line, TestVerifier()));  // twice the same is one
}

TEST(Note, AcceptsManySignaturesButNotAnyNumber) {
  std::string note = SignedText();
  while (static_cast<std::size_t>(std::count(note.begin(), note.end(), '\n')) <
         2 + kMaxNoteSignatures) {
    absl::StrAppend(&note, "\xE2\x80\x94 example.org/witness AAAAAAA=\n");
  }
  EXPECT_OK(VerifyNote(note, TestVerifier()));
  absl::StrAppend(&note, "\xE2\x80\x94 example.org/witness AAAAAAA=\n");
  EXPECT_THAT(VerifyNote(note, TestVerifier()), StatusIs(kDataLoss, HasSubstr("too many")));
}

TEST(Note, RejectsMalformedSignatureLines) {
  for (const char* line :
       {"", "\xE2\x80\x94 example.org/witness", "\xE2\x80\x94 example.org/witness ",
        "\xE2\x80\x94 example.org/witness AAAAAAA= ", "\xE2\x80\x94  AAAAAAA=",
        "\xE2\x80\x94"
        "example.org/witness AAAAAAA=",
        "- example.org/witness AAAAAAA=",
        "\xE2\x80\x94 example.org/witness AAAAAA==",  // a key id and nothing else
        "\xE2\x80\x94 example.org/witness AAAAAAB=",  // spare bits set
        "\xE2\x80\x94 example.org/witness AAAAAAA",   // no padding
        "\xE2\x80\x94 example.org/witness AAAA_AA=",  // another alphabet
        "\xE2\x80\x94 example+org AAAAAAA=", "\xE2\x80\x94 example\xE3\x80\x80org AAAAAAA=",
        "\xE2\x80\x94 example.org/witness AAAAAAA=\r"}) {
    const std::string note = SignedText() + line + "\n";
    EXPECT_THAT(VerifyNote(note, TestVerifier()), StatusIs(kDataLoss)) << line;
  }
}

TEST(Note, RejectsControlCharactersAndBadUtf8) {
  for (const char* text : {"tab\there\n", "return\r\n", "escape\x1B[0m\n", "\xFF\n", "\xC0\x80\n",
                           "\xED\xA0\x80\n", "\xF4\x90\x80\x80\n", "\xE2\x80\n"}) {
    EXPECT_THAT(SignNote(text, kTestOrigin, TestKey()), StatusIs(kInvalid)) << text;
    // Even where a signer was less careful.
    const std::string honest = SignedText("x\n");
    const crypto::Signature signature = TestKey().Sign(AsBytes(text));
    Bytes encoded;
    AppendBigEndian(TestVerifier().id(), 4, encoded);
    encoded.insert(encoded.end(), signature.begin(), signature.end());
    const std::string note =
        absl::StrCat(text, "\n\xE2\x80\x94 ", kTestOrigin, " ", EncodeBase64(encoded), "\n");
    EXPECT_THAT(VerifyNote(note, TestVerifier()), StatusIs(kDataLoss)) << text;
  }
}

TEST(Note, RejectsWhatIsTooLong) {
  EXPECT_THAT(SignNote(std::string(kMaxNoteBytes, 'x') + "\n", kTestOrigin, TestKey()),
              StatusIs(kInvalid));
  EXPECT_THAT(ParseNote(std::string(kMaxNoteBytes + 1, '\n')), StatusIs(kDataLoss));
}

TEST(Note, CannotBeSignedUnderABadNameOrWithoutNewline) {
  for (const char* name : {"", "a b", "a+b", "a\nb", "a\xE2\x80\xA8"}) {
    EXPECT_THAT(SignNote("x\n", name, TestKey()), StatusIs(kInvalid)) << name;
  }
  EXPECT_THAT(SignNote("x\n", std::string(256, 'a'), TestKey()), StatusIs(kInvalid));
  EXPECT_OK(SignNote("x\n", std::string(255, 'a'), TestKey()));
  EXPECT_THAT(SignNote("x", kTestOrigin, TestKey()), StatusIs(kInvalid));
}

TEST(TextEncoding, HasOneSpellingForEachNumber) {
  EXPECT_EQ(DecodeDecimal("0"), 0u);
  EXPECT_EQ(DecodeDecimal("9223372036854775807"), kMaxDecimal);
  for (const char* bad : {"", "00", "01", "+1", "-1", "1 ", " 1", "0x1", "1e3",
                          "9223372036854775808", "18446744073709551616", "99999999999999999999"}) {
    EXPECT_EQ(DecodeDecimal(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(DecodeDecimal("3", 3), 3u);
  EXPECT_EQ(DecodeDecimal("4", 3), std::nullopt);
}

}  // namespace
}  // namespace sealtrain::audit

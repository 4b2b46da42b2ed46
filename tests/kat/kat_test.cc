// Runs sealtrain-kat as an outsider would.
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/base/env.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::kat {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::uint64_t kMaxOutputBytes = 1 << 20;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class Kat : public ::testing::Test {
 protected:
  // Runs a POSIX shell script in which sealtrain-kat is a command.
  Outcome RunScript(const std::string& script, const std::string& input = "") const {
    Env& env = Env::Posix();
    const std::string text = absl::StrCat("PATH='", SEALTRAIN_BIN_DIR, "':$PATH\n", script, "\n");
    EXPECT_OK(WriteFileDurably(env, dir_.Join("script"), AsBytes(text)));
    EXPECT_OK(WriteFileDurably(env, dir_.Join("in"), AsBytes(input)));
    const std::string command = absl::StrCat("sh ", dir_.Join("script"), " <", dir_.Join("in"),
                                             " >", dir_.Join("out"), " 2>", dir_.Join("err"));
    const int status = std::system(command.c_str());
    Outcome outcome;
    if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
    outcome.out = env.ReadFile(dir_.Join("out"), kMaxOutputBytes).value();
    outcome.err = env.ReadFile(dir_.Join("err"), kMaxOutputBytes).value();
    return outcome;
  }
  Outcome Run(const std::string& arguments, const std::string& input = "") const {
    return RunScript("sealtrain-kat " + arguments, input);
  }
  void ExpectAccepted(const Outcome& outcome, const std::string& out) const {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, out);
    EXPECT_THAT(outcome.err, IsEmpty());
  }
  void ExpectRefused(const Outcome& outcome, const std::string& error_class) const {
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.out, IsEmpty()) << "nothing may be released";
    EXPECT_THAT(outcome.err, StartsWith(error_class + ": "));
  }
  void ExpectUsageError(const Outcome& outcome) const {
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_FALSE(outcome.err.empty());
  }

 private:
  testing::TempDir dir_;
};

const std::string kZeros = std::string(64, '0');

TEST_F(Kat, SaysWhenItCannotReadOrWrite) {
  const std::string seal = "sealtrain-kat floe-seal --key " + std::string(64, '0');
  ExpectRefused(RunScript(seal + " </"), "UNAVAILABLE");
  ExpectRefused(RunScript("sealtrain-kat mac --alg hmac-sha256 --key 00 >/dev/full"),
                "UNAVAILABLE");
}

TEST_F(Kat, OpensAFloeStream) {
  const std::string arguments =
      "floe-open --key " + kZeros + " --aad 5468697320697320414144 --seglen 40 --rotbits 1";
  std::string stream = absl::HexStringToBytes(
      "00000000002800000020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fe361e54a"
      "b982de30b589fed749a2e4b241c3a137ad6ea8f4ea918c2c4fb6ca8effffffff000000000000000000000000249c"
      "1a"
      "0d14534d8296001ed21eccb6c1caf632fcea622909ffffffff01010101010101010101010111d4e1b078605eee4d"
      "4a"
      "bc9ebfa47ae2f73653cdedb6110d00000024020202020202020202020202d2d139d8521bb7fad98f691b5b1c9745"
      "1e"
      "fe349e");
  ExpectAccepted(Run(arguments, stream),
                 absl::HexStringToBytes("000102030405060708090a0b0c0d0e0f10111213"));
  stream.back() = static_cast<char>(stream.back() ^ 1);
  ExpectRefused(Run(arguments, stream), "DATA_LOSS");
  ExpectRefused(Run(arguments, ""), "DATA_LOSS");
  ExpectUsageError(Run(arguments + " extra", stream));
}

TEST_F(Kat, OpensWhatItSealed) {
  const std::string plaintext(200000, 'p');
  const Outcome sealed = Run("floe-seal --key " + kZeros, plaintext);
  ASSERT_EQ(sealed.exit_code, 0) << sealed.err;
  ASSERT_EQ(sealed.out.size(), 74 + plaintext.size() + 4 * 32);
  ExpectAccepted(Run("floe-open --key " + kZeros + " --aad ''", sealed.out), plaintext);
  ExpectRefused(Run("floe-open --key " + kZeros + " --aad 00", sealed.out), "DATA_LOSS");
  ExpectRefused(Run("floe-seal --seglen 32 --key " + kZeros, plaintext), "INVALID_ARGUMENT");
}

TEST_F(Kat, OpensAnAeadMessage) {
  const std::string arguments =
      "aead-open --alg aes-256-gcm --key " + kZeros + " --nonce 000000000000000000000000";
  const std::string sealed =
      absl::HexStringToBytes("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  ExpectAccepted(Run(arguments, sealed), std::string(16, '\0'));
  ExpectRefused(Run(arguments + " --aad 00", sealed), "DATA_LOSS");
  ExpectRefused(Run(arguments, "short"), "DATA_LOSS");
  ExpectRefused(
      Run("aead-open --alg aes-256-gcm --key " + kZeros + " --nonce 00000000000000000000", sealed),
      "INVALID_ARGUMENT");
}

// NIST's test case 4 of AES-GCM, RFC 8439 section 2.8.2 and C2SP XAES-256-GCM.
TEST_F(Kat, OpensWhatItsLibrariesCan) {
  const std::string gcm = absl::HexStringToBytes(
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84"
      "aa05"
      "1ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47");
  const std::string gcm_arguments =
      "aead-open --alg aes-128-gcm --key feffe9928665731c6d6a8f9467308308"
      " --nonce cafebabefacedbaddecaf888 --aad feedfacedeadbeeffeedfacedeadbeefabaddad2";
  EXPECT_EQ(Run(gcm_arguments, gcm).exit_code, 0);
  ExpectRefused(Run(gcm_arguments + "00", gcm), "DATA_LOSS");
  ExpectRefused(Run("aead-open --alg aes-192-gcm --key " + kZeros + " --nonce 00", gcm),
                "INVALID_ARGUMENT");
  const std::string nonce24 = " --nonce 4142434445464748494a4b4c4d4e4f505152535455565758";
  const std::string xaes_key(64, '1');
  const std::string xaes =
      absl::HexStringToBytes("ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
  std::string ones;
  for (int i = 0; i < 32; ++i) ones += "01";
  ExpectAccepted(Run("aead-open --alg xaes-256-gcm --key " + ones + nonce24, xaes), "XAES-256-GCM");
  ExpectRefused(Run("aead-open --alg xaes-256-gcm --key " + xaes_key + nonce24, xaes), "DATA_LOSS");
  ExpectRefused(
      Run("aead-open --alg chacha20-poly1305 --nonce 000000000000000000000000 --key " + kZeros,
          gcm),
      "DATA_LOSS");
}

// Project Wycheproof, aes_siv_cmac, tcId 326.
TEST_F(Kat, SealsAndOpensBySiv) {
  const std::string options =
      " --key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
      "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
      " --aad 000102030405060708090a0b0c0d0e0f";
  const std::string plaintext = absl::HexStringToBytes("bfa1733d07afa03cb3f2eeb81bbde037");
  const std::string sealed =
      absl::HexStringToBytes("000000000000000000000000000000004ce637d6ca9cdf1c2feb0d140865cddb");
  ExpectAccepted(Run("siv-seal" + options, plaintext), sealed);
  ExpectAccepted(Run("siv-open" + options, sealed), plaintext);
  ExpectRefused(Run("siv-open" + options + "00", sealed), "DATA_LOSS");
  ExpectRefused(Run("siv-open" + options, "short"), "DATA_LOSS");
  ExpectRefused(Run("siv-seal" + options, ""), "INVALID_ARGUMENT");
  ExpectRefused(Run("siv-open --key 00", sealed), "INVALID_ARGUMENT");
}

// RFC 7748 section 5.2.
TEST_F(Kat, AgreesByX25519) {
  const std::string arguments =
      "x25519 --private-key a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"
      " --public-key ";
  const std::string point = "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c";
  const std::string secret = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552\n";
  ExpectAccepted(Run(arguments + point), secret);
  ExpectAccepted(Run(arguments + point + " --alg x25519"), secret);
  ExpectRefused(Run(arguments + kZeros), "INVALID_ARGUMENT");
  ExpectRefused(Run(arguments + "00"), "INVALID_ARGUMENT");
  ExpectUsageError(Run(arguments + point + " --alg x448"));
}

// The first message of the vectors of RFC 9180 for this suite.
TEST_F(Kat, OpensAnHpkeMessage) {
  const std::string arguments =
      "hpke-open --private-key 497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"
      " --info 4f6465206f6e2061204772656369616e2055726e --aad 436f756e742d3";
  const std::string sealed = absl::HexStringToBytes(
      "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
      "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a");
  ExpectAccepted(Run(arguments + "0", sealed), "Beauty is truth, truth beauty");
  ExpectRefused(Run(arguments + "1", sealed), "DATA_LOSS");
  ExpectRefused(Run(arguments + "0", sealed.substr(0, 47)), "DATA_LOSS");
  ExpectRefused(Run("hpke-open --private-key 00", sealed), "INVALID_ARGUMENT");
}

TEST_F(Kat, OpensWhatItSealedByHpke) {
  const Outcome sealed =
      Run("hpke-seal --info 01 --aad 02 --public-key "
          "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
          "secret");
  ASSERT_EQ(sealed.exit_code, 0) << sealed.err;
  ExpectAccepted(Run("hpke-open --info 01 --aad 02 --private-key "
                     "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
                     sealed.out),
                 "secret");
  ExpectRefused(Run("hpke-seal --public-key " + kZeros, "secret"), "INVALID_ARGUMENT");
  ExpectRefused(Run("hpke-seal --public-key 00", "secret"), "INVALID_ARGUMENT");
}

// RFC 4231, test case 2.
TEST_F(Kat, PrintsAMac) {
  ExpectAccepted(Run("mac --alg hmac-sha256 --key 4a656665 --message "
                     "7768617420646f2079612077616e7420666f72206e6f7468696e673f"),
                 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\n");
  ExpectUsageError(Run("mac --alg hmac-md5 --key 00"));
  ExpectUsageError(Run("mac --key 00"));
}

// RFC 5869, appendix A.1.
TEST_F(Kat, PrintsHkdfOutput) {
  ExpectAccepted(
      Run("hkdf --alg sha256 --ikm 0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
          " --salt 000102030405060708090a0b0c --info f0f1f2f3f4f5f6f7f8f9 --length 42"),
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865\n");
  EXPECT_EQ(Run("hkdf --alg sha384 --ikm 00 --length 12240").exit_code, 0);
  ExpectRefused(Run("hkdf --alg sha384 --ikm 00 --length 12241"), "INVALID_ARGUMENT");
}

TEST_F(Kat, UnwrapsWhatItWrapped) {
  const std::string secret(64, '7');
  const Outcome wrapped = Run("wrap --kek " + kZeros + " --context 01 --key " + secret);
  ASSERT_EQ(wrapped.exit_code, 0) << wrapped.err;
  ASSERT_EQ(wrapped.out.size(), 2 * 138 + 1u);
  const std::string hex = wrapped.out.substr(0, 2 * 138);
  ExpectAccepted(Run("unwrap --kek " + kZeros + " --context 01 --wrapped " + hex), secret + "\n");
  ExpectRefused(Run("unwrap --kek " + kZeros + " --context 02 --wrapped " + hex), "DATA_LOSS");
  ExpectRefused(Run("unwrap --kek 00 --context 01 --wrapped " + hex), "INVALID_ARGUMENT");
  ExpectAccepted(Run("unwrap --alg floe --kek " + kZeros + " --context 01 --wrapped " + hex),
                 secret + "\n");
}

// RFC 5649 section 6.
TEST_F(Kat, WrapsByAesKwp) {
  const std::string kek = " --alg aes-kwp --kek 5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8";
  ExpectAccepted(Run("wrap" + kek + " --key 466f7250617369"), "afbeb0f07dfbf5419200f2ccb50bb24f\n");
  ExpectAccepted(Run("unwrap" + kek + " --wrapped afbeb0f07dfbf5419200f2ccb50bb24f"),
                 "466f7250617369\n");
  ExpectRefused(Run("unwrap" + kek + " --wrapped afbeb0f07dfbf5419200f2ccb50bb24e"), "DATA_LOSS");
  ExpectRefused(Run("unwrap" + kek + " --wrapped afbeb0f07dfbf5419200f2ccb50bb24f --context 00"),
                "INVALID_ARGUMENT");
  ExpectUsageError(Run("wrap --alg aes-kw --kek 00 --key 00"));
}

// RFC 8032 section 7.1, TEST 2.
TEST_F(Kat, ChecksASignature) {
  const std::string arguments =
      "verify --alg ed25519"
      " --public-key 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
      " --signature 92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00 --message ";
  ExpectAccepted(Run(arguments + "72"), "");
  ExpectRefused(Run(arguments + "73"), "DATA_LOSS");
}

// The example of the Go package golang.org/x/mod/sumdb/note.
TEST_F(Kat, ChecksASignedNote) {
  const std::string arguments =
      "note-verify --vkey PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const std::string text =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n";
  const std::string signatures =
      "\n— PeterNeumann "
      "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
      "Zb6KE6RyyBwJnAM=\n";
  ExpectAccepted(Run(arguments, text + signatures), text);
  ExpectRefused(Run(arguments, "More. " + text + signatures), "DATA_LOSS");
  ExpectRefused(Run(arguments, text), "DATA_LOSS");
  ExpectRefused(Run("note-verify --vkey nonsense", text + signatures), "INVALID_ARGUMENT");
}

// One step on all data is the Gaussian mechanism, whose exact epsilon is known
// (Balle and Wang, arXiv 1805.06530): 4.3772 for sigma 1, delta 1e-5.
TEST_F(Kat, PrintsBoundsOnEpsilon) {
  const std::string rest = " --delta 1e-5 --relation add_remove";
  const Outcome outcome = Run("epsilon --phases 1:1:1" + rest);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  double lower = 0;
  double upper = 0;
  const std::vector<std::string> bounds = absl::StrSplit(outcome.out, absl::ByAnyChar(" \n"));
  ASSERT_EQ(bounds.size(), 3u) << outcome.out;
  ASSERT_TRUE(absl::SimpleAtod(bounds[0], &lower) && absl::SimpleAtod(bounds[1], &upper));
  EXPECT_LE(lower, 4.37722);
  EXPECT_GT(lower, 4.37717);
  EXPECT_GE(upper, 4.37717);
  EXPECT_LT(upper, 4.37722);

  const std::string two_phases = "epsilon --phases 0.01:1:100,0.02:2:50" + rest;
  const Outcome pld = Run(two_phases);
  EXPECT_EQ(pld.out, Run(two_phases + " --accountant pld").out) << "it is the default";
  const Outcome rdp = Run(two_phases + " --accountant rdp");
  EXPECT_EQ(pld.exit_code, 0) << pld.err;
  EXPECT_EQ(rdp.exit_code, 0) << rdp.err;
  EXPECT_NE(pld.out, rdp.out);

  const std::string replace = "epsilon --phases 1:2:1 --delta 1e-5 --relation replace_one";
  EXPECT_EQ(Run(replace).out, outcome.out) << "twice the noise for twice the shift";
  ExpectRefused(Run(replace + " --accountant rdp"), "INVALID_ARGUMENT");
  EXPECT_EQ(Run("epsilon --phases 0.5:1e-200:1" + rest).out, "0 inf\n");
  ExpectRefused(Run("epsilon --phases 0:1:1" + rest), "INVALID_ARGUMENT");
  ExpectRefused(Run("epsilon --phases 2:1:1" + rest), "INVALID_ARGUMENT");
  ExpectRefused(Run("epsilon --phases 1:0:1" + rest), "INVALID_ARGUMENT");
  ExpectUsageError(Run("epsilon --phases 1:1" + rest));
  ExpectUsageError(Run("epsilon --phases 1:1:1 --delta 1e-5 --relation swap"));
  ExpectUsageError(Run("epsilon --accountant other --phases 1:1:1" + rest));
}

// Every "$ command" of docs/verification.md prints what the page says.
TEST_F(Kat, DoesWhatItsDocumentSays) {
  const std::string document =
      Env::Posix()
          .ReadFile(absl::StrCat(SEALTRAIN_SOURCE_DIR, "/docs/verification.md"), kMaxOutputBytes)
          .value();
  std::string script;
  std::string expected;
  bool in_session = false;
  for (const absl::string_view line : absl::StrSplit(document, '\n')) {
    if (absl::StartsWith(line, "```")) {
      in_session = false;
    } else if (absl::StartsWith(line, "$ ")) {
      in_session = true;
      absl::StrAppend(&script, line.substr(2), "\n");
    } else if (in_session) {
      absl::StrAppend(&expected, line, "\n");
    }
  }
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(RunScript(script).out, expected);
}

TEST_F(Kat, TellsMistakesOfUseApart) {
  ExpectUsageError(Run(""));
  ExpectUsageError(Run("floe-open"));
  ExpectUsageError(Run("frobnicate"));
  ExpectUsageError(Run("floe-open --key 0g"));
  ExpectUsageError(Run("floe-open --key 000"));
  const Outcome help = Run("--help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
}

}  // namespace
}  // namespace sealtrain::kat

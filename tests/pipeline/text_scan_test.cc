// All numbers are those that their publishers give as examples or for tests, or were
// made up with the right check digit; names of hosts are those of RFC 2606.
#include "sealtrain/pipeline/review/text_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/pipeline/review/text_search_internal.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::pipeline {
namespace {

using policy::TextScan;
using ::sealtrain::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = TextScan::Kind;

std::vector<Kind> AllKinds() {
  std::vector<Kind> kinds;
  for (int kind = 1; TextScan::Kind_IsValid(kind); ++kind) kinds.push_back(static_cast<Kind>(kind));
  return kinds;
}

const TextScanner& ScannerOf(const std::vector<Kind>& kinds) {
  static auto& made = *new std::map<std::vector<Kind>, std::shared_ptr<const TextScanner>>;
  std::shared_ptr<const TextScanner>& scanner = made[kinds];
  if (scanner == nullptr) scanner = TextScanner::Create(kinds).value();
  return *scanner;
}

std::vector<TextFinding> FindingsIn(const std::string& text,
                                    const std::vector<Kind>& kinds = AllKinds()) {
  std::vector<TextFinding> findings = {{.kind = TextScan::IBAN, .begin = 7, .end = 9}};
  ScannerOf(kinds).Find(text, findings);
  return findings;
}

std::vector<std::string> Found(const std::string& text,
                               const std::vector<Kind>& kinds = AllKinds()) {
  std::vector<std::string> found;
  for (const TextFinding& finding : FindingsIn(text, kinds)) {
    found.push_back(text.substr(finding.begin, finding.end - finding.begin));
  }
  return found;
}

std::string Scrubbed(const std::string& text, const std::vector<Kind>& kinds = AllKinds()) {
  std::string out = "before";
  ScrubText(text, FindingsIn(text, kinds), out);
  return out;
}

// Each is found whole, alone and in company, by a scanner of its kind only.
void ExpectFound(Kind kind, const std::vector<std::string>& all) {
  for (const std::string& one : all) {
    EXPECT_THAT(Found(one, {kind}), ElementsAre(one));
    for (const auto& [before, behind] :
         std::vector<std::pair<std::string, std::string>>{{"It is ", "."},
                                                          {"(", ")"},
                                                          {"\"", "\","},
                                                          {"<b>", "</b>"},
                                                          {"x: ", "; y"},
                                                          {"\xc3\xa4", "\xc3\xb6"},
                                                          {"\n", "\r\n"}}) {
      EXPECT_THAT(Found(absl::StrCat(before, one, behind), {kind}), ElementsAre(one))
          << before << one << behind;
    }
  }
}

void ExpectNone(Kind kind, const std::vector<std::string>& all) {
  for (const std::string& one : all) {
    EXPECT_THAT(Found(one, {kind}), IsEmpty()) << one;
    EXPECT_THAT(Found(absl::StrCat("It is ", one, "."), {kind}), IsEmpty()) << one;
  }
}

// Whatever digit is made one more, the check digits no longer fit.
void ExpectNoneWithAnotherDigit(Kind kind, const std::vector<std::string>& all) {
  for (const std::string& one : all) {
    for (std::size_t i = 0; i < one.size(); ++i) {
      if (one[i] < '0' || one[i] > '9') continue;
      std::string other = one;
      other[i] = one[i] == '9' ? '0' : static_cast<char>(one[i] + 1);
      EXPECT_THAT(Found(other, {kind}), IsEmpty()) << other << ", from " << one;
    }
  }
}

// --- kinds ----------------------------------------------------------------------

TEST(TextScan, FindsEmailAddresses) {
  ExpectFound(TextScan::EMAIL_ADDRESS,
              {"jane@example.org", "jane.doe+tag@mail.example.co.uk", "j_d-9%x@a.b-c.example.com",
               "o'neill@example.org", "bounce+jane=example.org@lists.example.net", "1@example.com",
               "j..doe@example.org", "JANE@EXAMPLE.ORG", "jane@xn--bcher-kva.example",
               "jane@example.xn--p1ai"});
  const std::vector<Kind> email = {TextScan::EMAIL_ADDRESS};
  EXPECT_THAT(Found("mailto:jane@example.org?subject=x", email), ElementsAre("jane@example.org"));
  EXPECT_THAT(Found("https://joe:pass@host.example.org/x", email),
              ElementsAre("pass@host.example.org"));
  EXPECT_THAT(Found("?a=b&mail=jane@example.org&c", email), ElementsAre("mail=jane@example.org"));
  EXPECT_THAT(Found("'jane@example.org', .-joe@example.org.", email),
              ElementsAre("jane@example.org", "joe@example.org"));
  EXPECT_THAT(Found("a@b@example.org", email), ElementsAre("b@example.org"));
  EXPECT_THAT(Found("a@example.org@example.com", email), ElementsAre("a@example.org"));
  EXPECT_THAT(Found("jane@example.org2024", email), ElementsAre("jane@example.org"));
  EXPECT_THAT(Found("jane@example.c_m jane@example.org_", email), ElementsAre("jane@example.org"));
  // Of a longer run the last 64 bytes.
  EXPECT_THAT(Found(std::string(100, 'a') + "@example.org", email),
              ElementsAre(std::string(64, 'a') + "@example.org"));
  ExpectNone(TextScan::EMAIL_ADDRESS,
             {"jane@localhost", "@example.org", "jane @example.org", "jane@ example.org",
              "jane@.example", "jane@-example.org", "jane@example-.org", "jane@example.o",
              "jane@example.1", "package@1.2.3", "jane@[192.0.2.1]", "jane(at)example.org",
              "...@a.bc", "\xef\xbd\x81@example.org"});
}

TEST(TextScan, FindsPhoneNumbers) {
  ExpectFound(TextScan::PHONE_NUMBER,
              {"+49 30 1234567",
               "+49 (0)30 12345-67",
               "+44 (0) 20 7946 0018",
               "+442079460018",
               "+1 (212) 555-0123",
               "+1-212-555-0123",
               "+33 1 23 45 67 89",
               "+41 44 668 18 00",
               "+12345678",
               "+123456789012345",
               "0049 30 1234567",
               "0044-20-7946-0018",
               "001 212 555 0123",
               "(212) 555-0123",
               "(212)555-0123",
               "212-555-0123",
               "212.555.0123",
               "212 555 0123",
               "1-212-555-0123",
               "1 (212) 555-0123",
               "212-555-0123 x45",
               "212-555-0123x456",
               "020 7946 0018",
               "01632 960001",
               "07700 900123",
               "030/1234567",
               "030 / 123 45 67",
               "0170 1234567",
               "089-123456",
               "(030) 123456",
               "(02) 9876 5432",
               "01 23 45 67 89",
               "01.23.45.67.89",
               "01-23-45-67-89",
               "03-1234-5678",
               "+49 30 1234567 x5",
               "+442079460018x123456",
               "0049 30 1234567 x45",
               "001 212 555 0123x1",
               "030/1234567x89",
               "(030) 123456 x1",
               "01.23.45.67.89 x2",
               "+1 1 / 2 / 3 / 4 / 5 / 6 / 7 / 8 / 9 / 0 / 1 / 2 / 3 / 4 x123456"});
  EXPECT_THAT(Found("+49 30 1234567 x", {TextScan::PHONE_NUMBER}), ElementsAre("+49 30 1234567"));
  ExpectNone(TextScan::PHONE_NUMBER,
             {// runs of digits
              "1234567890", "02079460018", "0049301234567", "20231231",
              // dates and times
              "2023-12-31", "31.12.2023", "01/02/2023", "01-02-2023", "01.02.2023 12:30",
              "07-11-2001 12:34", "07-11-01 12:34:56", "2023-12-31 23:59:59",
              "2023-12-31T23:59:59Z", "12:30-14:30", "03.04.05",
              // versions, addresses
              "1.2.3", "10.15.7", "192.0.2.1", "212.55.0.123", "00-00-5E-00-53-01",
              // prices and other numbers
              "1,234,567.89", "1.234.567,89", "1.234.567.890", "1 234 567 890", "$12.50", "+5%",
              "+1.5", "+1234567", "200 000 000", "978-3-16-148410-0", "0800 1234", "078-05-1120",
              // parts of something longer
              "+1234567890123456", "a+4930123456789", "x212-555-0123", "9-212-555-0123",
              "212-555-01234", "212-555-0123-4", "+49 30 1234567x1234567", "030/1234567x",
              "212-555-0123:4", "5.212-555-0123", "112-555-0123", "(112) 555-0123",
              // look-alikes
              "+\xef\xbc\x94\xef\xbc\x99 30 1234567"});
}

TEST(TextScan, FindsPaymentCards) {
  const std::vector<std::string> cards = {
      "4111111111111111",    "4111 1111 1111 1111", "4111-1111-1111-1111", "4222222222222",
      "4000000000000000006", "5555555555554444",    "2223 0031 2200 3222", "378282246310005",
      "3782 822463 10005",   "30569309025904",      "3056 930902 5904",    "36227206271667",
      "6011111111111117",    "3530111333300000",    "6200000000000005",    "5019717010103742",
      "6759649826438453",    "2200000000000004"};
  ExpectFound(TextScan::PAYMENT_CARD, cards);
  ExpectNoneWithAnotherDigit(TextScan::PAYMENT_CARD, cards);
  const std::vector<Kind> card = {TextScan::PAYMENT_CARD};
  EXPECT_THAT(Found("4111 1111 1111 1111 123", card), ElementsAre("4111 1111 1111 1111"));
  EXPECT_THAT(Found("4111 1111 1111 1111 12/29", card), ElementsAre("4111 1111 1111 1111"));
  EXPECT_THAT(Found("12 4111111111111111 4222222222222", card),
              ElementsAre("4111111111111111", "4222222222222"));
  ExpectNone(TextScan::PAYMENT_CARD,
             {"41111111111111111",                         // a digit more
              "411111111111111",                           // and less
              "4111  1111 1111 1111",                      //
              "4111.1111.1111.1111",                       //
              "41 11 11 11 11 11 11 11",                   //
              "x4111111111111111",                         //
              "4111111111111111_",                         //
              "4111111111111111-1", "1.4111111111111111",  //
              "1234567812345670",                          // Luhn, but no issuer
              "9999999999999995",                          //
              "55555555555557",                            // Luhn, but too short for its issuer
              "0000000000000000"});
}

TEST(TextScan, FindsIbans) {
  const std::vector<std::string> ibans = {"DE89370400440532013000",
                                          "DE89 3704 0044 0532 0130 00",
                                          "GB29NWBK60161331926819",
                                          "GB29 NWBK 6016 1331 9268 19",
                                          "NO9386011117947",
                                          "NO93 8601 1117 947",
                                          "BE68 5390 0754 7034",
                                          "NL91 ABNA 0417 1643 00",
                                          "CH93 0076 2011 6238 5295 7",
                                          "FR14 2004 1010 0505 0001 3M02 606",
                                          "MT84MALT011000012345MTLCAST001S",
                                          "LC55HEMM000100010012001200023015",
                                          "RU02 0445 2560 0407 0281 0412 3456 7890 1"};
  ExpectFound(TextScan::IBAN, ibans);
  ExpectNoneWithAnotherDigit(TextScan::IBAN, ibans);
  EXPECT_THAT(Found("BE68 5390 0754 7034 USD 12", {TextScan::IBAN}),
              ElementsAre("BE68 5390 0754 7034"));
  ExpectNone(TextScan::IBAN,
             {"DE8937040044053201300", "DE893704004405320130000", "xDE89370400440532013000",
              "DE89370400440532013000x", "de89370400440532013000", "DE89-3704-0044-0532-0130-00",
              "DE89 370400440532013000", "XX89370400440532013000", "GB29 NWBK 6016 1331 9268 1"});
}

TEST(TextScan, FindsNationalIds) {
  const std::vector<std::string> checked = {"943 476 5919",
                                            "943-476-5919",  // GB
                                            "12345678Z",
                                            "12345678-Z",  // ES
                                            "X1234567L",
                                            "X-1234567-L",  //
                                            "Y1234567X",
                                            "Z1234567R",  //
                                            "269054958815780",
                                            "2 69 05 49 588 157 80",  // FR
                                            "1 85 05 78 006 084 91",  //
                                            "1 80 01 19 004 001 68",  // a Corsican's before 1976
                                            "86095742719",
                                            "86 095 742 719",  // DE
                                            "47036892816",
                                            "65929970489",  //
                                            "57549285017",
                                            "25748963198"};
  ExpectFound(TextScan::NATIONAL_ID, checked);
  ExpectNoneWithAnotherDigit(TextScan::NATIONAL_ID, checked);
  ExpectFound(TextScan::NATIONAL_ID,
              {"078-05-1120", "899-99-9999", "1 80 01 2A 004 001 68", "2 80 01 2B 004 001 45",
               "BSN: 111222333", "bsn 123456782", "BSN-nummer: 1112.22.333", "BSN 123456782",
               "burgerservicenummer 111222333"});
  ExpectNoneWithAnotherDigit(TextScan::NATIONAL_ID, {"BSN: 111222333", "BSN 123456782"});
  ExpectNone(
      TextScan::NATIONAL_ID,
      {// US
       "000-05-1120", "666-05-1120", "900-05-1120", "987-65-4320", "078-00-1120", "078-05-0000",
       "078 05 1120", "078051120", "1-078-05-1120", "078-05-1120-1", "078-05-11200", "a078-05-1120",
       // GB: as 3-3-4 only; remainder 1 leaves no check digit
       "9434765919", "9434 765919", "943 476 5919-1",
       // ES: another letter; letters that are none
       "12345678A", "12345678z", "X1234567M", "12345678ZZ", "W1234567L",
       // FR: month 13; another key; sex 5
       "1 85 13 78 006 084 91", "1 85 05 78 006 084 90", "5 85 05 78 006 084 91",
       "1 80 01 2C 004 001 68", "1 80 01 2A 004 001 45",
       // DE: MOD 11,10 fits; no digit repeated, two repeated, one four times, one
       // three times in a row, a leading zero
       "12345678903", "11223456782", "11112345671", "11123456784", "02476291358",
       // NL: without the word
       "111222333", "BSN: 000000000", "BSN of 111222333", "absn 111222333"});
}

TEST(TextScan, FindsIpAddresses) {
  ExpectFound(TextScan::IP_ADDRESS,
              {"192.0.2.1", "0.0.0.0", "255.255.255.255", "198.51.100.10", "2001:db8::1",
               "2001:DB8:0:0:8:800:200C:417A", "::1", "fe80::1", "2001:db8::", "::ffff:192.0.2.1",
               "64:ff9b::192.0.2.33", "00:11:22:33:44:55:66:77", "1::"});
  const std::vector<Kind> ip = {TextScan::IP_ADDRESS};
  EXPECT_THAT(Found("192.0.2.1:8080 192.0.2.0/24 192.0.2.1-192.0.2.9 192.0.2.3.", ip),
              ElementsAre("192.0.2.1", "192.0.2.0", "192.0.2.1", "192.0.2.9", "192.0.2.3"));
  EXPECT_THAT(Found("[2001:db8::1]:443 2001:db8::/32 fe80::1%eth0 at 2001:db8::2: no", ip),
              ElementsAre("2001:db8::1", "2001:db8::", "fe80::1", "2001:db8::2"));
  ExpectNone(TextScan::IP_ADDRESS, {"256.0.2.1",
                                    "192.0.2.256",
                                    "192.0.02.1",
                                    "01.2.3.4",
                                    "1.2.3",
                                    "1.2.3.4.5",
                                    "1.2.3.4.5.6",
                                    "v1.2.3.4",
                                    "1.2.3.4a",
                                    "1.2.3.4_",
                                    "1.2.3.1234",
                                    "12:30:45",
                                    "1:2:3:4:5:6:7",
                                    "1:2:3:4:5:6:7:8:9",
                                    "1::2::3",
                                    "::",
                                    "a::b",
                                    "std::cafe",
                                    "12345::1",
                                    "2001:db8::1g",
                                    "00:00:5e:00:53:01",
                                    "2023-12-31T23:59:59",
                                    "1.2.3.\xef\xbc\x94"});
}

TEST(TextScan, FindsMacAddresses) {
  ExpectFound(TextScan::MAC_ADDRESS,
              {"00:00:5e:00:53:01", "00-00-5E-00-53-01", "0000.5e00.5301", "AA:bb:CC:dd:EE:ff"});
  ExpectNone(TextScan::MAC_ADDRESS,
             {"00:00:5e:00:53", "00:00:5e:00:53:01:02", "00:00:5e-00:53:01", "00:00:5g:00:53:01",
              "00:00:5e:00:53:1", "x00:00:5e:00:53:01", "00:00:5e:00:53:011", "0000.5e00",
              "0000.5e00.5301.0001", "0000:5e00:5301", "00005e005301", "12:30:45",
              "00:00:5e:00:53:01-02", "00 00 5e 00 53 01"});
}

TEST(TextScan, FindsAccessTokens) {
  const std::string a36(36, 'a');
  // In pieces, or those who look for such tokens in sources find them here.
  const std::string header = absl::StrCat("eyJ", "hbGciOiJIUzI1NiJ9");
  const std::string claims = absl::StrCat("eyJ", "zdWIiOiJqYW5lIn0");
  ExpectFound(
      TextScan::ACCESS_TOKEN,
      {"AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", absl::StrCat("gh", "p_", a36),
       absl::StrCat("gh", "o_", a36), absl::StrCat("gh", "s_", a36, a36),
       absl::StrCat("github", "_pat_", a36), absl::StrCat("xox", "b-0123456789-abc-DEF"),
       absl::StrCat("AI", "za", std::string(35, 'k')), absl::StrCat("sk", "_live_", a36),
       absl::StrCat(header, ".", claims, ".", a36), absl::StrCat(header, ".", claims, ".-_", a36),
       absl::StrCat(header, "..", a36), absl::StrCat(header, "..", a36, ".", a36, ".", a36),
       absl::StrCat("AI", "za", std::string(80, 'k')), absl::StrCat("Bearer ", a36),
       absl::StrCat("bearer  a.b-c_d~e+f/", a36, "==")});
  EXPECT_THAT(Found(absl::StrCat("https://x-access-token:gh", "p_", a36, "@example.org"),
                    {TextScan::ACCESS_TOKEN}),
              ElementsAre(absl::StrCat("gh", "p_", a36)));
  ExpectNone(TextScan::ACCESS_TOKEN, {"AKIAIOSFODNN7EXAMPL",
                                      "AKIAIOSFODNN7EXAMPLES",
                                      "AKIAIOSFODNN1EXAMPLE",
                                      "xAKIAIOSFODNN7EXAMPLE",
                                      "AKIAiosfodnn7example",
                                      absl::StrCat("ghp_", a36.substr(1)),
                                      absl::StrCat("xghp_", a36),
                                      absl::StrCat("ghx_", a36),
                                      "github_pat_abc",
                                      "xoxb-012345678",
                                      "xoxo-kisses",
                                      absl::StrCat("AIza", std::string(34, 'k')),
                                      absl::StrCat("sk_test_", a36),
                                      "sk_live_short",
                                      header,
                                      absl::StrCat(header, ".", claims),
                                      absl::StrCat(header, ".a.", a36),
                                      absl::StrCat(header, "."),
                                      absl::StrCat(header, ".."),
                                      absl::StrCat(header, "...", a36),
                                      absl::StrCat("x", header, ".", claims, ".", a36),
                                      "Bearer of bad news",
                                      "Bearer token",
                                      absl::StrCat("forbearer ", a36)});
}

TEST(TextScan, FindsPrivateKeys) {
  const auto block = [](const std::string& name) {
    return absl::StrCat("-----BEGIN ", name, "-----\nMIIB-x\n--y==\n-----END ", name, "-----");
  };
  const std::vector<Kind> key = {TextScan::PRIVATE_KEY};
  for (const char* const name :
       {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"}) {
    EXPECT_THAT(Found(block(name), key), ElementsAre(block(name)));
    EXPECT_THAT(Found("x" + block(name) + "y " + block(name), key),
                ElementsAre(block(name), block(name)));
  }
  const std::string torn = "-----BEGIN PRIVATE KEY-----\nMIIB\n";
  EXPECT_THAT(Found("a " + torn + std::string("b\0-c\xff\n---", 8), key),
              ElementsAre(torn + std::string("b\0-c\xff\n---", 8)));
  EXPECT_THAT(Found(torn + torn + block("PRIVATE KEY") + "z", key),
              ElementsAre(torn, torn, block("PRIVATE KEY")));
  EXPECT_THAT(Found(torn, key), ElementsAre(torn));
  ExpectNone(
      TextScan::PRIVATE_KEY,
      {block("PUBLIC KEY"), block("CERTIFICATE"), block("PGP PUBLIC KEY BLOCK"),
       "----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----", "-----END PRIVATE KEY-----",
       "-----BEGIN private key-----", "-----BEGIN\nPRIVATE KEY-----"});
}

// --- the scanner ----------------------------------------------------------------

TEST(TextScanner, RefusesKindsThatItCannotLookFor) {
  const auto is_invalid = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(TextScanner::Create({}), is_invalid);
  EXPECT_THAT(TextScanner::Create({TextScan::KIND_UNSPECIFIED}), is_invalid);
  EXPECT_THAT(TextScanner::Create({TextScan::IBAN, TextScan::KIND_UNSPECIFIED}), is_invalid);
  EXPECT_THAT(TextScanner::Create({static_cast<Kind>(99)}), is_invalid);
  EXPECT_THAT(TextScanner::Create({static_cast<Kind>(-1)}), is_invalid);
}

TEST(TextScanner, LooksOnlyForWhatItIsAskedFor) {
  const std::string text = "jane@example.org 192.0.2.1";
  EXPECT_THAT(Found(text, {TextScan::IP_ADDRESS}), ElementsAre("192.0.2.1"));
  EXPECT_THAT(Found(text, {TextScan::EMAIL_ADDRESS}), ElementsAre("jane@example.org"));
  EXPECT_THAT(Found(text, {TextScan::IP_ADDRESS, TextScan::EMAIL_ADDRESS, TextScan::IP_ADDRESS}),
              ElementsAre("jane@example.org", "192.0.2.1"));
  EXPECT_THAT(Found("", AllKinds()), IsEmpty());
}

TEST(TextScanner, PrefersWhatBeginsFirstThenTheLongerThenTheLowerKind) {
  EXPECT_EQ(Scrubbed("+1 212 555 0123@example.org"), "[PHONE_NUMBER]@example.org");
  EXPECT_EQ(Scrubbed("192.0.2.1@example.org"), "[EMAIL_ADDRESS]");
  EXPECT_EQ(Scrubbed("943 476 5919"), "[PHONE_NUMBER]");
  EXPECT_EQ(Scrubbed("943 476 5919", {TextScan::NATIONAL_ID}), "[NATIONAL_ID]");
}

TEST(TextScanner, SeesWhatStandsRightBesideAFinding) {
  // The digit that made it part of something longer went with the address.
  EXPECT_EQ(Scrubbed("1.2.3.4-212-555-0123/1x@example.org"),
            "[IP_ADDRESS]-[PHONE_NUMBER]/[EMAIL_ADDRESS]");
  EXPECT_EQ(Scrubbed("00:00:5e:00:53:01:6x@example.org"), "[MAC_ADDRESS]:[EMAIL_ADDRESS]");
  EXPECT_EQ(Scrubbed("4111 1111 1111 1111 123@example.org"), "[PAYMENT_CARD] [EMAIL_ADDRESS]");
  EXPECT_EQ(Scrubbed("a@example.org-----BEGIN PRIVATE KEY-----\n"), "[EMAIL_ADDRESS][PRIVATE_KEY]");
}

TEST(ScrubText, PutsTheNameOfTheKindInItsPlace) {
  EXPECT_EQ(Scrubbed("\xc3\xa4 jane@example.org, 192.0.2.1.\n"),
            "\xc3\xa4 [EMAIL_ADDRESS], [IP_ADDRESS].\n");
  EXPECT_EQ(Scrubbed("nothing"), "nothing");
  EXPECT_EQ(Scrubbed(""), "");
}

// --- properties -----------------------------------------------------------------

const std::vector<std::pair<Kind, std::string>>& Canaries() {
  static const auto& canaries = *new std::vector<std::pair<Kind, std::string>>{
      {TextScan::EMAIL_ADDRESS, "jane.doe@mail.example.org"},
      {TextScan::PHONE_NUMBER, "+44 20 7946 0018"},
      {TextScan::PHONE_NUMBER, "(212) 555-0123"},
      {TextScan::PHONE_NUMBER, "01632 960001"},
      {TextScan::PHONE_NUMBER, "01.23.45.67.89"},
      {TextScan::PHONE_NUMBER, "0049 30 1234567"},
      {TextScan::PAYMENT_CARD, "4111 1111 1111 1111"},
      {TextScan::PAYMENT_CARD, "4222222222222"},
      {TextScan::IBAN, "DE89 3704 0044 0532 0130 00"},
      {TextScan::IBAN, "GB29NWBK60161331926819"},
      {TextScan::NATIONAL_ID, "219-09-9999"},
      {TextScan::NATIONAL_ID, "X1234567L"},
      {TextScan::NATIONAL_ID, "2 69 05 49 588 157 80"},
      {TextScan::NATIONAL_ID, "86095742719"},
      {TextScan::NATIONAL_ID, "BSN: 111222333"},
      {TextScan::IP_ADDRESS, "192.0.2.1"},
      {TextScan::IP_ADDRESS, "2001:db8::1"},
      {TextScan::IP_ADDRESS, "::ffff:192.0.2.1"},
      {TextScan::MAC_ADDRESS, "00:00:5e:00:53:01"},
      {TextScan::MAC_ADDRESS, "0000.5e00.5301"},
      {TextScan::ACCESS_TOKEN, "AKIAIOSFODNN7EXAMPLE"},
      {TextScan::ACCESS_TOKEN, "Bearer 0123456789abcdefghij"},
      {TextScan::ACCESS_TOKEN, "eyJhbGciOiJI.eyJzdWIiOiJq.c2lnbmF0dXJl"},
      {TextScan::PRIVATE_KEY, "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"}};
  return canaries;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t Below(std::size_t n) { return engine_() % n; }
  template <typename T>
  const T& OneOf(const std::vector<T>& all) {
    return all[Below(all.size())];
  }

 private:
  std::mt19937_64 engine_;
};

// Pieces of what is looked for, whole ones, and what joins and parts them.
std::string Mixture(Random& random) {
  static const auto& joins =
      *new std::vector<std::string>{"",   "",  "",      " ",        ".",
                                    "-",  "/", ":",     "@",        "+",
                                    "(",  ")", ",",     "_",        "::",
                                    "\n", "0", "5",     "a",        "x",
                                    "Z",  "=", "-----", "\xc3\xa4", std::string(1, '\0'),
                                    "[",  "]", "eyJ",   "BSN"};
  std::string mixture;
  for (std::size_t i = 2 + random.Below(8); i > 0; --i) {
    const std::string& canary = random.OneOf(Canaries()).second;
    switch (random.Below(4)) {
      case 0:
        mixture += canary;
        break;
      case 1: {
        const std::size_t begin = random.Below(canary.size());
        mixture += canary.substr(begin, 1 + random.Below(canary.size()));
        break;
      }
      case 2:
        for (std::size_t n = random.Below(12); n > 0; --n) {
          mixture += "0123456789.-/: abcfX@+"[random.Below(22)];
        }
        break;
      default:
        break;
    }
    mixture += random.OneOf(joins);
  }
  return mixture;
}

TEST(TextScannerProperties, FindsNothingInWhatItScrubbed) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Random random(seed);
  const std::vector<Kind> all = AllKinds();
  std::size_t findings = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::vector<Kind> kinds = all;
    if (i % 4 == 0) kinds = {random.OneOf(all), random.OneOf(all)};
    const std::string text = Mixture(random);
    std::size_t end = 0;
    for (const TextFinding& finding : FindingsIn(text, kinds)) {
      ASSERT_GE(finding.begin, end) << text;
      ASSERT_GT(finding.end, finding.begin) << text;
      end = finding.end;
      ++findings;
    }
    ASSERT_LE(end, text.size()) << text;
    const std::string scrubbed = Scrubbed(text, kinds);
    ASSERT_THAT(Found(scrubbed, kinds), IsEmpty()) << text << "\n--- became\n" << scrubbed;
  }
  EXPECT_GT(findings, 10'000u);
}

TEST(TextScannerProperties, FindsEveryCanaryInProse) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Random random(seed);
  const std::vector<std::string> words = {
      "the",   "meeting", "was",         "moved",  "to",
      "12:30", "on",      "2023-12-31,", "Ann's",  "version",
      "1.2.3", "costs",   "$12.50.",     "Please", "bring",
      "3",     "copies",  "e.g.",        "Bears",  "x@y",
      "a::b",  "(see",    "below)",      "1,200",  "gr\xc3\xbc\xc3\x9f",
      "--"};
  for (int i = 0; i < 2'000; ++i) {
    std::string text;
    std::vector<TextFinding> planted;
    for (int n = 0; n < 60; ++n) {
      if (random.Below(8) == 0) {
        const auto& [kind, canary] = random.OneOf(Canaries());
        planted.push_back({.kind = kind, .begin = text.size(), .end = text.size() + canary.size()});
        absl::StrAppend(&text, canary, "; ");
      } else {
        absl::StrAppend(&text, random.OneOf(words), " ");
      }
    }
    ASSERT_EQ(FindingsIn(text), planted) << text;
  }
}

std::vector<std::string> HostileUnits() {
  std::vector<std::string> units = {
      "a", "@", "@a", "a@", "a.", "@a.a", "aa.aa@", "1", "1.", "1.1.1.1.", "1 ", "4 ", "444 ",
      "4444-", "0 ", "02 ", "01-02-2003 ", "001 1", "+1", "+", "(0", "(212) ", ":",
      "::", "a:", "a::a ", "1::", "00:", "00-", "0000.", "-", "-----BEGIN ",
      "-----BEGIN PRIVATE KEY-----", "----- ", "-----BEGIN PRIVATE KEY-----\n-----END ", "eyJ",
      "eyJ-", "eyJ.", "eyJaaaaaaaa.", "eyJaaaaaaaa.a", "xoxb-", "Bearer ", "bearer  /", "ghp_",
      "AKIA", "AIza", "DE89", "DE89 ", "DE89 DE89 DE89 ", "BSN ", "BSN1", std::string(1, '\0'),
      "\xff", "\xc3\xa4", "192.0.2.1 ",
      // tokens in a run that begins like a longer one
      absl::StrCat("eyJ", "aaaaaaaa-AI", "za", std::string(35, 'k')), "a@example.org "};
  for (const auto& [kind, canary] : Canaries()) {
    units.push_back(canary.substr(0, canary.size() - 1));
    units.push_back(canary);
  }
  return units;
}

std::string Repeated(const std::string& unit, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

std::size_t StepsToSearch(const std::string& text) {
  std::vector<TextFinding> findings;
  TextSearch search(ScannerOf(AllKinds()), text);
  search.Run(findings);
  return search.steps();
}

constexpr std::size_t kMostStepsAByte = 8;

// Whatever a form's expression makes of it, which no step tells: half a mebibyte takes
// well under a second; were it quadratic, this test would not end.
TEST(TextScannerProperties, TakesLinearTimeOnHostileText) {
  for (const std::string& unit : HostileUnits()) {
    const std::string text = Repeated(unit, 1 << 19);
    EXPECT_LE(StepsToSearch(text), kMostStepsAByte * text.size()) << unit;
  }
}

// What there is to find must not have the rest looked through anew.
TEST(TextScannerProperties, TakesLinearTimeOnFindingsBeforeHostileText) {
  constexpr std::size_t kHalf = 1 << 13;
  std::set<Kind> tried;  // one of each
  for (const auto& [kind, canary] : Canaries()) {
    if (!tried.insert(kind).second) continue;
    const std::string findings = Repeated(canary + " ", kHalf);
    for (const std::string& unit : HostileUnits()) {
      const std::string text = findings + Repeated(unit, kHalf);
      EXPECT_LE(StepsToSearch(text), kMostStepsAByte * text.size()) << canary << " before " << unit;
    }
  }
}

}  // namespace
}  // namespace sealtrain::pipeline

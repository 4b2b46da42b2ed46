#include "sealtrain/pipeline/source.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/pipeline/source/line_reader.h"
#include "sealtrain/tests/pipeline/schema_fixture.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::kEverythingProto;
using ::sealtrain::testing::kFlatProto;
using ::sealtrain::testing::SchemaOf;
using ::sealtrain::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What a source said, call by call: records in text format on one line, errors
// as "! message", and at last "." for the end or "!! message" if it gave up.
std::vector<std::string> Transcript(Format format, const std::string& input,
                                    const std::shared_ptr<const policy::Schema>& schema) {
  std::istringstream stream(input);
  auto source = OpenSource(format, stream, "in", schema);
  auto record = source->NewRecord();
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::vector<std::string> lines;
  while (true) {
    const absl::StatusOr<bool> more = source->Next(*record);
    if (absl::IsInvalidArgument(more.status())) {
      lines.push_back(absl::StrCat("! ", more.status().message()));
    } else if (!more.ok()) {
      lines.push_back(absl::StrCat("!! ", absl::StatusCodeToString(more.status().code()), " ",
                                   more.status().message()));
      return lines;
    } else if (!*more) {
      lines.push_back(".");
      return lines;
    } else {
      std::string text;
      printer.PrintToString(*record, &text);
      lines.push_back(text);
    }
  }
}

constexpr char kGoodJson[] =
    R"({"user":"ann","flag":true,"i32":-2147483648,"i64":"-9223372036854775808",)"
    R"("u32":4294967295,"u64":18446744073709551615,"f":1.5,"d":-2e300,"color":"RED",)"
    R"("text":"käse","blob":"AAEC","maybe":null,"maybe_text":"x","numbers":[1,-2],)"
    R"("words":["a",""],"place":{"city":"Bonn","height":null},"s32":-5,"x64":7})";
constexpr char kGoodText[] =
    R"(user: "ann" flag: true i32: -2147483648 i64: -9223372036854775808 u32: 4294967295 )"
    R"(u64: 18446744073709551615 f: 1.5 d: -2e+300 color: RED text: "k\303\244se" )"
    R"(blob: "\000\001\002" maybe_text: "x" numbers: 1 numbers: -2 words: "a" words: "" )"
    R"(place { city: "Bonn" } s32: -5 x64: 7 )";

class JsonlTest : public ::testing::Test {
 protected:
  std::vector<std::string> Read(const std::string& input) const {
    return Transcript(Format::kJsonl, input, schema_);
  }
  // The good line with one thing replaced; what the source says to it.
  std::string Broken(const std::string& from, const std::string& to) const {
    const std::string line = absl::StrReplaceAll(kGoodJson, {{from, to}});
    EXPECT_NE(line, kGoodJson) << from;
    return Read(line)[0];
  }
  const std::shared_ptr<const policy::Schema> schema_ = SchemaOf(kEverythingProto, "Everything");
};

TEST_F(JsonlTest, ReadsEveryType) { EXPECT_THAT(Read(kGoodJson), ElementsAre(kGoodText, ".")); }

TEST_F(JsonlTest, TakesKeysInAnyOrderAndBlankLines) {
  const std::string reordered = absl::StrReplaceAll(
      kGoodJson, {{R"("user":"ann",)", ""}, {R"("x64":7})", R"("x64":7,"user":"ann"})"}});
  EXPECT_THAT(Read(absl::StrCat("\xef\xbb\xbf", kGoodJson, "\r\n\n  \n", reordered, "\n")),
              ElementsAre(kGoodText, kGoodText, "."));
}

TEST_F(JsonlTest, NamesPlaceAndFieldOfWhatIsWrong) {
  EXPECT_EQ(Broken("\"flag\":true", "\"flag\":1"), "! in:1: flag: an integer where none belongs");
  EXPECT_EQ(Broken("\"flag\":true", "\"flag\":\"true\""), "! in:1: flag: text where none belongs");
  EXPECT_EQ(Broken("-2147483648", "-2147483649"), "! in:1: i32: out of range for a 32-bit integer");
  EXPECT_EQ(Broken("-2147483648", "1.0"), "! in:1: i32: a fraction where none belongs");
  EXPECT_EQ(Broken("\"-9223372036854775808\"", "\"-9223372036854775809\""),
            "! in:1: i64: out of range for an integer");
  EXPECT_EQ(Broken("\"-9223372036854775808\"", "\" 1\""), "! in:1: i64: not an integer");
  EXPECT_EQ(Broken("\"-9223372036854775808\"", "9223372036854775808"),
            "! in:1: i64: out of range for a 64-bit integer");
  EXPECT_EQ(Broken("4294967295", "-1"), "! in:1: u32: out of range for an unsigned 32-bit integer");
  EXPECT_EQ(Broken("18446744073709551615", "-1"),
            "! in:1: u64: out of range for an unsigned 64-bit integer");
  EXPECT_THAT(Broken("18446744073709551615", "18446744073709551616"),
              StartsWith("! in:1: not valid JSON: "));
  EXPECT_EQ(Broken("1.5", "3.5e38"), "! in:1: f: out of range for a float");
  EXPECT_THAT(Broken("-2e300", "NaN"), StartsWith("! in:1: not valid JSON: "));
  EXPECT_THAT(Broken("-2e300", "1e999"), StartsWith("! in:1: not valid JSON: "));
  EXPECT_EQ(Broken("-2e300", "\"1\""), "! in:1: d: text where none belongs");
  EXPECT_EQ(Broken("\"RED\"", "\"GREEN\""), "! in:1: color: not a value of test.Color");
  EXPECT_EQ(Broken("\"RED\"", "2"), "! in:1: color: not a value of test.Color");
  EXPECT_EQ(Broken("\"RED\"", "4294967297"), "! in:1: color: not a value of test.Color");
  EXPECT_EQ(Broken("\"AAEC\"", "\"AAE\""), "! in:1: blob: not base64");
  EXPECT_EQ(Broken("\"AAEC\"", "\"AA EC\""), "! in:1: blob: not base64");
  EXPECT_EQ(Broken("\"AAEC\"", "\"AAF=\""), "! in:1: blob: not base64");
  EXPECT_EQ(Broken("\"text\":\"käse\"", "\"text\":null"),
            "! in:1: text: null is for optional fields only");
  EXPECT_EQ(Broken("[1,-2]", "null"), "! in:1: numbers: not an array");
  EXPECT_EQ(Broken("[1,-2]", "[1,null]"), "! in:1: numbers: null is for optional fields only");
  EXPECT_EQ(Broken("[1,-2]", "[[1]]"), "! in:1: numbers: an array where none belongs");
  EXPECT_EQ(Broken("{\"city\":\"Bonn\",\"height\":null}", "null"), "! in:1: place: not an object");
  EXPECT_EQ(Broken("\"city\":\"Bonn\"", "\"city\":{}"),
            "! in:1: place.city: an object where none belongs");
  EXPECT_EQ(Broken("\"city\":\"Bonn\",", ""), "! in:1: place.city: missing");
  EXPECT_EQ(Broken("\"maybe\":null,", ""), "! in:1: maybe: missing");
  EXPECT_EQ(Broken("\"flag\":true", "\"flag\":true,\"flag\":true"), "! in:1: flag: given twice");
  EXPECT_EQ(Broken("\"flag\":true", "\"flag\":true,\"secret of ann\":1"),
            "! in:1: key 3 is no field of test.Everything");
}

TEST_F(JsonlTest, AcceptsEnumNumbersAndIntegersForReals) {
  EXPECT_THAT(Broken("\"RED\"", "5"), HasSubstr("color: BLUE"));
  EXPECT_THAT(Broken("1.5", "3"), HasSubstr(" f: 3 "));
  EXPECT_THAT(Broken("\"-9223372036854775808\"", "12"), HasSubstr("i64: 12 "));
}

TEST_F(JsonlTest, GoesOnBehindABadLine) {
  const std::vector<std::string> lines = Read(absl::StrCat(
      kGoodJson, "\n{\"user\":\n", "[1]\n\n", "\"\xff\"\n", kGoodJson, "\n", kGoodJson, " x"));
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[0], kGoodText);
  EXPECT_THAT(lines[1], StartsWith("! in:2: not valid JSON: "));
  EXPECT_EQ(lines[2], "! in:3: not a JSON object");
  EXPECT_THAT(lines[3], StartsWith("! in:5: not valid JSON: "));
  EXPECT_EQ(lines[4], kGoodText);
  EXPECT_THAT(lines[5], StartsWith("! in:7: not valid JSON: "));
}

TEST_F(JsonlTest, CountsBadRecordsAsPassed) {
  std::istringstream stream(absl::StrCat("x\n\n", kGoodJson, "\n"));
  auto source = OpenSource(Format::kJsonl, stream, "in", schema_);
  auto record = source->NewRecord();
  EXPECT_EQ(source->position(), 0u);
  EXPECT_THAT(source->Next(*record), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(source->position(), 1u);
  EXPECT_OK(source->Next(*record));
  EXPECT_EQ(source->position(), 2u);
  EXPECT_EQ(source->place(), "in:3");
  ASSERT_OK_AND_ASSIGN(const bool more, source->Next(*record));
  EXPECT_FALSE(more);
  EXPECT_EQ(source->position(), 2u);
}

TEST_F(JsonlTest, LeavesNothingOfTheRecordBefore) {
  const std::string second =
      absl::StrReplaceAll(kGoodJson, {{"\"maybe_text\":\"x\"", "\"maybe_text\":null"},
                                      {"[1,-2]", "[]"},
                                      {"\"text\":\"käse\"", "\"text\":\"\""}});
  const std::vector<std::string> lines = Read(absl::StrCat(kGoodJson, "\n", second));
  EXPECT_THAT(lines[1], ::testing::Not(HasSubstr("maybe_text")));
  EXPECT_THAT(lines[1], ::testing::Not(HasSubstr("numbers")));
  EXPECT_THAT(lines[1], ::testing::Not(HasSubstr(" text")));
}

TEST_F(JsonlTest, RefusesDeepNestingWithoutHarm) {
  const std::string deep(1'000'000, '[');
  EXPECT_THAT(Read(deep)[0], StartsWith("! in:1: not valid JSON: "));
  EXPECT_THAT(Read(absl::StrCat(R"({"user":)", deep, std::string(deep.size(), ']'), "}"))[0],
              StartsWith("! in:1: not valid JSON: "));
}

// --- CSV -----------------------------------------------------------------------

constexpr char kHeader[] = "user,age,score,text,spam,color,place.city,blob,big\r\n";

class CsvTest : public ::testing::Test {
 protected:
  std::vector<std::string> Read(const std::string& input) const {
    return Transcript(Format::kCsv, input, schema_);
  }
  std::string Row(const std::string& row) const { return Read(absl::StrCat(kHeader, row))[0]; }
  const std::shared_ptr<const policy::Schema> schema_ = SchemaOf(kFlatProto, "Flat");
};

TEST_F(CsvTest, ReadsEveryType) {
  EXPECT_EQ(Row("ann,42,1.5,hello,true,RED,Bonn,AAEC,18446744073709551615\r\n"),
            R"(user: "ann" age: 42 score: 1.5 text: "hello" spam: true color: RED )"
            R"(place { city: "Bonn" } blob: "\000\001\002" big: 18446744073709551615 )");
}

TEST_F(CsvTest, TakesColumnsInAnyOrderAndEndsOfLines) {
  EXPECT_THAT(
      Read("\xef\xbb\xbf"
           "big,blob,place.city,color,spam,text,score,age,user\n"
           "1,,Bonn,5,false,t,,3,ann\r\n\n2,,,1,true,\" a \"\"b\"\"\n c\", 1"),
      ElementsAre(R"(user: "ann" age: 3 text: "t" color: BLUE place { city: "Bonn" } big: 1 )",
                  "! in:4: 7 cells instead of 9", "."));
}

TEST_F(CsvTest, KeepsSpacesQuotesAndNewlinesInCells) {
  EXPECT_THAT(Row("ann,1,,\" a \"\"b\"\"\r\n c, \",true,RED, Bonn ,,0"),
              HasSubstr(R"(text: " a \"b\"\r\n c, ")"));
  EXPECT_THAT(Row("ann,1,,\" a \"\"b\"\"\r\n c, \",true,RED, Bonn ,,0"),
              HasSubstr(R"(city: " Bonn ")"));
}

TEST_F(CsvTest, CountsLinesAcrossQuotedNewlines) {
  EXPECT_THAT(Read(absl::StrCat(kHeader,                              // line 1
                                "ann,1,,\"1\n2\n3\",true,RED,,,0\n",  // 2 to 4
                                "ann,x,,,true,RED,,,0\n",             // 5
                                "ann,1,,\"\n\n\",maybe,RED,,,0\n",    // 6 to 8
                                "ann,1,,,true,RED,,,-1\n")),          // 9
              ElementsAre(HasSubstr("1\\n2\\n3"), "! in:5: age: not an integer",
                          "! in:6: spam: neither true nor false",
                          "! in:9: big: out of range for an unsigned 64-bit integer", "."));
}

TEST_F(CsvTest, NamesPlaceAndColumnOfWhatIsWrong) {
  EXPECT_EQ(Row("ann,2147483648,,,true,RED,,,0"), "! in:2: age: out of range for a 32-bit integer");
  EXPECT_EQ(Row("ann,+1,,,true,RED,,,0"), "! in:2: age: not an integer");
  EXPECT_EQ(Row("ann, 1,,,true,RED,,,0"), "! in:2: age: not an integer");
  EXPECT_EQ(Row("ann,,,,true,RED,,,0"), "! in:2: age: not an integer");
  EXPECT_EQ(Row("ann,1e0,,,true,RED,,,0"), "! in:2: age: not an integer");
  EXPECT_EQ(Row("ann,99999999999999999999,,,true,RED,,,0"),
            "! in:2: age: out of range for an integer");
  EXPECT_EQ(Row("ann,1,nan,,true,RED,,,0"), "! in:2: score: not a finite number");
  EXPECT_EQ(Row("ann,1,-inf,,true,RED,,,0"), "! in:2: score: not a finite number");
  EXPECT_EQ(Row("ann,1,1e999,,true,RED,,,0"), "! in:2: score: out of range for a number");
  EXPECT_EQ(Row("ann,1,1.5x,,true,RED,,,0"), "! in:2: score: not a number");
  EXPECT_EQ(Row("ann,1,,,TRUE,RED,,,0"), "! in:2: spam: neither true nor false");
  EXPECT_EQ(Row("ann,1,,,1,RED,,,0"), "! in:2: spam: neither true nor false");
  EXPECT_EQ(Row("ann,1,,,true,PINK,,,0"), "! in:2: color: not a value of test.Color");
  EXPECT_EQ(Row("ann,1,,,true,2,,,0"), "! in:2: color: not a value of test.Color");
  EXPECT_EQ(Row("ann,1,,,true,RED,,%%,0"), "! in:2: blob: not base64");
  EXPECT_EQ(Row("ann,1,,\xc3\x28,true,RED,,,0"), "! in:2: text: not valid UTF-8");
  EXPECT_EQ(Row("ann,1,,,true,RED,,,0,"), "! in:2: 10 cells instead of 9");
  EXPECT_EQ(Row("ann"), "! in:2: 1 cells instead of 9");
}

TEST_F(CsvTest, GoesOnBehindAMisplacedQuote) {
  EXPECT_THAT(
      Read(absl::StrCat(kHeader, "ann,1,,a\"b,true,RED,,,0\n", "ann,1,,\"a\"b,true,RED,,,0\n",
                        "bob,1,,,true,RED,,,0\n", "ann,1,,\"never closed,true,RED,,,0")),
      ElementsAre("! in:2: a quote is out of place", "! in:3: a quote is out of place",
                  HasSubstr("user: \"bob\""), "! in:5: a quoted cell does not end", "."));
}

// The lines that a broken cell took in may be records: none is lost without a word.
TEST_F(CsvTest, EndsWhereNobodyCanTellTheNextRecord) {
  const std::string open = absl::StrCat(kHeader, "ann,1,,\"never closed,true,RED,,,0\n");
  const std::string record = "bob,1,,,true,RED,,,0\n";
  const auto lost = [](const char* why) {
    return ElementsAre(absl::StrCat("!! OUT_OF_RANGE in:2: ", why,
                                    ", and where the next record begins cannot be told"));
  };
  EXPECT_THAT(Read(open + record), lost("a quoted cell does not end"));
  EXPECT_THAT(Read(open + record + "ann,1,,\"b\"c,true,RED,,,0\n" + record),
              lost("a quote is out of place"));
  // The same with carriage returns alone at the ends of lines.
  EXPECT_THAT(Read(absl::StrReplaceAll(open + record + "ann,1,,\"b\"c,true,RED,,,0\n" + record,
                                       {{"\n", "\r"}})),
              ElementsAre(HasSubstr("where the next record begins cannot be told")));
}

TEST_F(CsvTest, SplitsLinesAtBareCarriageReturns) {
  EXPECT_THAT(Read("user,age,score,text,spam,color,place.city,blob,big\r"
                   "ann,1,,,true,RED,,,0\rbob,2,,,true,RED,,,0"),
              ElementsAre(HasSubstr("ann"), HasSubstr("bob"), "."));
}

TEST_F(CsvTest, RefusesAHeaderThatIsNotTheSchemas) {
  EXPECT_THAT(Read(""), ElementsAre("!! OUT_OF_RANGE in: no header row"));
  EXPECT_THAT(Read("user,age\n"), ElementsAre("!! OUT_OF_RANGE in:1: score: not in the header"));
  EXPECT_THAT(Read("user,user\n"),
              ElementsAre("!! OUT_OF_RANGE in:1: column 2 of the header stands twice"));
  EXPECT_THAT(
      Read("user,users\n"),
      ElementsAre("!! OUT_OF_RANGE in:1: column 2 of the header is no column of the schema"));
  EXPECT_THAT(Read("user,\"a"), ElementsAre("!! OUT_OF_RANGE in:1: a quoted cell does not end"));
  EXPECT_THAT(Transcript(Format::kCsv, "user\n", SchemaOf(kEverythingProto, "Everything")),
              ElementsAre("!! OUT_OF_RANGE in: numbers: CSV cannot hold repeated columns"));
}

TEST_F(CsvTest, StaysRefusedAfterABadHeader) {
  std::istringstream stream("user,age\nann,1\n");
  auto source = OpenSource(Format::kCsv, stream, "in", schema_);
  auto record = source->NewRecord();
  EXPECT_THAT(source->Next(*record), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(source->Next(*record), StatusIs(absl::StatusCode::kOutOfRange));
}

// --- Protobuf ------------------------------------------------------------------

class ProtobufTest : public ::testing::Test {
 protected:
  std::vector<std::string> Read(const std::string& input) const {
    return Transcript(Format::kProtobuf, input, schema_);
  }
  std::string Delimited(const std::string& text) const {
    auto record = schema_->NewRecord();
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, record.get()));
    std::ostringstream out;
    EXPECT_TRUE(google::protobuf::util::SerializeDelimitedToOstream(*record, &out));
    return out.str();
  }
  const std::shared_ptr<const policy::Schema> schema_ = SchemaOf(kEverythingProto, "Everything");
};

TEST_F(ProtobufTest, ReadsRecordsBehindTheirLengths) {
  const std::string record = Delimited(kGoodText);
  EXPECT_THAT(Read(record + Delimited("") + record), ElementsAre(kGoodText, "", kGoodText, "."));
  EXPECT_THAT(Read(""), ElementsAre("."));
}

TEST_F(ProtobufTest, GoesOnBehindARecordThatIsNone) {
  const std::string record = Delimited(kGoodText);
  EXPECT_THAT(Read(record + std::string("\x02\x0a\x7f", 3) + record),
              ElementsAre(kGoodText, "! in:2: not a valid test.Everything", kGoodText, "."));
}

TEST_F(ProtobufTest, NamesTheFieldOfTextThatIsNotUtf8) {
  const auto field = [](const google::protobuf::FieldDescriptor* descriptor,
                        const std::string& bytes) {
    google::protobuf::UnknownFieldSet fields;
    fields.AddLengthDelimited(descriptor->number(), bytes);
    std::string message;
    EXPECT_TRUE(fields.SerializeToString(&message));
    return message;
  };
  const auto read = [this](const std::string& message) {
    return Read(static_cast<char>(message.size()) + message);
  };
  const policy::Column& text = *schema_->FindColumn("text");
  const policy::Column& city = *schema_->FindColumn("place.city");
  EXPECT_THAT(read(field(&text.leaf(), "\xc3\x28")),
              ElementsAre("! in:1: text: not valid UTF-8", "."));
  EXPECT_THAT(read(field(city.path[0], field(city.path[1], "\xc3\x28"))),
              ElementsAre("! in:1: place.city: not valid UTF-8", "."));
}

TEST_F(ProtobufTest, EndsAtABrokenLength) {
  const std::string record = Delimited(kGoodText);
  EXPECT_THAT(Read(record + record.substr(0, 20)),
              ElementsAre(kGoodText, StartsWith("!! OUT_OF_RANGE in:2: the input ends within")));
  EXPECT_THAT(Read(record + "\xff"),
              ElementsAre(kGoodText, "!! OUT_OF_RANGE in:2: the length of the record is broken"));
  // Longer than any, and with a good record behind it.
  EXPECT_THAT(Read(record + std::string(10, '\x80') + "\x01" + record),
              ElementsAre(kGoodText, "!! OUT_OF_RANGE in:2: the length of the record is broken"));
  EXPECT_THAT(Read(record + "\xff\xff\xff\xff\x7f"),
              ElementsAre(kGoodText, StartsWith("!! OUT_OF_RANGE in:2: the record's length is")));
  // A length whose low 32 bits look harmless.
  EXPECT_THAT(Read(std::string("\x81\x80\x80\x80\x80\x80\x80\x01\x00", 9)),
              ElementsAre(StartsWith("!! OUT_OF_RANGE in:1: the record's length is")));
}

// --- lines ---------------------------------------------------------------------

TEST(LineReader, GivesLinesOfEveryLength) {
  std::string input;
  std::vector<std::string> expected;
  for (const std::size_t size : {0, 1, 262143, 262144, 262145, 7, 600000, 0, 1}) {
    expected.push_back(std::string(size, 'x') + "\n");
    input += expected.back();
  }
  expected.push_back("end");
  input += "end";
  std::istringstream stream(input);
  LineReader lines(stream, 1 << 20);
  absl::string_view line;
  for (const std::string& want : expected) {
    ASSERT_OK_AND_ASSIGN(const bool more, lines.Next(line));
    ASSERT_TRUE(more);
    EXPECT_EQ(std::string(line), want);
  }
  ASSERT_OK_AND_ASSIGN(const bool more, lines.Next(line));
  EXPECT_FALSE(more);
}

TEST(LineReader, PassesOverALineThatIsTooLong) {
  std::istringstream stream(absl::StrCat("a\n", std::string(1'000'000, 'x'), "\nb\n",
                                         std::string(11, 'y'), "\nc\n", std::string(300'000, 'z')));
  LineReader lines(stream, 10);
  absl::string_view line;
  EXPECT_OK(lines.Next(line));
  EXPECT_THAT(lines.Next(line), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(lines.line_number(), 2u);
  EXPECT_OK(lines.Next(line));
  EXPECT_EQ(std::string(line), "b\n");
  EXPECT_THAT(lines.Next(line), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(lines.Next(line));
  EXPECT_EQ(std::string(line), "c\n");
  EXPECT_EQ(lines.line_number(), 5u);
  EXPECT_THAT(lines.Next(line), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const bool more, lines.Next(line));
  EXPECT_FALSE(more);
}

}  // namespace
}  // namespace sealtrain::pipeline

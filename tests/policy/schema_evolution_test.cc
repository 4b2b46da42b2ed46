// Which changes of a record type are refused, and by what name.
#include "sealtrain/policy/schema_evolution.h"

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kRecord[] = R"(syntax = "proto3";
import "sealtrain/data_class.proto";
message Place { string city = 1 [(sealtrain.privacy).data_class = LOCATION]; }
message Visit {
  string who = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
  int32 age = 2 [(sealtrain.privacy) = { data_class: QUASI_IDENTIFIER data_class: HEALTH }];
  string note = 3 [(sealtrain.privacy).data_class = FREE_TEXT];
  Place place = 4;
  string other = 9 [(sealtrain.privacy).data_class = PUBLIC];
}
)";

std::shared_ptr<const Schema> Load(const std::string& text) {
  ::sealtrain::testing::TempDir dir;
  std::ofstream(dir.Join("visit.proto")) << text;
  absl::StatusOr<std::shared_ptr<const Schema>> schema =
      Schema::FromProtoFile(dir.Join("visit.proto"), "Visit");
  EXPECT_OK(schema);
  return *schema;
}

// "COLUMN: message" after the replacements, each of which must apply.
std::vector<std::string> Faults(
    const std::vector<std::pair<std::string, std::string>>& replacements) {
  std::string text = kRecord;
  for (const auto& [from, to] : replacements) {
    EXPECT_NE(text.find(from), std::string::npos) << from;
    text = absl::StrReplaceAll(text, {{from, to}});
  }
  std::vector<std::string> faults;
  for (const SchemaFault& fault : CompareSchemas(*Load(kRecord), *Load(text))) {
    faults.push_back(absl::StrCat(fault.column, ": ", fault.message));
  }
  return faults;
}

TEST(CompareSchemas, TakesWhatOnlyAddsOrRenames) {
  EXPECT_THAT(Faults({}), IsEmpty());
  EXPECT_THAT(Faults({{"string note = 3", "string remark = 3"}}), IsEmpty());
  EXPECT_THAT(
      Faults({{"Place place = 4;",
               "Place place = 4; bool more = 5 [(sealtrain.privacy).data_class = LABEL];"}}),
      IsEmpty());
  EXPECT_THAT(Faults({{"data_class = FREE_TEXT",
                       "data_class = FREE_TEXT, "
                       "(sealtrain.privacy).data_class = HEALTH"}}),
              IsEmpty());
}

// What is gone would come back under another meaning, in two steps.
TEST(CompareSchemas, KeepsWhatIsReserved) {
  const std::string before = absl::StrReplaceAll(
      kRecord, {{"  string note = 3 [(sealtrain.privacy).data_class = FREE_TEXT];",
                 "  reserved 3, 20 to 22; reserved \"note\";"},
                {"message Place {", "message Place { reserved 2;"}});
  const auto faults = [&before](const std::string& from, const std::string& to) {
    EXPECT_NE(before.find(from), std::string::npos) << from;
    std::vector<std::string> list;
    for (const SchemaFault& fault :
         CompareSchemas(*Load(before), *Load(absl::StrReplaceAll(before, {{from, to}})))) {
      list.push_back(absl::StrCat(fault.column, ": ", fault.message));
    }
    return list;
  };
  EXPECT_THAT(faults("20 to 22", "20, 21 to 30"), IsEmpty());
  EXPECT_THAT(faults("reserved 3, ",
                     "bool back = 3 [(sealtrain.privacy).data_class = PUBLIC]; "
                     "reserved "),
              ElementsAre("back: its number 3 was reserved: it is that of a column that is gone"));
  EXPECT_THAT(faults("20 to 22", "20, 22"), ElementsAre("21: its number 21 is no longer reserved"));
  EXPECT_THAT(faults("reserved \"note\";", ""),
              ElementsAre("note: its name is no longer reserved"));
  EXPECT_THAT(
      faults("reserved \"note\";", "bool note = 5 [(sealtrain.privacy).data_class = PUBLIC];"),
      ElementsAre("note: its name was reserved: it is that of a column that is gone"));
  EXPECT_THAT(faults("reserved 2;", ""),
              ElementsAre("place.2: its number 2 is no longer reserved"));
}

TEST(CompareSchemas, RefusesWeakerClasses) {
  EXPECT_THAT(Faults({{" data_class: HEALTH", ""}}),
              ElementsAre("age: its classes are weakened: no longer HEALTH"));
  EXPECT_THAT(Faults({{"data_class = LOCATION", "data_class = PUBLIC"}}),
              ElementsAre("place.city: its classes are weakened: no longer LOCATION"));
}

TEST(CompareSchemas, RefusesOtherTypes) {
  EXPECT_THAT(Faults({{"int32 age", "int64 age"}}),
              ElementsAre("age: its type changed from int32 to int64"));
  EXPECT_THAT(Faults({{"string note", "repeated string note"}}),
              ElementsAre("note: its type changed from string to repeated string"));
  EXPECT_THAT(Faults({{"string note", "optional string note"}}),
              ElementsAre("note: its type changed from string to optional string"));
}

TEST(CompareSchemas, RefusesNumbersThatAreReusedOrChanged) {
  EXPECT_THAT(Faults({{"int32 age = 2", "double size = 2"}}),
              ElementsAre("age: its number 2 is reused for column \"size\""));
  EXPECT_THAT(Faults({{"string note = 3 [(sealtrain.privacy).data_class = FREE_TEXT]",
                       "string host = 3 [(sealtrain.privacy).data_class = INTERNAL]"}}),
              ElementsAre("note: its number 3 is reused for column \"host\""));
  EXPECT_THAT(Faults({{"string note = 3", "string note = 7"}}),
              ElementsAre("note: its number changed from 3 to 7"));
}

TEST(CompareSchemas, RefusesNumbersThatAreSwapped) {
  const std::string more =
      "Place place = 4; string a = 5 [(sealtrain.privacy).data_class = LABEL];"
      "string b = 6 [(sealtrain.privacy).data_class = LABEL];";
  const auto record = [&](const std::string& fields) {
    return Load(absl::StrReplaceAll(kRecord, {{"Place place = 4;", fields}}));
  };
  const std::vector<SchemaFault> faults = CompareSchemas(
      *record(more), *record(absl::StrReplaceAll(more, {{"a = 5", "b = 5"}, {"b = 6", "a = 6"}})));
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].column, "a");
  EXPECT_EQ(faults[0].message, "its number changed from 5 to 6");
}

TEST(CompareSchemas, RefusesEnumNumbersThatMeanSomethingElse) {
  const auto record = [&](const std::string& values) {
    return Load(absl::StrReplaceAll(
        kRecord,
        {{"Place place = 4;", absl::StrCat("Place place = 4; enum Kind { ", values,
                                           " } Kind kind = 5 "
                                           "[(sealtrain.privacy).data_class = LABEL];")}}));
  };
  const std::string two = "NONE = 0; HAM = 1; SPAM = 2;";
  EXPECT_THAT(CompareSchemas(*record(two), *record(two + " MORE = 3;")), IsEmpty());
  const std::vector<SchemaFault> faults =
      CompareSchemas(*record(two), *record("NONE = 0; SPAM = 1; HAM = 2;"));
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].message, "its value 1 no longer means HAM");
}

TEST(CompareSchemas, WantsTheNumbersOfWhatIsGoneReserved) {
  const std::string note = "string note = 3 [(sealtrain.privacy).data_class = FREE_TEXT];";
  EXPECT_THAT(Faults({{note, ""}}),
              ElementsAre("note: it is gone, and its number 3 is not reserved"));
  EXPECT_THAT(Faults({{note, "reserved 3;"}}), IsEmpty());
  EXPECT_THAT(Faults({{"Place place = 4;", ""}}),
              ElementsAre("place.city: it is gone, and its number 4.1 is not reserved"));
  EXPECT_THAT(Faults({{"Place place = 4;", "reserved 4;"}}), IsEmpty());
}

TEST(CompareSchemas, RefusesAnotherSubject) {
  EXPECT_THAT(Faults({{"data_class = SUBJECT_KEY", "data_class = INTERNAL"},
                      {"data_class = PUBLIC", "data_class = SUBJECT_KEY"}}),
              ElementsAre("who: its classes are weakened: no longer SUBJECT_KEY",
                          "other: its classes are weakened: no longer PUBLIC"));
  EXPECT_THAT(Faults({{"data_class = SUBJECT_KEY", "data_class = INTERNAL"},
                      {"[(sealtrain.privacy).data_class = PUBLIC]",
                       "[(sealtrain.privacy) = { data_class: PUBLIC data_class: SUBJECT_KEY }]"}}),
              ElementsAre("who: its classes are weakened: no longer SUBJECT_KEY",
                          "other: it became the SUBJECT_KEY"));
  EXPECT_THAT(
      Faults({{"string who = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];", "reserved 1;"},
              {"data_class = PUBLIC]",
               "data_class = PUBLIC, (sealtrain.privacy).data_class = SUBJECT_KEY]"}}),
      ElementsAre("who: it was the SUBJECT_KEY and is gone", "other: it became the SUBJECT_KEY"));
}

}  // namespace
}  // namespace sealtrain::policy

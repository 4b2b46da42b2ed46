#include "sealtrain/audit/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::audit {
namespace {

using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

ExportSource TestSource() {
  return {.checkpoint = {.origin = kTestOrigin, .size = 9, .root = Digest{}},
          .product_version = "1.2.3"};
}

Entry EntryOf(const Event& event, std::uint64_t index = 4) {
  return {.index = index, .bytes = event.SerializeAsString(), .event = event};
}

// With a hostile name in every field that is text.
Event HostileEvent() {
  Event event = RichEvent();
  for (std::string* text :
       {event.mutable_actor()->mutable_principal(), event.mutable_actor()->mutable_host(),
        event.mutable_actor()->mutable_trust(), event.mutable_object()->mutable_dataset(),
        event.mutable_object()->mutable_model(), event.mutable_object()->mutable_key_id(),
        event.mutable_object()->mutable_column(0),
        event.mutable_object()->mutable_withheld_column(0), event.mutable_policy()->mutable_id(),
        event.mutable_action(), event.mutable_purpose(), event.mutable_reason_code(),
        event.mutable_privacy()->mutable_unit()}) {
    *text = kHostileName;
  }
  event.mutable_policy()->add_rule(kHostileName);
  event.mutable_policy()->set_sha256(std::string(32, 'p'));
  return event;
}

// No record may carry what a terminal obeys or more than one line break.
void ExpectHarmless(const std::string& record, absl::string_view line_end) {
  ASSERT_TRUE(absl::EndsWith(record, line_end));
  const std::string body = record.substr(0, record.size() - line_end.size());
  for (const char c : body) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << record;
  EXPECT_THAT(body, Not(HasSubstr("\xE2\x80\xAE")));
}

// The fields of a line of RFC 4180.
std::vector<std::string> CsvCells(absl::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"') {
        cells.back() += line[++i];
      } else {
        quoted = !quoted;
      }
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  EXPECT_FALSE(quoted);
  return cells;
}
std::map<std::string, std::string> CsvRecord(const Event& event) {
  const auto csv = CsvFormatter();
  const std::string record = csv->Format(EntryOf(event));
  ExpectHarmless(record, "\r\n");
  const auto names = CsvCells(csv->Header().substr(0, csv->Header().size() - 2));
  const auto cells = CsvCells(absl::string_view(record).substr(0, record.size() - 2));
  EXPECT_EQ(names.size(), cells.size());
  std::map<std::string, std::string> fields;
  for (std::size_t i = 0; i < names.size(); ++i) fields[names[i]] = cells[i];
  return fields;
}

TEST(CsvFormatter, HasAColumnForEachField) {
  Event event = RichEvent();
  event.mutable_object()->add_column("subject");
  event.mutable_privacy()->set_epsilon(1.5);
  event.mutable_privacy()->set_ledger_epsilon(std::numeric_limits<double>::infinity());
  const auto fields = CsvRecord(event);
  EXPECT_EQ(fields.at("privacy.ledger_epsilon"), "Infinity");
  EXPECT_EQ(fields.at("index"), "4");
  EXPECT_EQ(fields.at("time"), "1970-01-01T00:16:40.000000000Z");
  EXPECT_EQ(fields.at("phase"), "INTENT");
  EXPECT_EQ(fields.at("actor.principal"), "job:a");
  EXPECT_EQ(fields.at("object.generation"), "3");
  EXPECT_EQ(fields.at("object.column"), R"(["body","subject"])");
  EXPECT_EQ(fields.at("privacy.epsilon"), "1.5");
  EXPECT_EQ(fields.at("policy.sha256"), "");
  EXPECT_EQ(fields.at("uid"), HexEncode(AsBytes(event.uid())));
}

TEST(CsvFormatter, GuardsAgainstFormulas) {
  for (const char* formula : {"=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\u00A0=1", " \u3000@A",
                              "\uFE66"
                              "1",
                              "\uFE6B"
                              "A",
                              "\xEF\xBC\x9D"
                              "1",
                              "=HYPERLINK(\"http://x\",\"y\")"}) {
    Event event = RichEvent();
    event.mutable_actor()->set_principal(formula);
    EXPECT_EQ(CsvRecord(event).at("actor.principal"), absl::StrCat("'", formula));
  }
  Event event = RichEvent();
  event.mutable_actor()->set_principal("\t=1");
  EXPECT_EQ(CsvRecord(event).at("actor.principal"), "\\u{9}=1");
}

TEST(CsvFormatter, WritesListsThatAreJson) {
  Event event = RichEvent();
  event.mutable_object()->clear_column();
  for (const char* name : {"in\"gest", "a\\b", "\x1B[2J", "=1"})
    event.mutable_object()->add_column(name);
  EXPECT_EQ(nlohmann::json::parse(CsvRecord(event).at("object.column")),
            nlohmann::json::array({"in\"gest", "a\\\\b", "\\u{1b}[2J", "=1"}));
}

TEST(CsvFormatter, KeepsHostileNamesInTheirCell) {
  const auto fields = CsvRecord(HostileEvent());
  EXPECT_THAT(fields.at("actor.principal"), AllOf(StartsWith("'=cmd|"), HasSubstr("&\"'")));
  EXPECT_EQ(fields.at("object.generation"), "3");
}

// Splits an extension at its keys, as parsers of CEF do.
std::map<std::string, std::string> CefExtension(absl::string_view text) {
  std::map<std::string, std::string> fields;
  std::string key;
  std::string value;
  const auto unescaped_equals = [&](std::size_t i) {
    std::size_t backslashes = 0;
    while (backslashes < i && text[i - 1 - backslashes] == '\\') ++backslashes;
    return text[i] == '=' && backslashes % 2 == 0;
  };
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i != text.size() && !unescaped_equals(i)) continue;
    const absl::string_view before = text.substr(start, i - start);
    const std::size_t space = i == text.size() ? before.size() : before.rfind(' ');
    if (!key.empty()) fields[key] = std::string(before.substr(0, space));
    key = std::string(space == before.npos ? before
                                           : before.substr(std::min(space + 1, before.size())));
    start = i + 1;
  }
  return fields;
}

TEST(CefFormatter, FillsHeaderAndExtension) {
  Event event = RichEvent();
  event.set_phase(DENIED);
  event.set_reason_code("forbidden");
  event.mutable_actor()->set_pid(77);
  const std::string record = CefFormatter(TestSource())->Format(EntryOf(event));
  const std::string header =
      "CEF:0|Sealtrain|sealtrain-audit|1.2.3|train-access|train-access denied|6|";
  ASSERT_THAT(record, StartsWith(header));
  const auto fields = CefExtension(
      absl::string_view(record).substr(header.size(), record.size() - header.size() - 1));
  EXPECT_EQ(fields.at("rt"), "1000000");
  EXPECT_EQ(fields.at("suser"), "job:a");
  EXPECT_EQ(fields.at("spid"), "77");
  EXPECT_EQ(fields.at("outcome"), "denied");
  EXPECT_EQ(fields.at("reason"), "forbidden");
  EXPECT_EQ(fields.at("cs1"), "mails");
  EXPECT_EQ(fields.at("cs1Label"), "dataset");
  EXPECT_EQ(fields.at("cn1"), "4");
  EXPECT_EQ(fields.count("cs5"), 0u);
}

TEST(CefFormatter, KeepsHostileNamesInTheirField) {
  const std::string record = CefFormatter(TestSource())->Format(EntryOf(HostileEvent()));
  ExpectHarmless(record, "\n");
  const std::vector<std::string> header = absl::StrSplit(record, absl::MaxSplits('|', 7));
  const auto fields = CefExtension(header[7].substr(0, header[7].size() - 1));
  const auto plain = CefExtension(std::vector<std::string>(absl::StrSplit(
      CefFormatter(TestSource())->Format(EntryOf(RichEvent())), absl::MaxSplits('|', 7)))[7]);
  EXPECT_THAT(fields.at("suser"), StartsWith("\\=cmd|"));
  EXPECT_EQ(fields.at("cn1"), "4");
  // A name adds no key of its own.
  for (const auto& [key, value] : fields) {
    EXPECT_TRUE(
        std::set<std::string>(
            {"rt",       "externalId", "suser",    "shost",     "act",      "outcome",  "reason",
             "cs1",      "cs1Label",   "cs2",      "cs2Label",  "cs3",      "cs3Label", "cs4",
             "cs4Label", "cs5",        "cs5Label", "cs6",       "cs6Label", "cn1",      "cn1Label",
             "cn2",      "cn2Label",   "cfp1",     "cfp1Label", "cfp2",     "cfp2Label"})
            .count(key) == 1)
        << key;
  }
  EXPECT_EQ(plain.at("suser"), "job:a");
}

TEST(CefFormatter, RoundsAnEpsilonUp) {
  Event event = RichEvent();
  event.mutable_privacy()->set_epsilon(1.23456789);
  event.mutable_privacy()->set_ledger_epsilon(12345.5);
  const auto fields = CefExtension(std::vector<std::string>(absl::StrSplit(
      CefFormatter(TestSource())->Format(EntryOf(event)), absl::MaxSplits('|', 7)))[7]);
  EXPECT_EQ(fields.at("cfp1"), "1.2346");
  EXPECT_EQ(fields.at("cfp2"), "12345.5000");
}

// What schema.ocsf.io demands of each class that we use: the base event's
// required fields, and the class's own with its constraint.
const std::vector<std::string> kOcsfRequired = {
    "activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"};
const std::map<int, std::vector<std::string>> kOcsfRequiredOf = {
    {0, {}},
    {1008, {"actor", "device", "log_name"}},
    {3003, {"user", "privileges"}},
    {3004, {"entity"}},
    {6003, {"actor", "api", "src_endpoint"}},
    {6005, {"actor", "src_endpoint", "databucket"}},
};
const std::map<int, std::set<int>> kOcsfActivities = {
    {0, {0, 99}},
    {1008, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99}},
    {3003, {0, 1, 2, 3, 99}},
    {3004, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 99}},
    {6003, {0, 1, 2, 3, 4, 99}},
    {6005, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99}},
};
const std::map<int, int> kOcsfCategory = {{0, 0},    {1008, 1}, {3003, 3},
                                          {3004, 3}, {6003, 6}, {6005, 6}};

bool HasOneOf(const Json& object, const std::vector<const char*>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const char* name) { return object.count(name) > 0; });
}

void ExpectValidOcsf(const Json& record) {
  SCOPED_TRACE(record.dump(2));
  for (const std::string& name : kOcsfRequired) ASSERT_TRUE(record.count(name) > 0) << name;
  const int class_uid = record["class_uid"];
  ASSERT_EQ(kOcsfRequiredOf.count(class_uid), 1u);
  for (const std::string& name : kOcsfRequiredOf.at(class_uid)) {
    EXPECT_TRUE(record.count(name) > 0 && !record[name].empty()) << name;
  }
  EXPECT_EQ(kOcsfActivities.at(class_uid).count(record["activity_id"]), 1u);
  EXPECT_EQ(record["category_uid"], kOcsfCategory.at(class_uid));
  EXPECT_EQ(record["type_uid"], class_uid * 100 + record["activity_id"].get<int>());
  EXPECT_TRUE(record["time"].is_number_integer());
  EXPECT_TRUE(record["metadata"]["version"] == "1.8.0");
  EXPECT_TRUE(HasOneOf(record["metadata"]["product"], {"name", "uid"}));
  EXPECT_TRUE(HasOneOf(record["actor"], {"process", "user", "session", "app_name", "app_uid"}));
  EXPECT_TRUE(HasOneOf(record["actor"]["user"], {"account", "name", "uid"}));
  EXPECT_TRUE(record["raw_data_hash"].count("algorithm_id") > 0 &&
              record["raw_data_hash"].count("value") > 0);
  if (record.count("src_endpoint") > 0) {
    EXPECT_TRUE(HasOneOf(record["src_endpoint"], {"ip", "uid", "name", "hostname"}));
  }
  if (record.count("device") > 0) {
    EXPECT_TRUE(record["device"].count("type_id") > 0);
  }
  if (record.count("databucket") > 0) {
    EXPECT_TRUE(record["databucket"].count("type_id") > 0);
    EXPECT_TRUE(HasOneOf(record["databucket"], {"name", "uid"}));
  }
  if (record.count("entity") > 0) {
    EXPECT_TRUE(
        HasOneOf(record["entity"], {"name", "uid", "device", "group", "org", "policy", "user"}));
  }
  if (record.count("api") > 0) {
    EXPECT_TRUE(record["api"].count("operation") > 0);
  }
  const Json profiles = record["metadata"].value("profiles", Json::array());
  for (const char* of_profile : {"action_id", "disposition_id", "policy"}) {
    EXPECT_EQ(record.count(of_profile) > 0, !profiles.empty()) << of_profile;
  }
}

Json OcsfRecord(const Event& event) {
  const std::string record = OcsfFormatter(TestSource())->Format(EntryOf(event));
  ExpectHarmless(record, "\n");
  return Json::parse(record);
}

TEST(OcsfFormatter, GivesEveryTypeAndPhaseWhatItsClassDemands) {
  for (int type = 1; EventType_IsValid(type); ++type) {
    for (int phase = 1; Phase_IsValid(phase); ++phase) {
      for (const bool bare : {false, true}) {
        Event event = bare ? TestEvent(1) : HostileEvent();
        if (bare) event.clear_actor();
        event.set_type(static_cast<EventType>(type));
        event.set_phase(static_cast<Phase>(phase));
        ExpectValidOcsf(OcsfRecord(event));
      }
    }
  }
}

TEST(OcsfFormatter, ChoosesClassAndActivity) {
  const auto type_uid = [](EventType type, Phase phase) {
    Event event = RichEvent();
    event.set_type(type);
    event.set_phase(phase);
    return OcsfRecord(event)["type_uid"].get<int>();
  };
  EXPECT_EQ(type_uid(LOG_STARTED, SUCCEEDED), 100806);
  EXPECT_EQ(type_uid(LOG_STOPPED, SUCCEEDED), 100807);
  EXPECT_EQ(type_uid(HEARTBEAT, SUCCEEDED), 100899);
  EXPECT_EQ(type_uid(CUSTODY_CREATED, SUCCEEDED), 300401);
  EXPECT_EQ(type_uid(DATASET_CREATED, SUCCEEDED), 600506);
  EXPECT_EQ(type_uid(POLICY_APPLIED, SUCCEEDED), 300410);
  EXPECT_EQ(type_uid(POLICY_SIGNED, SUCCEEDED), 300403);
  EXPECT_EQ(type_uid(SEAL_ACCESS, INTENT), 300301);
  EXPECT_EQ(type_uid(SEAL_ACCESS, DENIED), 600509);
  EXPECT_EQ(type_uid(SNAPSHOT_COMMITTED, INTENT), 600505);
  EXPECT_EQ(type_uid(SNAPSHOT_COMMITTED, SUCCEEDED), 600505);
  EXPECT_EQ(type_uid(TRAIN_ACCESS, INTENT), 300301);
  EXPECT_EQ(type_uid(TRAIN_ACCESS, DENIED), 600510);
  EXPECT_EQ(type_uid(EVALUATE_ACCESS, SUCCEEDED), 600510);
  EXPECT_EQ(type_uid(MODEL_SEALED, SUCCEEDED), 600301);
  EXPECT_EQ(type_uid(KEY_ROTATED, SUCCEEDED), 300403);
  EXPECT_EQ(type_uid(KEY_DESTROYED, SUCCEEDED), 300404);
  EXPECT_EQ(type_uid(LEASE_REVOKED, SUCCEEDED), 300411);
  EXPECT_EQ(type_uid(AUDIT_READ, SUCCEEDED), 600302);
  EXPECT_EQ(type_uid(ENTRY_REDACTED, SUCCEEDED), 600304);
}

TEST(OcsfFormatter, TellsADenialAndWhereItStands) {
  Event event = HostileEvent();
  event.set_phase(DENIED);
  const Json record = OcsfRecord(event);
  EXPECT_EQ(record["status_id"], 2);
  EXPECT_EQ(record["action_id"], 2);
  EXPECT_EQ(record["disposition_id"], 2);
  EXPECT_EQ(record["severity_id"], 3);
  EXPECT_EQ(record["status_code"], kHostileName);
  EXPECT_EQ(record["time"], 1'000'000);
  EXPECT_EQ(record["metadata"]["sequence"], 4);
  EXPECT_EQ(record["unmapped"]["tlog"]["size"], 9);
  EXPECT_EQ(record["raw_data_hash"]["value"],
            HexEncode(crypto::Sha256(AsBytes(event.SerializeAsString()))));
  EXPECT_EQ(record["unmapped"]["sealtrain"]["leaf_hash"],
            HexEncode(crypto::MerkleLeafHash(AsBytes(event.SerializeAsString()))));
}

TEST(OcsfFormatter, GivesAnUnknownTypeTheBaseEvent) {
  Event event = RichEvent();
  event.set_type(static_cast<EventType>(999));
  const Json record = OcsfRecord(event);
  ExpectValidOcsf(record);
  EXPECT_EQ(record["type_uid"], 99);
  EXPECT_EQ(record["activity_name"], "999");
}

TEST(JsonlFormatter, KeepsHostileNamesOnOneLineOfAscii) {
  const std::string record = JsonlFormatter()->Format(EntryOf(HostileEvent()));
  ExpectHarmless(record, "\n");
  EXPECT_EQ(Json::parse(record)["actor"]["principal"], kHostileName);
}

TEST(MakeFormatter, KnowsTheFormats) {
  for (const std::string& format : ExportFormats()) {
    EXPECT_OK(MakeFormatter(format, TestSource()).status()) << format;
  }
  EXPECT_THAT(MakeFormatter("xml", TestSource()), StatusIs(kInvalid));
}

TEST(ExportLog, DigestsWhatItWrites) {
  TempDir dir;
  MakeLogAtOnce(dir.Join("audit"), 300);
  ASSERT_OK_AND_ASSIGN(auto log, LogReader::Open(env, dir.Join("audit")));
  ASSERT_OK_AND_ASSIGN(const EventFilter filter,
                       EventFilter::Parse({.principals = {"job:7", "job:299"}}, absl::Now()));
  std::string out;
  const auto csv = CsvFormatter();
  ASSERT_OK_AND_ASSIGN(const Exported exported,
                       ExportLog(*log, filter, *csv, [&](absl::string_view text) {
                         absl::StrAppend(&out, text);
                         return absl::OkStatus();
                       }));
  EXPECT_THAT(out, AllOf(StartsWith(csv->Header()), HasSubstr("\r\n7,"), HasSubstr("\r\n299,")));
  EXPECT_EQ(exported.bytes, out.size());
  EXPECT_EQ(exported.sha256, crypto::Sha256(AsBytes(out)));
  EXPECT_EQ(exported.scan.shown, 2u);
  EXPECT_TRUE(IsComplete(exported.scan, *log));
  int writes = 0;
  EXPECT_THAT(ExportLog(*log, EventFilter(), *csv,
                        [&](absl::string_view) {
                          return ++writes < 3 ? absl::OkStatus() : absl::UnavailableError("full");
                        }),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(writes, 3);
}

}  // namespace
}  // namespace sealtrain::audit

#include "sealtrain/policy/schema.h"

#include <fstream>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/stubs/logging.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::policy {
namespace {

using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

static_assert(!std::is_copy_constructible_v<Schema>);

constexpr char kHead[] = R"(syntax = "proto3";
import "sealtrain/data_class.proto";
)";
constexpr char kSubject[] = "string who = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];\n";

class SchemaTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = dir_.Join(name);
    std::ofstream(path) << text;
    return path;
  }
  // Message M with a subject key on line 4 and `fields` from line 5 on.
  absl::StatusOr<std::shared_ptr<const Schema>> Load(const std::string& fields,
                                                     const std::string& others = "") {
    return Schema::FromProtoFile(
        Write("m.proto", kHead + std::string("message M {\n") + kSubject + fields + "}\n" + others),
        "M");
  }
  absl::Status Refusal(const std::string& fields, const std::string& others = "") {
    return Load(fields, others).status();
  }

  TempDir dir_;
};

std::vector<std::string> NamesOf(const Schema& schema) {
  std::vector<std::string> names;
  for (const Column& column : schema.columns()) names.push_back(column.name);
  return names;
}

TEST_F(SchemaTest, ReadsEveryScalarTypeWithItsClasses) {
  ASSERT_OK_AND_ASSIGN(const auto schema, Load(R"(
    double a = 2 [(sealtrain.privacy).data_class = FEATURE];
    float b = 3 [(sealtrain.privacy).data_class = FEATURE];
    int32 c = 4 [(sealtrain.privacy).data_class = FEATURE];
    int64 d = 5 [(sealtrain.privacy).data_class = FEATURE];
    uint32 e = 6 [(sealtrain.privacy).data_class = FEATURE];
    uint64 f = 7 [(sealtrain.privacy).data_class = FEATURE];
    sint32 g = 8 [(sealtrain.privacy).data_class = FEATURE];
    sfixed64 h = 9 [(sealtrain.privacy).data_class = FEATURE];
    bool i = 10 [(sealtrain.privacy).data_class = LABEL];
    bytes j = 11 [(sealtrain.privacy) = { data_class: FREE_TEXT data_class: HEALTH data_class: HEALTH }];
    Kind k = 12 [(sealtrain.privacy).data_class = PUBLIC];
    repeated int32 l = 13 [(sealtrain.privacy).data_class = FEATURE];
    repeated string m = 14 [(sealtrain.privacy).data_class = FREE_TEXT];
    optional int32 n = 15 [(sealtrain.privacy).data_class = FINANCIAL];
  )",
                                               "enum Kind { UNKNOWN = 0; }"));
  EXPECT_EQ(schema->columns().size(), 15u);
  EXPECT_EQ(schema->message_name(), "M");
  EXPECT_EQ(schema->subject_column().name, "who");
  ASSERT_NE(schema->FindColumn("j"), nullptr);
  EXPECT_THAT(schema->FindColumn("j")->classes, ElementsAre(FREE_TEXT, HEALTH));
  EXPECT_EQ(schema->FindColumn("j")->id, "11");
  EXPECT_TRUE(schema->FindColumn("j")->HasClass(HEALTH));
  EXPECT_FALSE(schema->FindColumn("j")->HasClass(LABEL));
  EXPECT_TRUE(schema->FindColumn("l")->repeated());
  EXPECT_FALSE(schema->FindColumn("n")->repeated());
  EXPECT_EQ(schema->FindColumn("none"), nullptr);
}

TEST_F(SchemaTest, FlattensNestedMessagesAndAddsTheirClasses) {
  ASSERT_OK_AND_ASSIGN(const auto schema, Load(R"(
    Address home = 7 [(sealtrain.privacy).data_class = LOCATION];
    Address work = 8;
  )",
                                               R"(message Address {
    string city = 2 [(sealtrain.privacy).data_class = QUASI_IDENTIFIER];
    repeated int32 x = 5 [(sealtrain.privacy).data_class = FEATURE];
  })"));
  EXPECT_THAT(NamesOf(*schema), ElementsAre("who", "home.city", "home.x", "work.city", "work.x"));
  const Column* city = schema->FindColumn("home.city");
  ASSERT_NE(city, nullptr);
  EXPECT_EQ(city->id, "7.2");
  EXPECT_THAT(city->classes, ElementsAre(QUASI_IDENTIFIER, LOCATION));
  ASSERT_EQ(city->path.size(), 2u);
  EXPECT_EQ(city->path[0]->name(), "home");
  EXPECT_EQ(city->leaf().name(), "city");
  EXPECT_THAT(schema->FindColumn("work.city")->classes, ElementsAre(QUASI_IDENTIFIER));
}

TEST_F(SchemaTest, LabelsAWellKnownTypeByTheFieldThatUsesIt) {
  const std::string path = Write("m.proto", R"(syntax = "proto3";
    import "sealtrain/data_class.proto";
    import "google/protobuf/timestamp.proto";
    message M {
      string who = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];
      google.protobuf.Timestamp at = 2 [(sealtrain.privacy).data_class = TIMESTAMP];
    })");
  ASSERT_OK_AND_ASSIGN(const auto schema, Schema::FromProtoFile(path, "M"));
  EXPECT_THAT(NamesOf(*schema), ElementsAre("who", "at.seconds", "at.nanos"));
  EXPECT_THAT(schema->FindColumn("at.seconds")->classes, ElementsAre(TIMESTAMP));
}

TEST_F(SchemaTest, ReadsImportsThatLieBesideTheFile) {
  Write("part.proto", std::string(kHead) +
                          "package lib; message Part { int32 x = 1 "
                          "[(sealtrain.privacy).data_class = FEATURE]; }");
  const std::string path =
      Write("m.proto", std::string(kHead) + "import \"part.proto\"; package app; message M {" +
                           kSubject + "lib.Part part = 2; }");
  ASSERT_OK_AND_ASSIGN(const auto schema, Schema::FromProtoFile(path, "app.M"));
  EXPECT_THAT(NamesOf(*schema), ElementsAre("who", "part.x"));
  // Without the disk: the set holds all files, each behind its imports.
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(schema->descriptor_set()));
  std::vector<std::string> files;
  for (const auto& file : set.file()) files.push_back(file.name());
  EXPECT_THAT(files, ElementsAre("google/protobuf/descriptor.proto", "sealtrain/data_class.proto",
                                 "part.proto", "m.proto"));
}

TEST_F(SchemaTest, RefusesImportsOutsideTheFolder) {
  Write("secret.proto", "syntax = \"proto3\"; message Secret {}");
  ASSERT_OK(Env::Posix().CreateDirs(dir_.Join("inner")));
  for (const std::string import : {"../secret.proto", "/etc/passwd", "none.proto"}) {
    const std::string path = Write("inner/m.proto", std::string(kHead) + "import \"" + import +
                                                        "\"; message M {" + kSubject + "}");
    EXPECT_THAT(Schema::FromProtoFile(path, "M"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("m.proto:3:")))
        << import;
  }
}

TEST_F(SchemaTest, TakesItsOwnDataClassFileWhateverLiesBesideTheUsers) {
  ASSERT_OK(Env::Posix().CreateDirs(dir_.Join("sealtrain")));
  Write("sealtrain/data_class.proto", "syntax = \"proto3\"; package evil;");
  EXPECT_OK(Load(""));
}

TEST_F(SchemaTest, SurvivesTheWayThroughItsDescriptorSet) {
  ASSERT_OK_AND_ASSIGN(const auto schema, Load(R"(
    option (sealtrain.record) = { owner: "trust" collected_for: "safety/abuse" };
    string text = 2 [(sealtrain.privacy) = { data_class: FREE_TEXT data_class: CONTACT }];)"));
  EXPECT_EQ(schema->record().owner(), "trust");
  EXPECT_EQ(schema->record().collected_for(), "safety/abuse");
  ASSERT_OK_AND_ASSIGN(const auto again,
                       Schema::FromDescriptorSet(AsBytes(schema->descriptor_set()), "M"));
  EXPECT_EQ(again->descriptor_set(), schema->descriptor_set());
  EXPECT_EQ(again->digest(), schema->digest());
  EXPECT_EQ(again->digest(), crypto::Sha256(AsBytes(schema->descriptor_set())));
  EXPECT_EQ(NamesOf(*again), NamesOf(*schema));
  EXPECT_EQ(again->FindColumn("text")->classes, schema->FindColumn("text")->classes);
  EXPECT_EQ(again->record().owner(), "trust");
}

TEST_F(SchemaTest, GivesTheSameDigestForTheSameFileElsewhere) {
  ASSERT_OK_AND_ASSIGN(const auto here, Load(""));
  TempDir elsewhere;
  std::ofstream(elsewhere.Join("m.proto")) << "// A comment changes nothing.\n"
                                           << kHead << "message M {\n"
                                           << kSubject << "}\n";
  ASSERT_OK_AND_ASSIGN(const auto there, Schema::FromProtoFile(elsewhere.Join("m.proto"), "M"));
  EXPECT_EQ(here->digest(), there->digest());
}

TEST_F(SchemaTest, MakesRecordsThatHoldTheFields) {
  ASSERT_OK_AND_ASSIGN(const auto schema, Load(""));
  const std::unique_ptr<google::protobuf::Message> record = schema->NewRecord();
  record->GetReflection()->SetString(record.get(), &schema->subject_column().leaf(), "x");
  EXPECT_EQ(record->SerializeAsString(), std::string("\x0a\x01x"));
}

TEST_F(SchemaTest, NamesLineAndColumnOfASyntaxError) {
  EXPECT_THAT(Refusal("int32 x = ;"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("m.proto:5:11: ")));
  EXPECT_THAT(Refusal("Nope x = 2;"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("m.proto:5:1: ")));
}

TEST_F(SchemaTest, RefusesAnUnlabelledField) {
  EXPECT_THAT(Refusal("int32 age = 2;"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("m.proto:5:1: "), HasSubstr("\"age\" has no data class"))));
  EXPECT_THAT(Refusal("N n = 2;", "message N { int32 age = 1; }"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("m.proto:6:13: "), HasSubstr("\"n.age\" has no data"))));
}

TEST_F(SchemaTest, NamesAllUnlabelledFields) {
  EXPECT_THAT(Refusal("int32 age = 2; N n = 3;", "message N { int32 x = 1; }"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("m.proto:5:1: "),
                             HasSubstr("fields \"age\", \"n.x\" have no data class"))));
  std::string many;
  for (int i = 2; i < 20; ++i) absl::StrAppend(&many, "int32 f", i, " = ", i, "; ");
  EXPECT_THAT(Refusal(many),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"f17\", 2 more have no")));
}

TEST_F(SchemaTest, RefusesAnUnspecifiedOrUnknownClass) {
  EXPECT_THAT(Refusal("int32 x = 2 [(sealtrain.privacy).data_class = DATA_CLASS_UNSPECIFIED];"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("DATA_CLASS_UNSPECIFIED")));
  // Of two classes one good one is not enough.
  EXPECT_THAT(Refusal("int32 x = 2 [(sealtrain.privacy) = { data_class: LABEL "
                      "data_class: DATA_CLASS_UNSPECIFIED }];"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // A number that only a later version may know cannot be written by name.
  ASSERT_OK_AND_ASSIGN(const auto schema,
                       Load("int32 x = 2 [(sealtrain.privacy).data_class = LABEL];"));
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(schema->descriptor_set()));
  set.mutable_file()
      ->rbegin()
      ->mutable_message_type(0)
      ->mutable_field(1)
      ->mutable_options()
      ->MutableExtension(sealtrain::privacy)
      ->add_data_class(static_cast<DataClass>(99));
  EXPECT_THAT(Schema::FromDescriptorSet(AsBytes(set.SerializeAsString()), "M"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown data class, 99")));
}

TEST_F(SchemaTest, RefusesWhatCannotBeAColumn) {
  const std::string label = "[(sealtrain.privacy).data_class = LABEL]";
  const std::string part = "message N { int32 x = 1 " + label + "; }";
  struct Case {
    std::string fields, others, what;
  };
  const Case cases[] = {
      {"map<string, int32> x = 2 " + label + ";", "", "\"x\" is a map"},
      {"oneof o { int32 x = 2 " + label + "; int32 y = 3 " + label + "; }", "",
       "\"x\" is in a oneof"},
      {"repeated N x = 2 " + label + ";", part, "\"x\" is a repeated message"},
      {"N x = 2;", "message N { int32 y = 1 " + label + "; N z = 2; }", "\"x.z\" is a recursive"},
      {"N x = 2;", "message N { M z = 2; }", "\"x.z\" is a recursive"},
      {"N x = 2 " + label + ";", "message N {}", "\"N\" has no fields"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(Refusal(c.fields, c.others),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("m.proto:"), HasSubstr(c.what))));
  }
}

TEST_F(SchemaTest, RefusesGroupsAndExtensions) {
  const std::string head = "syntax = \"proto2\"; import \"sealtrain/data_class.proto\";\n";
  const std::string who = "required string who = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];";
  EXPECT_OK(Schema::FromProtoFile(Write("m.proto", head + "message M {" + who + "}"), "M"));
  EXPECT_THAT(Schema::FromProtoFile(
                  Write("m.proto",
                        head + "message M {" + who +
                            "optional group G = 2 "
                            "{ optional int32 x = 1 [(sealtrain.privacy).data_class = LABEL]; } }"),
                  "M"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is a group")));
  EXPECT_THAT(Schema::FromProtoFile(
                  Write("m.proto", head + "message M {" + who + "extensions 100 to 200; }"), "M"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has extensions")));
}

TEST_F(SchemaTest, WantsExactlyOneSubjectKey) {
  const auto load = [&](const std::string& fields, const std::string& others = "") {
    return Schema::FromProtoFile(
        Write("m.proto", kHead + std::string("message M {") + fields + "}" + others), "M");
  };
  EXPECT_THAT(load("int32 x = 1 [(sealtrain.privacy).data_class = LABEL];"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no SUBJECT_KEY")));
  EXPECT_THAT(load(std::string(kSubject) +
                   "string too = 2 [(sealtrain.privacy).data_class = SUBJECT_KEY];"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"who\" and \"too\"")));
  for (const char* type : {"string", "bytes"}) {
    EXPECT_OK(load(type + std::string(" x = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];")));
  }
  for (const char* type : {"double", "bool", "int64", "E", "repeated string"}) {
    EXPECT_THAT(load(type + std::string(" x = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];"),
                     "enum E { A = 0; }"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("must be a single string")));
  }
  EXPECT_THAT(load("optional string x = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("may not be missing")));
  EXPECT_THAT(load("N n = 1;",
                   "message N { string x = 1 "
                   "[(sealtrain.privacy).data_class = SUBJECT_KEY]; }"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("may not be missing")));
}

TEST_F(SchemaTest, TakesAtMost1024Columns) {
  const auto fields = [](int n) {
    std::string text;
    for (int i = 0; i < n; ++i) {
      text += "int32 x" + std::to_string(i) + " = " + std::to_string(i + 2) +
              " [(sealtrain.privacy).data_class = FEATURE];\n";
    }
    return text;
  };
  ASSERT_OK_AND_ASSIGN(const auto schema, Load(fields(1023)));
  EXPECT_EQ(schema->columns().size(), 1024u);
  EXPECT_THAT(Refusal(fields(1024)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 1024")));
}

TEST_F(SchemaTest, RefusesADoublingTreeOfMessagesQuickly) {
  // 2^24 leaves in 24 messages.
  std::string others;
  for (int i = 0; i < 24; ++i) {
    others += "message N" + std::to_string(i) + " { N" + std::to_string(i + 1) + " a = 1; N" +
              std::to_string(i + 1) + " b = 2; }\n";
  }
  others += "message N24 { int32 x = 1 [(sealtrain.privacy).data_class = FEATURE]; }";
  EXPECT_THAT(Refusal("N0 n = 2;", others),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 1024")));
}

TEST_F(SchemaTest, RefusesDeepNesting) {
  std::string chain;
  for (int i = 0; i < 5000; ++i) {
    chain += "message N" + std::to_string(i) + " { N" + std::to_string(i + 1) + " a = 1; }\n";
  }
  chain += "message N5000 { int32 x = 1 [(sealtrain.privacy).data_class = FEATURE]; }";
  EXPECT_THAT(Refusal("N0 n = 2;", chain),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nested too deeply")));
  std::string braces;
  for (int i = 0; i < 20000; ++i) braces += "message A {";
  EXPECT_THAT(Refusal("", braces), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SchemaTest, FindsTheMessageByFullOrUnambiguousName) {
  const std::string path = Write("m.proto", kHead + std::string("package app; message M {") +
                                                kSubject + "} message Outer { message M {" +
                                                kSubject + "} message Only {" + kSubject + "} }");
  ASSERT_OK_AND_ASSIGN(const auto full, Schema::FromProtoFile(path, "app.Outer.M"));
  EXPECT_EQ(full->message_name(), "app.Outer.M");
  ASSERT_OK_AND_ASSIGN(const auto only, Schema::FromProtoFile(path, "Only"));
  EXPECT_EQ(only->message_name(), "app.Outer.Only");
  EXPECT_THAT(Schema::FromProtoFile(path, "M"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give the full name")));
  EXPECT_THAT(Schema::FromProtoFile(path, "Other"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no message \"Other\"")));
  EXPECT_THAT(Schema::FromProtoFile(dir_.Join("gone.proto"), "M"),
              StatusIs(absl::StatusCode::kNotFound, EndsWith("gone.proto")));
}

TEST_F(SchemaTest, RefusesHostileDescriptorSets) {
  EXPECT_THAT(Schema::FromDescriptorSet({}, "M"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Schema::FromDescriptorSet(AsBytes("\xff\xff"), "M"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Schema::FromDescriptorSet(AsBytes(std::string((1 << 20) + 1, 'x')), "M"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than")));

  ASSERT_OK_AND_ASSIGN(const auto schema, Load(""));
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(schema->descriptor_set()));
  const auto load = [&] {
    return Schema::FromDescriptorSet(AsBytes(set.SerializeAsString()), "M");
  };
  ASSERT_OK(load());

  // Its own idea of what data_class.proto says does not count.
  google::protobuf::FileDescriptorSet good = set;
  ASSERT_EQ(set.file(1).name(), "sealtrain/data_class.proto");
  for (auto& value : *set.mutable_file(1)->mutable_enum_type(0)->mutable_value()) {
    value.set_name("X_" + value.name());
  }
  ASSERT_OK_AND_ASSIGN(const auto loaded, load());
  EXPECT_TRUE(loaded->subject_column().HasClass(SUBJECT_KEY));

  set = good;
  set.mutable_file()->DeleteSubrange(0, 2);  // an import is missing
  EXPECT_THAT(load(), StatusIs(absl::StatusCode::kInvalidArgument));

  set = good;
  auto* option = set.mutable_file()->rbegin()->mutable_options()->add_uninterpreted_option();
  option->add_name()->set_name_part("java_package");
  option->mutable_name(0)->set_is_extension(false);
  option->set_string_value("x");
  EXPECT_THAT(load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("uninterpreted")));
}

TEST_F(SchemaTest, SurvivesEveryFlippedByteOfADescriptorSet) {
  ASSERT_OK_AND_ASSIGN(const auto schema,
                       Load("string text = 2 [(sealtrain.privacy).data_class = FREE_TEXT];"));
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(schema->descriptor_set()));
  const std::string last = set.file(set.file_size() - 1).SerializeAsString();
  const std::string& bytes = schema->descriptor_set();
  // Protobuf tells stderr of each broken name.
  const google::protobuf::LogSilencer silence;
  int refused = 0;
  for (std::size_t i = bytes.size() - last.size(); i < bytes.size(); ++i) {
    for (const int flip : {0x01, 0x20, 0x80}) {
      std::string broken = bytes;
      broken[i] = static_cast<char>(broken[i] ^ flip);
      const auto loaded = Schema::FromDescriptorSet(AsBytes(broken), "M");
      if (!loaded.ok()) {
        ++refused;
        continue;
      }
      // Whatever still loads has a class on every column and its own digest.
      for (const Column& column : (*loaded)->columns()) EXPECT_FALSE(column.classes.empty());
      EXPECT_NE((*loaded)->digest(), schema->digest());
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(DataClassNames, AreTheOnesOfTheEnum) {
  EXPECT_EQ(DataClassName(HEALTH), "HEALTH");
  EXPECT_EQ(DataClassName(static_cast<DataClass>(99)), "DATA_CLASS_99");
}

}  // namespace
}  // namespace sealtrain::policy

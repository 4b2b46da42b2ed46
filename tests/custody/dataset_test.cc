#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {
namespace {

using ::testing::SizeIs;

class Datasets : public CustodyTest {};

TEST_F(Datasets, AreKeptWithTheirSchema) {
  ASSERT_OK(custodian_->CreateDataset("admin", "mails/2026", schema_));
  EXPECT_EQ(LastEvent().type(), audit::DATASET_CREATED);
  EXPECT_EQ(LastEvent().object().dataset(), "mails/2026");
  Reopen();
  ASSERT_OK_AND_ASSIGN(const custody::DatasetInfo info, custodian_->GetDataset("mails/2026"));
  EXPECT_EQ(info.name, "mails/2026");
  EXPECT_EQ(info.generation, 0u);
  EXPECT_EQ(info.rows, 0u);
  EXPECT_EQ(info.created, clock_.now);
  EXPECT_EQ(info.last_commit, absl::InfinitePast());
  EXPECT_EQ(info.schema->digest(), schema_->digest());
  EXPECT_THAT(info.schema->columns(), SizeIs(6));
  EXPECT_THAT(*custodian_->ListDatasets(), SizeIs(1));
  EXPECT_THAT(custodian_->CreateDataset("admin", "mails/2026", schema_),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(custodian_->GetDataset("mails"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(Datasets, HaveNamesThatAreSafePaths) {
  for (const std::string& name :
       {std::string("a"), std::string("a/b/c/d/e/f/g/h"), std::string("0_-"), std::string(128, 'a'),
        std::string("a-b/c-")}) {
    EXPECT_OK(custodian_->CreateDataset("admin", name, schema_)) << name;
  }
  for (const std::string& name :
       {std::string(""), std::string("/a"), std::string("a/"), std::string("a//b"),
        std::string("a/b/c/d/e/f/g/h/i"), std::string("../a"), std::string("."), std::string("A"),
        std::string("a b"), std::string("a\0b", 3), std::string("\xc3\xa4"), std::string("a\n"),
        std::string(129, 'a'), std::string("model:a"), std::string("a/shards"),
        std::string("models"), std::string("a/manifests/b"), std::string("-a"),
        std::string("a/-")}) {
    EXPECT_THAT(custodian_->CreateDataset("admin", name, schema_),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
}

TEST_F(Datasets, HaveNoMoreColumnNamesThanALogEntryTakes) {
  std::string proto =
      "syntax = \"proto3\"; import \"sealtrain/data_class.proto\"; message Wide {"
      " string who = 1 [(sealtrain.privacy).data_class = SUBJECT_KEY];";
  for (int i = 2; i <= 1000; ++i) {
    absl::StrAppend(&proto, " int32 a_column_", i, " = ", i,
                    " [(sealtrain.privacy).data_class = FEATURE];");
  }
  ASSERT_OK(WriteFileDurably(Env::Posix(), dir_.Join("wide.proto"), AsBytes(proto + "}")));
  ASSERT_OK_AND_ASSIGN(const auto wide,
                       policy::Schema::FromProtoFile(dir_.Join("wide.proto"), "Wide"));
  EXPECT_THAT(custodian_->CreateDataset("admin", "wide", wide),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("audit log")));
}

TEST_F(Datasets, AreNotMadeWithoutALogEntry) {
  env_.FailOn(FaultEnv::Op::kSync, 0, absl::UnavailableError("disk"));
  EXPECT_THAT(custodian_->CreateDataset("admin", "mails", schema_),
              StatusIs(absl::StatusCode::kUnavailable));
  Reopen();
  // What was made all the same is in the log before anybody can use it.
  const bool made = custodian_->GetDataset("mails").ok();
  EXPECT_EQ(made, LastEvent().type() == audit::DATASET_CREATED);
}

}  // namespace
}  // namespace sealtrain::testing

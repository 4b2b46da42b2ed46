// A home whose log seals reasons, and who may open and destroy them.
#ifndef SEALTRAIN_TESTS_CUSTODY_SEALED_ENTRIES_FIXTURE_H_
#define SEALTRAIN_TESTS_CUSTODY_SEALED_ENTRIES_FIXTURE_H_

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/custody/policy_approval.h"
#include "sealtrain/custody/sqlite_internal.h"
#include "sealtrain/tests/custody/custody_fixture.h"

namespace sealtrain::testing {

inline constexpr char kWhy[] = "retrained after complaint 4711 of Mrs. Miller";

inline constexpr char kEntryRules[] = R"(
rule {
  id: "read-reasons"
  permit {}
  scope { principal: "auditor" action: READ_AUDIT dataset: "mails" purpose: "abuse" }
}
rule {
  id: "redact"
  permit {}
  scope { principal: "officer" action: ERASE dataset: "mails" purpose: "abuse" }
}
)";

class SealedEntriesTest : public CustodyTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(CustodyTest::SetUp());
    ASSERT_OK(custodian_->CreateDataset("admin", "mails", schema_));
    ASSERT_OK(ApplyText(WithKeys(absl::StrCat(kMailPolicy, kEntryRules))));
    ASSERT_OK(IngestOneShard());
  }

  custody::TrainRequest ExplainedRun(const std::string& model) {
    custody::TrainRequest run = PlainRun(model);
    run.why = kWhy;
    return run;
  }
  // Index of the newest entry.
  std::uint64_t Last() { return Events().size() - 1; }
  // Asks for a run with a reason and returns the index of its entry.
  std::uint64_t LogAReason() {
    EXPECT_OK(custodian_->RequestTrain(ExplainedRun("m")));
    return Last();
  }

  absl::StatusOr<custody::RevealedEntry> Reveal(std::uint64_t index,
                                                const std::string& principal = "auditor") {
    return custodian_->RevealEntry({.principal = principal, .purpose = "abuse", .index = index});
  }
  absl::Status Redact(std::uint64_t index) {
    return custodian_->RedactEntry({.principal = "officer", .purpose = "abuse", .index = index});
  }
  // A request to train that says why, to be signed by ada and handed in.
  absl::StatusOr<std::string> DraftRun() {
    custody::AccessRequest request;
    request.set_principal("trainer");
    request.add_action(policy::TRAIN);
    request.set_dataset("mails");
    request.set_purpose("plain");
    request.set_why(kWhy);
    request.mutable_not_after()->set_seconds(absl::ToUnixSeconds(clock_.now + absl::Hours(1)));
    return custodian_->DraftAccess(request);
  }
  absl::Status SubmitRun(const std::string& text) {
    return custodian_->SubmitAccess("clerk", text, "run.textproto",
                                    *custody::ApproveAccess(text, "ada", approver_keys_.at("ada")));
  }
  std::int64_t Openings() {
    return *custody::Database::Open(JoinPath(home(), "keystore.db"))
                ->QueryInt("SELECT count(*) FROM opening");
  }
  absl::Status ApproveRedaction(const std::string& entry_uid,
                                const std::vector<std::string>& names) {
    custody::AccessRequest request;
    request.set_principal("officer");
    request.add_action(policy::ERASE);
    request.set_dataset("mails");
    request.set_purpose("abuse");
    request.set_entry_uid(HexEncode(AsBytes(entry_uid)));
    request.mutable_not_after()->set_seconds(absl::ToUnixSeconds(clock_.now + absl::Hours(1)));
    const absl::StatusOr<std::string> text = custodian_->DraftAccess(request);
    if (!text.ok()) return text.status();
    std::string lines;
    for (const std::string& name : names) {
      lines += *custody::ApproveAccess(*text, name, approver_keys_.at(name));
    }
    return custodian_->SubmitAccess("clerk", *text, "redact.textproto", lines);
  }

  // What the proof of a revealed entry opens, checked as a stranger does it.
  absl::StatusOr<audit::OpenedText> Check(const custody::RevealedEntry& revealed) {
    const absl::StatusOr<audit::ProvenEntry> proven =
        audit::CheckProof(revealed.proof, AsBytes(revealed.entry), LogVkeys(home()));
    if (!proven.ok()) return proven.status();
    audit::Event event;
    if (!event.ParseFromString(revealed.entry)) return absl::DataLossError("no event");
    return audit::CheckOpening(AsText(proven->extra), event);
  }

  // Whether any file of the home has `text`.
  bool HomeHas(const std::string& text) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(home())) {
      if (!file.is_regular_file()) continue;
      std::ifstream in(file.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(in)),
                              std::istreambuf_iterator<char>());
      if (absl::StrContains(bytes, text)) return true;
    }
    return false;
  }
  std::string WrappedOpening(const std::string& uid) {
    const custody::Database db = *custody::Database::Open(JoinPath(home(), "keystore.db"));
    custody::Statement select = *db.Prepare("SELECT wrapped FROM opening WHERE entry_uid = ?");
    EXPECT_TRUE(*select.Bind(AsBytes(uid)).Step());
    return select.Text(0);
  }
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_CUSTODY_SEALED_ENTRIES_FIXTURE_H_

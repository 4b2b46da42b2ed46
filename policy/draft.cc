#include "sealtrain/policy/draft.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/policy_format.h"

namespace sealtrain::policy {
namespace {

// A string of the text format.
std::string TextString(absl::string_view value) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(value), "\"");
}

// That nobody may do it with columns of these names and classes. `of`: which these are.
void AppendTest(std::string& page, Action action, absl::string_view of,
                const std::vector<std::pair<std::string, std::vector<DataClass>>>& columns,
                const DraftOptions& options, const std::string& purpose) {
  std::string dataset = options.dataset;
  if (dataset == "*") dataset = "example";
  if (dataset.size() > 2 && dataset.substr(dataset.size() - 2) == "/*") {
    dataset.replace(dataset.size() - 1, 1, "example");
  }
  absl::StrAppend(
      &page,
      "test { name: ", TextString(absl::StrCat("nobody may ", Action_Name(action), of, " yet")),
      " request { principal: ", TextString(options.author), " action: ", Action_Name(action),
      " dataset: ", TextString(dataset), " purpose: ", TextString(purpose), "\n");
  for (const auto& [name, classes] : columns) {
    absl::StrAppend(&page, "column { name: ", TextString(name));
    for (const DataClass c : classes) absl::StrAppend(&page, " data_class: ", DataClassName(c));
    absl::StrAppend(&page, ActionSeals(action) ? "" : " applied { kind: KEEP }", " }\n");
  }
  absl::StrAppend(&page, "} expect { allow: false determining_rule: \"nothing-yet\" } }\n");
}

}  // namespace

absl::StatusOr<std::string> DraftPolicy(const Schema& schema, const DraftOptions& options) {
  const std::string purpose =
      options.purpose.empty() ? schema.record().collected_for() : options.purpose;
  if (purpose.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("message ", schema.message_name(),
                     " does not say what it was collected for: name a purpose"));
  }
  std::map<DataClass, std::vector<std::string>> columns_of;
  for (const Column& column : schema.columns()) {
    for (const DataClass c : column.classes) columns_of[c].push_back(column.name);
  }

  std::string page = absl::StrCat(
      "# proto-file: sealtrain/policy/policy.proto\n"
      "# proto-message: sealtrain.policy.PolicySet\n"
      "#\n"
      "# A first draft for records of ",
      schema.message_name(),
      ": nothing is allowed. Take a class out of\n"
      "# the rule `nothing-yet`, and its test out, when a permit says what may be done with it and "
      "how it is\n"
      "# treated; what no permit covers stays shut. docs/policy.md is the guide.\n\n",
      "id: ", TextString(options.id), "\nversion: 1\nauthor: ", TextString(options.author),
      "\n\npurpose: ", TextString(purpose), "\n\napproval { required: ", options.approvers.size());
  for (const DraftOptions::Approver& approver : options.approvers) {
    absl::StrAppend(&page, "\napprover { name: ", TextString(approver.name),
                    " public_key: ", TextString(approver.public_key), " }");
  }
  absl::StrAppend(
      &page,
      "\n}\n\nrule { id: \"nothing-yet\" why: \"Nobody has decided yet what may be done "
      "with these classes.\"\nforbid { fix_hint: \"permit the class first\" }\n"
      "scope { principal: \"any\" action: INGEST action: SEAL action: TRAIN action: "
      "EVALUATE action: INSPECT dataset: ",
      TextString(options.dataset), " purpose: ", TextString(purpose), "\n");
  for (const auto& [c, names] : columns_of) {
    absl::StrAppend(&page, "data_class: ", DataClassName(c), "  # ",
                    Printable(absl::StrJoin(names, ", ")), "\n");
  }
  absl::StrAppend(&page, "} }\n\n");
  // So that no action and no class can be taken out of the rule unnoticed.
  std::vector<std::pair<std::string, std::vector<DataClass>>> columns;
  for (const Column& column : schema.columns()) columns.emplace_back(column.name, column.classes);
  for (const Action action : {INGEST, SEAL, TRAIN, EVALUATE, INSPECT}) {
    AppendTest(page, action, "", columns, options, purpose);
  }
  for (const auto& [c, names] : columns_of) {
    AppendTest(page, SEAL, absl::StrCat(" ", DataClassName(c)), {{names.front(), {c}}}, options,
               purpose);
  }

  ST_RETURN_IF_ERROR(LoadedPolicy::Load(page, "draft").status());
  return FormatPolicy(page, "draft");
}

}  // namespace sealtrain::policy

// A policy file as parsed: the set, and where each part of it stands.
#ifndef SEALTRAIN_POLICY_POLICY_DOCUMENT_INTERNAL_H_
#define SEALTRAIN_POLICY_POLICY_DOCUMENT_INTERNAL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy::internal {

inline constexpr std::size_t kMaxPolicyBytes = std::size_t{1} << 20;

// A message in the file. Cheap to copy; points into the document.
class Place {
 public:
  Place(const google::protobuf::Message& message,
        const google::protobuf::TextFormat::ParseInfoTree* tree, int line, int column)
      : message_(&message), tree_(tree), line_(line), column_(column) {}

  // 1-based; 0: not known.
  int line() const { return line_; }
  int column() const { return column_; }

  // The message in field `name`, which must be one. `index`: of a repeated one.
  Place Child(const char* name, int index = -1) const;

  // An error at field `name`, or at the message itself if the field is not
  // there or `name` is null.
  Finding Error(const std::string& message, const char* name = nullptr, int index = -1) const;
  Finding Warning(const std::string& message, const char* name = nullptr, int index = -1) const;

 private:
  Finding Make(Finding::Severity severity, const std::string& message, const char* name,
               int index) const;

  const google::protobuf::Message* message_;
  const google::protobuf::TextFormat::ParseInfoTree* tree_;  // null: not known
  int line_;
  int column_;
};

class PolicyDocument {
 public:
  // Never fails: what is wrong with the text lies in syntax_errors().
  explicit PolicyDocument(absl::string_view text);
  // Of a set that was altered: without lines.
  explicit PolicyDocument(PolicySet set) : set_(std::move(set)) {}
  PolicyDocument(const PolicyDocument&) = delete;
  PolicyDocument& operator=(const PolicyDocument&) = delete;

  const PolicySet& set() const { return set_; }
  Place root() const { return Place(set_, &tree_, 1, 1); }
  // The line of rule number `index`.
  int RuleLine(int index) const { return root().Child("rule", index).line(); }
  const std::vector<Finding>& syntax_errors() const { return syntax_errors_; }

 private:
  PolicySet set_;
  google::protobuf::TextFormat::ParseInfoTree tree_;
  std::vector<Finding> syntax_errors_;
};

}  // namespace sealtrain::policy::internal

#endif  // SEALTRAIN_POLICY_POLICY_DOCUMENT_INTERNAL_H_

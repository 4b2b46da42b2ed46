#include "sealtrain/policy/policy_check_internal.h"

#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "sealtrain/policy/actions.h"
#include "sealtrain/policy/approvers.h"
#include "sealtrain/policy/names_internal.h"
#include "sealtrain/policy/obligations_internal.h"

namespace sealtrain::policy::internal {
namespace {

class Checker {
 public:
  explicit Checker(const PolicyDocument& document) : set_(document.set()), root_(document.root()) {}

  std::vector<Finding> Run() {
    CheckHead();
    CheckPurposes();
    CheckGroups();
    CheckApproval();
    for (int i = 0; i < set_.rule_size(); ++i) CheckRule(set_.rule(i), root_.Child("rule", i));
    rule_id_.clear();
    for (int i = 0; i < set_.test_size(); ++i) CheckTest(set_.test(i), root_.Child("test", i));
    return std::move(findings_);
  }

 private:
  void Error(const Place& place, const std::string& message, const char* field = nullptr,
             int index = -1) {
    findings_.push_back(place.Error(message, field, index));
    findings_.back().rule_id = rule_id_;
  }

  void CheckHead() {
    if (!IsName(set_.id())) Error(root_, absl::StrCat("`id` is required: ", kNameForm), "id");
    if (!IsPrincipal(set_.author())) {
      Error(root_, "`author` is required: one principal, who may not approve the set", "author");
    }
    if (!set_.has_version() || set_.version() == 0) {
      Error(root_, "`version` is required and counts from 1", "version");
    } else if (set_.version() == 1 && set_.has_previous_sha256()) {
      Error(root_, "version 1 has no predecessor to name", "previous_sha256");
    } else if (set_.version() > 1 && !IsHexDigest(set_.previous_sha256())) {
      Error(root_, "`previous_sha256` must be the 64 lower-case hex digits of the version before",
            "previous_sha256");
    }
    CheckWindow(set_, root_);
  }

  // Of a set or of a rule.
  template <class Windowed>
  void CheckWindow(const Windowed& windowed, const Place& place) {
    std::optional<absl::Time> begin;
    std::optional<absl::Time> end;
    if (windowed.has_not_before()) {
      begin = ToTime(windowed.not_before());
      if (!begin) Error(place, "`not_before` is no valid time", "not_before");
    }
    if (windowed.has_not_after()) {
      end = ToTime(windowed.not_after());
      if (!end) Error(place, "`not_after` is no valid time", "not_after");
    }
    if (begin && end && *begin >= *end) {
      Error(place, "`not_after` must lie behind `not_before`", "not_after");
    }
  }

  void CheckPurposes() {
    if (set_.purpose_size() == 0) Error(root_, "at least one `purpose` must be declared");
    for (int i = 0; i < set_.purpose_size(); ++i) {
      const std::string& purpose = set_.purpose(i);
      if (!IsPurpose(purpose)) {
        Error(root_,
              absl::StrCat(Quoted(purpose), " is no purpose: names without '*', joined by '/'"),
              "purpose", i);
      } else if (!purposes_.insert(purpose).second) {
        Error(root_, absl::StrCat("purpose ", Quoted(purpose), " is declared twice"), "purpose", i);
      }
    }
  }

  void CheckGroups() {
    for (int i = 0; i < set_.group_size(); ++i) {
      const Group& group = set_.group(i);
      const Place place = root_.Child("group", i);
      if (!IsName(group.name()) || absl::StrContains(group.name(), '*')) {
        Error(place, absl::StrCat("a group needs a `name` without '*', of ", kNameForm), "name");
      } else if (!groups_.insert(group.name()).second) {
        Error(place, absl::StrCat("group ", Quoted(group.name()), " is declared twice"), "name");
      }
      for (int j = 0; j < group.member_size(); ++j) {
        if (!IsPrincipal(group.member(j))) {
          Error(place,
                absl::StrCat(Quoted(group.member(j)),
                             " cannot be a member: exact names of principals only, without '*'"),
                "member", j);
        }
      }
    }
  }

  void CheckApproval() {
    if (!set_.has_approval()) {
      Error(root_, "`approval` is required");
      return;
    }
    const Place place = root_.Child("approval");
    std::set<std::string> names;
    std::set<std::string> keys;
    std::set<std::string> principals;
    std::size_t eligible = 0;
    for (int i = 0; i < set_.approval().approver_size(); ++i) {
      const Approver& approver = set_.approval().approver(i);
      const Place at = place.Child("approver", i);
      if (!IsName(approver.name()) || absl::StrContains(approver.name(), ' ')) {
        Error(at, absl::StrCat("an approver needs a `name` without spaces, of ", kNameForm),
              "name");
      }
      if (!names.insert(approver.name()).second) {
        Error(at, absl::StrCat("approver ", Quoted(approver.name()), " is named twice"), "name");
      }
      if (!IsHexDigest(approver.public_key())) {
        Error(at, "`public_key` must be 64 lower-case hex digits", "public_key");
      } else if (!keys.insert(approver.public_key()).second) {
        Error(at, "this key stands for another approver already", "public_key");
      }
      const std::string& principal =
          approver.has_principal() ? approver.principal() : approver.name();
      if (!IsPrincipal(principal)) {
        Error(at,
              absl::StrCat("nobody asks as ", Quoted(principal),
                           ": write the exact name of one principal"),
              "principal");
      } else if (!principals.insert(principal).second) {
        Error(at,
              absl::StrCat("principal ", Quoted(principal), " stands for another approver already"),
              "principal");
      }
      if (!IsPerson(approver, set_.author())) ++eligible;
    }
    if (!set_.approval().has_required() || set_.approval().required() == 0) {
      Error(place, "`required` is required: how many must approve, at least 1", "required");
    } else if (set_.approval().required() > eligible) {
      Error(place,
            absl::StrCat(set_.approval().required(), " approvals are required, but only ", eligible,
                         " approvers are not the author"),
            "required");
    }
  }

  void CheckRule(const Rule& rule, const Place& place) {
    rule_id_ = rule.id();
    if (!IsName(rule.id())) {
      Error(place, absl::StrCat("a rule needs an `id` of ", kNameForm), "id");
    } else if (!rule_ids_.insert(rule.id()).second) {
      Error(place, absl::StrCat("rule ", Quoted(rule.id()), " is there twice"), "id");
    }
    if (rule.effect_case() == Rule::EFFECT_NOT_SET) {
      Error(place, "a rule needs `permit` or `forbid`");
    }
    if (rule.has_scope()) {
      CheckScope(rule.scope(), place.Child("scope"));
    } else {
      Error(place, "a rule needs a `scope`");
    }
    for (int i = 0; i < rule.permit().obligation_size(); ++i) {
      CheckObligation(rule.permit().obligation(i), place.Child("permit").Child("obligation", i));
    }
    for (int i = 0; i < rule.when_size(); ++i) {
      CheckCondition(rule.when(i), place.Child("when", i));
    }
    for (int i = 0; i < rule.unless_size(); ++i) {
      CheckCondition(rule.unless(i), place.Child("unless", i));
    }
    CheckWindow(rule, place);
  }

  void CheckScope(const Scope& scope, const Place& place) {
    // An empty list matches nothing. In a forbid that would be a hole which
    // nobody sees, so it has to be said by leaving the rule out.
    if (scope.principal().empty()) Error(place, "`principal` is empty and would match nobody");
    if (scope.action().empty()) Error(place, "`action` is empty and would match nothing");
    if (scope.dataset().empty()) Error(place, "`dataset` is empty and would match nothing");
    if (scope.purpose().empty()) Error(place, "`purpose` is empty and would match nothing");
    for (int i = 0; i < scope.principal_size(); ++i) CheckScopePrincipal(scope, place, i);
    for (int i = 0; i < scope.action_size(); ++i) {
      if (scope.action(i) == ACTION_UNSPECIFIED) {
        Error(place, "ACTION_UNSPECIFIED is no action", "action", i);
      }
    }
    for (int i = 0; i < scope.dataset_size(); ++i) {
      if (!IsDatasetPattern(scope.dataset(i))) {
        Error(place,
              absl::StrCat(Quoted(scope.dataset(i)),
                           " is no data set: an exact name, \"PREFIX/*\" or \"*\""),
              "dataset", i);
      }
    }
    for (int i = 0; i < scope.purpose_size(); ++i) {
      if (!IsDeclaredPurpose(scope.purpose(i))) {
        Error(place, absl::StrCat("purpose ", Quoted(scope.purpose(i)), " is not declared"),
              "purpose", i);
      }
    }
    CheckClasses(scope, place);
  }

  void CheckScopePrincipal(const Scope& scope, const Place& place, int i) {
    absl::string_view principal = scope.principal(i);
    if (absl::ConsumePrefix(&principal, kGroupPrefix)) {
      if (groups_.count(std::string(principal)) == 0) {
        Error(place, absl::StrCat("group ", Quoted(principal), " is not declared"), "principal", i);
      }
    } else if (principal != kAnyPrincipal && !IsPrincipal(principal)) {
      Error(place,
            absl::StrCat(Quoted(principal),
                         " is no principal: an exact name without '*', \"group:NAME\", or \"any\" "
                         "for everybody, in small letters"),
            "principal", i);
    }
  }

  // Declared itself, or something under it is.
  bool IsDeclaredPurpose(const std::string& scope) const {
    if (!IsPurpose(scope)) return false;
    for (const std::string& purpose : purposes_) {
      if (PurposeLiesUnder(purpose, scope)) return true;
    }
    return false;
  }

  // Of a scope or of a test's column.
  template <class WithClasses>
  void CheckClasses(const WithClasses& with_classes, const Place& place) {
    for (int i = 0; i < with_classes.data_class_size(); ++i) {
      CheckClass(with_classes.data_class(i), place, "data_class", i);
    }
  }

  void CheckClass(int number, const Place& place, const char* field, int index) {
    if (number == DATA_CLASS_UNSPECIFIED) {
      Error(place, "DATA_CLASS_UNSPECIFIED is no data class", field, index);
    }
  }

  void CheckObligation(const Obligation& obligation, const Place& place) {
    switch (obligation.kind_case()) {
      case Obligation::kTransform: {
        const Place at = place.Child("transform");
        if (obligation.transform().on_class().empty()) {
          Error(at, "a transform needs at least one `on_class`");
        }
        for (int i = 0; i < obligation.transform().on_class_size(); ++i) {
          CheckClass(obligation.transform().on_class(i), at, "on_class", i);
        }
        if (const std::string fault = TransformFault(obligation.transform()); !fault.empty()) {
          Error(at, fault);
        }
        return;
      }
      case Obligation::kDp:
        return CheckDp(obligation.dp(), place.Child("dp"));
      case Obligation::kLease:
        return CheckPositive(obligation.lease(), place, "lease");
      case Obligation::kRetention:
        return CheckPositive(obligation.retention(), place, "retention");
      case Obligation::kMaxOpens:
        if (obligation.max_opens() == 0) {
          Error(place, "`max_opens` counts from 1; to open nothing, permit nothing", "max_opens");
        }
        return;
      case Obligation::kKAnonymity:
        return CheckKAnonymity(obligation.k_anonymity(), place.Child("k_anonymity"));
      case Obligation::kTextScan:
        return CheckTextScan(obligation.text_scan(), place.Child("text_scan"));
      case Obligation::kRelease:
        return CheckRelease(obligation.release(), place.Child("release"));
      case Obligation::KIND_NOT_SET:
        return Error(place, "an empty obligation");
    }
  }

  void CheckKAnonymity(const KAnonymity& k_anonymity, const Place& place) {
    if (k_anonymity.k() < 2) Error(place, "`k` is required and at least 2", "k");
    const double share = k_anonymity.max_suppressed();
    if (!k_anonymity.has_max_suppressed() || !(share >= 0 && share <= 1)) {
      Error(place, "`max_suppressed` is required, a share from 0 to 1", "max_suppressed");
    }
  }

  void CheckTextScan(const TextScan& scan, const Place& place) {
    if (scan.on_class().empty()) Error(place, "a text scan needs at least one `on_class`");
    for (int i = 0; i < scan.on_class_size(); ++i) {
      CheckClass(scan.on_class(i), place, "on_class", i);
    }
    if (scan.look_for().empty()) Error(place, "a text scan needs at least one `look_for`");
    for (int i = 0; i < scan.look_for_size(); ++i) {
      if (scan.look_for(i) == TextScan::KIND_UNSPECIFIED) {
        Error(place, "KIND_UNSPECIFIED is no kind", "look_for", i);
      }
    }
    if (scan.then() == TextScan::THEN_UNSPECIFIED) {
      Error(place, "`then` is required: SCRUB, SUPPRESS or REFUSE", "then");
    }
  }

  void CheckRelease(const Release& release, const Place& place) {
    CheckEpsilonAndDelta(release, place);
    if (release.max_bytes() == 0) {
      Error(place, "`max_bytes` is required and at least 1", "max_bytes");
    }
  }

  // Of `dp` or `release`.
  template <class WithPrivacy>
  void CheckEpsilonAndDelta(const WithPrivacy& dp, const Place& place) {
    if (!(dp.epsilon_max() > 0 && std::isfinite(dp.epsilon_max()))) {
      Error(place, "`epsilon_max` is required and positive", "epsilon_max");
    }
    if (!(dp.delta_max() > 0 && dp.delta_max() < 1)) {
      Error(place, "`delta_max` is required and lies between 0 and 1", "delta_max");
    }
    if (dp.unit() == PRIVACY_UNIT_UNSPECIFIED) {
      Error(place, "`unit` is required: RECORD or SUBJECT", "unit");
    }
  }

  void CheckDp(const DifferentialPrivacy& dp, const Place& place) {
    CheckEpsilonAndDelta(dp, place);
    if (!(dp.ledger_epsilon() > 0 && std::isfinite(dp.ledger_epsilon()))) {
      Error(place, "`ledger_epsilon` is required and positive", "ledger_epsilon");
    }
  }

  void CheckPositive(const google::protobuf::Duration& duration, const Place& place,
                     const char* field) {
    const std::optional<absl::Duration> value = ToDuration(duration);
    if (!value || *value <= absl::ZeroDuration()) {
      Error(place, absl::StrCat("`", field, "` must be a positive time"), field);
    }
  }

  void CheckCondition(const Condition& condition, const Place& place) {
    switch (condition.kind_case()) {
      case Condition::kTrustAtLeast:
        if (condition.trust_at_least() == TRUST_UNSPECIFIED) {
          Error(place, "TRUST_UNSPECIFIED is no trust", "trust_at_least");
        }
        return;
      case Condition::kRowsAtLeast:
        return;
      case Condition::kDatasetAgeBelow:
        return CheckPositive(condition.dataset_age_below(), place, "dataset_age_below");
      case Condition::kApprovalsAtLeast:
        if (condition.approvals_at_least() == 0) {
          Error(place, "`approvals_at_least` counts from 1", "approvals_at_least");
        } else if (condition.approvals_at_least() >
                   static_cast<std::uint64_t>(set_.approval().approver_size())) {
          Error(place,
                absl::StrCat("the set has only ", set_.approval().approver_size(), " approvers"),
                "approvals_at_least");
        }
        return;
      case Condition::KIND_NOT_SET:
        return Error(place, "an empty condition");
    }
  }

  void CheckTest(const Test& test, const Place& place) {
    if (!IsName(test.name())) {
      Error(place, absl::StrCat("a test needs a `name` of ", kNameForm), "name");
    } else if (!test_names_.insert(test.name()).second) {
      Error(place, absl::StrCat("test ", Quoted(test.name()), " is there twice"), "name");
    }
    if (test.has_request()) {
      CheckTestRequest(test.request(), place.Child("request"));
    } else {
      Error(place, "a test needs a `request`");
    }
    if (test.has_expect()) {
      CheckExpect(test.expect(), place.Child("expect"), test.request());
    } else {
      Error(place, "a test needs an `expect`");
    }
  }

  void CheckTestRequest(const TestRequest& request, const Place& place) {
    std::set<std::string> columns;
    if (!IsPrincipal(request.principal())) {
      Error(place,
            absl::StrCat("a test's request needs the exact name of one `principal`, not ",
                         Quoted(request.principal())),
            "principal");
    }
    if (request.action() == ACTION_UNSPECIFIED) {
      Error(place, "a test's request needs an `action`", "action");
    }
    CheckFactIsKnown(request, request.has_rows(), place, "rows");
    CheckFactIsKnown(request, request.has_dataset_age(), place, "dataset_age");
    if (request.has_dataset_age()) {
      const std::optional<absl::Duration> age = ToDuration(request.dataset_age());
      if (!age || *age < absl::ZeroDuration()) {
        Error(place, "`dataset_age` may not be negative", "dataset_age");
      }
    }
    if (request.has_now() && !ToTime(request.now())) {
      Error(place, "`now` is no valid time", "now");
    }
    for (int i = 0; i < request.model_class_size(); ++i) {
      CheckClass(request.model_class(i), place, "model_class", i);
    }
    if (request.model_class_size() > 0 && !ActionUsesModel(request.action())) {
      Error(place, absl::StrCat(Action_Name(request.action()), " uses no model"), "model_class");
    }
    for (int i = 0; i < request.column_size(); ++i) {
      const TestColumn& column = request.column(i);
      const Place at = place.Child("column", i);
      if (!IsName(column.name()) || !columns.insert(column.name()).second) {
        Error(at, "a column needs a `name` of its own", "name");
      }
      if (column.data_class().empty()) Error(at, "a column has at least one `data_class`");
      CheckClasses(column, at);
      if (!column.has_applied()) continue;
      if (const std::string fault = TransformFault(column.applied()); !fault.empty()) {
        Error(at.Child("applied"), fault);
      }
    }
  }

  // A test with a fact that no request has would hold of nothing.
  void CheckFactIsKnown(const TestRequest& request, bool is_given, const Place& place,
                        const char* field) {
    if (!is_given || ActionKnowsRows(request.action())) return;
    Error(place, absl::StrCat("`", field, "` is never known of ", Action_Name(request.action())),
          field);
  }

  void CheckExpect(const Expect& expect, const Place& place, const TestRequest& request) {
    if (!expect.has_allow()) {
      Error(place, "`allow` is required: true or false");
      return;
    }
    if (!expect.allow() && (expect.has_epsilon_max() || expect.column_dropped_size() > 0 ||
                            expect.column_opened_size() > 0 || expect.obligation_size() > 0)) {
      Error(place, "a denied request has no columns and no obligations to expect");
    }
    for (int i = 0; i < expect.determining_rule_size(); ++i) {
      if (rule_ids_.count(expect.determining_rule(i)) == 0) {
        Error(place, absl::StrCat("there is no rule ", Quoted(expect.determining_rule(i))),
              "determining_rule", i);
      }
    }
    std::set<std::string> columns;
    std::set<int> classes;
    for (const TestColumn& column : request.column()) {
      columns.insert(column.name());
      classes.insert(column.data_class().begin(), column.data_class().end());
    }
    const auto check_column = [&](const std::string& column, const char* field, int i) {
      if (columns.count(column) == 0) {
        Error(place, absl::StrCat("the request has no column ", Quoted(column)), field, i);
      }
    };
    for (int i = 0; i < expect.column_dropped_size(); ++i) {
      check_column(expect.column_dropped(i), "column_dropped", i);
    }
    for (int i = 0; i < expect.column_opened_size(); ++i) {
      check_column(expect.column_opened(i), "column_opened", i);
    }
    for (int i = 0; i < expect.obligation_size(); ++i) {
      const Obligation& obligation = expect.obligation(i);
      const Place at = place.Child("obligation", i);
      CheckObligation(obligation, at);
      // What no column has would be expected in vain, and never fail.
      for (const auto* on_class :
           {&obligation.transform().on_class(), &obligation.text_scan().on_class()}) {
        for (const int c : *on_class) {
          if (classes.count(c) > 0) continue;
          Error(at, absl::StrCat("the request has no column of class ",
                                 DataClass_Name(static_cast<DataClass>(c))));
        }
      }
    }
  }

  const PolicySet& set_;
  const Place root_;
  std::vector<Finding> findings_;
  std::string rule_id_;  // of the rule that is being checked
  std::set<std::string> purposes_;
  std::set<std::string> groups_;
  std::set<std::string> rule_ids_;
  std::set<std::string> test_names_;
};

}  // namespace

std::vector<Finding> CheckMeaning(const PolicyDocument& document) {
  return Checker(document).Run();
}

}  // namespace sealtrain::policy::internal

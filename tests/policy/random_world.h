// Random policies and requests over a small world in which much collides.
#ifndef SEALTRAIN_TESTS_POLICY_RANDOM_WORLD_H_
#define SEALTRAIN_TESTS_POLICY_RANDOM_WORLD_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/policy/decision.h"

namespace sealtrain::policy::testing {

inline const std::vector<std::string> kPrincipals = {"ann", "bob", "eve"};
inline const std::vector<std::string> kNoPrincipals = {"any", "Any", "group:g", "GROUP:g", "a*"};
inline const std::vector<std::string> kDatasets = {"a", "a/x", "a/x/y", "ab"};
inline const std::vector<std::string> kPatterns = {"*", "a/*", "a/x", "a/x/*", "a", "*", "*"};
inline const std::vector<std::string> kPurposes = {"p", "p/q", "p/q/r", "pq"};
inline const std::vector<DataClass> kClasses = {SUBJECT_KEY, FREE_TEXT, NETWORK_ID, LABEL};
inline const std::vector<Action> kActions = {SEAL,   TRAIN,        TRAIN,  EVALUATE,
                                             INGEST, EXPORT_MODEL, INSPECT};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  PolicySet MakePolicy() {
    PolicySet set;
    set.set_id("random");
    set.set_version(1);
    set.set_author("eve");
    if (Chance(0.3)) set.mutable_not_before()->set_seconds(5);
    if (Chance(0.3)) set.mutable_not_after()->set_seconds(95);
    for (const std::string& purpose : kPurposes) {
      if (purpose == "p" || Chance(0.9)) set.add_purpose(purpose);
    }
    for (const char* name : {"g", "h"}) {
      Group& group = *set.add_group();
      group.set_name(name);
      for (const std::string& principal : kPrincipals) {
        if (Chance(0.5)) group.add_member(principal);
      }
    }
    set.mutable_approval()->set_required(1);
    for (const char* name : {"ada", "bea", "cam"}) {
      Approver& approver = *set.mutable_approval()->add_approver();
      approver.set_name(name);
      approver.set_public_key(std::string(64, name[0]));
    }
    const int rules = Number(1, 6);
    for (int i = 0; i < rules; ++i) MakeRule(i, set);
    return set;
  }

  Request MakeRequest() {
    Request request;
    request.principal = Chance(0.02) ? Pick(kNoPrincipals) : Pick(kPrincipals);
    request.action = Chance(0.02) ? static_cast<Action>(Number(0, 13)) : Pick(kActions);
    request.dataset = Chance(0.02) ? "a/*" : Pick(kDatasets);
    request.purpose = Chance(0.02) ? "none" : Pick(kPurposes);
    if (request.action != EXPORT_MODEL || Chance(0.05)) {
      const int columns = Chance(0.02) ? 0 : Number(1, 3);
      for (int i = 0; i < columns; ++i) request.columns.push_back(MakeColumn(i));
    }
    if (Chance(0.95)) request.model_classes.push_back(Pick(kClasses));
    if (Chance(0.2)) request.model_classes.push_back(Pick(kClasses));
    if (Chance(0.01)) request.model_classes.push_back(static_cast<DataClass>(Number(17, 40)));
    if (Chance(0.85)) request.trust = static_cast<Trust>(Number(1, 3));
    if (Chance(0.85)) request.rows = static_cast<std::uint64_t>(Number(0, 20));
    if (Chance(0.85)) request.dataset_age = absl::Seconds(Number(-1, 20));
    if (Chance(0.85)) request.approvals = static_cast<std::uint64_t>(Number(0, 3));
    if (Chance(0.02)) request.dataset_age = absl::InfiniteDuration();
    if (Chance(0.97)) request.now = absl::FromUnixSeconds(Number(0, 100));
    return request;
  }

  std::mt19937_64& random() { return random_; }

 private:
  bool Chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  int Number(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  template <class T>
  const T& Pick(const std::vector<T>& of) {
    return of[static_cast<std::size_t>(Number(0, static_cast<int>(of.size()) - 1))];
  }

  void MakeRule(int index, PolicySet& set) {
    Rule& rule = *set.add_rule();
    rule.set_id(absl::StrCat("r", index));
    Scope& scope = *rule.mutable_scope();
    const std::vector<std::string> principals = {"any", "any", "ann", "group:g", "group:h"};
    scope.add_principal(Pick(principals));
    if (Chance(0.3)) scope.add_principal(Pick(principals));
    scope.add_action(Pick(kActions));
    scope.add_action(Pick(kActions));
    scope.add_dataset(Pick(kPatterns));
    std::string purpose = Chance(0.7) ? "p" : set.purpose(Number(0, set.purpose_size() - 1));
    // One above it, which need not be declared.
    if (const std::size_t slash = purpose.rfind('/'); slash != purpose.npos && Chance(0.4)) {
      purpose.resize(slash);
    }
    scope.add_purpose(purpose);
    const bool forbid = Chance(0.15);
    for (const DataClass c : kClasses) {
      if (Chance(forbid ? 0.25 : 0.8)) scope.add_data_class(c);
    }
    if (forbid) {
      rule.mutable_forbid();
    } else {
      rule.mutable_permit();
      const int obligations = Number(0, 4);
      for (int i = 0; i < obligations; ++i)
        MakeObligation(*rule.mutable_permit()->add_obligation());
    }
    if (Chance(0.3)) MakeCondition(*rule.add_when());
    if (Chance(0.2)) MakeCondition(*rule.add_unless());
    if (Chance(0.1)) rule.mutable_not_before()->set_seconds(30);
    if (Chance(0.1)) rule.mutable_not_after()->set_seconds(70);
  }

  void MakeCondition(Condition& condition) {
    switch (Number(0, 3)) {
      case 0:
        return condition.set_trust_at_least(static_cast<Trust>(Number(1, 3)));
      case 1:
        return condition.set_rows_at_least(static_cast<std::uint64_t>(Number(0, 20)));
      case 2:
        return condition.set_approvals_at_least(static_cast<std::uint64_t>(Number(1, 3)));
      default:
        return condition.mutable_dataset_age_below()->set_seconds(Number(1, 20));
    }
  }

  void MakeObligation(Obligation& obligation) {
    switch (Number(0, 13)) {
      case 0:
        return obligation.mutable_lease()->set_seconds(Number(1, 9));
      case 1:
        return obligation.mutable_retention()->set_seconds(Number(1, 9));
      case 2: {
        DifferentialPrivacy& dp = *obligation.mutable_dp();
        dp.set_epsilon_max(Number(1, 9));
        dp.set_delta_max(1.0 / Number(2, 9));
        dp.set_unit(Chance(0.5) ? RECORD : SUBJECT);
        return dp.set_ledger_epsilon(Number(1, 9));
      }
      case 3:
        return obligation.set_max_opens(static_cast<std::uint64_t>(Number(1, 9)));
      case 4:
        obligation.mutable_k_anonymity()->set_k(static_cast<std::uint64_t>(Number(2, 9)));
        return obligation.mutable_k_anonymity()->set_max_suppressed(Number(0, 9) / 9.0);
      case 5: {
        TextScan& scan = *obligation.mutable_text_scan();
        scan.add_on_class(Pick(kClasses));
        scan.add_look_for(static_cast<TextScan::Kind>(Number(1, 3)));
        scan.add_look_for(static_cast<TextScan::Kind>(Number(1, 3)));
        return scan.set_then(static_cast<TextScan::Then>(Number(1, 3)));
      }
      case 6: {
        Release& release = *obligation.mutable_release();
        release.set_epsilon_max(Number(1, 9));
        release.set_delta_max(1.0 / Number(2, 9));
        release.set_unit(Chance(0.5) ? RECORD : SUBJECT);
        return release.set_max_bytes(static_cast<std::uint64_t>(Number(1, 9)));
      }
      default:
        *obligation.mutable_transform() = MakeTransform();
        obligation.mutable_transform()->add_on_class(Pick(kClasses));
        obligation.mutable_transform()->add_on_class(Pick(kClasses));
    }
  }

  Transform MakeTransform() {
    Transform transform;
    const std::vector<TransformKind> kinds = {KEEP,         KEEP,   BUCKET, TRUNCATE_IP,
                                              PSEUDONYMIZE, REDACT, DROP,   PSEUDONYMIZE};
    transform.set_kind(Pick(kinds));
    if (transform.kind() == BUCKET) transform.set_step(Number(1, 3));
    if (transform.kind() == TRUNCATE_IP) {
      transform.set_prefix_v4(static_cast<std::uint32_t>(Number(8, 10)));
      transform.set_prefix_v6(static_cast<std::uint32_t>(Number(8, 10)));
    }
    if (transform.kind() == PSEUDONYMIZE) transform.set_domain(Chance(0.9) ? "d" : "e");
    return transform;
  }

  RequestedColumn MakeColumn(int index) {
    RequestedColumn column;
    column.name = absl::StrCat("c", Chance(0.02) ? 0 : index);
    column.classes.push_back(Pick(kClasses));
    if (Chance(0.2)) column.classes.push_back(Pick(kClasses));
    if (Chance(0.01)) column.classes.push_back(static_cast<DataClass>(Number(17, 40)));
    if (Chance(0.01)) column.classes.clear();
    if (Chance(0.9)) column.applied = MakeTransform();
    return column;
  }

  std::mt19937_64 random_;
};

}  // namespace sealtrain::policy::testing

#endif  // SEALTRAIN_TESTS_POLICY_RANDOM_WORLD_H_

// Building blocks of policy files for tests.
#ifndef SEALTRAIN_TESTS_POLICY_POLICY_TEXTS_H_
#define SEALTRAIN_TESTS_POLICY_POLICY_TEXTS_H_

#include <string>

#include "sealtrain/policy/loaded_policy.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::policy::testing {

// A valid head, on line 1; `rules` begin on line 2.
inline std::string PolicyText(const std::string& rules) {
  return R"(id: "p" version: 1 author: "eve" purpose: "safety/abuse" purpose: "safety" purpose: "ads" )"
         R"(not_before { seconds: 1000 } not_after { seconds: 2000 } )"
         R"(group { name: "team" member: "ann" member: "bob" } group { name: "nobody" } )"
         R"(approval { required: 1 approver { name: "ada" public_key: ")" +
         std::string(64, 'a') + "\" } }\n" + rules;
}

// `rules` behind a head that names two approvers more, bea and cam, who asks as "user:cam".
inline LoadedPolicy MustLoadWithThree(const std::string& rules, int required = 1) {
  const auto approver = [](const std::string& name, const std::string& more) {
    return " approver { name: \"" + name + "\" public_key: \"" + std::string(64, name[0]) + "\" " +
           more + "}";
  };
  std::string text = PolicyText(rules);
  const std::string one = "approval { required: 1";
  text.replace(text.find(one), one.size(),
               "approval { required: " + std::to_string(required) + approver("bea", "") +
                   approver("cam", "principal: \"user:cam\" "));
  absl::StatusOr<LoadedPolicy> policy = LoadedPolicy::Load(text, "p.textproto");
  EXPECT_OK(policy);
  return *std::move(policy);
}

inline LoadedPolicy MustLoad(const std::string& rules) {
  absl::StatusOr<LoadedPolicy> policy = LoadedPolicy::Load(PolicyText(rules), "p.textproto");
  EXPECT_OK(policy);
  return *std::move(policy);
}

inline Transform MakeTransform(TransformKind kind) {
  Transform transform;
  transform.set_kind(kind);
  if (kind == BUCKET) transform.set_step(10);
  if (kind == TRUNCATE_IP) {
    transform.set_prefix_v4(24);
    transform.set_prefix_v6(48);
  }
  if (kind == PSEUDONYMIZE) transform.set_domain("d");
  return transform;
}

inline RequestedColumn MakeColumn(const std::string& name, std::vector<DataClass> classes) {
  return {.name = name, .classes = std::move(classes), .applied = MakeTransform(KEEP)};
}

// ann wants to TRAIN on data set "mails/a" for "safety/abuse"; all facts known.
inline Request TrainRequest(std::vector<RequestedColumn> columns) {
  Request request;
  request.principal = "ann";
  request.action = TRAIN;
  request.dataset = "mails/a";
  request.purpose = "safety/abuse";
  request.columns = std::move(columns);
  request.model_classes = UnionOfClasses(request.columns);  // counts for EVALUATE only
  request.trust = SANDBOXED;
  request.rows = 100;
  request.dataset_age = absl::Hours(1);
  request.now = absl::FromUnixSeconds(1500);
  return request;
}

}  // namespace sealtrain::policy::testing

#endif  // SEALTRAIN_TESTS_POLICY_POLICY_TEXTS_H_

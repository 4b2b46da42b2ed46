// The logic of verdicts against Cedar (cedar-wasm from npm), where Node.js is: permit,
// forbid, default deny over principals, groups, actions, data sets and purposes. Where
// Cedar cannot evaluate a forbid it goes on without it; we deny.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/tests/policy/policy_texts.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::policy {
namespace {

using nlohmann::json;

constexpr char kPackage[] = "@cedar-policy/cedar-wasm@4.13.0";

// One rule in both languages.
struct BothRules {
  std::string ours;
  std::string cedar;
  bool is_forbid = false;
};

class Pairs {
 public:
  explicit Pairs(std::uint64_t seed) : random_(seed) {}

  BothRules MakeRule(int index) {
    BothRules rule;
    std::vector<std::string> scope;
    rule.is_forbid = Chance(0.3);
    const std::string effect = rule.is_forbid ? "forbid" : "permit";
    const auto pick = [&](const std::vector<std::pair<std::string, std::string>>& of) {
      const auto& [ours, cedar] =
          of[static_cast<std::size_t>(Number(0, static_cast<int>(of.size()) - 1))];
      if (!cedar.empty()) scope.push_back(cedar);
      return ours;
    };
    const std::string principal = pick({{"any", ""},
                                        {"any", ""},
                                        {"ann", R"(principal == User::"ann")"},
                                        {"group:g", R"(principal in Group::"g")"}});
    const std::string actions =
        pick({{"action: TRAIN action: INSPECT", R"(action in Action::"open")"},
              {"action: TRAIN", R"(action == Action::"TRAIN")"}});
    const std::string dataset = pick({{"*", ""},
                                      {"a/*", R"(resource in Folder::"a")"},
                                      {"a/x", R"(resource == Dataset::"a/x")"},
                                      {"b", R"(resource == Dataset::"b")"}});
    const std::string purpose = pick({{"p", R"(context.purpose in Purpose::"p")"},
                                      {"p/q", R"(context.purpose in Purpose::"p/q")"}});
    std::string condition;
    std::string cedar_condition;
    if (Chance(0.5)) {
      const int rows = Number(1, 9);
      const char* kind = Chance(0.5) ? "when" : "unless";
      condition = absl::StrCat(" ", kind, " { rows_at_least: ", rows, " }");
      cedar_condition = absl::StrCat(" ", kind, " { context.rows >= ", rows, " }");
    }
    rule.ours =
        absl::StrCat("rule { id: \"r", index, "\" ", effect, " {} scope { principal: \"", principal,
                     "\" ", actions, " dataset: \"", dataset, "\" purpose: \"", purpose, "\" ",
                     rule.is_forbid ? "" : "data_class: LABEL", " }", condition, " }\n");
    rule.cedar = absl::StrCat(effect, "(principal, action, resource) when { ",
                              absl::StrJoin(scope, " && "), " }", cedar_condition, ";");
    return rule;
  }

  Request MakeRequest() {
    Request request = testing::TrainRequest({testing::MakeColumn("c", {LABEL})});
    request.principal = Pick({"ann", "bob", "eve"});
    request.action = Chance(0.7) ? TRAIN : INSPECT;
    request.dataset = Pick({"a/x", "a/y", "b", "ab"});
    request.purpose = Pick({"p", "p/q", "pq"});
    request.rows.reset();
    if (Chance(0.7)) request.rows = static_cast<std::uint64_t>(Number(0, 10));
    return request;
  }

 private:
  bool Chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  int Number(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  std::string Pick(const std::vector<std::string>& of) {
    return of[static_cast<std::size_t>(Number(0, static_cast<int>(of.size()) - 1))];
  }

  std::mt19937_64 random_;
};

json Entity(const char* type, const std::string& id) { return {{"type", type}, {"id", id}}; }

// Who is in which group, and what lies under what.
json Entities() {
  const auto entity = [](const json& uid, const json& parents) {
    return json{{"uid", uid}, {"attrs", json::object()}, {"parents", parents}};
  };
  return {entity(Entity("User", "ann"), json::array({Entity("Group", "g")})),
          entity(Entity("User", "bob"), json::array({Entity("Group", "g")})),
          entity(Entity("Action", "TRAIN"), json::array({Entity("Action", "open")})),
          entity(Entity("Action", "INSPECT"), json::array({Entity("Action", "open")})),
          entity(Entity("Dataset", "a/x"), json::array({Entity("Folder", "a")})),
          entity(Entity("Dataset", "a/y"), json::array({Entity("Folder", "a")})),
          entity(Entity("Purpose", "p/q"), json::array({Entity("Purpose", "p")}))};
}

json CallOf(const Request& request, const json& policies) {
  json context = {{"purpose", {{"__entity", Entity("Purpose", request.purpose)}}}};
  if (request.rows) context["rows"] = *request.rows;
  return {{"principal", Entity("User", request.principal)},
          {"action", Entity("Action", Action_Name(request.action))},
          {"resource", Entity("Dataset", request.dataset)},
          {"context", context},
          {"policies", {{"staticPolicies", policies}}},
          {"entities", Entities()}};
}

class CedarTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v node >/dev/null && command -v npm >/dev/null") != 0) {
      GTEST_SKIP() << "no Node.js with npm here";
    }
    // It outlives the test, so that the network is asked once.
    const std::string install = absl::StrCat(
        "mkdir -p ", kFolder, " && cd ", kFolder, " && { test -d node_modules/@cedar-policy || ",
        "timeout 60 npm install --silent --no-audit --no-fund --ignore-scripts --fetch-retries=0 ",
        kPackage, " >npm.log 2>&1; }");
    if (std::system(install.c_str()) != 0) GTEST_SKIP() << "npm cannot get " << kPackage << " here";
  }

  json AskCedar(const json& calls) {
    std::ofstream(dir_.Join("calls.json")) << calls;
    const std::string command =
        absl::StrCat("node " SEALTRAIN_SOURCE_DIR "/tests/policy/cedar/authorize.js $PWD/", kFolder,
                     " ", dir_.Join("calls.json"), " >", dir_.Join("answers.json"));
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::ifstream answers(dir_.Join("answers.json"));
    return json::parse(answers);
  }

  static constexpr char kFolder[] = SEALTRAIN_BIN_DIR "/../cedar";
  ::sealtrain::testing::TempDir dir_;
};

constexpr int kSets = 300;
constexpr int kRequestsASet = 20;

TEST_F(CedarTest, DecidesAsWeDoExceptWhereItGoesOnWithoutAForbid) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  Pairs pairs(seed);
  json calls = json::array();
  std::vector<Decision> decisions;
  std::vector<std::set<std::string>> forbids;  // ids, for each decision
  for (int i = 0; i < kSets; ++i) {
    std::string ours =
        "purpose: \"p\" purpose: \"p/q\" purpose: \"pq\" group { name: \"g\" "
        "member: \"ann\" member: \"bob\" }\n";
    json cedar = json::object();
    std::set<std::string> forbid_ids;
    for (int rule = 0; rule < 4; ++rule) {
      const BothRules both = pairs.MakeRule(rule);
      ours += both.ours;
      const std::string id = absl::StrCat("r", rule);
      cedar[id] = both.cedar;
      if (both.is_forbid) forbid_ids.insert(id);
    }
    const LoadedPolicy policy = testing::MustLoad(ours);
    for (int j = 0; j < kRequestsASet; ++j) {
      const Request request = pairs.MakeRequest();
      calls.push_back(CallOf(request, cedar));
      decisions.push_back(policy.Decide(request));
      forbids.push_back(forbid_ids);
    }
  }
  const json answers = AskCedar(calls);
  ASSERT_EQ(answers.size(), decisions.size());
  int allowed = 0;
  int opened_by_an_error = 0;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const json& answer = answers[i];
    bool lost_a_forbid = false;
    for (const std::string id : answer["errors"]) lost_a_forbid |= forbids[i].count(id) > 0;
    const bool cedar_allows = answer["decision"] == "allow";
    ASSERT_EQ(decisions[i].allow, cedar_allows && !lost_a_forbid) << decisions[i].reason << "\n"
                                                                  << calls[i].dump(2) << answer;
    allowed += decisions[i].allow ? 1 : 0;
    opened_by_an_error += cedar_allows && lost_a_forbid ? 1 : 0;
    if (!decisions[i].allow) continue;
    json rules = json::array();
    for (const RuleRef& rule : decisions[i].determining_rules) rules.push_back(rule.id);
    ASSERT_EQ(rules, answer["reason"]);
  }
  // Both sides of the difference occur.
  EXPECT_GT(allowed, 100);
  EXPECT_GT(opened_by_an_error, 20);
}

}  // namespace
}  // namespace sealtrain::policy

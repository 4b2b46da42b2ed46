// Published vectors, which lie in an optional folder beside the checkout.
#ifndef SEALTRAIN_TESTS_CRYPTO_WYCHEPROOF_H_
#define SEALTRAIN_TESTS_CRYPTO_WYCHEPROOF_H_

#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "sealtrain/tests/crypto/crypto_test_util.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::crypto {

class PublishedVectors : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HaveVectors()) GTEST_SKIP() << "no published vectors at " << VectorPath("");
  }

  // Calls `check(group, test)` for every test of a Wycheproof file, and returns their
  // number. Prints how many there are of each result.
  template <class Check>
  static int ForEachTest(const std::string& name, Check check) {
    const auto file = nlohmann::json::parse(ReadText(VectorPath("wycheproof/" + name)));
    int count = 0;
    std::map<std::string, int> results;
    for (const auto& group : file.at("testGroups")) {
      for (const auto& test : group.at("tests")) {
        SCOPED_TRACE(name + " tcId " + std::to_string(test.at("tcId").get<int>()) + " " +
                     test.at("comment").get<std::string>());
        check(group, test);
        ++count;
        ++results[test.at("result").get<std::string>()];
      }
    }
    EXPECT_EQ(count, file.at("numberOfTests").get<int>());
    std::cout << name << ":";
    for (const auto& [result, number] : results) std::cout << " " << number << " " << result;
    std::cout << std::endl;
    return count;
  }
  static Bytes Field(const nlohmann::json& object, const char* name) {
    return FromHex(object.at(name).get<std::string>());
  }
  // Ciphertext and tag as one.
  static Bytes Sealed(const nlohmann::json& test) {
    Bytes sealed = Field(test, "ct");
    const Bytes tag = Field(test, "tag");
    sealed.insert(sealed.end(), tag.begin(), tag.end());
    return sealed;
  }
  static bool IsValid(const nlohmann::json& test) { return test.at("result") == "valid"; }
  // "acceptable" is left to the implementation.
  static bool IsInvalid(const nlohmann::json& test) { return test.at("result") == "invalid"; }
};

}  // namespace sealtrain::crypto

#endif  // SEALTRAIN_TESTS_CRYPTO_WYCHEPROOF_H_

// GoogleTest matchers for absl::Status and absl::StatusOr.
#ifndef SEALTRAIN_TESTS_UTIL_STATUS_MATCHERS_H_
#define SEALTRAIN_TESTS_UTIL_STATUS_MATCHERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sealtrain::testing {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).ok();
}
MATCHER_P(StatusIs, code, std::string("has status ") + absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).code() == code;
}
MATCHER_P2(StatusIs, code, message_matcher,
           std::string("has status ") + absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).code() == code &&
         ::testing::Matches(message_matcher)(std::string(GetStatus(arg).message()));
}

}  // namespace sealtrain::testing

#define ASSERT_OK(expr) ASSERT_THAT((expr), ::sealtrain::testing::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT((expr), ::sealtrain::testing::IsOk())
#define ST_TEST_CONCAT_IMPL_(a, b) a##b
#define ST_TEST_CONCAT_(a, b) ST_TEST_CONCAT_IMPL_(a, b)
#define ASSERT_OK_AND_ASSIGN_IMPL_(name, lhs, expr) \
  auto name = (expr);                               \
  ASSERT_OK(name);                                  \
  lhs = std::move(name).value()
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_IMPL_(ST_TEST_CONCAT_(st_result_, __LINE__), lhs, expr)

#endif  // SEALTRAIN_TESTS_UTIL_STATUS_MATCHERS_H_

// The two macros with which a function hands an error up to its caller.
#ifndef SEALTRAIN_BASE_STATUS_MACROS_H_
#define SEALTRAIN_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expr` from the enclosing function unless it is OK.
#define ST_RETURN_IF_ERROR(expr)                            \
  do {                                                      \
    if (absl::Status st_status = (expr); !st_status.ok()) { \
      return st_status;                                     \
    }                                                       \
  } while (false)

// Moves the value of the StatusOr `expr` into `lhs`, or returns its status.
#define ST_ASSIGN_OR_RETURN(lhs, expr) \
  ST_ASSIGN_OR_RETURN_IMPL_(ST_CONCAT_(st_statusor_, __LINE__), lhs, expr)
#define ST_ASSIGN_OR_RETURN_IMPL_(name, lhs, expr) \
  auto name = (expr);                              \
  if (!name.ok()) return std::move(name).status(); \
  lhs = std::move(name).value()
#define ST_CONCAT_(a, b) ST_CONCAT_IMPL_(a, b)
#define ST_CONCAT_IMPL_(a, b) a##b

#endif  // SEALTRAIN_BASE_STATUS_MACROS_H_

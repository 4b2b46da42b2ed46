// Which transforms the review can carry out on a column of which type.
#ifndef SEALTRAIN_POLICY_TRANSFORM_FIT_H_
#define SEALTRAIN_POLICY_TRANSFORM_FIT_H_

#include <string>

#include "sealtrain/policy/policy.pb.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {

// Integers are divided exactly, so the step of an integer column must be one, of at
// most 2^53.
bool IsWholeStep(double step);

// Why `transform` cannot be carried out on `column`; empty: it can.
std::string TransformObstacle(const Transform& transform, const Column& column);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_TRANSFORM_FIT_H_

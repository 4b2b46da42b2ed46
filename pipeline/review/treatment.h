// What the review does to the values of one column.
#ifndef SEALTRAIN_PIPELINE_REVIEW_TREATMENT_H_
#define SEALTRAIN_PIPELINE_REVIEW_TREATMENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/pipeline/review/bucket.h"
#include "sealtrain/pipeline/review/ip_prefix.h"
#include "sealtrain/policy/policy.pb.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::pipeline {

// Move-only; thread-compatible.
class Treatment {
 public:
  // `pseudonym_key` is there exactly if the transform is PSEUDONYMIZE.
  // Unimplemented: this transform cannot be carried out on this column.
  static absl::StatusOr<Treatment> Create(const policy::Column& column,
                                          const policy::Transform& transform,
                                          std::shared_ptr<const crypto::MacKey> pseudonym_key);

  // DROP: values are not stored. REDACT: every row holds the same empty value.
  bool drops() const { return transform_.kind() == policy::DROP; }
  bool redacts() const { return transform_.kind() == policy::REDACT; }

  // What is stored in the place of a number.
  template <typename T>
  T Number(T value) const {
    return transform_.kind() == policy::BUCKET ? BucketOf(value, transform_.step()) : value;
  }
  // What is stored in the place of a text: `value` itself, or `out`.
  // InvalidArgument: it is no IP address where one has to be truncated.
  absl::StatusOr<absl::string_view> Text(absl::string_view value, std::string& out) const;

 private:
  Treatment() = default;

  policy::Transform transform_;
  bool is_text_ = false;  // string, not bytes
  std::shared_ptr<const crypto::MacKey> pseudonym_key_;
};

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_REVIEW_TREATMENT_H_

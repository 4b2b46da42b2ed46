// What custody signs: manifests that say exactly what a permit allowed, on top
// of exactly the snapshot that was newest. docs/formats/manifest.md.
#ifndef SEALTRAIN_CUSTODY_MANIFEST_CHECK_INTERNAL_H_
#define SEALTRAIN_CUSTODY_MANIFEST_CHECK_INTERNAL_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/custody/permit.h"

namespace sealtrain::custody {

// The bytes that a signature of the writer ('W') or the custodian ('C') covers.
Bytes ManifestSignedBytes(char role, absl::string_view manifest);

// InvalidArgument: not a manifest of format 1, or not in its one encoding:
// unknown fields, fields out of order, over-long numbers.
absl::StatusOr<Manifest> ParseManifest(absl::string_view bytes);

// The one deadline that a snapshot may carry, Unix time in nanoseconds, 0 for
// none: what is new keeps the obligation's, and nothing that was sealed before
// outlives its own.
std::uint64_t RetentionDeadlineNs(std::uint64_t previous_deadline_ns,
                                  std::uint64_t committed_unix_ns,
                                  std::optional<absl::Duration> retention);

// The retention deadline; InfiniteFuture(): there is none.
absl::Time DeadlineOf(const Manifest& manifest);

// PermissionDenied: that of `what` has come.
absl::Status PastDeadline(absl::string_view what);

struct ManifestContext {
  const Grant& grant;                  // of the SEAL or CHANGE_POLICY permit
  absl::string_view previous;          // bytes of the newest Manifest; empty if there is none
  std::uint64_t generation = 0;        // of the newest
  const std::set<Id>& granted_shards;  // ids that were drawn under the permit
  absl::Time now;
};
// Of a job that sealed shards.
// Aborted: the manifest stands on another snapshot than the newest.
// InvalidArgument: it says something that the permit does not allow.
absl::Status CheckManifest(const Manifest& manifest, const ManifestContext& context);
// Of a reseal: the newest snapshot as it is, under the policy of the permit from here
// on. Errors as above.
absl::Status CheckReseal(const Manifest& manifest, const ManifestContext& context);

// The policy sets that the plans of `manifest` stand under, each once, in the order of
// the plans. DataLoss: a digest that is none.
absl::StatusOr<std::vector<Digest>> SealedUnder(const Manifest& manifest);

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_MANIFEST_CHECK_INTERNAL_H_

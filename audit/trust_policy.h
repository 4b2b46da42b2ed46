// Trust policies (C2SP tlog-policy): which logs and witnesses somebody trusts, and
// which sets of witnesses are enough for a checkpoint.
// docs/formats/audit-log.md, "Trust policies".
#ifndef SEALTRAIN_AUDIT_TRUST_POLICY_H_
#define SEALTRAIN_AUDIT_TRUST_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/note.h"

namespace sealtrain::audit {

inline constexpr std::size_t kMaxTrustPolicyBytes = 1 << 20;

// What a checkpoint is worth under a policy.
struct WitnessedCheckpoint {
  struct Witness {
    std::string name;                     // in the policy
    std::optional<std::uint64_t> time_s;  // of its cosignature, in seconds since 1970
    bool counted = false;                 // the cosignature is there and of an allowed time
  };
  Checkpoint checkpoint;
  std::vector<Witness> witnesses;  // all of the policy, in its order
  bool quorum = false;             // those that count are enough

  std::size_t counted() const;
};

// Immutable; thread-safe.
class TrustPolicy {
 public:
  struct Log {
    VerifierKey key;
    std::string url;  // empty: none
  };
  struct Witness {
    std::string name;  // any octets; not the key's name
    WitnessKey key;
    std::string url;  // where it takes requests; empty: none
  };
  // Cosignatures outside of these times do not count. The clock of a witness may
  // be ahead of ours, so its newest ones seem to come from the future.
  struct Times {
    absl::Time not_before = absl::InfinitePast();
    absl::Time not_after = absl::InfiniteFuture();
  };

  // All times but what is in the future even for a clock that is ahead of ours.
  static Times UpTo(absl::Time now) { return {.not_after = now + absl::Minutes(5)}; }

  // InvalidArgument, "line N: what": not a policy.
  static absl::StatusOr<TrustPolicy> Parse(absl::string_view text);

  // None: it leaves open which.
  const std::vector<Log>& logs() const { return logs_; }
  const std::vector<Witness>& witnesses() const { return witnesses_; }
  // Of the witness or group that is the quorum; "none" if none is needed.
  const std::string& quorum() const { return quorum_name_; }

  // Whether the quorum is reached if just those have cosigned; an entry for each
  // of witnesses(), in order.
  bool IsQuorum(const std::vector<bool>& cosigned) const;

  // Judges a checkpoint of the log that has the keys `log_keys`, any of which may have
  // signed it, and which need not be in logs().
  // Too few cosignatures are no error: ask `quorum`.
  // DataLoss: not a checkpoint that the log signed, or a wrong signature of the log
  // or of a witness.
  absl::StatusOr<WitnessedCheckpoint> Judge(absl::string_view note,
                                            absl::Span<const VerifierKey> log_keys,
                                            const Times& times) const;
  // The largest of these checkpoints that has a quorum; if none has, the largest of
  // those that most witnesses count for. Requires that there are any. Errors as
  // above, with the name of the checkpoint.
  absl::StatusOr<WitnessedCheckpoint> JudgeBest(absl::Span<const KeptCheckpoint> checkpoints,
                                                absl::Span<const VerifierKey> log_keys,
                                                const Times& times) const;

 private:
  class Parser;

  // Something that cosigns: a witness, or a group of such before it in the list.
  struct Cosigner {
    std::string name;
    std::optional<std::size_t> witness;  // index into witnesses_
    std::size_t threshold = 0;           // so many of the members
    std::vector<std::size_t> members;    // indices of cosigners_
  };

  TrustPolicy() = default;

  std::vector<Log> logs_;
  std::vector<Witness> witnesses_;
  std::vector<Cosigner> cosigners_;
  std::string quorum_name_;
  std::optional<std::size_t> quorum_;  // index of cosigners_; nothing: none is needed
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_TRUST_POLICY_H_

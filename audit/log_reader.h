// Reading and verifying a log from its published files alone: no key, no lock,
// no trust in the writer. Works while the writer runs and on a copy.
#ifndef SEALTRAIN_AUDIT_LOG_READER_H_
#define SEALTRAIN_AUDIT_LOG_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/event.pb.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

struct Entry {
  std::uint64_t index = 0;
  std::string bytes;  // as written: what the leaf hash covers
  Event event;
};

// A checkpoint that the caller kept from earlier.
struct KeptCheckpoint {
  std::string name;  // for messages
  std::string note;
};

// Of how many entries `kept` shows that they are what they were; of later ones it shows nothing.
// 0: or it is not signed by one of `keys`.
std::uint64_t SignedSize(const KeptCheckpoint& kept, absl::Span<const VerifierKey> keys);

struct VerifyReport {
  Checkpoint checkpoint;
  std::uint64_t entries = 0;            // rehashed
  std::uint64_t tiles = 0;              // hash tiles compared
  std::uint64_t older_checkpoints = 0;  // found consistent with the newest
};

// Not thread-safe.
class LogReader {
 public:
  // Reads `log.vkey` and `checkpoint` and checks the signature. If there are
  // `trusted_vkeys` one of them must be in log.vkey, and one have signed; else one of
  // log.vkey's must have. InvalidArgument: malformed trusted key. DataLoss: bad
  // signature, another key, malformed note. NotFound: no log there.
  //
  // With `size` it reads the kept checkpoint of that size instead of the newest:
  // the log as it was then. OutOfRange: none of that size was kept.
  static absl::StatusOr<std::unique_ptr<LogReader>> Open(
      Env& env, const std::string& directory, const std::vector<std::string>& trusted_vkeys = {},
      std::optional<std::uint64_t> size = std::nullopt);
  virtual ~LogReader() = default;

  virtual const Checkpoint& checkpoint() const = 0;
  // As it was read, with its signatures.
  virtual const std::string& checkpoint_note() const = 0;
  // The key that signed it; of several, the first.
  virtual const std::string& vkey() const = 0;
  // Those that may have signed older checkpoints: the trusted ones and log.vkey's.
  virtual const std::vector<VerifierKey>& keys() const = 0;

  // Rehashes every entry, compares every tile and every kept checkpoint with
  // the signed root, and against each of `old_checkpoints`. DataLoss names the first bad entry,
  // tile or checkpoint; what it says "against" is in the report.
  virtual absl::StatusOr<VerifyReport> Verify(
      const std::vector<KeptCheckpoint>& old_checkpoints) = 0;

  // Calls `visit` for entries [begin, end) in order, each proven against the
  // signed root before it is shown. `visit` returns false to stop. Entries with
  // an unparsable or unknown event are DataLoss, for the writer writes none.
  absl::Status ForEach(std::uint64_t begin, std::uint64_t end,
                       const std::function<bool(const Entry&)>& visit);

  // The same for the bytes as they are, whatever they say. `visit` may use them
  // until it returns.
  virtual absl::Status ForEachBytes(
      std::uint64_t begin, std::uint64_t end,
      absl::FunctionRef<bool(std::uint64_t index, absl::string_view bytes)> visit) = 0;

  // That the log goes on from `old`. DataLoss: not signed by the log's key, of
  // more entries (rolled back), or of others (forked); says which.
  virtual absl::Status CheckExtends(const KeptCheckpoint& old) = 0;

  // A C2SP tlog-proof of entry `index`, checkpoint included. OutOfRange.
  virtual absl::StatusOr<std::string> Prove(std::uint64_t index) = 0;

  // That the first `old_size` entries are the beginning of the log: the hashes of
  // RFC 6962 section 2.1.2. OutOfRange unless 0 < old_size <= size.
  virtual absl::StatusOr<ProofHashes> ProveConsistency(std::uint64_t old_size) = 0;
};

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_LOG_READER_H_

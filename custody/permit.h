// A permit: the proof, in the type system, that custody allowed one action.
// Every stage is built from one. Only custody can make one; it moves and never
// copies, and it dies with the job. The type keeps honest code from going round a
// decision. Code that goes round the type gains no key by it: custody releases keys for
// the permit ids that it drew itself.
#ifndef SEALTRAIN_CUSTODY_PERMIT_H_
#define SEALTRAIN_CUSTODY_PERMIT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/policy/decision.h"
#include "sealtrain/policy/policy.pb.h"
#include "sealtrain/policy/schema.h"

namespace sealtrain::custody {

// What was allowed.
struct Grant {
  Id permit_id{};
  std::string principal;
  std::string dataset;
  std::string purpose;
  // TRAIN, EVALUATE: the snapshot to open. SEAL: the newest before. EXPORT_MODEL: the
  // one that the model learned from.
  std::uint64_t generation = 0;
  Digest manifest_sha256{};     // of that generation; zero when there is none, or not known
  std::uint32_t key_epoch = 0;  // SEAL: of the class keys in use
  policy::Decision decision;    // columns, obligations, rules, policy digest
  std::shared_ptr<const policy::Schema> schema;
  std::string model;      // TRAIN: to be made. EVALUATE: to be read. EXPORT_MODEL: to leave.
  absl::Time expires_at;  // not behind `deadline`
  // When it must be gone: INGEST, SEAL: what was sealed before. TRAIN: the snapshot, or
  // the model that is made, where the policy lets it live for less long. EVALUATE: the
  // snapshot or the model, whichever is first. EXPORT_MODEL: the model.
  absl::Time deadline = absl::InfiniteFuture();
};

// The classes of the columns that `decision` opens, each once, ascending: what a model
// inherits that learns from them.
std::vector<DataClass> OpenedClasses(const policy::Decision& decision);

template <policy::Action kAction>
class Permit {
 public:
  Permit(Permit&&) noexcept = default;
  Permit& operator=(Permit&&) noexcept = default;
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  static constexpr policy::Action action() { return kAction; }
  const Grant& grant() const { return *grant_; }

 private:
  friend class PermitIssuer;  // custody's own, in permit_issuer_internal.h
  explicit Permit(Grant grant) : grant_(std::make_unique<const Grant>(std::move(grant))) {}
  std::unique_ptr<const Grant> grant_;
};

// The keys of one shard that a permit opens the door to: per column, never a
// class key. Columns that the policy withholds are simply not there.
struct ColumnKey {
  std::string column_id;
  crypto::Dek dek;
};
struct ShardKeys {
  Id shard_id{};
  std::uint32_t key_epoch = 0;
  std::vector<ColumnKey> columns;  // in the order of the grant's columns
  crypto::Dek index;               // of the shard's sealed index

  // Null: not released.
  const crypto::Dek* Find(absl::string_view column_id) const {
    for (const ColumnKey& key : columns) {
      if (absl::string_view(key.column_id) == column_id) return &key.dek;
    }
    return nullptr;
  }
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_PERMIT_H_

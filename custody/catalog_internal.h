// Data sets and models as rows of the key store. Not thread-safe.
#ifndef SEALTRAIN_CUSTODY_CATALOG_INTERNAL_H_
#define SEALTRAIN_CUSTODY_CATALOG_INTERNAL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/base/bytes.h"
#include "sealtrain/custody/custody.h"
#include "sealtrain/custody/sqlite_internal.h"

namespace sealtrain::custody {

struct DatasetRecord {
  DatasetInfo info;
  std::uint32_t key_epoch = 0;
  std::string manifest;  // bytes of the newest Manifest; empty at generation 0
  std::uint64_t runs_without_privacy = 0;
};

class Catalog {
 public:
  explicit Catalog(Database& db) : db_(&db) {}

  absl::Status AddDataset(const std::string& name, const policy::Schema& schema,
                          std::uint32_t key_epoch, absl::Time created);
  // NotFound. DataLoss: the stored schema or manifest does not hold together.
  absl::StatusOr<DatasetRecord> GetDataset(const std::string& name);
  absl::StatusOr<std::vector<std::string>> DatasetNames() const;
  // Makes `manifest` the newest one.
  absl::Status Advance(const std::string& name, const std::string& manifest, const Manifest& parsed,
                       absl::Time now);
  // Adds `change` to the number of runs without privacy.
  absl::Status CountRunWithoutPrivacy(const std::string& name, int change);

  absl::StatusOr<bool> HasModel(const std::string& name) const;
  // `info.dp` and `info.epsilon` stand in the ledger, under `ledger_entry`.
  absl::Status AddModel(const ModelInfo& info, const std::optional<Id>& ledger_entry);
  struct ModelRecord {
    ModelInfo info;  // without dp and epsilon
    std::optional<Id> ledger_entry;
  };
  absl::StatusOr<ModelRecord> GetModel(const std::string& name) const;  // NotFound
  absl::StatusOr<std::vector<std::string>> ModelNames() const;

 private:
  Database* db_;
  // Parsed once: a schema never changes.
  std::map<std::string, std::shared_ptr<const policy::Schema>> schemas_;
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_CATALOG_INTERNAL_H_

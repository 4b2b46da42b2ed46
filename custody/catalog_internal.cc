#include "sealtrain/custody/catalog_internal.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::custody {
namespace {

absl::StatusOr<std::vector<std::string>> Names(const Database& db, absl::string_view sql) {
  ST_ASSIGN_OR_RETURN(Statement select, db.Prepare(sql));
  std::vector<std::string> names;
  while (true) {
    ST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return names;
    names.push_back(select.Text(0));
  }
}

}  // namespace

absl::Status Catalog::AddDataset(const std::string& name, const policy::Schema& schema,
                                 std::uint32_t key_epoch, absl::Time created) {
  ST_ASSIGN_OR_RETURN(
      Statement insert,
      db_->Prepare("INSERT INTO dataset (name, message_name, descriptor_set, schema_sha256, "
                   "key_epoch, generation, manifest, rows, created_ns, runs_without_privacy) "
                   "VALUES (?, ?, ?, ?, ?, 0, x'', 0, ?, 0)"));
  return insert.Bind(name)
      .Bind(schema.message_name())
      .Bind(AsBytes(schema.descriptor_set()))
      .Bind(ByteSpan(schema.digest()))
      .Bind(std::int64_t{key_epoch})
      .Bind(absl::ToUnixNanos(created))
      .Run();
}

absl::StatusOr<DatasetRecord> Catalog::GetDataset(const std::string& name) {
  ST_ASSIGN_OR_RETURN(
      Statement select,
      db_->Prepare("SELECT message_name, descriptor_set, schema_sha256, key_epoch, generation, "
                   "manifest, rows, created_ns, last_commit_ns, "
                   "runs_without_privacy FROM dataset WHERE name = ?"));
  ST_ASSIGN_OR_RETURN(const bool found, select.Bind(name).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no data set ", name));

  DatasetRecord record;
  record.info.name = name;
  std::shared_ptr<const policy::Schema>& schema = schemas_[name];
  if (schema == nullptr) {
    Digest stored;
    ST_RETURN_IF_ERROR(select.Blob(2, absl::MakeSpan(stored)));
    auto parsed = policy::Schema::FromDescriptorSet(AsBytes(select.Text(1)), select.Text(0));
    if (!parsed.ok() || (*parsed)->digest() != stored) {
      schemas_.erase(name);
      return absl::DataLossError(
          absl::StrCat("key store: schema of data set ", name, " does not match its digest"));
    }
    schema = *std::move(parsed);
  }
  record.info.schema = schema;
  record.key_epoch = static_cast<std::uint32_t>(select.Int(3));
  if (select.Int(4) < 0 || select.Int(6) < 0) {
    return absl::DataLossError(absl::StrCat("key store: data set ", name, " has a negative count"));
  }
  record.info.generation = select.Uint(4);
  record.manifest = select.Text(5);
  if ((record.info.generation == 0) != record.manifest.empty()) {
    return absl::DataLossError(
        absl::StrCat("key store: data set ", name, " has a generation without a manifest"));
  }
  if (!record.manifest.empty()) {
    record.info.manifest_sha256 = crypto::Sha256(AsBytes(record.manifest));
  }
  record.info.rows = select.Uint(6);
  record.info.created = absl::FromUnixNanos(select.Int(7));
  record.info.last_commit =
      record.info.generation > 0 ? absl::FromUnixNanos(select.Int(8)) : absl::InfinitePast();
  record.runs_without_privacy = select.Uint(9);
  return record;
}

absl::StatusOr<std::vector<std::string>> Catalog::DatasetNames() const {
  return Names(*db_, "SELECT name FROM dataset ORDER BY name");
}

absl::Status Catalog::Advance(const std::string& name, const std::string& manifest,
                              const Manifest& parsed, absl::Time now) {
  ST_ASSIGN_OR_RETURN(Statement update,
                      db_->Prepare("UPDATE dataset SET generation = ?, manifest = ?, rows = ?, "
                                   "last_commit_ns = ? WHERE name = ?"));
  return update.Bind(std::uint64_t{parsed.generation()})
      .Bind(AsBytes(manifest))
      .Bind(std::uint64_t{parsed.rows()})
      .Bind(absl::ToUnixNanos(now))
      .Bind(name)
      .Run();
}

absl::Status Catalog::CountRunWithoutPrivacy(const std::string& name, int change) {
  ST_ASSIGN_OR_RETURN(Statement update, db_->Prepare("UPDATE dataset SET runs_without_privacy = "
                                                     "runs_without_privacy + ? WHERE name = ?"));
  return update.Bind(std::int64_t{change}).Bind(name).Run();
}

absl::StatusOr<bool> Catalog::HasModel(const std::string& name) const {
  ST_ASSIGN_OR_RETURN(Statement select, db_->Prepare("SELECT 1 FROM model WHERE name = ?"));
  return select.Bind(name).Step();
}

absl::Status Catalog::AddModel(const ModelInfo& info, const std::optional<Id>& ledger_entry) {
  ST_ASSIGN_OR_RETURN(
      Statement insert,
      db_->Prepare("INSERT INTO model (name, object_id, dataset, generation, purpose, principal, "
                   "artifact_sha256, policy_sha256, key_epoch, created_ns, data_classes, "
                   "deadline_ns, release, ledger_entry) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  // Numbers of classes below 256, ascending.
  const Bytes classes(info.classes.begin(), info.classes.end());
  // Empty: none. All of its fields are set where there is one.
  const std::string release = info.release ? info.release->SerializeAsString() : "";
  insert.Bind(info.name)
      .Bind(ByteSpan(info.object_id))
      .Bind(info.dataset)
      .Bind(info.generation)
      .Bind(info.purpose)
      .Bind(info.principal)
      .Bind(ByteSpan(info.artifact_sha256))
      .Bind(ByteSpan(info.policy_sha256))
      .Bind(std::int64_t{info.key_epoch})
      .Bind(absl::ToUnixNanos(info.created))
      .Bind(ByteSpan(classes))
      .Bind(info.deadline == absl::InfiniteFuture() ? 0 : absl::ToUnixNanos(info.deadline))
      .Bind(AsBytes(release));
  if (ledger_entry.has_value()) insert.Bind(ByteSpan(*ledger_entry));  // else NULL
  return insert.Run();
}

absl::StatusOr<Catalog::ModelRecord> Catalog::GetModel(const std::string& name) const {
  ST_ASSIGN_OR_RETURN(
      Statement select,
      db_->Prepare("SELECT object_id, dataset, generation, purpose, principal, artifact_sha256, "
                   "policy_sha256, key_epoch, created_ns, ledger_entry, ledger_entry IS NULL, "
                   "data_classes, deadline_ns, release "
                   "FROM model WHERE name = ?"));
  ST_ASSIGN_OR_RETURN(const bool found, select.Bind(name).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no model ", name));
  ModelRecord record;
  ModelInfo& info = record.info;
  info.name = name;
  ST_RETURN_IF_ERROR(select.Blob(0, absl::MakeSpan(info.object_id)));
  info.dataset = select.Text(1);
  info.generation = select.Uint(2);
  info.purpose = select.Text(3);
  info.principal = select.Text(4);
  ST_RETURN_IF_ERROR(select.Blob(5, absl::MakeSpan(info.artifact_sha256)));
  ST_RETURN_IF_ERROR(select.Blob(6, absl::MakeSpan(info.policy_sha256)));
  info.key_epoch = static_cast<std::uint32_t>(select.Int(7));
  info.created = absl::FromUnixNanos(select.Int(8));
  if (select.Int(10) == 0) {
    ST_RETURN_IF_ERROR(select.Blob(9, absl::MakeSpan(record.ledger_entry.emplace())));
  }
  const std::string classes = select.Text(11);
  for (const std::uint8_t number : AsBytes(classes)) {
    info.classes.push_back(static_cast<DataClass>(number));
  }
  if (info.classes.empty()) {
    return absl::DataLossError(absl::StrCat("key store: model ", name, " has no data classes"));
  }
  if (select.Int(12) != 0) info.deadline = absl::FromUnixNanos(select.Int(12));
  if (const std::string release = select.Text(13); !release.empty()) {
    if (!info.release.emplace().ParseFromString(release)) {
      return absl::DataLossError(
          absl::StrCat("key store: model ", name, " has release conditions that are malformed"));
    }
  }
  return record;
}

absl::StatusOr<std::vector<std::string>> Catalog::ModelNames() const {
  return Names(*db_, "SELECT name FROM model ORDER BY name");
}

}  // namespace sealtrain::custody

#include "sealtrain/custody/custodian.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/random.h"
#include "sealtrain/custody/embedded_custodian_internal.h"
#include "sealtrain/custody/home_config_internal.h"
#include "sealtrain/custody/home_database_internal.h"
#include "sealtrain/custody/process_internal.h"

namespace sealtrain::custody {
namespace {

audit::LogOptions LogOptionsFor(const std::string& home, const std::string& origin) {
  return {.directory = AuditPath(home), .origin = origin};
}

// What Create makes beside the configuration, which comes last.
std::vector<std::string> MadeBeforeConfig(const std::string& home) {
  return {KeyStorePath(home), AuditPath(home), PolicyDirectory(home)};
}

absl::Status CheckNothingThere(Env& env, const std::string& home) {
  if (env.Exists(ConfigPath(home))) {
    return absl::AlreadyExistsError(absl::StrCat("there is a home already: ", home));
  }
  for (const std::string& path : MadeBeforeConfig(home)) {
    // Never cleared away by us: it may be all that is left of a damaged home.
    if (env.Exists(path)) {
      return absl::AlreadyExistsError(
          absl::StrCat(path,
                       " is there without a config.textproto: left by an interrupted init, "
                       "or by a damaged home. Move it away, or choose another folder"));
    }
  }
  return absl::OkStatus();
}

// That a home has no log is not that there is no such thing.
absl::Status NotMissing(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::DataLossError("the audit log is missing") : status;
}

// What is published of the log is not synced, and is made anew from the write-ahead log
// by whoever opens the home: until then it may look as if it had been changed.
absl::Status MayBeOfACrash(const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(absl::StrCat(
      status.message(),
      "; after a crash or a full disk that may be so until the home is opened next, which tells"));
}

// Sees that key store and log belong together, tells the log what a crash kept from
// it, and ends the leases of processes that are gone: whoever held them held our lock.
absl::Status SettleDebts(Env& env, const std::string& home, Database& db, audit::AuditLog& log) {
  EventOutbox outbox(db, log);
  ST_ASSIGN_OR_RETURN(const bool even, outbox.IsEven());
  if (!even) {
    ST_ASSIGN_OR_RETURN(const auto reader, audit::LogReader::Open(env, AuditPath(home)));
    ST_RETURN_IF_ERROR(outbox.Settle(*reader));
    ST_RETURN_IF_ERROR(log.Publish());
  }
  return LeaseStore(db).EndAll();
}

}  // namespace

absl::Status Custodian::Create(const CustodianOptions& options, const InitOptions& init,
                               const crypto::SecretBytes& passphrase) {
  Env& env = *options.env;
  const std::string home = CanonicalPath(options.home);
  RootKeyRecord root_record{.number = kFirstRootKey, .argon2 = init.argon2};
  ST_ASSIGN_OR_RETURN(root_record.argon2.salt, crypto::RandomId());
  ST_ASSIGN_OR_RETURN(crypto::Kek root, crypto::KekFromPassphrase(passphrase, root_record.argon2));
  ST_ASSIGN_OR_RETURN(crypto::SigningKey log_key, crypto::SigningKey::Generate());
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey manifest_key, crypto::SigningKey::Generate());
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey policy_key, crypto::SigningKey::Generate());

  ST_RETURN_IF_ERROR(env.CreateDirs(home));
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> lock, env.Lock(LockPath(home)));
  ST_RETURN_IF_ERROR(CheckNothingThere(env, home));

  // A failed init takes back what it made, so that it can simply be tried again.
  auto take_back = absl::MakeCleanup([&home] {
    std::error_code ignored;
    std::filesystem::remove(ConfigPath(home), ignored);  // first: it makes the folder a home
    for (const std::string& path : MadeBeforeConfig(home)) {
      std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::remove(KeyStorePath(home) + "-journal", ignored);
  });

  // The log first, for it judges the origin before it writes anything.
  const audit::LogOptions log_options = LogOptionsFor(home, init.log_origin);
  ST_RETURN_IF_ERROR(audit::AuditLog::Create(env, log_options, log_key));
  ST_RETURN_IF_ERROR(env.CreateDirs(PolicyDirectory(home)));
  {
    ST_ASSIGN_OR_RETURN(Database db, CreateHomeDatabase(env, KeyStorePath(home)));
    ST_ASSIGN_OR_RETURN(KeyStore keys, KeyStore::Open(db, std::move(root)));
    ST_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db));
    ST_RETURN_IF_ERROR(PutRootKeyRecord(db, root_record));
    ST_RETURN_IF_ERROR(keys.AddSigningKey(kAuditLogKey, log_key));
    ST_RETURN_IF_ERROR(keys.AddSigningKey(kManifestKey, manifest_key));
    ST_RETURN_IF_ERROR(keys.AddSigningKey(kPolicyKey, policy_key));
    ST_RETURN_IF_ERROR(transaction.Commit());
  }
  {
    ST_ASSIGN_OR_RETURN(auto log, audit::AuditLog::Open(env, log_options, std::move(log_key)));
    audit::Event created;
    created.set_type(audit::CUSTODY_CREATED);
    created.set_phase(audit::SUCCEEDED);
    created.mutable_actor()->set_host(HostName());
    ST_RETURN_IF_ERROR(log->Append(std::move(created)).status());
  }
  // Last: without it the folder is no home.
  ST_RETURN_IF_ERROR(WriteHomeConfig(env, home, init.log_origin));
  std::move(take_back).Cancel();
  return absl::OkStatus();
}

absl::Status Custodian::CheckHome(const CustodianOptions& options) {
  const std::string home = CanonicalPath(options.home);
  Env& env = *options.env;
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> lock, env.Lock(LockPath(home)));
  ST_RETURN_IF_ERROR(ReadHomeConfig(env, home).status());
  ST_ASSIGN_OR_RETURN(const Database db, OpenHomeDatabase(env, KeyStorePath(home)));
  ST_RETURN_IF_ERROR(GetRootKeyRecord(db).status());
  const auto log = audit::LogReader::Open(env, AuditPath(home));
  ST_RETURN_IF_ERROR(MayBeOfACrash(NotMissing(log.status())));
  ST_RETURN_IF_ERROR(MayBeOfACrash((*log)->Verify({}).status()));
  return MayBeOfACrash(CheckKeyStoreKnows(db, **log));
}

absl::StatusOr<std::unique_ptr<Custodian>> Custodian::Open(const CustodianOptions& given,
                                                           const crypto::SecretBytes& passphrase) {
  CustodianOptions options = given;
  // The key store refuses links on its way; the way to the home may have some.
  options.home = CanonicalPath(given.home);
  Env& env = *options.env;
  const std::string& home = options.home;
  if (!env.Exists(ConfigPath(home))) {
    return absl::NotFoundError(absl::StrCat("no home (no config.textproto): ", home));
  }
  ST_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock,
                      LockPatiently(env, LockPath(home), options.lock_patience, options.on_wait));
  ST_ASSIGN_OR_RETURN(const HomeConfig config, ReadHomeConfig(env, home));
  ST_ASSIGN_OR_RETURN(Database opened_db, OpenHomeDatabase(env, KeyStorePath(home)));
  auto db = std::make_unique<Database>(std::move(opened_db));

  ST_ASSIGN_OR_RETURN(const RootKeyRecord root_record, GetRootKeyRecord(*db));
  if (passphrase.empty()) return absl::UnauthenticatedError("wrong passphrase");
  ST_ASSIGN_OR_RETURN(crypto::Kek root, crypto::KekFromPassphrase(passphrase, root_record.argon2));
  ST_ASSIGN_OR_RETURN(KeyStore keys, KeyStore::Open(*db, std::move(root)));
  ST_ASSIGN_OR_RETURN(const std::int64_t signing_keys,
                      db->QueryInt("SELECT count(*) FROM signing_key"));
  ST_ASSIGN_OR_RETURN(const bool replacing_log_key, keys.HasSigningKey(kNextAuditLogKey));
  if (signing_keys != kSigningKeys + (replacing_log_key ? 1 : 0)) {
    return absl::DataLossError("key store: a signing key is gone");
  }
  // One key decides whether the root key is right; if a later one does not open
  // under it, that is damage.
  absl::StatusOr<crypto::SigningKey> log_key = keys.GetSigningKey(kAuditLogKey);
  if (absl::IsDataLoss(log_key.status())) return absl::UnauthenticatedError("wrong passphrase");
  ST_RETURN_IF_ERROR(log_key.status());
  std::optional<crypto::SigningKey> next_log_key;
  if (replacing_log_key) {
    ST_ASSIGN_OR_RETURN(next_log_key, keys.GetSigningKey(kNextAuditLogKey));
  }
  ST_ASSIGN_OR_RETURN(crypto::SigningKey manifest_key, keys.GetSigningKey(kManifestKey));
  ST_ASSIGN_OR_RETURN(crypto::SigningKey policy_key, keys.GetSigningKey(kPolicyKey));

  absl::StatusOr<std::unique_ptr<audit::AuditLog>> opened_log = audit::AuditLog::Open(
      env, LogOptionsFor(home, config.log_origin()), *std::move(log_key), std::move(next_log_key));
  ST_RETURN_IF_ERROR(NotMissing(opened_log.status()));
  std::unique_ptr<audit::AuditLog> log = *std::move(opened_log);
  ST_RETURN_IF_ERROR(SettleDebts(env, home, *db, *log));
  ST_ASSIGN_OR_RETURN(std::vector<policy::LoadedPolicy> sets,
                      PolicyStore(env, *db, policy_key, PolicyDirectory(home)).LoadAll());

  return std::make_unique<EmbeddedCustodian>(
      options, EmbeddedCustodian::Parts{.lock = std::move(lock),
                                        .db = std::move(db),
                                        .log = std::move(log),
                                        .keys = std::move(keys),
                                        .manifest_key = std::move(manifest_key),
                                        .policy_key = std::move(policy_key),
                                        .log_origin = config.log_origin(),
                                        .sets = std::move(sets)});
}

}  // namespace sealtrain::custody

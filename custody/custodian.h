// Embedded custody: key store, policy, ledger and audit log of one
// SEALTRAIN_HOME, in this process. Whoever holds the root secret can do all;
// the policy then guides and records.
#ifndef SEALTRAIN_CUSTODY_CUSTODIAN_H_
#define SEALTRAIN_CUSTODY_CUSTODIAN_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sealtrain/audit/opening.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/custody/access_request.pb.h"
#include "sealtrain/custody/custody.h"

namespace sealtrain::custody {

struct CustodianOptions {
  std::string home;
  Env* env = &Env::Posix();  // must outlive the custodian
  std::function<absl::Time()> clock = [] { return absl::Now(); };
  // How long Open() waits while another process has the home open, and what it
  // calls before it does.
  absl::Duration lock_patience = absl::ZeroDuration();
  std::function<void()> on_wait = nullptr;
  // How long a process that has told the log of something may then be silent before it
  // says that it is still there: at most twice as long.
  absl::Duration heartbeat = absl::Minutes(1);
};

struct PolicyRecord {
  std::uint64_t version = 0;
  std::string id;
  Digest sha256{};
  absl::Time applied_at;
  std::string applied_by;
  std::vector<std::string> approvers;
};

// One random key of the key store; the key itself never shows.
struct KeyInfo {
  std::string dataset;  // or
  std::string model;    // whose key it is; the other is empty
  // Of the columns that it seals; unspecified: a shard's index, or a model.
  DataClass data_class = DATA_CLASS_UNSPECIFIED;
  std::uint32_t key_epoch = 0;
};

struct KeyList {
  std::uint32_t root_number = 0;  // how many root keys there have been
  std::vector<KeyInfo> keys;      // all wrapped under the newest
};

// An entry of the audit log, and what is to be done with what it seals.
struct EntryRequest {
  std::string principal;
  std::string purpose;
  std::uint64_t index = 0;
  std::string why = "";  // as in custody.h
};

struct RevealedEntry {
  std::string entry;  // its bytes
  std::string proof;  // a tlog-proof of it, whose extra data are the opening
  audit::OpenedText opened;
};

class Custodian : public Custody {
 public:
  struct InitOptions {
    // Name of the log: "<host or org>/sealtrain/audit".
    std::string log_origin;
    crypto::Argon2idParams argon2;  // the salt is drawn by Create
  };
  // Makes a new home: config.textproto, keystore.db, policy/, audit/.
  // AlreadyExists: there is one. InvalidArgument: empty passphrase. A failure
  // leaves nothing that Open would accept.
  static absl::Status Create(const CustodianOptions& options, const InitOptions& init,
                             const crypto::SecretBytes& passphrase);
  // NotFound: no home there. Unauthenticated: wrong passphrase. DataLoss: log
  // or key store fail their checks. Unavailable: in use by another process, also
  // after lock_patience.
  static absl::StatusOr<std::unique_ptr<Custodian>> Open(const CustodianOptions& options,
                                                         const crypto::SecretBytes& passphrase);

  // What can be checked of a home without the passphrase: its configuration, the
  // key store as a database, and the whole audit log under its own key, and
  // that neither of the two was put back. OK says nothing of keys. Errors as Open's; takes the
  // home's lock meanwhile. DataLoss of the log may also be what a power cut left, which
  // Open() mends: the message says so.
  static absl::Status CheckHome(const CustodianOptions& options);

  // --- policy --------------------------------------------------------------
  // Puts a policy set into force: version is the next, predecessor's digest is
  // named, tests pass, and enough distinct approvers (of the set in force, or
  // of itself for version 1; never the author) signed exactly these bytes.
  // `approvals`: the text of the signature file, see policy_approval.h.
  // InvalidArgument says what is missing; AlreadyExists: it is in force.
  virtual absl::Status ApplyPolicy(const std::string& principal, const std::string& text,
                                   const std::string& file_name, const std::string& approvals) = 0;
  virtual absl::StatusOr<std::vector<PolicyRecord>> PolicyHistory() = 0;
  // The exact bytes of a set that is or was in force; version 0: of the newest.
  // NotFound: there was none. DataLoss: they are not what was put into force.
  virtual absl::StatusOr<std::string> PolicyText(std::uint64_t version) = 0;
  // What the policy in force would say, `max_opens` included and its `duties` traced, without
  // logging or releasing anything; of an EXPORT_MODEL that names a model also its deadline and
  // what it inherited of `release`, but not how large it is. Not asked are the deadlines of
  // data and budgets. NotFound: no such model.
  virtual absl::StatusOr<policy::Decision> Explain(const policy::Request& request) = 0;
  // The facts custody would add to a request about this data set; all of its columns
  // if none is named. For EVALUATE and EXPORT_MODEL of `model`; if that is empty, of one
  // that learned from those columns. NotFound: no such data set or model.
  // InvalidArgument: no such column; a model to be exported that learned from another
  // data set.
  virtual absl::StatusOr<policy::Request> RequestFor(const std::string& principal,
                                                     policy::Action action,
                                                     const std::string& dataset,
                                                     const std::string& purpose,
                                                     const std::vector<std::string>& columns,
                                                     const std::string& model) = 0;

  // --- approvals of access ---------------------------------------------------
  // The text for approvers to sign of what somebody is going to ask for: `request`, for
  // this home and under the policy set in force. InvalidArgument: something of it is
  // missing or malformed, its purpose is not declared, its end is past or more than 30
  // days off, or its model did not learn from its data set. PermissionDenied: no policy is
  // in force. NotFound: no such data set or model.
  virtual absl::StatusOr<std::string> DraftAccess(AccessRequest request) = 0;
  // Takes in such a text with the approvals of at least one approver of the set in force:
  // what it asks for may be asked for, any number of times, as a request with so many
  // `approvals`, until its `not_after` or until another policy set is applied. Of what is
  // handed in for one text, the last counts.
  // Errors of DraftAccess(). InvalidArgument: the approvals, or it was drafted for another
  // home or under another policy set.
  virtual absl::Status SubmitAccess(const std::string& principal, const std::string& text,
                                    const std::string& file_name, const std::string& approvals) = 0;

  // --- what the audit log seals ----------------------------------------------
  // Opens what an entry seals, if the policy permits READ_AUDIT on its data set. The
  // log tells of that first. OutOfRange: no such entry. NotFound: it seals nothing, or
  // custody never had it. FailedPrecondition: it is destroyed.
  virtual absl::StatusOr<RevealedEntry> RevealEntry(const EntryRequest& request) = 0;
  // Destroys what an entry seals, if the policy permits ERASE on its data set and
  // policy::kApprovalsToErase approvers signed that, whatever the policy asks for. The
  // log and its proofs stay as they are. Of an approval the signed text goes as well, and
  // counts no more. Errors as RevealEntry().
  virtual absl::Status RedactEntry(const EntryRequest& request) = 0;

  // --- model receipts --------------------------------------------------------
  // How a registered model came to be, by the entries of the log that tell of it, with
  // their proofs: docs/formats/model-receipt.md. Signed under manifest_public_key(). Takes
  // no permit, for it says what the published log says. NotFound: no such model. DataLoss:
  // the log does not tell of it as it must.
  virtual absl::StatusOr<std::string> ModelReceipt(const std::string& model) = 0;

  // --- keys ----------------------------------------------------------------
  virtual absl::StatusOr<KeyList> ListKeys() = 0;
  // Replaces the root key by one of `passphrase` (which may be the old one: the
  // salt is new) and wraps every key of the home under it; sealed data are not
  // touched. All or nothing, also in a crash. Permits stay valid. The old root
  // key opens what was copied before. InvalidArgument: empty passphrase.
  virtual absl::Status RotateRootKey(const std::string& principal,
                                     const crypto::SecretBytes& passphrase) = 0;

  // Replacing the key that signs the audit log, so that those who check it can be told
  // of the new one before the old one goes. From when custody is opened the next time
  // both sign. FailedPrecondition: a key is being replaced already.
  virtual absl::Status AddLogKey(const std::string& principal) = 0;
  // From when custody is opened the next time the new key alone signs; the old one is
  // destroyed. FailedPrecondition: custody was not opened since AddLogKey().
  virtual absl::Status DropOldLogKey(const std::string& principal) = 0;

  // The newest signed checkpoint of the audit log. Whoever reads the log's files from now
  // on finds what it covers. Unavailable: the log cannot be written.
  virtual absl::StatusOr<std::string> AuditCheckpoint() = 0;
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_CUSTODIAN_H_

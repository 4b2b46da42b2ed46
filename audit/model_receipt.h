// Model receipts: the entries of the log that tell how a model came to be, with their
// proofs and with what they say in readable form. An in-toto statement in a DSSE envelope;
// who has the log's verifier key checks it offline. docs/formats/model-receipt.md.
//
// All functions are thread-safe.
#ifndef SEALTRAIN_AUDIT_MODEL_RECEIPT_H_
#define SEALTRAIN_AUDIT_MODEL_RECEIPT_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sealtrain/audit/proof.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::audit {

inline constexpr std::size_t kMaxReceiptBytes = 1 << 20;

// An entry of the log, and a tlog-proof of it.
struct ReceiptEntry {
  std::string bytes;
  std::string proof;
};

// All that a receipt says, it says of these. Their proofs are under one checkpoint.
struct ReceiptEntries {
  ReceiptEntry policy;    // POLICY_APPLIED: the set that the run was decided by
  ReceiptEntry snapshot;  // SNAPSHOT_COMMITTED or DATASET_RESEALED: what it opened
  ReceiptEntry access;    // TRAIN_ACCESS, its INTENT
  ReceiptEntry model;     // MODEL_SEALED, of the same request
};

// The receipt, signed by `key`. Verifies no proof. DataLoss: the entries do not belong
// together, are not of these types, or a proof is malformed.
absl::StatusOr<std::string> SignModelReceipt(const ReceiptEntries& entries,
                                             const crypto::SigningKey& key);

struct CheckedReceipt {
  nlohmann::ordered_json statement;
  std::vector<ProvenEntry> entries;  // in the order of ReceiptEntries
  // That signed the receipt, by its own word. What it says is true by the proofs.
  crypto::PublicKey signer{};
};
// Checks that `receipt` is exactly what SignModelReceipt() makes of its entries, and that
// these are in a log that has one of the keys `vkeys`. InvalidArgument: malformed vkey.
// DataLoss says what does not fit.
absl::StatusOr<CheckedReceipt> CheckModelReceipt(absl::string_view receipt,
                                                 const std::vector<std::string>& vkeys);

// The SHA-256 of the file as which the model of `receipt` left, by `exported`: the entry
// MODEL_EXPORTED of that, which must be in a log that has one of the keys `vkeys`.
// InvalidArgument: malformed vkey. DataLoss: it is not, or tells of anything else.
absl::StatusOr<Digest> CheckExport(const CheckedReceipt& receipt, const ReceiptEntry& exported,
                                   const std::vector<std::string>& vkeys);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_MODEL_RECEIPT_H_

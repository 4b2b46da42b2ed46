#include "sealtrain/cli/approval_files.h"

#include <cstdint>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/cli/policy_files.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/custody/policy_approval.h"

namespace sealtrain::cli {
namespace {

constexpr std::uint64_t kMaxApprovalBytes = std::uint64_t{1} << 20;
constexpr std::size_t kSeedBytes = 32;
constexpr std::size_t kKeyFileBytes = 2 * kSeedBytes + 1;  // hex and a newline

std::string ApprovalsPath(const std::string& file) { return file + ".approvals"; }

// Hex without a std::string, so that the seed stays in secret memory.
absl::StatusOr<crypto::SecretBytes> KeyFileBytes(const crypto::SecretBytes& seed) {
  constexpr char kDigits[] = "0123456789abcdef";
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes line, crypto::SecretBytes::Allocate(kKeyFileBytes));
  const MutableByteSpan out = line.mutable_span();
  for (std::size_t i = 0; i < kSeedBytes; ++i) {
    out[2 * i] = static_cast<std::uint8_t>(kDigits[seed.span()[i] >> 4]);
    out[2 * i + 1] = static_cast<std::uint8_t>(kDigits[seed.span()[i] & 15]);
  }
  out[kKeyFileBytes - 1] = '\n';
  return line;
}

int HexValue(std::uint8_t digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// The lines of `approvals` that are not by `name`.
std::string WithoutLinesBy(absl::string_view approvals, const std::string& name) {
  std::string kept;
  for (const absl::string_view line : absl::StrSplit(approvals, '\n', absl::SkipEmpty())) {
    if (!absl::StartsWith(line, absl::StrCat(name, " "))) absl::StrAppend(&kept, line, "\n");
  }
  return kept;
}

}  // namespace

absl::StatusOr<crypto::SigningKey> MakeApproverKey(const std::string& path) {
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes seed, crypto::SecretBytes::Random(kSeedBytes));
  ST_ASSIGN_OR_RETURN(crypto::SigningKey key, crypto::SigningKey::FromSeed(seed));
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes line, KeyFileBytes(seed));
  ST_RETURN_IF_ERROR(WriteNewFile(path, line.span()));
  return key;
}

absl::StatusOr<crypto::SigningKey> ReadApproverKey(const std::string& path) {
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> file, Env::Posix().OpenForRead(path));
  const absl::Status no_key =
      absl::InvalidArgumentError(absl::StrCat("not a key made by `policy keygen`: ", path));
  if (file->size() != kKeyFileBytes) return no_key;
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes line, crypto::SecretBytes::Allocate(kKeyFileBytes));
  ST_RETURN_IF_ERROR(file->ReadAt(0, line.mutable_span()));
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes seed, crypto::SecretBytes::Allocate(kSeedBytes));
  for (std::size_t i = 0; i < kSeedBytes; ++i) {
    const int high = HexValue(line.span()[2 * i]);
    const int low = HexValue(line.span()[2 * i + 1]);
    if (high < 0 || low < 0) return no_key;
    seed.mutable_span()[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return crypto::SigningKey::FromSeed(seed);
}

absl::StatusOr<std::string> ReadApprovals(const std::string& file) {
  const std::string path = ApprovalsPath(file);
  if (!Env::Posix().Exists(path)) return "";
  return Env::Posix().ReadFile(path, kMaxApprovalBytes);
}

absl::StatusOr<std::string> AddApproval(const std::string& file, const std::string& name,
                                        const std::string& line) {
  const std::string path = ApprovalsPath(file);
  ST_ASSIGN_OR_RETURN(const std::string approvals, ReadApprovals(file));
  const absl::Status shape = custody::CheckApprovalLines(approvals);
  if (!shape.ok()) return absl::InvalidArgumentError(absl::StrCat(path, ": ", shape.message()));
  // Whoever approves an edited file again replaces the earlier approval.
  ST_RETURN_IF_ERROR(WriteFileDurably(
      Env::Posix(), path, AsBytes(absl::StrCat(WithoutLinesBy(approvals, name), line))));
  return path;
}

}  // namespace sealtrain::cli

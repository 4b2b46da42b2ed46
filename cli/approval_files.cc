#include "sealtrain/cli/approval_files.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/cli/new_file.h"
#include "sealtrain/cli/seed_line.h"
#include "sealtrain/crypto/secret_bytes.h"
#include "sealtrain/custody/policy_approval.h"

namespace sealtrain::cli {
namespace {

constexpr std::uint64_t kMaxApprovalBytes = std::uint64_t{1} << 20;

std::string ApprovalsPath(const std::string& file) { return file + ".approvals"; }

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
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes line, NewSeedLine());
  ST_ASSIGN_OR_RETURN(crypto::SigningKey key, ParseSeedLine(line.span()));
  ST_RETURN_IF_ERROR(WriteNewFile(path, line.span()));
  return key;
}

absl::StatusOr<crypto::SigningKey> ReadApproverKey(const std::string& path) {
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<RandomAccessFile> file, Env::Posix().OpenForRead(path));
  const absl::Status no_key =
      absl::InvalidArgumentError(absl::StrCat("not a key made by `policy keygen`: ", path));
  if (file->size() != kSeedLineBytes) return no_key;
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes line, crypto::SecretBytes::Allocate(kSeedLineBytes));
  ST_RETURN_IF_ERROR(file->ReadAt(0, line.mutable_span()));
  absl::StatusOr<crypto::SigningKey> key = ParseSeedLine(line.span());
  return absl::IsInvalidArgument(key.status()) ? no_key : std::move(key);
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

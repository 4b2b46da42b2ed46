#include "sealtrain/pipeline/dataset/commit.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/pipeline/dataset/store_layout.h"

namespace sealtrain::pipeline {
namespace {

constexpr int kSignAttempts = 5;
constexpr absl::Duration kLockPatience = absl::Seconds(60);

// Custody accepts one deadline only: the earlier of what the newest snapshot
// has and what the obligation gives to this commit.
std::uint64_t RetentionDeadline(const custody::Manifest& previous, std::uint64_t committed_unix_ns,
                                const std::optional<absl::Duration>& retention) {
  const std::uint64_t before = previous.retention_unix_ns();
  if (!retention.has_value()) return before;
  const std::uint64_t own =
      committed_unix_ns + static_cast<std::uint64_t>(absl::ToInt64Nanoseconds(*retention));
  return before == 0 ? own : std::min(before, own);
}

void AddPlan(const custody::Grant& grant, const Digest& review_sha256,
             custody::Manifest& manifest) {
  custody::SealPlan& plan = *manifest.add_plan();
  plan.set_permit_id(std::string(AsText(grant.permit_id)));
  plan.set_policy_id(grant.decision.policy_id);
  plan.set_policy_version(grant.decision.policy_version);
  plan.set_policy_sha256(std::string(AsText(grant.decision.policy_sha256)));
  plan.set_review_sha256(std::string(AsText(review_sha256)));
  const std::vector<policy::Column>& columns = grant.schema->columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    custody::SealedColumn& column = *plan.add_column();
    column.set_id(columns[i].id);
    column.set_name(columns[i].name);
    for (const DataClass c : columns[i].classes) column.add_data_class(c);
    *column.mutable_applied() = grant.decision.columns[i].transform;
  }
}

absl::Status AdvanceSource(const NewRows& rows, custody::Manifest& manifest) {
  if (rows.source_name.empty()) return absl::OkStatus();
  custody::SourcePosition* position = nullptr;
  for (custody::SourcePosition& source : *manifest.mutable_source()) {
    if (source.name() == rows.source_name) position = &source;
  }
  if ((position == nullptr ? 0 : position->records()) != rows.source_begin) {
    return absl::AbortedError(absl::StrCat("another job committed records of source ",
                                           rows.source_name, " meanwhile; run again"));
  }
  if (position == nullptr) {
    position = manifest.add_source();
    position->set_name(rows.source_name);
  }
  position->set_records(rows.source_end);
  return absl::OkStatus();
}

// The manifest that follows `previous`, which is empty before the first one.
absl::StatusOr<custody::Manifest> BuildManifest(const custody::Manifest& previous,
                                                const Digest& previous_sha256,
                                                const custody::Grant& grant, const NewRows& rows) {
  custody::Manifest manifest = previous;
  manifest.set_format(1);
  manifest.set_dataset(grant.dataset);
  manifest.set_generation(previous.generation() + 1);
  if (previous.generation() > 0) {
    manifest.set_previous_sha256(std::string(AsText(previous_sha256)));
  }
  manifest.set_message_name(grant.schema->message_name());
  manifest.set_schema_sha256(std::string(AsText(grant.schema->digest())));
  // The clock may have been set back since the last commit.
  const auto now = static_cast<std::uint64_t>(absl::GetCurrentTimeNanos());
  manifest.set_committed_unix_ns(std::max<std::uint64_t>(now, previous.committed_unix_ns()));
  manifest.set_retention_unix_ns(
      RetentionDeadline(previous, manifest.committed_unix_ns(), grant.decision.retention));
  const auto plan = static_cast<std::uint32_t>(previous.plan_size());
  AddPlan(grant, rows.review_sha256, manifest);
  for (const custody::Shard& shard : rows.shards) {
    custody::Shard& added = *manifest.add_shard();
    added = shard;
    added.set_plan(plan);
    manifest.set_rows(manifest.rows() + shard.rows());
  }
  ST_RETURN_IF_ERROR(AdvanceSource(rows, manifest));
  return manifest;
}

custody::Manifest ResealedManifest(const custody::Manifest& previous, const Digest& previous_sha256,
                                   const custody::Grant& grant) {
  custody::Manifest manifest = previous;
  manifest.set_generation(previous.generation() + 1);
  manifest.set_previous_sha256(std::string(AsText(previous_sha256)));
  custody::Reseal& reseal = *manifest.add_reseal();
  reseal.set_permit_id(std::string(AsText(grant.permit_id)));
  reseal.set_policy_id(grant.decision.policy_id);
  reseal.set_policy_version(grant.decision.policy_version);
  reseal.set_policy_sha256(std::string(AsText(grant.decision.policy_sha256)));
  reseal.set_plans(static_cast<std::uint32_t>(previous.plan_size()));
  return manifest;
}

// An error of AdvanceGeneration() may come after the change was made.
bool MayHaveAdvanced(custody::Custody& custody, const std::string& dataset,
                     std::uint64_t generation) {
  const absl::StatusOr<custody::DatasetInfo> info = custody.GetDataset(dataset);
  return !info.ok() || info->generation >= generation;
}

struct NextSnapshot {
  custody::Manifest manifest;
  custody::SignedManifest signed_manifest;
};

// The manifest that is to follow the newest one.
using Successor = absl::FunctionRef<absl::StatusOr<custody::Manifest>(
    const custody::Manifest& previous, const Digest& previous_sha256)>;

template <policy::Action kAction>
absl::StatusOr<NextSnapshot> SignOnNewest(custody::Custody& custody, Env& env,
                                          const std::string& store,
                                          const custody::Permit<kAction>& permit,
                                          const crypto::SigningKey& writer_key,
                                          Successor successor) {
  ST_ASSIGN_OR_RETURN(const custody::DatasetInfo info, custody.GetDataset(permit.grant().dataset));
  custody::Manifest previous;
  if (info.generation > 0) {
    ST_ASSIGN_OR_RETURN(previous, ReadManifestFile(env, store,
                                                   {.dataset = info.name,
                                                    .generation = info.generation,
                                                    .manifest_sha256 = info.manifest_sha256},
                                                   custody.manifest_public_key()));
  }
  NextSnapshot next;
  ST_ASSIGN_OR_RETURN(next.manifest, successor(previous, info.manifest_sha256));
  const std::string bytes = next.manifest.SerializeAsString();
  ST_ASSIGN_OR_RETURN(next.signed_manifest,
                      custody.SignManifest(permit, bytes, writer_key.public_key(),
                                           writer_key.Sign(ManifestMessage('W', bytes))));
  return next;
}

// Has it signed, makes it durable and calls `advance`, by which `permit` is used up.
template <policy::Action kAction>
absl::StatusOr<CommitResult> CommitSuccessor(
    custody::Custody& custody, Env& env, const std::string& store,
    std::optional<custody::Permit<kAction>>& permit, const crypto::SigningKey& writer_key,
    Successor successor,
    absl::FunctionRef<absl::Status(custody::Permit<kAction>, const custody::SignedManifest&)>
        advance,
    bool& maybe_committed) {
  maybe_committed = false;
  const std::string dataset = permit->grant().dataset;
  ST_RETURN_IF_ERROR(env.CreateDirs(ManifestsFolder(store, dataset)));
  // Correctness does not rest on this lock: custody alone says which manifest
  // is the newest, and a file's name carries its digest. The lock spares jobs
  // that finish together from losing all of their work.
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> lock,
                      LockPatiently(env, CommitLockPath(store, dataset), kLockPatience, nullptr));
  absl::StatusOr<NextSnapshot> next;
  for (int attempt = 0; attempt < kSignAttempts; ++attempt) {
    next = SignOnNewest(custody, env, store, *permit, writer_key, successor);
    if (!absl::IsAborted(next.status())) break;
  }
  ST_RETURN_IF_ERROR(next.status());

  const CommitResult result{
      .generation = next->manifest.generation(),
      .manifest_sha256 = crypto::Sha256(AsBytes(next->signed_manifest.manifest()))};
  const std::string path = ManifestPath(store, dataset, result.generation, result.manifest_sha256);
  absl::Status status =
      WriteFileDurably(env, path, AsBytes(next->signed_manifest.SerializeAsString()));
  if (status.ok()) {
    std::optional<custody::Permit<kAction>> spent;
    spent.swap(permit);
    status = advance(*std::move(spent), next->signed_manifest);
    maybe_committed = status.ok() || MayHaveAdvanced(custody, dataset, result.generation);
  }
  if (!maybe_committed) env.Remove(path).IgnoreError();
  ST_RETURN_IF_ERROR(status);
  return result;
}

}  // namespace

absl::StatusOr<CommitResult> CommitSnapshot(custody::Custody& custody, Env& env,
                                            const std::string& store,
                                            std::optional<custody::Permit<policy::SEAL>>& permit,
                                            const crypto::SigningKey& writer_key,
                                            const NewRows& rows, bool& maybe_committed) {
  const custody::Grant grant = permit->grant();  // outlives the permit
  return CommitSuccessor<policy::SEAL>(
      custody, env, store, permit, writer_key,
      [&](const custody::Manifest& previous, const Digest& previous_sha256) {
        return BuildManifest(previous, previous_sha256, grant, rows);
      },
      [&](custody::Permit<policy::SEAL> spent, const custody::SignedManifest& manifest) {
        return custody.AdvanceGeneration(std::move(spent), manifest, rows.suppressed);
      },
      maybe_committed);
}

absl::StatusOr<CommitResult> CommitReseal(
    custody::Custody& custody, Env& env, const std::string& store,
    std::optional<custody::Permit<policy::CHANGE_POLICY>>& permit,
    const crypto::SigningKey& writer_key) {
  const custody::Grant grant = permit->grant();  // outlives the permit
  bool maybe_committed = false;
  return CommitSuccessor<policy::CHANGE_POLICY>(
      custody, env, store, permit, writer_key,
      [&grant](const custody::Manifest& previous, const Digest& previous_sha256) {
        return ResealedManifest(previous, previous_sha256, grant);
      },
      [&custody](custody::Permit<policy::CHANGE_POLICY> spent,
                 const custody::SignedManifest& manifest) {
        return custody.AdvanceGeneration(std::move(spent), manifest);
      },
      maybe_committed);
}

}  // namespace sealtrain::pipeline

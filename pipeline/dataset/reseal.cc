#include "sealtrain/pipeline/reseal.h"

#include <optional>
#include <utility>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/pipeline/dataset/commit.h"
#include "sealtrain/pipeline/dataset/signed_ahead.h"

namespace sealtrain::pipeline {

absl::StatusOr<ResealResult> ResealDataset(custody::Custody& custody, Env& env,
                                           const std::string& store,
                                           const custody::ResealRequest& request) {
  ST_RETURN_IF_ERROR(SignedAhead(custody, env, store, request.dataset).status());
  ST_ASSIGN_OR_RETURN(const crypto::SigningKey writer_key, crypto::SigningKey::Generate());
  ST_ASSIGN_OR_RETURN(custody::Permit<policy::CHANGE_POLICY> granted,
                      custody.RequestReseal(request));
  const policy::Decision decision = granted.grant().decision;
  std::optional<custody::Permit<policy::CHANGE_POLICY>> permit(std::move(granted));
  const absl::StatusOr<CommitResult> committed =
      CommitReseal(custody, env, store, permit, writer_key);
  if (permit.has_value()) custody.FinishReseal(*std::move(permit)).IgnoreError();
  ST_RETURN_IF_ERROR(committed.status());
  return ResealResult{.generation = committed->generation,
                      .manifest_sha256 = committed->manifest_sha256,
                      .policy_version = decision.policy_version,
                      .policy_sha256 = decision.policy_sha256};
}

}  // namespace sealtrain::pipeline

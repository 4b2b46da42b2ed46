#include "sealtrain/custody/manifest_check_internal.h"

#include <algorithm>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::custody {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr std::uint32_t kManifestFormat = 1;
constexpr std::size_t kMaxManifestBytes = 64u << 20;
// absl::ToInt64Nanoseconds() goes no further.
constexpr std::uint64_t kLatestUnixNs = std::numeric_limits<std::int64_t>::max();
constexpr absl::Duration kMaxClockSkew = absl::Minutes(5);

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("manifest: ", what));
}

template <typename Array>
bool Equals(const std::string& bytes, const Array& array) {
  return AsBytes(bytes) == ByteSpan(array);
}

std::string DigestOf(absl::string_view manifest) {
  return manifest.empty() ? "" : std::string(AsText(crypto::Sha256(AsBytes(manifest))));
}

absl::Status CheckStandsOnNewest(const Manifest& manifest, const ManifestContext& context) {
  const Grant& grant = context.grant;
  if (manifest.dataset() != grant.dataset) return Wrong("it names another data set");
  if (manifest.generation() != context.generation + 1) {
    return absl::AbortedError(absl::StrCat("the newest snapshot of ", grant.dataset,
                                           " is generation ", context.generation,
                                           ", the manifest makes ", manifest.generation()));
  }
  if (manifest.previous_sha256() != DigestOf(context.previous)) {
    return absl::AbortedError(absl::StrCat("the manifest does not stand on generation ",
                                           context.generation, " of ", grant.dataset));
  }
  return absl::OkStatus();
}

absl::Status CheckHead(const Manifest& manifest, const Manifest& previous,
                       const ManifestContext& context) {
  const Grant& grant = context.grant;
  ST_RETURN_IF_ERROR(CheckStandsOnNewest(manifest, context));
  if (manifest.message_name() != grant.schema->message_name() ||
      !Equals(manifest.schema_sha256(), grant.schema->digest())) {
    return Wrong("schema is not the data set's");
  }
  // Retention counts from here, so a job must not date its commit forward.
  const std::int64_t latest = absl::ToUnixNanos(context.now + kMaxClockSkew);
  if (manifest.committed_unix_ns() < previous.committed_unix_ns() ||
      manifest.committed_unix_ns() >
          static_cast<std::uint64_t>(std::max<std::int64_t>(latest, 0))) {
    return Wrong("committed_unix_ns lies before the last commit or in the future");
  }
  if (manifest.retention_unix_ns() != RetentionDeadlineNs(previous.retention_unix_ns(),
                                                          manifest.committed_unix_ns(),
                                                          grant.decision.retention)) {
    return Wrong("retention_unix_ns is not what the policy obliges to");
  }
  return absl::OkStatus();
}

template <typename Repeated>
bool IsPrefix(const Repeated& prefix, const Repeated& whole) {
  return prefix.size() <= whole.size() &&
         std::equal(prefix.begin(), prefix.end(), whole.begin(),
                    [](const auto& a, const auto& b) { return MessageDifferencer::Equals(a, b); });
}

absl::Status CheckPlan(const SealPlan& plan, const Grant& grant) {
  const policy::Decision& decision = grant.decision;
  if (!Equals(plan.permit_id(), grant.permit_id)) return Wrong("the new plan names another permit");
  if (plan.policy_id() != decision.policy_id || plan.policy_version() != decision.policy_version ||
      !Equals(plan.policy_sha256(), decision.policy_sha256)) {
    return Wrong("the new plan names another policy");
  }
  if (plan.review_sha256().size() != sizeof(Digest)) return Wrong("the new plan names no review");
  const std::vector<policy::Column>& columns = grant.schema->columns();
  if (static_cast<std::size_t>(plan.column_size()) != columns.size()) {
    return Wrong("the new plan has not all columns of the schema");
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const SealedColumn& sealed = plan.column(static_cast<int>(i));
    const std::vector<DataClass>& classes = columns[i].classes;
    if (sealed.id() != columns[i].id || sealed.name() != columns[i].name ||
        !std::equal(sealed.data_class().begin(), sealed.data_class().end(), classes.begin(),
                    classes.end())) {
      return Wrong(absl::StrCat("the new plan's column ", i, " is not ", columns[i].name));
    }
    if (!MessageDifferencer::Equals(sealed.applied(), decision.columns[i].transform)) {
      return Wrong(
          absl::StrCat("column ", columns[i].name, " was not treated as the policy obliges to"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNewShard(const Shard& shard, std::uint32_t plan, const ManifestContext& context,
                           std::set<Id>& seen) {
  Id id;
  if (shard.id().size() != id.size()) return Wrong("a shard id has not 16 bytes");
  const ByteSpan bytes = AsBytes(shard.id());
  std::copy(bytes.begin(), bytes.end(), id.begin());
  const std::string name = HexEncode(id);
  if (context.granted_shards.count(id) == 0) {
    return Wrong(absl::StrCat("shard ", name, " was not granted under this permit"));
  }
  if (!seen.insert(id).second) return Wrong(absl::StrCat("shard ", name, " stands twice"));
  if (shard.plan() != plan) return Wrong(absl::StrCat("shard ", name, " has another plan"));
  if (shard.rows() == 0 || shard.file_bytes() == 0 || shard.segments() == 0 ||
      shard.header_sha256().size() != sizeof(Digest) ||
      shard.segments_root().size() != sizeof(Digest)) {
    return Wrong(absl::StrCat("shard ", name, " is incomplete"));
  }
  if (shard.key_epoch() != context.grant.key_epoch) {
    return Wrong(absl::StrCat("shard ", name, " has another key epoch"));
  }
  return absl::OkStatus();
}

absl::Status CheckRows(const Manifest& manifest) {
  std::uint64_t rows = 0;
  for (const Shard& shard : manifest.shard()) {
    // The key store's integers are signed.
    if (shard.rows() > std::numeric_limits<std::int64_t>::max() - rows) {
      return Wrong("too many rows");
    }
    rows += shard.rows();
  }
  if (rows != manifest.rows()) return Wrong("rows is not the sum over the shards");
  return absl::OkStatus();
}

absl::StatusOr<Manifest> PreviousManifest(const ManifestContext& context) {
  if (context.previous.empty()) return Manifest();
  absl::StatusOr<Manifest> parsed = ParseManifest(context.previous);
  if (!parsed.ok()) return absl::DataLossError("key store: the newest manifest is damaged");
  return parsed;
}

absl::Status CheckSources(const Manifest& manifest, const Manifest& previous) {
  std::map<std::string, std::uint64_t> positions;
  for (const SourcePosition& source : manifest.source()) {
    if (source.name().empty()) return Wrong("a source has no name");
    if (!positions.emplace(source.name(), source.records()).second) {
      return Wrong("a source stands twice");
    }
  }
  for (const SourcePosition& source : previous.source()) {
    const auto now = positions.find(source.name());
    if (now == positions.end() || now->second < source.records()) {
      return Wrong("a source went back or is gone");
    }
  }
  return absl::OkStatus();
}

}  // namespace

Bytes ManifestSignedBytes(char role, absl::string_view manifest) {
  const ByteSpan label = AsBytes("sealtrain/manifest/1");
  const ByteSpan body = AsBytes(manifest);
  Bytes bytes(label.begin(), label.end());
  bytes.push_back(0);
  bytes.push_back(static_cast<std::uint8_t>(role));
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

absl::StatusOr<Manifest> ParseManifest(absl::string_view bytes) {
  if (bytes.size() > kMaxManifestBytes) return Wrong("longer than 64 MiB");
  Manifest manifest;
  if (!manifest.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Wrong("not a manifest");
  }
  if (manifest.format() != kManifestFormat) {
    return Wrong(absl::StrCat("format ", manifest.format(), " is unknown"));
  }
  // What we cannot read we do not sign. Writing the message again without its
  // unknown fields gives the same bytes only if there were none and every field
  // was written the one way we write it.
  Manifest known = manifest;
  known.DiscardUnknownFields();
  if (known.SerializeAsString() != bytes) return Wrong("unknown fields or another encoding");
  return manifest;
}

std::uint64_t RetentionDeadlineNs(std::uint64_t previous_deadline_ns,
                                  std::uint64_t committed_unix_ns,
                                  std::optional<absl::Duration> retention) {
  std::uint64_t deadline = previous_deadline_ns;
  if (retention.has_value()) {
    // Both are below 2^63. What is later than a time can be is the latest there is.
    const std::uint64_t own = std::min(
        kLatestUnixNs,
        committed_unix_ns + static_cast<std::uint64_t>(absl::ToInt64Nanoseconds(*retention)));
    deadline = deadline == 0 ? own : std::min(deadline, own);
  }
  return deadline;
}

absl::Time DeadlineOf(const Manifest& manifest) {
  if (manifest.retention_unix_ns() == 0) return absl::InfiniteFuture();
  return absl::FromUnixNanos(
      static_cast<std::int64_t>(std::min(kLatestUnixNs, manifest.retention_unix_ns())));
}

absl::Status PastDeadline(absl::string_view what) {
  return absl::PermissionDeniedError(
      absl::StrCat("the retention deadline of ", what, " has passed"));
}

absl::Status CheckManifest(const Manifest& manifest, const ManifestContext& context) {
  ST_ASSIGN_OR_RETURN(const Manifest previous, PreviousManifest(context));
  ST_RETURN_IF_ERROR(CheckHead(manifest, previous, context));
  if (!IsPrefix(previous.plan(), manifest.plan()) ||
      !IsPrefix(previous.shard(), manifest.shard())) {
    return Wrong("plans or shards of the previous snapshot are changed");
  }
  if (manifest.reseal_size() != previous.reseal_size() ||
      !IsPrefix(previous.reseal(), manifest.reseal())) {
    return Wrong("reseals of the previous snapshot are changed");
  }
  if (manifest.plan_size() != previous.plan_size() + 1) return Wrong("not exactly one new plan");
  if (manifest.shard_size() == previous.shard_size()) return Wrong("no new shard");
  ST_RETURN_IF_ERROR(CheckPlan(manifest.plan(previous.plan_size()), context.grant));
  std::set<Id> seen;
  for (int i = previous.shard_size(); i < manifest.shard_size(); ++i) {
    ST_RETURN_IF_ERROR(CheckNewShard(
        manifest.shard(i), static_cast<std::uint32_t>(previous.plan_size()), context, seen));
  }
  ST_RETURN_IF_ERROR(CheckRows(manifest));
  return CheckSources(manifest, previous);
}

absl::Status CheckReseal(const Manifest& manifest, const ManifestContext& context) {
  ST_ASSIGN_OR_RETURN(Manifest expected, PreviousManifest(context));
  ST_RETURN_IF_ERROR(CheckStandsOnNewest(manifest, context));
  expected.set_generation(context.generation + 1);
  expected.set_previous_sha256(DigestOf(context.previous));
  const policy::Decision& decision = context.grant.decision;
  Reseal& reseal = *expected.add_reseal();
  reseal.set_permit_id(std::string(AsText(context.grant.permit_id)));
  reseal.set_policy_id(decision.policy_id);
  reseal.set_policy_version(decision.policy_version);
  reseal.set_policy_sha256(std::string(AsText(decision.policy_sha256)));
  reseal.set_plans(static_cast<std::uint32_t>(expected.plan_size()));
  if (MessageDifferencer::Equals(manifest, expected)) return absl::OkStatus();
  return Wrong("it is not the snapshot before it under the policy of the permit");
}

absl::StatusOr<std::vector<Digest>> SealedUnder(const Manifest& manifest) {
  std::vector<Digest> sets;
  for (int i = 0; i < manifest.plan_size(); ++i) {
    const std::string* sha256 = &manifest.plan(i).policy_sha256();
    for (const Reseal& reseal : manifest.reseal()) {
      if (static_cast<std::uint32_t>(i) < reseal.plans()) sha256 = &reseal.policy_sha256();
    }
    Digest digest;
    if (sha256->size() != digest.size()) {
      return absl::DataLossError("manifest: the policy of a plan is no digest");
    }
    const ByteSpan bytes = AsBytes(*sha256);
    std::copy(bytes.begin(), bytes.end(), digest.begin());
    if (std::find(sets.begin(), sets.end(), digest) == sets.end()) sets.push_back(digest);
  }
  return sets;
}

}  // namespace sealtrain::custody

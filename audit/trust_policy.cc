#include "sealtrain/audit/trust_policy.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/base/unicode.h"

namespace sealtrain::audit {
namespace {

constexpr char kNone[] = "none";

using Items = absl::Span<const absl::string_view>;

bool IsPolicyOctet(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet == '\t' || (octet >= 0x20 && octet != 0x7F);
}

}  // namespace

// Reads a policy line by line.
class TrustPolicy::Parser {
 public:
  absl::StatusOr<TrustPolicy> Parse(absl::string_view text) {
    if (text.size() > kMaxTrustPolicyBytes) {
      return absl::InvalidArgumentError("a trust policy of more than 1 MiB");
    }
    int number = 1;
    for (; !text.empty(); ++number) {
      const std::size_t end = text.find('\n');
      absl::Status status = end == absl::string_view::npos
                                ? absl::InvalidArgumentError("no newline at its end")
                                : ParseLine(text.substr(0, end));
      if (!status.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", status.message()));
      }
      text.remove_prefix(end + 1);
    }
    if (policy_.quorum_name_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": no quorum line"));
    }
    return std::move(policy_);
  }

 private:
  absl::Status ParseLine(absl::string_view line) {
    if (!std::all_of(line.begin(), line.end(), IsPolicyOctet)) {
      return absl::InvalidArgumentError("a control character");
    }
    const std::vector<absl::string_view> items =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (items.empty() || items[0][0] == '#') return absl::OkStatus();
    const Items rest = Items(items).subspan(1);
    if (items[0] == "log") return ParseLog(rest);
    if (items[0] == "witness") return ParseWitness(rest);
    if (items[0] == "group") return ParseGroup(rest);
    if (items[0] == "quorum") return ParseQuorum(rest);
    return absl::InvalidArgumentError(
        absl::StrCat("neither log, witness, group nor quorum: ", Printable(items[0])));
  }

  absl::Status ParseLog(Items items) {
    if (items.empty() || items.size() > 2) {
      return absl::InvalidArgumentError("not: log <vkey> [<url>]");
    }
    ST_ASSIGN_OR_RETURN(VerifierKey key, ParseVkey(items[0]));
    ST_RETURN_IF_ERROR(TakeKey(key.public_key));
    policy_.logs_.push_back({std::move(key), std::string(items.size() > 1 ? items[1] : "")});
    return absl::OkStatus();
  }

  absl::Status ParseWitness(Items items) {
    if (items.size() < 2 || items.size() > 3) {
      return absl::InvalidArgumentError("not: witness <name> <vkey> [<url>]");
    }
    ST_ASSIGN_OR_RETURN(WitnessKey key, ParseWitnessVkey(items[1]));
    ST_RETURN_IF_ERROR(TakeKey(key.public_key));
    ST_RETURN_IF_ERROR(Define({.name = std::string(items[0]),
                               .witness = policy_.witnesses_.size(),
                               .threshold = 0,
                               .members = {}}));
    policy_.witnesses_.push_back(
        {std::string(items[0]), std::move(key), std::string(items.size() > 2 ? items[2] : "")});
    return absl::OkStatus();
  }

  absl::Status ParseGroup(Items items) {
    if (items.size() < 3) {
      return absl::InvalidArgumentError("not: group <name> all|any|<k> <name>...");
    }
    Cosigner group{.name = std::string(items[0]), .witness = {}, .threshold = 0, .members = {}};
    for (const absl::string_view name : items.subspan(2)) {
      ST_ASSIGN_OR_RETURN(const std::size_t member, Find(name));
      if (is_member_[member]) {
        return absl::InvalidArgumentError(
            absl::StrCat("a member of a group already: ", Printable(name)));
      }
      is_member_[member] = true;
      group.members.push_back(member);
    }
    if (items[1] == "any") {
      group.threshold = 1;
    } else if (items[1] == "all") {
      group.threshold = group.members.size();
    } else {
      group.threshold = DecodeDecimal(items[1], group.members.size()).value_or(0);
      if (group.threshold == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("neither all, any nor a number from 1 to ", group.members.size(),
                         ", that of the members: ", Printable(items[1])));
      }
    }
    return Define(std::move(group));
  }

  absl::Status ParseQuorum(Items items) {
    if (items.size() != 1) return absl::InvalidArgumentError("not: quorum <name>");
    if (!policy_.quorum_name_.empty()) return absl::InvalidArgumentError("a second quorum line");
    if (items[0] != kNone) {
      ST_ASSIGN_OR_RETURN(policy_.quorum_, Find(items[0]));
    }
    policy_.quorum_name_ = std::string(items[0]);
    return absl::OkStatus();
  }

  // One key has one role, so that nobody counts twice.
  absl::Status TakeKey(const crypto::PublicKey& key) {
    if (std::find(keys_.begin(), keys_.end(), key) != keys_.end()) {
      return absl::InvalidArgumentError("a public key that is in the policy already");
    }
    keys_.push_back(key);
    return absl::OkStatus();
  }

  absl::Status Define(Cosigner cosigner) {
    if (cosigner.name == kNone) return absl::InvalidArgumentError("the name none is taken");
    if (!index_.emplace(cosigner.name, policy_.cosigners_.size()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("defined already: ", Printable(cosigner.name)));
    }
    policy_.cosigners_.push_back(std::move(cosigner));
    is_member_.push_back(false);
    return absl::OkStatus();
  }

  absl::StatusOr<std::size_t> Find(absl::string_view name) const {
    const auto found = index_.find(std::string(name));
    if (found != index_.end()) return found->second;
    return absl::InvalidArgumentError(absl::StrCat("not defined before: ", Printable(name)));
  }

  TrustPolicy policy_;
  std::map<std::string, std::size_t> index_;  // of cosigners_, by name
  std::vector<bool> is_member_;               // of a group, for each of cosigners_
  std::vector<crypto::PublicKey> keys_;
};

std::size_t WitnessedCheckpoint::counted() const {
  return static_cast<std::size_t>(std::count_if(witnesses.begin(), witnesses.end(),
                                                [](const Witness& w) { return w.counted; }));
}

absl::StatusOr<TrustPolicy> TrustPolicy::Parse(absl::string_view text) {
  return Parser().Parse(text);
}

bool TrustPolicy::IsQuorum(const std::vector<bool>& cosigned) const {
  if (!quorum_) return true;
  // Members stand before their group, so one pass settles every group.
  std::vector<bool> settled;
  settled.reserve(cosigners_.size());
  for (const Cosigner& cosigner : cosigners_) {
    if (cosigner.witness) {
      settled.push_back(cosigned[*cosigner.witness]);
      continue;
    }
    const auto count = std::count_if(cosigner.members.begin(), cosigner.members.end(),
                                     [&](std::size_t member) { return settled[member]; });
    settled.push_back(static_cast<std::size_t>(count) >= cosigner.threshold);
  }
  return settled[*quorum_];
}

absl::StatusOr<WitnessedCheckpoint> TrustPolicy::Judge(absl::string_view note,
                                                       absl::Span<const VerifierKey> log_keys,
                                                       const Times& times) const {
  WitnessedCheckpoint judged;
  ST_ASSIGN_OR_RETURN(SignedCheckpoint verified, VerifyCheckpoint(note, log_keys));
  judged.checkpoint = std::move(verified.checkpoint);
  ST_ASSIGN_OR_RETURN(const Note parsed, ParseNote(note));
  std::vector<bool> counted;
  for (const Witness& witness : witnesses_) {
    ST_ASSIGN_OR_RETURN(const auto time_s, CosignedAt(parsed, witness.key));
    const auto is_allowed = [&times](std::uint64_t seconds) {
      const absl::Time time = absl::FromUnixSeconds(static_cast<std::int64_t>(seconds));
      return times.not_before <= time && time <= times.not_after;
    };
    counted.push_back(time_s && is_allowed(*time_s));
    judged.witnesses.push_back({witness.name, time_s, counted.back()});
  }
  judged.quorum = IsQuorum(counted);
  return judged;
}

absl::StatusOr<WitnessedCheckpoint> TrustPolicy::JudgeBest(
    absl::Span<const KeptCheckpoint> checkpoints, absl::Span<const VerifierKey> log_keys,
    const Times& times) const {
  const auto rank = [](const WitnessedCheckpoint& judged) {
    return std::make_tuple(judged.quorum, judged.quorum ? 0 : judged.counted(),
                           judged.checkpoint.size, judged.counted());
  };
  std::optional<WitnessedCheckpoint> best;
  for (const KeptCheckpoint& kept : checkpoints) {
    absl::StatusOr<WitnessedCheckpoint> judged = Judge(kept.note, log_keys, times);
    if (!judged.ok()) {
      return absl::Status(judged.status().code(),
                          absl::StrCat(kept.name, ": ", judged.status().message()));
    }
    if (!best || rank(*best) < rank(*judged)) best = *std::move(judged);
  }
  return *std::move(best);
}

}  // namespace sealtrain::audit

#include "sealtrain/tests/policy/oracle.h"

#include <cctype>
#include <cmath>
#include <map>
#include <sstream>

namespace sealtrain::policy::testing {
namespace {

enum class Answer { kYes, kNo, kUnknown };

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + duration.nanos() * 1e-9;
}
double UnixSeconds(const google::protobuf::Timestamp& time) {
  return static_cast<double>(time.seconds()) + time.nanos() * 1e-9;
}

std::vector<std::string> Segments(const std::string& path) {
  std::vector<std::string> segments;
  std::istringstream in(path);
  for (std::string segment; std::getline(in, segment, '/');) segments.push_back(segment);
  return segments;
}

bool Under(const std::string& purpose, const std::string& scope) {
  const std::vector<std::string> inner = Segments(purpose);
  const std::vector<std::string> outer = Segments(scope);
  if (outer.size() > inner.size()) return false;
  for (std::size_t i = 0; i < outer.size(); ++i) {
    if (inner[i] != outer[i]) return false;
  }
  return true;
}

bool Matches(const std::string& pattern, const std::string& dataset) {
  if (pattern == "*" || pattern == dataset) return true;
  const std::size_t n = pattern.size();
  if (n < 2 || pattern.substr(n - 2) != "/*") return false;
  return dataset.rfind(pattern.substr(0, n - 1), 0) == 0 && dataset.size() >= n;
}

bool IsMember(const PolicySet& set, const std::string& group, const std::string& principal) {
  for (const Group& g : set.group()) {
    if (g.name() != group) continue;
    for (const std::string& member : g.member()) {
      if (member == principal) return true;
    }
  }
  return false;
}

Answer Ask(const Condition& condition, const Request& request) {
  if (condition.has_trust_at_least()) {
    if (request.trust < PLAIN || request.trust > SANDBOXED) return Answer::kUnknown;
    return request.trust >= condition.trust_at_least() ? Answer::kYes : Answer::kNo;
  }
  if (condition.has_rows_at_least()) {
    if (!request.rows) return Answer::kUnknown;
    return *request.rows >= condition.rows_at_least() ? Answer::kYes : Answer::kNo;
  }
  if (condition.kind_case() == Condition::kApprovalsAtLeast) {
    if (!request.approvals) return Answer::kUnknown;
    return *request.approvals < condition.approvals_at_least() ? Answer::kNo : Answer::kYes;
  }
  if (!request.dataset_age) return Answer::kUnknown;
  const double age = absl::ToDoubleSeconds(*request.dataset_age);
  if (!(age >= 0) || std::isinf(age)) return Answer::kUnknown;
  return age < Seconds(condition.dataset_age_below()) ? Answer::kYes : Answer::kNo;
}

bool InScope(const PolicySet& set, const Rule& rule, const Request& request, double now) {
  if (rule.has_not_before() && now < UnixSeconds(rule.not_before())) return false;
  if (rule.has_not_after() && !(now < UnixSeconds(rule.not_after()))) return false;
  bool principal = false;
  for (const std::string& p : rule.scope().principal()) {
    if (p == "any" || p == request.principal) principal = true;
    if (p.rfind("group:", 0) == 0 && IsMember(set, p.substr(6), request.principal)) {
      principal = true;
    }
  }
  bool action = false;
  for (const int a : rule.scope().action()) action = action || a == request.action;
  bool dataset = false;
  for (const std::string& d : rule.scope().dataset()) {
    dataset = dataset || Matches(d, request.dataset);
  }
  bool purpose = false;
  for (const std::string& p : rule.scope().purpose()) {
    purpose = purpose || Under(request.purpose, p);
  }
  return principal && action && dataset && purpose;
}

bool Has(const RequestedColumn& column, int data_class) {
  for (const DataClass c : column.classes) {
    if (c == data_class) return true;
  }
  return false;
}

bool UsesModel(const Request& request) {
  return request.action == EVALUATE || request.action == EXPORT_MODEL;
}

bool Forbids(const Rule& rule, const Request& request) {
  bool concerns = rule.scope().data_class().empty();
  if (UsesModel(request) && request.model_classes.empty()) concerns = true;
  for (const int c : rule.scope().data_class()) {
    for (const DataClass inherited : request.model_classes) {
      concerns = concerns || (UsesModel(request) && inherited == c);
    }
    for (const RequestedColumn& column : request.columns) concerns = concerns || Has(column, c);
  }
  if (!concerns) return false;
  for (const Condition& condition : rule.when()) {
    if (Ask(condition, request) == Answer::kNo) return false;
  }
  for (const Condition& condition : rule.unless()) {
    if (Ask(condition, request) == Answer::kYes) return false;
  }
  return true;
}

bool Permits(const Rule& rule, const Request& request) {
  for (const Condition& condition : rule.when()) {
    if (Ask(condition, request) != Answer::kYes) return false;
  }
  for (const Condition& condition : rule.unless()) {
    if (Ask(condition, request) != Answer::kNo) return false;
  }
  return true;
}

// From the table of strengths.
int Rank(TransformKind kind) {
  static const std::map<TransformKind, int> ranks = {
      {DROP, 4}, {REDACT, 3}, {PSEUDONYMIZE, 2}, {TRUNCATE_IP, 1}, {BUCKET, 1}, {KEEP, 0}};
  return ranks.at(kind);
}

// Nothing: they conflict.
std::optional<Transform> Meet(const std::vector<Transform>& all) {
  Transform best = all.front();
  for (const Transform& t : all) {
    if (Rank(t.kind()) > Rank(best.kind())) best = t;
  }
  for (const Transform& t : all) {
    if (Rank(t.kind()) != Rank(best.kind())) continue;
    if (t.kind() != best.kind() || t.domain() != best.domain()) return std::nullopt;
    if (t.step() > best.step()) best.set_step(t.step());
    if (t.kind() != TRUNCATE_IP) continue;
    if (t.prefix_v4() < best.prefix_v4()) best.set_prefix_v4(t.prefix_v4());
    if (t.prefix_v6() < best.prefix_v6()) best.set_prefix_v6(t.prefix_v6());
  }
  return best;
}

bool StrictEnough(const Transform& applied, const Transform& required) {
  if (Rank(applied.kind()) > Rank(required.kind())) return true;
  if (applied.kind() != required.kind()) return false;
  if (applied.kind() == BUCKET) return applied.step() >= required.step();
  if (applied.kind() == PSEUDONYMIZE) return applied.domain() == required.domain();
  if (applied.kind() == TRUNCATE_IP) {
    return applied.prefix_v4() <= required.prefix_v4() &&
           applied.prefix_v6() <= required.prefix_v6();
  }
  return true;
}

bool IsHarmless(int c) {
  return c == PUBLIC || c == INTERNAL || c == FEATURE || c == LABEL || c == SUBJECT_KEY;
}

// What the columns are sealed or opened under; nothing: deny.
std::optional<std::string> PlanOf(const RequestedColumn& column, const Request& request,
                                  const std::vector<const Rule*>& permits) {
  std::vector<Transform> transforms;
  for (const DataClass c : column.classes) {
    bool covered = false;
    bool treated = false;
    for (const Rule* permit : permits) {
      for (const int covers : permit->scope().data_class()) covered = covered || covers == c;
      for (const Obligation& obligation : permit->permit().obligation()) {
        for (const int on : obligation.transform().on_class()) {
          if (on != c) continue;
          treated = true;
          transforms.push_back(obligation.transform());
        }
      }
    }
    if (!covered || (!treated && !IsHarmless(c))) return std::nullopt;
  }
  Transform keep;
  keep.set_kind(KEEP);
  const std::optional<Transform> met =
      transforms.empty() ? std::optional<Transform>(keep) : Meet(transforms);
  if (!met) return std::nullopt;
  if (request.action == SEAL && Has(column, SUBJECT_KEY) && met->kind() != PSEUDONYMIZE) {
    return std::nullopt;
  }
  if (request.action == SEAL || request.action == INGEST || met->kind() == DROP) {
    return TransformText(*met);
  }
  if (!column.applied || !StrictEnough(*column.applied, *met)) return std::nullopt;
  return column.applied->kind() == DROP ? "DROP" : "KEEP";
}

// Which searches the permits ask for, kind by kind: the last of SCRUB, SUPPRESS, REFUSE.
std::string ScansOf(const RequestedColumn& column, const std::vector<const Rule*>& permits) {
  std::string scans;
  for (int kind = TextScan::EMAIL_ADDRESS; kind <= TextScan::PRIVATE_KEY; ++kind) {
    int then = 0;
    for (const Rule* permit : permits) {
      for (const Obligation& obligation : permit->permit().obligation()) {
        bool concerns = false;
        for (const int on : obligation.text_scan().on_class()) {
          concerns = concerns || Has(column, on);
        }
        for (const int looks_for : obligation.text_scan().look_for()) {
          if (concerns && looks_for == kind && obligation.text_scan().then() > then) {
            then = obligation.text_scan().then();
          }
        }
      }
    }
    if (then == 0) continue;
    scans += ScanText(static_cast<TextScan::Kind>(kind), static_cast<TextScan::Then>(then));
  }
  return scans;
}

}  // namespace

std::string ScanText(TextScan::Kind kind, TextScan::Then then) {
  return TextScan::Kind_Name(kind) + " " + TextScan::Then_Name(then) + ";";
}

std::string KAnonymityText(const KAnonymity& k_anonymity) {
  std::ostringstream out;
  out << k_anonymity.k() << " " << k_anonymity.max_suppressed();
  return out.str();
}

std::string ReleaseText(const Release& release) {
  std::ostringstream out;
  out << release.epsilon_max() << " " << release.delta_max() << " " << release.unit() << " "
      << release.max_bytes();
  return out.str();
}

std::string TransformText(const Transform& transform) {
  std::ostringstream out;
  out << TransformKind_Name(transform.kind());
  if (transform.kind() == BUCKET) out << " " << transform.step();
  if (transform.kind() == TRUNCATE_IP) {
    out << " " << transform.prefix_v4() << " " << transform.prefix_v6();
  }
  if (transform.kind() == PSEUDONYMIZE) out << " " << transform.domain();
  return out.str();
}

std::string DpText(const DifferentialPrivacy& dp) {
  std::ostringstream out;
  out << dp.epsilon_max() << " " << dp.delta_max() << " " << dp.unit() << " "
      << dp.ledger_epsilon();
  return out.str();
}

OracleDecision OracleDecide(const PolicySet& set, const Request& request) {
  OracleDecision decision;
  const bool opens =
      request.action == TRAIN || request.action == EVALUATE || request.action == INSPECT;
  const bool seals = request.action == INGEST || request.action == SEAL;
  // 1. The request itself.
  if (request.action <= ACTION_UNSPECIFIED || request.action > CHANGE_POLICY) return decision;
  if ((opens || seals) != !request.columns.empty()) return decision;
  std::string principal = request.principal;
  for (char& c : principal) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (principal.empty() || principal == "any" || principal.rfind("group:", 0) == 0 ||
      principal.find('*') != std::string::npos || request.dataset.empty() ||
      request.dataset.find('*') != std::string::npos) {
    return decision;
  }
  std::set<std::string> names;
  for (const RequestedColumn& column : request.columns) {
    if (column.classes.empty() || !names.insert(column.name).second) return decision;
    for (const DataClass c : column.classes) {
      if (c <= DATA_CLASS_UNSPECIFIED || c > LABEL) return decision;
    }
  }
  for (const DataClass c : request.model_classes) {
    if (UsesModel(request) && (c <= DATA_CLASS_UNSPECIFIED || c > LABEL)) return decision;
  }
  const double now = absl::ToDoubleSeconds(request.now - absl::UnixEpoch());
  if (std::isinf(now)) return decision;
  if (set.has_not_before() && now < UnixSeconds(set.not_before())) return decision;
  if (set.has_not_after() && !(now < UnixSeconds(set.not_after()))) return decision;
  bool declared = false;
  for (const std::string& purpose : set.purpose())
    declared = declared || purpose == request.purpose;
  if (!declared) return decision;

  // 2. and 3. Forbids, then permits.
  std::vector<const Rule*> permits;
  for (const Rule& rule : set.rule()) {
    if (!InScope(set, rule, request, now)) continue;
    if (rule.has_forbid() && Forbids(rule, request)) decision.rules.insert(rule.id());
    if (rule.has_permit() && Permits(rule, request)) permits.push_back(&rule);
  }
  if (!decision.rules.empty() || permits.empty()) return decision;

  // 4. Obligations.
  std::optional<DifferentialPrivacy> dp;
  std::optional<KAnonymity> k_anonymity;
  std::optional<Release> release;
  for (const Rule* permit : permits) {
    for (const Obligation& obligation : permit->permit().obligation()) {
      if ((obligation.has_k_anonymity() || obligation.has_text_scan()) && !seals) return decision;
      if (obligation.has_k_anonymity()) {
        const KAnonymity& asked = obligation.k_anonymity();
        if (!k_anonymity) k_anonymity = asked;
        if (asked.k() > k_anonymity->k()) k_anonymity->set_k(asked.k());
        k_anonymity->set_max_suppressed(
            std::fmin(asked.max_suppressed(), k_anonymity->max_suppressed()));
      }
      if (obligation.has_release()) {
        if (request.action != TRAIN && request.action != EXPORT_MODEL) return decision;
        const Release& asked = obligation.release();
        if (!release) release = asked;
        release->set_epsilon_max(std::fmin(release->epsilon_max(), asked.epsilon_max()));
        release->set_delta_max(std::fmin(release->delta_max(), asked.delta_max()));
        if (asked.unit() == SUBJECT) release->set_unit(SUBJECT);
        if (asked.max_bytes() < release->max_bytes()) release->set_max_bytes(asked.max_bytes());
      }
      if (obligation.has_dp() && request.action != TRAIN) return decision;
      if (obligation.has_retention() && !seals && request.action != TRAIN) return decision;
      if ((obligation.has_lease() || obligation.has_transform()) && !seals && !opens) {
        return decision;
      }
      if (obligation.kind_case() == Obligation::kMaxOpens) {
        if (!opens) return decision;
        if (!decision.max_opens || obligation.max_opens() < *decision.max_opens) {
          decision.max_opens = obligation.max_opens();
        }
      }
      if (obligation.has_lease()) {
        const double lease = Seconds(obligation.lease());
        if (!decision.lease || lease < *decision.lease) decision.lease = lease;
      }
      if (obligation.has_retention()) {
        const double retention = Seconds(obligation.retention());
        if (!decision.retention || retention < *decision.retention) decision.retention = retention;
      }
      if (!obligation.has_dp()) continue;
      if (!dp) dp = obligation.dp();
      dp->set_epsilon_max(std::fmin(dp->epsilon_max(), obligation.dp().epsilon_max()));
      dp->set_delta_max(std::fmin(dp->delta_max(), obligation.dp().delta_max()));
      dp->set_ledger_epsilon(std::fmin(dp->ledger_epsilon(), obligation.dp().ledger_epsilon()));
      if (obligation.dp().unit() == SUBJECT) dp->set_unit(SUBJECT);
    }
  }
  // 5. The model and the columns.
  bool inherits_what_is_covered = !UsesModel(request) || !request.model_classes.empty();
  for (const DataClass c : request.model_classes) {
    bool covered = !UsesModel(request);
    for (const Rule* permit : permits) {
      for (const int covers : permit->scope().data_class()) covered = covered || covers == c;
    }
    inherits_what_is_covered = inherits_what_is_covered && covered;
  }
  if (!inherits_what_is_covered) {
    decision.lease.reset();
    decision.retention.reset();
    return decision;
  }
  std::vector<std::string> columns;
  for (const RequestedColumn& column : request.columns) {
    const std::optional<std::string> plan = PlanOf(column, request, permits);
    if (!plan) {
      decision.lease.reset();
      decision.retention.reset();
      return decision;
    }
    columns.push_back(*plan);
    decision.scans.push_back(*plan == "KEEP" ? ScansOf(column, permits) : "");
  }
  if (request.action == ERASE &&
      (set.approval().required() < 2 || request.approvals.value_or(0) < 2)) {
    return decision;
  }
  decision.allow = true;
  decision.columns = columns;
  if (dp) decision.dp = DpText(*dp);
  if (k_anonymity) decision.k_anonymity = KAnonymityText(*k_anonymity);
  if (release) decision.release = ReleaseText(*release);
  for (const Rule* permit : permits) decision.rules.insert(permit->id());
  return decision;
}

}  // namespace sealtrain::policy::testing

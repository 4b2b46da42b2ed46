#include <cfenv>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/policy/pld_accountant.h"
#include "sealtrain/policy/rdp_accountant.h"
#include "sealtrain/tests/kat/kat.h"

namespace sealtrain::kat {
namespace {

struct EpsilonArgs {
  std::vector<policy::PrivacyPhase> phases;
  double delta = 0;
  std::string relation;
  std::string accountant = "pld";
};

policy::PrivacyPhase ParsePhase(const std::string& text) {
  const std::vector<std::string> fields = absl::StrSplit(text, ':');
  policy::PrivacyPhase phase;
  if (fields.size() != 3 || !absl::SimpleAtod(fields[0], &phase.sampling_rate) ||
      !absl::SimpleAtod(fields[1], &phase.noise_multiplier) ||
      !absl::SimpleAtoi(fields[2], &phase.steps)) {
    throw CLI::ValidationError("--phases", "not <rate>:<noise multiplier>:<steps>: " + text);
  }
  return phase;
}

// Ten digits, rounded so that a bound stays one: glibc prints in the rounding
// mode in force.
std::string TenDigits(double value, int rounding_mode) {
  const int before = std::fegetround();
  std::fesetround(rounding_mode);
  char text[32];
  std::snprintf(text, sizeof(text), "%.10g", value);
  std::fesetround(before);
  return text;
}

absl::StatusOr<policy::EpsilonBounds> Bounds(const EpsilonArgs& args) {
  const bool add_remove = args.relation == "add_remove";
  if (args.accountant == "pld") {
    return policy::PldEpsilon(
        args.phases, args.delta,
        add_remove ? policy::Neighbours::kAddRemove : policy::Neighbours::kReplaceOne);
  }
  if (!add_remove) {
    return absl::InvalidArgumentError("the RDP accountant knows the relation add_remove only");
  }
  policy::EpsilonBounds bounds;
  ST_ASSIGN_OR_RETURN(bounds.lower, policy::EpsilonLowerBound(args.phases, args.delta));
  ST_ASSIGN_OR_RETURN(bounds.upper, policy::RdpEpsilon(args.phases, args.delta));
  return bounds;
}

Answer Epsilon(const EpsilonArgs& args) {
  ST_ASSIGN_OR_RETURN(const policy::EpsilonBounds bounds, Bounds(args));
  return Line(
      absl::StrCat(TenDigits(bounds.lower, FE_DOWNWARD), " ", TenDigits(bounds.upper, FE_UPWARD)));
}

}  // namespace

void AddEpsilonCommand(Menu& menu) {
  auto args = std::make_shared<EpsilonArgs>();
  CLI::App* command = menu.Add("epsilon", "Print a lower and an upper bound on epsilon",
                               [args] { return Epsilon(*args); });
  command
      ->add_option_function<std::vector<std::string>>(
          "--phases",
          [args](const std::vector<std::string>& phases) {
            for (const std::string& phase : phases) args->phases.push_back(ParsePhase(phase));
          },
          "<sampling rate>:<noise multiplier>:<steps>, and more after commas")
      ->required()
      ->delimiter(',');
  command->add_option("--delta", args->delta, "Delta, in (0, 1)")->required();
  command->add_option("--relation", args->relation, "Neighbouring data sets")
      ->required()
      ->check(CLI::IsMember({"add_remove", "replace_one"}));
  command->add_option("--accountant", args->accountant, "Accountant")
      ->check(CLI::IsMember({"pld", "rdp"}))
      ->capture_default_str();
}

}  // namespace sealtrain::kat

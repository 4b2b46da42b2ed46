#include "sealtrain/policy/rdp_accountant.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::policy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kUlp = std::numeric_limits<double>::epsilon();

// Integer orders only: there the moments are finite sums of positive terms.
constexpr std::array<double, 80> MakeOrders() {
  std::array<double, 80> orders{};
  std::size_t n = 0;
  for (int order = 2; order <= 64; ++order) orders[n++] = order;
  for (const int order :
       {72, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024}) {
    orders[n++] = order;
  }
  return orders;
}
constexpr std::array<double, 80> kOrders = MakeOrders();
static_assert(kOrders.back() == 1024);
constexpr int kMaxOrder = 1024;

// ln(n!) for n <= kMaxOrder, to about one unit in the last place.
const std::array<double, kMaxOrder + 1>& LogFactorials() {
  static const auto* const table = [] {
    auto* t = new std::array<double, kMaxOrder + 1>{};
    long double sum = 0;
    for (int n = 1; n <= kMaxOrder; ++n) {
      sum += std::log(static_cast<long double>(n));
      (*t)[static_cast<std::size_t>(n)] = static_cast<double>(sum);
    }
    return t;
  }();
  return *table;
}

absl::Status CheckDelta(double delta) {
  if (delta > 0 && delta < 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("delta must lie in (0, 1), not ", delta));
}

absl::Status CheckPhase(const PrivacyPhase& phase) {
  if (!(phase.sampling_rate > 0 && phase.sampling_rate <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("sampling rate must lie in (0, 1], not ", phase.sampling_rate));
  }
  if (!(phase.noise_multiplier > 0 && std::isfinite(phase.noise_multiplier))) {
    return absl::InvalidArgumentError(
        absl::StrCat("noise multiplier must be positive, not ", phase.noise_multiplier));
  }
  return absl::OkStatus();
}

// ln(e^x - 1) for x = numerator / divisor > 0, also where x itself underflows.
double LogExpm1(double numerator, double log_divisor) {
  const double log_x = std::log(numerator) - log_divisor;
  // e^x - 1 lies in (x, x (1 + x)) for x < 1; the caller's margin covers it.
  if (log_x < -40) return log_x;
  const double x = std::exp(log_x);
  return x > 40 ? x : std::log(std::expm1(x));
}

// The Rényi divergence of one sampled step at an integer order, rounded up.
//
// With p_k the probabilities of Binomial(order, q), the moment is
//   A = sum_k p_k e^(k(k-1) / 2 sigma^2).
// The p_k sum to one and the exponents of k = 0 and 1 vanish, so
//   A - 1 = sum_{k>=2} p_k (e^(k(k-1) / 2 sigma^2) - 1),
// a sum of positive terms: nothing cancels, however small q is.
class SampledGaussian {
 public:
  SampledGaussian(double q, double sigma) : log_q_(std::log(q)), log_1mq_(std::log1p(-q)) {
    const double log_divisor = std::log(2.0) + 2 * std::log(sigma);
    for (int k = 2; k <= kMaxOrder; ++k) {
      log_gain_[static_cast<std::size_t>(k)] =
          LogExpm1(static_cast<double>(k) * (k - 1), log_divisor);
    }
  }

  double Divergence(int order) const {
    const std::array<double, kMaxOrder + 1>& log_factorial = LogFactorials();
    std::array<double, kMaxOrder + 1> terms;
    double largest = -kInfinity;
    for (int k = 2; k <= order; ++k) {
      const auto i = static_cast<std::size_t>(k);
      const auto rest = static_cast<std::size_t>(order - k);
      const double log_choose =
          log_factorial[static_cast<std::size_t>(order)] - log_factorial[i] - log_factorial[rest];
      const double log_power = k * log_q_ + (order - k) * log_1mq_;
      // What rounding can have taken from the exponent: a few units in the
      // last place of everything that went into it.
      const double margin = 8 * kUlp *
                            (1 + 2 * log_factorial[static_cast<std::size_t>(order)] +
                             std::abs(log_power) + std::abs(log_gain_[i]));
      terms[i] = log_choose + log_power + log_gain_[i] + margin;
      largest = std::max(largest, terms[i]);
    }
    if (!std::isfinite(largest)) return kInfinity;
    double sum = 0;
    for (int k = 2; k <= order; ++k) {
      sum += std::exp(terms[static_cast<std::size_t>(k)] - largest);
    }
    const double log_a_minus_1 = largest + std::log(sum) + 2 * kUlp * (order + std::abs(largest));
    const double log_a = log_a_minus_1 > 40 ? log_a_minus_1 * (1 + kUlp) + kUlp
                                            : std::log1p(std::exp(log_a_minus_1));
    const double divergence = log_a / (order - 1) * (1 + 8 * kUlp);
    // A step that does anything has a positive divergence, even one too small
    // for a double. The comparison also catches what is not a number.
    if (divergence > 0) return divergence;
    return divergence == 0 ? std::numeric_limits<double>::min() : kInfinity;
  }

 private:
  double log_q_;
  double log_1mq_;
  std::array<double, kMaxOrder + 1> log_gain_{};  // ln(e^(k(k-1) / 2 sigma^2) - 1)
};

RdpCurve CurveOfOneStep(const PrivacyPhase& phase) {
  RdpCurve curve;
  curve.reserve(kOrders.size());
  const double sigma = phase.noise_multiplier;
  if (phase.sampling_rate == 1) {
    for (const double order : kOrders) {
      const double divergence = order / sigma / sigma / 2 * (1 + 4 * kUlp);
      curve.push_back(std::max(divergence, std::numeric_limits<double>::min()));
    }
    return curve;
  }
  const SampledGaussian step(phase.sampling_rate, sigma);
  for (const double order : kOrders) curve.push_back(step.Divergence(static_cast<int>(order)));
  return curve;
}

// ln Phi(x), Phi the standard normal distribution function.
double LogPhi(double x) {
  if (x > -20) return std::log(std::erfc(-x / std::sqrt(2.0)) / 2);
  // The first terms of the asymptotic series (Abramowitz and Stegun 26.2.12);
  // the error is below 105 / x^8 < 1e-8.
  const double y = 1 / (x * x);
  return -x * x / 2 - std::log(-x * std::sqrt(2 * std::acos(-1.0))) +
         std::log1p(-y + 3 * y * y - 15 * y * y * y);
}

// A lower bound on the delta that one step leaks at `epsilon`, with the unit
// removed: by the best test, the likelihood ratio at threshold x0.
//   delta = q Phi((1 - x0) / sigma) - (e^epsilon - 1 + q) Phi(-x0 / sigma)
//   x0 = sigma^2 ln((e^epsilon - 1 + q) / q) + 1/2
// For q = 1 this is Theorem 8 of Balle and Wang.
double DeltaOfOneStepAtLeast(double q, double sigma, double epsilon) {
  const double log_weight =
      epsilon > 40 ? epsilon : std::log(std::expm1(epsilon) + q);  // ln(e^epsilon - 1 + q)
  const double x0 = sigma * sigma * (log_weight - std::log(q)) + 0.5;
  const double gained = std::log(q) + LogPhi((1 - x0) / sigma);
  const double paid = log_weight + LogPhi(-x0 / sigma);
  // Errors of LogPhi and of rounding go against the bound.
  const double margin =
      2e-8 + 8 * kUlp * (std::abs(gained) + std::abs(paid) + x0 * x0 / sigma / sigma);
  const double difference = paid - gained + margin;
  if (!(difference < 0)) return 0;
  return std::exp(gained - margin) * -std::expm1(difference);
}

// The largest epsilon at which one step surely leaks more than `delta`.
double EpsilonOfOneStepAtLeast(double q, double sigma, double delta) {
  if (!(DeltaOfOneStepAtLeast(q, sigma, 0) > delta)) return 0;
  double low = 0;
  double high = 1;
  while (high < 1e9 && DeltaOfOneStepAtLeast(q, sigma, high) > delta) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < 100; ++i) {
    const double middle = low + (high - low) / 2;
    (DeltaOfOneStepAtLeast(q, sigma, middle) > delta ? low : high) = middle;
  }
  return low;
}

}  // namespace

absl::Span<const double> RdpOrders() { return kOrders; }

absl::StatusOr<RdpCurve> ComputeRdp(absl::Span<const PrivacyPhase> phases) {
  RdpCurve sum(kOrders.size(), 0.0);
  for (const PrivacyPhase& phase : phases) {
    ST_RETURN_IF_ERROR(CheckPhase(phase));
    if (phase.steps == 0) continue;
    RdpCurve curve = CurveOfOneStep(phase);
    for (double& epsilon : curve) epsilon *= static_cast<double>(phase.steps) * (1 + 4 * kUlp);
    ST_RETURN_IF_ERROR(AddRdp(curve, sum));
  }
  return sum;
}

absl::Status AddRdp(const RdpCurve& b, RdpCurve& a) {
  if (a.size() != b.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("RDP curves of different orders: ", a.size(), " and ", b.size()));
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double sum = (a[i] + b[i]) * (1 + 2 * kUlp);
    a[i] = std::isnan(sum) ? kInfinity : sum;
  }
  return absl::OkStatus();
}

absl::StatusOr<double> EpsilonFromRdp(const RdpCurve& curve, double delta) {
  ST_RETURN_IF_ERROR(CheckDelta(delta));
  if (curve.size() != kOrders.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("an RDP curve has ", kOrders.size(), " orders, not ", curve.size()));
  }
  // No release, no loss; the conversion below would not say so.
  if (std::all_of(curve.begin(), curve.end(), [](double e) { return e == 0; })) return 0.0;
  double best = kInfinity;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    // Also skips what is not a number: it proves nothing.
    if (!(curve[i] >= 0 && curve[i] < kInfinity)) continue;
    const double order = kOrders[i];
    const double log_term = std::log1p(-1 / order);
    const double delta_term = (std::log(delta) + std::log(order)) / (order - 1);
    const double margin = 8 * kUlp *
                          (curve[i] + std::abs(log_term) +
                           (std::abs(std::log(delta)) + std::log(order)) / (order - 1));
    best = std::min(best, curve[i] + log_term - delta_term + margin);
  }
  return std::max(best, 0.0);
}

absl::StatusOr<double> RdpEpsilon(absl::Span<const PrivacyPhase> phases, double delta) {
  ST_ASSIGN_OR_RETURN(const RdpCurve curve, ComputeRdp(phases));
  return EpsilonFromRdp(curve, delta);
}

absl::StatusOr<double> EpsilonLowerBound(absl::Span<const PrivacyPhase> phases, double delta) {
  ST_RETURN_IF_ERROR(CheckDelta(delta));
  double best = 0;
  double precision = 0;  // sum of 1 / sigma^2 over all steps without sampling
  for (const PrivacyPhase& phase : phases) {
    ST_RETURN_IF_ERROR(CheckPhase(phase));
    if (phase.steps == 0) continue;
    const double sigma = phase.noise_multiplier;
    if (phase.sampling_rate == 1) {
      precision += static_cast<double>(phase.steps) / sigma / sigma;
    } else {
      best = std::max(best, EpsilonOfOneStepAtLeast(phase.sampling_rate, sigma, delta));
    }
  }
  // Gaussian steps without sampling are together one Gaussian step.
  if (precision > 0) {
    best = std::max(best, EpsilonOfOneStepAtLeast(1, 1 / std::sqrt(precision), delta));
  }
  return best;
}

absl::StatusOr<double> CalibrateNoise(double epsilon, double delta, double sampling_rate,
                                      std::uint64_t steps) {
  constexpr double kMostTried = 1e4;
  constexpr double kRelativePrecision = 1e-4;
  if (!(epsilon > 0 && std::isfinite(epsilon))) {
    return absl::InvalidArgumentError(absl::StrCat("epsilon must be positive, not ", epsilon));
  }
  if (steps == 0) return absl::InvalidArgumentError("a run has at least one step");
  const auto epsilon_at = [&](double noise) {
    const PrivacyPhase phase{
        .sampling_rate = sampling_rate, .noise_multiplier = noise, .steps = steps};
    return RdpEpsilon({phase}, delta);
  };
  ST_ASSIGN_OR_RETURN(const double least, epsilon_at(kMostTried));
  if (least > epsilon) {
    return absl::InvalidArgumentError(absl::StrCat("no noise multiplier below ", kMostTried,
                                                   " reaches epsilon ", epsilon, " at delta ",
                                                   delta));
  }
  // `enough` always satisfies the budget and `short_of` never does.
  double enough = kMostTried;
  double short_of = enough;
  while (true) {
    short_of /= 2;
    ST_ASSIGN_OR_RETURN(const double reached, epsilon_at(short_of));
    if (!(reached <= epsilon)) break;
    enough = short_of;
  }
  while (enough / short_of > 1 + kRelativePrecision) {
    const double middle = std::sqrt(enough * short_of);
    ST_ASSIGN_OR_RETURN(const double reached, epsilon_at(middle));
    (reached <= epsilon ? enough : short_of) = middle;
  }
  return enough;
}

}  // namespace sealtrain::policy

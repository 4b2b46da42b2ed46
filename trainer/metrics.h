// How well scores tell two classes apart.
#ifndef SEALTRAIN_TRAINER_METRICS_H_
#define SEALTRAIN_TRAINER_METRICS_H_

#include <cstdint>

#include "sealtrain/trainer/secret_vector.h"

namespace sealtrain::trainer {

struct ScoredRow {
  double score;            // never NaN
  std::uint64_t positive;  // 0 or 1
};

// Share of rows on whose side of 0 their score lies; a score of 0 answers
// negative. 0 of no rows.
double Accuracy(const SecretVector<ScoredRow>& rows);
// The probability that a positive row scores above a negative one, ties counted
// half. NaN if a class has no rows. Sorts `rows`.
double AreaUnderRocCurve(SecretVector<ScoredRow>& rows);
// Share of the more frequent class. 0 of no rows.
double MajorityShare(const SecretVector<ScoredRow>& rows);

}  // namespace sealtrain::trainer

#endif  // SEALTRAIN_TRAINER_METRICS_H_

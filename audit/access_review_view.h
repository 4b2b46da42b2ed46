// The forms of an access review: text, JSON, a page.
#ifndef SEALTRAIN_AUDIT_ACCESS_REVIEW_VIEW_H_
#define SEALTRAIN_AUDIT_ACCESS_REVIEW_VIEW_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sealtrain/audit/access_review.h"

namespace sealtrain::audit {

// Sentences: what the log was proven against, and what nobody has checked. They
// hold names as they are: escape them.
std::vector<std::string> ProvenAgainst(const AccessReview& review);
std::vector<std::string> NeverVerified(const AccessReview& review);

// "2026-11-23".
std::string ReviewDay(std::int64_t day_since_1970);
// "2026-11-01T00:00:00Z to 2026-11-23T01:28:01Z", or from "the beginning".
std::string ReviewPeriod(const AccessReview& review);

// A section of a review. Cells hold names as they are: escape them.
struct ReviewTable {
  std::string title;
  std::vector<std::vector<std::string>> rows;  // the first is the heading
  std::vector<std::size_t> right;              // columns of numbers
  std::string note;                            // how to read it; may be ""
};
std::vector<ReviewTable> ReviewTables(const AccessReview& review);

std::string ReviewToText(const AccessReview& review);
nlohmann::ordered_json ReviewToJson(const AccessReview& review);

// One page of HTML that needs nothing else: styles and drawings stand in it, a
// content security policy forbids everything but that style, and no script is
// needed. Names are escaped.
std::string ReviewToHtml(const AccessReview& review);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_ACCESS_REVIEW_VIEW_H_

// Whether a new version of a record type may take the place of an older one
// under which data were sealed: a column is known by its number, and what was
// promised about it must still hold.
#ifndef SEALTRAIN_POLICY_SCHEMA_EVOLUTION_H_
#define SEALTRAIN_POLICY_SCHEMA_EVOLUTION_H_

#include <string>
#include <vector>

#include "sealtrain/policy/schema.h"

namespace sealtrain::policy {

struct SchemaFault {
  std::string column;  // by its name in `before`; of what is reserved there, in `after`
  std::string message;
};

// What `after` does to columns of `before`, in their order; empty: nothing that
// matters. Refused are: a class taken away; a type, `repeated` or `optional`
// changed; a number that another column has now (the same type and classes
// under a new name are a renaming, and fine); a column under a new number; a
// column that is gone without its number being reserved; another SUBJECT_KEY; a number
// or name that was reserved and is used, or is reserved no longer: it belongs to what is gone.
// Further columns and further classes are fine: no policy opens them unasked.
// A field without a class is refused when the schema is loaded.
std::vector<SchemaFault> CompareSchemas(const Schema& before, const Schema& after);

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_SCHEMA_EVOLUTION_H_

// The one maker of permits. Only the custodian includes this, and only behind
// an append to the audit log that succeeded.
#ifndef SEALTRAIN_CUSTODY_PERMIT_ISSUER_INTERNAL_H_
#define SEALTRAIN_CUSTODY_PERMIT_ISSUER_INTERNAL_H_

#include <utility>

#include "sealtrain/custody/permit.h"

namespace sealtrain::custody {

class PermitIssuer {
 public:
  template <policy::Action kAction>
  static Permit<kAction> Issue(Grant grant) {
    return Permit<kAction>(std::move(grant));
  }
};

}  // namespace sealtrain::custody

#endif  // SEALTRAIN_CUSTODY_PERMIT_ISSUER_INTERNAL_H_

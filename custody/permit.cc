#include "sealtrain/custody/permit.h"

#include <set>

namespace sealtrain::custody {

std::vector<DataClass> OpenedClasses(const policy::Decision& decision) {
  std::set<DataClass> classes;
  for (const policy::ColumnPlan& plan : decision.columns) {
    if (plan.transform.kind() == policy::DROP) continue;  // withheld
    classes.insert(plan.classes.begin(), plan.classes.end());
  }
  return {classes.begin(), classes.end()};
}

}  // namespace sealtrain::custody

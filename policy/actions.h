// What kinds of actions there are.
#ifndef SEALTRAIN_POLICY_ACTIONS_H_
#define SEALTRAIN_POLICY_ACTIONS_H_

#include "sealtrain/policy/policy.pb.h"

namespace sealtrain::policy {

// INGEST and SEAL: records go in.
inline bool ActionSeals(Action action) { return action == INGEST || action == SEAL; }
// TRAIN, EVALUATE and INSPECT: columns are opened.
inline bool ActionOpens(Action action) {
  return action == TRAIN || action == EVALUATE || action == INSPECT;
}
// Of those and EXPORT_MODEL: data, or what was made of them, come out.
inline bool ActionGivesOut(Action action) { return ActionOpens(action) || action == EXPORT_MODEL; }
// Whether a request for it names columns: it seals or opens them.
inline bool ActionTakesColumns(Action action) { return ActionSeals(action) || ActionOpens(action); }
// EVALUATE and EXPORT_MODEL: a model is used, which inherits the classes of what it
// learned from.
inline bool ActionUsesModel(Action action) { return action == EVALUATE || action == EXPORT_MODEL; }
// Whether custody knows rows and age: those of now are not those of the snapshot that
// a model which is to leave learned from.
inline bool ActionKnowsRows(Action action) { return action != EXPORT_MODEL; }

}  // namespace sealtrain::policy

#endif  // SEALTRAIN_POLICY_ACTIONS_H_
